//! One step of a run, and what an event makes of it. Knows no other step and no run.

use std::sync::Arc;

use super::{
    FoldError,
    code::{CodeStep, next_code},
    wait::{ChildStep, PauseStep, RollbackStep, TimerStep, next_child, next_pause, next_rollback, next_timer},
};
use crate::{
    ContentRef, Event, IncarnationId, RequestId, Seq, StepKey,
    ask::Fingerprint,
    cycle::{ToolCycle, ToolEvent},
    event::{
        Body, ChildOutcome, CodeKind, Effect, Late, ModelCategory, ModelFailure, ModelRequested, Outcome,
        ToolRequested, ToolSignature, Wait,
    },
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
    /// A closure.
    Code(Arc<CodeStep>),
    /// A wait for an instant.
    Timer(Arc<TimerStep>),
    /// A wait for a person.
    Pause(Arc<PauseStep>),
    /// A run that does part of the work.
    Child(Arc<ChildStep>),
    /// What undoes part of the work.
    Rollback(Arc<RollbackStep>),
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
        if let Self::Tool(step) = self { Some(step) } else { None }
    }

    /// Borrows the model call, if it is one.
    #[must_use]
    pub fn model(&self) -> Option<&ModelStep> {
        if let Self::Model(step) = self { Some(step) } else { None }
    }

    /// Borrows the closure, if it is one.
    #[must_use]
    pub fn code(&self) -> Option<&CodeStep> {
        if let Self::Code(step) = self { Some(step) } else { None }
    }

    /// Borrows the cycle of a call that may leave a doubt.
    #[must_use]
    pub fn effect(&self) -> Option<&ToolCycle> {
        match self {
            Self::Tool(step) => Some(&step.cycle),
            Self::Code(step) => Some(&step.cycle),
            _ => None,
        }
    }

    /// Names what kind of thing the step is, as code spells it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tool(_) => "tool",
            Self::Model(_) => "model",
            Self::Code(step) if step.kind == CodeKind::Compute => "compute",
            Self::Code(_) => "once",
            Self::Timer(_) => "sleep",
            Self::Pause(_) => "pause",
            Self::Child(_) => "child",
            Self::Rollback(_) => "on_rollback",
        }
    }

    /// Returns where the step's first event is recorded.
    #[must_use]
    pub fn first(&self) -> Seq {
        match self {
            Self::Tool(step) => step.first,
            Self::Model(step) => step.first,
            Self::Code(step) => step.first,
            Self::Timer(step) => step.first,
            Self::Pause(step) => step.first,
            Self::Child(step) => step.first,
            Self::Rollback(step) => step.first,
        }
    }

    /// Returns where it is recorded what whoever asked for the step is told, if that is known for good.
    #[must_use]
    pub fn answered(&self) -> Option<Seq> {
        match self {
            Self::Tool(step) => step.cycle.settled_at(),
            Self::Code(step) => step.cycle.settled_at(),
            Self::Model(step) => match &step.cycle {
                ModelCycle::Completed(settled) => Some(settled.at),
                ModelCycle::Failed(settled) => Some(settled.at),
                _ => None,
            },
            Self::Timer(step) => step.fired,
            Self::Pause(step) => step.resumed.as_ref().map(|resumed| resumed.at),
            Self::Child(step) => step.ended.as_ref().map(|(at, _)| *at),
            Self::Rollback(step) => Some(step.first),
        }
    }

    /// Returns whether a request is under way, or was when its process died.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        match self {
            Self::Model(step) => matches!(step.cycle, ModelCycle::Requested(_)),
            other => other.effect().is_some_and(ToolCycle::is_pending),
        }
    }

    /// Returns whether an effect is in doubt.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.effect().is_some_and(ToolCycle::is_unknown)
    }

    /// Returns who is working on the step, if anybody is.
    #[must_use]
    pub fn owner(&self) -> Option<IncarnationId> {
        match self {
            Self::Model(step) => step.cycle.owner(),
            other => other.effect().and_then(ToolCycle::owner),
        }
    }

    /// Returns the last request, if any was made.
    #[must_use]
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Model(step) => step.cycle.request(),
            other => other.effect().and_then(ToolCycle::request),
        }
    }

    /// Returns the state's name, as the transition tables have it.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self {
            Self::Tool(step) => step.cycle.name(),
            Self::Model(step) => step.cycle.name(),
            Self::Code(step) => step.cycle.name(),
            Self::Timer(step) => step.state(),
            Self::Pause(step) => step.state(),
            Self::Child(step) => step.state(),
            Self::Rollback(step) => step.state(),
        }
    }

    /// Returns how often the step was requested.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Model(step) => step.cycle.cycles(),
            other => other.effect().map_or(1, ToolCycle::attempts),
        }
    }

    /// Returns whether the step ended in a failure, which it does not leave by being asked again.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        match self {
            Self::Tool(step) => matches!(step.cycle, ToolCycle::Failed(_)),
            Self::Model(step) => matches!(step.cycle, ModelCycle::Failed(_)),
            Self::Code(step) => matches!(step.cycle, ToolCycle::Failed(_)),
            Self::Child(step) => matches!(step.ended, Some((_, ChildOutcome::Failed(_)))),
            Self::Rollback(step) => matches!(step.ended, Some((_, Outcome::Failed(_) | Outcome::Unknown(_)))),
            Self::Timer(_) | Self::Pause(_) => false,
        }
    }

    pub(super) fn has_succeeded(&self) -> bool {
        match self {
            Self::Tool(step) => matches!(step.cycle, ToolCycle::Succeeded(_)),
            Self::Model(step) => matches!(step.cycle, ModelCycle::Completed(_)),
            Self::Code(step) => matches!(step.cycle, ToolCycle::Succeeded(_)),
            Self::Child(step) => matches!(step.ended, Some((_, ChildOutcome::Completed(_)))),
            // That the clock ran on, or that something was undone, clears no failure.
            Self::Timer(_) | Self::Pause(_) | Self::Rollback(_) => false,
        }
    }

    /// Returns whether only what is no part of the cycle differs: evidence that came late, a drift.
    pub(super) fn same_cycle(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tool(a), Self::Tool(b)) => a.cycle == b.cycle,
            (Self::Code(a), Self::Code(b)) => a.cycle == b.cycle,
            (Self::Model(a), Self::Model(b)) => a.cycle == b.cycle,
            (a, b) => a == b,
        }
    }
}

/// Whether an event's kind belongs to a step, and to which kind of step.
#[derive(Clone, Copy, PartialEq)]
enum Kin {
    Run,
    Tool,
    Model,
    Code,
    /// A tool's or a closure's.
    Doubt,
    Timer,
    Pause,
    Child,
    Rollback,
}

fn kin(event: &Event) -> Kin {
    match event.body() {
        Body::ToolRequested(_)
        | Body::ToolAttemptFailed(_)
        | Body::ToolCompleted(_)
        | Body::ToolReconcileRequested(_) => Kin::Tool,
        Body::ToolResolved(_) => Kin::Doubt,
        Body::ModelRequested(_) | Body::ModelTerminal(_) | Body::DriftReplayed(_) => Kin::Model,
        Body::LateOutcome(late) => match late.what {
            Late::Tool(_) => Kin::Doubt,
            Late::Model(_) => Kin::Model,
        },
        Body::StepCompleted(done) if done.kind == CodeKind::Rollback => Kin::Rollback,
        Body::StepRequested(_) | Body::StepCompleted(_) => Kin::Code,
        Body::WaitStarted(begun) if matches!(begun.wait, Wait::Timer(_)) => Kin::Timer,
        Body::TimerFired(_) => Kin::Timer,
        Body::Paused(paused) if paused.ordinal.is_some() || event.step().is_some() => Kin::Pause,
        Body::Resumed(_) if event.step().is_some() => Kin::Pause,
        Body::ChildStarted(_) | Body::ChildFinished(_) => Kin::Child,
        Body::CompensationRegistered(_) => Kin::Rollback,
        _ => Kin::Run,
    }
}

impl Kin {
    /// Returns whether an event of this kind may follow in a step.
    fn fits(self, step: &Step) -> bool {
        match self {
            Self::Run => true,
            Self::Doubt => matches!(step, Step::Tool(_) | Step::Code(_)),
            Self::Tool => matches!(step, Step::Tool(_)),
            Self::Model => matches!(step, Step::Model(_)),
            Self::Code => matches!(step, Step::Code(_)),
            Self::Timer => matches!(step, Step::Timer(_)),
            Self::Pause => matches!(step, Step::Pause(_)),
            Self::Child => matches!(step, Step::Child(_)),
            Self::Rollback => matches!(step, Step::Rollback(_)),
        }
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
    let kin = kin(event);
    if kin == Kin::Run {
        return Ok(None);
    }
    let Some(key) = event.step() else { return Err(FoldError::NoStep { kind }) };
    let last = before.own.or(before.shared);
    if last.is_some_and(|last| !kin.fits(last)) {
        return Err(FoldError::AnotherKind { step: key.clone(), kind });
    }
    match (kin, last) {
        (Kin::Model, _) => next_model(before, key, event).map(|next| next.map(|next| Step::Model(Arc::new(next)))),
        (Kin::Code, _) | (Kin::Doubt, Some(Step::Code(_))) => {
            not_shared(before, key)?;
            let own = before.own.and_then(Step::code);
            next_code(own, key, event).map(|next| Some(Step::Code(Arc::new(next))))
        }
        (Kin::Tool | Kin::Doubt, _) => {
            let own = before.own.and_then(Step::tool);
            may_repeat(own, before.shared.and_then(Step::tool), key, event)?;
            next_tool(own, key, event).map(|next| Some(Step::Tool(Arc::new(next))))
        }
        (_, last) => next_wait(kin, last, key, event),
    }
}

/// A fork goes on with a wait from where its parent had it.
fn next_wait(kin: Kin, last: Option<&Step>, key: &StepKey, event: &Event) -> Result<Option<Step>, FoldError> {
    match (kin, last) {
        (Kin::Timer, Some(Step::Timer(last))) => {
            Ok(next_timer(Some(last), key, event)?.map(|step| Step::Timer(step.into())))
        }
        (Kin::Timer, _) => Ok(next_timer(None, key, event)?.map(|step| Step::Timer(step.into()))),
        (Kin::Pause, Some(Step::Pause(last))) => {
            Ok(next_pause(Some(last), key, event)?.map(|step| Step::Pause(step.into())))
        }
        (Kin::Pause, _) => Ok(next_pause(None, key, event)?.map(|step| Step::Pause(step.into()))),
        (Kin::Child, Some(Step::Child(last))) => {
            Ok(next_child(Some(last), key, event)?.map(|step| Step::Child(step.into())))
        }
        (Kin::Child, _) => Ok(next_child(None, key, event)?.map(|step| Step::Child(step.into()))),
        (_, Some(Step::Rollback(last))) => {
            Ok(next_rollback(Some(last), key, event)?.map(|step| Step::Rollback(step.into())))
        }
        (_, _) => Ok(next_rollback(None, key, event)?.map(|step| Step::Rollback(step.into()))),
    }
}

/// A closure that an ancestor has begun is gone on with there, and what it settled is answered there.
fn not_shared(before: Before<'_>, key: &StepKey) -> Result<(), FoldError> {
    match (before.own, before.shared) {
        (None, Some(_)) => Err(FoldError::Shared { step: key.clone() }),
        _ => Ok(()),
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
