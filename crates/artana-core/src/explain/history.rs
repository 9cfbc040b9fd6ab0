//! What a run's events say that its fold does not keep: how it was ended, when each step was last heard of, what
//! drifted in which fields, what was found out. Fed with events; decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::work::Sessions;
use crate::{
    Actor, ContentRef, Event, RequestId, RunId, Seq, StepKey, Timestamp,
    ask::Field,
    event::{Body, Closing, ForkCause, Resolution, Resolver, RunOutcome},
};

/// What a run's events say, collected in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    heard: BTreeMap<StepKey, Timestamp>,
    last_step: Option<StepKey>,
    last_tool: Option<StepKey>,
    ended: Option<Ended>,
    drifts: Vec<Drifted>,
    resolved: Vec<Resolved>,
    pub(super) sessions: Sessions,
}

/// How a run ended, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// How.
    pub outcome: RunOutcome,
    /// When that was asked for or, where nobody had to ask, when it happened.
    pub asked_at: Timestamp,
    /// When it happened; `None` while something is under way.
    pub at: Option<Timestamp>,
    /// Who asked, if it was not the run's own code.
    pub by: Option<Actor>,
    /// Why, in words.
    pub reason: Option<ContentRef>,
}

/// An ask that differed from what was recorded, and that the run went on with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drifted {
    /// The step.
    pub step: StepKey,
    /// Where that is recorded.
    pub at: Seq,
    /// What differed.
    pub fields: BTreeSet<Field>,
    /// How the run went on.
    pub went: Went,
}

/// How a run went on with an ask that differed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a drift that is not refused is answered from the ledger or in a fork")]
pub enum Went {
    /// The recorded answer was given.
    Replayed {
        /// The request whose answer that is.
        request: RequestId,
        /// What differed and where, as a JSON list.
        changes: ContentRef,
    },
    /// It was executed in a fork.
    Forked {
        /// The fork.
        fork: RunId,
    },
}

/// What was found out about a call in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// The step.
    pub step: StepKey,
    /// Where that is recorded.
    pub at: Seq,
    /// By whom.
    pub by: Resolver,
    /// What was found out.
    pub outcome: Resolution,
    /// On what evidence, in words.
    pub evidence: Option<ContentRef>,
}

impl History {
    /// Adds the next event.
    pub fn see(&mut self, event: &Event) {
        if let Some(step) = event.step() {
            self.of_step(step, event);
        }
        self.sessions.see(event);
        match event.body() {
            Body::CancelRequested(asked) => {
                let outcome = match asked.closing {
                    Closing::Failed => RunOutcome::Failed,
                    Closing::Cancelled => RunOutcome::Cancelled,
                };
                let (by, reason) = (asked.by.clone(), asked.reason);
                self.ended = Some(Ended { outcome, asked_at: event.at(), at: None, by, reason });
            }
            Body::RunFinished(end) => {
                let by_itself = Ended { outcome: end.outcome, asked_at: event.at(), at: None, by: None, reason: None };
                self.ended.get_or_insert(by_itself).at = Some(event.at());
            }
            _ => {}
        }
    }

    fn of_step(&mut self, step: &StepKey, event: &Event) {
        let (step, at) = (step.clone(), event.seq());
        // That a fork leaves at a step is no news of the step.
        if !matches!(event.body(), Body::RunForked(_)) {
            self.heard.insert(step.clone(), event.at());
            self.last_step = Some(step.clone());
        }
        match event.body() {
            Body::ToolRequested(_) => self.last_tool = Some(step),
            Body::DriftReplayed(drift) => {
                let went = Went::Replayed { request: drift.request, changes: drift.changes };
                self.drifts.push(Drifted { step, at, fields: drift.fields.clone(), went });
            }
            Body::RunForked(forked) => {
                if let ForkCause::Drift { fields, .. } = &forked.because {
                    let went = Went::Forked { fork: forked.fork.clone() };
                    self.drifts.push(Drifted { step, at, fields: fields.clone(), went });
                }
            }
            Body::ToolResolved(found) => {
                let (by, outcome) = (found.by.clone(), found.outcome.clone());
                self.resolved.push(Resolved { step, at, by, outcome, evidence: found.evidence });
            }
            _ => {}
        }
    }

    /// Returns when a step's last event was made.
    #[must_use]
    pub fn last_heard(&self, step: &StepKey) -> Option<Timestamp> {
        self.heard.get(step).copied()
    }

    /// Borrows the key of the step that was last heard of.
    #[must_use]
    pub fn last_step(&self) -> Option<&StepKey> {
        self.last_step.as_ref()
    }

    /// Borrows the key of the step whose tool was called last.
    #[must_use]
    pub fn last_tool(&self) -> Option<&StepKey> {
        self.last_tool.as_ref()
    }

    /// Borrows how the run ended, or is about to.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// Borrows the drifts that the run went on with.
    #[must_use]
    pub fn drifts(&self) -> &[Drifted] {
        &self.drifts
    }

    /// Borrows what was found out about calls in doubt.
    #[must_use]
    pub fn resolved(&self) -> &[Resolved] {
        &self.resolved
    }
}
