//! What a run that is driven as a whole adds up to, told from the list of its events: each thing is looked for in the
//! whole list, and nothing is carried along.

use std::collections::BTreeMap;

use artana_core::{
    Event, EventId, IncarnationId, Ordinal, Queued, RunState, Status, Step, StepKey, Timestamp,
    event::{Body, CodeKind, RunOutcome, Wait},
};
use proptest::prelude::*;

/// Compares a state with what its events say of how the run is driven, given how the run began.
pub(super) fn compare(events: &[Event], state: &RunState, start: &RunState) -> Result<(), TestCaseError> {
    let inherited: Vec<StepKey> = start.rollbacks().cloned().collect();
    let list = List(events, &inherited);
    prop_assert_eq!(state.pauses().keys().copied().collect::<Vec<_>>(), list.pauses());
    let waits = state.waits().map(|(at, step, wait)| (at, (step.cloned(), wait.clone()))).collect();
    prop_assert_eq!(list.waits(events.len()), waits);
    prop_assert_eq!(list.is_suspended(), state.is_suspended());
    prop_assert_eq!(list.died(), state.died());
    prop_assert_eq!(list.rollbacks(), state.rollbacks().cloned().collect::<Vec<_>>());
    prop_assert_eq!(list.status(state), state.status());
    prop_assert_eq!(list.queued(), state.view().queued);
    Ok(())
}

/// All events of a run, and what a fork has to undo from its beginning on.
struct List<'a>(&'a [Event], &'a [StepKey]);

impl List<'_> {
    fn last<T>(&self, find: impl Fn(&Event) -> Option<T>) -> Option<(usize, T)> {
        (0..self.0.len()).rev().find_map(|at| Some((at, find(&self.0[at])?)))
    }

    fn closing(&self) -> Option<usize> {
        self.last(|event| matches!(event.body(), Body::CancelRequested(_)).then_some(())).map(|(at, ())| at)
    }

    fn finished(&self) -> Option<RunOutcome> {
        let end = |event: &Event| if let Body::RunFinished(end) = event.body() { Some(end.outcome) } else { None };
        self.last(end).map(|(_, outcome)| outcome)
    }

    /// The positions of the pauses that nobody has lifted.
    fn paused(&self) -> impl Iterator<Item = &Event> {
        let lifted = |id: EventId| {
            self.0.iter().any(|event| matches!(event.body(), Body::Resumed(resumed) if resumed.pause == id))
        };
        self.0.iter().enumerate().filter_map(move |(at, event)| {
            let stands = match event.body() {
                Body::Paused(_) => true,
                Body::RunParked(_) => self.closing().is_none_or(|closing| closing < at),
                _ => false,
            };
            (stands && !lifted(event.id())).then_some(event)
        })
    }

    fn pauses(&self) -> Vec<EventId> {
        let mut found: Vec<EventId> = self.paused().map(Event::id).collect();
        found.sort();
        found
    }

    /// The waits that are open before a position.
    fn waits(&self, before: usize) -> BTreeMap<Ordinal, (Option<StepKey>, Wait)> {
        let mut open = BTreeMap::new();
        for at in 0..before {
            let Body::WaitStarted(begun) = self.0[at].body() else { continue };
            let is_over = (at + 1..before).any(|later| ends(&self.0[later], &self.0[at], begun.ordinal, &begun.wait));
            if !is_over {
                open.insert(begun.ordinal, (self.0[at].step().cloned(), begun.wait.clone()));
            }
        }
        open
    }

    /// The last event that was left behind suspends the run, and nothing since has woken it.
    fn is_suspended(&self) -> bool {
        let suspends = |event: &Event| match event.body() {
            Body::WaitStarted(begun) => begun.suspends.then_some(()),
            Body::HarnessSlept(_) | Body::HarnessFailed(_) => Some(()),
            Body::Paused(paused) => (paused.suspends && event.step().is_some()).then_some(()),
            _ => None,
        };
        let Some((left, ())) = self.last(suspends) else { return false };
        !(left + 1..self.0.len()).any(|at| self.wakes(at))
    }

    fn wakes(&self, at: usize) -> bool {
        match self.0[at].body() {
            Body::Resumed(_) => true,
            // What is left to undo does not wait, here or in a child.
            Body::CancelRequested(_) => {
                let before = List(&self.0[..at], self.1);
                !before.rollbacks().is_empty() || before.has_child()
            }
            Body::SignalReceived(signal) => {
                self.waits(at).values().any(|(_, wait)| *wait == Wait::Signal(signal.name.clone()))
            }
            _ => gets_somewhere(&self.0[at]),
        }
    }

    fn died(&self) -> Vec<IncarnationId> {
        let fresh = |event: &Event| match event.body() {
            Body::Resumed(_) | Body::CancelRequested(_) => Some(()),
            _ => gets_somewhere(event).then_some(()),
        };
        let since = self.last(fresh).map_or(0, |(at, ())| at);
        let died = |event: &Event| match event.body() {
            Body::DriverChanged(changed) => Some(changed.from),
            _ => None,
        };
        self.0[since..].iter().filter_map(died).collect()
    }

    fn rollbacks(&self) -> Vec<StepKey> {
        let ended = |key: &StepKey| {
            let is_end =
                |event: &Event| matches!(event.body(), Body::StepCompleted(done) if done.kind == CodeKind::Rollback);
            self.0.iter().any(|event| event.step() == Some(key) && is_end(event))
        };
        let registered = self.0.iter().filter(|event| matches!(event.body(), Body::CompensationRegistered(_)));
        let mut found: Vec<StepKey> =
            registered.filter_map(|event| event.step().cloned()).chain(self.1.iter().cloned()).collect();
        found.retain(|key| !ended(key));
        found.sort();
        found
    }

    /// Returns whether a child has begun whose end is not recorded.
    fn has_child(&self) -> bool {
        let ended = |key: Option<&StepKey>| {
            self.0.iter().any(|event| event.step() == key && matches!(event.body(), Body::ChildFinished(_)))
        };
        self.0.iter().any(|event| matches!(event.body(), Body::ChildStarted(_)) && !ended(event.step()))
    }

    fn enqueued(&self) -> Option<Queued> {
        let enqueued =
            |event: &Event| if let Body::RunEnqueued(place) = event.body() { Some(place.clone()) } else { None };
        let (_, place) = self.last(enqueued)?;
        Some(Queued { queue: place.queue.to_string(), priority: place.priority, due_at: place.due })
    }

    fn status(&self, state: &RunState) -> Status {
        match self.finished() {
            Some(RunOutcome::Completed) => return Status::Completed,
            Some(RunOutcome::Failed) => return Status::Failed,
            Some(RunOutcome::Cancelled) => return Status::Cancelled,
            None => {}
        }
        let facts = [
            (self.closing().is_some(), Status::Cancelling),
            (self.paused().next().is_some(), Status::Paused),
            (state.steps().any(|(_, step)| Step::is_unknown(step)), Status::NeedsReconciliation),
            (self.is_suspended(), Status::Sleeping),
            (self.enqueued().is_some() && !self.0.iter().any(gets_somewhere), Status::Queued),
        ];
        facts.into_iter().find(|(holds, _)| *holds).map_or(Status::Running, |(_, status)| status)
    }

    fn queued(&self) -> Option<Queued> {
        let place = self.enqueued().filter(|_| self.finished().is_none())?;
        let parked = self.paused().any(|event| matches!(event.body(), Body::RunParked(_)));
        let by_others = self.paused().any(|event| event.step().is_none());
        if parked || (self.closing().is_none() && by_others) {
            return None;
        }
        if !self.is_suspended() {
            return Some(place);
        }
        let due = |(_, wait): &(Option<StepKey>, Wait)| match wait {
            Wait::Timer(due) => Some(*due),
            Wait::Doubt { until, .. } => *until,
            _ => None,
        };
        let due_at: Timestamp = self.waits(self.0.len()).values().filter_map(due).min()?;
        Some(Queued { due_at, ..place })
    }
}

/// Whether a later event ends a wait, or begins it anew.
fn ends(later: &Event, begun: &Event, ordinal: Ordinal, wait: &Wait) -> bool {
    let same_step = later.step().is_some() && later.step() == begun.step();
    match later.body() {
        Body::WaitStarted(other) => other.ordinal == ordinal || other.given_up.contains(&ordinal),
        Body::TimerFired(_) => same_step,
        Body::Resumed(resumed) => *wait == Wait::Pause(resumed.pause),
        Body::SignalReceived(_) | Body::CompensationRegistered(_) | Body::Paused(_) | Body::ValueRecorded(_) => false,
        Body::RunForked(_) | Body::DriftReplayed(_) => false,
        Body::StepCompleted(done) if done.kind == CodeKind::Rollback => false,
        _ => same_step && matches!(wait, Wait::Child(_) | Wait::Doubt { .. }),
    }
}

/// Whether the run is further than it was: what is done in a step, or would not be the same again, is recorded.
fn gets_somewhere(event: &Event) -> bool {
    match event.body() {
        Body::ValueRecorded(_) | Body::WaitStarted(_) => true,
        Body::HarnessWoke(_) | Body::HarnessSlept(_) | Body::HarnessFailed(_) => true,
        Body::RunForked(_) | Body::DriftReplayed(_) | Body::Resumed(_) | Body::SignalReceived(_) => false,
        _ => event.step().is_some(),
    }
}
