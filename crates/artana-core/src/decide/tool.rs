//! Decides what a tool step asks of the world: nothing, because the ledger answers, or one thing.
//! Never looks at a clock, never calls a port, never writes.

use std::time::Duration;

use super::{OwnerLife, Refused, admitted, drivable};
use crate::{
    ContentRef, IncarnationId, RequestId, RunState, Step, StepKey, Timestamp, ToolStep, ToolVersion,
    cycle::{Attempt, Settled, ToolCycle},
    event::{
        Body, Cause, Doubt, Effect, Late, LateOutcome, Outcome, Resolution, Success, ToolCompleted, ToolFailure,
        ToolSignature,
    },
};

/// What a caller wants of a tool step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolAsk {
    /// The step's key.
    pub step: StepKey,
    /// The tool as it is now.
    pub tool: ToolSignature,
    /// What the tool does.
    pub effect: Effect,
    /// The arguments, in canonical JSON.
    pub args: ContentRef,
    /// Recorded versions of the tool that this one can continue.
    pub accepts: Vec<ToolVersion>,
    /// Whether the caller wants the effect for this fork itself, whatever its family did under the key.
    pub own_effect: bool,
}

/// How the tool differs from the one a step was recorded with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolChange {
    /// The tool as recorded.
    pub recorded: ToolSignature,
    /// The tool as it is now.
    pub asked: ToolSignature,
}

/// A terminal outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a settled step happened or did not")]
pub enum Settlement<'a> {
    /// The effect happened.
    Succeeded(&'a Settled<Success>),
    /// The effect did not happen and will not.
    Failed(&'a Settled<ToolFailure>),
}

/// What to do about a tool ask.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the kernel has to carry out every decision")]
pub enum ToolDecision<'a> {
    /// Answer from the ledger.
    Replay {
        /// The recorded outcome.
        settled: Settlement<'a>,
        /// How the tool has changed since.
        change: Option<ToolChange>,
    },
    /// Somebody is at it.
    InFlight {
        /// Who.
        owner: IncarnationId,
        /// Whether that is this process.
        here: bool,
    },
    /// The owner is gone and the effect may have happened: record that.
    MarkUnknown {
        /// The attempt in doubt.
        request: RequestId,
    },
    /// Make another attempt under the same idempotency key.
    Retry {
        /// Its number.
        attempt: u32,
    },
    /// Make the first attempt.
    Execute,
}

/// What to do about a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the kernel has to carry out every decision")]
pub enum ReconcileDecision<'a> {
    /// Answer from the ledger.
    Replay {
        /// The recorded outcome.
        settled: Settlement<'a>,
        /// How the tool has changed since.
        change: Option<ToolChange>,
    },
    /// Somebody is at it.
    InFlight {
        /// Who.
        owner: IncarnationId,
        /// Whether that is this process.
        here: bool,
    },
    /// The owner is gone: record the doubt, then decide again.
    MarkUnknown {
        /// The attempt in doubt.
        request: RequestId,
    },
    /// Ask the outside world.
    Probe {
        /// The attempt in doubt.
        attempt: Attempt,
    },
    /// Call again with the same idempotency key.
    CallAgain {
        /// The attempt in doubt.
        attempt: Attempt,
    },
    /// The doubt is gone, nothing happened: make another attempt.
    Retry {
        /// Its number.
        attempt: u32,
    },
}

/// Decides a tool ask.
///
/// # Errors
///
/// [`Refused`] when the ask differs from what is recorded, the effect is in doubt, or the run starts nothing new.
pub fn decide_tool<'a>(state: &'a RunState, ask: &ToolAsk, owner: OwnerLife) -> Result<ToolDecision<'a>, Refused> {
    drivable(state)?;
    let Some(step) = recorded(state, ask)? else {
        return admitted(state, &ask.step).map(|()| ToolDecision::Execute);
    };
    match standing(state, step, ask, owner)? {
        Standing::Settled { settled, change } => Ok(ToolDecision::Replay { settled, change }),
        Standing::InFlight { owner, here } => Ok(ToolDecision::InFlight { owner, here }),
        Standing::Lost { request } => Ok(ToolDecision::MarkUnknown { request }),
        Standing::Due { attempt } => Ok(ToolDecision::Retry { attempt }),
        Standing::InDoubt { attempt, cause } => Err(Refused::NeedsReconciliation { request: attempt.request, cause }),
    }
}

/// Returns the call recorded under the ask's key. What an ancestor settled answers here too; what it left
/// open can only be gone on with where it began.
fn recorded<'a>(state: &'a RunState, ask: &ToolAsk) -> Result<Option<&'a ToolStep>, Refused> {
    let step = match state.step(&ask.step) {
        None => return Ok(None),
        Some(Step::Model(step)) => return Err(Refused::AnotherKind { recorded: step.asked.model.to_string() }),
        Some(Step::Tool(step)) => step,
        Some(other) => return Err(Refused::AnotherKind { recorded: other.kind().into() }),
    };
    let settled = step.cycle.is_settled();
    match state.holder(&ask.step) {
        Some(_) if !settled && ask.own_effect => Ok(None),
        Some(holder) if !settled => Err(Refused::BelongsToAncestor { holder: holder.clone() }),
        _ => Ok(Some(step)),
    }
}

/// Where a recorded step stands for whoever asks for the same call again.
enum Standing<'a> {
    Settled {
        settled: Settlement<'a>,
        change: Option<ToolChange>,
    },
    InFlight {
        owner: IncarnationId,
        here: bool,
    },
    /// Its owner is gone, and that its effect is in doubt is yet to be recorded.
    Lost {
        request: RequestId,
    },
    /// Nothing has happened: an attempt of this number may be made.
    Due {
        attempt: u32,
    },
    InDoubt {
        attempt: &'a Attempt,
        cause: Cause,
    },
}

fn standing<'a>(
    state: &RunState,
    step: &'a ToolStep,
    ask: &ToolAsk,
    owner: OwnerLife,
) -> Result<Standing<'a>, Refused> {
    let change = same_call(step, ask)?;
    let here = owner == OwnerLife::Here;
    match &step.cycle {
        ToolCycle::Absent => unreachable!("a recorded step has at least one request"),
        ToolCycle::Succeeded(settled) => Ok(Standing::Settled { settled: Settlement::Succeeded(settled), change }),
        ToolCycle::Failed(settled) => Ok(Standing::Settled { settled: Settlement::Failed(settled), change }),
        ToolCycle::Requested(attempt) if owner != OwnerLife::Dead => {
            Ok(Standing::InFlight { owner: attempt.owner, here })
        }
        ToolCycle::Reconciling(_, open) if owner != OwnerLife::Dead => {
            Ok(Standing::InFlight { owner: open.owner, here })
        }
        ToolCycle::Requested(attempt) if step.effect != Effect::Read => Ok(Standing::Lost { request: attempt.request }),
        ToolCycle::Requested(attempt) | ToolCycle::RetryDue(attempt) => {
            accepted(change, ask)?;
            admitted(state, &ask.step)?;
            Ok(Standing::Due { attempt: attempt.number + 1 })
        }
        ToolCycle::Unknown(attempt, doubt) => {
            accepted(change, ask)?;
            Ok(Standing::InDoubt { attempt, cause: doubt.cause })
        }
        ToolCycle::Reconciling(attempt, _) => {
            accepted(change, ask)?;
            Ok(Standing::InDoubt { attempt, cause: Cause::OwnerLost })
        }
    }
}

/// What a reconciling tool can do, and when it is asked to.
#[derive(Debug, Clone, Copy)]
pub struct Means {
    /// Whether it can ask the outside world.
    pub probe: bool,
    /// The kernel's clock.
    pub now: Timestamp,
}

/// Decides a reconciliation.
///
/// # Errors
///
/// [`Refused`] as for [`decide_tool`], and when only a person can find out what happened.
pub fn decide_reconcile<'a>(
    state: &'a RunState,
    ask: &ToolAsk,
    owner: OwnerLife,
    means: Means,
) -> Result<ReconcileDecision<'a>, Refused> {
    drivable(state)?;
    let step = recorded(state, ask)?.ok_or(Refused::NothingRecorded)?;
    match standing(state, step, ask, owner)? {
        Standing::Settled { settled, change } => Ok(ReconcileDecision::Replay { settled, change }),
        Standing::InFlight { owner, here } => Ok(ReconcileDecision::InFlight { owner, here }),
        Standing::Lost { request } => Ok(ReconcileDecision::MarkUnknown { request }),
        Standing::Due { attempt } => Ok(ReconcileDecision::Retry { attempt }),
        Standing::InDoubt { attempt, .. } => find_out(state, (&ask.step, step), attempt, means),
    }
}

fn find_out<'a>(
    state: &RunState,
    (key, step): (&StepKey, &ToolStep),
    attempt: &Attempt,
    means: Means,
) -> Result<ReconcileDecision<'a>, Refused> {
    if means.probe {
        return Ok(ReconcileDecision::Probe { attempt: *attempt });
    }
    if key_still_held(step.effect, attempt, means.now) {
        admitted(state, key)?;
        return Ok(ReconcileDecision::CallAgain { attempt: *attempt });
    }
    Err(Refused::NeedsOperator { request: attempt.request })
}

/// Decides what a probe's "it did not happen" permits: another attempt, once the effect can no
/// longer land; until then the doubt stays, because the call may still be on its way.
#[must_use]
pub fn not_landed(attempt: &Attempt, now: Timestamp) -> Resolution {
    if now >= attempt.settled_at {
        return Resolution::NotLanded;
    }
    Resolution::Unknown(Doubt { cause: Cause::Reported, error: None })
}

/// Decides whether a doubt may be settled by calling again under the same request and key.
#[must_use]
pub fn may_call_again(state: &RunState, step: &StepKey, attempt: &Attempt, now: Timestamp) -> bool {
    state.admits(step) && state.tool_step(step).is_some_and(|step| key_still_held(step.effect, attempt, now))
}

fn key_still_held(effect: Effect, attempt: &Attempt, now: Timestamp) -> bool {
    match effect {
        Effect::Idempotent { retention_us } => now < attempt.first_at.after(Duration::from_micros(retention_us)),
        Effect::Read => true,
        Effect::SideEffect => false,
    }
}

/// Decides whether a person may resolve a step: only a doubt, and only while no answer can still come.
/// Returns the attempt and whether its doubt is yet to be recorded.
///
/// # Errors
///
/// [`Refused`] when there is nothing to resolve or the owner lives.
pub fn decide_resolve(state: &RunState, step: &StepKey, owner: OwnerLife) -> Result<(RequestId, bool), Refused> {
    drivable(state)?;
    let found = state.step(step).and_then(Step::effect).ok_or(Refused::NothingRecorded)?;
    if let Some(holder) = state.holder(step).filter(|_| found.is_unknown()) {
        return Err(Refused::BelongsToAncestor { holder: holder.clone() });
    }
    match found {
        ToolCycle::Unknown(attempt, _) => Ok((attempt.request, false)),
        ToolCycle::Requested(Attempt { owner: who, .. }) if owner != OwnerLife::Dead => {
            Err(Refused::OwnerAlive { owner: *who })
        }
        ToolCycle::Reconciling(_, open) if owner != OwnerLife::Dead => Err(Refused::OwnerAlive { owner: open.owner }),
        ToolCycle::Requested(attempt) => Ok((attempt.request, true)),
        ToolCycle::Reconciling(attempt, _) => Ok((attempt.request, false)),
        ToolCycle::Absent | ToolCycle::RetryDue(_) | ToolCycle::Succeeded(_) | ToolCycle::Failed(_) => {
            Err(Refused::NotInDoubt)
        }
    }
}

/// Returns how an attempt's outcome is recorded now: as its completion while its cycle is open,
/// as a late outcome once somebody else closed it.
#[must_use]
pub fn record_outcome(state: &RunState, step: &StepKey, done: ToolCompleted) -> Body {
    let open = state.tool_step(step).is_some_and(|step| match &step.cycle {
        ToolCycle::Requested(attempt) => attempt.request == done.request,
        _ => false,
    });
    if open {
        return done.into();
    }
    LateOutcome { elapsed_us: done.elapsed_us, request: done.request, what: Late::Tool(done.outcome) }.into()
}

/// Returns the outcome of an attempt whose process is gone.
#[must_use]
pub fn owner_lost(request: RequestId) -> ToolCompleted {
    let doubt = Doubt { cause: Cause::OwnerLost, error: None };
    ToolCompleted { elapsed_us: 0, outcome: Outcome::Unknown(doubt), request }
}

fn same_call(step: &ToolStep, ask: &ToolAsk) -> Result<Option<ToolChange>, Refused> {
    if step.tool.name != ask.tool.name {
        return Err(Refused::AnotherTool { recorded: step.tool.clone() });
    }
    if step.args.digest != ask.args.digest {
        return Err(Refused::OtherArguments { recorded: step.args });
    }
    let changed = step.tool != ask.tool;
    Ok(changed.then(|| ToolChange { recorded: step.tool.clone(), asked: ask.tool.clone() }))
}

fn accepted(change: Option<ToolChange>, ask: &ToolAsk) -> Result<(), Refused> {
    match change {
        Some(change) if !ask.accepts.contains(&change.recorded.version) => Err(Refused::ToolChanged(Box::new(change))),
        _ => Ok(()),
    }
}
