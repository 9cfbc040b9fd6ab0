//! Decides what a step asks of the world: nothing, because the ledger answers, or one thing.
//!
//! Pure functions of the folded run, the ask, and what is known of the owner of a call under way.
//! Never looks at a clock, never calls a port, never writes.

mod code;
mod family;
mod model;
mod moves;
mod tool;

use std::collections::BTreeSet;

use crate::{
    ContentRef, IncarnationId, RequestId, RunId, RunState, Status, StepKey,
    ask::Field,
    event::{Cause, ToolSignature},
};

pub use code::{CodeDecision, code_owner_lost, decide_code, record_code};
pub use family::{effect_claim, held_key};
pub use model::{
    ForkPoint, ModelDecision, Replay, ReplayPolicy, RetryFailed, Told, child_id, decide_fork, decide_model, fork_id,
    model_owner_lost, record_terminal,
};
pub use moves::{Tie, ties};
pub use tool::{
    Means, ReconcileDecision, Settlement, ToolAsk, ToolChange, ToolDecision, decide_reconcile, decide_resolve,
    decide_tool, may_call_again, not_landed, owner_lost, record_outcome,
};

/// What is known of the process that owns a call under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an owner is here, elsewhere or gone")]
pub enum OwnerLife {
    /// It is this process, and the call is under way.
    Here,
    /// It is another process, and its heartbeat lives.
    Alive,
    /// It is gone, or is this process and knows nothing of the call.
    Dead,
}

/// Why an ask is refused. Nothing is written and nothing is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The run holds a flag or kind this build does not know.
    FormatTooNew(String),
    /// The step was recorded as another kind of step.
    AnotherKind {
        /// The tool or the model it was recorded with.
        recorded: String,
    },
    /// A model step was recorded with another ask, and the policy does not let that pass.
    Drift {
        /// What differs.
        fields: BTreeSet<Field>,
    },
    /// An ancestor left the step open, and only there can it be gone on with.
    BelongsToAncestor {
        /// The ancestor.
        holder: RunId,
    },
    /// The step was recorded with another tool.
    AnotherTool {
        /// The tool as recorded.
        recorded: ToolSignature,
    },
    /// The step was recorded with other arguments.
    OtherArguments {
        /// The arguments as recorded.
        recorded: ContentRef,
    },
    /// The step is unfinished and its tool has changed in a way it does not declare to accept.
    ToolChanged(Box<ToolChange>),
    /// The effect is in doubt.
    NeedsReconciliation {
        /// The attempt in doubt.
        request: RequestId,
        /// Why.
        cause: Cause,
    },
    /// The effect is in doubt and no tool can find out: a person has to.
    NeedsOperator {
        /// The attempt in doubt.
        request: RequestId,
    },
    /// The run starts nothing new.
    NotRunning(Status),
    /// There is nothing under the key to reconcile or resolve.
    NothingRecorded,
    /// The step is not in doubt.
    NotInDoubt,
    /// The owner lives: its answer may still come.
    OwnerAlive {
        /// Who.
        owner: IncarnationId,
    },
}

pub(super) fn drivable(state: &RunState) -> Result<(), Refused> {
    match state.foreign() {
        Some(what) => Err(Refused::FormatTooNew(what.into())),
        None => Ok(()),
    }
}

pub(super) fn admitted(state: &RunState, step: &StepKey) -> Result<(), Refused> {
    if state.admits(step) { Ok(()) } else { Err(Refused::NotRunning(state.status())) }
}
