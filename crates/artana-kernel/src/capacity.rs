//! In what capacity something is appended to a run, and what may leave together. It appends nothing.

use std::sync::Arc;

use artana_core::RequestId;

use crate::drive::Drive;

/// In what capacity an entry is appended.
#[derive(Debug, Clone)]
pub(crate) enum Capacity {
    /// A request, or a request with its outcome: needs a living incarnation and an unleased run.
    Request,
    /// The same by whoever drives the run as a whole: needs or takes its lease.
    Drive(Arc<Drive>),
    /// The outcome of an effect that has begun: accepted whatever has become of this incarnation.
    Outcome(RequestId),
    /// A person or the outside world.
    Outside(artana_core::Actor),
}

impl Capacity {
    /// Returns whether an entry may leave together with others: an outcome with anything, everything else with its
    /// like. What a person says goes alone.
    pub(crate) fn joins<'a>(&self, mut others: impl Iterator<Item = &'a Self>) -> bool {
        others.all(|other| match (self, other) {
            (Self::Outside(_), _) | (_, Self::Outside(_)) => false,
            (Self::Outcome(_), _) | (_, Self::Outcome(_)) | (Self::Request, Self::Request) => true,
            (Self::Drive(one), Self::Drive(other)) => Arc::ptr_eq(one, other),
            (Self::Request, Self::Drive(_)) | (Self::Drive(_), Self::Request) => false,
        }) && !matches!(self, Self::Outside(_))
    }
}
