//! The tool cycle: which event may follow which, for one tool step.
//!
//! States are consumed: an event either gives the next state or is refused, and nothing else
//! changes a step. This module decides nothing and knows no run.

mod code;

use std::time::Duration;

use crate::{
    EventId, IncarnationId, RequestId, Seq, Timestamp,
    event::{
        Body, Doubt, Late, Outcome, ReconcileAction, Resolution, Success, ToolFailure, ToolReconcileRequested,
        ToolRequested,
    },
};

/// Where a tool step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every decision has to consider every state")]
pub enum ToolCycle {
    /// Nothing is recorded under the key.
    Absent,
    /// An attempt is under way, or was when its process died.
    Requested(Attempt),
    /// The last attempt is known not to have happened; another may be made.
    RetryDue(Attempt),
    /// Nobody can say whether the last attempt happened.
    Unknown(Attempt, Doubt),
    /// Somebody is finding out.
    Reconciling(Attempt, Reconciliation),
    /// The effect happened. Terminal.
    Succeeded(Settled<Success>),
    /// The effect did not happen and will not. Terminal.
    Failed(Settled<ToolFailure>),
}

/// One attempt of a tool step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The request, by which all later events name it.
    pub request: RequestId,
    /// 1 for the first attempt.
    pub number: u32,
    /// Whose heartbeat says whether it is still being made.
    pub owner: IncarnationId,
    /// When the step's first attempt was requested: a provider's retention counts from here.
    pub first_at: Timestamp,
    /// From when on an effect of this attempt can no longer land.
    pub settled_at: Timestamp,
    /// Whether a reconciler has called again under the same request: from then on one call's failure
    /// says nothing about the other's.
    pub called_again: bool,
    /// How long after a call has left its effect may land: the tool's timeout and settling time.
    pub window: Duration,
    /// How many attempts before this one were in doubt, and then found not to have happened.
    pub fruitless: u8,
}

/// The longest wait before a doubt is asked about again, unless an effect may land later than that.
const LONGEST_DOUBT: Duration = Duration::from_secs(60 * 60);

impl Attempt {
    /// Returns when it is worth asking again what became of the attempt, of which a probe has seen nothing: when its
    /// effect can no longer land. After each attempt that was in doubt and found not to have happened, the wait
    /// doubles, up to an hour.
    #[must_use]
    pub fn ask_again_at(&self) -> Timestamp {
        let doubled = self.window.saturating_mul(2_u32.saturating_pow(self.fruitless.into())).min(LONGEST_DOUBT);
        self.settled_at.after(doubled.saturating_sub(self.window))
    }
}

/// A reconciliation under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconciliation {
    /// The event that began it.
    pub id: EventId,
    /// What is being done.
    pub action: ReconcileAction,
    /// Whose heartbeat says whether it still is.
    pub owner: IncarnationId,
}

/// A terminal outcome and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled<T> {
    /// The attempt it is the outcome of.
    pub request: RequestId,
    /// How many attempts were made.
    pub attempts: u32,
    /// Where the outcome is recorded.
    pub at: Seq,
    /// The outcome.
    pub outcome: T,
}

/// An event of the tool cycle, with what the cycle needs of its row.
#[derive(Debug, Clone, Copy)]
pub struct ToolEvent<'a> {
    /// The event's id.
    pub id: EventId,
    /// The event's position.
    pub seq: Seq,
    /// The event's time.
    pub at: Timestamp,
    /// What the event says.
    pub body: &'a Body,
}

/// An event that may not follow the state it met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} may not follow {state}")]
pub struct IllegalTransition {
    /// The state.
    pub state: &'static str,
    /// The event's kind.
    pub event: &'static str,
}

impl ToolCycle {
    /// Returns the state after `event`.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] when the event may not follow, or answers another attempt than the last.
    pub fn next(self, event: ToolEvent<'_>) -> Result<Self, IllegalTransition> {
        let refused = IllegalTransition { state: self.name(), event: event.body.kind() };
        let next = match event.body {
            Body::ToolRequested(asked) => self.requested(event, asked),
            Body::ToolAttemptFailed(failed) => self.attempt_failed(failed.request),
            Body::ToolCompleted(done) => self.completed(event.seq, done.request, &done.outcome),
            Body::ToolReconcileRequested(asked) => self.reconcile_requested(event, asked),
            Body::ToolResolved(found) => self.resolved(event.seq, found.request, found.reconcile, &found.outcome),
            Body::LateOutcome(late) => match &late.what {
                Late::Tool(outcome) => self.late(event.seq, late.request, outcome),
                Late::Model(_) => None,
            },
            _ => None,
        };
        next.ok_or(refused)
    }

    fn requested(self, event: ToolEvent<'_>, asked: &ToolRequested) -> Option<Self> {
        let (number, first_at, fruitless) = match &self {
            Self::Absent => (1, event.at, 0),
            Self::RetryDue(last) | Self::Requested(last) => (last.number + 1, last.first_at, last.fruitless),
            Self::Unknown(..) | Self::Reconciling(..) | Self::Succeeded(_) | Self::Failed(_) => return None,
        };
        let taken_over = matches!(self, Self::Requested(_));
        if asked.attempt != number || (taken_over && asked.effect != crate::event::Effect::Read) {
            return None;
        }
        let settled_at = asked.settled_at(event.at);
        Some(Self::Requested(Attempt {
            request: event.id.into(),
            number,
            owner: asked.incarnation,
            first_at,
            settled_at,
            called_again: false,
            window: settled_at.since(event.at),
            fruitless,
        }))
    }

    fn attempt_failed(self, request: RequestId) -> Option<Self> {
        match self {
            Self::Requested(attempt) if attempt.request == request => Some(Self::RetryDue(attempt)),
            _ => None,
        }
    }

    fn completed(self, at: Seq, request: RequestId, outcome: &Outcome) -> Option<Self> {
        match self {
            Self::Requested(attempt) if attempt.request == request => Some(attempt.ended(at, outcome)),
            _ => None,
        }
    }

    /// A call made again may land as long after it as the first one after its own request.
    fn reconcile_requested(self, event: ToolEvent<'_>, asked: &ToolReconcileRequested) -> Option<Self> {
        match self {
            Self::Unknown(mut attempt, _) | Self::Reconciling(mut attempt, _) if attempt.request == asked.request => {
                if asked.action == ReconcileAction::Retry {
                    attempt.called_again = true;
                    attempt.settled_at = attempt.settled_at.max(event.at.after(attempt.window));
                }
                Some(Self::Reconciling(
                    attempt,
                    Reconciliation { id: event.id, action: asked.action, owner: asked.incarnation },
                ))
            }
            _ => None,
        }
    }

    /// A reconciler's answer needs its own reconciliation to be open; an operator's needs only the doubt.
    fn resolved(self, at: Seq, request: RequestId, reconcile: Option<EventId>, found: &Resolution) -> Option<Self> {
        let attempt = match (self, reconcile) {
            (Self::Unknown(attempt, _), None) => attempt,
            (Self::Reconciling(attempt, _), None) => attempt,
            (Self::Reconciling(attempt, open), Some(id)) if open.id == id => attempt,
            _ => return None,
        };
        if attempt.request != request {
            return None;
        }
        Some(match found {
            Resolution::Succeeded(success) => Self::Succeeded(attempt.settled(at, success.clone())),
            Resolution::Failed(failure) => Self::Failed(attempt.settled(at, failure.clone())),
            Resolution::NotLanded => {
                let fruitless = attempt.fruitless.saturating_add(1);
                Self::RetryDue(Attempt { fruitless, ..attempt })
            }
            Resolution::Unknown(doubt) => Self::Unknown(attempt, doubt.clone()),
        })
    }

    /// Settles a doubt about the same step; about anything else it is evidence and changes nothing.
    /// What an open attempt's own call returned is a completion, not a late outcome.
    fn late(self, at: Seq, request: RequestId, outcome: &Outcome) -> Option<Self> {
        let settles = self.is_settled_by(request, outcome);
        match self {
            Self::Absent => None,
            Self::Requested(attempt) if attempt.request == request => None,
            Self::Unknown(attempt, _) | Self::Reconciling(attempt, _) if settles => Some(attempt.ended(at, outcome)),
            // It was believed not to have happened, and it has; that it has not is no news.
            Self::RetryDue(attempt) if attempt.request == request && matches!(outcome, Outcome::Succeeded(_)) => {
                Some(attempt.ended(at, outcome))
            }
            unchanged => Some(unchanged),
        }
    }

    /// Returns whether a late outcome of a request ends the doubt.
    pub(crate) fn is_settled_by(&self, request: RequestId, late: &Outcome) -> bool {
        match self {
            Self::Unknown(attempt, _) | Self::Reconciling(attempt, _) => {
                attempt.request == request && attempt.settled_by(late)
            }
            _ => false,
        }
    }

    /// Returns the state's name, as the transition table has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Requested(_) => "requested",
            Self::RetryDue(_) => "retry_due",
            Self::Unknown(..) => "unknown",
            Self::Reconciling(..) => "reconciling",
            Self::Succeeded(_) => "succeeded",
            Self::Failed(_) => "failed",
        }
    }

    /// Returns whether an attempt or a reconciliation may be under way.
    #[must_use]
    pub fn owner(&self) -> Option<IncarnationId> {
        match self {
            Self::Requested(attempt) => Some(attempt.owner),
            Self::Reconciling(_, open) => Some(open.owner),
            Self::Absent | Self::RetryDue(_) | Self::Unknown(..) | Self::Succeeded(_) | Self::Failed(_) => None,
        }
    }

    /// Returns whether an attempt is under way, or was when its process died.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Requested(_))
    }

    /// Returns whether the effect is in doubt.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(..) | Self::Reconciling(..))
    }

    /// Returns whether it is known for good what became of the effect.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Succeeded(_) | Self::Failed(_))
    }

    /// Returns where it is recorded for good what became of the effect.
    #[must_use]
    pub fn settled_at(&self) -> Option<Seq> {
        match self {
            Self::Succeeded(settled) => Some(settled.at),
            Self::Failed(settled) => Some(settled.at),
            _ => None,
        }
    }

    /// Returns the last request, if any was made.
    #[must_use]
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Absent => None,
            Self::Requested(attempt)
            | Self::RetryDue(attempt)
            | Self::Unknown(attempt, _)
            | Self::Reconciling(attempt, _) => Some(attempt.request),
            Self::Succeeded(settled) => Some(settled.request),
            Self::Failed(settled) => Some(settled.request),
        }
    }

    /// Returns how many attempts were requested.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Absent => 0,
            Self::Requested(attempt)
            | Self::RetryDue(attempt)
            | Self::Unknown(attempt, _)
            | Self::Reconciling(attempt, _) => attempt.number,
            Self::Succeeded(settled) => settled.attempts,
            Self::Failed(settled) => settled.attempts,
        }
    }
}

impl Attempt {
    /// Two calls may have been made under one request; that one of them failed does not say that
    /// the other did.
    fn settled_by(&self, late: &Outcome) -> bool {
        match late {
            Outcome::Succeeded(_) => true,
            Outcome::Failed(_) => !self.called_again,
            Outcome::Unknown(_) => false,
        }
    }

    fn ended(self, at: Seq, outcome: &Outcome) -> ToolCycle {
        match outcome {
            Outcome::Succeeded(success) => ToolCycle::Succeeded(self.settled(at, success.clone())),
            Outcome::Failed(failure) => ToolCycle::Failed(self.settled(at, failure.clone())),
            Outcome::Unknown(doubt) => ToolCycle::Unknown(self, doubt.clone()),
        }
    }

    fn settled<T>(self, at: Seq, outcome: T) -> Settled<T> {
        Settled { request: self.request, attempts: self.number, at, outcome }
    }
}

#[cfg(test)]
mod tests;
