//! The shortest ways through the kernel: a step runs, replays, and is reconciled in each of three ways.

use artana_core::Status;
use artana_kernel::{Resolve, tool};
use serde_json::json;

use crate::world::{Amount, call, code, reconcile, world};

#[tokio::test]
async fn a_step_runs_once_and_replays() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    for tool in ["look", "pay", "send", "mail"] {
        let first = call(&run, tool, tool).await.unwrap();
        let again = call(&run, tool, tool).await.unwrap();
        assert!(!first.is_replayed() && again.is_replayed(), "{tool}");
        assert_eq!((first.raw(), first.request()), (again.raw(), again.request()));
    }
    assert_eq!((world.effects(), world.looks()), (3, 1));
    run.finish().await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::Completed);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_typed_tool_answers_its_type() {
    let world = world();
    let pay = world.charger(tool("charge").side_effect());
    let process = world.process_with(|builder, _| builder.tool(pay.clone()));
    let run = process.run("r").await;
    let answer = run.step("a").tool(&pay, &Amount { cents: 5 }).await.unwrap();
    assert_eq!(answer.output().charge, "ch_1");
}

#[tokio::test]
async fn an_unknown_outcome_is_found_by_a_probe() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "send").await;
    let process = world.process();
    let run = process.run("r").await;
    assert_eq!(code(call(&run, "a", "send").await), "artana::reconciliation_required");
    assert_eq!(run.status().await.unwrap(), Status::NeedsReconciliation);
    assert_eq!(reconcile(&run, "a", "send").await.unwrap().output(), &json!({ "charge": "ch_1" }));
    assert!(call(&run, "a", "send").await.unwrap().is_replayed());
    assert_eq!(world.effects(), 1);
    world.verify(&run).await;
}

#[tokio::test]
async fn an_unknown_outcome_is_retried_with_its_key() {
    for (point, known) in [("tool.call.before", 0), ("tool.call.after", 1)] {
        let world = world();
        world.dies_at(point, "r", "a", "pay").await;
        assert_eq!(world.effects(), known);
        let process = world.process();
        let run = process.run("r").await;
        assert_eq!(code(call(&run, "a", "pay").await), "artana::reconciliation_required");
        assert_eq!(reconcile(&run, "a", "pay").await.unwrap().output(), &json!({ "charge": "ch_1" }));
        assert_eq!(world.effects(), 1);
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_resolved_by_a_person() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "mail").await;
    let process = world.process();
    let run = process.run("r").await;
    assert_eq!(code(call(&run, "a", "mail").await), "artana::reconciliation_required");
    assert_eq!(code(reconcile(&run, "a", "mail").await), "artana::needs_operator");
    run.resolve("a", Resolve::succeeded("ann", r#"{"charge":"ch_1"}"#, "seen at the provider")).await.unwrap();
    assert_eq!(call(&run, "a", "mail").await.unwrap().output(), &json!({ "charge": "ch_1" }));
    assert_eq!(run.status().await.unwrap(), Status::Running);
    world.verify(&run).await;
}
