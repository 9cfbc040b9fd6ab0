//! The event vocabulary: one struct for each kind this build writes, one codec for all.
//! A kind it does not know stays opaque and verifiable; nothing here interprets an event.

mod fork;
mod harness;
mod kept;
mod model;
mod people;
mod queue;
mod run;
mod tool;
mod workflow;

use serde::{Serialize, de::DeserializeOwned};

use crate::json;

pub use fork::{ForkCause, RunForked};
pub use harness::{
    HarnessFailed, HarnessSlept, HarnessWoke, Move, Phase, StageEntered, TaskDefined, TaskMoved, TasksDefined, Trace,
    Traced,
};
pub use kept::{ArtifactSet, Checkpoint, Note, SummaryWritten};
pub use model::{
    Abandoned, Answer, AskedOptions, Cost, DriftReplayed, Extends, FinishReason, ModelCategory, ModelFailure,
    ModelOutcome, ModelRequested, ModelTerminal, Usage,
};
pub use people::{Paused, Resumed};
pub use queue::{DriverChanged, RunEnqueued, RunParked};
pub use run::{
    CancelRequested, Closing, GenesisFields, GrantGiven, Lineage, OWN_UNDO, RunFinished, RunOutcome, RunStarted,
    WorkflowStarted,
};
pub use tool::{
    Cause, Doubt, Effect, FailureCategory, Late, LateOutcome, Outcome, Reason, ReconcileAction, Rejected, Resolution,
    Resolver, Success, ToolAttemptFailed, ToolCompleted, ToolFailure, ToolReconcileRequested, ToolRequested,
    ToolResolved, ToolSignature,
};
pub use workflow::{
    ChildFinished, ChildOutcome, ChildStarted, CodeKind, CompensationRegistered, SignalReceived, StepCompleted,
    StepRequested, TimerFired, Value, ValueRecorded, Wait, WaitStarted,
};

/// Why a stored row does not say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The kind is not UTF-8.
    #[error("the event's kind is not text")]
    Kind,
    /// The step is not a fit key.
    #[error("the event's step is not a step key")]
    Step,
    /// The payload of a known kind is not that kind's object.
    #[error("the payload is not what the event's kind says")]
    Payload,
}

macro_rules! bodies {
    ($($kind:literal => $name:ident),* $(,)?) => {
        /// What an event says.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Body {
            $(#[doc = concat!("`", $kind, "`")] $name($name),)*
            /// A kind this build does not know. The run can be read and verified, not driven.
            Other,
        }

        impl Body {
            /// Returns the kind under which the body is stored; empty for [`Body::Other`].
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $kind,)*
                    Self::Other => "",
                }
            }

            pub(crate) fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$name(body) => encode(body),)*
                    Self::Other => b"{}".to_vec(),
                }
            }

            pub(crate) fn decode(kind: &str, payload: &[u8]) -> Result<Self, DecodeError> {
                match kind {
                    $($kind => decode(payload).map(Self::$name),)*
                    _ => Ok(Self::Other),
                }
            }

            /// All kinds this build writes and understands, in the order of the format page.
            pub const KINDS: &'static [&'static str] = &[$($kind),*];
        }

        $(impl From<$name> for Body {
            fn from(body: $name) -> Self {
                Self::$name(body)
            }
        })*
    };
}

bodies! {
    "run_started" => RunStarted,
    "run_enqueued" => RunEnqueued,
    "run_forked" => RunForked,
    "child_started" => ChildStarted,
    "child_finished" => ChildFinished,
    "driver_changed" => DriverChanged,
    "grant_given" => GrantGiven,
    "cancel_requested" => CancelRequested,
    "run_parked" => RunParked,
    "run_finished" => RunFinished,
    "model_requested" => ModelRequested,
    "model_terminal" => ModelTerminal,
    "drift_replayed" => DriftReplayed,
    "tool_requested" => ToolRequested,
    "tool_attempt_failed" => ToolAttemptFailed,
    "tool_completed" => ToolCompleted,
    "tool_reconcile_requested" => ToolReconcileRequested,
    "tool_resolved" => ToolResolved,
    "late_outcome" => LateOutcome,
    "step_requested" => StepRequested,
    "step_completed" => StepCompleted,
    "value_recorded" => ValueRecorded,
    "wait_started" => WaitStarted,
    "timer_fired" => TimerFired,
    "signal_received" => SignalReceived,
    "compensation_registered" => CompensationRegistered,
    "paused" => Paused,
    "resumed" => Resumed,
    "artifact_set" => ArtifactSet,
    "summary_written" => SummaryWritten,
    "checkpoint" => Checkpoint,
    "note" => Note,
    "harness_woke" => HarnessWoke,
    "harness_slept" => HarnessSlept,
    "harness_failed" => HarnessFailed,
    "stage_entered" => StageEntered,
    "tasks_defined" => TasksDefined,
    "task_moved" => TaskMoved,
    "trace" => Trace,
}

fn encode(body: &impl Serialize) -> Vec<u8> {
    let value = serde_json::to_value(body).expect("event structs have string keys and no floats");
    json::to_canonical(&value).expect("event structs are shallow and hold finite integers")
}

fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, DecodeError> {
    // A list of the values would be read too, by the order of the keys.
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(DecodeError::Payload);
    }
    serde_json::from_slice(payload).map_err(|_| DecodeError::Payload)
}
