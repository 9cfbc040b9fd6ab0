//! The part of a state that does not grow with the run's length, and what an event makes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    FoldError, Session, Step,
    step::{Before, next_step},
};
use crate::{
    Actor, ContentRef, Event, EventId, Head, IncarnationId, Name, Ordinal, Queued, RunId, Status, StepKey, Timestamp,
    event::{
        Body, Closing, CodeKind, ForkCause, OWN_UNDO, Paused, RunEnqueued, RunForked, RunOutcome, RunStarted, Wait,
        WaitStarted,
    },
    limits::{MAX_FORKS, MAX_OPEN_WAITS},
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
    /// Of a workflow: the fork in which the rest of it is done.
    pub(super) moved: Option<RunId>,
    /// Why the run is closing, in words.
    pub(super) reason: Option<ContentRef>,
    /// What the run's code returned.
    pub(super) output: Option<ContentRef>,
    pub(super) pauses: BTreeMap<EventId, Pause>,
    pub(super) workflow: bool,
    /// Whether another run started this one, and drives it.
    pub(super) child: bool,
    pub(super) drive: Drive,
    pub(super) session: Session,
}

/// A pause that nobody has lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pause {
    /// When the run was paused.
    pub at: Timestamp,
    /// The step that paused it, if its own code did.
    pub step: Option<StepKey>,
    /// The name of what blocks it, if it was blocked by name.
    pub block: Option<Name>,
    /// Who paused it, if it was not its own code.
    pub by: Option<Actor>,
    /// Why, in words.
    pub reason: Option<ContentRef>,
    /// What whoever lifts it should know, in canonical JSON.
    pub metadata: Option<ContentRef>,
    /// The processes that died with the run, if it was parked for that.
    pub died: Vec<IncarnationId>,
}

/// By what a child is blocked while a run above it is paused: nobody drives it until that run goes on.
pub const PAUSED_ABOVE: &str = "paused-above";

/// Where a run stands that is driven as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Drive {
    pub(super) enqueued: Option<Arc<RunEnqueued>>,
    /// Whether anything but its start has happened.
    pub(super) begun: bool,
    /// Whether whoever drove it has left it until something happens.
    pub(super) suspended: bool,
    /// Whether somebody outside has said something that it need not wait for any more, and nobody has gone on with it.
    pub(super) woken: bool,
    pub(super) waits: BTreeMap<Ordinal, (Option<StepKey>, Wait)>,
    /// Compensations that are registered and have not ended.
    pub(super) rollbacks: BTreeSet<StepKey>,
    /// Children that have begun and whose end is not recorded.
    pub(super) children: BTreeSet<StepKey>,
    /// The processes that died with it since it last got anywhere.
    pub(super) died: Vec<IncarnationId>,
}

impl Summary {
    pub(super) fn start(first: &Event, started: &RunStarted, foreign: Option<String>, parent: Option<&Self>) -> Self {
        // What was to be undone at the cut is undone by the fork the rest moved to, and by no other one.
        let undoes = parent.filter(|_| !started.flags.contains(OWN_UNDO));
        let rollbacks = undoes.map_or_else(Default::default, |parent| parent.drive.rollbacks.clone());
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
            moved: None,
            reason: None,
            output: None,
            pauses: BTreeMap::new(),
            workflow: started.workflow.is_some(),
            child: started.lineage.is_some() && started.workflow.is_some(),
            drive: Drive { rollbacks, ..Drive::default() },
            session: parent.map(|parent| parent.session.shared()).unwrap_or_default(),
        }
    }

    /// Checks an event against the run and its step, and returns the step it leaves behind, if it changes one.
    pub(super) fn check(&self, before: Before<'_>, event: &Event) -> Result<Option<Step>, FoldError> {
        if event.seq() != self.head.seq.next() || event.record().prev_hash != self.head.hash {
            return Err(FoldError::NotNext { expected: self.head.seq.next(), found: event.seq() });
        }
        self.admits(event)?;
        self.is_of_session(event)?;
        next_step(before, event)
    }

    /// Moves on by an event that was checked, from its step as the run had it to the step as it is now.
    pub(super) fn advance(&mut self, event: &Event, last: Option<&Step>, next: Option<&Step>) {
        match event.body() {
            Body::CancelRequested(asked) => {
                self.closing = Some(asked.closing);
                self.reason = asked.reason;
                // What is left to undo, here or in a child, does not wait for what the run was waiting for.
                self.drive.suspended &=
                    self.drive.rollbacks.is_empty() && self.drive.children.is_empty() && !self.child;
                // Whoever ends a parked run says that it is taken once more, to undo what it did.
                self.pauses.retain(|_, pause| !pause.is_parking());
            }
            Body::RunFinished(end) => {
                self.finished = Some(end.outcome);
                self.output = end.output;
            }
            Body::DriftReplayed(_) => self.drifts += 1,
            Body::RunForked(forked) => self.forked(forked),
            Body::Paused(paused) => drop(self.pauses.insert(event.id(), Pause::of(event, paused))),
            Body::RunParked(parked) => {
                let died = parked.died.clone();
                self.pauses.insert(event.id(), Pause { died, reason: parked.reason, step: None, ..Pause::at(event) });
            }
            Body::Resumed(resumed) => drop(self.pauses.remove(&resumed.pause)),
            Body::Other => {
                self.foreign.get_or_insert_with(|| format!("event kind {}", event.kind()));
            }
            _ => {}
        }
        // What is left of a run whose rest is in a fork does not bring it anywhere.
        if self.moved.is_none() || matches!(event.body(), Body::WaitStarted(_)) {
            self.drive.advance(event);
        }
        self.session.advance(event);
        if let Some(key) = event.step() {
            if let Some(next) = next {
                self.count(key, last, next);
            }
            self.last_step = Some(key.clone());
        }
        self.head = event.head();
        self.updated_at = event.at();
    }

    fn forked(&mut self, forked: &RunForked) {
        self.forks += 1;
        let drifted = matches!(forked.because, ForkCause::Drift { .. });
        self.drifts += u64::from(drifted);
        if drifted && self.workflow && self.finished.is_none() && self.moved.is_none() {
            self.moved = Some(forked.fork.clone());
            self.drive.leaves_the_rest();
        }
    }

    fn admits(&self, event: &Event) -> Result<(), FoldError> {
        let open = self.finished.is_none();
        let admitted = match event.body() {
            body if open && self.moved.as_ref().is_some_and(|fork| !is_for_moved(fork, body)) => false,
            Body::RunStarted(_) => return Err(FoldError::Start),
            Body::ToolRequested(_) | Body::ModelRequested(_) | Body::StepRequested(_) => self.starts(event.step()),
            Body::StepCompleted(done) if done.kind == CodeKind::Compute => self.starts(event.step()),
            Body::StepCompleted(done) if done.kind == CodeKind::Rollback => open && self.closing.is_some(),
            Body::ChildStarted(_) | Body::ValueRecorded(_) => self.starts(None),
            Body::CancelRequested(_) => open && self.closing.is_none(),
            Body::RunFinished(end) => self.may_finish(end.outcome),
            Body::RunEnqueued(_) => self.may_enqueue(),
            Body::WaitStarted(begun) => open && self.drive.may_wait(begun),
            Body::Paused(_) | Body::RunParked(_) => open && self.pauses.len() < MAX_OPEN_WAITS,
            Body::Resumed(resumed) => open && self.lifts(event, resumed.pause),
            Body::GrantGiven(_)
            | Body::ArtifactSet(_)
            | Body::SummaryWritten(_)
            | Body::Checkpoint(_)
            | Body::SignalReceived(_)
            | Body::TimerFired(_)
            | Body::DriverChanged(_)
            | Body::CompensationRegistered(_) => open,
            Body::HarnessSlept(_) => open && self.is_clean(),
            Body::HarnessWoke(_) | Body::StageEntered(_) | Body::TasksDefined(_) | Body::TaskMoved(_) => {
                self.starts(None)
            }
            Body::HarnessFailed(_) | Body::Trace(_) => open,
            Body::RunForked(forked) => return self.may_fork(event, forked),
            _ => true,
        };
        if admitted { Ok(()) } else { Err(FoldError::Status { kind: event.body().kind(), status: self.status() }) }
    }

    /// A session ends in a clean state with nothing under way, nothing in doubt and no task in progress.
    fn is_clean(&self) -> bool {
        self.pending.is_empty() && self.unknown == 0 && self.session.task.is_none()
    }

    /// What a session records is of the one that is awake; a session whose process died is over when the next begins.
    fn is_of_session(&self, event: &Event) -> Result<(), FoldError> {
        let fits = match event.body() {
            Body::HarnessWoke(woke) => woke.session == self.session.number + 1,
            Body::HarnessSlept(slept) => self.session.is_in(slept.session),
            Body::HarnessFailed(failed) => self.session.is_in(failed.session),
            Body::StageEntered(entered) => self.session.is_in(entered.session),
            Body::TasksDefined(defined) => self.session.is_in(defined.session),
            Body::TaskMoved(moved) => self.session.is_in(moved.session),
            Body::Trace(trace) => self.session.is_in(trace.session),
            _ => true,
        };
        if fits { Ok(()) } else { Err(FoldError::Session { kind: event.body().kind() }) }
    }

    /// Returns whether a new effect may start: in a closing run only what undoes something, in a paused one nothing.
    pub(super) fn starts(&self, step: Option<&StepKey>) -> bool {
        match (self.finished, self.closing) {
            (Some(_), _) => false,
            _ if self.moved.is_some() => false,
            (None, Some(_)) => step.is_some_and(|step| self.drive.undoes(step)),
            (None, None) => self.pauses.is_empty(),
        }
    }

    /// A run waits for a worker once, from its beginning on.
    fn may_enqueue(&self) -> bool {
        let open = self.finished.is_none() && self.closing.is_none();
        open && !self.drive.begun && self.drive.enqueued.is_none()
    }

    /// A pause is lifted once, and in the name of the step that began it.
    fn lifts(&self, event: &Event, pause: EventId) -> bool {
        self.pauses.get(&pause).is_some_and(|pause| pause.step.as_ref() == event.step())
    }

    /// A fork is another run, so a run in any status may have one.
    fn may_fork(&self, event: &Event, forked: &RunForked) -> Result<(), FoldError> {
        let refused = |why| Err(FoldError::Fork { why });
        if event.step().is_none() {
            return Err(FoldError::NoStep { kind: event.body().kind() });
        }
        if *forked.fork.as_str() == *event.record().run {
            return refused("it is the run itself");
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
    /// been announced, nothing under way and nothing left to undo, and leaves doubts to be resolved later.
    fn may_finish(&self, outcome: RunOutcome) -> bool {
        let announced = self.closing.map(RunOutcome::from);
        let completed = outcome == RunOutcome::Completed;
        // A doubt that the rest of it did not share keeps nobody from anything.
        let certain = self.unknown == 0 || self.moved.is_some();
        let settled = self.pending.is_empty() && if completed { certain } else { self.has_undone() };
        let fits = if completed { announced.is_none() && self.pauses.is_empty() } else { announced == Some(outcome) };
        self.finished.is_none() && settled && fits
    }

    /// Nothing of a workflow's own is left to undo, and nothing of what its children did.
    fn has_undone(&self) -> bool {
        self.drive.rollbacks.is_empty() && (!self.workflow || self.drive.children.is_empty())
    }

    /// Returns whether a closing run ends as soon as nothing is under way. A workflow that is being driven, or whose
    /// process died, may have to undo something that only its code knows of, so its driver ends it.
    pub(super) fn closes(&self) -> Option<Closing> {
        let closing = self.closing.filter(|_| self.finished.is_none() && self.pending.is_empty())?;
        let left = !self.workflow || self.drive.suspended || !self.drive.begun;
        (left && !self.child && self.has_undone()).then_some(closing)
    }

    fn count(&mut self, key: &StepKey, last: Option<&Step>, next: &Step) {
        if next.is_pending() {
            self.pending.insert(key.clone());
        } else {
            self.pending.remove(key);
        }
        // A late outcome that is evidence only leaves a settled step as it was, and clears nothing.
        let changed = last.is_none_or(|last| !last.same_cycle(next));
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
            (None, None) if !self.pauses.is_empty() => Status::Paused,
            (None, None) if self.unknown > 0 => Status::NeedsReconciliation,
            (None, None) if self.drive.suspended || self.moved.is_some() => Status::Sleeping,
            (None, None) if self.drive.enqueued.is_some() && !self.drive.begun => Status::Queued,
            (None, None) => Status::Running,
        }
    }

    /// Returns the run's place in its queue, if there is something for a worker to do now or later.
    pub(super) fn queued(&self) -> Option<Queued> {
        let enqueued = self.drive.enqueued.as_ref().filter(|_| self.finished.is_none())?;
        let parked = self.pauses.values().any(Pause::is_parking);
        let stopped = self.pauses.values().any(|pause| match &pause.block {
            // Its parent's code undoes what it did, when that goes on.
            Some(block) if self.child && block.as_str() == PAUSED_ABOVE => true,
            _ => self.closing.is_none() && pause.step.is_none(),
        });
        if parked || stopped {
            return None;
        }
        // Whoever drives the run that started a child drives it too, until it leaves it.
        if self.child && !(self.drive.suspended || self.drive.woken || self.closing.is_some()) {
            return None;
        }
        // A pause of the workflow's own may be recorded by a process that died before it could leave.
        let due_at = if self.drive.suspended { self.drive.earliest()? } else { enqueued.due };
        Some(Queued { queue: enqueued.queue.to_string(), priority: enqueued.priority, due_at })
    }
}

/// Returns whether an event may follow in a run whose rest is done in a fork: the end of that, and what becomes of
/// what was under way.
fn is_for_moved(fork: &RunId, body: &Body) -> bool {
    match body {
        Body::WaitStarted(begun) => begun.wait == Wait::Child(fork.clone()),
        Body::Paused(_)
        | Body::Resumed(_)
        | Body::RunParked(_)
        | Body::SignalReceived(_)
        | Body::TimerFired(_)
        | Body::CompensationRegistered(_)
        | Body::RunEnqueued(_) => false,
        _ => true,
    }
}

impl Pause {
    /// Returns whether the run was parked: it killed too many processes.
    #[must_use]
    pub fn is_parking(&self) -> bool {
        self.step.is_none() && self.block.is_none() && self.by.is_none()
    }

    fn at(event: &Event) -> Self {
        let step = event.step().cloned();
        Self { at: event.at(), step, block: None, by: None, reason: None, metadata: None, died: Vec::new() }
    }

    fn of(event: &Event, paused: &Paused) -> Self {
        let Paused { block, by, metadata, reason, .. } = paused.clone();
        Self { block, by, reason, metadata, ..Self::at(event) }
    }
}

impl Drive {
    fn advance(&mut self, event: &Event) {
        self.follow(event);
        let outside = matches!(
            event.body(),
            Body::Resumed(_)
                | Body::SignalReceived(_)
                | Body::ToolResolved(_)
                | Body::LateOutcome(_)
                | Body::CancelRequested(_)
        );
        self.woken |= outside && !self.suspended;
    }

    fn follow(&mut self, event: &Event) {
        match (event.body(), event.step()) {
            (Body::ChildStarted(_), Some(key)) => drop(self.children.insert(key.clone())),
            (Body::ChildFinished(_), Some(key)) => drop(self.children.remove(key)),
            _ => {}
        }
        match event.body() {
            Body::RunEnqueued(enqueued) => self.enqueued = Some(Arc::new(enqueued.clone())),
            Body::CancelRequested(_) => self.died.clear(),
            Body::DriverChanged(changed) => self.died.push(changed.from),
            Body::WaitStarted(begun) => self.waits(event, begun),
            Body::Paused(paused) if event.step().is_some() => self.moves(paused.suspends),
            Body::TimerFired(_) => {
                self.waits.retain(|_, (step, _)| step.as_ref() != event.step());
                self.moves(false);
            }
            Body::SignalReceived(signal) => {
                self.suspended &=
                    !self.waits.values().any(|(_, wait)| matches!(wait, Wait::Signal(name) if *name == signal.name));
            }
            Body::Resumed(resumed) => self.resumed(resumed.pause),
            Body::CompensationRegistered(_) => {
                self.rollbacks.extend(event.step().cloned());
                self.moves(false);
            }
            Body::StepCompleted(done) if done.kind == CodeKind::Rollback => {
                if let Some(key) = event.step() {
                    self.rollbacks.remove(key);
                }
                self.moves(false);
            }
            Body::HarnessSlept(_) | Body::HarnessFailed(_) => self.moves(true),
            Body::ValueRecorded(_) | Body::HarnessWoke(_) => self.moves(false),
            Body::RunForked(_) | Body::DriftReplayed(_) => {}
            _ if event.step().is_some() => {
                self.waits.retain(|_, (step, wait)| {
                    step.as_ref() != event.step() || !matches!(wait, Wait::Child(_) | Wait::Doubt { .. })
                });
                self.moves(false);
            }
            _ => {}
        }
    }

    /// The run got somewhere, or has nowhere to go for now.
    fn moves(&mut self, suspends: bool) {
        self.begun = true;
        self.suspended = suspends;
        self.woken = false;
        self.died.clear();
    }

    /// The rest of the run is done in a fork: that has the waits, and what there is to undo.
    fn leaves_the_rest(&mut self) {
        self.waits.clear();
        self.rollbacks.clear();
        self.suspended = false;
    }

    /// A person says that the run may go on, whatever came of it before.
    fn resumed(&mut self, pause: EventId) {
        self.waits.retain(|_, (_, wait)| *wait != Wait::Pause(pause));
        self.suspended = false;
        self.died.clear();
    }

    /// Whoever leaves the run once more repeats a wait, and more of them must not keep it from that.
    fn may_wait(&self, begun: &WaitStarted) -> bool {
        self.waits.contains_key(&begun.ordinal) || self.waits.len() < MAX_OPEN_WAITS
    }

    fn waits(&mut self, event: &Event, begun: &WaitStarted) {
        for given_up in &begun.given_up {
            self.waits.remove(given_up);
        }
        self.waits.insert(begun.ordinal, (event.step().cloned(), begun.wait.clone()));
        self.moves(begun.suspends);
    }

    /// Returns the earliest instant that is waited for.
    fn earliest(&self) -> Option<Timestamp> {
        let due = |(_, wait): &(Option<StepKey>, Wait)| match wait {
            Wait::Timer(due) => Some(*due),
            Wait::Doubt { until, .. } => *until,
            Wait::Child(_) | Wait::Pause(_) | Wait::Signal(_) => None,
        };
        self.waits.values().filter_map(due).min()
    }

    /// Returns whether a step is part of what undoes something.
    fn undoes(&self, step: &StepKey) -> bool {
        let inside =
            |scope: &StepKey| step.as_str().strip_prefix(scope.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.rollbacks.iter().any(inside)
    }
}
