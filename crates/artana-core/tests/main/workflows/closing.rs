//! How a workflow ends: who ends it, and what is undone before.

use artana_core::{
    Status,
    event::{Body, ChildOutcome, Closing, CodeKind, Effect, RunOutcome, Wait},
};

use super::{fits, given, refused, stands};
use crate::support::{History, bodies::*, models::asked, step, workflows::*};

fn cancelled<T>(events: impl FnOnce(&mut History) -> T) -> History {
    let mut history = given(events);
    history.push(None, closing(Closing::Cancelled));
    history
}

/// Whether the append that a history ends with ends the run too.
fn closes(history: &History) -> bool {
    let found = history.state().project().closes();
    assert!(found.as_ref().is_none_or(|end| *end == finished(RunOutcome::Cancelled)));
    found.is_some()
}

#[test]
fn a_cancel_alone_does_not_end_a_workflow_that_is_driven() {
    assert!(!closes(&cancelled(|h| h.push(Some("sum"), computed()))), "its code may have to undo something");
    assert!(closes(&cancelled(|_| ())), "nobody has begun with it");
    let plain = History::start("t", "r");
    let mut stepped = plain.clone();
    let request = stepped.push(Some("s"), requested(1, Effect::SideEffect));
    stepped.push(Some("s"), completed(request, succeeded()));
    for mut history in [plain, stepped] {
        history.push(None, closing(Closing::Cancelled));
        assert!(closes(&history), "it has no code");
    }
}

#[test]
fn a_cancel_ends_a_workflow_that_was_left() {
    let left = |h: &mut History| h.push(None, leaves(0, Wait::Signal(name("go"))));
    assert!(closes(&cancelled(left)));
    let with_undo = cancelled(|h| {
        h.push(Some("undo"), registered(1));
        left(h)
    });
    assert!(!closes(&with_undo), "something is left to undo");
    let woken = cancelled(|h| {
        left(h);
        h.push(None, signal("go"))
    });
    assert!(!closes(&woken), "somebody may be driving it");
}

/// A driver that did not know of the end yet leaves the run, and with that it ends.
#[test]
fn whoever_leaves_a_closing_workflow_ends_it() {
    let mut history = cancelled(|h| h.push(Some("sum"), computed()));
    history.push(Some("nap"), leaves(1, sleeps(90)));
    assert!(closes(&history));
}

#[test]
fn a_driver_ends_a_closing_workflow_when_nothing_is_left_to_undo() {
    let mut history = cancelled(|h| {
        h.push(Some("undo"), registered(0));
        h.push(Some("pay"), begun(1));
    });
    let end = || finished(RunOutcome::Cancelled);
    assert!(!fits(&history, None, end()), "a step is under way");
    history.push(Some("pay"), once(history.events[2].id(), succeeded()));
    assert!(!fits(&history, None, end()), "something is left to undo");
    history.push(Some("undo"), undone());
    assert!(fits(&history, None, end()) && !fits(&history, None, finished(RunOutcome::Failed)));
    assert_eq!((stands(&history, "undo"), history.state().rollbacks().count()), ("undone", 0));
}

/// Steps below a compensation's key are admitted while it has not ended, and nothing else.
#[test]
fn only_what_undoes_something_starts_while_a_workflow_closes() {
    let mut history = cancelled(|h| {
        h.push(Some("undo"), registered(0));
        h.push(Some("retry"), tried(computed()));
    });
    let all = |key: &'static str| -> [(Option<&str>, Body); 4] {
        [
            (Some(key), requested(1, Effect::SideEffect).into()),
            (Some(key), asked(1, &["a"]).into()),
            (Some(key), begun(1).into()),
            (Some(key), computed().into()),
        ]
    };
    assert!(all("undo/mail").into_iter().chain(all("undo/a/b")).all(|(key, body)| fits(&history, key, body)));
    for (key, body) in all("x").into_iter().chain(all("undo-more")).chain(all("undo2/mail")) {
        let refusal = format!("{} may not follow in a run that is cancelling", body.kind());
        assert_eq!(refused(&history, key, body), refusal);
    }
    let others: [(Option<&str>, Body); 4] = [
        (Some("retry"), computed().into()),
        (Some("undo/kid"), child_started(5, "kid").into()),
        (None, value(6).into()),
        (None, closing(Closing::Failed).into()),
    ];
    assert!(others.into_iter().all(|(key, body)| !fits(&history, key, body)));
    history.push(Some("undo/mail"), begun(1));
    history.push(Some("undo/mail"), once(history.head_id(), succeeded()));
    history.push(Some("undo"), undone());
    assert!(all("undo/more").into_iter().all(|(key, body)| !fits(&history, key, body)), "it is undone");
}

#[test]
fn a_compensation_ends_once_and_only_while_its_run_closes() {
    let open = given(|h| h.push(Some("undo"), registered(0)));
    let refusal = "step_completed may not follow in a run that is running";
    assert_eq!(refused(&open, Some("undo"), undone()), refusal);
    assert!(!fits(&open, Some("undo"), registered(0)), "it is registered");
    let mut history = open;
    history.push(None, closing(Closing::Failed));
    assert!(!fits(&history, Some("undo"), tried(undone())), "it tries within");
    assert!(!fits(&history, Some("other"), undone()), "nobody registered it");
    history.push(Some("undo"), ran(CodeKind::Rollback, failed()));
    assert_eq!((stands(&history, "undo"), history.state().failed_step()), ("failed", Some(&step("undo"))));
    assert!(!fits(&history, Some("undo"), undone()), "it has ended");
}

/// What the run's code returned stands with its end.
#[test]
fn a_workflow_completes_with_what_its_code_returned() {
    let mut history = given(|h| h.push(Some("undo"), registered(0)));
    let output = Some(content(RESULT));
    history.push(None, artana_core::event::RunFinished { output, ..finished(RunOutcome::Completed) });
    let state = history.state();
    assert_eq!((state.status(), state.output()), (Status::Completed, output.as_ref()));
    assert_eq!((state.finished(), state.closing_reason()), (Some(RunOutcome::Completed), None));
    assert!(!fits(&history, None, signal("go")) && !fits(&history, None, paused()));
}

/// A child is part of what its parent has to undo; its end is no new effect of the parent.
#[test]
fn a_workflow_does_not_end_as_cancelled_or_failed_before_its_children() {
    let mut history = cancelled(|h| {
        h.push(Some("kid"), child_started(0, "kid"));
        h.push(Some("kid"), leaves(0, Wait::Child(child("kid"))));
    });
    assert!(!closes(&history));
    assert!(
        !fits(&history, None, finished(RunOutcome::Cancelled)) && !fits(&history, None, finished(RunOutcome::Failed))
    );
    history.push(Some("kid"), child_finished("kid", ChildOutcome::Cancelled));
    assert!(fits(&history, None, finished(RunOutcome::Cancelled)));
}
