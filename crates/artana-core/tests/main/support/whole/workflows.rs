//! The bodies of workflows, queues and people, as the module above wants them.

use artana_core::{
    EventId, IncarnationId, Name, Ordinal, RunId, Timestamp,
    event::{
        Body, ChildFinished, ChildOutcome, ChildStarted, CodeKind, CompensationRegistered, DriverChanged, Lineage,
        Paused, Resumed, RunEnqueued, RunParked, SignalReceived, StepCompleted, StepRequested, TimerFired, Value,
        ValueRecorded, Wait, WaitStarted, WorkflowStarted,
    },
};

use super::{REQUEST, actor, success};
use crate::support::{bodies::*, step};

const WHEN: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

fn name() -> Name {
    Name::parse("approve/α").expect("fit")
}

fn child() -> RunId {
    RunId::parse("child").expect("fit")
}

fn at(place: u64) -> Option<Ordinal> {
    Some(Ordinal::new(place))
}

pub(super) fn lineage() -> Lineage {
    Lineage { run: RunId::parse("mother").expect("fit"), step: step("ask/child") }
}

pub(super) fn workflow() -> WorkflowStarted {
    WorkflowStarted { input: Some(content(ARGS)), name: Some(name()) }
}

pub(super) fn enqueued() -> RunEnqueued {
    let name = |name| Name::parse(name).expect("fit");
    RunEnqueued { deduplication: Some(name("invoice-7")), due: WHEN, priority: -3, queue: name("slow") }
}

/// A child that begins, and one that ends.
pub(super) fn children() -> [Body; 2] {
    let ended = ChildFinished { outcome: ChildOutcome::Completed(content(RESULT)), run: child() };
    [ChildStarted { ordinal: at(5), run: child() }.into(), ended.into()]
}

pub(super) fn driver_changed() -> DriverChanged {
    DriverChanged { from: OWNER, to: RECONCILER }
}

pub(super) fn parked() -> RunParked {
    let died = vec![OWNER, RECONCILER, IncarnationId::from_bytes([0xcc; 16])];
    RunParked { died, reason: Some(content(ERROR)) }
}

fn step_completed(kind: CodeKind) -> StepCompleted {
    let outcome = artana_core::event::Outcome::Succeeded(success(None));
    StepCompleted { again: false, elapsed_us: 7, kind, ordinal: None, outcome, request: None }
}

fn paused() -> Paused {
    Paused {
        block: Some(name()),
        by: Some(actor()),
        metadata: Some(content(ARGS)),
        ordinal: at(9),
        reason: Some(content(ERROR)),
        suspends: true,
    }
}

/// One body of each kind between the last of tools and the first of what is kept.
pub(super) fn bodies() -> Vec<Body> {
    let completed = StepCompleted {
        again: true,
        ordinal: at(6),
        outcome: failed(),
        request: Some(REQUEST.into()),
        ..step_completed(CodeKind::Once)
    };
    vec![
        StepRequested { attempt: 1, incarnation: OWNER, ordinal: at(6) }.into(),
        completed.into(),
        ValueRecorded { ordinal: Ordinal::new(7), value: Value::Random(u64::MAX) }.into(),
        WaitStarted {
            given_up: vec![Ordinal::new(3), Ordinal::new(4)],
            ordinal: Ordinal::new(8),
            suspends: true,
            wait: Wait::Timer(WHEN),
        }
        .into(),
        TimerFired { wait: REQUEST }.into(),
        SignalReceived { by: actor(), name: name(), value: content(RESULT) }.into(),
        CompensationRegistered { ordinal: Ordinal::new(0) }.into(),
        paused().into(),
        Resumed { by: actor(), input: Some(content(ARGS)), pause: REQUEST }.into(),
    ]
}

/// The other values, waits, closures and ends of children, and the kinds without any optional key.
pub(super) fn others() -> Vec<Body> {
    let value = |value| ValueRecorded { ordinal: Ordinal::new(0), value }.into();
    let wait = |wait| {
        let ordinal = Ordinal::new(0);
        WaitStarted { given_up: Vec::new(), ordinal, suspends: false, wait }.into()
    };
    let ended = |outcome| ChildFinished { outcome, run: child() }.into();
    let silent = Paused { block: None, by: None, metadata: None, ordinal: None, reason: None, suspends: false };
    vec![
        ChildStarted { ordinal: None, run: child() }.into(),
        ended(ChildOutcome::Failed(content(ERROR))),
        ended(ChildOutcome::Cancelled),
        StepRequested { attempt: 2, incarnation: OWNER, ordinal: None }.into(),
        step_completed(CodeKind::Compute).into(),
        step_completed(CodeKind::Rollback).into(),
        value(Value::Now(WHEN)),
        value(Value::Patched(name())),
        value(Value::Uuid(EventId::from_bytes([2; 16]))),
        wait(Wait::Child(child())),
        wait(Wait::Doubt { request: REQUEST.into(), until: Some(WHEN) }),
        wait(Wait::Pause(REQUEST)),
        wait(Wait::Signal(name())),
        silent.into(),
        Resumed { by: actor(), input: None, pause: REQUEST }.into(),
    ]
}
