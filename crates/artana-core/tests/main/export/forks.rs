//! Forks in exports: what a fork adds up to is checked after its ancestors, and nothing is called broken for want of them.

use artana_core::{
    export::{Level, Line, Report},
    limits::MAX_FORK_DEPTH,
    verify::BreakKind::{self, *},
};

use super::{broken, report, run_lines};
use crate::support::{History, bodies::*, models::*};
use artana_core::event::{Effect, ForkCause, Note, RunForked, ToolRequested};

/// A run that was asked twice and paid once, a fork of it that left before the second question, and a fork of that.
fn family() -> [History; 3] {
    let mut root = History::start("tenant", "root");
    let first = root.push(Some("first"), asked(1, &["hello"]));
    root.push(Some("first"), ended(first, answered()));
    let paid = root.push(Some("pay"), requested(1, Effect::SideEffect));
    root.push(Some("pay"), completed(paid, succeeded()));
    let second = root.push(Some("second"), extending((first, 1), &["hello", "and now?"]));
    root.push(Some("second"), ended(second, unanswered()));
    let mut fork = root.fork("fork", 5);
    let second = fork.push(Some("second"), extending((first, 1), &["hello", "or never?"]));
    fork.push(Some("second"), ended(second, answered()));
    fork.push(Some("first"), replayed(first, &["hallo"]));
    let mut leaf = fork.fork("leaf", 4);
    let third = leaf.push(Some("third"), extending((second, 2), &["hello", "or never?", "so?"]));
    leaf.push(Some("third"), ended(third, abandoned()));
    // What the parents recorded about their forks comes after the cuts.
    let because = || ForkCause::Wanted { by: artana_core::Actor::parse("ops").expect("fit") };
    root.push(Some("second"), RunForked { because: because(), cut: fork.events[0].seq(), fork: fork.run.run.clone() });
    fork.push(Some("third"), RunForked { because: because(), cut: fork.events[3].seq(), fork: leaf.run.run.clone() });
    [root, fork, leaf]
}

fn file([root, fork, leaf]: &[History; 3]) -> Vec<Line> {
    [run_lines(root, Some(5)), run_lines(fork, Some(4)), run_lines(leaf, None)].concat()
}

#[test]
fn a_fork_of_a_fork_is_whole() {
    let family = family();
    let found = report(&file(&family));
    assert_eq!((found.first_break(), found.level()), (None, Level::Consistent));
    assert_eq!(found.runs.iter().map(|run| run.events).collect::<Vec<_>>(), [5, 4, 3]);
    assert_eq!(broken(&run_lines(&family[0], None)), None);
    // A fork as the run itself, with one ancestor.
    assert_eq!(broken(&[run_lines(&family[0], Some(5)), run_lines(&family[1], None)].concat()), None);
}

/// The export of the family with one more event in a fork.
fn with<T>(more: impl FnOnce(&mut History) -> T) -> Option<(String, BreakKind, u64)> {
    let [root, fork, mut leaf] = family();
    more(&mut leaf);
    broken(&file(&[root, fork, leaf]))
}

/// The event would fit the fork by itself. What makes it wrong stands in its ancestors.
#[test]
fn an_event_that_does_not_fit_the_ancestors_is_found() {
    let at_four = Some(("leaf".into(), Undecodable, 4));
    assert_eq!(with(|leaf| leaf.push(Some("pay"), requested(1, Effect::SideEffect))), at_four);
    let own = || ToolRequested { own_effect: true, ..requested(1, Effect::SideEffect) };
    assert_eq!(with(|leaf| leaf.push(Some("pay"), own())), at_four);
    assert_eq!(with(|leaf| leaf.push(Some("second"), asked(1, &["hello"]))), at_four);
    assert_eq!(with(|leaf| leaf.push(Some("first"), requested(1, Effect::Read))), at_four);
    let [root, ..] = family();
    let first = root.events[1].id();
    assert_eq!(with(|leaf| leaf.push(Some("new"), extending((first, 2), &["hello", "or never?", "x"]))), at_four);
    assert_eq!(with(|leaf| leaf.push(Some("first"), replayed(first, &["hallo"]))), at_four);
    assert_eq!(with(|leaf| leaf.push(Some("first"), replayed(first, &["salut"]))), None);
    assert_eq!(with(|leaf| leaf.push(Some("new"), extending((first, 1), &["hello", "x"]))), None);
}

/// What the parent did after the cut is not the fork's.
#[test]
fn an_event_after_the_cut_is_not_shared() {
    let [root, mut fork, _] = family();
    let late = root.events[5].id();
    fork.events.truncate(4);
    fork.push(Some("new"), extending((late, 2), &["hello", "and now?", "x"]));
    let lines = [run_lines(&root, Some(5)), run_lines(&fork, None)].concat();
    assert_eq!(broken(&lines), Some(("fork".into(), Undecodable, 5)));
}

fn kinds(report: &Report) -> Vec<Option<(BreakKind, u64)>> {
    report.runs.iter().map(|run| run.broken.as_ref().map(|broken| (broken.kind, broken.seq.get()))).collect()
}

/// Only what held counts as an event before a fork, so a fork of a damaged ancestor hangs from nothing; the
/// fork of that fork is whole after it, as far as it was read.
#[test]
fn a_fork_after_a_damaged_ancestor() {
    let family = family();
    let damage = |at: usize, change: fn(&mut artana_core::Record)| {
        let mut lines = file(&family);
        let Line::Event(record) = &mut lines[at] else { panic!("line {at} is an event") };
        change(record);
        kinds(&report(&lines))
    };
    let orphans = Some((GenesisMismatch, 1));
    for at in 1..=5_u64 {
        let found = damage(at as usize, |record| record.payload[3] ^= 1);
        assert_eq!(found, [Some((HashMismatch, at)), orphans, orphans], "event {at} of the root");
    }
    for at in 8..=10_u64 {
        let found = damage(at as usize, |record| record.at = Default::default());
        assert_eq!(found, [None, Some((HashMismatch, at - 6)), orphans], "event {} of the fork", at - 6);
    }
    let found = damage(7, |record| record.at = Default::default());
    assert_eq!(found, [None, Some((HashMismatch, 1)), orphans]);
    let found = damage(12, |record| record.at = Default::default());
    assert_eq!(found, [None, None, Some((HashMismatch, 1))]);
}

/// A row too many in an ancestor is its own break. A fork of the events before it is judged after these.
#[test]
fn a_fork_hangs_from_what_held_of_its_ancestor() {
    let [root, mut fork, _] = family();
    fork.events.truncate(4);
    let lines = |fork: &History| {
        let mut lines = [run_lines(&root, Some(6)), run_lines(fork, None)].concat();
        let Line::Event(record) = &mut lines[6] else { panic!("an event") };
        record.payload[3] ^= 1;
        lines
    };
    assert_eq!(kinds(&report(&lines(&fork))), [Some((HashMismatch, 6)), None]);
    fork.push(Some("pay"), requested(1, Effect::SideEffect));
    assert_eq!(kinds(&report(&lines(&fork))), [Some((HashMismatch, 6)), Some((Undecodable, 5))]);
}

/// After a kind this build does not know, rules may hold that it does not know either: forks of it are read and
/// their chains verified, and nothing is said about what they add up to.
#[test]
fn a_fork_after_an_ancestor_from_the_future() {
    let mut root = History::start("tenant", "root");
    root.push_raw("from_the_future", "{}");
    let mut fork = root.fork("fork", 2);
    // Whether this may follow is for the rules of the future to say.
    fork.push(Some("s"), ended(root.events[0].id(), answered()));
    let lines = |fork: &History| [run_lines(&root, Some(2)), run_lines(fork, None)].concat();
    assert_eq!(broken(&lines(&fork)), None);
    fork.push_raw("note", "{}");
    assert_eq!(broken(&lines(&fork)), Some(("fork".into(), Undecodable, 3)), "the vocabulary is checked all the same");
}

#[test]
fn forks_are_verified_as_deep_as_they_may_be() {
    let export = |depth: usize| {
        let mut runs = vec![History::start("tenant", "root")];
        for number in 1..=depth {
            let parent = &runs[number - 1];
            let mut fork = parent.fork(&format!("fork {number}"), parent.events.len());
            let topic = artana_core::Name::parse("depth").expect("fit");
            fork.push(None, Note { topic, value: content(ARGS) });
            runs.push(fork);
        }
        let (leaf, ancestors) = runs.split_last().expect("a run");
        let ancestors = ancestors.iter().flat_map(|run| run_lines(run, Some(run.events.len())));
        ancestors.chain(run_lines(leaf, None)).collect::<Vec<_>>()
    };
    assert_eq!(broken(&export(MAX_FORK_DEPTH)), None);
    assert_eq!(broken(&export(MAX_FORK_DEPTH + 1)), Some((format!("fork {}", MAX_FORK_DEPTH + 1), Undecodable, 1)));
}

/// The same chains under another key, root, tenant or cut are another lineage, and are named as the page has it.
#[test]
fn another_lineage_is_named() {
    let [root, fork, leaf] = family();
    let lineage = |change: fn(&mut artana_core::Genesis)| {
        let mut genesis = fork.genesis().clone();
        change(&mut genesis);
        let stranger = History::of(genesis, fork.key.clone());
        broken(&[run_lines(&root, Some(5)), run_lines(&stranger, None)].concat()).map(|(_, kind, seq)| (kind, seq))
    };
    assert_eq!(lineage(|_| ()), None);
    assert_eq!(lineage(|genesis| genesis.key_id = artana_core::KeyId::from_bytes([1; 32])), Some((GenesisMismatch, 1)));
    assert_eq!(
        lineage(|genesis| genesis.root = artana_core::RunId::parse("x").expect("fit")),
        Some((GenesisMismatch, 1))
    );
    assert_eq!(
        lineage(|genesis| genesis.run.tenant = artana_core::TenantId::parse("x").expect("fit")),
        Some((TenantChanged, 1))
    );
    assert_eq!(
        lineage(|genesis| genesis.parent.as_mut().expect("a fork").seq = artana_core::Seq::new(4)),
        Some((GenesisMismatch, 1))
    );
    assert_eq!(
        lineage(|genesis| genesis.parent.as_mut().expect("a fork").run = artana_core::RunId::parse("x").expect("fit")),
        Some((GenesisMismatch, 1))
    );
    // A generation left out, and one too few events.
    let found = [
        broken(&[run_lines(&root, Some(5)), run_lines(&leaf, None)].concat()),
        broken(&[run_lines(&root, Some(5)), run_lines(&fork, Some(3)), run_lines(&leaf, None)].concat()),
    ];
    assert_eq!(found, [Some(("leaf".into(), GenesisMismatch, 1)), Some(("leaf".into(), GenesisMismatch, 1))]);
}
