//! Waits: timers, signals, children and doubts, what wakes a run that was left, and what does not.

use artana_core::{
    EventId, Seq, Status,
    event::{Body, ChildOutcome, TimerFired, Wait, WaitStarted},
    limits::MAX_OPEN_WAITS,
};

use super::{fits, given, refused, stands};
use crate::support::{History, bodies::*, step, workflows::*};

fn fired(wait: EventId) -> TimerFired {
    TimerFired { wait }
}

fn open(history: &History) -> Vec<u64> {
    history.state().waits().map(|(at, ..)| at.get()).collect()
}

fn sleeping(history: &History) -> bool {
    let state = history.state();
    assert_eq!(state.status() == Status::Sleeping, state.is_suspended());
    state.is_suspended()
}

#[test]
fn a_timer_goes_off_once() {
    let mut history = given(|h| h.push(Some("nap"), waits(0, sleeps(90))));
    let wait = history.events[1].id();
    assert_eq!((stands(&history, "nap"), open(&history)), ("waiting", vec![0]));
    assert!(!fits(&history, Some("nap"), fired(EventId::from_bytes([3; 16]))), "that is another wait");
    assert!(!fits(&history, Some("other"), fired(wait)), "that is another timer");
    history.push(Some("nap"), fired(wait));
    assert_eq!((stands(&history, "nap"), open(&history)), ("fired", vec![]));
    assert_eq!(history.state().step(&step("nap")).and_then(artana_core::Step::answered), Some(Seq::new(3)));
    assert_eq!(refused(&history, Some("nap"), fired(wait)), "in step nap: timer_fired may not follow fired");
    assert_eq!(refused(&history, Some("nap"), waits(0, sleeps(90))), "in step nap: wait_started may not follow fired");
}

/// Whoever leaves a run says what for, each time; the instant stays what it was, and so does what ends the wait.
#[test]
fn the_wait_for_an_open_timer_may_be_recorded_again() {
    let mut history = given(|h| h.push(Some("nap"), waits(0, sleeps(90))));
    let first = history.events[1].id();
    assert!(!fits(&history, Some("nap"), waits(0, sleeps(91))), "that is another instant");
    history.push(Some("nap"), leaves(0, sleeps(90)));
    assert_eq!((stands(&history, "nap"), open(&history), sleeping(&history)), ("waiting", vec![0], true));
    let again = history.events[2].id();
    assert!(fits(&history, Some("nap"), fired(first)) && !fits(&history, Some("nap"), fired(again)));
}

#[test]
fn a_run_that_was_left_is_woken_by_what_it_waits_for() {
    let left = given(|h| {
        h.push(Some("ask"), begun(1));
        h.push(Some("nap"), waits(1, sleeps(90)));
        h.push(Some("kid"), child_started(2, "kid"));
        h.push(Some("kid"), waits(2, Wait::Child(child("kid"))));
        h.push(None, leaves(3, Wait::Signal(name("go"))));
    });
    assert!(sleeping(&left));
    let (request, nap) = (left.events[1].id(), left.events[2].id());
    let wakes = |key: Option<&str>, body: Body| {
        let mut history = left.clone();
        history.push(key, body);
        !sleeping(&history)
    };
    assert!(wakes(Some("nap"), fired(nap).into()));
    assert!(wakes(None, signal("go").into()));
    assert!(wakes(Some("kid"), child_finished("kid", ChildOutcome::Cancelled).into()));
    assert!(wakes(Some("ask"), once(request, succeeded()).into()));
    assert!(!wakes(None, signal("stop").into()), "nobody waits for it");
    assert!(!wakes(None, taken_over().into()), "that somebody takes it over brings it nowhere");
    assert!(wakes(None, value(5).into()), "its code goes on");
}

#[test]
fn a_wait_ends_with_what_it_is_for() {
    let mut history = given(|h| {
        h.push(Some("kid"), child_started(0, "kid"));
        h.push(Some("kid"), waits(0, Wait::Child(child("kid"))));
        let request = h.push(Some("pay"), begun(1));
        h.push(Some("pay"), once(request, unknown()));
        h.push(Some("pay"), waits(1, Wait::Doubt { request: request.into(), until: None }));
        let pause = h.push(Some("ask"), pauses(2));
        h.push(Some("ask"), waits(2, Wait::Pause(pause)));
        h.push(None, waits(3, Wait::Signal(name("go"))));
        pause
    });
    assert_eq!(open(&history), [0, 1, 2, 3]);
    history.push(Some("kid"), child_finished("kid", ChildOutcome::Cancelled));
    assert_eq!(open(&history), [1, 2, 3]);
    history.push(Some("pay"), late(history.events[3].id(), succeeded()));
    assert_eq!(open(&history), [2, 3]);
    history.push(Some("ask"), resumed(history.events[6].id()));
    assert_eq!(open(&history), [3]);
    // A signal is taken by whoever asks for it, and who that is only the code knows.
    history.push(None, signal("go"));
    assert_eq!(open(&history), [3]);
    history.push(Some("nap"), WaitStarted { given_up: vec![place(3)], ..leaves(4, sleeps(90)) });
    assert_eq!(open(&history), [4]);
}

#[test]
fn a_child_ends_once_and_as_itself() {
    let mut history = given(|h| h.push(Some("kid"), child_started(0, "kid")));
    let ended = |run| child_finished(run, ChildOutcome::Failed(content(ERROR)));
    assert!(!fits(&history, Some("kid"), ended("other")), "that is another run");
    assert!(!fits(&history, Some("kid"), child_started(0, "kid")), "it is started");
    history.push(Some("kid"), ended("kid"));
    assert_eq!((stands(&history, "kid"), history.state().failed_step()), ("failed", Some(&step("kid"))));
    assert!(!fits(&history, Some("kid"), ended("kid")), "it has ended");
}

#[test]
fn as_many_waits_are_open_as_may_be_and_each_may_be_repeated() {
    let full = given(|h| {
        for at in 0..MAX_OPEN_WAITS as u64 {
            h.push(None, waits(at, Wait::Signal(name("go"))));
        }
    });
    let refusal = "wait_started may not follow in a run that is running";
    assert_eq!(refused(&full, None, waits(5_000, Wait::Signal(name("go")))), refusal);
    assert!(fits(&full, None, leaves(7, Wait::Signal(name("go")))), "whoever drives it can leave it");
    assert!(fits(&full, None, paused()), "and a person can stop it");
}
