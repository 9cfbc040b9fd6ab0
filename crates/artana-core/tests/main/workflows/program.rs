//! One place of a workflow is asked one thing, and what it learns is ordered.

use artana_core::{
    AskKind, Place, Seq,
    event::{Body, CodeKind, Effect, Paused, StepCompleted, StepRequested, ToolRequested, Value, ValueRecorded, Wait},
};

use super::{fits, given, refused};
use crate::support::{bodies::*, models::asked, step, workflows::*};

/// Something of each kind that can be asked, at place 1.
fn everything() -> Vec<(AskKind, Option<&'static str>, Body)> {
    let at = Some(place(1));
    let value = |value| ValueRecorded { ordinal: place(1), value }.into();
    vec![
        (AskKind::Compute, Some("a"), StepCompleted { ordinal: at, ..computed() }.into()),
        (AskKind::Once, Some("a"), StepRequested { ordinal: at, ..begun(1) }.into()),
        (AskKind::Tool, Some("a"), ToolRequested { ordinal: at, ..requested(1, Effect::Read) }.into()),
        (AskKind::Model, Some("a"), artana_core::event::ModelRequested { ordinal: at, ..asked(1, &["x"]) }.into()),
        (AskKind::Sleep, Some("a"), waits(1, sleeps(9)).into()),
        (AskKind::Signal, None, waits(1, Wait::Signal(name("a"))).into()),
        (AskKind::Pause, Some("a"), Paused { suspends: false, ..pauses(1) }.into()),
        (AskKind::Child, Some("a"), child_started(1, "kid").into()),
        (AskKind::OnRollback, Some("a"), registered(1).into()),
        (AskKind::Now, None, value(Value::Now(instant(1)))),
        (AskKind::Random, None, value(Value::Random(1))),
        (AskKind::Uuid, None, value(Value::Uuid(artana_core::EventId::from_bytes([1; 16])))),
        (AskKind::Patched, None, value(Value::Patched(name("a")))),
    ]
}

#[test]
fn what_was_asked_is_found_by_its_place() {
    for (kind, key, body) in everything() {
        let history = given(|h| h.push(key, body));
        let state = history.state();
        let found = state.program().asked(place(1)).expect("it was asked");
        let is_named = key.is_some() || matches!(kind, AskKind::Signal | AskKind::Patched);
        assert_eq!((found.kind, found.name.as_deref()), (kind, is_named.then_some("a")));
        assert_eq!((state.program().asked(place(0)), state.program().last()), (None, Some(place(1))));
    }
}

#[test]
fn one_place_is_asked_one_thing() {
    const REFUSAL: &str = "place 1 of the workflow was asked something else before";
    for (first, key, body) in everything() {
        let history = given(|h| {
            let pause = h.push(key, body);
            // So that anything may follow.
            if first == AskKind::Pause {
                h.push(key, resumed(pause));
            }
        });
        for (second, key, body) in everything().into_iter().filter(|(second, ..)| *second != first) {
            assert_eq!(refused(&history, key.map(|_| "b"), body), REFUSAL, "{first:?}, then {second:?}");
        }
    }
}

/// Further attempts, cycles and waits ask the same thing again; a value is recorded once.
#[test]
fn the_same_may_be_recorded_of_a_place_again() {
    let at = |completed| StepCompleted { ordinal: Some(place(1)), ..completed };
    let history = given(|h| h.push(Some("a"), at(tried(computed()))));
    assert!(fits(&history, Some("a"), at(computed())) && !fits(&history, Some("b"), at(computed())));
    let signals = given(|h| h.push(None, waits(1, Wait::Signal(name("go")))));
    assert!(fits(&signals, None, leaves(1, Wait::Signal(name("go")))));
    assert!(!fits(&signals, None, leaves(1, Wait::Signal(name("stop")))));
    assert!(!fits(&given(|h| h.push(None, value(1))), None, value(1)), "it would not be the same again");
    let unplaced = given(|h| h.push(Some("undo/a"), computed()));
    assert_eq!(unplaced.state().program().last(), None, "a compensation's steps have no place");
}

/// A batch that is not committed yet counts as well.
#[test]
fn a_projection_knows_what_was_asked() {
    let history = given(|h| {
        h.push(Some("a"), StepRequested { ordinal: Some(place(0)), ..begun(1) });
        h.push(None, value(1));
    });
    for committed in [1, 2, 3] {
        let state = history.upto(committed).state();
        let mut projection = state.project();
        for event in &history.events[committed..] {
            projection.apply(event).expect("it follows");
        }
        for (key, body) in [(None, Body::from(value(0))), (Some("b"), child_started(1, "kid").into())] {
            let other = history.sealed(key, |step| artana_core::Draft::new(step, body).expect("small"));
            let refusal = projection.apply(&other).expect_err("refused").to_string();
            assert!(refusal.ends_with("was asked something else before"), "{refusal}");
        }
    }
}

#[test]
fn the_asks_from_a_place_on_are_in_order() {
    let history = given(|h| [7, 3, 5].map(|at| h.push(None, value(at))));
    let state = history.state();
    let from = |at| state.program().asks_from(place(at)).map(|(at, _)| at.get()).collect::<Vec<_>>();
    assert_eq!((from(0), from(4), from(8)), (vec![3, 5, 7], vec![5, 7], vec![]));
    let (found, value) = state.program().value(place(5)).expect("a value");
    assert_eq!((*found, value), (Place { depth: 0, seq: Seq::new(4) }, &Value::Random(7)));
    assert_eq!(state.program().asks_from(place(7)).map(|(_, asked)| asked.to_string()).collect::<Vec<_>>(), ["random"]);
}

#[test]
fn signals_of_a_name_are_kept_in_the_order_they_came() {
    let history = given(|h| [h.push(None, signal("go")), h.push(None, signal("stop")), h.push(None, signal("go"))]);
    let state = history.state();
    let seqs = |text: &str| {
        let found = state.program().signals(&name(text)).iter();
        found.map(|signal| signal.place.seq.get()).collect::<Vec<_>>()
    };
    assert_eq!((seqs("go"), seqs("stop"), seqs("never")), (vec![2, 4], vec![3], vec![]));
}

/// A workflow learns of what came of its steps in the order in which that was recorded.
#[test]
fn what_a_workflow_learns_is_ordered_by_its_place() {
    let history = given(|h| {
        let request = h.push(Some("pay"), begun(1));
        h.push(Some("undo"), registered(9));
        let nap = h.push(Some("nap"), waits(0, sleeps(9)));
        h.push(Some("sum"), computed());
        h.push(Some("nap"), artana_core::event::TimerFired { wait: nap });
        h.push(Some("pay"), once(request, succeeded()));
        h.push(Some("open"), begun(1));
        h.push(Some("due"), tried(ran(CodeKind::Compute, failed())));
    });
    let state = history.state();
    let at = |key: &str| state.answered(&step(key)).map(|place| (place.depth, place.seq.get()));
    let order = [("undo", 3), ("sum", 5), ("nap", 6), ("pay", 7)];
    assert!(order.iter().all(|(key, seq)| at(key) == Some((0, *seq))));
    assert!(["open", "due", "never"].iter().all(|key| at(key).is_none()));
    let ancestors = Place { depth: 0, seq: Seq::new(900) };
    assert!(ancestors < Place { depth: 1, seq: Seq::new(2) }, "what is shared was learnt before");
}
