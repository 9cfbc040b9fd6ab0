//! Ledgers of forks: with their ancestors everything is checked, and without them what can be.

use artana_core::{
    RunState,
    event::{Effect, ToolRequested},
    verify::{BreakKind::*, Ledger},
};

use crate::support::{History, bodies::*, models::*, step};

/// A run that was asked and paid, and a fork of all of it that paid for itself.
fn family() -> (History, History) {
    let mut root = History::start("t", "r");
    let first = root.push(Some("first"), asked(1, &["hello"]));
    root.push(Some("first"), ended(first, unanswered()));
    root.push(Some("pay"), requested(1, Effect::SideEffect));
    let mut fork = root.fork("f", 4);
    fork.push(Some("pay"), ToolRequested { own_effect: true, ..requested(1, Effect::SideEffect) });
    fork.push(Some("first"), asked(2, &["hello"]));
    (root, fork)
}

fn read(fork: &History, parent: Option<RunState>) -> Ledger {
    let mut ledger = Ledger::fork(fork.run.clone(), parent);
    for event in &fork.events {
        ledger.push(event.record()).expect("a whole ledger");
    }
    ledger.finish(Some(&fork.head())).expect("the head");
    ledger.check_key(Some(&fork.key)).expect("the key");
    assert_eq!(ledger.genesis(), Some(fork.genesis()));
    ledger
}

#[test]
fn a_fork_is_folded_after_its_ancestors() {
    let (root, fork) = family();
    let folded = fork.state_after(Some(&root.state()));
    let ledger = read(&fork, Some(root.state()));
    assert_eq!(ledger.state(), Some(&folded));
    assert_eq!(ledger.check_view(&folded.view()), Ok(Some(())));
    let mut other = folded.view();
    other.pending += 1;
    assert_eq!(ledger.check_view(&other).map_err(|broken| broken.kind), Err(ViewMismatch));
    assert_eq!(ledger.into_state(), Some(folded));
}

/// Nothing is said of what it adds up to; chain, head, key and vocabulary hold.
#[test]
fn a_fork_without_its_ancestors_is_checked_as_far_as_it_goes() {
    let (root, fork) = family();
    let view = fork.state_after(Some(&root.state())).view();
    let others = [None, Some(root.upto(3).state()), Some(History::start("t", "x").state())];
    for parent in others {
        let ledger = read(&fork, parent);
        assert_eq!((ledger.check_view(&view), ledger.state()), (Ok(None), None));
        assert_eq!(ledger.clone().into_state(), None);
        assert_eq!(ledger.head(), Some(fork.head()));
    }
    let mut nonsense = fork.clone();
    nonsense.push_raw("model_terminal", "{}");
    let mut ledger = Ledger::new(fork.run.clone());
    let found = nonsense.events.iter().try_for_each(|event| ledger.push(event.record()).map(drop));
    assert_eq!(found.map_err(|broken| (broken.kind, broken.seq.get())), Err((Undecodable, 4)));
}

/// A root run is no fork, whatever is held up to it as its parent.
#[test]
fn a_root_run_has_no_parent() {
    let (root, _) = family();
    let ledger = read(&root, Some(History::start("t", "x").state()));
    assert_eq!(ledger.state(), None);
    assert_eq!(read(&root, None).state(), Some(&root.state()));
}

#[test]
fn a_fork_that_does_not_fit_its_ancestors_is_undecodable() {
    let (root, mut fork) = family();
    fork.events.truncate(1);
    let expect = "in step first: model_requested may not follow failed";
    let next = fork.sealed(Some("first"), |step| artana_core::Draft::new(step, asked(1, &["hello"])).expect("small"));
    let mut ledger = read(&fork, Some(root.state()));
    let found = ledger.push(next.record()).expect_err("a cycle that was");
    assert_eq!((found.kind, found.seq.get(), found.found.as_str()), (Undecodable, 2, expect));
    assert!(
        ledger
            .state()
            .is_some_and(|state| state.model_step(&step("first")).is_some_and(|first| first.cycle.cycles() == 1))
    );
}

/// What is folded no more gives nothing to forks of it.
#[test]
fn a_run_from_the_future_gives_nothing_to_its_forks() {
    let mut root = History::start("t", "r");
    root.push_raw("from_the_future", "{}");
    assert_eq!(read(&root, None).into_state(), None);
}
