//! The store port. A store is dumb on purpose: it compares heads, checks claims and moves bytes.
//! It never folds, hashes, or reads a payload, and what it judges it judges by the rules beside the values of this crate.

use std::fmt::Debug;

use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, Seq, TenantId, TenantKey, Timestamp, verify::Stored,
};
use async_trait::async_trait;

use crate::{Append, AppendError, Appended, BeatError, DueQuery, Heartbeat, Leased, Listed, Page, RunQuery};

/// Where runs live.
///
/// Every method may be dropped at any await: what was sent then commits whole or not at all, and the
/// store stays usable.
#[async_trait]
pub trait EventStore: Debug + Send + Sync + 'static {
    /// Describes the store: what it is, and how durable an acknowledged append is.
    fn info(&self) -> StoreInfo;

    /// Commits a batch if its run has the expected head, its authority holds and its claims hold.
    ///
    /// The checks come in this order: bounds, head, authority, claims; by [`Append::check_bounds`],
    /// [`Append::check_shape`], [`Append::check_head`], [`Lease::after`](crate::Lease::after) and
    /// [`Holdings::after`](crate::Holdings::after), or the rules of single claims that the last is made of.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; except after [`AppendError::Ambiguous`], nothing was written.
    async fn append(&self, batch: Append) -> Result<Appended, AppendError>;

    /// Reads up to `limit` rows after a position, in order, exactly as they are stored.
    /// At most [`artana_core::limits::MAX_PAGE_EVENTS`] rows come back, whatever the limit says.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError>;

    /// Returns the head kept in the run's row; `None` when there is no such row.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError>;

    /// Returns the content of a fork family, one answer for each digest, in order.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError>;

    /// Returns the key of a fork family.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError>;

    /// Returns a tenant's key. Where there is none, `candidate` becomes it, durably, if one is given:
    /// of many racing candidates exactly one wins, and all callers get that one.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn tenant_key(
        &self,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError>;

    /// Says for each unique key, in order, which event holds it. Keys that nobody holds have no holder, and
    /// neither has one whose row cannot be read. At most [`artana_core::limits::MAX_KEY_BATCH`] are asked about
    /// at once.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError>;

    /// Returns a run's row.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError>;

    /// Lists a tenant's runs in the order of their ids' bytes: [`RunQuery::page`], or [`Pages`](crate::Pages) of rows.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError>;

    /// Starts an incarnation's life or prolongs it, and returns when it now ends, on the store's clock:
    /// [`Heartbeat::end`].
    ///
    /// # Errors
    ///
    /// [`BeatError::Lapsed`] when the life had ended, or was never started.
    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError>;

    /// Ends an incarnation's life now, for good. One that never began is not there to be ended, and may begin.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError>;

    /// Says for each incarnation, in order, whether it lives on the store's clock.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError>;

    /// Takes the leases of runs that are due: queued runs whose time has come, highest priority and
    /// then earliest first, that no live incarnation holds, and those that the taker holds without driving them:
    /// [`DueQuery::choose`].
    ///
    /// # Errors
    ///
    /// [`BeatError::Lapsed`] when the taker does not live.
    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError>;

    /// Waits until a run's head is past `after`, and returns it. A run that does not exist is waited for.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError>;

    /// Looks for what is wrong with the store as a whole: damage, rows without a run, weak settings.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn doctor(&self) -> Result<Vec<Finding>, StoreError>;

    /// Finishes what was sent and lets go of the store; later calls answer [`StoreError::Closed`].
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn close(&self) -> Result<(), StoreError>;
}

/// What a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreInfo {
    /// The kind of store, such as `sqlite`.
    pub kind: &'static str,
    /// What an acknowledged append survives, in the store's own terms, such as `wal, synchronous=FULL`.
    pub durability: String,
    /// Other facts, as names and values.
    pub facts: Vec<(&'static str, String)>,
}

/// Something a doctor found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at, such as a table.
    pub subject: String,
    /// What was found, and what to do about it.
    pub message: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "fine, worth knowing, or broken")]
pub enum Severity {
    /// As it should be.
    Fine,
    /// Worth knowing.
    Notice,
    /// Broken.
    Broken,
}

/// Why a store did not answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached or used now.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// Why, without any secret.
        reason: String,
    },
    /// The store is held by somebody else for too long.
    #[error("the store is busy: {reason}; try again")]
    Busy {
        /// Why.
        reason: String,
    },
    /// There is no store there.
    #[error("there is no store at {place}")]
    Missing {
        /// Where it was looked for, without any secret.
        place: String,
    },
    /// What is there is not a store of Artana.
    #[error("{place} is not a store of Artana: {reason}")]
    NotAStore {
        /// Where it was looked for, without any secret.
        place: String,
        /// Why it is not.
        reason: String,
    },
    /// The store was migrated by a newer version. It can be opened for reading.
    #[error(
        "the store has schema {found}, and this version knows {known}: it reads it, and writes nothing; use the version \
         that migrated it"
    )]
    TooNew {
        /// The store's schema.
        found: u32,
        /// The newest schema this version knows.
        known: u32,
    },
    /// The store was made by an older version, and has to be migrated first.
    #[error("the store has schema {found}, and this version needs {known}; run `artana store migrate`")]
    TooOld {
        /// The store's schema.
        found: u32,
        /// The schema this version needs.
        known: u32,
    },
    /// The connection would not be as secure as was asked for.
    #[error("the connection to the store would not be secure: {reason}")]
    Insecure {
        /// Why, and what to do about it, without any secret.
        reason: String,
    },
    /// What is acknowledged would survive less than was asked for.
    #[error("an acknowledged append would not survive {asked}: the server has {found}; change that, or ask for less")]
    TooWeak {
        /// What it should survive.
        asked: &'static str,
        /// The settings that stand in the way, as names and values.
        found: String,
    },
    /// The store is open for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// The store is full.
    #[error("the store has no room left; free some and try again")]
    Full,
    /// The store's own structure is damaged.
    #[error("the store is damaged: {reason}; run `artana store doctor`")]
    Damaged {
        /// What is damaged.
        reason: String,
    },
    /// The store has been closed.
    #[error("the store has been closed")]
    Closed,
}

impl StoreError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "artana::store_unavailable",
            Self::Busy { .. } => "artana::store_busy",
            Self::Missing { .. } => "artana::store_missing",
            Self::NotAStore { .. } => "artana::not_a_store",
            Self::TooNew { .. } => "artana::store_too_new",
            Self::TooOld { .. } => "artana::store_too_old",
            Self::Insecure { .. } => "artana::store_insecure",
            Self::TooWeak { .. } => "artana::store_too_weak",
            Self::ReadOnly => "artana::store_read_only",
            Self::Full => "artana::store_full",
            Self::Damaged { .. } => "artana::store_damaged",
            Self::Closed => "artana::closed",
        }
    }
}
