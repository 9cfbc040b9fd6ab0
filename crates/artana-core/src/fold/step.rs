//! One step of a run, and what an event makes of it. Knows no other step and no run.

use std::sync::Arc;

use super::FoldError;
use crate::{
    ContentRef, Event, IncarnationId, RequestId, Seq, StepKey,
    ask::Fingerprint,
    cycle::{ToolCycle, ToolEvent},
    event::{Body, Effect, Late, ModelCategory, ModelFailure, ModelRequested, ToolRequested, ToolSignature},
    model_cycle::{ModelCycle, ModelEvent},
};

/// One durable thing inside a run. Forks share it with their parents, in memory too.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A tool call.
    Tool(Arc<ToolStep>),
    /// A model call.
    Model(Arc<ModelStep>),
}

/// A tool call: what was asked and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolStep {
    /// Where its first event is recorded, in the run that holds it.
    pub first: Seq,
    /// The tool of the last attempt.
    pub tool: ToolSignature,
    /// What the tool declared it does.
    pub effect: Effect,
    /// The arguments.
    pub args: ContentRef,
    /// Where the cycle stands.
    pub cycle: ToolCycle,
}

/// A model call: what was asked and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelStep {
    /// Where its first event is recorded, in the run that holds it. A fork that goes on with a step of its
    /// ancestors holds it from its own first request on.
    pub first: Seq,
    /// Where the last cycle's request is recorded.
    pub asked_at: Seq,
    /// What the last cycle asked.
    pub asked: Fingerprint,
    /// Where the cycle stands.
    pub cycle: ModelCycle,
    /// The cycles that each left another one due, since the step was last begun afresh.
    pub round: Option<Box<Round>>,
}

/// How far a step has come with cycles that each left another one due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Round {
    /// How many gave an output that was not what was asked for.
    pub invalid: u32,
    /// How many failed in a way that may pass.
    pub transient: u32,
    /// The last output that was not what was asked for, which the next cycle has corrected.
    pub correcting: Option<ModelFailure>,
}

impl Round {
    /// Returns the round after a cycle has come to where it stands now.
    fn after(last: Option<&Self>, cycle: &ModelCycle) -> Option<Box<Self>> {
        let mut round = last.cloned().unwrap_or_default();
        match cycle {
            ModelCycle::RetryDue(settled) if settled.outcome.category == ModelCategory::InvalidOutput => {
                round.invalid = round.invalid.saturating_add(1);
                round.correcting = Some(settled.outcome.clone());
            }
            ModelCycle::RetryDue(_) => round.transient = round.transient.saturating_add(1),
            ModelCycle::Absent | ModelCycle::Requested(_) | ModelCycle::Abandoned(_) => {
                last?;
            }
            ModelCycle::Completed(_) | ModelCycle::Failed(_) => return None,
        }
        Some(Box::new(round))
    }
}

impl Step {
    /// Borrows the tool call, if it is one.
    #[must_use]
    pub fn tool(&self) -> Option<&ToolStep> {
        match self {
            Self::Tool(step) => Some(step),
            Self::Model(_) => None,
        }
    }

    /// Borrows the model call, if it is one.
    #[must_use]
    pub fn model(&self) -> Option<&ModelStep> {
        match self {
            Self::Model(step) => Some(step),
            Self::Tool(_) => None,
        }
    }

    /// Returns where the step's first event is recorded.
    #[must_use]
    pub fn first(&self) -> Seq {
        match self {
            Self::Tool(step) => step.first,
            Self::Model(step) => step.first,
        }
    }

    /// Returns whether a request is under way, or was when its process died.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        match self {
            Self::Tool(step) => step.cycle.is_pending(),
            Self::Model(step) => matches!(step.cycle, ModelCycle::Requested(_)),
        }
    }

    /// Returns whether an effect is in doubt.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.tool().is_some_and(|step| step.cycle.is_unknown())
    }

    /// Returns who is working on the step, if anybody is.
    #[must_use]
    pub fn owner(&self) -> Option<IncarnationId> {
        match self {
            Self::Tool(step) => step.cycle.owner(),
            Self::Model(step) => step.cycle.owner(),
        }
    }

    /// Returns the last request, if any was made.
    #[must_use]
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Tool(step) => step.cycle.request(),
            Self::Model(step) => step.cycle.request(),
        }
    }

    /// Returns the state's name, as the transition tables have it.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self {
            Self::Tool(step) => step.cycle.name(),
            Self::Model(step) => step.cycle.name(),
        }
    }

    /// Returns how often the step was requested.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Tool(step) => step.cycle.attempts(),
            Self::Model(step) => step.cycle.cycles(),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        match self {
            Self::Tool(step) => matches!(step.cycle, ToolCycle::Failed(_)),
            Self::Model(step) => matches!(step.cycle, ModelCycle::Failed(_)),
        }
    }

    pub(super) fn has_succeeded(&self) -> bool {
        match self {
            Self::Tool(step) => matches!(step.cycle, ToolCycle::Succeeded(_)),
            Self::Model(step) => matches!(step.cycle, ModelCycle::Completed(_)),
        }
    }

    /// Returns whether only what is no part of the cycle differs: evidence that came late, a drift.
    pub(super) fn same_cycle(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tool(a), Self::Tool(b)) => a.cycle == b.cycle,
            (Self::Model(a), Self::Model(b)) => a.cycle == b.cycle,
            _ => false,
        }
    }
}

/// Whether an event's kind belongs to a step, and to which kind of step.
enum Kin {
    Run,
    Tool,
    Model,
}

fn kin(body: &Body) -> Kin {
    match body {
        Body::ToolRequested(_)
        | Body::ToolAttemptFailed(_)
        | Body::ToolCompleted(_)
        | Body::ToolReconcileRequested(_)
        | Body::ToolResolved(_) => Kin::Tool,
        Body::ModelRequested(_) | Body::ModelTerminal(_) | Body::DriftReplayed(_) => Kin::Model,
        Body::LateOutcome(late) => match late.what {
            Late::Tool(_) => Kin::Tool,
            Late::Model(_) => Kin::Model,
        },
        _ => Kin::Run,
    }
}

/// A step as it stands before an event: as the run itself has it, and as a fork's parent had it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) own: Option<&'a Step>,
    pub(super) shared: Option<&'a Step>,
}

/// Checks what an event makes of its step, and returns the step after it; `None` where every step of the run
/// stays as it is. A fork goes on with a model step from where its parent had it, but not with an effect.
pub(super) fn next_step(before: Before<'_>, event: &Event) -> Result<Option<Step>, FoldError> {
    let kind = event.body().kind();
    let kin = kin(event.body());
    if matches!(kin, Kin::Run) {
        return Ok(None);
    }
    let Some(key) = event.step() else { return Err(FoldError::NoStep { kind }) };
    match (kin, before.own.or(before.shared)) {
        (Kin::Tool, Some(Step::Model(_))) | (Kin::Model, Some(Step::Tool(_))) => {
            Err(FoldError::AnotherKind { step: key.clone(), kind })
        }
        (Kin::Tool, _) => {
            let own = before.own.and_then(Step::tool);
            may_repeat(own, before.shared.and_then(Step::tool), key, event)?;
            next_tool(own, key, event).map(|next| Some(Step::Tool(Arc::new(next))))
        }
        (_, _) => next_model(before, key, event).map(|next| next.map(|next| Step::Model(Arc::new(next)))),
    }
}

/// What an ancestor settled is answered there, and what it left open is repeated only by a fork that says it
/// wants the effect for itself.
fn may_repeat(
    own: Option<&ToolStep>,
    shared: Option<&ToolStep>,
    key: &StepKey,
    event: &Event,
) -> Result<(), FoldError> {
    let (None, Some(shared), Body::ToolRequested(asked)) = (own, shared, event.body()) else { return Ok(()) };
    if asked.own_effect && !shared.cycle.is_settled() { Ok(()) } else { Err(FoldError::Shared { step: key.clone() }) }
}

fn next_tool(last: Option<&ToolStep>, key: &StepKey, event: &Event) -> Result<ToolStep, FoldError> {
    let asked = match event.body() {
        Body::ToolRequested(asked) => Some(asked),
        _ => None,
    };
    if let (Some(last), Some(asked)) = (last, asked)
        && (last.tool.name != asked.tool.name || last.args.digest != asked.args.digest)
    {
        return Err(FoldError::AnotherCall { step: key.clone() });
    }
    let cycle = last.map_or(ToolCycle::Absent, |step| step.cycle.clone());
    let seen = ToolEvent { id: event.id(), seq: event.seq(), at: event.at(), body: event.body() };
    let cycle = cycle.next(seen).map_err(|source| FoldError::Step { step: key.clone(), source })?;
    Ok(with_cycle(last, asked, cycle, event.seq()))
}

fn with_cycle(last: Option<&ToolStep>, asked: Option<&ToolRequested>, cycle: ToolCycle, seq: Seq) -> ToolStep {
    let first = last.map_or(seq, |last| last.first);
    match (asked, last) {
        (Some(asked), _) => ToolStep { first, tool: asked.tool.clone(), effect: asked.effect, args: asked.args, cycle },
        (None, Some(last)) => ToolStep { cycle, ..last.clone() },
        (None, None) => unreachable!("the cycle refuses everything but a request in an absent step"),
    }
}

/// Evidence that came late, and a drift that was answered all the same, leave the step as it is.
fn next_model(before: Before<'_>, key: &StepKey, event: &Event) -> Result<Option<ModelStep>, FoldError> {
    let last = before.own.or(before.shared).and_then(Step::model);
    let cycle = last.map_or(ModelCycle::Absent, |step| step.cycle.clone());
    let seen = ModelEvent { id: event.id(), seq: event.seq(), body: event.body() };
    let cycle = cycle.next(seen).map_err(|source| FoldError::Step { step: key.clone(), source })?;
    match (event.body(), last) {
        (Body::ModelRequested(asked), last) => {
            let asked = same_ask(last, key, asked)?;
            let first = before.own.map_or(event.seq(), Step::first);
            // What was wrong with the answer to another prompt is nothing to correct this one by.
            let same = last.filter(|last| last.asked == asked);
            let round = same.and_then(|last| last.round.clone());
            Ok(Some(ModelStep { first, asked_at: event.seq(), asked, cycle, round }))
        }
        (Body::ModelTerminal(_), Some(last)) => {
            let round = Round::after(last.round.as_deref(), &cycle);
            Ok(Some(ModelStep { cycle, round, ..last.clone() }))
        }
        _ => Ok(None),
    }
}

fn same_ask(last: Option<&ModelStep>, key: &StepKey, asked: &ModelRequested) -> Result<Fingerprint, FoldError> {
    let asked = Fingerprint::from(asked);
    match last {
        Some(last) if last.asked.differs(&asked).iter().any(|field| !field.is_prompt()) => {
            Err(FoldError::AnotherAsk { step: key.clone() })
        }
        _ => Ok(asked),
    }
}
