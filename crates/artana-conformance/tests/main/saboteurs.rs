//! Do the laws bite? A store in memory that has a schema keeps them all, and each saboteur of it breaks exactly its own.

use std::{collections::BTreeSet, thread};

use artana_conformance::{
    Verdict, judge, laws,
    saboteur::{self, Sabotage},
};
use tokio::runtime::Runtime;

use crate::versioned::Versioned;

/// On a runtime of one thread a store in memory wakes a follower before the next look.
const PATIENCE: u32 = 200;

/// Returns what is wrong with a saboteur: it broke other laws than its own.
async fn misfired(sabotage: &Sabotage) -> Vec<String> {
    let mut wrong = Vec::new();
    let factory = sabotage.of(&Versioned);
    for law in laws() {
        match (judge(law, &factory, PATIENCE).await, law.name == sabotage.law) {
            (Verdict::Pass, false) | (Verdict::Fail(_), true) => {}
            (verdict, _) => wrong.push(format!("{sabotage:?}\n    {}: {verdict:?}", law.name)),
        }
    }
    wrong
}

/// Judges saboteurs on all threads there are, each with a runtime of its own, so that the laws do not wait for
/// each other.
pub(crate) fn on_all_threads<S: Sync>(
    saboteurs: &[S],
    misfired: impl Fn(&Runtime, &S) -> Vec<String> + Sync,
) -> Vec<String> {
    let step = thread::available_parallelism().map_or(1, usize::from);
    let every = |first: usize| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        saboteurs.iter().skip(first).step_by(step).flat_map(|s| misfired(&runtime, s)).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let every = &every;
        let threads: Vec<_> = (0..step).map(|first| scope.spawn(move || every(first))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("judging does not panic")).collect()
    })
}

#[test]
fn each_saboteur_breaks_its_law_and_no_other() {
    let wrong = on_all_threads(saboteur::all(), |runtime, sabotage| runtime.block_on(misfired(sabotage)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_law_has_a_saboteur_and_each_saboteur_a_law() {
    let names: Vec<&str> = laws().iter().map(|law| law.name).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(unique.len(), names.len(), "two laws of one name");
    let caught: BTreeSet<&str> = saboteur::all().iter().map(|sabotage| sabotage.law).collect();
    assert_eq!(unique, caught);
}

#[tokio::test]
async fn what_no_saboteur_touched_keeps_every_law() {
    for law in laws() {
        assert_eq!(judge(law, &Versioned, PATIENCE).await, Verdict::Pass, "{}", law.name);
    }
}
