//! The store itself: opens the database and sends each call on its way.
//! Must not hold anything open between two statements.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, Seq, TenantId, TenantKey, Timestamp, verify::Stored,
};
use artana_ports::{
    Append, AppendError, Appended, BeatError, Clock, DueQuery, EventStore, Finding, Heartbeat, Leased, Listed, Page,
    RunQuery, StoreError, StoreInfo, SystemClock,
};
use artana_store_sql::Followers;
use async_trait::async_trait;

use crate::{
    Durability, PostgresOptions, append, claims, connect, doctor, lanes::Lanes, lease, listen::Listener, read, runs,
    schema, session::Sessions, statement::params, tls, vault, vitals,
};

/// How long a follower first waits before it asks by itself.
const FIRST_POLL: Duration = Duration::from_millis(50);
/// The longest it waits where it hears of moves; each wait is twice the one before.
const LAST_POLL_HEARING: Duration = Duration::from_secs(5);
/// The longest it waits where it does not.
const LAST_POLL_DEAF: Duration = Duration::from_millis(500);
/// How long an append is told that a run is followed, and when that is said again.
const FOLLOWED: Duration = Duration::from_secs(60);
const FOLLOWED_AGAIN: Duration = Duration::from_secs(20);

const FOLLOW: &str = "INSERT INTO artana.followed (tenant, run, until) VALUES ($1, $2, artana.clock(NULL) + $3) \
                      ON CONFLICT (tenant, run) DO UPDATE SET until = excluded.until";

/// A store in one Postgres database.
///
/// Dropping it without [`EventStore::close`] is a crash, which is safe: what was sent is committed
/// whole or not at all.
#[derive(Debug)]
pub struct PostgresStore {
    sessions: Sessions,
    lanes: Arc<Lanes>,
    followers: Arc<Followers>,
    listener: Listener,
    /// A clock that replaces the server's, in tests.
    clock: Option<Arc<dyn Clock>>,
    read_only: bool,
    durability: Durability,
    info: StoreInfo,
}

impl PostgresStore {
    /// Returns options with this address and the defaults. Awaiting them opens the store.
    pub fn connect(address: impl Into<String>) -> PostgresOptions {
        PostgresOptions::default().address(address)
    }

    /// Returns the defaults, to be completed before opening.
    pub fn options() -> PostgresOptions {
        PostgresOptions::default()
    }

    pub(crate) async fn open_with(options: PostgresOptions) -> Result<Self, StoreError> {
        let config = connect::config(&options)?;
        let tls = tls::of(&options, &config)?;
        let sessions = Sessions::new(&config, &options, &tls)?;
        sessions.warm(*options.pool.start()).await?;
        let settings = vitals::settings(&sessions).await?;
        if !options.read_only {
            settings.grant(options.durability)?;
        }
        let schema = schema::prepare(&sessions, &options).await?;
        let info = vitals::info(&sessions, &options, schema, &settings).await?;
        let followers = Arc::new(Followers::default());
        Ok(Self {
            sessions,
            lanes: Arc::new(Lanes::new(*options.pool.end(), options.wait)),
            listener: Listener::new(config, tls, Arc::clone(&followers)),
            followers,
            clock: options.clock,
            read_only: options.read_only,
            durability: options.durability,
            info,
        })
    }

    /// The time of the clock that replaces the server's, if there is one.
    fn now(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(|clock| clock.now())
    }

    /// Refuses a write where it cannot be, before anything is sent.
    fn writable(&self) -> Result<(), StoreError> {
        if self.sessions.is_closed() {
            return Err(StoreError::Closed);
        }
        if self.read_only { Err(StoreError::ReadOnly) } else { Ok(()) }
    }

    /// Waits for the next look at a run that nobody said has moved.
    async fn pause(&self, poll: Duration) {
        match &self.clock {
            Some(clock) => clock.sleep(poll).await,
            None => SystemClock.sleep(poll).await,
        }
    }

    /// Has appends say that this run moved. Where that cannot be, the follower asks more often; that is all.
    async fn announce(&self, run: &RunRef) {
        self.listener.start();
        let until = i64::try_from(FOLLOWED.as_micros()).unwrap_or(i64::MAX);
        let params = params![run.tenant.as_str().to_owned(), run.run.as_str().to_owned(), until];
        self.sessions.tell(FOLLOW, params).await.ok();
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    fn info(&self) -> StoreInfo {
        self.info.clone()
    }

    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        batch.check_bounds()?;
        batch.check_shape()?;
        self.writable()?;
        let run = batch.run.clone();
        let (params, sent) = append::prepare(batch, self.now())?;
        let place = self.lanes.enter(&run.tenant).await?;
        let rows = self.sessions.tell_holding(place, append::APPEND, params).await;
        let appended = append::answer(rows, &sent)?;
        self.followers.tell(std::iter::once(&run));
        Ok(appended)
    }

    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        Ok(read::read(&self.sessions, run, after, limit).await?)
    }

    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        Ok(runs::head(&self.sessions, run).await?)
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        Ok(vault::find(&self.sessions, root, digests).await?)
    }

    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        Ok(vault::find_run_key(&self.sessions, root).await?)
    }

    async fn tenant_key(
        &self,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        match candidate {
            None => Ok(vault::find_tenant_key(&self.sessions, tenant).await?),
            Some(candidate) => {
                self.writable()?;
                vault::claim_tenant_key(&self.sessions, tenant, &candidate).await.map(Some)
            }
        }
    }

    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        Ok(claims::holders(&self.sessions, tenant, keys).await?)
    }

    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        Ok(runs::view(&self.sessions, run).await?)
    }

    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        Ok(runs::list(&self.sessions, query).await?)
    }

    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        self.writable()?;
        lease::beat(&self.sessions, &beat, self.now()).await
    }

    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.writable()?;
        lease::retire(&self.sessions, incarnation, self.now()).await
    }

    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        Ok(lease::living_of(&self.sessions, incarnations, self.now()).await?)
    }

    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        self.writable()?;
        lease::take_due(&self.sessions, query, self.now()).await
    }

    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        let following = self.followers.join(run);
        let (mut poll, mut announced) = (FIRST_POLL, None::<Instant>);
        loop {
            // Listening begins before the look, so that no move falls between the two.
            let mut moved = std::pin::pin!(following.moved().notified());
            moved.as_mut().enable();
            if let Some(head) = self.head(run).await?.filter(|head| head.seq > after) {
                return Ok(head);
            }
            if !self.read_only && announced.is_none_or(|at| at.elapsed() > FOLLOWED_AGAIN) {
                self.announce(run).await;
                announced = Some(Instant::now());
                continue;
            }
            let last = if self.listener.hears() { LAST_POLL_HEARING } else { LAST_POLL_DEAF };
            tokio::select! {
                () = moved => poll = FIRST_POLL,
                () = self.pause(poll) => poll = (poll * 2).min(last),
            }
        }
    }

    async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        Ok(doctor::examine(&self.sessions, self.durability, self.now()).await?)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.sessions.close().await?;
        self.listener.stop();
        self.followers.tell_all();
        Ok(())
    }
}
