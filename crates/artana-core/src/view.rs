//! Views of a run: what a listing shows without folding its events. Derived, and checked against the fold.

use std::{collections::BTreeMap, fmt};

use crate::{Head, LabelKey, ParentLink, RunId, RunRef, StepKey, Timestamp};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Waiting for a worker.
    Queued,
    /// Going on, or able to.
    Running,
    /// Waiting for a timer or a signal.
    Sleeping,
    /// Waiting for a person.
    Paused,
    /// A step's effect is in doubt.
    NeedsReconciliation,
    /// Starting nothing new, and waiting for what was begun.
    Cancelling,
    /// Ended by itself.
    Completed,
    /// Given up.
    Failed,
    /// Cancelled by somebody.
    Cancelled,
}

impl Status {
    /// All statuses, in the order of a run's life.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Sleeping,
        Self::Paused,
        Self::NeedsReconciliation,
        Self::Cancelling,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Returns the status as it is stored and printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Sleeping => "sleeping",
            Self::Paused => "paused",
            Self::NeedsReconciliation => "needs_reconciliation",
            Self::Cancelling => "cancelling",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads a status as it is stored and printed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Returns whether the run has ended.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A run's row in a listing: everything in it can be rebuilt from the run's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunView {
    /// The run.
    pub run: RunRef,
    /// The root of its fork family, under which its content is kept.
    pub root: RunId,
    /// Where it leaves its parent, if it is a fork.
    pub parent: Option<ParentLink>,
    /// Where it stands.
    pub status: Status,
    /// The end of its chain.
    pub head: Head,
    /// When its first event was made.
    pub started_at: Timestamp,
    /// When its last event was made.
    pub updated_at: Timestamp,
    /// How many steps it has.
    pub steps: u64,
    /// How many of them are under way.
    pub pending: u64,
    /// How many of them are in doubt.
    pub unknown: u64,
    /// How often an ask differed from what was recorded and the run went on: answered all the same, or
    /// in a fork.
    pub drifts: u64,
    /// The step of the last event that had one.
    pub last_step: Option<StepKey>,
    /// The step whose failure no later success has cleared.
    pub failed_step: Option<StepKey>,
    /// Its labels.
    pub labels: BTreeMap<LabelKey, String>,
    /// When and in which order a worker should take it, if it waits for one.
    pub queued: Option<Queued>,
}

/// A run's place in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The queue's name.
    pub queue: String,
    /// Higher goes first.
    pub priority: i64,
    /// Not before this instant, on the store's clock.
    pub due_at: Timestamp,
}
