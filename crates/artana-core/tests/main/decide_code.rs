//! What is decided on a closure, as tables: where its step stands, what kind it is, and who lives.

use artana_core::{
    decide::{CodeDecision, OwnerLife, Refused, Settlement, code_owner_lost, decide_code, decide_resolve, record_code},
    event::{Body, Cause, Closing, CodeKind, Effect, Outcome, Resolution, RunOutcome},
};

use crate::support::{History, bodies::*, step, workflows::*};

const OWNERS: [OwnerLife; 3] = [OwnerLife::Here, OwnerLife::Alive, OwnerLife::Dead];
const KEY: &str = "s";

/// A workflow whose step stands in a state.
fn given(kind: CodeKind, state: &str) -> History {
    let mut history = workflow();
    match (kind, state) {
        (_, "absent") => {}
        (CodeKind::Once, _) => of_once(&mut history, state),
        (_, "retry_due") => drop(history.push(Some(KEY), tried(computed()))),
        (_, "failed") => drop(history.push(Some(KEY), ran(CodeKind::Compute, failed()))),
        (_, _) => drop(history.push(Some(KEY), computed())),
    }
    history
}

fn of_once(history: &mut History, state: &str) {
    let request = history.push(Some(KEY), begun(1));
    let ended = match state {
        "retry_due" => tried(once(request, failed())),
        "unknown" => once(request, unknown()),
        "succeeded" => once(request, succeeded()),
        "failed" => once(request, failed()),
        _ => return,
    };
    history.push(Some(KEY), ended);
}

fn told(found: Result<CodeDecision<'_>, Refused>) -> String {
    match found {
        Ok(CodeDecision::Replay(Settlement::Succeeded(_))) => "replay success".into(),
        Ok(CodeDecision::Replay(Settlement::Failed(_))) => "replay failure".into(),
        Ok(CodeDecision::InFlight { here, .. }) => if here { "under way here" } else { "under way" }.into(),
        Ok(CodeDecision::MarkUnknown { .. }) => "mark unknown".into(),
        Ok(CodeDecision::Execute { attempt, last }) => {
            assert_eq!(last.map(|last| last.cycle.attempts()), (attempt > 1).then(|| attempt - 1));
            format!("attempt {attempt}")
        }
        Err(Refused::NeedsReconciliation { cause, .. }) => format!("in doubt: {cause:?}"),
        Err(Refused::AnotherKind { recorded }) => format!("is a {recorded}"),
        Err(Refused::NotRunning(status)) => format!("run is {status}"),
        Err(Refused::BelongsToAncestor { holder }) => format!("held by {holder}"),
        Err(other) => panic!("{other:?}"),
    }
}

fn check(history: &History, (kind, owner): (CodeKind, OwnerLife), expect: &str) {
    let state = history.state();
    assert_eq!(told(decide_code(&state, &step(KEY), kind, owner)), expect, "{kind:?}, owner {owner:?}");
}

#[test]
fn the_same_closure_again() {
    for owner in OWNERS {
        for (state, expect) in [
            ("absent", "attempt 1"),
            ("retry_due", "attempt 2"),
            ("succeeded", "replay success"),
            ("failed", "replay failure"),
        ] {
            check(&given(CodeKind::Compute, state), (CodeKind::Compute, owner), expect);
            check(&given(CodeKind::Once, state), (CodeKind::Once, owner), expect);
        }
        check(&given(CodeKind::Once, "unknown"), (CodeKind::Once, owner), "in doubt: Timeout");
    }
    for (owner, expect) in OWNERS.into_iter().zip(["under way here", "under way", "mark unknown"]) {
        check(&given(CodeKind::Once, "requested"), (CodeKind::Once, owner), expect);
    }
}

#[test]
fn a_key_that_was_recorded_as_something_else_is_refused() {
    for owner in OWNERS {
        check(&given(CodeKind::Compute, "succeeded"), (CodeKind::Once, owner), "is a compute");
        check(&given(CodeKind::Once, "requested"), (CodeKind::Compute, owner), "is a once");
        let of = |body: Body| {
            let mut history = workflow();
            history.push(Some(KEY), body);
            history
        };
        for (body, expect) in [
            (requested(1, Effect::Read).into(), "is a tool"),
            (crate::support::models::asked(1, &["x"]).into(), "is a model"),
            (waits(0, sleeps(9)).into(), "is a sleep"),
            (pauses(0).into(), "is a pause"),
            (child_started(0, "kid").into(), "is a child"),
            (registered(0).into(), "is a on_rollback"),
        ] {
            check(&of(body), (CodeKind::Compute, owner), expect);
        }
    }
}

#[test]
fn a_run_that_starts_nothing_new_still_answers() {
    let cancelled: Body = closing(Closing::Cancelled).into();
    for (stop, refusal) in [
        (vec![paused().into()], "run is paused"),
        (vec![cancelled.clone()], "run is cancelling"),
        (vec![cancelled, finished(RunOutcome::Cancelled).into()], "run is cancelled"),
    ] {
        for kind in [CodeKind::Compute, CodeKind::Once] {
            for (state, expect) in [
                ("absent", refusal),
                ("retry_due", refusal),
                ("succeeded", "replay success"),
                ("failed", "replay failure"),
            ] {
                let mut history = given(kind, state);
                stop.iter().for_each(|body| {
                    history.push(None, body.clone());
                });
                check(&history, (kind, OwnerLife::Dead), expect);
            }
        }
    }
    let mut lost = given(CodeKind::Once, "requested");
    lost.push(None, paused());
    check(&lost, (CodeKind::Once, OwnerLife::Dead), "mark unknown");
    check(&lost, (CodeKind::Once, OwnerLife::Here), "under way here");
}

/// What undoes something is decided on while the run closes, and nothing else is.
#[test]
fn closures_of_a_compensation() {
    let mut history = workflow();
    history.push(Some("undo"), registered(0));
    history.push(None, closing(Closing::Failed));
    let state = history.state();
    for kind in [CodeKind::Compute, CodeKind::Once] {
        let decide = |key: &str| told(decide_code(&state, &step(key), kind, OwnerLife::Dead));
        assert_eq!((decide("undo/mail"), decide("mail")), ("attempt 1".into(), "run is cancelling".into()));
    }
}

/// A fork answers what its ancestor settled, and leaves the rest to it.
#[test]
fn closures_of_an_ancestor() {
    for (kind, state, expect) in [
        (CodeKind::Compute, "succeeded", "replay success"),
        (CodeKind::Compute, "retry_due", "attempt 1"),
        (CodeKind::Once, "failed", "replay failure"),
        (CodeKind::Once, "requested", "held by r"),
        (CodeKind::Once, "retry_due", "held by r"),
        (CodeKind::Once, "unknown", "held by r"),
    ] {
        let parent = given(kind, state);
        let fork = parent.fork("f", parent.events.len()).state_after(Some(&parent.state()));
        assert_eq!(told(decide_code(&fork, &step(KEY), kind, OwnerLife::Dead)), expect, "{kind:?} {state}");
    }
}

/// Nothing is driven that holds what this build does not know.
#[test]
fn a_run_of_a_newer_version_is_refused() {
    let mut history = given(CodeKind::Compute, "succeeded");
    history.push_raw("dreamt", "{}");
    let state = history.state();
    let found = decide_code(&state, &step(KEY), CodeKind::Compute, OwnerLife::Dead);
    assert!(matches!(found, Err(Refused::FormatTooNew { .. })), "{found:?}");
}

/// An outcome is its step's completion while the cycle is open, and evidence once somebody else closed it.
#[test]
fn how_an_outcome_is_recorded() {
    let open = given(CodeKind::Once, "requested");
    let request = open.events[1].id().into();
    let record =
        |history: &History| record_code(&history.state(), &step(KEY), request, once(open.head_id(), succeeded()));
    let Body::StepCompleted(done) = record(&open) else { panic!("it is open") };
    assert_eq!((done.request, &done.outcome), (Some(request), &succeeded()));
    let mut lost = open.clone();
    lost.push(Some(KEY), code_owner_lost(request));
    let Body::LateOutcome(late) = record(&lost) else { panic!("somebody closed it") };
    assert_eq!((late.request, late.elapsed_us), (request, 5));
    lost.push(Some(KEY), late);
    assert_eq!(lost.state().step(&step(KEY)).map(artana_core::Step::state), Some("succeeded"));
}

#[test]
fn a_closure_whose_process_is_gone_is_in_doubt() {
    let mut history = given(CodeKind::Once, "requested");
    let lost = code_owner_lost(history.head_id().into());
    assert!(matches!(&lost.outcome, Outcome::Unknown(doubt) if doubt.cause == Cause::OwnerLost));
    history.push(Some(KEY), lost);
    check(&history, (CodeKind::Once, OwnerLife::Dead), "in doubt: OwnerLost");
}

/// A person resolves a doubt about a closure as one about a tool.
#[test]
fn a_doubt_about_a_closure_is_resolved() {
    let mut history = given(CodeKind::Once, "unknown");
    let request = history.events[1].id();
    let resolve = |history: &History, owner| decide_resolve(&history.state(), &step(KEY), owner);
    assert_eq!(resolve(&history, OwnerLife::Dead), Ok((request.into(), false)));
    let open = given(CodeKind::Once, "requested");
    assert_eq!(resolve(&open, OwnerLife::Alive), Err(Refused::OwnerAlive { owner: OWNER }));
    assert_eq!(resolve(&open, OwnerLife::Dead), Ok((open.head_id().into(), true)));
    let Outcome::Succeeded(found) = succeeded() else { unreachable!("it succeeded") };
    history.push(Some(KEY), decided(request, Resolution::Succeeded(found)));
    check(&history, (CodeKind::Once, OwnerLife::Dead), "replay success");
}
