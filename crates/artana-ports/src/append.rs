//! The one way to write: a batch that names the head it expects and the authority it is made under.
//! Everything in a batch commits in one transaction or not at all.

use std::{fmt, time::Duration};

use artana_core::{
    Actor, Content, EventId, Head, IncarnationId, Record, RequestId, RunKey, RunRef, RunView, Seq, Timestamp,
    limits::{MAX_APPEND_BYTES, MAX_APPEND_EVENTS, MAX_CLAIMS, MAX_CONTENT_BYTES, MAX_PAYLOAD_BYTES},
};

use crate::StoreError;

/// One transaction on one run.
#[derive(Debug, Clone)]
pub struct Append {
    /// The run.
    pub run: RunRef,
    /// The head the run must have; `None` for a run that must not exist yet.
    pub expected: Option<Head>,
    /// In what capacity the batch is made.
    pub authority: Authority,
    /// The sealed rows, contiguous after `expected`.
    pub events: Vec<Record>,
    /// New content of the run's family; content that is already there is left as it is.
    pub content: Vec<Content>,
    /// What must hold across runs for the batch to commit.
    pub claims: Vec<Claim>,
    /// What the batch gives back, before its claims are checked.
    pub releases: Vec<Release>,
    /// The run's row as the batch leaves it.
    pub view: RunView,
    /// The family's key, with the first batch of a root run.
    pub run_key: Option<RunKey>,
}

impl Append {
    /// Checks the bounds that hold for every store.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] naming the bound that is exceeded.
    pub fn check_bounds(&self) -> Result<(), TooLarge> {
        let over = |what, len: usize, max: usize| if len > max { Err(TooLarge { what, len, max }) } else { Ok(()) };
        over("events in an append", self.events.len(), MAX_APPEND_EVENTS)?;
        over("claims in an append", self.claims.len() + self.releases.len(), MAX_CLAIMS)?;
        let mut total = 0;
        for record in &self.events {
            over("bytes of a payload", record.payload.len(), MAX_PAYLOAD_BYTES)?;
            total += record.payload.len();
        }
        for content in &self.content {
            over("bytes of a piece of content", content.bytes.len(), MAX_CONTENT_BYTES)?;
            total += content.bytes.len();
        }
        over("bytes of an append", total, MAX_APPEND_BYTES)
    }

    /// Checks that the batch is one: rows of its own run, contiguous after `expected`, and a view of
    /// the head they leave. No hash is computed.
    ///
    /// # Errors
    ///
    /// [`Malformed`] naming what does not fit.
    pub fn check_shape(&self) -> Result<(), Malformed> {
        let malformed = |what| Err(Malformed { what });
        let mut head = self.expected;
        for record in &self.events {
            if *record.tenant != *self.run.tenant.as_str() || *record.run != *self.run.run.as_str() {
                return malformed("a row belongs to another run");
            }
            if record.seq != head.map_or(Seq::new(1), |head| head.seq.next()) {
                return malformed("the rows are not contiguous after the expected head");
            }
            if head.is_some_and(|head| head.hash != record.prev_hash) {
                return malformed("a row does not name the hash before it");
            }
            head = Some(record.head());
        }
        if self.view.run != self.run {
            return malformed("the view is of another run");
        }
        if head != Some(self.view.head) {
            return malformed("the view is not of the head the rows leave");
        }
        Ok(())
    }
}

/// A batch contradicts itself; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the append is malformed: {what}")]
pub struct Malformed {
    /// What does not fit.
    pub what: &'static str,
}

/// A bound of the format is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are at most {max} {what}; this one has {len}")]
pub struct TooLarge {
    /// What there is too much of.
    pub what: &'static str,
    /// How much there is.
    pub len: usize,
    /// The bound.
    pub max: usize,
}

/// The number of a lease's grant; it grows with every grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(u64);

impl Epoch {
    /// Wraps a number; 0 means never granted.
    #[must_use]
    pub const fn new(epoch: u64) -> Self {
        Self(epoch)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// In what capacity an append is made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every store has to consider each authority")]
pub enum Authority {
    /// The holder of the run's lease. Fenced when the epoch is old, whoever holds the lease now;
    /// lapsed when the holder's heartbeat has lapsed or the lease was given back.
    Driver(Epoch),
    /// Takes the run's lease with this append. Refused while another live incarnation holds it.
    TakeLease(IncarnationId),
    /// A step of an unleased run. Refused while a live incarnation holds the lease, itself included,
    /// and when this one has lapsed.
    Plain(IncarnationId),
    /// A person or the outside world. Never fenced.
    Outside(Actor),
    /// Only the outcome of this request. Never fenced, whatever lease, epoch or heartbeat.
    Late(RequestId),
}

/// Something that crosses runs and must hold in the same transaction as the append.
/// Keys are scoped by the run's tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every store has to consider each claim")]
pub enum Claim {
    /// Part of a limited amount, held until released.
    Reserve(Reserve),
    /// A key that only one holder may have at a time. The same holder may claim it again.
    Unique {
        /// The key.
        key: String,
        /// The request that holds it.
        holder: EventId,
    },
    /// At most `limit` within one fixed window of the store's clock, counted from 1970 UTC.
    Rate {
        /// The key.
        key: String,
        /// The window's length; at least a microsecond.
        window: Duration,
        /// The most that fits into one window.
        limit: u64,
        /// How much this append counts.
        amount: u64,
    },
    /// The store's clock must not have passed this instant.
    NotAfter(Timestamp),
}

/// A reservation: denied when `settled + reserved + amount` would exceed `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    /// The account's key.
    pub account: String,
    /// The most that may be settled and reserved together.
    pub limit: u64,
    /// How much to hold.
    pub amount: u64,
    /// The request that holds it.
    pub holder: EventId,
}

/// What an append gives back. Releasing what is not held changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every store has to consider each release")]
pub enum Release {
    /// Turns a reservation into what was really spent, which may be more.
    Reserve {
        /// The account's key.
        account: String,
        /// The request that held it.
        holder: EventId,
        /// What was spent.
        spent: u64,
    },
    /// Frees a unique key.
    Unique {
        /// The key.
        key: String,
        /// The request that held it.
        holder: EventId,
    },
    /// Frees the run's lease; the epoch stays.
    Lease,
}

/// A committed append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The run's new head.
    pub head: Head,
    /// The epoch granted by [`Authority::TakeLease`].
    pub epoch: Option<Epoch>,
}

/// Who holds a run's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The incarnation.
    pub incarnation: IncarnationId,
    /// The number of its grant.
    pub epoch: Epoch,
}

/// Which claim was denied and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimDenied {
    /// The account has too little left.
    #[error("account {account} has {left} left of {limit}")]
    Reserve {
        /// The account's key.
        account: String,
        /// What is left.
        left: u64,
        /// The limit that was claimed against.
        limit: u64,
    },
    /// Another request holds the key.
    #[error("key {key} is held by {holder}")]
    Unique {
        /// The key.
        key: String,
        /// Who holds it.
        holder: EventId,
    },
    /// The window is full.
    #[error("key {key} is at its limit of {limit} in this window")]
    Rate {
        /// The key.
        key: String,
        /// The limit.
        limit: u64,
    },
    /// The instant has passed on the store's clock.
    #[error("the claim's latest instant has passed")]
    NotAfter,
}

/// Why an append did not commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The run's head is not the expected one.
    #[error("the run has moved on")]
    Conflict {
        /// The head there is.
        actual: Option<Head>,
    },
    /// A live incarnation holds the run's lease, or the epoch is old.
    #[error("the run is held by {} under epoch {}", by.incarnation, by.epoch)]
    Fenced {
        /// Who holds it.
        by: Owner,
    },
    /// The incarnation's heartbeat has lapsed, or the lease it drove by was given back. Neither is renewed.
    #[error("the incarnation has lapsed")]
    Lapsed,
    /// A claim does not hold.
    #[error(transparent)]
    Denied(#[from] ClaimDenied),
    /// A bound of the format is exceeded.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The batch contradicts itself.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The store cannot say whether the batch committed. Sending it again settles it.
    #[error("the store cannot say whether the append committed")]
    Ambiguous,
    /// The batch did not commit because of the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppendError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "artana::conflict",
            Self::Fenced { .. } => "artana::fenced",
            Self::Lapsed => "artana::lapsed",
            Self::Denied(_) => "artana::claim_denied",
            Self::TooLarge(_) => "artana::too_large",
            Self::Malformed(_) => "artana::malformed_append",
            Self::Ambiguous => "artana::ambiguous",
            Self::Store(store) => store.code(),
        }
    }
}
