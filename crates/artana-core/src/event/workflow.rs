//! Payloads of a workflow's own events: closures, recorded values, waits, signals, compensations, children.
//! Structure only, never words.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::{Actor, ContentRef, EventId, IncarnationId, Name, Ordinal, RequestId, RunId, Timestamp};

/// A closure that must not run twice is about to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRequested {
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Whose heartbeat says whether it is still running.
    pub incarnation: IncarnationId,
    /// At which place of the workflow it was asked; absent in a compensation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<Ordinal>,
}

/// A closure has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCompleted {
    /// Whether another attempt is due: the failure is then not the step's end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// How long it took, in microseconds; 0 where nobody saw it.
    pub elapsed_us: u64,
    /// What kind of closure it was.
    pub kind: CodeKind,
    /// At which place of the workflow it was asked; absent in a compensation, and where a request says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<Ordinal>,
    /// What came of it.
    pub outcome: Outcome,
    /// The request; absent where the closure may be repeated, and nothing was recorded before it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
}

/// What kind of closure a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "every decision has to consider each of them")]
pub enum CodeKind {
    /// It may run again until its result is recorded.
    Compute,
    /// It is requested first, and is in doubt if nobody recorded what came of it.
    Once,
    /// It undoes what the workflow did; its own steps say what happened.
    Rollback,
}

/// A value that would not be the same again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueRecorded {
    /// At which place of the workflow it was asked.
    pub ordinal: Ordinal,
    /// The value.
    pub value: Value,
}

/// A recorded value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Value {
    /// The time.
    Now(Timestamp),
    /// That the code of a change was taken.
    Patched(Name),
    /// A random number.
    Random(u64),
    /// A random id.
    Uuid(EventId),
}

/// The workflow waits for something from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitStarted {
    /// Waits begun earlier for which nobody waits any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_up: Vec<Ordinal>,
    /// At which place of the workflow the wait was asked.
    pub ordinal: Ordinal,
    /// Whether nothing else is left to do: whoever drove the run leaves it until something happens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspends: bool,
    /// For what.
    pub wait: Wait,
}

/// What a workflow waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wait {
    /// A child run, which itself waits.
    Child(RunId),
    /// Somebody who finds out about the step's effect.
    Doubt {
        /// The request in doubt.
        request: RequestId,
        /// From when on the workflow's own code could find out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Somebody who lifts the step's pause.
    Pause(EventId),
    /// A signal of this name.
    Signal(Name),
    /// This instant.
    Timer(Timestamp),
}

/// The instant that a timer waited for has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerFired {
    /// The wait it ends.
    pub wait: EventId,
}

/// Somebody outside has something to tell the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalReceived {
    /// Who.
    pub by: Actor,
    /// Under which name.
    pub name: Name,
    /// What, in canonical JSON.
    pub value: ContentRef,
}

/// If the workflow fails or is cancelled, this step undoes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompensationRegistered {
    /// At which place of the workflow it was asked.
    pub ordinal: Ordinal,
}

/// Another run does part of the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildStarted {
    /// At which place of the workflow it was asked; absent outside of workflows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<Ordinal>,
    /// The other run, of the same tenant.
    pub run: RunId,
}

/// The other run has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildFinished {
    /// How.
    pub outcome: ChildOutcome,
    /// The other run.
    pub run: RunId,
}

/// How a child run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a run completes, fails or is cancelled")]
pub enum ChildOutcome {
    /// By itself, with what it returned.
    Completed(ContentRef),
    /// It was given up, for this reason.
    Failed(ContentRef),
    /// Somebody cancelled it.
    Cancelled,
}
