//! The fold: what it refuses leaves no trace, and what it accepts can be recomputed.

mod conversations;
mod forks;
mod going_on;
mod kept;
mod law;
mod models;
mod size;
mod tasks;

use artana_core::{FoldError, RunState, Status, event::*};
use proptest::prelude::*;

use crate::support::{
    History,
    bodies::*,
    random::{Dice, Draw, history},
    step,
};

fn draws(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Draw>> {
    prop::collection::vec(any::<[u8; 5]>().prop_map(Draw::from), len)
}

proptest! {
    #[test]
    fn an_event_is_folded_whole_or_not_at_all(draws in draws(1..150)) {
        let history = History::start("t", "r");
        let state = history.state();
        law::check(history, state, draws)?;
    }

    #[test]
    fn an_event_of_a_fork_is_folded_whole_or_not_at_all(seed in any::<u64>(), draws in draws(1..100)) {
        let (parent, state) = history("t", "r", 40, &mut Dice(seed));
        let fork = parent.fork("f", parent.events.len());
        let shared = fork.state_after(Some(&state));
        law::check(fork, shared, draws)?;
    }
}

#[test]
fn random_histories_reach_every_state_and_hold_every_kind() {
    let (mut states, mut statuses, mut kinds) = <(Set<_>, Set<_>, Set<_>)>::default();
    for seed in 0..600 {
        // Nobody has begun with a queued run, so that some have to be very short.
        let len = 2 + (seed % if seed < 60 { 2 } else { 60 }) as usize;
        let (history, state) = history("t", "r", len, &mut Dice(seed));
        states.extend(state.steps().map(|(_, step)| (step.kind(), step.state())));
        statuses.insert(state.status());
        kinds.extend(history.events.iter().map(|event| event.kind().to_owned()));
    }
    // Of tools, models, computes, closures that must not run twice, timers, pauses, children and compensations.
    assert_eq!(states.len(), 6 + 5 + 3 + 5 + 2 + 2 + 4 + 3, "{states:?}");
    assert_eq!(statuses.len(), Status::ALL.len(), "{statuses:?}");
    assert_eq!(kinds.len(), Body::KINDS.len(), "{kinds:?}");
}

type Set<T> = std::collections::BTreeSet<T>;

/// Applies the last event of a history to the fold of those before it.
fn check(history: &History, expect: Result<(), &str>) {
    let (last, before) = history.events.split_last().expect("events");
    let mut earlier = history.clone();
    earlier.events = before.to_vec();
    let found = earlier.state().apply(last).map_err(|refused| refused.to_string());
    assert_eq!(found, expect.map_err(String::from));
}

fn given<T>(events: impl FnOnce(&mut History) -> T) -> History {
    let mut history = History::start("t", "r");
    events(&mut history);
    history
}

#[test]
fn a_run_starts_once() {
    let again = given(|h| h.push(None, h.state().started().clone()));
    check(&again, Err("run_started is the first event of a run and no other"));
    let other = given(|h| h.push(None, finished(RunOutcome::Completed)));
    assert_eq!(RunState::start(&other.run, &other.events[1], None).err(), Some(FoldError::Start));
}

#[test]
fn an_event_of_the_tool_cycle_names_its_step() {
    check(&given(|h| h.push(None, requested(1, Effect::Read))), Err("tool_requested names no step"));
}

#[test]
fn an_attempt_repeats_the_call() {
    let other = |change: fn(&mut ToolRequested)| {
        given(|h| {
            let request = h.push(Some("s"), requested(1, Effect::SideEffect));
            h.push(Some("s"), attempt_failed(request));
            let mut second = requested(2, Effect::SideEffect);
            change(&mut second);
            h.push(Some("s"), second);
        })
    };
    const REFUSED: &str = "an attempt of step s differs from the first in its tool or its arguments";
    check(&other(|second| second.args = content(RESULT)), Err(REFUSED));
    check(&other(|second| second.tool = tool("refund", "1")), Err(REFUSED));
    check(&other(|second| second.tool = tool("charge", "2")), Ok(()));
}

/// A run that is being cancelled while an attempt is under way.
fn closed<T>(more: impl FnOnce(&mut History) -> T) -> History {
    given(|h| {
        h.push(Some("s"), requested(1, Effect::SideEffect));
        h.push(None, closing(Closing::Cancelled));
        more(h);
    })
}

#[test]
fn a_closing_run_starts_nothing_and_finishes_what_began() {
    let begun = |h: &History| h.events[1].id();
    let refused = "tool_requested may not follow in a run that is cancelling";
    check(&closed(|h| h.push(Some("x"), requested(1, Effect::Read))), Err(refused));
    let refused = "cancel_requested may not follow in a run that is cancelling";
    check(&closed(|h| h.push(None, closing(Closing::Failed))), Err(refused));
    let refused = "run_finished may not follow in a run that is cancelling";
    check(&closed(|h| h.push(None, finished(RunOutcome::Cancelled))), Err(refused));
    check(&closed(|h| h.push(Some("s"), completed(begun(h), unknown()))), Ok(()));
    let ended = closed(|h| {
        h.push(Some("s"), completed(begun(h), unknown()));
        h.push(None, finished(RunOutcome::Cancelled));
        h.push(Some("s"), late(begun(h), succeeded()));
    });
    check(&ended, Ok(()));
    let view = ended.state().view();
    assert_eq!((view.status, view.unknown, view.pending), (Status::Cancelled, 0, 0));
}

#[test]
fn a_run_completes_only_without_doubts() {
    let doubtful = given(|h| {
        let request = h.push(Some("s"), requested(1, Effect::SideEffect));
        h.push(Some("s"), completed(request, unknown()));
        h.push(None, finished(RunOutcome::Completed));
    });
    check(&doubtful, Err("run_finished may not follow in a run that is needs_reconciliation"));
}

#[test]
fn an_unknown_kind_or_flag_makes_a_run_foreign() {
    let mut history = given(|h| h.push_raw("from_the_future", "{}"));
    assert_eq!(history.state().foreign(), Some("event kind from_the_future"));
    let mut started = history.state().started().clone();
    started.flags.insert("new_rules".into());
    history = given(|h| h.events.clear());
    history.push(None, started);
    assert_eq!(history.state().foreign(), Some("flag new_rules"));
}

#[test]
fn an_event_continues_exactly_this_chain() {
    let history = given(|h| h.push(Some("s"), requested(1, Effect::Read)));
    let mut state = history.state();
    let repeated = state.apply(&history.events[1]);
    assert!(matches!(repeated, Err(FoldError::NotNext { .. })), "{repeated:?}");
    let other = given(|h| h.push(Some("x"), requested(1, Effect::Read)));
    let mut third = other.clone();
    third.push(Some("x"), completed(other.events[1].id(), succeeded()));
    assert!(matches!(state.apply(&third.events[2]), Err(FoldError::NotNext { .. })));
    assert!(state.tool_step(&step("x")).is_none());
}

#[test]
fn a_closing_run_ends_with_its_last_step() {
    let history = closed(|h| h.push(Some("s"), completed(h.events[1].id(), unknown())));
    let ends = |events: usize| {
        let mut earlier = history.clone();
        earlier.events.truncate(events);
        earlier.state().project().closes()
    };
    assert_eq!((ends(2), ends(3)), (None, None), "running, then closing with a step under way");
    assert_eq!(ends(4), Some(finished(RunOutcome::Cancelled)));
}
