//! The part of a state that does not grow with the run's length, and what an event makes of it.

use std::collections::BTreeSet;

use super::{FoldError, Step, step::next_step};
use crate::{
    Event, Head, RunId, Status, StepKey, Timestamp,
    event::{Body, Closing, ForkCause, RunForked, RunOutcome},
    limits::MAX_FORKS,
};

/// The part of a state that does not grow with the run's length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) head: Head,
    pub(super) updated_at: Timestamp,
    pub(super) closing: Option<Closing>,
    pub(super) finished: Option<RunOutcome>,
    pub(super) foreign: Option<String>,
    pub(super) steps: u64,
    pub(super) pending: BTreeSet<StepKey>,
    pub(super) unknown: u64,
    pub(super) last_step: Option<StepKey>,
    pub(super) failed_step: Option<StepKey>,
    pub(super) drifts: u64,
    pub(super) forks: usize,
}

/// A step as it stands before an event: as the run itself has it, and as the ancestor named here had it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) own: Option<&'a Step>,
    pub(super) shared: Option<(&'a RunId, &'a Step)>,
}

impl Summary {
    pub(super) fn start(first: &Event, foreign: Option<String>) -> Self {
        Self {
            head: first.head(),
            updated_at: first.at(),
            closing: None,
            finished: None,
            foreign,
            steps: 0,
            pending: BTreeSet::new(),
            unknown: 0,
            last_step: None,
            failed_step: None,
            drifts: 0,
            forks: 0,
        }
    }

    /// Checks an event against everything, then moves on. The step it leaves behind is returned.
    pub(super) fn advance(&mut self, before: Before<'_>, event: &Event) -> Result<Option<Step>, FoldError> {
        if event.seq() != self.head.seq.next() || event.record().prev_hash != self.head.hash {
            return Err(FoldError::NotNext { expected: self.head.seq.next(), found: event.seq() });
        }
        self.check(event)?;
        let next = next_step(before.own, before.shared, event)?;
        match event.body() {
            Body::CancelRequested(asked) => self.closing = Some(asked.closing),
            Body::RunFinished(end) => self.finished = Some(end.outcome),
            Body::DriftReplayed(_) => self.drifts += 1,
            Body::RunForked(forked) => self.forked(forked),
            Body::Other => {
                self.foreign.get_or_insert_with(|| format!("event kind {}", event.kind()));
            }
            _ => {}
        }
        if let (Some(key), Some(next)) = (event.step(), &next) {
            self.count(key, before, next);
        }
        if let Some(key) = event.step() {
            self.last_step = Some(key.clone());
        }
        self.head = event.head();
        self.updated_at = event.at();
        Ok(next)
    }

    fn forked(&mut self, forked: &RunForked) {
        self.forks += 1;
        self.drifts += u64::from(matches!(forked.because, ForkCause::Drift { .. }));
    }

    fn check(&self, event: &Event) -> Result<(), FoldError> {
        let open = self.finished.is_none();
        let admitted = match event.body() {
            Body::RunStarted(_) => return Err(FoldError::Start),
            Body::ToolRequested(_) | Body::ModelRequested(_) | Body::CancelRequested(_) => {
                open && self.closing.is_none()
            }
            Body::RunFinished(end) => self.may_finish(end.outcome),
            Body::GrantGiven(_) | Body::ArtifactSet(_) | Body::SummaryWritten(_) | Body::Checkpoint(_) => open,
            Body::RunForked(forked) => return self.may_fork(event, forked),
            _ => true,
        };
        if admitted { Ok(()) } else { Err(FoldError::Status { kind: event.body().kind(), status: self.status() }) }
    }

    /// A fork is another run, so a run in any status may have one.
    fn may_fork(&self, event: &Event, forked: &RunForked) -> Result<(), FoldError> {
        let refused = |why| Err(FoldError::Fork { why });
        if event.step().is_none() {
            return Err(FoldError::NoStep { kind: event.body().kind() });
        }
        if forked.cut >= event.seq() || forked.cut.get() == 0 {
            return refused("it shares events that there are not");
        }
        if self.forks >= MAX_FORKS {
            return refused("the run has as many as it may have");
        }
        Ok(())
    }

    /// Ending by itself needs every step settled; ending by failure or cancellation needs to have
    /// been announced and nothing under way, and leaves doubts to be resolved later.
    fn may_finish(&self, outcome: RunOutcome) -> bool {
        let announced = self.closing.map(RunOutcome::from);
        let settled = self.pending.is_empty() && (outcome != RunOutcome::Completed || self.unknown == 0);
        let fits = if outcome == RunOutcome::Completed { announced.is_none() } else { announced == Some(outcome) };
        self.finished.is_none() && settled && fits
    }

    fn count(&mut self, key: &StepKey, before: Before<'_>, next: &Step) {
        let last = before.own;
        if next.is_pending() {
            self.pending.insert(key.clone());
        } else {
            self.pending.remove(key);
        }
        // A late outcome that is evidence only, or a drift, leaves a settled step as it was, and clears nothing.
        let stood = last.or(before.shared.map(|(_, step)| step));
        let changed = stood.is_none_or(|stood| !stood.same_cycle(next));
        if changed && next.has_failed() {
            self.failed_step = Some(key.clone());
        } else if changed && next.has_succeeded() {
            self.failed_step = None;
        }
        self.steps += u64::from(last.is_none());
        self.unknown += u64::from(next.is_unknown());
        self.unknown -= u64::from(last.is_some_and(Step::is_unknown));
    }

    pub(super) fn status(&self) -> Status {
        match (self.finished, self.closing) {
            (Some(RunOutcome::Completed), _) => Status::Completed,
            (Some(RunOutcome::Failed), _) => Status::Failed,
            (Some(RunOutcome::Cancelled), _) => Status::Cancelled,
            (None, Some(_)) => Status::Cancelling,
            (None, None) if self.unknown > 0 => Status::NeedsReconciliation,
            (None, None) => Status::Running,
        }
    }
}
