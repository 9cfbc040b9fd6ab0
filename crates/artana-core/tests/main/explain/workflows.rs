//! What a workflow waits for, and what would lift it.

use artana_core::{
    Status,
    event::{ChildOutcome, Closing, CodeKind, RunOutcome, Wait},
    explain::{Blocker, Failure, Lift, Pending, Recorded},
};

use super::{name as named, told};
use crate::support::{
    History,
    bodies::*,
    step,
    workflows::{name as signal_name, *},
};

fn given<T>(events: impl FnOnce(&mut History) -> T) -> History {
    let mut history = workflow();
    events(&mut history);
    history
}

fn name(blocker: &Blocker) -> &'static str {
    match blocker {
        Blocker::Paused { .. } => "paused",
        Blocker::Waits { wait: Wait::Timer(_), .. } => "timer",
        Blocker::Waits { wait: Wait::Signal(_), .. } => "signal",
        Blocker::Waits { wait: Wait::Child(_), .. } => "child",
        Blocker::ToUndo { .. } => "to undo",
        Blocker::Queued { .. } => "queued",
        other => named(other),
    }
}

fn blockers(history: &History) -> Vec<&'static str> {
    told(history, &[]).blockers.iter().map(name).collect()
}

fn lift(lift: &Lift) -> &'static str {
    match lift {
        Lift::Resume { .. } => "resume",
        Lift::Signal { .. } => "signal",
        Lift::Child { .. } => "child",
        Lift::Resolve { .. } => "resolve",
        Lift::Reconcile { .. } => "reconcile",
        Lift::Wait => "wait",
        Lift::RunAgain => "run again",
        Lift::Cancel => "cancel",
        _ => "other",
    }
}

fn lifts(history: &History) -> Vec<&'static str> {
    told(history, &[]).lifts().iter().map(lift).collect()
}

#[test]
fn a_paused_run_waits_for_a_person() {
    for (key, pause) in [(None, paused()), (Some("ask"), pauses(0))] {
        let history = given(|h| h.push(key, pause));
        let told = told(&history, &[]);
        let [Blocker::Paused { ticket, pause }] = &told.blockers[..] else { panic!("{told:?}") };
        assert_eq!((*ticket, pause.step.as_ref().map(|key| key.as_str())), (history.head_id(), key));
        assert!(told.needs_human());
        assert_eq!(told.lifts(), [Lift::Resume { ticket: *ticket, pause: pause.clone() }]);
    }
}

#[test]
fn a_run_that_was_left_waits_for_what_it_said() {
    let mut history = given(|h| {
        h.push(Some("kid"), child_started(0, "kid"));
        h.push(Some("kid"), waits(0, Wait::Child(child("kid"))));
        h.push(Some("nap"), waits(1, sleeps(90)));
        h.push(None, leaves(2, Wait::Signal(signal_name("go"))));
    });
    assert_eq!(blockers(&history), ["child", "timer", "signal"]);
    assert_eq!(lifts(&history), ["child", "wait", "signal"]);
    assert!(!told(&history, &[]).needs_human(), "the world goes on by itself");
    history.push(None, value(3));
    assert_eq!(blockers(&history), ["idle"], "somebody drives it, or has gone");
}

#[test]
fn a_queued_run_waits_for_a_worker() {
    let history = given(|h| h.push(None, enqueued(5)));
    let told = told(&history, &[]);
    let [Blocker::Queued { place }] = &told.blockers[..] else { panic!("{told:?}") };
    assert_eq!((place.due_at, told.status, lifts(&history)), (instant(5), Status::Queued, vec!["wait"]));
}

#[test]
fn what_is_left_to_undo_is_told_with_the_last_first() {
    let mut history = given(|h| {
        for (at, key) in (0..).zip(["a", "c", "b"]) {
            h.push(Some(key), registered(at));
        }
    });
    assert_eq!(blockers(&history), ["idle"], "it stands ready");
    history.push(None, closing(Closing::Failed));
    let before = told(&history, &[]);
    let [Blocker::ToUndo { steps }] = &before.blockers[..] else { panic!("{before:?}") };
    assert_eq!((steps, lifts(&history)), (&["b", "c", "a"].map(step).to_vec(), vec!["run again"]));
    assert_eq!((before.undone.done.len(), before.undone.failed.len()), (0, 0));
    history.push(Some("b"), ran(CodeKind::Rollback, failed()));
    for key in ["c", "a"] {
        history.push(Some(key), undone());
    }
    let after = told(&history, &[]).undone;
    assert_eq!((after.done, after.failed), (["a", "c"].map(step).to_vec(), vec![step("b")]));
    assert_eq!(blockers(&history), ["idle"]);
    history.push(None, finished(RunOutcome::Failed));
    assert_eq!(blockers(&history), [""; 0]);
}

/// What stopped it does not stop what undoes its work; that it kills those who do does.
#[test]
fn what_a_run_that_is_ending_was_stopped_by_is_not_told() {
    let mut history = given(|h| {
        h.push(Some("undo"), registered(0));
        h.push(None, paused());
        h.push(None, leaves(1, Wait::Signal(signal_name("go"))));
    });
    assert_eq!(blockers(&history), ["paused", "signal"]);
    history.push(None, closing(Closing::Cancelled));
    assert_eq!(blockers(&history), ["to undo"]);
    history.push(None, parked());
    assert_eq!((blockers(&history), lifts(&history)), (vec!["paused", "to undo"], vec!["resume", "run again"]));
}

/// Nobody but a person knows what became of a closure.
#[test]
fn a_closure_in_doubt_is_resolved_by_a_person() {
    let mut history = given(|h| h.push(Some("pay"), begun(1)));
    for recorded in [Recorded::NotYet, Recorded::Yes] {
        let told = told(&history, &[]);
        let [Blocker::InDoubt { what, key, recorded: found, .. }] = &told.blockers[..] else { panic!("{told:?}") };
        assert_eq!((what, key, *found), (&Pending::Code(CodeKind::Once), &None, recorded));
        assert_eq!((lifts(&history), told.needs_human()), (vec!["resolve"], true));
        if recorded == Recorded::NotYet {
            history.push(Some("pay"), once(history.head_id(), unknown()));
        }
    }
    let alive = given(|h| h.push(Some("pay"), begun(1)));
    assert_eq!(told(&alive, &[OWNER]).blockers.iter().map(name).collect::<Vec<_>>(), ["under way"]);
}

#[test]
fn a_closure_that_failed_is_due_again_or_told() {
    let mut history = given(|h| h.push(Some("sum"), tried(computed())));
    assert_eq!(blockers(&history), ["due"]);
    history.push(Some("sum"), ran(CodeKind::Compute, failed()));
    let Some(Failure::Code { step: key, at, error }) = told(&history, &[]).failure else { panic!("it failed") };
    assert_eq!((key, at, error), (step("sum"), history.head().seq, content(ERROR)));
    assert_eq!(lifts(&history), ["run again", "cancel"], "its code was told, and sees to it");
}

#[test]
fn a_child_or_a_compensation_that_failed_is_told() {
    let mut history = given(|h| {
        h.push(Some("undo"), registered(0));
        h.push(Some("kid"), child_started(1, "kid"));
        h.push(Some("kid"), child_finished("kid", ChildOutcome::Failed(content(ERROR))));
    });
    let Some(Failure::Child { step: key, run, error, .. }) = told(&history, &[]).failure else { panic!("it failed") };
    assert_eq!((key, run, error), (step("kid"), child("kid"), content(ERROR)));
    history.push(None, closing(Closing::Failed));
    history.push(Some("undo"), ran(CodeKind::Rollback, failed()));
    let Some(Failure::Code { step: key, error, .. }) = told(&history, &[]).failure else { panic!("it failed") };
    assert_eq!((key, error), (step("undo"), content(ERROR)));
}

#[test]
fn steps_of_a_workflow_are_counted() {
    let history = given(|h| {
        h.push(Some("sum"), computed());
        h.push(Some("due"), tried(computed()));
        h.push(Some("pay"), begun(1));
        h.push(Some("nap"), waits(0, sleeps(9)));
        h.push(Some("kid"), child_started(1, "kid"));
        h.push(Some("undo"), registered(2));
        let doubt = h.push(Some("doubt"), begun(1));
        h.push(Some("doubt"), once(doubt, unknown()));
        h.push(Some("bad"), ran(CodeKind::Compute, failed()));
        h.push(Some("ask"), pauses(3));
    });
    let steps = told(&history, &[]).steps;
    assert_eq!((steps.all, steps.done, steps.failed, steps.unknown), (9, 1, 1, 1));
    assert_eq!((steps.pending, steps.due), (4, 2));
}
