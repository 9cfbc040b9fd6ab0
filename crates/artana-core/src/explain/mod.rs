//! Explains a run to whoever has to decide what to do: how it began and ended, what was last heard of it, what
//! drifted, failed and cost, what blocks it, and what would lift that.
//!
//! A function of what the run's events add up to. It looks at no clock and no store, knows no command, and
//! holds no words: where something was said, it has the reference.

mod blocker;
mod history;
mod work;

use std::collections::{BTreeMap, BTreeSet};

pub use blocker::{Blocker, Lift, Pending, Recorded};
pub use history::{Drifted, Ended, History, Resolved, Went};
pub use work::{Lived, Work};

use crate::{
    Capability, ContentRef, Fork, Head, IncarnationId, LabelKey, ModelId, ParentLink, RunId, RunRef, RunState, Seq,
    Status, Step, StepKey, Timestamp, ToolName,
    cost::Costs,
    cycle::{Settled, ToolCycle},
    event::{ChildOutcome, Effect, ModelFailure, Outcome, ToolFailure},
    model_cycle::ModelCycle,
};

/// What happened in a run, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The run.
    pub run: RunRef,
    /// Where it stands.
    pub status: Status,
    /// The end of its chain.
    pub head: Head,
    /// How it began.
    pub began: Began,
    /// How it ended, or is about to.
    pub ended: Option<Ended>,
    /// How many of its own steps stand where.
    pub steps: Steps,
    /// How far its work has come, if it is done in sessions or by tasks.
    pub work: Option<Work>,
    /// The step that was last heard of.
    pub last_step: Option<Heard>,
    /// The step whose tool was called last.
    pub last_tool: Option<Heard>,
    /// Asks that differed from what was recorded, and that the run went on with.
    pub drifts: Vec<Drifted>,
    /// What was found out about calls in doubt.
    pub resolved: Vec<Resolved>,
    /// What became of its compensations, if it was to undo something.
    pub undone: Undone,
    /// The failure that no later success has cleared.
    pub failure: Option<Failure>,
    /// What the run's own calls used and cost.
    pub costs: Costs,
    /// Its forks.
    pub forks: BTreeMap<RunId, Fork>,
    /// What it waits for, or what is in doubt; what only a person can lift comes first.
    pub blockers: Vec<Blocker>,
}

/// How a run began.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Began {
    /// When.
    pub at: Timestamp,
    /// Where it left its parent, if it is a fork.
    pub parent: Option<ParentLink>,
    /// The steps it shares with its ancestors and has not gone on with, by the run that holds them.
    pub shares: BTreeMap<RunId, BTreeSet<StepKey>>,
    /// What it may do now.
    pub capabilities: BTreeSet<Capability>,
    /// Its labels.
    pub labels: BTreeMap<LabelKey, String>,
}

/// How many steps stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Steps {
    /// All of them.
    pub all: u64,
    /// Those that have what they were asked for.
    pub done: u64,
    /// Those that failed for good.
    pub failed: u64,
    /// Effects in doubt.
    pub unknown: u64,
    /// Those with a request that nobody has closed.
    pub pending: u64,
    /// Those with another attempt or cycle to make.
    pub due: u64,
}

/// What became of a run's compensations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undone {
    /// Those that were carried out.
    pub done: Vec<StepKey>,
    /// Those that failed: what they were to undo stands.
    pub failed: Vec<StepKey>,
}

/// A step, and when it was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heard {
    /// The step.
    pub key: StepKey,
    /// When its last event was made.
    pub at: Timestamp,
    /// Where it stands.
    pub step: Step,
}

/// A step that failed for good, with all that is recorded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// A model gave no answer that can be used.
    Model {
        /// The step.
        step: StepKey,
        /// The model.
        model: ModelId,
        /// The last cycle's failure.
        failed: Box<Settled<ModelFailure>>,
    },
    /// A tool refused, or the last of its attempts failed. Its effect did not happen.
    Tool {
        /// The step.
        step: StepKey,
        /// The tool.
        tool: ToolName,
        /// What it declares to do.
        effect: Effect,
        /// The last attempt's failure.
        failed: Box<Settled<ToolFailure>>,
    },
    /// A closure, or what was to undo something, failed.
    Code {
        /// The step.
        step: StepKey,
        /// Where that is recorded.
        at: Seq,
        /// What it said.
        error: ContentRef,
    },
    /// A child run failed.
    Child {
        /// The step.
        step: StepKey,
        /// The child.
        run: RunId,
        /// Where that is recorded.
        at: Seq,
        /// Why it was given up.
        error: ContentRef,
    },
}

/// Explains a run from its state and its events. `alive` holds those of the processes at its steps and sessions that
/// live.
#[must_use]
pub fn explain(state: &RunState, history: &History, alive: &BTreeSet<IncarnationId>) -> Explanation {
    Explanation {
        run: state.run().clone(),
        status: state.status(),
        head: state.head(),
        began: began(state),
        ended: history.ended().cloned(),
        steps: steps(state),
        work: work::of(state, history, alive),
        last_step: history.last_step().and_then(|key| heard(state, history, key)),
        last_tool: history.last_tool().and_then(|key| heard(state, history, key)),
        drifts: history.drifts().to_vec(),
        resolved: history.resolved().to_vec(),
        undone: undone(state),
        failure: failure(state),
        costs: state.costs().clone(),
        forks: state.forks().clone(),
        blockers: blocker::blockers(state, alive),
    }
}

impl Explanation {
    /// Lists what can be done, each once, the ways out of what blocks the run first.
    #[must_use]
    pub fn lifts(&self) -> Vec<Lift> {
        let open = !self.status.is_finished();
        let failure = self.failure.iter().flat_map(|failure| failure.lifts(open));
        let mut lifts = Vec::new();
        for lift in self.blockers.iter().flat_map(Blocker::lifts).chain(failure) {
            if !lifts.contains(&lift) {
                lifts.push(lift);
            }
        }
        lifts
    }

    /// Returns whether an effect is in doubt, which only somebody who finds out can change.
    #[must_use]
    pub fn needs_human(&self) -> bool {
        self.blockers.iter().any(Blocker::needs_human)
    }
}

impl Failure {
    /// Borrows the step that failed.
    #[must_use]
    pub fn step(&self) -> &StepKey {
        match self {
            Self::Model { step, .. } | Self::Tool { step, .. } | Self::Code { step, .. } | Self::Child { step, .. } => {
                step
            }
        }
    }

    /// Returns where the failure is recorded.
    #[must_use]
    pub fn at(&self) -> Seq {
        match self {
            Self::Model { failed, .. } => failed.at,
            Self::Tool { failed, .. } => failed.at,
            Self::Code { at, .. } | Self::Child { at, .. } => *at,
        }
    }

    /// A failed effect stays failed under its key, in forks too; a model may be asked again.
    fn lifts(&self, open: bool) -> Vec<Lift> {
        let step = self.step().clone();
        match self {
            Self::Model { .. } if open => {
                vec![Lift::RetryFailed { step: step.clone() }, Lift::Fork { step }]
            }
            Self::Tool { .. } if open => vec![Lift::NewKey { step }],
            // Whoever wrote the code sees to it: the failure was returned to it.
            Self::Code { .. } | Self::Child { .. } => Vec::new(),
            Self::Tool { effect: Effect::Read, .. } | Self::Model { .. } => vec![Lift::Fork { step }],
            Self::Tool { .. } => Vec::new(),
        }
    }
}

fn began(state: &RunState) -> Began {
    let mut shares: BTreeMap<RunId, BTreeSet<StepKey>> = BTreeMap::new();
    for (key, _) in state.shared_steps() {
        if let Some(holder) = state.holder(key) {
            shares.entry(holder.clone()).or_default().insert(key.clone());
        }
    }
    Began {
        at: state.started_at(),
        parent: state.genesis().parent.clone(),
        shares,
        capabilities: state.capabilities().clone(),
        labels: state.labels().clone(),
    }
}

fn undone(state: &RunState) -> Undone {
    let mut undone = Undone::default();
    for (key, step) in state.steps() {
        let Step::Rollback(rollback) = step else { continue };
        match &rollback.ended {
            Some((_, Outcome::Succeeded(_))) => undone.done.push(key.clone()),
            Some((_, Outcome::Failed(_) | Outcome::Unknown(_))) => undone.failed.push(key.clone()),
            None => {}
        }
    }
    undone
}

fn steps(state: &RunState) -> Steps {
    let mut steps = Steps::default();
    for (_, step) in state.steps() {
        steps.all += 1;
        let count = match step {
            Step::Model(model) => match &model.cycle {
                ModelCycle::Completed(_) => &mut steps.done,
                ModelCycle::Failed(_) => &mut steps.failed,
                ModelCycle::Requested(_) => &mut steps.pending,
                ModelCycle::RetryDue(_) | ModelCycle::Abandoned(_) | ModelCycle::Absent => &mut steps.due,
            },
            Step::Tool(tool) => of_cycle(&mut steps, &tool.cycle),
            Step::Code(code) => of_cycle(&mut steps, &code.cycle),
            Step::Timer(_) | Step::Pause(_) | Step::Child(_) | Step::Rollback(_) => match step.state() {
                "waiting" | "paused" | "started" => &mut steps.pending,
                "registered" => &mut steps.due,
                "failed" => &mut steps.failed,
                _ => &mut steps.done,
            },
        };
        *count += 1;
    }
    steps
}

fn of_cycle<'a>(steps: &'a mut Steps, cycle: &ToolCycle) -> &'a mut u64 {
    match cycle {
        ToolCycle::Succeeded(_) => &mut steps.done,
        ToolCycle::Failed(_) => &mut steps.failed,
        ToolCycle::Unknown(..) | ToolCycle::Reconciling(..) => &mut steps.unknown,
        ToolCycle::Requested(_) => &mut steps.pending,
        ToolCycle::RetryDue(_) | ToolCycle::Absent => &mut steps.due,
    }
}

fn heard(state: &RunState, history: &History, key: &StepKey) -> Option<Heard> {
    Some(Heard { key: key.clone(), at: history.last_heard(key)?, step: state.step(key)?.clone() })
}

fn failure(state: &RunState) -> Option<Failure> {
    let key = state.failed_step()?;
    let step = key.clone();
    match state.step(key)? {
        Step::Model(model) => match &model.cycle {
            ModelCycle::Failed(failed) => {
                Some(Failure::Model { step, model: model.asked.model.clone(), failed: failed.clone() })
            }
            _ => None,
        },
        Step::Tool(tool) => match &tool.cycle {
            ToolCycle::Failed(failed) => {
                let (name, effect) = (tool.tool.name.clone(), tool.effect);
                Some(Failure::Tool { step, tool: name, effect, failed: Box::new(failed.clone()) })
            }
            _ => None,
        },
        Step::Code(code) => match &code.cycle {
            ToolCycle::Failed(failed) => Some(Failure::Code { step, at: failed.at, error: failed.outcome.error }),
            _ => None,
        },
        Step::Child(child) => match &child.ended {
            Some((at, ChildOutcome::Failed(error))) => {
                Some(Failure::Child { step, run: child.run.clone(), at: *at, error: *error })
            }
            _ => None,
        },
        Step::Rollback(rollback) => match &rollback.ended {
            Some((at, Outcome::Failed(failed))) => Some(Failure::Code { step, at: *at, error: failed.error }),
            Some((at, Outcome::Unknown(doubt))) => Some(Failure::Code { step, at: *at, error: doubt.error? }),
            _ => None,
        },
        Step::Timer(_) | Step::Pause(_) => None,
    }
}
