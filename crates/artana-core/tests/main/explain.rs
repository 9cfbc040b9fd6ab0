//! What a run waits for, as a table: where a tool step stands, what the tool does, who lives, and whether the run
//! has ended. The kernel's tests explain runs with models, drifts and forks.

mod workflows;

use std::collections::BTreeSet;

use artana_core::{
    IncarnationId, Seq,
    event::{Body, Closing, Effect, Resolution, RunOutcome},
    explain::{Blocker, Explanation, Failure, History as Seen, Lift, Recorded, explain},
};

use crate::support::{History, bodies::*};

const STATES: [&str; 6] = ["requested", "retry_due", "unknown", "reconciling", "succeeded", "failed"];

fn told(history: &History, alive: &[IncarnationId]) -> Explanation {
    let mut seen = Seen::default();
    history.events.iter().for_each(|event| seen.see(event));
    explain(&history.state(), &seen, &alive.iter().copied().collect::<BTreeSet<_>>())
}

/// A run whose step `s` stands in `state`.
fn given(state: &str, effect: Effect) -> History {
    let mut history = History::start("t", "r");
    let request = history.push(Some("s"), requested(1, effect));
    let mut then = |body: Body| history.push(Some("s"), body);
    match state {
        "retry_due" => drop(then(attempt_failed(request).into())),
        "unknown" => drop(then(completed(request, unknown()).into())),
        "reconciling" => {
            then(completed(request, unknown()).into());
            then(reconcile(request).into());
        }
        "succeeded" => drop(then(completed(request, succeeded()).into())),
        "failed" => drop(then(completed(request, failed()).into())),
        _ => {}
    }
    history
}

fn name(blocker: &Blocker) -> &'static str {
    match blocker {
        Blocker::Newer { .. } => "newer",
        Blocker::InDoubt { recorded: Recorded::Yes, .. } => "in doubt",
        Blocker::InDoubt { .. } => "in doubt, unrecorded",
        Blocker::Reconciling { .. } => "reconciling",
        Blocker::UnderWay { .. } => "under way",
        Blocker::Orphaned { .. } => "orphaned",
        Blocker::Due { .. } => "due",
        Blocker::Idle => "idle",
        _ => "other",
    }
}

fn blockers(history: &History, alive: &[IncarnationId]) -> Vec<&'static str> {
    told(history, alive).blockers.iter().map(name).collect()
}

#[test]
fn what_a_run_waits_for() {
    let all = [OWNER, RECONCILER];
    for (effect, state, living, dead) in [
        (Effect::SideEffect, "requested", "under way", "in doubt, unrecorded"),
        (Effect::Read, "requested", "under way", "orphaned"),
        (Effect::SideEffect, "retry_due", "due", "due"),
        (Effect::SideEffect, "unknown", "in doubt", "in doubt"),
        (Effect::SideEffect, "reconciling", "reconciling", "in doubt"),
        (Effect::SideEffect, "succeeded", "idle", "idle"),
        (Effect::SideEffect, "failed", "idle", "idle"),
    ] {
        let history = given(state, effect);
        assert_eq!((blockers(&history, &all), blockers(&history, &[])), (vec![living], vec![dead]), "{state}");
    }
}

/// An ended run waits for nothing, but what is in doubt stays so, and only a person's part in it is a person's.
#[test]
fn what_an_ended_run_leaves_open() {
    for state in STATES {
        let mut history = given(state, Effect::SideEffect);
        history.push(None, closing(Closing::Cancelled));
        if state != "requested" {
            history.push(None, finished(RunOutcome::Cancelled));
            let left = matches!(state, "unknown" | "reconciling");
            assert_eq!((told(&history, &[]).blockers.len(), told(&history, &[]).needs_human()), (left.into(), left));
        } else {
            assert_eq!(blockers(&history, &[]), ["in doubt, unrecorded"]);
        }
    }
}

#[test]
fn a_kind_from_a_newer_version_is_the_first_thing_to_say() {
    let mut history = given("unknown", Effect::SideEffect);
    history.push_raw("dreamt", "{}");
    let told = told(&history, &[]);
    let [Blocker::Newer { what }, Blocker::InDoubt { .. }] = &told.blockers[..] else { panic!("{told:?}") };
    assert_eq!((what.as_str(), told.lifts().len()), ("event kind dreamt", 3));
}

/// A failed effect is not repeated under its key, in a fork neither; a look is.
#[test]
fn what_goes_on_from_a_failed_tool() {
    for (effect, open, ended) in [(Effect::SideEffect, "new key", "nothing"), (Effect::Read, "new key", "fork")] {
        let mut history = given("failed", effect);
        let Some(Failure::Tool { failed, .. }) = told(&history, &[]).failure else { panic!("a failure") };
        assert_eq!((failed.at, failed.attempts), (Seq::new(3), 1));
        let last = |history: &History| match told(history, &[]).lifts().last() {
            Some(Lift::NewKey { .. }) => "new key",
            Some(Lift::Fork { .. }) => "fork",
            _ => "nothing",
        };
        assert_eq!(last(&history), open);
        history.push(None, closing(Closing::Failed));
        history.push(None, finished(RunOutcome::Failed));
        assert_eq!(last(&history), ended);
    }
}

#[test]
fn what_was_found_out_is_told_with_who_found_it() {
    let mut history = given("unknown", Effect::SideEffect);
    let request = history.events[1].id();
    history.push(Some("s"), decided(request, Resolution::NotLanded));
    let told = told(&history, &[]);
    assert_eq!(
        (told.resolved.len(), told.resolved[0].at, &told.resolved[0].outcome),
        (1, Seq::new(4), &Resolution::NotLanded)
    );
    assert_eq!(name(&told.blockers[0]), "due");
    let heard = told.last_step.expect("a step was heard of");
    assert_eq!((heard.key.as_str(), heard.at), ("s", history.events[3].at()));
    assert_eq!(told.last_tool.expect("a tool was called").key.as_str(), "s");
}
