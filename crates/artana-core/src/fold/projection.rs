//! A state with events added that may never be committed: what a batch would leave behind.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    FoldError, RunState, Step,
    summary::{Before, Summary},
};
use crate::{
    Event, Head, RunId, RunView, StepKey,
    event::{Body, RunFinished},
};

/// A state with events added that may never be committed: what a batch would leave behind.
///
/// A conversation goes on from a committed one only, never from one of the same batch.
#[derive(Debug, Clone)]
pub struct Projection<'a> {
    state: &'a RunState,
    now: Summary,
    changed: BTreeMap<StepKey, Step>,
    forks: BTreeSet<RunId>,
}

impl<'a> Projection<'a> {
    pub(super) fn new(state: &'a RunState) -> Self {
        Self { state, now: state.now.clone(), changed: BTreeMap::new(), forks: BTreeSet::new() }
    }

    /// Adds the next event.
    ///
    /// # Errors
    ///
    /// [`FoldError`] when it may not follow; the projection is then unchanged.
    pub fn apply(&mut self, event: &Event) -> Result<(), FoldError> {
        self.state.new_roots(event)?;
        self.state.new_fork(event)?;
        if let Body::RunForked(forked) = event.body()
            && self.forks.contains(&forked.fork)
        {
            return Err(FoldError::Fork { why: "it is recorded already" });
        }
        let committed = super::before(&self.state.steps, self.state.inherited.as_deref(), event);
        let changed = event.step().and_then(|key| self.changed.get(key));
        let next = self.now.advance(Before { own: changed.or(committed.own), ..committed }, event)?;
        if let (Some(key), Some(next)) = (event.step(), next) {
            self.changed.insert(key.clone(), next);
        }
        if let Body::RunForked(forked) = event.body() {
            self.forks.insert(forked.fork.clone());
        }
        Ok(())
    }

    /// Returns the run's last event if it is closing and nothing is under way any more.
    #[must_use]
    pub fn closes(&self) -> Option<RunFinished> {
        let closing = self.now.closing.filter(|_| self.now.finished.is_none() && self.now.pending.is_empty())?;
        Some(RunFinished { outcome: closing.into() })
    }

    /// Returns the end of the projected chain.
    #[must_use]
    pub fn head(&self) -> Head {
        self.now.head
    }

    /// Returns the run's row in a listing as the projection leaves it.
    #[must_use]
    pub fn view(&self) -> RunView {
        self.state.view_of(&self.now)
    }
}
