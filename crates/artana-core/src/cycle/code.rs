//! The cycle of a closure: the states are those of a tool's, and the events its own. What may be repeated is recorded
//! when it has happened; what may not is requested first. Never reads a clock.

use std::time::Duration;

use super::{Attempt, IllegalTransition, ToolCycle, ToolEvent};
use crate::{
    IncarnationId, Timestamp,
    event::{Body, CodeKind, Late, Outcome, StepCompleted, StepRequested},
};

impl ToolCycle {
    /// Returns the state of a closure after `event`. Nobody but a person, or a process that comes late, knows what
    /// became of one in doubt.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] when the event may not follow, or answers another attempt than the last.
    pub fn next_code(self, event: ToolEvent<'_>) -> Result<Self, IllegalTransition> {
        let refused = IllegalTransition { state: self.name(), event: event.body.kind() };
        let next = match event.body {
            Body::StepRequested(asked) => self.step_requested(event, asked),
            Body::StepCompleted(done) => self.step_completed(event, done),
            Body::ToolResolved(found) => self.resolved(event.seq, found.request, found.reconcile, &found.outcome),
            Body::LateOutcome(late) => match &late.what {
                Late::Tool(outcome) => self.late(event.seq, late.request, outcome),
                Late::Model(_) => None,
            },
            _ => None,
        };
        next.ok_or(refused)
    }

    /// A closure is asked of nobody but its own process, so it is in doubt as soon as that is gone.
    fn step_requested(self, event: ToolEvent<'_>, asked: &StepRequested) -> Option<Self> {
        let (number, first_at) = match &self {
            Self::Absent => (1, event.at),
            Self::RetryDue(last) => (last.number + 1, last.first_at),
            _ => return None,
        };
        let attempt = Attempt { owner: asked.incarnation, ..Attempt::unseen(event, number, first_at) };
        (asked.attempt == number).then_some(Self::Requested(attempt))
    }

    /// What may be repeated is recorded when it has happened, and was not requested.
    fn step_completed(self, event: ToolEvent<'_>, done: &StepCompleted) -> Option<Self> {
        let attempt = match (self, done.kind, done.request) {
            (Self::Requested(attempt), CodeKind::Once, Some(request)) if attempt.request == request => attempt,
            (Self::Absent, CodeKind::Compute, None) => Attempt::unseen(event, 1, event.at),
            (Self::RetryDue(last), CodeKind::Compute, None) => Attempt::unseen(event, last.number + 1, last.first_at),
            _ => return None,
        };
        match (&done.outcome, done.kind) {
            (Outcome::Failed(_), _) if done.again => Some(Self::RetryDue(attempt)),
            (_, _) if done.again => None,
            (Outcome::Unknown(_), CodeKind::Compute) => None,
            (outcome, _) => Some(attempt.ended(event.seq, outcome)),
        }
    }
}

impl Attempt {
    /// An attempt of a closure: nothing of it outlives its process.
    fn unseen(event: ToolEvent<'_>, number: u32, first_at: Timestamp) -> Self {
        Self {
            request: event.id.into(),
            number,
            owner: IncarnationId::from_bytes([0; 16]),
            first_at,
            settled_at: event.at,
            called_again: false,
            fruitless: 0,
            window: Duration::ZERO,
        }
    }
}
