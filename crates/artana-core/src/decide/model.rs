//! Decides whether a model step is answered from the ledger, in a fork, or by the model.
//! Never looks at a clock, never calls a port, never writes.

use std::collections::BTreeSet;

use super::{OwnerLife, Refused, admitted, drivable};
use crate::{
    Digest, Frame, IncarnationId, RequestId, RunId, RunRef, RunState, Seq, Step, StepKey,
    ask::{Field, ModelAsk},
    cycle::Settled,
    event::{Abandoned, Answer, Body, Late, LateOutcome, ModelFailure, ModelOutcome, ModelTerminal},
    limits::MAX_ID_BYTES,
    model_cycle::ModelCycle,
    tag,
};

/// What happens when a step is asked otherwise than it was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every decision on a drift has to consider each of the three")]
pub enum ReplayPolicy {
    /// The ask is refused, with what differs.
    #[default]
    Strict,
    /// The recorded answer stands where only the prompt differs, and that it does is recorded.
    AllowPromptDrift,
    /// The ask is executed in a fork, which shares what came before the step.
    ForkOnDrift,
}

/// Whether a step that failed is tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is or it is not")]
pub enum RetryFailed {
    /// A new cycle begins; the failed one stays recorded.
    Yes,
    /// The recorded failure is raised.
    #[default]
    No,
}

/// What a caller wants of a recorded step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "these are the two questions a recorded step raises")]
pub struct Replay {
    /// What happens when the ask differs.
    pub policy: ReplayPolicy,
    /// What happens when the step failed.
    pub retry: RetryFailed,
}

/// What a model step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a step that ended gave an answer or did not")]
pub enum Told<'a> {
    /// The model answered.
    Completed(&'a Settled<Answer>),
    /// No cycle gave an answer that can be used.
    Failed(&'a Settled<ModelFailure>),
}

/// Where a fork leaves its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkPoint {
    /// The parent: the run, this one or an ancestor, in which the step began.
    pub parent: RunRef,
    /// The last event that is shared: the one before the step's first.
    pub cut: Seq,
}

/// What to do about a model ask.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the kernel has to carry out every decision")]
pub enum ModelDecision<'a> {
    /// Answer from the ledger.
    Replay(Told<'a>),
    /// Answer from the ledger, although the ask differs.
    ReplayDrifted {
        /// The recorded answer.
        settled: &'a Settled<Answer>,
        /// What differs.
        fields: BTreeSet<Field>,
        /// Whether this very drift is yet to be recorded.
        is_new: bool,
    },
    /// Execute in a fork.
    Fork {
        /// Where the fork leaves its parent.
        at: ForkPoint,
        /// What differs.
        fields: BTreeSet<Field>,
    },
    /// Somebody is at it.
    InFlight {
        /// Who.
        owner: IncarnationId,
        /// Whether that is this process.
        here: bool,
    },
    /// The owner is gone: close its request as abandoned and begin the next cycle in the same append.
    Takeover {
        /// The request.
        abandoned: RequestId,
        /// The next cycle's number.
        cycle: u32,
    },
    /// The owner is gone and the run starts nothing new: close its request as abandoned.
    CloseLost {
        /// The request.
        abandoned: RequestId,
    },
    /// Ask the model.
    Execute {
        /// The cycle's number.
        cycle: u32,
    },
}

/// Decides a model ask.
///
/// # Errors
///
/// [`Refused`] when the ask differs and the policy does not let that pass, or the run starts nothing new.
pub fn decide_model<'a>(
    state: &'a RunState,
    ask: &ModelAsk,
    replay: Replay,
    owner: OwnerLife,
) -> Result<ModelDecision<'a>, Refused> {
    drivable(state)?;
    let step = match state.step(&ask.step) {
        None => return admitted(state, &ask.step).map(|()| ModelDecision::Execute { cycle: 1 }),
        Some(Step::Model(step)) => step,
        Some(Step::Tool(step)) => return Err(Refused::AnotherKind { recorded: step.tool.name.to_string() }),
        Some(other) => return Err(Refused::AnotherKind { recorded: other.kind().into() }),
    };
    let fields = step.asked.differs(&ask.fingerprint);
    if !fields.is_empty() {
        match replay.policy {
            ReplayPolicy::Strict => return Err(Refused::Drift { fields }),
            ReplayPolicy::AllowPromptDrift if fields.iter().all(|field| field.is_prompt()) => {}
            ReplayPolicy::AllowPromptDrift => return Err(Refused::Drift { fields }),
            ReplayPolicy::ForkOnDrift => {
                return Ok(ModelDecision::Fork { at: point(state, &ask.step).expect("a recorded step"), fields });
            }
        }
    }
    match &step.cycle {
        ModelCycle::Absent => unreachable!("a recorded step has at least one request"),
        ModelCycle::Requested(asking) if owner != OwnerLife::Dead => {
            Ok(ModelDecision::InFlight { owner: asking.owner, here: owner == OwnerLife::Here })
        }
        ModelCycle::Requested(asking) if !state.admits(&ask.step) => {
            Ok(ModelDecision::CloseLost { abandoned: asking.request })
        }
        ModelCycle::Requested(asking) => {
            Ok(ModelDecision::Takeover { abandoned: asking.request, cycle: asking.cycle + 1 })
        }
        ModelCycle::Completed(settled) if fields.is_empty() => Ok(ModelDecision::Replay(Told::Completed(settled))),
        ModelCycle::Completed(settled) => {
            let is_new = !state.has_drifted(&ask.step, &ask.fingerprint.digest());
            Ok(ModelDecision::ReplayDrifted { settled, fields, is_new })
        }
        ModelCycle::Failed(settled) if replay.retry == RetryFailed::No => {
            Ok(ModelDecision::Replay(Told::Failed(settled)))
        }
        ModelCycle::Failed(_) | ModelCycle::RetryDue(_) | ModelCycle::Abandoned(_) => {
            admitted(state, &ask.step)?;
            Ok(ModelDecision::Execute { cycle: step.cycle.cycles() + 1 })
        }
    }
}

/// Decides where a person's fork leaves its parent: before the first event of a step.
///
/// # Errors
///
/// [`Refused::NothingRecorded`] when there is no such step.
pub fn decide_fork(state: &RunState, step: &StepKey) -> Result<ForkPoint, Refused> {
    drivable(state)?;
    point(state, step).ok_or(Refused::NothingRecorded)
}

/// Seq 1 starts the run and belongs to no step, so there is always an event before a step's first.
fn point(state: &RunState, step: &StepKey) -> Option<ForkPoint> {
    let (run, first) = state.origin(step)?;
    Some(ForkPoint { parent: RunRef::new(state.run().tenant.clone(), run.clone()), cut: Seq::new(first.get() - 1) })
}

/// Returns the id of the fork of `parent` at a step for an ask, so that the same drift finds the same fork.
#[must_use]
pub fn fork_id(parent: &RunRef, step: &StepKey, asked: &Digest) -> RunId {
    let frame = Frame::new("artana/1 fork")
        .field(tag::TENANT, parent.tenant.as_str().as_bytes())
        .field(tag::RUN, parent.run.as_str().as_bytes())
        .field(tag::STEP, step.as_str().as_bytes())
        .field(tag::FINGERPRINT, asked.as_bytes());
    shortened(parent.run.as_str(), &Digest::from_bytes(frame.hash()))
}

/// Returns the id of the child that a step of `parent` starts: both names, or as much of them as an id may have.
#[must_use]
pub fn child_id(parent: &RunRef, step: &StepKey) -> RunId {
    let whole = format!("{}/{step}", parent.run);
    if let Ok(id) = RunId::parse(&whole) {
        return id;
    }
    let frame = Frame::new("artana/1 child")
        .field(tag::TENANT, parent.tenant.as_str().as_bytes())
        .field(tag::RUN, parent.run.as_str().as_bytes())
        .field(tag::STEP, step.as_str().as_bytes());
    shortened(&whole, &Digest::from_bytes(frame.hash()))
}

/// The beginning of a name, and a part of a digest that tells it from others with the same beginning.
fn shortened(name: &str, digest: &Digest) -> RunId {
    const SUFFIX: usize = 21;
    let mut end = name.len().min(MAX_ID_BYTES - SUFFIX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let digest = digest.to_string();
    RunId::parse(format!("{}~{}", &name[..end], &digest[..SUFFIX - 1])).expect("a part of a run id and hex digits")
}

/// Returns how a request's end is recorded now: as its terminal while its cycle is open, as a late outcome
/// once somebody else closed it.
#[must_use]
pub fn record_terminal(state: &RunState, step: &StepKey, ended: ModelTerminal) -> Body {
    let open = state.model_step(step).is_some_and(|step| match &step.cycle {
        ModelCycle::Requested(asking) => asking.request == ended.request,
        _ => false,
    });
    if open {
        return ended.into();
    }
    LateOutcome { elapsed_us: ended.elapsed_us, request: ended.request, what: Late::Model(Box::new(ended.outcome)) }
        .into()
}

/// Returns the end of a request whose process is gone.
#[must_use]
pub fn model_owner_lost(request: RequestId) -> ModelTerminal {
    ModelTerminal { elapsed_us: 0, outcome: ModelOutcome::Abandoned(Abandoned::OwnerLost), request }
}
