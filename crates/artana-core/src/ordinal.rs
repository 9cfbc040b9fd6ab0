//! The place of an ask in a workflow: the first thing a workflow asks has ordinal 0, the next one 1.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place of an ask in a workflow, counted from 0 in the order in which the code asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ordinal(u64);

impl Ordinal {
    /// Wraps a place.
    #[must_use]
    pub const fn new(place: u64) -> Self {
        Self(place)
    }

    /// Returns the place.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the next place.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
