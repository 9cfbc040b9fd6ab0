//! Do the laws of models bite? An adapter with a wire keeps them all, and each saboteur of it breaks exactly its own.

use std::collections::BTreeSet;

use artana_conformance::{
    Verdict,
    model::{
        judge, laws, run_laws,
        saboteur::{self, Sabotage},
    },
};

use crate::{saboteurs::on_all_threads, wire::Wire};

/// On a runtime of one thread what should come at once comes before the next look.
const PATIENCE: u32 = 200;

/// Returns what is wrong with a saboteur: it broke other laws than its own.
async fn misfired(sabotage: &Sabotage) -> Vec<String> {
    let mut wrong = Vec::new();
    let factory = sabotage.of(&Wire);
    for law in laws() {
        match (judge(law, &factory, PATIENCE).await, law.name == sabotage.law) {
            (Verdict::Pass, false) | (Verdict::Fail(_), true) => {}
            (verdict, _) => wrong.push(format!("{sabotage:?}\n    {}: {verdict:?}", law.name)),
        }
    }
    wrong
}

#[tokio::test]
async fn an_adapter_with_a_wire_keeps_every_law() {
    let report = run_laws(&Wire).await;
    report.assert_all_passed();
    assert!(report.judged.iter().all(|judged| judged.verdict == Verdict::Pass), "nothing is skipped");
}

#[test]
fn each_saboteur_of_a_model_breaks_its_law_and_no_other() {
    let wrong = on_all_threads(saboteur::all(), |runtime, sabotage| runtime.block_on(misfired(sabotage)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_law_of_models_has_a_saboteur_and_each_saboteur_a_law() {
    let names: Vec<&str> = laws().iter().map(|law| law.name).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(unique.len(), names.len(), "two laws of one name");
    let caught: BTreeSet<&str> = saboteur::all().iter().map(|sabotage| sabotage.law).collect();
    assert_eq!(unique, caught);
}
