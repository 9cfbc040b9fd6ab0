//! Do the laws bite? A store in memory keeps them all, and each saboteur of it breaks exactly its own.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use artana_conformance::{
    Place, StoreFactory, Verdict, judge, laws,
    saboteur::{self, Sabotage},
};
use artana_ports::{Clock, EventStore};
use artana_testkit::MemoryStore;
use async_trait::async_trait;

/// Long enough for a store in memory on a busy machine, and short for a follower nobody wakes.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Memory;

#[async_trait]
impl StoreFactory for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        Box::new(Shared(MemoryStore::with_clock(clock)))
    }
}

#[derive(Debug)]
struct Shared(MemoryStore);

#[async_trait]
impl Place for Shared {
    async fn open(&self) -> Arc<dyn EventStore> {
        Arc::new(self.0.clone())
    }
}

/// Returns what is wrong with a saboteur: it broke other laws than its own.
async fn misfired(sabotage: &Sabotage) -> Vec<String> {
    let mut wrong = Vec::new();
    let factory = sabotage.of(&Memory);
    for law in laws() {
        match (judge(law, &factory, PATIENCE).await, law.name == sabotage.law) {
            (Verdict::Pass, false) | (Verdict::Fail(_), true) => {}
            (verdict, _) => wrong.push(format!("{sabotage:?}\n    {}: {verdict:?}", law.name)),
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn each_saboteur_breaks_its_law_and_no_other() {
    let tasks: Vec<_> = saboteur::all().iter().map(|sabotage| tokio::spawn(misfired(sabotage))).collect();
    let mut wrong = Vec::new();
    for task in tasks {
        wrong.extend(task.await.expect("judging does not panic"));
    }
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
