//! Forks in the fold: what a fork takes over, what it goes on from, and which forks there cannot be.

use std::collections::BTreeSet;

use artana_core::{
    FoldError, Name, RunId, RunState, Seq,
    cycle::ToolCycle,
    event::*,
    limits::{MAX_FORK_DEPTH, MAX_FORKS},
};

use super::{check, given};
use crate::support::{History, bodies::*, models::*, step};

fn forked(fork: &str, cut: u64) -> RunForked {
    let because = ForkCause::Drift { asked: root_of(&[fork]), fields: BTreeSet::new() };
    RunForked { because, cut: Seq::new(cut), fork: RunId::parse(fork).expect("fit") }
}

#[test]
fn a_fork_is_recorded_with_its_step_and_shares_what_there_is() {
    check(&given(|h| h.push(Some("s"), forked("f", 1))), Ok(()));
    check(&given(|h| h.push(None, forked("f", 1))), Err("run_forked names no step"));
    const FUTURE: &str = "the run cannot have this fork: it shares events that there are not";
    check(&given(|h| h.push(Some("s"), forked("f", 0))), Err(FUTURE));
    check(&given(|h| h.push(Some("s"), forked("f", 2))), Err(FUTURE));
    check(&given(|h| h.push(Some("s"), forked("r", 1))), Err("the run cannot have this fork: it is the run itself"));
    let twice = given(|h| {
        h.push(Some("s"), forked("f", 1));
        h.push(Some("x"), forked("f", 2));
    });
    check(&twice, Err("the run cannot have this fork: it is recorded already"));
}

#[test]
fn a_parent_lists_its_forks_and_is_otherwise_as_it_was() {
    let history = given(|h| {
        h.push(Some("s"), requested(1, Effect::Read));
        h.push(Some("s"), forked("f", 1));
        let by = artana_core::Actor::parse("ops").expect("fit");
        h.push(Some("x"), RunForked { because: ForkCause::Wanted { by }, ..forked("g", 3) });
    });
    let state = history.state();
    let fork = &state.forks()[&RunId::parse("f").expect("fit")];
    assert_eq!((fork.step.as_str(), &fork.recorded), ("s", &(Seq::new(3), forked("f", 1))));
    assert_eq!((state.forks().len(), state.drifts()), (2, 1));
    let view = state.view();
    assert_eq!((view.steps, view.pending, view.last_step), (1, 1, Some(step("x"))));
    // An ended run may still be forked: the fork is another run.
    let mut ended = history.upto(1);
    ended.push(None, finished(RunOutcome::Completed));
    ended.push(Some("s"), forked("f", 1));
    check(&ended, Ok(()));
}

#[test]
fn a_run_has_so_many_forks_and_no_more() {
    let mut history = History::start("t", "r");
    for number in 0..MAX_FORKS {
        history.push(Some("s"), forked(&format!("f{number}"), 1));
    }
    check(&history, Ok(()));
    let mut state = history.state();
    assert_eq!(state.forks().len(), MAX_FORKS);
    history.push(Some("s"), forked("one more", 1));
    let (event, before) = (&history.events[MAX_FORKS + 1], state.clone());
    let many = FoldError::Fork { why: "the run has as many as it may have" };
    assert_eq!((state.project().apply(event), state.apply(event)), (Err(many.clone()), Err(many)));
    assert_eq!(state, before);
}

/// A run with a step in every state, kept values, drifts and a conversation.
pub(super) fn parent() -> History {
    let mut history = History::start("t", "r");
    let mut model = |key: &str, outcome: Option<ModelOutcome>| {
        let request = history.push(Some(key), asked(1, &["a", key]));
        outcome.map(|outcome| history.push(Some(key), ended(request, outcome)));
        request
    };
    let answered = model("answered", Some(answered()));
    model("failed model", Some(unanswered()));
    model("due model", Some(again()));
    model("lost", Some(abandoned()));
    model("asking", None);
    history.push(Some("answered"), replayed(answered, &["b"]));
    for effect in [Effect::Read, Effect::SideEffect] {
        let name = |what| format!("{} {what}", if effect == Effect::Read { "look" } else { "pay" });
        let mut call = |what| history.push(Some(&name(what)), requested(1, effect));
        let (done, not, due, doubt, checked) = (call("done"), call("not"), call("due"), call("doubt"), call("checked"));
        call("open");
        history.push(Some(&name("done")), completed(done, succeeded()));
        history.push(Some(&name("not")), completed(not, failed()));
        history.push(Some(&name("due")), attempt_failed(due));
        history.push(Some(&name("doubt")), completed(doubt, unknown()));
        history.push(Some(&name("checked")), completed(checked, unknown()));
        history.push(Some(&name("checked")), reconcile(checked));
    }
    let name = Name::parse("plan").expect("fit");
    history.push(None, ArtifactSet { name, schema_version: 3, value: content(ARGS) });
    history.push(Some("answered"), forked("earlier", 2));
    history
}

pub(super) fn shown(state: &RunState) -> Vec<(String, &'static str)> {
    state.shared_steps().map(|(key, step)| (key.to_string(), step.state())).collect()
}

#[test]
fn a_fork_takes_over_what_stands_at_the_cut() {
    let parent = parent();
    let folded = parent.state();
    let fork = parent.fork("f", parent.events.len());
    let state = fork.state_after(Some(&folded));
    let expect = [
        ("answered", "completed"),
        ("due model", "retry_due"),
        ("failed model", "failed"),
        ("look checked", "reconciling"),
        ("look done", "succeeded"),
        ("look doubt", "unknown"),
        ("look not", "failed"),
        ("lost", "abandoned"),
        ("pay checked", "reconciling"),
        ("pay done", "succeeded"),
        ("pay doubt", "unknown"),
        ("pay due", "retry_due"),
        ("pay not", "failed"),
        ("pay open", "unknown"),
    ];
    assert_eq!(shown(&state), expect.map(|(key, state)| (key.to_owned(), state)));
    for (key, _) in expect {
        let key = step(key);
        assert_eq!((state.holder(&key), state.owner(&key)), (Some(&parent.run.run), None));
        assert_eq!(state.origin(&key), Some((&parent.run.run, folded.step(&key).expect("shared").first())));
    }
    let open = &state.tool_step(&step("pay open")).expect("shared").cycle;
    let ToolCycle::Unknown(attempt, Doubt { cause: Cause::OwnerLost, error: None }) = open else {
        panic!("nobody knows what came of it: {open:?}");
    };
    assert_eq!(Some(attempt.request), folded.step(&step("pay open")).and_then(|step| step.request()));
    assert_eq!(state.depth(), 1);
}

#[test]
fn a_fork_takes_over_words_and_kept_values_but_not_counts() {
    let parent = parent();
    let folded = parent.state();
    let state = parent.fork("f", parent.events.len()).state_after(Some(&folded));
    assert_eq!(state.kept(), folded.kept());
    let first = root_of(&["a", "answered"]);
    assert!(state.conversation(&first).is_some() && state.conversation(&first) == folded.conversation(&first));
    let drift = artana_core::ask::Fingerprint::from(&asked(1, &["b"])).digest();
    assert!(state.has_drifted(&step("answered"), &drift));
    assert!(!folded.costs().is_empty() && state.costs().is_empty());
    assert!(!folded.forks().is_empty() && state.forks().is_empty());
    assert_eq!((folded.drifts(), state.drifts()), (2, 0));
    let view = state.view();
    assert_eq!((view.steps, view.pending, view.unknown, view.failed_step, view.last_step), (0, 0, 0, None, None));
    assert_eq!((view.parent, view.root), (Some(folded.link()), folded.run().run.clone()));
    assert_eq!(state.status(), artana_core::Status::Running);
}

/// Doubts of an ancestor are not the fork's, and do not keep it from completing.
#[test]
fn a_fork_ends_without_its_ancestors_doubts() {
    let parent = parent();
    let mut fork = parent.fork("f", parent.events.len());
    fork.push(None, finished(RunOutcome::Completed));
    assert_eq!(fork.state_after(Some(&parent.state())).status(), artana_core::Status::Completed);
}

#[test]
fn a_fork_is_folded_after_exactly_the_events_it_shares() {
    let parent = parent();
    let fork = parent.fork("f", 5);
    let start = |parent: Option<&RunState>| RunState::start(&fork.run, &fork.events[0], parent).map(drop);
    assert_eq!(start(Some(&parent.upto(5).state())), Ok(()));
    assert_eq!(start(None), Err(FoldError::Parent));
    assert_eq!(start(Some(&parent.upto(4).state())), Err(FoldError::Parent));
    assert_eq!(start(Some(&parent.upto(6).state())), Err(FoldError::Parent));
    assert_eq!(start(Some(&parent.state())), Err(FoldError::Parent));
    let root = History::start("t", "other");
    assert_eq!(RunState::start(&root.run, &root.events[0], Some(&parent.state())).map(drop), Err(FoldError::Parent));
    // The same events in another family, tenant or key are others.
    let family = |change: fn(&mut artana_core::Genesis)| {
        let mut genesis = fork.genesis().clone();
        change(&mut genesis);
        let stranger = History::of(genesis, fork.key.clone());
        RunState::start(&stranger.run, &stranger.events[0], Some(&parent.upto(5).state())).map(drop)
    };
    assert_eq!(family(|_| ()), Ok(()));
    assert_eq!(family(|genesis| genesis.root = RunId::parse("x").expect("fit")), Err(FoldError::Parent));
    assert_eq!(family(|genesis| genesis.key_id = artana_core::KeyId::from_bytes([1; 32])), Err(FoldError::Parent));
    assert_eq!(
        family(|genesis| genesis.run.tenant = artana_core::TenantId::parse("x").expect("fit")),
        Err(FoldError::Parent)
    );
}

#[test]
fn forks_of_forks_go_so_deep_and_no_deeper() {
    let mut history = History::start("t", "r");
    let mut state = history.state();
    for depth in 1..=MAX_FORK_DEPTH {
        history = history.fork(&format!("f{depth}"), 1);
        state = history.state_after(Some(&state));
        assert_eq!(state.depth(), depth);
    }
    let deeper = history.fork("deeper", 1);
    let refused = RunState::start(&deeper.run, &deeper.events[0], Some(&state)).expect_err("too deep");
    assert_eq!(refused.to_string(), "the run cannot have this fork: it has as many ancestors as a run may have");
}
