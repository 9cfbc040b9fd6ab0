//! One step of a run, and what an event makes of it. Knows no other step and no run.

use std::collections::BTreeSet;

use super::FoldError;
use crate::{
    ContentRef, Digest, Event, IncarnationId, RequestId, RunId, Seq, StepKey,
    ask::Fingerprint,
    cycle::{ToolCycle, ToolEvent},
    event::{Body, Effect, Late, ModelCategory, ModelFailure, ModelRequested, ToolRequested, ToolSignature},
    model_cycle::{ModelCycle, ModelEvent},
};

/// One durable thing inside a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A tool call.
    Tool(ToolStep),
    /// A model call.
    Model(Box<ModelStep>),
}

/// A tool call: what was asked and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolStep {
    /// Where its first event is recorded.
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
    /// Where its first event is recorded.
    pub first: Seq,
    /// The ancestor that recorded it, where a fork goes on from there.
    pub first_in: Option<RunId>,
    /// Where the last cycle's request is recorded.
    pub asked_at: Seq,
    /// The ancestor that recorded it, where a fork has gone on and not asked again.
    pub asked_in: Option<RunId>,
    /// What the last cycle asked.
    pub asked: Fingerprint,
    /// Where the cycle stands.
    pub cycle: ModelCycle,
    /// The asks that differed from the recorded one and were answered all the same.
    pub drifts: BTreeSet<Digest>,
    /// The cycles that failed and left another one due, since the step was last begun afresh.
    pub round: Round,
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
    pub correcting: Option<Box<ModelFailure>>,
}

impl Round {
    fn after(&self, cycle: &ModelCycle) -> Self {
        match cycle {
            ModelCycle::RetryDue(settled) if settled.outcome.category == ModelCategory::InvalidOutput => Self {
                invalid: self.invalid.saturating_add(1),
                correcting: Some(Box::new(settled.outcome.clone())),
                ..*self
            },
            ModelCycle::RetryDue(_) => Self { transient: self.transient.saturating_add(1), ..self.clone() },
            ModelCycle::Absent | ModelCycle::Requested(_) | ModelCycle::Abandoned(_) => self.clone(),
            ModelCycle::Completed(_) | ModelCycle::Failed(_) => Self::default(),
        }
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

/// Returns the step after an event; `None` where the event belongs to no step. `own` is the step as the
/// run itself has it, `shared` as an ancestor had it: a model step goes on from there, an effect does not.
pub(super) fn next_step(
    own: Option<&Step>,
    shared: Option<(&RunId, &Step)>,
    event: &Event,
) -> Result<Option<Step>, FoldError> {
    let kind = event.body().kind();
    let kin = kin(event.body());
    if matches!(kin, Kin::Run) {
        return Ok(None);
    }
    let Some(key) = event.step() else { return Err(FoldError::NoStep { kind }) };
    let another_kind = || FoldError::AnotherKind { step: key.clone(), kind };
    match (kin, own) {
        (Kin::Tool, Some(Step::Model(_))) | (Kin::Model, Some(Step::Tool(_))) => Err(another_kind()),
        (Kin::Tool, own) => next_tool(own.and_then(Step::tool), key, event).map(Step::Tool).map(Some),
        (_, Some(own)) => next_model(own.model(), key, event).map(Some),
        (_, None) => match shared {
            None => next_model(None, key, event).map(Some),
            Some((_, Step::Tool(_))) => Err(another_kind()),
            Some((holder, Step::Model(step))) => next_model(Some(&taken_over(holder, step)), key, event).map(Some),
        },
    }
}

/// A step that a fork goes on from remembers whose positions it holds.
fn taken_over(holder: &RunId, step: &ModelStep) -> ModelStep {
    let or_holder = |run: &Option<RunId>| Some(run.clone().unwrap_or_else(|| holder.clone()));
    ModelStep { first_in: or_holder(&step.first_in), asked_in: or_holder(&step.asked_in), ..step.clone() }
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

fn next_model(last: Option<&ModelStep>, key: &StepKey, event: &Event) -> Result<Step, FoldError> {
    let cycle = last.map_or(ModelCycle::Absent, |step| step.cycle.clone());
    let seen = ModelEvent { id: event.id(), seq: event.seq(), body: event.body() };
    let cycle = cycle.next(seen).map_err(|source| FoldError::Step { step: key.clone(), source })?;
    let step = match (event.body(), last) {
        (Body::ModelRequested(asked), last) => requested(last, key, asked, event.seq())?,
        (Body::DriftReplayed(drift), Some(last)) => {
            let mut step = last.clone();
            if !step.drifts.insert(drift.asked) {
                return Err(FoldError::DriftAgain { step: key.clone() });
            }
            step
        }
        (_, Some(last)) => last.clone(),
        (_, None) => unreachable!("the cycle refuses everything but a request in an absent step"),
    };
    let changed = last.is_none_or(|last| last.cycle != cycle);
    let round = if changed { step.round.after(&cycle) } else { step.round.clone() };
    Ok(Step::Model(Box::new(ModelStep { cycle, round, ..step })))
}

fn requested(last: Option<&ModelStep>, key: &StepKey, asked: &ModelRequested, at: Seq) -> Result<ModelStep, FoldError> {
    let fingerprint = Fingerprint::from(asked);
    let Some(last) = last else {
        let cycle = ModelCycle::Absent;
        let (drifts, round) = (BTreeSet::new(), Round::default());
        let (first_in, asked_in) = (None, None);
        return Ok(ModelStep { first: at, first_in, asked_at: at, asked_in, asked: fingerprint, cycle, drifts, round });
    };
    if last.asked.differs(&fingerprint).iter().any(|field| !field.is_prompt()) {
        return Err(FoldError::AnotherAsk { step: key.clone() });
    }
    // What was wrong with the answer to another prompt is nothing to correct this one by.
    let round = if last.asked == fingerprint { last.round.clone() } else { Round::default() };
    Ok(ModelStep { asked_at: at, asked_in: None, asked: fingerprint, round, ..last.clone() })
}
