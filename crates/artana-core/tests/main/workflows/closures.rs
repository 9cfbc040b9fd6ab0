//! Closures: one that may be repeated and one that may not, in doubt and out of it.

use artana_core::{
    EventId, Seq,
    event::{CodeKind, Effect, Resolution},
};

use super::{fits, given, refused, stands};
use crate::support::{bodies::*, models::asked, step, workflows::*};

#[test]
fn a_compute_is_recorded_when_it_has_happened() {
    let history = given(|h| h.push(Some("sum"), computed()));
    let state = history.state();
    let found = state.step(&step("sum")).expect("a step");
    assert_eq!((found.kind(), found.state(), found.answered()), ("compute", "succeeded", Some(Seq::new(2))));
    assert_eq!((state.view().pending, found.owner()), (0, None));
    assert_eq!(refused(&history, Some("sum"), computed()), "in step sum: step_completed may not follow succeeded");
}

#[test]
fn what_must_not_run_twice_is_requested_first() {
    assert!(!fits(&given(|_| ()), Some("pay"), once(EventId::from_bytes([3; 16]), succeeded())), "nobody requested it");
    let mut history = given(|h| h.push(Some("pay"), begun(1)));
    let request = history.events[1].id();
    let state = history.state();
    assert_eq!((stands(&history, "pay"), state.view().pending), ("requested", 1));
    assert_eq!(state.step(&step("pay")).and_then(|step| step.owner()), Some(OWNER));
    history.push(Some("pay"), once(request, succeeded()));
    assert_eq!((stands(&history, "pay"), history.state().view().pending), ("succeeded", 0));
}

/// The time limit of a step counts from its first attempt, the wait before another from its last.
#[test]
fn a_failure_that_leaves_another_attempt_due_is_not_the_steps_end() {
    let mut history = given(|h| h.push(Some("sum"), tried(computed())));
    assert_eq!((stands(&history, "sum"), history.state().failed_step()), ("retry_due", None));
    history.push(Some("sum"), tried(computed()));
    let state = history.state();
    let code = state.step(&step("sum")).and_then(|step| step.code().cloned()).expect("a closure");
    assert_eq!((code.first_at, code.last_at, code.cycle.attempts()), (instant(2), instant(3), 2));
    assert_eq!(state.step(&step("sum")).and_then(artana_core::Step::answered), None);
    history.push(Some("sum"), ran(CodeKind::Compute, failed()));
    assert_eq!((stands(&history, "sum"), history.state().failed_step()), ("failed", Some(&step("sum"))));
    history.push(Some("more"), computed());
    assert_eq!(history.state().failed_step(), None);
}

#[test]
fn a_closure_in_doubt_is_resolved_by_a_person_or_by_whoever_comes_late() {
    let doubtful = given(|h| {
        let request = h.push(Some("pay"), begun(1));
        h.push(Some("pay"), once(request, unknown()));
    });
    let request = doubtful.events[1].id();
    assert_eq!((stands(&doubtful, "pay"), doubtful.state().view().unknown), ("unknown", 1));
    assert!(!fits(&doubtful, Some("pay"), reconcile(request)), "no tool can find out");
    assert!(!fits(&doubtful, Some("pay"), begun(2)), "it must not run twice");
    for (outcome, expect) in [(succeeded(), "succeeded"), (failed(), "failed"), (unknown(), "unknown")] {
        let mut history = doubtful.clone();
        history.push(Some("pay"), late(request, outcome));
        assert_eq!(stands(&history, "pay"), expect);
    }
    let mut history = doubtful.clone();
    history.push(Some("pay"), decided(request, Resolution::NotLanded));
    assert_eq!((stands(&history, "pay"), fits(&history, Some("pay"), begun(2))), ("retry_due", true));
}

#[test]
fn a_step_stays_what_it_was() {
    let history = given(|h| {
        h.push(Some("sum"), tried(computed()));
        h.push(Some("pay"), begun(1));
        h.push(Some("nap"), waits(0, sleeps(99)));
    });
    for (key, body) in [
        ("sum", artana_core::event::Body::from(begun(2))),
        ("sum", requested(1, Effect::Read).into()),
        ("pay", computed().into()),
        ("pay", asked(1, &["a"]).into()),
        ("nap", computed().into()),
        ("nap", pauses(1).into()),
        ("nap", child_started(1, "kid").into()),
        ("nap", registered(1).into()),
    ] {
        let (kind, found) = (body.kind(), refused(&history, Some(key), body));
        assert_eq!(found, format!("step {key} is of another kind than {kind}"));
    }
    assert_eq!(refused(&history, None, computed()), "step_completed names no step");
}
