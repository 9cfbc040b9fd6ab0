//! Sessions, tasks and stages: what may follow, and what they come to.

use std::time::Duration;

use artana_core::{Name, Status, TaskState, Timestamp, event::*, progress::Progress};

use super::{check, given};
use crate::support::{History, SECOND, bodies::*};

fn name(text: &str) -> Name {
    Name::parse(text).expect("fit")
}

fn woke(session: u64) -> HarnessWoke {
    HarnessWoke {
        done: 0,
        harness: name("h"),
        in_progress: None,
        incarnation: OWNER,
        last_done: None,
        note: None,
        pending: 0,
        session,
    }
}

fn tasks(session: u64, ids: &[&str]) -> TasksDefined {
    let tasks = ids.iter().map(|id| TaskDefined { id: name(id), title: content(ARGS) });
    TasksDefined { session, tasks: tasks.collect() }
}

fn to(session: u64, task: &str, to: Move) -> TaskMoved {
    TaskMoved { session, task: name(task), to }
}

fn begun() -> Move {
    Move::InProgress(OWNER)
}

fn done() -> Move {
    Move::Done(content(RESULT))
}

fn back() -> Move {
    Move::Pending(content(ERROR))
}

/// A first session with two tasks, and what follows.
fn session<T>(more: impl FnOnce(&mut History) -> T) -> History {
    given(|h| {
        h.push(None, woke(1));
        h.push(None, tasks(1, &["a", "b"]));
        more(h);
    })
}

#[test]
fn a_task_moves_as_the_table_says() {
    let after = |before: &[Move], next: Move| {
        session(|h| {
            for before in before {
                h.push(None, to(1, "a", before.clone()));
            }
            h.push(None, to(1, "a", next));
        })
    };
    const NOT: &str = "task a cannot be defined or moved so: it is not in progress";
    const AGAIN: &str = "task a cannot be defined or moved so: it is in progress already";
    const DONE: &str = "task a cannot be defined or moved so: it is done";
    check(&after(&[], begun()), Ok(()));
    check(&after(&[], done()), Err(NOT));
    check(&after(&[], back()), Err(NOT));
    check(&after(&[begun()], begun()), Err(AGAIN));
    check(&after(&[begun()], done()), Ok(()));
    check(&after(&[begun()], back()), Ok(()));
    check(&after(&[begun(), back()], begun()), Ok(()));
    check(&after(&[begun(), back()], done()), Err(NOT));
    for next in [begun(), done(), back()] {
        check(&after(&[begun(), done()], next), Err(DONE));
    }
}

#[test]
fn one_task_is_in_progress_and_none_is_defined_twice() {
    let other = session(|h| {
        h.push(None, to(1, "a", begun()));
        h.push(None, to(1, "b", begun()));
    });
    check(&other, Err("task b cannot be defined or moved so: another task is in progress"));
    const TWICE: &str = "task b cannot be defined or moved so: there is a task of this id already";
    check(&session(|h| h.push(None, tasks(1, &["c", "b"]))), Err(TWICE));
    check(&given(|h| (h.push(None, woke(1)), h.push(None, tasks(1, &["b", "b"])))), Err(TWICE));
    check(&session(|h| h.push(None, tasks(1, &["c"]))), Ok(()));
    check(
        &session(|h| h.push(None, to(1, "x", begun()))),
        Err("task x cannot be defined or moved so: there is no such task"),
    );
}

#[test]
fn a_session_goes_on_with_the_task_of_one_that_died() {
    let history = session(|h| {
        h.push(None, to(1, "a", begun()));
        h.push(None, woke(2));
        h.push(None, to(2, "a", begun()));
    });
    check(&history, Ok(()));
    let task = history.state().work().task(&name("a")).expect("a task").clone();
    assert!(matches!(task.state, TaskState::InProgress { session: 2, .. }), "{task:?}");
    assert_eq!((task.attempt, task.taken_up), (1, Some(history.events[3].seq())), "it is the same attempt");
}

#[test]
fn what_is_not_of_the_session_awake_is_refused() {
    check(&given(|h| h.push(None, tasks(1, &["a"]))), Err("tasks_defined is not of the session that is awake"));
    check(&given(|h| h.push(None, woke(2))), Err("harness_woke is not of the session that is awake"));
    check(&session(|h| h.push(None, tasks(2, &["c"]))), Err("tasks_defined is not of the session that is awake"));
    let asleep = |body: Body| session(|h| (h.push(None, HarnessSlept { session: 1 }), h.push(None, body)));
    check(&asleep(woke(2).into()), Ok(()));
    check(&asleep(to(1, "a", begun()).into()), Err("task_moved is not of the session that is awake"));
    check(&asleep(HarnessSlept { session: 1 }.into()), Err("harness_slept is not of the session that is awake"));
}

#[test]
fn a_session_sleeps_in_a_clean_state_alone() {
    let slept = || HarnessSlept { session: 1 };
    check(&session(|h| h.push(None, slept())), Ok(()));
    let at_work = session(|h| (h.push(None, to(1, "a", begun())), h.push(None, slept())));
    check(&at_work, Err("harness_slept may not follow in a run that is running"));
    let pending = session(|h| (h.push(Some("s"), requested(1, Effect::SideEffect)), h.push(None, slept())));
    check(&pending, Err("harness_slept may not follow in a run that is running"));
    let doubt = session(|h| {
        let request = h.push(Some("s"), requested(1, Effect::SideEffect));
        h.push(Some("s"), completed(request, unknown()));
        h.push(None, slept());
    });
    check(&doubt, Err("harness_slept may not follow in a run that is needs_reconciliation"));
    let failed = HarnessFailed { error: content(ERROR), phase: Phase::Work, session: 1 };
    check(&session(|h| (h.push(None, to(1, "a", begun())), h.push(None, failed))), Ok(()));
}

#[test]
fn nothing_moves_in_a_run_that_starts_nothing_new() {
    let in_status = |stop: Body| session(|h| (h.push(None, stop), h.push(None, to(1, "a", begun()))));
    let ended = finished(RunOutcome::Completed);
    check(&in_status(ended.into()), Err("task_moved may not follow in a run that is completed"));
    let paused = Paused { block: None, by: None, metadata: None, ordinal: None, reason: None, suspends: false };
    check(&in_status(paused.into()), Err("task_moved may not follow in a run that is paused"));
    check(&in_status(closing(Closing::Cancelled).into()), Err("task_moved may not follow in a run that is cancelling"));
}

#[test]
fn a_task_that_is_done_without_a_verification_cannot_be_written() {
    let mut history = session(|_| ());
    let raw = |to: &str| format!(r#"{{"session":1,"task":"a","to":{to}}}"#);
    for to in ["\"done\"", "{\"done\":null}", "{\"done\":{}}"] {
        let event =
            history.sealed(None, |step| artana_core::Draft::raw("task_moved", step, raw(to).into()).expect("small"));
        assert!(artana_core::Event::decode(event.record().clone()).is_err(), "{to}");
    }
    history.push(None, to(1, "a", begun()));
}

#[test]
fn a_fork_takes_over_the_tasks_and_nobody_is_at_them() {
    let parent = session(|h| {
        h.push(None, to(1, "a", begun()));
        h.push(None, to(1, "a", done()));
        h.push(None, to(1, "b", begun()));
    });
    let mut fork = parent.fork("f", parent.events.len());
    fork.push(None, woke(2));
    let state = fork.state_after(Some(&parent.state()));
    let work = state.work();
    assert!(matches!(work.task(&name("a")).expect("a").state, TaskState::Done { .. }));
    assert!(matches!(work.task(&name("b")).expect("b").state, TaskState::Pending { error: None }));
    assert_eq!((state.session().task.as_ref(), state.session().number), (None, 2));
}

fn progress(history: &History, seconds: i64) -> (Option<u8>, Option<String>, Option<Duration>) {
    let progress = Progress::of(&history.state(), Timestamp::from_micros(seconds * SECOND));
    (progress.percent(), progress.current.map(|current| current.to_string()), progress.eta)
}

#[test]
fn progress_is_what_is_done_of_what_there_is() {
    assert_eq!(progress(&given(|_| ()), 9), (None, None, None));
    assert_eq!(progress(&session(|_| ()), 9), (Some(0), Some("a".into()), None));
    let other = session(|h| h.push(None, to(1, "b", begun())));
    assert_eq!(progress(&other, 9), (Some(0), Some("b".into()), None), "what is in progress comes first");
    let half = session(|h| (h.push(None, to(1, "b", begun())), h.push(None, to(1, "b", done()))));
    // The first task was begun with at the fourth second.
    assert_eq!(progress(&half, 24), (Some(50), Some("a".into()), Some(Duration::from_secs(20))));
    let all = session(|h| {
        for task in ["b", "a"] {
            h.push(None, to(1, task, begun()));
            h.push(None, to(1, task, done()));
        }
    });
    assert_eq!(progress(&all, 24), (Some(100), Some("a".into()), Some(Duration::ZERO)), "the last one done");
}

#[test]
fn stages_are_entered_left_and_known_again() {
    let stage = |stage: &str, round| StageEntered { round, session: 1, stage: name(stage) };
    let state = session(|h| {
        h.push(None, stage("draft", 1));
        h.push(None, stage("review", 1));
        h.push(None, stage("draft", 2));
    })
    .state();
    let work = state.work();
    assert_eq!(work.stage().map(|stage| (stage.name.as_str(), stage.round)), Some(("draft", 2)));
    assert_eq!(work.left().iter().map(Name::as_str).collect::<Vec<_>>(), ["draft", "review"]);
    assert!(work.has_entered(&name("draft"), 1) && !work.has_entered(&name("review"), 2));
}

#[test]
fn between_sessions_the_run_sleeps() {
    let slept = session(|h| h.push(None, HarnessSlept { session: 1 }));
    assert_eq!(slept.state().status(), Status::Sleeping);
    let woken = session(|h| (h.push(None, HarnessSlept { session: 1 }), h.push(None, woke(2))));
    assert_eq!(woken.state().status(), Status::Running);
}
