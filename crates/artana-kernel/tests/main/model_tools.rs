//! Which tools a model is shown: what the tenant may use, as it was when the step was asked. A registry that
//! grows breaks no old step; one whose visible tools change does.

use std::{collections::BTreeSet, sync::Arc};

use artana_core::{ask::Field, decide::ReplayPolicy};
use artana_kernel::{Error, Run, Turn, tool};
use artana_ports::{ToolContext, ToolError, ToolPort};
use artana_testkit::{ScriptedModel, fault::FaultModel, fault::Faults};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    asking::{asked, echo},
    counted::spent,
    world::{Amount, Process, World, call, code, tenant, world},
};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Widened {
    cents: u64,
    note: Option<String>,
}

/// A tool of this name, and of this version if one is given.
fn plain(name: &str, version: Option<&str>) -> Arc<dyn ToolPort> {
    let builder = tool(name).side_effect().description(format!("does {name}"));
    let builder = version.into_iter().fold(builder, artana_kernel::ToolBuilder::version);
    Arc::new(builder.handler(|_: Amount, _: ToolContext| async move { Ok::<Value, ToolError>(json!(1)) }))
}

/// The same tool with other arguments.
fn widened(name: &str) -> Arc<dyn ToolPort> {
    let answer = |_: Widened, _: ToolContext| async move { Ok::<Value, ToolError>(json!(1)) };
    Arc::new(tool(name).side_effect().description(format!("does {name}")).handler(answer))
}

fn secret(name: &str) -> Arc<dyn ToolPort> {
    let answer = |_: Amount, _: ToolContext| async move { Ok::<Value, ToolError>(json!(1)) };
    Arc::new(tool(name).side_effect().capability("money").handler(answer))
}

/// A process with these tools alone.
fn with(world: &World, model: &ScriptedModel, tools: Vec<Arc<dyn ToolPort>>) -> Process {
    let faults = Faults::record();
    let builder = world.bare(&faults).model(FaultModel::new(Arc::new(model.clone()), faults.clone()));
    let builder = tools.into_iter().fold(builder, artana_kernel::KernelBuilder::shared_tool);
    Process { kernel: builder.build().expect("a sound kernel"), faults }
}

fn two() -> Vec<Arc<dyn ToolPort>> {
    vec![plain("a", None), plain("b", None)]
}

fn shown(model: &ScriptedModel) -> Vec<String> {
    model.asked().last().unwrap().tools.iter().map(|tool| tool.name.clone()).collect()
}

/// Reads JSON that a request refers to.
async fn recorded(world: &World, run: &Run, nth: usize) -> (Value, Value) {
    let asked = &world.requests(run).await[nth];
    let read = async |content: Option<artana_core::ContentRef>| {
        let bytes = run.content(&content.expect("tools were shown")).await.unwrap().unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    (read(asked.tools).await, read(asked.visibility).await)
}

#[tokio::test]
async fn a_model_sees_what_it_is_shown_with_what_each_tool_takes() {
    let (world, model) = (world(), echo());
    let process = with(&world, &model, two());
    let run = process.run("r").await;
    asked(&run, "none", "hi").await.unwrap();
    assert!(shown(&model).is_empty());
    asked(&run, "named", "hi").tools(["b"]).await.unwrap();
    assert_eq!(shown(&model), ["b"]);
    let reply = asked(&run, "all", "hi").all_tools().await.unwrap();
    assert_eq!((reply.output(), shown(&model)), (&Turn::Output("re: hi".into()), vec!["a".into(), "b".into()]));
    let definition = &model.asked()[2].tools[0];
    assert_eq!(definition.description, "does a");
    assert_eq!(definition.args_schema["properties"]["cents"]["type"], "integer");
    assert!(world.requests(&run).await[0].tools.is_none());
    let (signatures, decisions) = recorded(&world, &run, 2).await;
    assert_eq!(signatures.as_object().unwrap().keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(decisions, json!({ "a": { "visible": true }, "b": { "visible": true } }));
}

#[tokio::test]
async fn a_tool_that_is_registered_later_is_for_new_steps_only() {
    let (world, model) = (world(), echo());
    let run = with(&world, &model, two()).run("r").await;
    asked(&run, "old", "hi").all_tools().await.unwrap();
    asked(&run, "named", "hi").tools(["a", "b"]).await.unwrap();
    let mut more = two();
    more.push(plain("c", None));
    more.insert(0, secret("0"));
    let process = with(&world, &model, more);
    let run = process.run("r").await;
    for _ in 0..3 {
        let counts = spent(&world, async {
            let again = asked(&run, "old", "hi").all_tools().await.unwrap();
            assert!(again.is_replayed() && again.drift().is_none());
        });
        assert_eq!(counts.await.appends, 0);
    }
    assert!(asked(&run, "named", "hi").tools(["a", "b"]).await.unwrap().is_replayed());
    let allowed = asked(&run, "old", "ho").all_tools().replay(ReplayPolicy::AllowPromptDrift).await.unwrap();
    assert_eq!(allowed.drift().unwrap().fields(), BTreeSet::from([Field::Messages]));
    let forked = asked(&run, "old", "ho").all_tools().replay(ReplayPolicy::ForkOnDrift).await.unwrap();
    assert_eq!(forked.drift().unwrap().fields(), BTreeSet::from([Field::Messages]));
    assert!(asked(forked.run(), "old", "ho").all_tools().await.unwrap().is_replayed());
    asked(&run, "new", "hi").all_tools().await.unwrap();
    assert_eq!(shown(&model), ["a", "b", "c"]);
    let old = with(&world, &model, two()).run("r").await;
    assert_eq!(code(asked(&old, "new", "hi").all_tools().await), "artana::drift", "a tool that is gone");
    world.verify(&run).await;
}

/// A cycle of an old step that is made later shows what the step showed.
#[tokio::test]
async fn a_cycle_made_later_shows_what_the_step_showed() {
    for cut in [false, true] {
        let world = world();
        let model = ScriptedModel::function(|request, cx| match cx.cycle {
            1 => Err(artana_ports::ModelError::http(400, "no")),
            _ => Ok(artana_ports::ModelAnswer::text(request.tools.len().to_string())),
        });
        let first = with(&world, &model, two());
        if cut {
            first.faults.plan("model.ask.before", artana_testkit::fault::Action::Crash);
        }
        let run = first.run("r").await;
        tokio::spawn(asked(&run, "old", "hi").all_tools().into_future());
        world.settle().await;
        world.mourn();
        let mut more = two();
        more.push(plain("c", None));
        let run = with(&world, &model, more).run("r").await;
        let again = asked(&run, "old", "hi").all_tools().retry_failed().await.unwrap();
        assert_eq!((again.cycles(), again.text().as_str(), again.drift().is_none()), (2, "2", true));
        let (signatures, decisions) = recorded(&world, &run, 1).await;
        assert_eq!((signatures.get("c"), decisions.get("c")), (None, None));
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_visible_tool_that_changed_is_drift() {
    let changes: [(&str, Vec<Arc<dyn ToolPort>>); 4] = [
        ("/b/version", vec![plain("a", None), plain("b", Some("2"))]),
        ("/b/schema_hash", vec![plain("a", None), widened("b")]),
        ("/b", vec![plain("a", None)]),
        ("/b", vec![plain("a", None), plain("c", None), secret("b")]),
    ];
    for (place, tools) in changes {
        let (world, model) = (world(), echo());
        let run = with(&world, &model, two()).run("r").await;
        asked(&run, "a", "hi").all_tools().await.unwrap();
        asked(&run, "alone", "hi").tools(["a"]).await.unwrap();
        let run = with(&world, &model, tools).run("r").await;
        for policy in [ReplayPolicy::Strict, ReplayPolicy::AllowPromptDrift] {
            let Err(Error::Drift { drift, .. }) = asked(&run, "a", "hi").all_tools().replay(policy).await else {
                panic!("{place}: it changed")
            };
            let places: Vec<_> = drift.changes.iter().map(|change| (change.field, change.path.as_str())).collect();
            assert_eq!(places, [(Field::Tools, place)]);
        }
        assert!(asked(&run, "alone", "hi").tools(["a"]).await.unwrap().is_replayed(), "{place} was not shown there");
        let forked = asked(&run, "a", "hi").all_tools().replay(ReplayPolicy::ForkOnDrift).await.unwrap();
        assert!(!forked.is_replayed());
        assert_eq!(model.calls(), 3);
    }
}

#[tokio::test]
async fn a_tool_without_its_capability_is_invisible_and_recorded_with_the_reason() {
    let (world, model) = (world(), echo());
    let tools = || vec![plain("a", None), secret("cash")];
    let process = with(&world, &model, tools());
    let run = process.run("r").await;
    for (step, all) in [("all", true), ("named", false)] {
        let call = asked(&run, step, "hi");
        let call = if all { call.all_tools() } else { call.tools(["cash", "a"]) };
        call.await.unwrap();
        assert_eq!(shown(&model), ["a"]);
    }
    for nth in [0, 1] {
        let (signatures, decisions) = recorded(&world, &run, nth).await;
        assert_eq!(signatures.as_object().unwrap().keys().collect::<Vec<_>>(), ["a"]);
        let missing = json!({ "missing_capability": "money", "visible": false });
        assert_eq!(decisions, json!({ "a": { "visible": true }, "cash": missing }));
    }
    assert_eq!(code(call(&run, "b", "cash").await), "artana::capability_missing");

    let may = tenant().capability("money");
    process.kernel.grant(&may, "r", artana_core::Actor::parse("ann").unwrap()).await.unwrap();
    let granted = process.kernel.open_run(&may, "r").await.unwrap();
    assert!(asked(&granted, "all", "hi").all_tools().await.unwrap().is_replayed(), "it had not been seen");
    let Err(Error::Drift { drift, .. }) = asked(&granted, "named", "hi").tools(["cash", "a"]).await else {
        panic!("the tools that are named differ")
    };
    assert_eq!(drift.changes[0].path, "/cash");
    asked(&granted, "new", "hi").all_tools().await.unwrap();
    assert_eq!(shown(&model), ["a", "cash"]);
    let child = granted.fork_at("all", "child", "ann").await.unwrap();
    assert!(!asked(&child, "all", "hi").all_tools().await.unwrap().is_replayed());
    assert_eq!(shown(&model), ["a", "cash"], "a fork may what its parent may, also where it leaves before the grant");
    let unbound = with(&world, &model, tools()).run("r").await;
    assert_eq!(code(asked(&unbound, "new", "hi").all_tools().await), "artana::drift", "the tenant does not ask for it");
}

#[tokio::test]
async fn a_tool_that_is_named_and_unknown_is_refused_before_anything_is_written() {
    let (world, model) = (world(), echo());
    let process = with(&world, &model, two());
    let run = process.run("r").await;
    let counts = spent(&world, async {
        for names in [vec!["nothing"], vec!["a", "nothing"]] {
            assert_eq!(code(asked(&run, "a", "hi").tools(names).await), "artana::unknown_tool");
        }
        assert_eq!(code(asked(&run, "a", "hi").tools([""]).await), "artana::invalid_id");
    });
    assert_eq!((counts.await.appends, model.calls()), (0, 0));
    asked(&run, "a", "hi").tools(["a", "b"]).await.unwrap();
    let fewer = with(&world, &model, vec![plain("a", None)]).run("r").await;
    let Err(Error::Drift { drift, .. }) = asked(&fewer, "a", "hi").tools(["a", "b"]).await else { panic!("b is gone") };
    assert_eq!(drift.changes[0].path, "/b");
    let forking = asked(&fewer, "a", "hi").tools(["a", "b"]).replay(ReplayPolicy::ForkOnDrift);
    assert_eq!(code(forking.await), "artana::unknown_tool");
    assert!(fewer.forks().await.unwrap().is_empty());
    assert_eq!(model.calls(), 1);
}

/// Tool lists are stored once.
#[tokio::test]
async fn the_same_tools_are_stored_once() {
    let (world, model) = (world(), echo());
    let process = with(&world, &model, two());
    let run = process.run("r").await;
    for n in 0..10 {
        asked(&run, &format!("s{n}"), "hi").all_tools().await.unwrap();
    }
    let digests: BTreeSet<_> = world
        .requests(&run)
        .await
        .iter()
        .map(|asked| (asked.tools.unwrap().digest, asked.visibility.unwrap().digest))
        .collect();
    assert_eq!(digests.len(), 1);
}
