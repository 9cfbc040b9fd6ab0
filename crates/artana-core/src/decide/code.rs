//! Decides what a closure's step asks: nothing, because the ledger answers, or one attempt.
//! Never looks at a clock, never runs anything, never writes.

use super::{OwnerLife, Refused, Settlement, admitted, drivable};
use crate::{
    CodeStep, IncarnationId, RequestId, RunState, Step, StepKey,
    cycle::ToolCycle,
    event::{Body, Cause, CodeKind, Doubt, Late, LateOutcome, Outcome, StepCompleted},
};

/// What to do about a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the kernel has to carry out every decision")]
pub enum CodeDecision<'a> {
    /// Answer from the ledger.
    Replay(Settlement<'a>),
    /// Somebody is at it.
    InFlight {
        /// Who.
        owner: IncarnationId,
        /// Whether that is this process.
        here: bool,
    },
    /// The owner is gone and the closure must not run twice: record that.
    MarkUnknown {
        /// The attempt in doubt.
        request: RequestId,
    },
    /// Run it.
    Execute {
        /// The attempt's number, from 1 on.
        attempt: u32,
        /// The step as the attempts before left it.
        last: Option<&'a CodeStep>,
    },
}

/// Decides on a closure.
///
/// # Errors
///
/// [`Refused`] when the key was recorded as something else, the effect is in doubt, or the run starts nothing new.
pub fn decide_code<'a>(
    state: &'a RunState,
    step: &StepKey,
    kind: CodeKind,
    owner: OwnerLife,
) -> Result<CodeDecision<'a>, Refused> {
    drivable(state)?;
    let last = match state.step(step) {
        None => return admitted(state, step).map(|()| CodeDecision::Execute { attempt: 1, last: None }),
        Some(Step::Code(last)) if last.kind == kind => last,
        Some(other) => return Err(Refused::AnotherKind { recorded: other.kind().into() }),
    };
    if let Some(holder) = state.holder(step).filter(|_| !last.cycle.is_settled()) {
        return Err(Refused::BelongsToAncestor { holder: holder.clone() });
    }
    match &last.cycle {
        ToolCycle::Absent => unreachable!("a recorded step has at least one event"),
        ToolCycle::Succeeded(settled) => Ok(CodeDecision::Replay(Settlement::Succeeded(settled))),
        ToolCycle::Failed(settled) => Ok(CodeDecision::Replay(Settlement::Failed(settled))),
        ToolCycle::Requested(attempt) if owner != OwnerLife::Dead => {
            Ok(CodeDecision::InFlight { owner: attempt.owner, here: owner == OwnerLife::Here })
        }
        ToolCycle::Requested(attempt) => Ok(CodeDecision::MarkUnknown { request: attempt.request }),
        ToolCycle::RetryDue(attempt) => {
            admitted(state, step)?;
            Ok(CodeDecision::Execute { attempt: attempt.number + 1, last: Some(last) })
        }
        ToolCycle::Unknown(attempt, doubt) => {
            Err(Refused::NeedsReconciliation { request: attempt.request, cause: doubt.cause })
        }
        ToolCycle::Reconciling(attempt, _) => {
            Err(Refused::NeedsReconciliation { request: attempt.request, cause: Cause::OwnerLost })
        }
    }
}

/// Returns how the outcome of a requested closure is recorded now: as its completion while its cycle is open, as a
/// late outcome once somebody else closed it.
#[must_use]
pub fn record_code(state: &RunState, step: &StepKey, request: RequestId, done: StepCompleted) -> Body {
    let open = state.step(step).and_then(Step::code).is_some_and(|step| match &step.cycle {
        ToolCycle::Requested(attempt) => attempt.request == request,
        _ => false,
    });
    if open {
        return StepCompleted { request: Some(request), ..done }.into();
    }
    LateOutcome { elapsed_us: done.elapsed_us, request, what: Late::Tool(done.outcome) }.into()
}

/// Returns the outcome of a closure whose process is gone.
#[must_use]
pub fn code_owner_lost(request: RequestId) -> StepCompleted {
    let outcome = Outcome::Unknown(Doubt { cause: Cause::OwnerLost, error: None });
    StepCompleted { again: false, elapsed_us: 0, kind: CodeKind::Once, ordinal: None, outcome, request: Some(request) }
}
