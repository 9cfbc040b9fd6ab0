//! Random bodies of the kinds of sessions, stages and tasks, with every optional key there or not.

use artana_core::{IncarnationId, Usd, event::*};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{name, reference};

fn incarnation() -> impl Strategy<Value = IncarnationId> {
    any::<[u8; 16]>().prop_map(IncarnationId::from_bytes)
}

fn of_sessions() -> BoxedStrategy<Body> {
    let counts = (any::<u64>(), any::<u64>(), any::<u64>());
    let named = (name(), option::of(name()), option::of(name()));
    let woke = (counts, named, incarnation(), option::of(reference())).prop_map(
        |((done, pending, session), (harness, in_progress, last_done), incarnation, note)| {
            HarnessWoke { done, harness, in_progress, incarnation, last_done, note, pending, session }.into()
        },
    );
    let phases = select(vec![Phase::Initialise, Phase::Wake, Phase::Check, Phase::Work, Phase::Sleep]);
    prop_oneof![
        woke,
        any::<u64>().prop_map(|session| HarnessSlept { session }.into()),
        (reference(), phases, any::<u64>())
            .prop_map(|(error, phase, session)| HarnessFailed { error, phase, session }.into()),
    ]
    .boxed()
}

fn of_tasks() -> BoxedStrategy<Body> {
    let tasks = vec((name(), reference()).prop_map(|(id, title)| TaskDefined { id, title }), 0..4);
    let to = prop_oneof![
        reference().prop_map(Move::Done),
        incarnation().prop_map(Move::InProgress),
        reference().prop_map(Move::Pending)
    ];
    prop_oneof![
        (any::<u64>(), tasks).prop_map(|(session, tasks)| TasksDefined { session, tasks }.into()),
        (any::<u64>(), name(), to).prop_map(|(session, task, to)| TaskMoved { session, task, to }.into()),
        (any::<u64>(), any::<u64>(), name())
            .prop_map(|(round, session, stage)| StageEntered { round, session, stage }.into()),
    ]
    .boxed()
}

fn of_traces() -> BoxedStrategy<Body> {
    let cost = any::<u64>().prop_map(Usd::nanos);
    let stage = (cost, any::<u64>(), name(), any::<u64>(), option::of(name()))
        .prop_map(|(cost, duration_us, from, round, to)| Traced::Stage { cost, duration_us, from, round, to });
    let task = (any::<u64>(), any::<bool>(), any::<u64>(), name())
        .prop_map(|(attempt, done, duration_us, task)| Traced::Task { attempt, done, duration_us, task });
    let said = (name(), reference()).prop_map(|(topic, value)| Traced::Said { topic, value });
    (any::<u64>(), prop_oneof![stage, task, said]).prop_map(|(session, what)| Trace { session, what }.into()).boxed()
}

/// A body of a kind of sessions, stages or tasks.
pub(super) fn body() -> BoxedStrategy<Body> {
    prop_oneof![of_sessions(), of_tasks(), of_traces()].boxed()
}
