//! What a run waits for, with the evidence, and what would lift it. Knows no command: how a person or a program
//! does what is named here is for others to say.

use std::collections::BTreeSet;

use crate::{
    Digest, EventId, IncarnationId, ModelId, Name, Pause, Queued, RequestId, RunId, RunState, Status, Step, StepKey,
    Timestamp,
    cycle::{Attempt, Reconciliation, ToolCycle},
    event::{Cause, Closing, CodeKind, Effect, ToolSignature, Wait},
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
        /// What was called.
        what: Pending,
        /// The attempt in doubt.
        attempt: Attempt,
        /// Why nobody knows.
        cause: Cause,
        /// Whether the doubt is in the ledger already.
        recorded: Recorded,
        /// By which the provider knows the effect, where there is one.
        key: Option<Digest>,
    },
    /// Somebody stopped the run, or its own code did, until somebody says that it may go on.
    Paused {
        /// By which the pause is lifted.
        ticket: EventId,
        /// Who stopped it, why and when.
        pause: Pause,
    },
    /// The run's code waits for something from outside.
    Waits {
        /// The step, where the wait has one.
        step: Option<StepKey>,
        /// For what.
        wait: Wait,
    },
    /// The run is ending, and something it did has yet to be undone by its code.
    ToUndo {
        /// What is registered to undo something, the last first.
        steps: Vec<StepKey>,
    },
    /// Nobody has begun with it.
    Queued {
        /// Its place in the queue.
        place: Queued,
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
#[expect(clippy::exhaustive_enums, reason = "a step that may be under way is one of them")]
pub enum Pending {
    /// A model.
    Model(ModelId),
    /// A tool.
    Tool(ToolSignature),
    /// A closure.
    Code(CodeKind),
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
        /// By which the provider knows the effect, where there is one.
        key: Option<Digest>,
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
    /// A person says that the run may go on.
    Resume {
        /// By which the pause is lifted.
        ticket: EventId,
        /// The pause.
        pause: Pause,
    },
    /// Somebody sends the run a signal.
    Signal {
        /// Its name.
        name: Name,
    },
    /// The other run goes on.
    Child {
        /// Which.
        run: RunId,
    },
    /// What is under way is waited for.
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
    /// Returns whether somebody has to see to it: an effect is in doubt, or the run was stopped.
    #[must_use]
    pub fn needs_human(&self) -> bool {
        matches!(self, Self::InDoubt { .. } | Self::Reconciling { .. } | Self::Paused { .. })
    }

    /// Lists what would lift it, the likeliest first.
    #[must_use]
    pub fn lifts(&self) -> Vec<Lift> {
        match self {
            Self::Newer { what } => vec![Lift::Upgrade { what: what.clone() }],
            Self::InDoubt { step, key, attempt, .. } => {
                let resolve = Lift::Resolve { step: step.clone(), key: *key, settled_at: attempt.settled_at };
                // Nobody but a person knows what became of a closure.
                let reconcile = key.is_some().then(|| Lift::Reconcile { step: step.clone() });
                reconcile.into_iter().chain([resolve]).collect()
            }
            Self::Paused { ticket, pause } => vec![Lift::Resume { ticket: *ticket, pause: pause.clone() }],
            Self::Waits { wait: Wait::Signal(name), .. } => vec![Lift::Signal { name: name.clone() }],
            Self::Waits { wait: Wait::Child(run), .. } => vec![Lift::Child { run: run.clone() }],
            Self::ToUndo { .. } => vec![Lift::RunAgain],
            Self::Reconciling { .. } | Self::UnderWay { .. } | Self::Waits { .. } | Self::Queued { .. } => {
                vec![Lift::Wait]
            }
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
            Self::Paused { .. } => 4,
            Self::ToUndo { .. } => 5,
            Self::Orphaned { .. } => 6,
            Self::UnderWay { .. } => 7,
            Self::Waits { .. } => 8,
            Self::Due { .. } => 9,
            Self::Queued { .. } => 10,
            Self::Idle => 11,
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
    let whole = of_run(state);
    let mut found: Vec<Blocker> = newer.into_iter().chain(own).chain(shared).chain(whole).collect();
    if state.status().is_finished() {
        // What an ended run leaves undone nobody waits for; what is in doubt still is.
        found.retain(|blocker| blocker.rank() < 3);
    } else if !found.iter().any(|blocker| blocker.rank() != 3) {
        found.push(Blocker::Idle);
    }
    found.sort_by_key(Blocker::rank);
    found
}

/// Lists what stops the run as a whole.
fn of_run(state: &RunState) -> Vec<Blocker> {
    // A run that is ending undoes what it did, whatever it was stopped by or waits for.
    let goes_on = !state.is_closing();
    let pauses = state.pauses().iter().filter(|(_, pause)| goes_on || pause.is_parking());
    let mut found: Vec<Blocker> =
        pauses.map(|(ticket, pause)| Blocker::Paused { ticket: *ticket, pause: pause.clone() }).collect();
    if goes_on && state.is_suspended() {
        // A doubt and a pause say themselves what they are.
        let waits = state.waits().filter(|(_, _, wait)| !matches!(wait, Wait::Doubt { .. } | Wait::Pause(_)));
        found.extend(waits.map(|(_, step, wait)| Blocker::Waits { step: step.cloned(), wait: wait.clone() }));
    }
    let mut undo: Vec<StepKey> = state.rollbacks().cloned().collect();
    if state.closing().is_some() && !undo.is_empty() {
        undo.sort_by_key(|key| std::cmp::Reverse(state.origin(key).map(|(_, at)| at)));
        found.push(Blocker::ToUndo { steps: undo });
    }
    if let (Status::Queued, Some(place)) = (state.status(), state.view().queued) {
        found.push(Blocker::Queued { place });
    }
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
        Step::Tool(tool) => of_cycle((state, alive, key), Pending::Tool(tool.tool.clone()), &tool.cycle, tool.effect),
        Step::Code(code) => {
            let effect = if code.kind == CodeKind::Compute { Effect::Read } else { Effect::SideEffect };
            of_cycle((state, alive, key), Pending::Code(code.kind), &code.cycle, effect)
        }
        // What is waited for stops the run as a whole.
        Step::Timer(_) | Step::Pause(_) | Step::Child(_) | Step::Rollback(_) => None,
    }
}

type Around<'a> = (&'a RunState, &'a BTreeSet<IncarnationId>, &'a StepKey);

fn of_cycle(around: Around<'_>, what: Pending, cycle: &ToolCycle, effect: Effect) -> Option<Blocker> {
    let (state, alive, key) = around;
    match cycle {
        ToolCycle::Requested(attempt) if alive.contains(&attempt.owner) || effect == Effect::Read => {
            Some(open(state, alive, key, (what, attempt.request, attempt.owner)))
        }
        ToolCycle::Requested(attempt) => Some(doubt(state, key, what, (*attempt, Cause::OwnerLost, Recorded::NotYet))),
        ToolCycle::Unknown(attempt, why) => Some(doubt(state, key, what, (*attempt, why.cause, Recorded::Yes))),
        ToolCycle::Reconciling(_, open) if alive.contains(&open.owner) => {
            Some(Blocker::Reconciling { step: key.clone(), open: *open })
        }
        ToolCycle::Reconciling(attempt, _) => {
            Some(doubt(state, key, what, (*attempt, Cause::OwnerLost, Recorded::Yes)))
        }
        ToolCycle::RetryDue(attempt) => Some(Blocker::Due { step: key.clone(), what, made: attempt.number }),
        ToolCycle::Absent | ToolCycle::Succeeded(_) | ToolCycle::Failed(_) => None,
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
    what: Pending,
    (attempt, cause, recorded): (Attempt, Cause, Recorded),
) -> Blocker {
    let effect = match &what {
        Pending::Tool(tool) => Some(state.run().effect_key(key, &tool.name)),
        Pending::Model(_) | Pending::Code(_) => None,
    };
    Blocker::InDoubt { step: key.clone(), what, attempt, cause, recorded, key: effect }
}
