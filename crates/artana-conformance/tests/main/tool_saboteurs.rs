//! Do the laws of tools bite? A tool written by hand keeps them all, and each saboteur of it breaks exactly its own.

use std::collections::BTreeSet;

use artana_conformance::{
    Verdict,
    tool::{
        judge, laws, run_laws,
        saboteur::{self, Sabotage},
    },
};

use crate::{payment::Payments, saboteurs::on_all_threads};

/// Returns what is wrong with a saboteur: it broke other laws than its own.
async fn misfired(sabotage: &Sabotage) -> Vec<String> {
    let mut wrong = Vec::new();
    let factory = sabotage.of(&Payments);
    for law in laws() {
        match (judge(law, &factory).await, law.name == sabotage.law) {
            (Verdict::Pass, false) | (Verdict::Fail(_), true) => {}
            (verdict, _) => wrong.push(format!("{sabotage:?}\n    {}: {verdict:?}", law.name)),
        }
    }
    wrong
}

#[tokio::test]
async fn a_tool_written_by_hand_keeps_every_law() {
    let report = run_laws(&Payments).await;
    report.assert_all_passed();
    assert!(report.judged.iter().all(|judged| judged.verdict == Verdict::Pass), "nothing is skipped");
}

#[test]
fn each_saboteur_of_a_tool_breaks_its_law_and_no_other() {
    let wrong = on_all_threads(saboteur::all(), |runtime, sabotage| runtime.block_on(misfired(sabotage)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_law_of_tools_has_a_saboteur_and_each_saboteur_a_law() {
    let names: Vec<&str> = laws().iter().map(|law| law.name).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(unique.len(), names.len(), "two laws of one name");
    let caught: BTreeSet<&str> = saboteur::all().iter().map(|sabotage| sabotage.law).collect();
    assert_eq!(unique, caught);
}
