//! Which open asks have an answer in the ledger, and whose is the earliest. It reads no answer.

use std::cmp::Reverse;

use artana_core::{Ordinal, Place, StepKey};

use super::{driver::Driver, machine::Want, open::Open};

impl Driver {
    /// Says where the answer to an open ask is recorded, if it is.
    fn place_of(&self, ordinal: Ordinal, open: &Open) -> Option<Place> {
        if open.abandoned {
            return None;
        }
        self.state(|state| match &open.want {
            Want::Value(_) => state.program().value(ordinal).map(|(place, _)| *place),
            Want::Signal { name } => {
                let received = self.received.get(name).copied().unwrap_or(0);
                let turn = self.open.first_signal(name) == Some(ordinal);
                state.program().signals(name).get(received).filter(|_| turn).map(|signal| signal.place)
            }
            want => state.answered(want.key()?),
        })
    }

    pub(super) fn look_for(&mut self, ordinal: Ordinal) {
        let Some(open) = self.open.get(ordinal) else { return };
        if let Some(place) = self.place_of(ordinal, open) {
            self.ready.push(Reverse((place, ordinal)));
        }
    }

    /// Returns the open ask whose answer is the earliest there is, and where that is recorded.
    pub(super) fn next_ready(&mut self) -> Option<(Place, Ordinal)> {
        let (head, touched) = self.run.journal.touched_since(self.looked);
        if self.looked != Some(head) {
            self.look(touched);
        }
        self.looked = Some(head);
        while let Some(Reverse((place, ordinal))) = self.ready.pop() {
            if self.open.contains(ordinal) {
                return Some((place, ordinal));
            }
        }
        None
    }

    /// Looks for answers to what is no step, and to these steps; to everything where they are not known.
    fn look(&mut self, touched: Option<Vec<StepKey>>) {
        let open: Vec<Ordinal> = match &touched {
            Some(steps) => {
                let steps = steps.iter().filter_map(|step| self.open.step(step));
                self.open.waits().map(|(ordinal, _)| ordinal).chain(steps).collect()
            }
            None => {
                self.ready.clear();
                self.open.iter().map(|(ordinal, _)| ordinal).collect()
            }
        };
        open.into_iter().for_each(|ordinal| self.look_for(ordinal));
    }
}
