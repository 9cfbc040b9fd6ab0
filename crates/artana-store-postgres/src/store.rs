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
    Durability, PostgresOptions, append, claims, connect, doctor, hosts::Reach, lanes::Lanes, lease, listen::Listener,
    read, runs, schema, session::Sessions, statement::params, vault, vitals,
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

const FOLLOW: &str = "SELECT artana.announce($1, $2, $3, $4)";

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
        let reach = Reach::of(&config, &options)?;
        let sessions = Sessions::new(&config, &options, reach.clone())?;
        sessions.warm(*options.pool.start()).await?;
        let settings = vitals::settings(&sessions).await?;
        let schema = schema::prepare(&sessions, &options).await?;
        let info = vitals::info(&sessions, &options, schema, &settings).await?;
        let followers = Arc::new(Followers::default());
        Ok(Self {
            sessions,
            lanes: Arc::new(Lanes::new(*options.pool.end(), options.wait)),
            listener: Listener::new(reach, Arc::clone(&followers)),
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
    async fn announce(&self, run: &RunRef) -> Announced {
        self.listener.start();
        let began = self.listener.began();
        let lasts = i64::try_from(FOLLOWED.as_micros()).unwrap_or(i64::MAX);
        let params =
            params![schema::KNOWN.cast_signed(), run.tenant.as_str().to_owned(), run.run.as_str().to_owned(), lasts];
        let told = self.sessions.tell(FOLLOW, params).await.is_ok();
        Announced { at: Instant::now(), began, told }
    }

    /// Says whether a run has to be announced now. What a server was told may be gone with it, so it is told again
    /// whenever listening began anew.
    fn is_unannounced(&self, announced: Option<&Announced>) -> bool {
        let is_old = |it: &Announced| it.began != self.listener.began() || it.at.elapsed() > FOLLOWED_AGAIN;
        !self.read_only && announced.is_none_or(is_old)
    }

    /// The longest that a follower waits before it asks.
    fn last_poll(&self, announced: Option<&Announced>) -> Duration {
        let hears = self.listener.hears() && announced.is_some_and(|announced| announced.told);
        if hears { LAST_POLL_HEARING } else { LAST_POLL_DEAF }
    }
}

/// What appends were told of a run that is followed.
struct Announced {
    at: Instant,
    /// How often listening had begun before.
    began: u64,
    /// Whether the server took it.
    told: bool,
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
        let place = self.lanes.enter(&run.tenant).await?;
        let appended = append::send(&self.sessions, place, batch, self.now()).await?;
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
        let (mut poll, mut announced) = (FIRST_POLL, None);
        loop {
            // Listening begins before the look, so that no move falls between the two.
            let mut moved = std::pin::pin!(following.moved().notified());
            moved.as_mut().enable();
            if let Some(head) = self.head(run).await?.filter(|head| head.seq > after) {
                return Ok(head);
            }
            if self.is_unannounced(announced.as_ref()) {
                announced = Some(self.announce(run).await);
                continue;
            }
            let last = self.last_poll(announced.as_ref());
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
