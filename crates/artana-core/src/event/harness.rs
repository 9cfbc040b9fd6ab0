//! Payloads of long-running work: sessions of a harness, stages, tasks, traces. Structure only, never words: ids and
//! names are the application's, titles, errors and what it says of its work are content.

use serde::{Deserialize, Serialize};

use crate::{ContentRef, IncarnationId, Name, Usd};

/// A session begins, with what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarnessWoke {
    /// How many tasks are done.
    pub done: u64,
    /// What the application calls the harness.
    pub harness: Name,
    /// The task that an earlier session was at when its process died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<Name>,
    /// The process whose session it is.
    pub incarnation: IncarnationId,
    /// The task that was done last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_done: Option<Name>,
    /// The last note of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<ContentRef>,
    /// How many tasks wait for somebody to begin with them.
    pub pending: u64,
    /// 1 for the run's first session.
    pub session: u64,
}

/// A session has ended in a clean state: nothing under way, nothing in doubt, no task in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarnessSlept {
    /// The session.
    pub session: u64,
}

/// A session has ended with an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarnessFailed {
    /// What was said.
    pub error: ContentRef,
    /// In what part of the session.
    pub phase: Phase,
    /// The session.
    pub session: u64,
}

/// A part of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "these are the parts a session has")]
pub enum Phase {
    /// What happens once, in the run's first session.
    Initialise,
    /// Finding out where the work stands.
    Wake,
    /// Looking whether the world is fit to go on in.
    Check,
    /// The work.
    Work,
    /// Leaving everything in order.
    Sleep,
}

impl Phase {
    /// Returns the phase as the ledger spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialise => "initialise",
            Self::Wake => "wake",
            Self::Check => "check",
            Self::Work => "work",
            Self::Sleep => "sleep",
        }
    }
}

/// The work has come to another stage, or to the same one for another round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageEntered {
    /// 1 for the first round.
    pub round: u64,
    /// The session.
    pub session: u64,
    /// The stage.
    pub stage: Name,
}

/// There are tasks to do, after those there were. A task is never taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TasksDefined {
    /// The session.
    pub session: u64,
    /// The tasks, in the order in which they are done.
    pub tasks: Vec<TaskDefined>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDefined {
    /// What the application calls it.
    pub id: Name,
    /// What a person calls it.
    pub title: ContentRef,
}

/// Somebody begins with a task, is done with it, or puts it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMoved {
    /// The session.
    pub session: u64,
    /// The task.
    pub task: Name,
    /// To where.
    pub to: Move,
}

/// Where a task moves. None is done that nobody verified: there is no way to write it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a task waits, is in progress or is done")]
pub enum Move {
    /// It is done, and this is how that was verified.
    Done(ContentRef),
    /// This process begins with it, or goes on with what another one left.
    InProgress(IncarnationId),
    /// It waits again, because of this error.
    Pending(ContentRef),
}

/// What somebody who follows the work may want to know. Nothing in the kernel believes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The session.
    pub session: u64,
    /// What.
    pub what: Traced,
}

/// What a trace tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Traced {
    /// Something the application says.
    Said {
        /// What it is about.
        topic: Name,
        /// The value, in canonical JSON.
        value: ContentRef,
    },
    /// A stage was left.
    Stage {
        /// What the calls made in it cost, those of children included.
        cost: Usd,
        /// How long it took, in microseconds.
        duration_us: u64,
        /// The stage.
        from: Name,
        /// Its round.
        round: u64,
        /// The stage after it; absent where the work is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Name>,
    },
    /// A session is done with a task, or has put it back.
    Task {
        /// 1 for the first attempt; each error makes another one due.
        attempt: u64,
        /// Whether it is done.
        done: bool,
        /// How long this session was at it, in microseconds.
        duration_us: u64,
        /// The task.
        task: Name,
    },
}
