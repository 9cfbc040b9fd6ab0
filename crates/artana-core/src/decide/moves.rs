//! Decides what keeps the rest of a workflow from being done in a fork: something would happen twice there, or not be
//! undone, or never be told.

use crate::{
    RunId, RunState, Seq, Step, StepKey,
    event::{CodeKind, Effect},
};

/// What ties a workflow to its run, so that a fork at some place of it cannot have the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tie {
    /// A child run that had not ended there. A fork would start another one, under other keys.
    Child {
        /// The step.
        step: StepKey,
        /// The child.
        child: RunId,
    },
    /// An effect that had begun there and had not ended. A fork would never learn what became of it.
    Effect(StepKey),
    /// What is to be undone was registered after it. A fork would not undo it.
    Rollback(StepKey),
    /// The step is recorded in this run, whose events the workflow's own shares.
    Shared(RunId),
    /// It was not the workflow's own code that asked.
    Outsider,
}

/// Lists what ties a workflow to its run, if a fork left it after `cut`, in the order in which it began.
#[must_use]
pub fn ties(state: &RunState, cut: Seq) -> Vec<Tie> {
    let ties = state.steps().filter_map(|(key, step)| Some((step.first(), tie(key, step, cut)?)));
    let mut ties: Vec<(Seq, Tie)> = ties.collect();
    ties.sort_by_key(|(first, _)| *first);
    ties.into_iter().map(|(_, tie)| tie).collect()
}

fn tie(key: &StepKey, step: &Step, cut: Seq) -> Option<Tie> {
    let ended = step.answered().is_some_and(|at| at <= cut);
    match step {
        Step::Child(child) if !ended => Some(Tie::Child { step: key.clone(), child: child.run.clone() }),
        Step::Rollback(undo) if undo.first > cut && undo.ended.is_none() => Some(Tie::Rollback(key.clone())),
        Step::Tool(_) | Step::Code(_) if is_effect(step) && step.first() <= cut && !ended => {
            Some(Tie::Effect(key.clone()))
        }
        _ => None,
    }
}

fn is_effect(step: &Step) -> bool {
    match step {
        Step::Tool(tool) => tool.effect != Effect::Read,
        Step::Code(code) => code.kind == CodeKind::Once,
        _ => false,
    }
}
