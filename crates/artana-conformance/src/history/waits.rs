//! A workflow that waits in a queue, for an instant, a child, a signal and people, and is cancelled.

use artana_core::{
    Ordinal, RunId, Timestamp,
    event::{
        CancelRequested, ChildFinished, ChildOutcome, ChildStarted, Closing, CodeKind, CompensationRegistered,
        DriverChanged, Outcome, Paused, Resumed, RunEnqueued, RunFinished, RunOutcome, RunParked, SignalReceived,
        StepCompleted, StepRequested, TimerFired, Value, ValueRecorded, Wait, WaitStarted, WorkflowStarted,
    },
};

use super::{History, OWNER, SUCCESSOR, actor, calls::success, name, text};
use crate::writer::AT;

pub(super) fn history() -> History {
    let mut run = History::root("approve");
    let workflow = WorkflowStarted { input: None, name: Some(name("approve")) };
    let enqueued = RunEnqueued { deduplication: None, due: AT, priority: -3, queue: name("slow") };
    run.tell_all([run.started(Some(workflow)), (None, enqueued.into())]);
    run.tell(None, DriverChanged { from: OWNER, to: SUCCESSOR });
    works(&mut run);
    waits(&mut run);
    meets_people(&mut run);
    run.tell(None, CancelRequested { closing: Closing::Cancelled, by: Some(actor()), reason: None });
    run.tell_all([
        (Some("undo"), ran(CodeKind::Rollback).into()),
        (None, RunFinished { outcome: RunOutcome::Cancelled, output: None }.into()),
    ]);
    run
}

fn ran(kind: CodeKind) -> StepCompleted {
    let outcome = Outcome::Succeeded(success());
    StepCompleted { again: false, elapsed_us: 5, kind, ordinal: None, outcome, request: None }
}

fn place(at: u64) -> Ordinal {
    Ordinal::new(at)
}

fn works(run: &mut History) {
    run.tell(None, ValueRecorded { ordinal: place(0), value: Value::Random(7) });
    let request = run.tell(Some("once"), StepRequested { attempt: 1, incarnation: OWNER, ordinal: Some(place(1)) });
    let ordinal = Some(place(1));
    run.tell(Some("once"), StepCompleted { ordinal, request: Some(request.into()), ..ran(CodeKind::Once) });
    run.tell(Some("undo"), CompensationRegistered { ordinal: place(2) });
}

/// Two waits at once; whoever drives the run leaves it with the second.
fn waits(run: &mut History) {
    let child = RunId::parse("child").expect("a fit name");
    let leaves = |at, wait| WaitStarted { given_up: Vec::new(), ordinal: place(at), suspends: true, wait };
    let due = Timestamp::from_micros(AT.as_micros() + 86_400_000_000);
    run.tell(Some("ask"), ChildStarted { ordinal: Some(place(3)), run: child.clone() });
    let timer = run.tell(Some("night"), leaves(4, Wait::Timer(due)));
    run.tell(Some("night"), TimerFired { wait: timer });
    let outcome = ChildOutcome::Completed(text("true"));
    run.tell(Some("ask"), ChildFinished { outcome, run: child });
    run.tell(None, leaves(5, Wait::Signal(name("go"))));
    run.tell(None, SignalReceived { by: actor(), name: name("go"), value: text("true") });
}

fn meets_people(run: &mut History) {
    let (by, metadata, reason) = (Some(actor()), None, None);
    let pause = run.tell(None, Paused { block: None, by, metadata, ordinal: None, reason, suspends: false });
    run.tell(None, Resumed { by: actor(), input: None, pause });
    run.tell(None, RunParked { died: vec![OWNER, SUCCESSOR], reason: None });
}
