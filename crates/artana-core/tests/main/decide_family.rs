//! What a run holds for its family of forks, event by event, and that a verified ledger says the same.

use artana_core::{
    RunId, RunState, Seq, ToolName,
    decide::{effect_claim, held_key},
    event::{Body, Effect, ForkCause, RunForked, ToolRequested},
    verify::{BreakKind::ViewMismatch, Ledger, check_holder},
};

use crate::support::{History, bodies::*, models::root_of, step};

const ONCE: Effect = Effect::SideEffect;
const KEYED: Effect = Effect::Idempotent { retention_us: 1 };

fn forked(fork: &str, cut: u64) -> RunForked {
    let because = ForkCause::Drift { asked: root_of(&[fork]), fields: Default::default() };
    RunForked { because, cut: Seq::new(cut), fork: RunId::parse(fork).expect("fit") }
}

fn key_of(root: &str, key: &str) -> String {
    let tool = ToolName::parse("charge").expect("fit");
    effect_claim(&RunId::parse(root).expect("fit"), &step(key), &tool)
}

fn check(state: &RunState, body: impl Into<Body>, expect: Option<String>) {
    let body = body.into();
    assert_eq!(held_key(state, Some(&step("s")), &body), expect, "{body:?}");
    assert_eq!(held_key(state, None, &body), None, "an event of no step");
}

fn own(effect: Effect) -> ToolRequested {
    ToolRequested { own_effect: true, ..requested(1, effect) }
}

#[test]
fn a_run_without_forks_holds_nothing() {
    let state = History::start("t", "r").state();
    for effect in [Effect::Read, KEYED, ONCE] {
        check(&state, requested(1, effect), None);
    }
}

#[test]
fn in_a_family_the_first_attempt_of_an_effect_is_held() {
    let mut root = History::start("t", "r");
    let fork = root.fork("f", 1).state_after(Some(&root.state()));
    root.push(Some("x"), forked("f", 1));
    for state in [root.state(), fork] {
        for effect in [KEYED, ONCE] {
            check(&state, requested(1, effect), Some(key_of("r", "s")));
            check(&state, own(effect), None);
        }
        check(&state, requested(1, Effect::Read), None);
        check(&state, forked("g", 1), None);
    }
}

#[test]
fn what_was_begun_is_not_held_again() {
    for before in [true, false] {
        let mut root = History::start("t", "r");
        if !before {
            root.push(Some("x"), forked("f", 1));
        }
        let request = root.push(Some("s"), requested(1, ONCE));
        root.push(Some("s"), attempt_failed(request));
        if before {
            root.push(Some("x"), forked("f", 1));
        }
        check(&root.state(), requested(2, ONCE), None);
    }
}

#[test]
fn keys_differ_by_family_step_and_tool() {
    let other = effect_claim(&RunId::parse("r").expect("fit"), &step("s"), &ToolName::parse("refund").expect("fit"));
    let mut keys = vec![key_of("r", "s"), key_of("s", "r"), key_of("r", "t"), other];
    assert!(keys.iter().all(|key| key.len() == 64));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4);
}

/// Keys of a history's events as its ledger tells them.
fn told(history: &History) -> Vec<Option<String>> {
    let mut ledger = Ledger::new(history.run.clone());
    history.events.iter().map(|event| ledger.push_with_key(event.record()).expect("a whole ledger").1).collect()
}

#[test]
fn a_ledger_tells_each_event_what_it_has_to_hold() {
    let mut root = History::start("t", "r");
    let first = root.push(Some("s"), requested(1, ONCE));
    root.push(Some("s"), attempt_failed(first));
    root.push(Some("x"), forked("f", 1));
    root.push(Some("s"), requested(2, ONCE));
    root.push(Some("look"), requested(1, Effect::Read));
    root.push(Some("pay"), requested(1, KEYED));
    let paid = Some(key_of("r", "pay"));
    assert_eq!(told(&root), [None, None, None, None, None, None, paid.clone()]);
    root.push_raw("from_tomorrow", "{}");
    root.push(Some("more"), requested(1, KEYED));
    let after_what_is_unknown = None;
    assert_eq!(told(&root)[6..], [paid, None, after_what_is_unknown]);
}

#[test]
fn a_key_is_held_by_the_event_that_has_to_hold_it() {
    let history = History::start("t", "r");
    let (id, seq) = (history.events[0].id(), Seq::new(7));
    assert_eq!(check_holder(seq, id, Some(id)), Ok(()));
    let other = History::start("t", "r").push(None, closing(artana_core::event::Closing::Cancelled));
    for (found, says) in [(None, "none".to_owned()), (Some(other), format!("one held by {other}"))] {
        let broken = check_holder(seq, id, found).expect_err("another holder");
        assert_eq!((broken.kind, broken.seq, broken.found), (ViewMismatch, seq, says));
        assert_eq!(broken.expected, format!("a claim held by {id}"));
    }
}
