//! A state with events added that may never be committed: what a batch would leave behind.

use std::collections::BTreeMap;

use super::{FoldError, Program, RunState, Step, Work, register::Register, step::Before, summary::Summary};
use crate::{Event, Head, RunView, StepKey, event::RunFinished};

/// A state with events added that may never be committed: what a batch would leave behind.
#[derive(Debug, Clone)]
pub struct Projection<'a> {
    state: &'a RunState,
    now: Summary,
    changed: BTreeMap<StepKey, Step>,
    register: Register,
    program: Program,
    work: Work,
}

impl<'a> Projection<'a> {
    pub(super) fn new(state: &'a RunState) -> Self {
        Self {
            state,
            now: state.now.clone(),
            changed: BTreeMap::new(),
            register: Register::default(),
            program: Program::default(),
            work: Work::default(),
        }
    }

    /// Adds the next event.
    ///
    /// # Errors
    ///
    /// [`FoldError`] when it may not follow; the projection is then unchanged.
    pub fn apply(&mut self, event: &Event) -> Result<(), FoldError> {
        let committed = self.state.before(event);
        let changed = event.step().and_then(|key| self.changed.get(key));
        let before = Before { own: changed.or(committed.own), ..committed };
        let next = self.now.check(before, event)?;
        let roots = self.register.check(Some(&self.state.register), event)?;
        self.program.check(Some(&self.state.program), event)?;
        self.work.check(Some(&self.state.work), &self.now.session, event)?;
        self.now.advance(event, before.own, next.as_ref());
        self.register.add(event, roots);
        self.program.add(event, self.state.depth());
        self.work.add(Some(&self.state.work), event, &self.state.costs);
        if let (Some(key), Some(next)) = (event.step(), next) {
            self.changed.insert(key.clone(), next);
        }
        Ok(())
    }

    /// Returns the run's last event if it is closing and nothing is under way any more.
    #[must_use]
    pub fn closes(&self) -> Option<RunFinished> {
        let closing = self.now.closes()?;
        Some(RunFinished { outcome: closing.into(), output: None })
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
