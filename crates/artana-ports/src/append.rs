//! The one way to write: a batch that names the head it expects and the authority it is made under.
//! Everything in a batch commits in one transaction or not at all.

use artana_core::{
    Content, Head, Record, RunKey, RunRef, RunView, Seq,
    limits::{MAX_APPEND_BYTES, MAX_APPEND_EVENTS, MAX_CLAIMS, MAX_CONTENT_BYTES, MAX_PAYLOAD_BYTES},
};

use crate::{Authority, Claim, ClaimDenied, Epoch, Lease, Owner, Release, StoreError};

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

    /// Checks that the run's head, as its row has it, is the expected one.
    ///
    /// # Errors
    ///
    /// [`AppendError::Conflict`] with the head there is.
    pub fn check_head(&self, actual: Option<Head>) -> Result<(), AppendError> {
        if actual == self.expected { Ok(()) } else { Err(AppendError::Conflict { actual }) }
    }

    /// Returns what is answered once the batch is committed and has left the run this lease.
    #[must_use]
    pub fn appended(&self, lease: Lease) -> Appended {
        let taken = matches!(self.authority, Authority::TakeLease(_));
        Appended { head: self.view.head, epoch: taken.then_some(lease.epoch) }
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

/// A committed append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The run's new head.
    pub head: Head,
    /// The epoch granted by [`Authority::TakeLease`].
    pub epoch: Option<Epoch>,
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
