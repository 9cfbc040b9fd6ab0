//! What a run waits for, with the evidence, and what would lift it. Knows no command: how a person or a program
//! does what is named here is for others to say.

use std::collections::BTreeSet;

use crate::{
    Digest, IncarnationId, ModelId, RequestId, RunId, RunState, Step, StepKey, Timestamp, ToolStep,
    cycle::{Attempt, Reconciliation, ToolCycle},
    event::{Cause, Closing, Effect, ToolSignature},
    model_cycle::ModelCycle,
};

/// Something that a run waits for, or that is in doubt in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blocker {
    /// The run holds something this build does not know, and is not driven by it.
    Newer {
        /// The flag or kind.
        what: String,
    },
    /// An effect may or may not have happened.
    InDoubt {
        /// The step.
        step: StepKey,
        /// The tool.
        tool: ToolSignature,
        /// The attempt in doubt.
        attempt: Attempt,
        /// Why nobody knows.
        cause: Cause,
        /// Whether the doubt is in the ledger already.
        recorded: Recorded,
        /// By which the provider knows the effect.
        key: Digest,
    },
    /// Somebody is finding out about an effect in doubt.
    Reconciling {
        /// The step.
        step: StepKey,
        /// What they are doing.
        open: Reconciliation,
    },
    /// An effect that an ancestor began is in doubt, and only there can it be resolved.
    InAncestor {
        /// The step.
        step: StepKey,
        /// The ancestor.
        holder: RunId,
    },
    /// A living process is at a step.
    UnderWay {
        /// The step.
        step: StepKey,
        /// What is called.
        what: Pending,
        /// The request.
        request: RequestId,
        /// The process's incarnation.
        owner: IncarnationId,
    },
    /// The process at a step is gone, and nothing is lost by asking again.
    Orphaned {
        /// The step.
        step: StepKey,
        /// What was called.
        what: Pending,
        /// The request.
        request: RequestId,
        /// The run is closing and asks nothing again: the request only has to be closed.
        closing: Option<Closing>,
    },
    /// Another attempt or cycle may be made, and nobody makes it.
    Due {
        /// The step.
        step: StepKey,
        /// What is to be called.
        what: Pending,
        /// How many attempts or cycles have been made.
        made: u32,
    },
    /// Nothing is under way: whoever drives the run is between two steps, or has gone without ending it.
    Idle,
}

/// What a step calls.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a step is a model's or a tool's")]
pub enum Pending {
    /// A model.
    Model(ModelId),
    /// A tool.
    Tool(ToolSignature),
}

/// Whether a doubt stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it does or it does not")]
pub enum Recorded {
    /// It does.
    Yes,
    /// The process that called is gone, and nobody has asked for the step since.
    NotYet,
}

/// What lifts a blocker, or goes on from a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lift {
    /// A program that has the step's tool finds out what happened.
    Reconcile {
        /// The step.
        step: StepKey,
    },
    /// A person looks at the provider and says what happened.
    Resolve {
        /// The step.
        step: StepKey,
        /// By which the provider knows the effect.
        key: Digest,
        /// From when on "it did not happen" can be believed.
        settled_at: Timestamp,
    },
    /// The doubt is resolved in the run that holds the step.
    InAncestor {
        /// The step.
        step: StepKey,
        /// The ancestor.
        holder: RunId,
    },
    /// The process at the step is waited for.
    Wait,
    /// The program that drives the run is run again, and goes on by itself.
    RunAgain,
    /// The run is ended for what it is ending as once more, which closes the requests of processes that are gone.
    CloseAgain {
        /// How it ends.
        closing: Closing,
    },
    /// The program asks for the failed step to be tried again.
    RetryFailed {
        /// The step.
        step: StepKey,
    },
    /// The program does the same under another key.
    NewKey {
        /// The step.
        step: StepKey,
    },
    /// Somebody forks the run before the step.
    Fork {
        /// The step.
        step: StepKey,
    },
    /// A person gives the run up.
    Cancel,
    /// A newer version is used.
    Upgrade {
        /// What this build does not know.
        what: String,
    },
}

impl Blocker {
    /// Returns whether an effect is in doubt, which only somebody who finds out can change.
    #[must_use]
    pub fn needs_human(&self) -> bool {
        matches!(self, Self::InDoubt { .. } | Self::Reconciling { .. })
    }

    /// Lists what would lift it, the likeliest first.
    #[must_use]
    pub fn lifts(&self) -> Vec<Lift> {
        match self {
            Self::Newer { what } => vec![Lift::Upgrade { what: what.clone() }],
            Self::InDoubt { step, key, attempt, .. } => {
                let resolve = Lift::Resolve { step: step.clone(), key: *key, settled_at: attempt.settled_at };
                vec![Lift::Reconcile { step: step.clone() }, resolve]
            }
            Self::Reconciling { .. } | Self::UnderWay { .. } => vec![Lift::Wait],
            Self::InAncestor { step, holder } => {
                vec![Lift::InAncestor { step: step.clone(), holder: holder.clone() }]
            }
            Self::Orphaned { closing: Some(closing), .. } => vec![Lift::CloseAgain { closing: *closing }],
            Self::Orphaned { .. } | Self::Due { .. } | Self::Idle => vec![Lift::RunAgain, Lift::Cancel],
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Newer { .. } => 0,
            Self::InDoubt { .. } => 1,
            Self::Reconciling { .. } => 2,
            Self::InAncestor { .. } => 3,
            Self::Orphaned { .. } => 4,
            Self::UnderWay { .. } => 5,
            Self::Due { .. } => 6,
            Self::Idle => 7,
        }
    }
}

/// Lists what a run waits for.
pub(super) fn blockers(state: &RunState, alive: &BTreeSet<IncarnationId>) -> Vec<Blocker> {
    let newer = state.foreign().map(|what| Blocker::Newer { what: what.into() });
    let own = state.steps().filter_map(|(key, step)| of_step(state, alive, key, step));
    let shared = state
        .shared_steps()
        .filter(|(_, step)| step.is_unknown())
        .filter_map(|(key, _)| Some(Blocker::InAncestor { step: key.clone(), holder: state.holder(key)?.clone() }));
    let mut found: Vec<Blocker> = newer.into_iter().chain(own).chain(shared).collect();
    if state.status().is_finished() {
        // What an ended run leaves undone nobody waits for; what is in doubt still is.
        found.retain(|blocker| blocker.rank() < 3);
    } else if !found.iter().any(|blocker| blocker.rank() != 3) {
        found.push(Blocker::Idle);
    }
    found.sort_by_key(Blocker::rank);
    found
}

fn of_step(state: &RunState, alive: &BTreeSet<IncarnationId>, key: &StepKey, step: &Step) -> Option<Blocker> {
    let due = |what| Blocker::Due { step: key.clone(), what, made: step.attempts() };
    match step {
        Step::Model(model) => {
            let what = Pending::Model(model.asked.model.clone());
            match &model.cycle {
                ModelCycle::Requested(asking) => Some(open(state, alive, key, (what, asking.request, asking.owner))),
                ModelCycle::RetryDue(_) | ModelCycle::Abandoned(_) => Some(due(what)),
                ModelCycle::Absent | ModelCycle::Completed(_) | ModelCycle::Failed(_) => None,
            }
        }
        Step::Tool(tool) => match &tool.cycle {
            ToolCycle::Requested(attempt) if alive.contains(&attempt.owner) || tool.effect == Effect::Read => {
                let what = Pending::Tool(tool.tool.clone());
                Some(open(state, alive, key, (what, attempt.request, attempt.owner)))
            }
            ToolCycle::Requested(attempt) => {
                Some(doubt(state, key, tool, (*attempt, Cause::OwnerLost, Recorded::NotYet)))
            }
            ToolCycle::Unknown(attempt, why) => Some(doubt(state, key, tool, (*attempt, why.cause, Recorded::Yes))),
            ToolCycle::Reconciling(_, open) if alive.contains(&open.owner) => {
                Some(Blocker::Reconciling { step: key.clone(), open: *open })
            }
            ToolCycle::Reconciling(attempt, _) => {
                Some(doubt(state, key, tool, (*attempt, Cause::OwnerLost, Recorded::Yes)))
            }
            ToolCycle::RetryDue(_) => Some(due(Pending::Tool(tool.tool.clone()))),
            ToolCycle::Absent | ToolCycle::Succeeded(_) | ToolCycle::Failed(_) => None,
        },
    }
}

fn open(
    state: &RunState,
    alive: &BTreeSet<IncarnationId>,
    key: &StepKey,
    (what, request, owner): (Pending, RequestId, IncarnationId),
) -> Blocker {
    let step = key.clone();
    if alive.contains(&owner) {
        return Blocker::UnderWay { step, what, request, owner };
    }
    Blocker::Orphaned { step, what, request, closing: state.closing() }
}

fn doubt(
    state: &RunState,
    key: &StepKey,
    tool: &ToolStep,
    (attempt, cause, recorded): (Attempt, Cause, Recorded),
) -> Blocker {
    let effect = state.run().effect_key(key, &tool.tool.name);
    Blocker::InDoubt { step: key.clone(), tool: tool.tool.clone(), attempt, cause, recorded, key: effect }
}
