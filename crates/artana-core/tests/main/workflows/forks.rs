//! What a fork of a workflow takes over, and what it asks anew.

use artana_core::{
    Step,
    event::{ChildOutcome, Closing, OWN_UNDO, TimerFired, Wait},
};

use crate::support::{History, bodies::*, step, workflows::*};

use super::given;

/// A fork of a run at its end, and the run's state there.
fn forked(history: &History) -> (History, artana_core::RunState) {
    (history.fork("f", history.events.len()), history.state())
}

fn kind_of(state: &artana_core::RunState, key: &str) -> Option<(&'static str, &'static str)> {
    state.step(&step(key)).map(|step| (step.kind(), step.state()))
}

#[test]
fn what_has_ended_is_shared_and_what_is_open_is_asked_anew() {
    let parent = given(|h| {
        h.push(Some("sum"), computed());
        h.push(Some("due"), tried(computed()));
        let pay = h.push(Some("pay"), begun(1));
        h.push(Some("pay"), once(pay, succeeded()));
        h.push(Some("open"), begun(1));
        h.push(Some("nap"), waits(0, sleeps(9)));
        let asked = h.push(Some("lifted"), pauses(1));
        h.push(Some("lifted"), resumed(asked));
        h.push(Some("kid"), child_started(2, "kid"));
        h.push(Some("ended"), child_started(3, "other"));
        h.push(Some("ended"), child_finished("other", ChildOutcome::Completed(content(RESULT))));
        h.push(Some("undo"), registered(4));
        h.push(Some("ask"), pauses(5));
    });
    let (fork, at) = forked(&parent);
    let state = fork.state_after(Some(&at));
    for (key, expect) in [
        ("sum", Some(("compute", "succeeded"))),
        ("due", None),
        ("pay", Some(("once", "succeeded"))),
        ("open", Some(("once", "unknown"))),
        ("nap", Some(("sleep", "waiting"))),
        ("lifted", Some(("pause", "resumed"))),
        ("kid", None),
        ("ended", Some(("child", "completed"))),
        ("undo", Some(("on_rollback", "registered"))),
        ("ask", None),
    ] {
        assert_eq!(kind_of(&state, key), expect, "{key}");
    }
    assert_eq!((state.pauses().len(), state.is_suspended(), state.waits().count()), (0, false, 0));
    assert_eq!(state.rollbacks().collect::<Vec<_>>(), [&step("undo")]);
}

#[test]
fn a_fork_inherits_what_was_asked_and_the_signals() {
    let parent = given(|h| {
        h.push(None, value(0));
        h.push(None, signal("go"));
        h.push(Some("sum"), computed());
    });
    let (mut fork, at) = forked(&parent);
    fork.push(None, signal("go"));
    fork.push(Some("more"), computed());
    let state = fork.state_after(Some(&at));
    let places: Vec<_> = state
        .program()
        .signals(&name("go"))
        .iter()
        .map(|signal| (signal.place.depth, signal.place.seq.get()))
        .collect();
    assert_eq!(places, [(0, 3), (1, 2)]);
    assert_eq!(state.program().value(place(0)).map(|(at, _)| (at.depth, at.seq.get())), Some((0, 2)));
    let answered = |key: &str| state.answered(&step(key)).map(|place| (place.depth, place.seq.get()));
    assert_eq!((answered("sum"), answered("more")), (Some((0, 4)), Some((1, 3))));
    assert!(state.answered(&step("sum")) < state.answered(&step("more")));
    let other = fork.sealed(Some("b"), |step| artana_core::Draft::new(step, child_started(0, "kid")).expect("small"));
    assert!(state.clone().apply(&other).is_err(), "the place was asked something else");
}

/// What was registered before the cut of a fork by hand is answered there, and is its ancestor's to undo.
#[test]
fn a_fork_that_undoes_its_own_leaves_the_rest_to_its_ancestor() {
    let parent = given(|h| h.push(Some("undo"), registered(0)));
    let mut fork = parent.fork_with("f", parent.events.len(), &[OWN_UNDO]);
    let at = parent.state();
    let state = fork.state_after(Some(&at));
    assert_eq!((state.foreign(), state.rollbacks().count()), (None, 0));
    assert_eq!(kind_of(&state, "undo"), Some(("on_rollback", "registered")));
    assert!(state.answered(&step("undo")).is_some());
    fork.push(Some("later"), registered(1));
    let state = fork.state_after(Some(&at));
    assert_eq!(state.rollbacks().collect::<Vec<_>>(), [&step("later")]);
    // The rest of the fork may be moved, and what it registered with it.
    let rest = fork.fork("g", fork.events.len()).state_after(Some(&state));
    assert_eq!(rest.rollbacks().collect::<Vec<_>>(), [&step("later")]);
}

/// A fork of a fork knows of each how deep it lies.
#[test]
fn places_of_ancestors_come_before_ones_own() {
    let root = given(|h| h.push(Some("a"), computed()));
    let (mut middle, at) = forked(&root);
    middle.push(Some("b"), computed());
    let at = middle.state_after(Some(&at));
    let mut leaf = middle.fork("g", middle.events.len());
    leaf.push(Some("c"), computed());
    let state = leaf.state_after(Some(&at));
    let depths = ["a", "b", "c"].map(|key| state.answered(&step(key)).map(|place| place.depth));
    assert_eq!(depths, [Some(0), Some(1), Some(2)]);
}

/// The instant is the same for both, and each records by itself that it has come.
#[test]
fn a_fork_goes_on_with_a_timer() {
    let parent = given(|h| h.push(Some("nap"), waits(0, sleeps(9))));
    let wait = parent.events[1].id();
    let (mut fork, at) = forked(&parent);
    fork.push(Some("nap"), leaves(0, sleeps(9)));
    let asleep = fork.state_after(Some(&at));
    assert_eq!((kind_of(&asleep, "nap"), asleep.is_suspended()), (Some(("sleep", "waiting")), true));
    assert!(matches!(asleep.step(&step("nap")), Some(Step::Timer(timer)) if timer.wait == wait));
    fork.push(Some("nap"), TimerFired { wait });
    let woken = fork.state_after(Some(&at));
    assert_eq!((kind_of(&woken, "nap"), woken.is_suspended()), (Some(("sleep", "fired")), false));
    assert_eq!(woken.waits().count(), 0);
    assert_eq!(parent.state().step(&step("nap")).map(Step::state), Some("waiting"));
}

#[test]
fn a_closure_that_an_ancestor_began_is_gone_on_with_there() {
    let parent = given(|h| h.push(Some("pay"), begun(1)));
    let request = parent.events[1].id();
    let (fork, at) = forked(&parent);
    let state = fork.state_after(Some(&at));
    for body in
        [artana_core::event::Body::from(begun(2)), once(request, succeeded()).into(), late(request, succeeded()).into()]
    {
        let event = fork.sealed(Some("pay"), |step| artana_core::Draft::new(step, body).expect("small"));
        assert!(state.clone().apply(&event).is_err(), "{}", event.kind());
    }
}

/// What the parent was to undo the fork undoes, and it does not end before.
#[test]
fn a_fork_undoes_what_its_ancestor_did() {
    let parent = given(|h| h.push(Some("undo"), registered(0)));
    let (mut fork, at) = forked(&parent);
    fork.push(None, leaves(1, Wait::Signal(name("go"))));
    fork.push(None, closing(Closing::Cancelled));
    assert!(fork.state_after(Some(&at)).project().closes().is_none());
    fork.push(Some("undo"), undone());
    let state = fork.state_after(Some(&at));
    assert_eq!((kind_of(&state, "undo"), state.rollbacks().count()), (Some(("on_rollback", "undone")), 0));
    assert_eq!(parent.state().rollbacks().count(), 1, "the parent's own is its own");
}
