//! The fold: what it refuses leaves no trace, and what it accepts can be recomputed.

use artana_core::{Draft, FoldError, RunState, RunView, Status, cycle::ToolCycle, event::*};
use proptest::prelude::*;

use crate::support::{
    History,
    bodies::*,
    random::{Dice, Draw, history},
    step,
};

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    let draw = any::<[u8; 4]>().prop_map(|[kind, step, request, variant]| Draw { kind, step, request, variant });
    prop::collection::vec(draw, 1..120)
}

proptest! {
    #[test]
    fn an_event_is_folded_whole_or_not_at_all(draws in draws()) {
        let mut history = History::start("t", "r");
        let mut state = history.state();
        let start = state.clone();
        let mut projection = start.project();
        for draw in draws {
            let (key, body) = draw.event(&history, &state);
            let event = history.sealed(key, |step| Draft::new(step, body).expect("small"));
            let before = state.clone();
            let applied = state.apply(&event);
            prop_assert_eq!(&projection.apply(&event), &applied);
            match applied {
                Err(_) => prop_assert_eq!(&state, &before),
                Ok(()) => {
                    prop_assert_eq!(state.head(), event.head());
                    history.add(event);
                }
            }
        }
        prop_assert_eq!(&state, &history.state());
        prop_assert_eq!((projection.head(), projection.view()), (state.head(), state.view()));
        prop_assert_eq!(state.view(), recounted(&history, &state));
    }
}

/// The view by counting, not by keeping count.
fn recounted(history: &History, state: &RunState) -> RunView {
    let steps: Vec<_> = state.steps().filter_map(|(key, _)| state.tool_step(key)).collect();
    let settled = state.steps().filter_map(|(key, _)| match &state.tool_step(key)?.cycle {
        ToolCycle::Succeeded(settled) => Some((settled.at, None)),
        ToolCycle::Failed(settled) => Some((settled.at, Some(key))),
        _ => None,
    });
    let failed = settled.max_by_key(|(at, _)| *at).and_then(|(_, failed)| failed);
    RunView {
        run: history.run.clone(),
        root: history.run.run.clone(),
        parent: None,
        status: state.status(),
        head: history.head(),
        started_at: history.events[0].at(),
        updated_at: history.events[history.events.len() - 1].at(),
        steps: steps.len() as u64,
        pending: steps.iter().filter(|step| step.cycle.is_pending()).count() as u64,
        unknown: steps.iter().filter(|step| step.cycle.is_unknown()).count() as u64,
        drifts: 0,
        last_step: history.events.iter().filter_map(|event| event.step()).next_back().cloned(),
        failed_step: failed.cloned(),
        labels: Default::default(),
        queued: None,
    }
}

#[test]
fn random_histories_reach_every_state() {
    let mut seen = std::collections::BTreeSet::new();
    let mut statuses = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let (_, state) = history("t", "r", 2 + (seed % 20) as usize, &mut Dice(seed));
        seen.extend(state.steps().filter_map(|(key, _)| Some(state.tool_step(key)?.cycle.name())));
        statuses.insert(state.status());
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
    assert!(statuses.len() >= 4, "{statuses:?}");
}

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
