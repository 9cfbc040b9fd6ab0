//! When a worker should take a run, and which runs have killed too many of them.

use artana_core::{
    Queued, Status,
    event::{Closing, RunOutcome, TimerFired, Wait},
};

use super::{fits, given, refused};
use crate::support::{History, bodies::*, workflows::*};

/// A run that waits for a worker from second 5 on.
fn queued<T>(more: impl FnOnce(&mut History) -> T) -> History {
    given(|h| {
        h.push(None, enqueued(5));
        more(h);
    })
}

/// The second from which on a worker should take the run.
fn due(history: &History) -> Option<i64> {
    let place = history.state().view().queued?;
    let Queued { queue, priority, due_at } = place;
    assert_eq!((queue.as_str(), priority), ("slow", 3));
    Some(due_at.as_micros() / crate::support::SECOND)
}

fn stands(history: &History) -> (Status, Option<i64>) {
    (history.state().status(), due(history))
}

#[test]
fn a_run_waits_for_a_worker_from_its_beginning_on() {
    let mut history = queued(|_| ());
    assert_eq!(stands(&history), (Status::Queued, Some(5)));
    history.push(None, signal("go"));
    history.push(None, taken_over());
    assert_eq!(stands(&history), (Status::Queued, Some(5)), "nobody has done anything yet");
    history.push(Some("sum"), computed());
    assert_eq!(stands(&history), (Status::Running, Some(5)), "should its worker die");
    history.push(None, finished(RunOutcome::Completed));
    assert_eq!(due(&history), None);
    assert_eq!(due(&given(|h| h.push(Some("sum"), computed()))), None, "nobody said that it should be driven");
}

#[test]
fn a_run_is_enqueued_once_and_before_anything_was_done() {
    let refusal = |status: &str| format!("run_enqueued may not follow in a run that is {status}");
    assert_eq!(refused(&queued(|_| ()), None, enqueued(9)), refusal("queued"));
    assert_eq!(refused(&given(|h| h.push(Some("sum"), computed())), None, enqueued(9)), refusal("running"));
    let ending = given(|h| h.push(None, closing(Closing::Cancelled)));
    assert_eq!(refused(&ending, None, enqueued(9)), refusal("cancelling"));
    assert!(fits(&given(|h| h.push(None, signal("go"))), None, enqueued(9)), "a signal may come before");
}

#[test]
fn a_run_that_was_left_is_due_when_its_first_timer_is() {
    let mut history = queued(|h| {
        h.push(Some("long"), waits(0, sleeps(90)));
        h.push(Some("nap"), leaves(1, sleeps(60)));
    });
    assert_eq!(stands(&history), (Status::Sleeping, Some(60)));
    history.push(Some("nap"), TimerFired { wait: history.head_id() });
    assert_eq!(stands(&history), (Status::Running, Some(5)));
    history.push(Some("long"), leaves(0, sleeps(90)));
    assert_eq!(stands(&history), (Status::Sleeping, Some(90)));
}

#[test]
fn a_run_that_waits_for_a_signal_alone_is_due_when_it_comes() {
    let mut history = queued(|h| h.push(None, leaves(0, Wait::Signal(name("go")))));
    assert_eq!(stands(&history), (Status::Sleeping, None));
    history.push(None, signal("stop"));
    assert_eq!(stands(&history), (Status::Sleeping, None));
    history.push(None, signal("go"));
    assert_eq!(stands(&history), (Status::Running, Some(5)));
}

#[test]
fn a_run_that_a_person_paused_is_not_due() {
    let mut history = queued(|h| h.push(Some("nap"), leaves(0, sleeps(60))));
    let pause = history.push(None, paused());
    assert_eq!(stands(&history), (Status::Paused, None));
    history.push(None, resumed(pause));
    assert_eq!(stands(&history), (Status::Running, Some(5)), "its driver may have met the pause");
}

/// The process that recorded the pause may have died before it left.
#[test]
fn a_run_whose_own_code_paused_it_is_due_until_it_was_left() {
    let own = |suspends| queued(|h| h.push(Some("ask"), artana_core::event::Paused { suspends, ..pauses(0) }));
    assert_eq!(stands(&own(false)), (Status::Paused, Some(5)));
    assert_eq!(stands(&own(true)), (Status::Paused, None));
    let beside_a_timer = queued(|h| {
        h.push(Some("nap"), waits(1, sleeps(60)));
        h.push(Some("ask"), pauses(0));
    });
    assert_eq!(stands(&beside_a_timer), (Status::Paused, Some(60)));
}

#[test]
fn a_run_that_is_ending_is_due_whatever_it_waits_for() {
    let mut history = queued(|h| {
        h.push(Some("undo"), registered(0));
        h.push(None, paused());
        h.push(None, leaves(1, Wait::Signal(name("go"))));
    });
    assert_eq!(due(&history), None);
    history.push(None, closing(Closing::Cancelled));
    assert_eq!(stands(&history), (Status::Cancelling, Some(5)));
}

#[test]
fn those_that_died_with_a_run_count_until_it_gets_somewhere() {
    let died = |h: &History| h.state().died().len();
    let mut history = queued(|h| {
        h.push(None, taken_over());
        h.push(None, taken_over());
    });
    assert_eq!(died(&history), 2);
    // What comes from outside brings it nowhere.
    history.push(None, signal("go"));
    history.push(None, taken_over());
    assert_eq!(died(&history), 3);
    for (key, body) in [
        (Some("sum"), artana_core::event::Body::from(computed())),
        (Some("pay"), begun(1).into()),
        (None, value(0).into()),
        (Some("nap"), waits(1, sleeps(9)).into()),
    ] {
        let mut history = history.clone();
        history.push(key, body);
        assert_eq!(died(&history), 0);
    }
}

/// A person who lets a parked run go on, or ends it, gives it as many processes as it had.
#[test]
fn a_parked_run_is_not_due_until_a_person_says_so() {
    let mut history = queued(|h| {
        h.push(Some("undo"), registered(0));
        h.push(None, taken_over());
        h.push(None, parked());
    });
    assert_eq!(stands(&history), (Status::Paused, None));
    let mut resuming = history.clone();
    resuming.push(None, resumed(history.head_id()));
    assert_eq!((stands(&resuming), resuming.state().died().len()), ((Status::Running, Some(5)), 0));
    history.push(None, closing(Closing::Cancelled));
    assert_eq!((stands(&history), history.state().died().len()), ((Status::Cancelling, Some(5)), 0));
    // What undoes its work kills its workers too.
    history.push(None, taken_over());
    let pause = history.push(None, parked());
    assert_eq!(stands(&history), (Status::Cancelling, None));
    history.push(None, resumed(pause));
    assert_eq!(stands(&history), (Status::Cancelling, Some(5)));
}
