//! Events of workflows with as few words as a test needs. All content is of the run key of the support module.

use artana_core::{
    Actor, EventId, Name, Ordinal, RunId, Timestamp,
    event::{
        ChildFinished, ChildOutcome, ChildStarted, CodeKind, CompensationRegistered, DriverChanged, Outcome, Paused,
        Resumed, RunEnqueued, RunParked, RunStarted, SignalReceived, StepCompleted, StepRequested, Value,
        ValueRecorded, Wait, WaitStarted, WorkflowStarted,
    },
};

use super::{History, bodies::*};

/// A started run that is a workflow.
pub(crate) fn workflow() -> History {
    let plain = History::start("t", "r").state().started().clone();
    let workflow = Some(WorkflowStarted { input: None, name: Some(name("code")) });
    History::started_as(RunStarted { workflow, ..plain })
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).expect("fit")
}

pub(crate) fn actor() -> Actor {
    Actor::parse("ops@example").expect("fit")
}

pub(crate) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * super::SECOND)
}

pub(crate) fn place(at: u64) -> Ordinal {
    Ordinal::new(at)
}

/// A closure of no known place that was not requested: a compute, or a compensation.
pub(crate) fn ran(kind: CodeKind, outcome: Outcome) -> StepCompleted {
    StepCompleted { again: false, elapsed_us: 5, kind, ordinal: None, outcome, request: None }
}

pub(crate) fn computed() -> StepCompleted {
    ran(CodeKind::Compute, succeeded())
}

pub(crate) fn undone() -> StepCompleted {
    ran(CodeKind::Rollback, succeeded())
}

pub(crate) fn begun(attempt: u32) -> StepRequested {
    StepRequested { attempt, incarnation: OWNER, ordinal: None }
}

pub(crate) fn once(request: EventId, outcome: Outcome) -> StepCompleted {
    StepCompleted { request: Some(request.into()), ..ran(CodeKind::Once, outcome) }
}

/// The failure is not the step's end.
pub(crate) fn tried(completed: StepCompleted) -> StepCompleted {
    StepCompleted { again: true, outcome: failed(), ..completed }
}

pub(crate) fn value(at: u64) -> ValueRecorded {
    ValueRecorded { ordinal: place(at), value: Value::Random(7) }
}

pub(crate) fn waits(at: u64, wait: Wait) -> WaitStarted {
    WaitStarted { given_up: Vec::new(), ordinal: place(at), suspends: false, wait }
}

/// Whoever drove the run leaves it.
pub(crate) fn leaves(at: u64, wait: Wait) -> WaitStarted {
    WaitStarted { suspends: true, ..waits(at, wait) }
}

pub(crate) fn sleeps(seconds: i64) -> Wait {
    Wait::Timer(instant(seconds))
}

pub(crate) fn signal(text: &str) -> SignalReceived {
    SignalReceived { by: actor(), name: name(text), value: content(RESULT) }
}

pub(crate) fn registered(at: u64) -> CompensationRegistered {
    CompensationRegistered { ordinal: place(at) }
}

/// A person pauses the run.
pub(crate) fn paused() -> Paused {
    Paused { block: None, by: Some(actor()), metadata: None, ordinal: None, reason: None, suspends: false }
}

/// The run's own code pauses it, and whoever drove it leaves it.
pub(crate) fn pauses(at: u64) -> Paused {
    Paused { by: None, ordinal: Some(place(at)), suspends: true, ..paused() }
}

pub(crate) fn resumed(pause: EventId) -> Resumed {
    Resumed { by: actor(), input: Some(content(ARGS)), pause }
}

pub(crate) fn parked() -> RunParked {
    RunParked { died: vec![OWNER, RECONCILER], reason: None }
}

pub(crate) fn taken_over() -> DriverChanged {
    DriverChanged { from: OWNER, to: RECONCILER }
}

pub(crate) fn enqueued(seconds: i64) -> RunEnqueued {
    RunEnqueued { deduplication: None, due: instant(seconds), priority: 3, queue: name("slow") }
}

pub(crate) fn child(run: &str) -> RunId {
    RunId::parse(run).expect("fit")
}

pub(crate) fn child_started(at: u64, run: &str) -> ChildStarted {
    ChildStarted { ordinal: Some(place(at)), run: child(run) }
}

pub(crate) fn child_finished(run: &str, outcome: ChildOutcome) -> ChildFinished {
    ChildFinished { outcome, run: child(run) }
}
