//! Random bodies of the kinds of workflows, queues and people, with every optional key there or not.

use artana_core::{IncarnationId, Ordinal, RunId, StepKey, Timestamp, event::*};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{actor, id, name, outcome, reference};

pub(super) fn ordinal() -> impl Strategy<Value = Ordinal> {
    any::<u64>().prop_map(Ordinal::new)
}

fn instant() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

fn incarnation() -> impl Strategy<Value = IncarnationId> {
    any::<[u8; 16]>().prop_map(IncarnationId::from_bytes)
}

fn run() -> impl Strategy<Value = RunId> {
    "[^\\p{Cc}]{1,60}".prop_map(|text| RunId::parse(text).expect("fit"))
}

fn started() -> BoxedStrategy<Body> {
    let step = "[^\\p{Cc}]{1,60}".prop_map(|text| StepKey::parse(text).expect("fit"));
    let lineage = option::of((run(), step).prop_map(|(run, step)| Lineage { run, step }));
    let workflow = (option::of(reference()), option::of(name()));
    let workflow = option::of(workflow.prop_map(|(input, name)| WorkflowStarted { input, name }));
    let sample = crate::support::History::start("t", "r").state().started().clone();
    let bound = move |(lineage, workflow)| RunStarted { lineage, workflow, ..sample.clone() }.into();
    (lineage, workflow).prop_map(bound).boxed()
}

fn of_queues() -> BoxedStrategy<Body> {
    let enqueued = (option::of(name()), instant(), any::<i64>(), name());
    let outcomes = select(vec![RunOutcome::Completed, RunOutcome::Failed, RunOutcome::Cancelled]);
    prop_oneof![
        enqueued.prop_map(|(deduplication, due, priority, queue)| {
            RunEnqueued { deduplication, due, priority, queue }.into()
        }),
        (incarnation(), incarnation()).prop_map(|(from, to)| DriverChanged { from, to }.into()),
        (vec(incarnation(), 0..4), option::of(reference()))
            .prop_map(|(died, reason)| RunParked { died, reason }.into()),
        (outcomes, option::of(reference())).prop_map(|(outcome, output)| RunFinished { outcome, output }.into()),
    ]
    .boxed()
}

fn of_children() -> BoxedStrategy<Body> {
    let ended = prop_oneof![
        reference().prop_map(ChildOutcome::Completed),
        reference().prop_map(ChildOutcome::Failed),
        Just(ChildOutcome::Cancelled)
    ];
    prop_oneof![
        (option::of(ordinal()), run()).prop_map(|(ordinal, run)| ChildStarted { ordinal, run }.into()),
        (ended, run()).prop_map(|(outcome, run)| ChildFinished { outcome, run }.into()),
    ]
    .boxed()
}

fn of_closures() -> BoxedStrategy<Body> {
    let kinds = select(vec![CodeKind::Compute, CodeKind::Once, CodeKind::Rollback]);
    let ended = (any::<bool>(), any::<u64>(), kinds, option::of(ordinal()), outcome(), option::of(id()));
    let completed = |(again, elapsed_us, kind, ordinal, outcome, request): (_, _, _, _, _, Option<_>)| {
        StepCompleted { again, elapsed_us, kind, ordinal, outcome, request: request.map(Into::into) }.into()
    };
    let asked = (any::<u32>(), incarnation(), option::of(ordinal()));
    prop_oneof![
        asked.prop_map(|(attempt, incarnation, ordinal)| StepRequested { attempt, incarnation, ordinal }.into()),
        ended.prop_map(completed),
        ordinal().prop_map(|ordinal| CompensationRegistered { ordinal }.into()),
    ]
    .boxed()
}

fn of_waits() -> BoxedStrategy<Body> {
    let value = prop_oneof![
        instant().prop_map(Value::Now),
        name().prop_map(Value::Patched),
        any::<u64>().prop_map(Value::Random),
        id().prop_map(Value::Uuid)
    ];
    let wait = prop_oneof![
        run().prop_map(Wait::Child),
        (id(), option::of(instant())).prop_map(|(id, until)| Wait::Doubt { request: id.into(), until }),
        id().prop_map(Wait::Pause),
        name().prop_map(Wait::Signal),
        instant().prop_map(Wait::Timer)
    ];
    let begun = (vec(ordinal(), 0..4), ordinal(), any::<bool>(), wait);
    prop_oneof![
        (ordinal(), value).prop_map(|(ordinal, value)| ValueRecorded { ordinal, value }.into()),
        begun.prop_map(|(given_up, ordinal, suspends, wait)| {
            WaitStarted { given_up, ordinal, suspends, wait }.into()
        }),
        id().prop_map(|wait| TimerFired { wait }.into()),
        (actor(), name(), reference()).prop_map(|(by, name, value)| SignalReceived { by, name, value }.into()),
    ]
    .boxed()
}

fn of_people() -> BoxedStrategy<Body> {
    let named = (option::of(name()), option::of(actor()), option::of(ordinal()));
    let said = (option::of(reference()), option::of(reference()));
    let paused = (named, said, any::<bool>()).prop_map(|((block, by, ordinal), (metadata, reason), suspends)| {
        Paused { block, by, metadata, ordinal, reason, suspends }.into()
    });
    let resumed = (actor(), option::of(reference()), id());
    prop_oneof![paused, resumed.prop_map(|(by, input, pause)| Resumed { by, input, pause }.into())].boxed()
}

/// A body of a kind of workflows, queues or people.
pub(super) fn body() -> BoxedStrategy<Body> {
    prop_oneof![started(), of_queues(), of_children(), of_closures(), of_waits(), of_people()].boxed()
}
