//! The events of a fork: what goes on from its ancestors, and what stays with them.

use artana_core::{Draft, EventId, FoldError, KeptValue, Name, RunId, RunState, event::*, model_cycle::ModelCycle};

use super::forks::{parent, shown};
use crate::support::{History, bodies::*, models::*, step};

/// A fork of everything in [`parent`], with more events.
fn fork<T>(more: impl FnOnce(&mut History) -> T) -> (History, RunState) {
    let parent = parent();
    let mut fork = parent.fork("f", parent.events.len());
    more(&mut fork);
    (fork, parent.state())
}

/// The last request of a step of the parent.
fn request(key: &str) -> EventId {
    parent().state().step(&step(key)).and_then(|step| step.request()).expect("a request").into()
}

fn check_fork<T>(more: impl FnOnce(&mut History) -> T, expect: Result<(), &str>) {
    let (fork, parent) = fork(more);
    let (last, before) = fork.events.split_last().expect("events");
    let mut state = fork.upto(before.len()).state_after(Some(&parent));
    let found = state.apply(last).map_err(|refused| refused.to_string());
    assert_eq!(found, expect.map_err(String::from));
}

#[test]
fn a_fork_repeats_no_call_it_shares() {
    let own = |own_effect| ToolRequested { own_effect, ..requested(1, Effect::SideEffect) };
    for key in ["pay done", "pay not", "look done", "look not"] {
        let refused = format!("step {key} is shared with an ancestor, which alone goes on with it");
        for own_effect in [false, true] {
            check_fork(|h| h.push(Some(key), own(own_effect)), Err(&refused));
        }
    }
    for key in ["pay open", "pay doubt", "pay checked", "pay due", "look doubt", "look checked"] {
        let refused = format!("step {key} is shared with an ancestor, which alone goes on with it");
        check_fork(|h| h.push(Some(key), own(false)), Err(&refused));
        check_fork(|h| h.push(Some(key), own(true)), Ok(()));
        check_fork(
            |h| h.push(Some(key), ToolRequested { attempt: 2, ..own(true) }),
            Err(&format!("in step {key}: tool_requested may not follow absent")),
        );
    }
    // What was pending and read only never happened here.
    for key in ["look open", "look due", "asking"] {
        check_fork(|h| h.push(Some(key), own(false)), Ok(()));
    }
}

#[test]
fn a_fork_answers_no_request_of_its_ancestors() {
    let absent = |kind: &str, key: &str| format!("in step {key}: {kind} may not follow absent");
    check_fork(
        |h| h.push(Some("pay open"), completed(request("pay open"), succeeded())),
        Err(&absent("tool_completed", "pay open")),
    );
    check_fork(
        |h| h.push(Some("pay doubt"), decided(request("pay doubt"), Resolution::NotLanded)),
        Err(&absent("tool_resolved", "pay doubt")),
    );
    check_fork(
        |h| h.push(Some("pay doubt"), reconcile(request("pay doubt"))),
        Err(&absent("tool_reconcile_requested", "pay doubt")),
    );
    check_fork(
        |h| h.push(Some("pay doubt"), late(request("pay doubt"), succeeded())),
        Err(&absent("late_outcome", "pay doubt")),
    );
    check_fork(
        |h| h.push(Some("asking"), ended(request("asking"), answered())),
        Err(&absent("model_terminal", "asking")),
    );
}

#[test]
fn a_shared_step_stays_of_its_kind() {
    check_fork(
        |h| h.push(Some("answered"), requested(1, Effect::Read)),
        Err("step answered is of another kind than tool_requested"),
    );
    check_fork(
        |h| h.push(Some("lost"), ToolRequested { own_effect: true, ..requested(1, Effect::Read) }),
        Err("step lost is of another kind than tool_requested"),
    );
    check_fork(
        |h| h.push(Some("pay done"), asked(1, &["a"])),
        Err("step pay done is of another kind than model_requested"),
    );
    check_fork(
        |h| h.push(Some("pay due"), replayed(h.events[0].id(), &["a"])),
        Err("step pay due is of another kind than drift_replayed"),
    );
}

#[test]
fn a_fork_goes_on_with_a_model_step_that_was_not_answered() {
    for key in ["failed model", "due model", "lost"] {
        check_fork(
            |h| h.push(Some(key), asked(1, &["a"])),
            Err(&format!(
                "in step {key}: model_requested may not follow {}",
                parent().state().step(&step(key)).expect("a step").state()
            )),
        );
        check_fork(
            |h| h.push(Some(key), ModelRequested { model: model("provider/other"), ..asked(2, &["a"]) }),
            Err(&format!("a cycle of step {key} differs from the first in its model, its tools or its output")),
        );
        let (fork, parent) = fork(|h| {
            let request = h.push(Some(key), asked(2, &["a"]));
            h.push(Some(key), ended(request, answered()));
        });
        let state = fork.state_after(Some(&parent));
        let found = state.model_step(&step(key)).expect("its own");
        let ModelCycle::Completed(settled) = &found.cycle else { panic!("{:?}", found.cycle) };
        assert_eq!((found.first.get(), found.asked_at.get(), settled.at.get(), settled.attempts), (2, 2, 3, 2));
        assert_eq!((state.view().steps, state.holder(&step(key))), (1, None));
        assert!(shown(&state).iter().all(|(shared, _)| shared != key), "it is listed once");
    }
    check_fork(
        |h| h.push(Some("answered"), asked(2, &["a", "answered"])),
        Err("in step answered: model_requested may not follow completed"),
    );
    check_fork(
        |h| h.push(Some("asking"), asked(2, &["a"])),
        Err("in step asking: model_requested may not follow absent"),
    );
    check_fork(|h| h.push(Some("asking"), asked(1, &["a"])), Ok(()));
}

/// A drift of a shared step is recorded in the fork, and the step stays its ancestor's.
#[test]
fn a_replayed_drift_of_a_shared_step_is_the_forks_alone() {
    check_fork(
        |h| h.push(Some("answered"), replayed(request("answered"), &["b"])),
        Err("the same drift of step answered is recorded already"),
    );
    let (fork, parent) = fork(|h| {
        let failing = h.push(Some("x"), requested(1, Effect::Read));
        h.push(Some("x"), completed(failing, failed()));
        h.push(Some("answered"), replayed(request("answered"), &["c"]));
        h.push(Some("lost"), late_model(request("lost"), answered()));
    });
    let state = fork.state_after(Some(&parent));
    for key in ["answered", "lost"] {
        assert_eq!(state.holder(&step(key)), Some(&parent.run().run), "{key}");
        assert_eq!(state.step(&step(key)), parent.step(&step(key)), "{key}");
    }
    let view = state.view();
    assert_eq!((view.steps, view.failed_step, state.drifts()), (1, Some(step("x")), 1));
    let twice =
        fork.sealed(Some("answered"), |step| Draft::new(step, replayed(request("answered"), &["c"])).expect("small"));
    assert!(matches!(state.clone().apply(&twice), Err(FoldError::DriftAgain { .. })));
    let total = state.costs().total();
    assert_eq!((total.calls, total.usage, total.elapsed_us), (0, answer().usage, 11), "what came late was paid for");
}

/// A conversation of the fork goes on from one of an ancestor, also from one whose answer never came here.
#[test]
fn a_fork_goes_on_from_its_ancestors_conversations() {
    for key in ["answered", "asking"] {
        let known = parent().state().conversation(&root_of(&["a", key])).expect("recorded");
        let texts = ["a", key, "and then"];
        check_fork(|h| h.push(Some("s"), extending((known.request.into(), 2), &texts)), Ok(()));
    }
}

#[test]
fn what_an_ancestor_keeps_is_overwritten_in_the_fork_alone() {
    let name = || Name::parse("plan").expect("fit");
    let (fork, parent) =
        fork(|h| h.push(None, ArtifactSet { name: name(), schema_version: 4, value: content(RESULT) }));
    let state = fork.state_after(Some(&parent));
    let KeptValue { schema_version, versions, seq, .. } = state.kept().artifacts()[&name()];
    assert_eq!((schema_version, versions, seq.get()), (4, 2, 2));
    assert_eq!(parent.kept().artifacts()[&name()].schema_version, 3);
}

/// What the parent of a fork did after the grandparent's cut is what counts, and what it left pending is gone.
#[test]
fn a_fork_of_a_fork_takes_over_from_both() {
    let (mut middle, root) = fork(|h| {
        let request = h.push(Some("failed model"), asked(2, &["a"]));
        h.push(Some("failed model"), ended(request, answered()));
        h.push(Some("lost"), asked(2, &["a"]));
        let own = ToolRequested { own_effect: true, ..requested(1, Effect::SideEffect) };
        let mine = h.push(Some("pay doubt"), own);
        h.push(Some("pay doubt"), completed(mine, succeeded()));
        // An effect of its own that only looks, under a key whose effect is in doubt.
        h.push(Some("pay open"), ToolRequested { own_effect: true, ..requested(1, Effect::Read) });
        let new = h.push(Some("new"), requested(1, Effect::Idempotent { retention_us: 1 }));
        h.push(Some("new"), attempt_failed(new));
    });
    let folded = middle.state_after(Some(&root));
    let leaf = middle.fork("leaf", middle.events.len());
    let state = leaf.state_after(Some(&folded));
    let at = |key: &str| (state.step(&step(key)).map(|step| step.state()), state.holder(&step(key)).map(RunId::as_str));
    assert_eq!(at("answered"), (Some("completed"), Some("r")));
    assert_eq!(at("failed model"), (Some("completed"), Some("f")));
    assert_eq!(at("lost"), (None, None), "what was pending at the cut never happened");
    assert_eq!(at("pay doubt"), (Some("succeeded"), Some("f")));
    assert_eq!(at("pay open"), (Some("unknown"), Some("r")), "the effect in doubt stays in doubt");
    assert_eq!(at("new"), (Some("retry_due"), Some("f")));
    assert_eq!(state.depth(), 2);
    middle.push(None, finished(RunOutcome::Completed));
    assert_eq!(
        RunState::start(&leaf.run, &leaf.events[0], Some(&middle.upto(3).state_after(Some(&root)))).map(drop),
        Err(FoldError::Parent)
    );
}
