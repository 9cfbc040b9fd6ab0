//! The store itself: opens the file and sends each call to the writer or to the readers.
//! Must not touch a connection on the caller's thread.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, Seq, TenantId, TenantKey, Timestamp, verify::Stored,
};
use artana_ports::{
    Append, AppendError, Appended, BeatError, Clock, DueQuery, EventStore, Finding, Heartbeat, Leased, Listed, Page,
    RunQuery, StoreError, StoreInfo,
};
use artana_store_sql::{Followers, Identity};
use async_trait::async_trait;

use crate::{
    SqliteOptions, Synchronous, append,
    checkpoint::Checkpoints,
    claims,
    connect::{self, Access},
    doctor,
    error::Failure,
    lease, read,
    reader::{Readers, Source},
    runs, schema,
    statement::Statements,
    vault,
    writer::{Subject, Surroundings, Tx, Writer},
};

/// How long a follower first waits before it asks whether another process wrote.
const FIRST_POLL: Duration = Duration::from_millis(50);
/// The longest it waits; each wait is twice the one before.
const LAST_POLL: Duration = Duration::from_millis(500);

/// A store in one SQLite file.
///
/// Dropping it without [`EventStore::close`] is a crash, which is safe: what was sent is committed
/// whole or not at all.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Option<Writer>,
    readers: Readers,
    source: Source,
    followers: Arc<Followers>,
    clock: Arc<dyn Clock>,
    synchronous: Synchronous,
    schema: u32,
}

impl SqliteStore {
    /// Opens a store with the defaults of [`SqliteOptions`], making the file if there is none.
    ///
    /// # Errors
    ///
    /// Those of [`SqliteOptions::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::default().open(path).await
    }

    /// Returns the defaults, to be changed before opening.
    #[must_use]
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }

    pub(crate) async fn open_with(options: SqliteOptions, path: &Path) -> Result<Self, StoreError> {
        let path = absolute(path)?;
        if !path.exists() && !options.may_create() {
            return Err(StoreError::Missing { place: path.display().to_string() });
        }
        if path.is_dir() {
            return Err(connect::not_a_store(&path, "it is a folder").into());
        }
        let followers = Arc::new(Followers::default());
        let source = Source { path, busy_timeout: options.busy_timeout, leave_at_rest: options.read_only };
        let readers = Readers::new(source.clone(), options.readers);
        let (writer, schema) = if options.read_only {
            (None, identify(&readers, source.path.clone()).await?)
        } else {
            (Some(start_writer(&options, &source, &followers).await?), schema::KNOWN)
        };
        let SqliteOptions { clock, synchronous, .. } = options;
        Ok(Self { writer, readers, source, followers, clock, synchronous, schema })
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        if self.readers.is_closed() {
            return Err(StoreError::Closed);
        }
        self.writer.as_ref().ok_or(StoreError::ReadOnly)
    }
}

/// Makes the path absolute: then it names a file, whatever it looks like to SQLite.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    std::path::absolute(path).map_err(|_| StoreError::Missing { place: path.display().to_string() })
}

async fn identify(readers: &Readers, path: PathBuf) -> Result<u32, StoreError> {
    let found = move |sql: &mut Statements<'_>| match connect::identify(sql.connection(), &path)? {
        Identity::Store(found) => {
            schema::check_tables(sql.connection(), &path, found)?;
            schema::MIGRATIONS.refuse_older(found)?;
            Ok(found)
        }
        Identity::Blank => Err(connect::not_a_store(&path, "it is empty")),
    };
    readers.ask(found).await
}

async fn start_writer(
    options: &SqliteOptions,
    source: &Source,
    followers: &Arc<Followers>,
) -> Result<Writer, StoreError> {
    let (options, path, followers) = (options.clone(), source.path.clone(), Arc::clone(followers));
    let open = move || -> Result<_, Failure> {
        let access = if options.may_create() { Access::Create } else { Access::Write };
        let mut connection = connect::connect(&path, access, options.busy_timeout)?;
        schema::prepare(&connection, &path, &options)?;
        connection.execute_batch(options.synchronous.pragma())?;
        let checkpoints = Checkpoints::watch(&mut connection, &path)?;
        Ok((connection, Surroundings { clock: options.clock, followers, failpoint: options.failpoint, checkpoints }))
    };
    Writer::start(open).await
}

#[async_trait]
impl EventStore for SqliteStore {
    fn info(&self) -> StoreInfo {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len()).to_string();
        let durability = match self.writer {
            Some(_) => format!("wal, synchronous={}", self.synchronous.as_str()),
            None => "read only".into(),
        };
        StoreInfo {
            kind: "sqlite",
            durability,
            facts: vec![
                ("path", self.source.path.display().to_string()),
                ("schema", self.schema.to_string()),
                ("sqlite", rusqlite::version().into()),
                ("file_bytes", size(&self.source.path)),
                ("wal_bytes", size(&connect::wal_of(&self.source.path))),
            ],
        }
    }

    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        batch.check_bounds()?;
        batch.check_shape()?;
        let subject = Subject { run: Some(batch.run.clone()), weight: append::weight(&batch) };
        self.writer()?.run(subject, move |tx| append::append(tx, &batch)).await
    }

    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let run = run.clone();
        self.readers.ask(move |sql| read::read(sql, &run, after, limit)).await
    }

    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        let run = run.clone();
        self.readers.ask(move |sql| runs::head(sql, &run)).await
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let (root, digests) = (root.clone(), digests.to_vec());
        self.readers.ask(move |sql| vault::find(sql, &root, &digests)).await
    }

    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        let root = root.clone();
        self.readers.ask(move |sql| vault::find_run_key(sql, &root)).await
    }

    async fn tenant_key(
        &self,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        let tenant = tenant.clone();
        match candidate {
            None => self.readers.ask(move |sql| vault::find_tenant_key(sql, &tenant)).await,
            Some(candidate) => {
                let claim = move |tx: &mut Tx<'_>| vault::claim_tenant_key(tx, &tenant, &candidate);
                self.writer()?.run(Subject::default(), claim).await.map(Some)
            }
        }
    }

    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        let (tenant, keys) = (tenant.clone(), keys.to_vec());
        self.readers.ask(move |sql| claims::holders(sql, &tenant, &keys)).await
    }

    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        let run = run.clone();
        self.readers.ask(move |sql| runs::view(sql, &run)).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        let query = query.clone();
        self.readers.ask(move |sql| runs::list(sql, &query)).await
    }

    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        self.writer()?.run(Subject::default(), move |tx| lease::beat(tx, &beat)).await
    }

    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.writer()?.run(Subject::default(), move |tx| lease::retire(tx, incarnation)).await
    }

    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        let (incarnations, clock) = (incarnations.to_vec(), Arc::clone(&self.clock));
        self.readers.ask(move |sql| lease::living_of(sql, &incarnations, clock.now())).await
    }

    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let (writer, query) = (self.writer()?, query.clone());
        let (asked, clock) = (query.clone(), Arc::clone(&self.clock));
        // Whoever is idle asks again and again, and keeps nobody from writing.
        if !self.readers.ask(move |sql| lease::may_be_due(sql, &asked, clock.now())).await? {
            return Ok(Vec::new());
        }
        writer.run(Subject::default(), move |tx| lease::take_due(tx, &query)).await
    }

    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        let following = self.followers.join(run);
        let mut poll = FIRST_POLL;
        loop {
            // Listening begins before the look, so that no move falls between the two.
            let mut moved = std::pin::pin!(following.moved().notified());
            moved.as_mut().enable();
            if let Some(head) = self.head(run).await?.filter(|head| head.seq > after) {
                return Ok(head);
            }
            tokio::select! {
                () = moved => poll = FIRST_POLL,
                () = self.clock.sleep(poll) => poll = (poll * 2).min(LAST_POLL),
            }
        }
    }

    async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        let (source, clock) = (self.source.clone(), Arc::clone(&self.clock));
        let synchronous = self.writer.is_some().then_some(self.synchronous);
        self.readers.ask(move |sql| doctor::examine(sql, &source, synchronous, clock.now())).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        if self.readers.is_closed() {
            return Err(StoreError::Closed);
        }
        // The readers' connections go first: the last one to close can then leave no log behind.
        let threads = self.readers.close();
        self.followers.tell_all();
        let writer = self.writer.clone();
        // In a task of its own, so that a caller who goes away does not leave it half done.
        let closing = tokio::spawn(async move {
            let joined = tokio::task::spawn_blocking(move || threads.into_iter().try_for_each(JoinHandle::join));
            let joined = joined.await.is_ok_and(|joined| joined.is_ok());
            if let Some(writer) = writer {
                writer.close().await?;
            }
            if joined { Ok(()) } else { Err(stopped()) }
        });
        closing.await.map_err(|_| stopped())?
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable { reason: "a part of the store had stopped before it was closed".into() }
}
