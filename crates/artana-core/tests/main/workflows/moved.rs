//! A workflow whose rest went to a fork: what it still is, what may follow, and what keeps it in its run.

use std::collections::BTreeSet;

use artana_core::{
    Seq, Status,
    decide::{Tie, ties},
    event::{ChildOutcome, Closing, Effect, ForkCause, RunForked, RunOutcome, TimerFired, Wait},
};

use super::{after, fits, given};
use crate::support::{History, bodies::*, models::*, step, workflows::*};

fn drifted(cut: u64) -> RunForked {
    let because = ForkCause::Drift { asked: root_of(&["f"]), fields: BTreeSet::new() };
    RunForked { because, cut: Seq::new(cut), fork: child("f") }
}

/// A workflow in a queue that has something to undo, waits for an instant, and was moved. Its question is asked at 4.
fn moved() -> (History, artana_core::EventId) {
    let mut history = given(|h| {
        h.push(None, enqueued(5));
        h.push(Some("undo"), registered(0));
    });
    let asked = history.push(Some("ask"), asked(1, &["how much"]));
    history.push(Some("ask"), ended(asked, answered()));
    let nap = history.push(Some("nap"), leaves(2, sleeps(9)));
    history.push(Some("ask"), drifted(3));
    (history, nap)
}

#[test]
fn the_waits_and_what_there_is_to_undo_go_with_the_rest() {
    let (mut history, _) = moved();
    let state = history.state();
    assert_eq!(state.moved(), Some(&child("f")));
    assert_eq!((state.waits().count(), state.rollbacks().count(), state.status()), (0, 0, Status::Sleeping));
    // Until the fork has begun, a worker may have to see to that.
    assert!(state.view().queued.is_some());
    history.push(Some("ask"), leaves(1, Wait::Child(child("f"))));
    assert_eq!(history.state().view().queued, None);
    let fork = history.fork("f", 3).state_after(Some(&history.upto(3).state()));
    assert_eq!((fork.moved(), fork.rollbacks().count()), (None, 1));
}

#[test]
fn nothing_but_the_end_follows_in_a_run_that_was_moved() {
    let (history, nap) = moved();
    let refused = [
        fits(&history, None, signal("go")),
        fits(&history, None, paused()),
        fits(&history, None, parked()),
        fits(&history, Some("nap"), TimerFired { wait: nap }),
        fits(&history, Some("pay"), begun(1)),
        fits(&history, Some("look"), requested(1, Effect::Read)),
        fits(&history, Some("sum"), computed()),
        fits(&history, Some("kid"), child_started(7, "kid")),
        fits(&history, Some("also"), registered(8)),
        fits(&history, Some("nap"), leaves(2, sleeps(9))),
        fits(&history, None, value(9)),
    ];
    assert!(!refused.contains(&true), "{refused:?}");
    let ends = after(&history, None, finished(RunOutcome::Completed)).expect("the rest has completed");
    assert_eq!(ends.status(), Status::Completed);
    let mut history = history;
    history.push(None, closing(Closing::Failed));
    let ends = after(&history, None, finished(RunOutcome::Failed)).expect("the rest has failed");
    assert_eq!(ends.status(), Status::Failed);
}

#[test]
fn only_a_drift_of_a_workflow_that_goes_on_moves_it() {
    let mut plain = History::start("t", "r");
    plain.push(Some("ask"), drifted(1));
    assert_eq!(plain.state().moved(), None);
    let by_hand =
        given(|h| h.push(Some("ask"), RunForked { because: ForkCause::Wanted { by: actor() }, ..drifted(1) }));
    assert_eq!(by_hand.state().moved(), None);
    let ended = given(|h| {
        h.push(None, finished(RunOutcome::Completed));
        h.push(Some("ask"), drifted(1));
    });
    assert_eq!(ended.state().moved(), None);
}

#[test]
fn what_a_fork_would_repeat_or_lose_ties_a_workflow_to_its_run() {
    let history = given(|h| {
        h.push(Some("early"), child_started(0, "early")); // 2
        h.push(Some("early"), child_finished("early", ChildOutcome::Cancelled)); // 3
        h.push(Some("kid"), child_started(1, "kid")); // 4
        let pay = h.push(Some("pay"), begun(1)); // 5
        h.push(Some("undo"), registered(3)); // 6
        h.push(Some("pay"), once(pay, succeeded())); // 7
        h.push(Some("kid"), child_finished("kid", ChildOutcome::Cancelled)); // 8
        h.push(Some("later"), registered(4)); // 9
    });
    let state = history.state();
    let kid = || Tie::Child { step: step("kid"), child: child("kid") };
    let (pay, later) = (|| Tie::Effect(step("pay")), || Tie::Rollback(step("later")));
    for (cut, tied) in [
        (3, vec![kid(), Tie::Rollback(step("undo")), later()]),
        (5, vec![kid(), pay(), Tie::Rollback(step("undo")), later()]),
        (6, vec![kid(), pay(), later()]),
        (7, vec![kid(), later()]),
        (8, vec![later()]),
        (9, vec![]),
    ] {
        assert_eq!(ties(&state, Seq::new(cut)), tied, "at {cut}");
    }
}
