//! A key stands for one call: other arguments and other tools are named and nothing executes.

use std::sync::Arc;

use artana_core::ask::Field;
use artana_kernel::{Error, tool};
use artana_ports::ToolPort;
use serde_json::{Value, json};

use crate::world::{Process, World, call, code, reconcile, world};

async fn drift(run: &artana_kernel::Run, args: &str) -> Vec<(String, Option<Value>, Option<Value>)> {
    match run.step("a").tool_json("any", args).await {
        Err(Error::Drift { drift, .. }) if drift.fields() == [Field::Args].into() => {
            drift.changes.into_iter().map(|found| (found.path, found.before, found.after)).collect()
        }
        other => panic!("drift was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn a_changed_argument_is_named_by_its_pointer() {
    let world = world();
    let any = tool("any").side_effect().handler(|args: Value, _| async move { Ok(args) });
    let process = world.process_with(|builder, _| builder.tool(any));
    let run = process.run("r").await;
    let args = r#"{"to":{"name":"ann","tags":["a","b"]},"cents":5}"#;
    run.step("a").tool_json("any", args).await.unwrap();
    let before = world.counts();
    let cases = [
        (r#"{"to":{"name":"bob","tags":["a","b"]},"cents":5}"#, "/to/name", Some(json!("ann")), Some(json!("bob"))),
        (r#"{"to":{"name":"ann","tags":["a","c"]},"cents":5}"#, "/to/tags/1", Some(json!("b")), Some(json!("c"))),
        (r#"{"to":{"name":"ann","tags":["a","b"]}}"#, "/cents", Some(json!(5)), None),
        (r#"{"to":{"name":"ann","tags":["a","b"]},"cents":5,"x/y":1}"#, "/x~1y", None, Some(json!(1))),
    ];
    for (args, pointer, old, new) in cases {
        assert_eq!(drift(&run, args).await, [(pointer.to_owned(), old, new)]);
    }
    assert_eq!((world.counts().appends, world.events(&run).await.len()), (before.appends, 3));
    let refused = run.step("a").tool_json("any", r#"{"canary":1}"#).await.unwrap_err();
    let told = format!("{refused} {refused:?}");
    assert!(told.contains("args at /*") && !told.contains("canary") && !told.contains("ann"), "{told}");
}

#[tokio::test]
async fn another_tool_under_a_used_key_is_drift() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    call(&run, "a", "mail").await.unwrap();
    match call(&run, "a", "pay").await {
        Err(Error::Drift { drift, .. }) => {
            assert_eq!((drift.changes[0].field, &drift.changes[0].before), (Field::Tool, &Some(json!("mail"))));
        }
        other => panic!("drift was expected, not {other:?}"),
    }
    assert_eq!(code(reconcile(&run, "a", "pay").await), "artana::drift");
    assert_eq!(world.effects(), 1);
    world.verify(&run).await;
}

#[tokio::test]
async fn drift_of_a_step_in_doubt_or_failed_is_drift_too() {
    let world = world();
    world.dies_at("tool.call.before", "r", "a", "mail").await;
    let process = world.process();
    let run = process.run("r").await;
    for _ in 0..2 {
        let other = run.step("a").tool_json("mail", r#"{"cents":6}"#).await;
        assert_eq!(code(other), "artana::drift");
        drop(call(&run, "a", "mail").await);
    }
    assert_eq!(world.effects(), 0);
}

fn charge(world: &World, version: &str, schema: u32, accepts: &[&str]) -> Arc<dyn ToolPort> {
    let builder = tool("send").side_effect().version(version).schema_version(schema);
    Arc::new(world.probed(builder.accepts(accepts.iter().copied())))
}

fn process(world: &World, version: &str, schema: u32, accepts: &[&str]) -> Process {
    world.process_of([charge(world, version, schema, accepts)])
}

#[tokio::test]
async fn a_finished_step_answers_a_changed_tool_and_says_so() {
    let world = world();
    let first = process(&world, "1", 1, &[]);
    let answer = call(&first.run("r").await, "a", "send").await.unwrap();
    assert!(answer.tool_change().is_none());
    for (version, schema) in [("2", 1), ("1", 2)] {
        let changed = process(&world, version, schema, &[]);
        let again = call(&changed.run("r").await, "a", "send").await.unwrap();
        let change = again.tool_change().unwrap();
        assert_eq!(change.recorded.version.as_str(), "1");
        assert_eq!((change.asked.version.as_str(), change.asked.schema_version), (version, schema));
        assert_eq!(again.raw(), answer.raw());
    }
    assert_eq!(world.effects(), 1);
}

#[tokio::test]
async fn an_unfinished_step_is_continued_only_by_a_tool_that_accepts_it() {
    let world = world();
    let dying = process(&world, "1", 1, &[]);
    let run = dying.run("r").await;
    dying.faults.plan("tool.call.after", artana_testkit::fault::Action::Crash);
    tokio::spawn(async move { call(&run, "a", "send").await.map(drop) });
    dying.faults.crashed().await;
    world.mourn();

    let strange = process(&world, "2", 2, &[]);
    let run = strange.run("r").await;
    assert_eq!(code(reconcile(&run, "a", "send").await), "artana::tool_changed");
    assert_eq!(code(call(&run, "a", "send").await), "artana::tool_changed");
    assert_eq!(world.effects(), 1);

    let kin = process(&world, "2", 2, &["1"]);
    let run = kin.run("r").await;
    let answer = reconcile(&run, "a", "send").await.unwrap();
    assert_eq!(answer.output(), &json!({ "charge": "ch_1" }));
    assert!(answer.tool_change().is_some());
    assert_eq!(world.effects(), 1);
    world.verify(&run).await;
}
