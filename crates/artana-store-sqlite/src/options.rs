//! How a store is opened. Values only; nothing here opens anything but by handing itself over.

use std::{path::Path, sync::Arc, time::Duration};

use artana_ports::{Clock, StoreError, SystemClock};
use artana_store_sql::Migrated;

use crate::{SqliteStore, failpoint::Failpoint, migrate};

/// How hard a commit is pushed to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "these are the levels SQLite has")]
pub enum Synchronous {
    /// Every acknowledged append survives a power cut.
    #[default]
    Full,
    /// Like `Full`, and the folder is synced too where SQLite would otherwise not.
    Extra,
    /// An acknowledged append survives the process, but a power cut may take the last ones.
    Normal,
    /// Nothing is synced: a power cut may damage the file.
    Off,
}

impl Synchronous {
    /// Returns the level as SQLite spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Extra => "extra",
            Self::Normal => "normal",
            Self::Off => "off",
        }
    }

    pub(crate) const fn pragma(self) -> &'static str {
        match self {
            Self::Full => "PRAGMA synchronous = FULL",
            Self::Extra => "PRAGMA synchronous = EXTRA",
            Self::Normal => "PRAGMA synchronous = NORMAL",
            Self::Off => "PRAGMA synchronous = OFF",
        }
    }

    /// Says whether an acknowledged append survives a power cut.
    #[must_use]
    pub const fn survives_power_cut(self) -> bool {
        matches!(self, Self::Full | Self::Extra)
    }
}

/// How to open a [`SqliteStore`].
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(crate) create: bool,
    pub(crate) migrate_on_open: bool,
    pub(crate) read_only: bool,
    pub(crate) synchronous: Synchronous,
    pub(crate) busy_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) readers: usize,
    pub(crate) failpoint: Failpoint,
    pub(crate) migration_failpoint: Failpoint,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            create: true,
            migrate_on_open: true,
            read_only: false,
            synchronous: Synchronous::Full,
            busy_timeout: Duration::from_secs(10),
            clock: Arc::new(SystemClock),
            readers: 2,
            failpoint: Failpoint::default(),
            migration_failpoint: Failpoint::default(),
        }
    }
}

impl SqliteOptions {
    /// Sets whether a missing file is made; it is by default.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets whether the schema is made, or brought up to date, when the store is opened; it is by default, which suits
    /// development. Without it nothing is made: a missing file is [`StoreError::Missing`], and one of an older schema
    /// [`StoreError::TooOld`] until somebody [migrates](Self::migrate) it.
    #[must_use]
    pub fn migrate_on_open(mut self, migrate: bool) -> Self {
        self.migrate_on_open = migrate;
        self
    }

    /// Opens the file for reading only. No file is made then, and neither is a log beside a store
    /// that nobody has open. A store of a newer schema can be opened this way.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Sets how hard a commit is pushed to the disk; [`Synchronous::Full`] by default.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Sets how long a write waits for another process before it answers [`StoreError::Busy`];
    /// 10 seconds by default.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets the store's clock, on which heartbeats, rates and latest instants are judged; the
    /// system's by default. Processes that share a file should share a clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how many connections read at once, at least one; two by default.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// Sets what is called at each of [`FAILPOINTS`](crate::FAILPOINTS), on the writer's thread.
    #[cfg(feature = "failpoints")]
    #[must_use]
    pub fn failpoint(mut self, hook: Arc<dyn Fn(&'static str) + Send + Sync>) -> Self {
        self.failpoint = Failpoint::new(hook);
        self
    }

    /// Sets what is called at each of [`MIGRATION_FAILPOINTS`](crate::MIGRATION_FAILPOINTS), on the thread that migrates.
    #[cfg(feature = "failpoints")]
    #[must_use]
    pub fn migration_failpoint(mut self, hook: Arc<dyn Fn(&'static str) + Send + Sync>) -> Self {
        self.migration_failpoint = Failpoint::new(hook);
        self
    }

    /// Opens the store.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`], [`StoreError::NotAStore`], [`StoreError::TooNew`], [`StoreError::TooOld`], and whatever
    /// else keeps the file from being used.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_with(self, path.as_ref()).await
    }

    /// Makes the schema, or brings it up to date, and says what was done. It does so even where opening would not, and
    /// makes a missing file unless [`create`](Self::create) says otherwise. Many may do this to one file at once, and one
    /// of them does it. What is cut short leaves the file as it was.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), but for [`StoreError::TooOld`]; [`StoreError::ReadOnly`] where it is opened for
    /// reading only.
    pub async fn migrate(self, path: impl AsRef<Path>) -> Result<Migrated, StoreError> {
        migrate::migrate(self, path.as_ref()).await
    }

    /// Says what [`migrate`](Self::migrate) would do. It writes nothing and makes no file.
    ///
    /// # Errors
    ///
    /// Those of [`migrate`](Self::migrate).
    pub async fn pending(self, path: impl AsRef<Path>) -> Result<Migrated, StoreError> {
        migrate::pending(self, path.as_ref()).await
    }

    /// Says whether a file may be made.
    pub(crate) fn may_create(&self) -> bool {
        self.create && self.migrate_on_open && !self.read_only
    }
}
