//! What a run has recorded and may not record twice, or may go on from: drifts, forks, conversations.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    FoldError, Fork,
    turns::{Turns, roots},
};
use crate::{
    Digest, Event, RunId, StepKey,
    conversation::EMPTY_ROOT,
    event::{Body, ModelRequested},
};

/// What a run has recorded and may not record twice, or may go on from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Register {
    pub(super) turns: Turns,
    /// By step, the asks that differed from the recorded one and were answered all the same.
    drifts: BTreeMap<StepKey, BTreeSet<Digest>>,
    pub(super) forks: BTreeMap<RunId, Fork>,
}

impl Register {
    /// Takes over from a parent what its forks share with it. Its forks are its own.
    pub(super) fn shared(&self) -> Self {
        Self { turns: self.turns.clone(), drifts: self.drifts.clone(), forks: BTreeMap::new() }
    }

    pub(super) fn has_drifted(&self, step: &StepKey, asked: &Digest) -> bool {
        self.drifts.get(step).is_some_and(|drifts| drifts.contains(asked))
    }

    /// Checks an event against what stands here and in `earlier`, and returns the roots of the messages it adds.
    pub(super) fn check(&self, earlier: Option<&Self>, event: &Event) -> Result<Vec<Digest>, FoldError> {
        let both = || std::iter::once(self).chain(earlier);
        match (event.body(), event.step()) {
            (Body::ModelRequested(asked), Some(step)) => {
                let base = asked.extends.map_or(Some(EMPTY_ROOT), |kept| both().find_map(|one| one.turns.base(kept)));
                return roots(base, step, asked);
            }
            (Body::DriftReplayed(drift), Some(step)) if both().any(|one| one.has_drifted(step, &drift.asked)) => {
                return Err(FoldError::DriftAgain { step: step.clone() });
            }
            (Body::RunForked(forked), _) if both().any(|one| one.forks.contains_key(&forked.fork)) => {
                return Err(FoldError::Fork { why: "it is recorded already" });
            }
            _ => {}
        }
        Ok(Vec::new())
    }

    /// Remembers an event that was checked.
    pub(super) fn add(&mut self, event: &Event, roots: Vec<Digest>) {
        let Some(step) = event.step() else { return };
        match event.body() {
            Body::ModelRequested(ModelRequested { extends, .. }) => {
                self.turns.add(event, extends.map_or(0, |extends| extends.keep), roots);
            }
            Body::DriftReplayed(drift) => {
                self.drifts.entry(step.clone()).or_default().insert(drift.asked);
            }
            Body::RunForked(forked) => {
                let fork = Fork { step: step.clone(), recorded: (event.seq(), forked.clone()) };
                self.forks.insert(forked.fork.clone(), fork);
            }
            _ => {}
        }
    }
}
