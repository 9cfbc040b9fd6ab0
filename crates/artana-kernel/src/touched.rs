//! Which steps a process's own appends touched lately, for whoever has to see what is new without looking at every
//! step there is. It forgets, and says so.

use std::collections::VecDeque;

use artana_core::{Event, Seq, StepKey};

/// Most events that are remembered: several appends.
const MAX_REMEMBERED: usize = 1024;

/// The steps that were touched after a position.
#[derive(Debug)]
pub(crate) struct Touched {
    after: Seq,
    steps: VecDeque<(Seq, StepKey)>,
}

impl Touched {
    /// Remembers an event's step.
    pub(crate) fn note(&mut self, event: &Event) {
        let Some(step) = event.step() else { return };
        self.steps.push_back((event.seq(), step.clone()));
        if self.steps.len() > MAX_REMEMBERED
            && let Some((seq, _)) = self.steps.pop_front()
        {
            self.after = seq;
        }
    }

    /// Knows nothing of what was made up to a position.
    pub(crate) fn after(seq: Seq) -> Self {
        Self { after: seq, steps: VecDeque::new() }
    }

    /// Forgets everything up to a position: somebody else made it.
    pub(crate) fn forget(&mut self, up_to: Seq) {
        *self = Self::after(up_to);
    }

    /// Lists the steps touched after a position; `None` where that is not known any more.
    pub(crate) fn since(&self, seq: Seq) -> Option<Vec<StepKey>> {
        let known = seq >= self.after;
        known.then(|| self.steps.iter().rev().take_while(|(at, _)| *at > seq).map(|(_, step)| step.clone()).collect())
    }
}
