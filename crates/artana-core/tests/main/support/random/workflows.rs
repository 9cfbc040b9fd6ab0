//! Random events of workflows, queues and people. Some fit the history they are drawn for, many do not.

use artana_core::{
    Actor, EventId, Name, Ordinal, RequestId, RunId, RunState, Timestamp,
    event::{
        Body, ChildFinished, ChildOutcome, ChildStarted, CodeKind, CompensationRegistered, DriverChanged, Outcome,
        Paused, Resumed, RunEnqueued, RunParked, SignalReceived, StepCompleted, StepRequested, TimerFired, Value,
        ValueRecorded, Wait, WaitStarted,
    },
};

use super::{Draw, any_event};
use crate::support::{History, bodies::*, step};

/// How many of the numbers that say what is drawn stand for these events.
pub(super) const KINDS: u8 = 24;

/// Where closures run; the last two are part of what undoes something.
const CLOSURES: [&str; 6] = ["sum", "pay", "scope/sum", "scope/pay", "undo/a/sum", "undo/b/pay"];
const TIMERS: [&str; 3] = ["nap", "scope/nap", "long nap"];
const PAUSES: [&str; 3] = ["ask", "scope/ask", "ask again"];
const CHILDREN: [&str; 3] = ["kid", "scope/kid", "another kid"];
const UNDO: [&str; 2] = ["undo/a", "undo/b"];
const NAMES: [&str; 2] = ["go", "stop"];

fn name(pick: u8) -> Name {
    Name::parse(NAMES[usize::from(pick) % NAMES.len()]).expect("fit")
}

fn actor() -> Actor {
    Actor::parse("ops").expect("fit")
}

impl Draw {
    /// Draws an event of a workflow.
    pub(super) fn of_workflow(self, kind: u8, (history, state): (&History, &RunState)) -> (Option<&'static str>, Body) {
        let among = |keys: &[&'static str]| keys[usize::from(self.step) % keys.len()];
        match kind {
            0..=8 => {
                let key = among(&CLOSURES);
                (Some(key), self.of_closure(kind, key, (history, state)))
            }
            9 | 10 => (None, self.value()),
            11..=14 => self.wait(history, state),
            15 => {
                let key = among(&TIMERS);
                let wait = match state.step(&step(key)) {
                    Some(artana_core::Step::Timer(timer)) if self.request > 20 => timer.wait,
                    _ => any_event(history, self.request),
                };
                (Some(key), TimerFired { wait }.into())
            }
            16 => (None, SignalReceived { by: actor(), name: name(self.step), value: content(RESULT) }.into()),
            17 => self.undo(among(&UNDO)),
            18 => self.pause(among(&PAUSES)),
            19 | 20 => self.resume(state),
            21 => (Some(among(&CHILDREN)), self.child()),
            22 if self.variant > 60 => (None, self.enqueued()),
            _ => (None, DriverChanged { from: OWNER, to: RECONCILER }.into()),
        }
    }

    /// Mostly the place of the key, so that a key is asked at one place and a place is asked one thing.
    fn place(self, of: u64) -> Ordinal {
        Ordinal::new(if self.words < 8 { u64::from(self.variant) % 30 } else { of })
    }

    /// Closures whose key ends in `pay` must not run twice.
    fn of_closure(self, kind: u8, key: &str, (history, state): (&History, &RunState)) -> Body {
        let key = step(key);
        let last = state.step(&key);
        // A fork counts its own attempts.
        let attempts = last.filter(|_| state.holder(&key).is_none()).map_or(0, artana_core::Step::attempts);
        let request = self.request(last.and_then(artana_core::Step::request), history);
        let at = self.place(key.as_str().len() as u64);
        let once = key.as_str().ends_with("pay") != (self.words == 9);
        let outcome = [succeeded, failed, failed, unknown][usize::from(self.variant) % 4]();
        match kind {
            0..=2 if once => {
                let ordinal = Some(at).filter(|_| self.variant > 40);
                StepRequested { attempt: attempts + 1 - u32::from(self.request == 0), incarnation: OWNER, ordinal }
                    .into()
            }
            7 => late(request, outcome).into(),
            8 => decided(request, self.resolution()).into(),
            _ => {
                let (kind, request) =
                    if once { (CodeKind::Once, Some(request.into())) } else { (CodeKind::Compute, None) };
                let again = matches!(outcome, Outcome::Failed(_)) != (self.variant > 100);
                let ordinal = Some(at).filter(|_| !once);
                StepCompleted { again, elapsed_us: 3, kind, ordinal, outcome, request }.into()
            }
        }
    }

    fn value(self) -> Body {
        let value = match self.variant % 4 {
            0 => Value::Now(Timestamp::from_micros(i64::from(self.words))),
            1 => Value::Patched(name(self.words)),
            2 => Value::Random(u64::from(self.words)),
            _ => Value::Uuid(EventId::from_bytes([self.words; 16])),
        };
        ValueRecorded { ordinal: Ordinal::new(30 + u64::from(self.request) % 60), value }.into()
    }

    fn wait(self, history: &History, state: &RunState) -> (Option<&'static str>, Body) {
        let pick = usize::from(self.step) % 3;
        let (key, wait) = match self.variant % 6 {
            0 | 1 => {
                let due = Timestamp::from_micros(1_000 * (1 + i64::from(self.step % 3)) + i64::from(self.request == 0));
                (Some(TIMERS[pick]), Wait::Timer(due))
            }
            2 => (None, Wait::Signal(name(self.step))),
            3 => (Some(PAUSES[pick]), Wait::Pause(ticket(state).unwrap_or_else(|| any_event(history, self.request)))),
            4 => (Some(CHILDREN[pick]), Wait::Child(child(self.step))),
            _ => (Some(CLOSURES[1]), {
                let request = RequestId::from(any_event(history, self.request));
                Wait::Doubt { request, until: (self.words > 99).then(|| Timestamp::from_micros(7)) }
            }),
        };
        let ordinal = self.place(10 + 3 * u64::from(self.variant % 6) + pick as u64);
        let given_up = state.waits().map(|(at, ..)| at).filter(|_| self.request.is_multiple_of(5)).take(1).collect();
        (key, WaitStarted { given_up, ordinal, suspends: self.request.is_multiple_of(2), wait }.into())
    }

    fn undo(self, key: &'static str) -> (Option<&'static str>, Body) {
        if self.variant.is_multiple_of(3) {
            return (Some(key), CompensationRegistered { ordinal: self.place(key.len() as u64 * 100) }.into());
        }
        let outcome = [succeeded, failed, unknown][usize::from(self.words) % 3]();
        let again = self.request < 20;
        let request = Some(EventId::from_bytes([3; 16]).into()).filter(|_| self.request > 240);
        let kind = CodeKind::Rollback;
        (Some(key), StepCompleted { again, elapsed_us: 4, kind, ordinal: None, outcome, request }.into())
    }

    /// The code pauses itself, a person pauses the run, or it is parked.
    fn pause(self, key: &'static str) -> (Option<&'static str>, Body) {
        let at = self.place(3 + key.len() as u64);
        let own = (Some(at), None, self.variant.is_multiple_of(2));
        let (ordinal, by, suspends) = if self.request < 120 { own } else { (None, Some(actor()), false) };
        let reason = Some(content(ERROR)).filter(|_| self.variant > 99);
        let block = Some(name(self.words)).filter(|_| by.is_some() && self.variant > 99);
        let step = ordinal.map(|_| key);
        match self.request {
            0..=9 => (None, Paused { block, by, metadata: None, ordinal, reason, suspends }.into()),
            10..=19 => (step, Paused { block, by, metadata: None, ordinal: None, reason, suspends }.into()),
            230.. => (None, RunParked { died: vec![OWNER; usize::from(self.variant) % 3], reason: None }.into()),
            _ => (step, Paused { block, by, metadata: None, ordinal, reason, suspends }.into()),
        }
    }

    /// Mostly in the name of the step that paused.
    fn resume(self, state: &RunState) -> (Option<&'static str>, Body) {
        let pause = ticket(state).filter(|_| self.variant > 20).unwrap_or(EventId::from_bytes([3; 16]));
        let paused = state.pauses().get(&pause).and_then(|pause| pause.step.as_ref());
        let key = PAUSES.into_iter().find(|key| paused.is_some_and(|step| step.as_str() == *key));
        let wrong = (self.request < 20).then_some(PAUSES[usize::from(self.step) % 3]);
        (wrong.or(key), Resumed { by: actor(), input: None, pause }.into())
    }

    fn child(self) -> Body {
        let run = child(self.step);
        let outcome = match self.variant % 6 {
            0 => ChildOutcome::Completed(content(RESULT)),
            1 => ChildOutcome::Failed(content(ERROR)),
            2 => ChildOutcome::Cancelled,
            _ => {
                let ordinal = Some(self.place(40 + u64::from(self.step % 3))).filter(|_| self.request > 99);
                return ChildStarted { ordinal, run }.into();
            }
        };
        ChildFinished { outcome, run }.into()
    }

    pub(super) fn enqueued(self) -> Body {
        let due = Timestamp::from_micros(i64::from(self.words));
        RunEnqueued { deduplication: None, due, priority: i64::from(self.request) - 9, queue: name(self.step) }.into()
    }
}

fn ticket(state: &RunState) -> Option<EventId> {
    state.pauses().keys().next().copied()
}

fn child(pick: u8) -> RunId {
    RunId::parse(["kid-1", "kid-2", "kid-3"][usize::from(pick) % 3]).expect("fit")
}
