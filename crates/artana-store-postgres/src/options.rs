//! How a store is opened. Values only; nothing here opens anything but by handing itself over.

use std::{
    fmt,
    future::{Future, IntoFuture},
    ops::RangeInclusive,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use artana_ports::{Clock, StoreError};
use artana_store_sql::Migrated;

use crate::{Durability, PostgresStore, schema, session::Sessions};

/// How to open a [`PostgresStore`]. Awaiting it opens the store.
///
/// Its `Debug` shows no address: that may hold a password.
#[derive(Clone)]
#[must_use = "nothing is opened before the options are awaited"]
pub struct PostgresOptions {
    pub(crate) address: String,
    pub(crate) parts: Parts,
    pub(crate) read_only: bool,
    pub(crate) migrate_on_open: bool,
    pub(crate) durability: Durability,
    pub(crate) pool: RangeInclusive<usize>,
    pub(crate) wait: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) idle_in_transaction_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) maintenance_timeout: Duration,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    #[cfg(feature = "tls")]
    pub(crate) tls_roots: Option<Vec<u8>>,
}

/// What replaces or completes the parts of an address.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: Option<String>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            address: String::new(),
            parts: Parts::default(),
            read_only: false,
            migrate_on_open: true,
            durability: Durability::PowerCut,
            pool: 1..=10,
            wait: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            maintenance_timeout: Duration::from_secs(3600),
            clock: None,
            #[cfg(feature = "tls")]
            tls_roots: None,
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("read_only", &self.read_only)
            .field("migrate_on_open", &self.migrate_on_open)
            .field("durability", &self.durability)
            .field("pool", &self.pool)
            .field("wait", &self.wait)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .field("idle_in_transaction_timeout", &self.idle_in_transaction_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("maintenance_timeout", &self.maintenance_timeout)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Sets the address: `postgres://user:password@host:port/database?option=value`, or `key=value` pairs.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = address.into();
        self
    }

    /// Sets the host, or with a leading `/` the folder of the server's socket, in place of the address's.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.parts.host = Some(host.into());
        self
    }

    /// Sets the port, in place of the address's.
    pub fn port(mut self, port: u16) -> Self {
        self.parts.port = Some(port);
        self
    }

    /// Sets the role, in place of the address's.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.parts.user = Some(user.into());
        self
    }

    /// Sets the password, in place of the address's.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.parts.password = Some(password.into());
        self
    }

    /// Sets the database, in place of the address's.
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.parts.database = Some(database.into());
        self
    }

    /// Opens the store for reading only. Nothing is changed then, a server that recovers or replicates will do, and
    /// a store of a newer schema can be opened.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Sets whether the schema is made, or brought up to date, when the store is opened; it is by default, which
    /// suits development. Without it nothing is made: a database without a store is [`StoreError::Missing`], and one of
    /// an older schema [`StoreError::TooOld`] until somebody [migrates](Self::migrate) it.
    pub fn migrate_on_open(mut self, migrate: bool) -> Self {
        self.migrate_on_open = migrate;
        self
    }

    /// Sets what an acknowledged append has to survive; [`Durability::PowerCut`] by default. A store whose server
    /// promises less is [`StoreError::TooWeak`], unless it is opened for reading only.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how many connections are opened at once, and how many there may be; 1 to 10 by default. One more
    /// listens where runs are followed. A quarter of them stays for what is no append, and of the others a quarter for
    /// other tenants; that takes three at least.
    pub fn pool(mut self, connections: RangeInclusive<usize>) -> Self {
        let most = (*connections.end()).max(1);
        self.pool = (*connections.start()).min(most)..=most;
        self
    }

    /// Sets how long a call waits for a connection before it answers [`StoreError::Busy`]; 10 seconds by default.
    pub fn wait(mut self, timeout: Duration) -> Self {
        self.wait = timeout;
        self
    }

    /// Sets how long the server works on one statement before the call answers [`StoreError::Busy`]; 30 seconds by
    /// default. An append that is refused has taken one statement or two. A server that does not answer at all is given up a second later; a call that only reads then asks twice
    /// more, on other connections.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Sets how long a statement waits for a row that another transaction holds before the call answers
    /// [`StoreError::Busy`]; 10 seconds by default. One that queued behind others for the same row waits once more when
    /// its turn has come; the statement's own timeout bounds it all.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets how long the server suffers a transaction in which nothing happens; 30 seconds by default. Only
    /// migrations and the doctor have transactions of more than one statement.
    pub fn idle_in_transaction_timeout(mut self, timeout: Duration) -> Self {
        self.idle_in_transaction_timeout = timeout;
        self
    }

    /// Sets how long making a connection to one server may take; 10 seconds by default. Of several servers that an
    /// address names, each has as long.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long one migration may take, how long opening and migrating wait for somebody else who migrates, and
    /// how long the doctor may look; an hour by default. Then the call answers [`StoreError::Busy`], or
    /// [`StoreError::Unavailable`] where the server says nothing.
    pub fn maintenance_timeout(mut self, timeout: Duration) -> Self {
        self.maintenance_timeout = timeout;
        self
    }

    /// Sets a clock on which heartbeats, rates and latest instants are judged, for tests. By default the server's
    /// is, which all processes share.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the root certificates, in PEM form, by one of which the server's must be signed. By default the system's
    /// are believed where the address has `sslmode=require`, and any certificate is taken where it prefers encryption,
    /// as it does if it says nothing: that keeps out who listens, and not who answers in the server's place.
    #[cfg(feature = "tls")]
    pub fn tls_roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls_roots = Some(pem.into());
        self
    }

    /// Opens the store. Awaiting the options does the same.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`], [`StoreError::NotAStore`], [`StoreError::TooNew`], [`StoreError::TooOld`],
    /// [`StoreError::TooWeak`], and whatever else keeps the database from being used.
    pub async fn open(self) -> Result<PostgresStore, StoreError> {
        PostgresStore::open_with(self).await
    }

    /// Makes the schema, or brings it up to date, and says what was done, even where opening would not. Many may do
    /// this to one database at once: one of them does it, and the others wait until it is done, as long as the
    /// [`maintenance_timeout`](Self::maintenance_timeout) allows. Whoever reads or writes waits no longer than for
    /// anything else. What is cut short leaves the database as it was.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), but for [`StoreError::TooOld`]; [`StoreError::ReadOnly`] where it is opened for
    /// reading only.
    pub async fn migrate(self) -> Result<Migrated, StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly);
        }
        let sessions = Sessions::of_one(&self)?;
        let migrated = schema::migrate(&sessions).await?;
        sessions.close().await?;
        Ok(migrated)
    }

    /// Says what [`migrate`](Self::migrate) would do. It changes nothing, and a standby will do.
    ///
    /// # Errors
    ///
    /// Those of [`migrate`](Self::migrate).
    pub async fn pending(self) -> Result<Migrated, StoreError> {
        let sessions = Sessions::of_one(&self.read_only(true))?;
        let planned = schema::plan(&sessions).await?;
        sessions.close().await?;
        Ok(planned)
    }
}

impl IntoFuture for PostgresOptions {
    type Output = Result<PostgresStore, StoreError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}
