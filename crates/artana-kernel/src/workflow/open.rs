//! The asks that have no answer yet, and where each of them stands. It decides nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use artana_core::{Ordinal, StepKey, Timestamp};

use super::{
    Suspended,
    machine::{Performed, Slot, Want},
};
use crate::Error;

/// An ask that has no answer yet.
pub(super) struct Open {
    pub(super) want: Want,
    pub(super) since: Timestamp,
    pub(super) standing: Standing,
    pub(super) slot: Arc<Slot>,
    /// Whether it is a child that a race gave up. Nobody waits for its answer, but it has begun, and it is to end.
    pub(super) abandoned: bool,
    /// Whether it is a child that was asked to end in this life.
    pub(super) closed: bool,
}

impl Open {
    pub(super) fn new(want: Want, since: Timestamp, slot: Arc<Slot>) -> Self {
        Self { want, since, standing: Standing::Waiting, slot, abandoned: false, closed: false }
    }

    /// Returns the key of a child run that was left, because it waits for something or is in doubt.
    pub(super) fn left_child(&self) -> Option<&StepKey> {
        match (&self.want, &self.standing) {
            (Want::Child { key, .. }, Standing::Child(_) | Standing::Doubt(_)) => Some(key),
            _ => None,
        }
    }
}

/// Where an open ask stands.
pub(super) enum Standing {
    /// Nothing is being done about it.
    Waiting,
    /// It is being performed.
    Performing,
    /// It was performed, and its answer waits for its turn.
    Performed(Performed),
    /// Its effect is in doubt.
    Doubt(Error),
    /// It is a child run, which waits for something.
    Child(Suspended),
}

/// All open asks, in the order of their places. A workflow may ask for many steps at once, so nothing that happens
/// again and again looks at all of them.
#[derive(Default)]
pub(super) struct Asks {
    all: BTreeMap<Ordinal, Open>,
    /// Those that are no steps.
    waits: BTreeSet<Ordinal>,
    /// Those that are.
    steps: HashMap<StepKey, Ordinal>,
}

impl Asks {
    pub(super) fn insert(&mut self, ordinal: Ordinal, open: Open) {
        match &open.want {
            Want::Step { key, .. } => drop(self.steps.insert(key.clone(), ordinal)),
            _ => drop(self.waits.insert(ordinal)),
        }
        self.all.insert(ordinal, open);
    }

    pub(super) fn remove(&mut self, ordinal: Ordinal) -> Option<Open> {
        let open = self.all.remove(&ordinal)?;
        match &open.want {
            Want::Step { key, .. } => drop(self.steps.remove(key)),
            _ => drop(self.waits.remove(&ordinal)),
        }
        Some(open)
    }

    /// Forgets all of them but the children that are to end first.
    pub(super) fn clear(&mut self) {
        self.all.retain(|_, open| open.abandoned);
        self.waits.retain(|ordinal| self.all.contains_key(ordinal));
        self.steps.clear();
    }

    /// Returns whether there is none, not even a child that is to end first.
    pub(super) fn is_over(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns whether the code waits for none of them.
    pub(super) fn is_empty(&self) -> bool {
        self.waits().all(|(_, open)| open.abandoned) && self.steps.is_empty()
    }

    pub(super) fn contains(&self, ordinal: Ordinal) -> bool {
        self.all.contains_key(&ordinal)
    }

    pub(super) fn get(&self, ordinal: Ordinal) -> Option<&Open> {
        self.all.get(&ordinal)
    }

    pub(super) fn get_mut(&mut self, ordinal: Ordinal) -> Option<&mut Open> {
        self.all.get_mut(&ordinal)
    }

    /// Returns the place of the step that has this key, if it is open.
    pub(super) fn step(&self, key: &StepKey) -> Option<Ordinal> {
        self.steps.get(key).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Ordinal, &Open)> {
        self.all.iter().map(|(ordinal, open)| (*ordinal, open))
    }

    /// Lists those that are no steps.
    pub(super) fn waits(&self) -> impl Iterator<Item = (Ordinal, &Open)> {
        self.waits.iter().filter_map(|ordinal| self.all.get(ordinal).map(|open| (*ordinal, open)))
    }

    /// Returns the first of those that wait for a signal of this name: it is the one whose turn it is.
    pub(super) fn first_signal(&self, name: &artana_core::Name) -> Option<Ordinal> {
        let waits = |open: &Open| matches!(&open.want, Want::Signal { name: other } if other == name);
        self.waits().find_map(|(ordinal, open)| waits(open).then_some(ordinal))
    }
}
