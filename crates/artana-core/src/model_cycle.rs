//! The model cycle: which event may follow which, for one model step.
//!
//! States are consumed: an event either gives the next state or is refused, and nothing else
//! changes a step. This module decides nothing and knows no run.

use crate::{
    EventId, IncarnationId, RequestId, Seq,
    cycle::{IllegalTransition, Settled},
    event::{Answer, Body, Late, ModelFailure, ModelOutcome, ModelRequested, ModelTerminal},
};

/// Where a model step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every decision has to consider every state")]
pub enum ModelCycle {
    /// Nothing is recorded under the key.
    Absent,
    /// A model is being asked, or was when its process died.
    Requested(Asking),
    /// The last cycle failed in a way that leaves another one due.
    RetryDue(Box<Settled<ModelFailure>>),
    /// The model answered.
    Completed(Box<Settled<Answer>>),
    /// No cycle gave an answer that can be used, and none is due.
    Failed(Box<Settled<ModelFailure>>),
    /// Nobody will learn what the last request was answered.
    Abandoned(Asking),
}

/// One request of a model step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asking {
    /// The request, by which all later events name it.
    pub request: RequestId,
    /// 1 for the first cycle.
    pub cycle: u32,
    /// Whose heartbeat says whether it is still being made.
    pub owner: IncarnationId,
    /// Where the request is recorded.
    pub at: Seq,
}

/// An event of the model cycle, with what the cycle needs of its row.
#[derive(Debug, Clone, Copy)]
pub struct ModelEvent<'a> {
    /// The event's id.
    pub id: EventId,
    /// The event's position.
    pub seq: Seq,
    /// What the event says.
    pub body: &'a Body,
}

impl ModelCycle {
    /// Returns the state after `event`.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] when the event may not follow, or answers another request than the last.
    pub fn next(self, event: ModelEvent<'_>) -> Result<Self, IllegalTransition> {
        let refused = IllegalTransition { state: self.name(), event: event.body.kind() };
        let next = match event.body {
            Body::ModelRequested(asked) => self.requested(event, asked),
            Body::ModelTerminal(terminal) => self.terminal(event.seq, terminal),
            Body::DriftReplayed(drift) => self.replayed(drift.request),
            Body::LateOutcome(late) => self.late(late.request, &late.what),
            _ => None,
        };
        next.ok_or(refused)
    }

    /// A new cycle begins where none is open: the first, one that is due, or one that the caller asked for.
    fn requested(self, event: ModelEvent<'_>, asked: &ModelRequested) -> Option<Self> {
        if matches!(self, Self::Requested(_) | Self::Completed(_)) || asked.cycle != self.cycles() + 1 {
            return None;
        }
        let (request, at) = (event.id.into(), event.seq);
        Some(Self::Requested(Asking { request, cycle: asked.cycle, owner: asked.incarnation, at }))
    }

    fn terminal(self, at: Seq, terminal: &ModelTerminal) -> Option<Self> {
        let Self::Requested(asking) = self else { return None };
        if asking.request != terminal.request {
            return None;
        }
        Some(match &terminal.outcome {
            ModelOutcome::Completed(answer) => Self::Completed(Box::new(asking.settled(at, answer.clone()))),
            ModelOutcome::Failed(failure) if failure.again => {
                Self::RetryDue(Box::new(asking.settled(at, failure.clone())))
            }
            ModelOutcome::Failed(failure) => Self::Failed(Box::new(asking.settled(at, failure.clone()))),
            ModelOutcome::Abandoned(_) => Self::Abandoned(asking),
        })
    }

    /// A recorded answer was given once more; it has to be this one.
    fn replayed(self, request: RequestId) -> Option<Self> {
        match &self {
            Self::Completed(settled) if settled.request == request => Some(self),
            _ => None,
        }
    }

    /// Evidence of what was paid for. What an open request was answered is a terminal, not a late outcome.
    fn late(self, request: RequestId, what: &Late) -> Option<Self> {
        match self {
            Self::Absent => None,
            Self::Requested(asking) if asking.request == request => None,
            unchanged => matches!(what, Late::Model(_)).then_some(unchanged),
        }
    }

    /// Returns the state's name, as the transition table has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Requested(_) => "requested",
            Self::RetryDue(_) => "retry_due",
            Self::Completed(_) => "completed",
            Self::Failed(_) => "failed",
            Self::Abandoned(_) => "abandoned",
        }
    }

    /// Returns who is asking, if anybody is.
    #[must_use]
    pub fn owner(&self) -> Option<IncarnationId> {
        match self {
            Self::Requested(asking) => Some(asking.owner),
            _ => None,
        }
    }

    /// Returns the last request, if any was made.
    #[must_use]
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Absent => None,
            Self::Requested(asking) | Self::Abandoned(asking) => Some(asking.request),
            Self::Completed(settled) => Some(settled.request),
            Self::RetryDue(settled) | Self::Failed(settled) => Some(settled.request),
        }
    }

    /// Returns how many cycles were requested.
    #[must_use]
    pub fn cycles(&self) -> u32 {
        match self {
            Self::Absent => 0,
            Self::Requested(asking) | Self::Abandoned(asking) => asking.cycle,
            Self::Completed(settled) => settled.attempts,
            Self::RetryDue(settled) | Self::Failed(settled) => settled.attempts,
        }
    }
}

impl Asking {
    fn settled<T>(self, at: Seq, outcome: T) -> Settled<T> {
        Settled { request: self.request, attempts: self.cycle, at, outcome }
    }
}

#[cfg(test)]
mod tests;
