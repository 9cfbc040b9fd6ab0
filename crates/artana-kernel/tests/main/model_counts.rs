//! Work of model steps is counted: what one appends and reads, fresh and repeated, however long the run.

use artana_kernel::Run;
use artana_ports::{Message, ModelAnswer, ModelError};
use artana_testkit::{Counts, ScriptedModel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    asking::{ask, asked, echo},
    counted::spent,
    world::{Process, World, world},
};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Hello {
    message: String,
}

/// Answers in JSON where a schema is asked for, and names the answer.
fn model() -> ScriptedModel {
    ScriptedModel::function(|request, _| {
        let text = match request.output_schema {
            Some(_) => json!({ "message": "hi" }).to_string(),
            None => "hi".into(),
        };
        Ok(ModelAnswer { response_id: Some("resp_1".into()), ..ModelAnswer::text(text) })
    })
}

async fn warm(world: &World, model: &ScriptedModel, steps: usize) -> (Process, Run) {
    let process = world.asking(model);
    let run = process.run("r").await;
    for n in 0..steps {
        ask(&run, &format!("s{n}"), &format!("hello {n}")).await.unwrap();
    }
    (process, run)
}

fn appended(appends: u64, events: u64) -> Counts {
    let mut counts = Counts::default();
    (counts.appends, counts.events) = (appends, events);
    counts
}

fn contents(contents: u64) -> Counts {
    let mut counts = Counts::default();
    counts.contents = contents;
    counts
}

#[tokio::test]
async fn a_fresh_step_is_two_appends_and_reads_nothing_however_long_the_run() {
    for steps in [10, 1_000] {
        let world = world();
        let (_process, run) = warm(&world, &model(), steps).await;
        let text = spent(&world, async { drop(ask(&run, "text", "hi").await.unwrap()) }).await;
        let typed = spent(&world, async { drop(asked(&run, "typed", "hi").output::<Hello>().await.unwrap()) }).await;
        let tools = spent(&world, async { drop(asked(&run, "tools", "hi").all_tools().await.unwrap()) }).await;
        let longer = asked(&run, "longer", "hi").message(Message::assistant("hi")).message(Message::user("go on"));
        let longer = spent(&world, async { drop(longer.await.unwrap()) }).await;
        assert_eq!([text, typed, tools, longer], [appended(2, 2); 4], "after {steps} steps");
    }
}

#[tokio::test]
async fn a_replay_appends_nothing_calls_nothing_and_reads_its_content() {
    let world = world();
    let model = model();
    let (_process, run) = warm(&world, &model, 10).await;
    ask(&run, "text", "hi").await.unwrap();
    asked(&run, "typed", "hi").output::<Hello>().await.unwrap();
    asked(&run, "tools", "hi").all_tools().await.unwrap();
    let calls = model.calls();
    for _ in 0..300 {
        let spent = spent(&world, async {
            assert!(ask(&run, "text", "hi").await.unwrap().is_replayed());
            let typed = asked(&run, "typed", "hi").output::<Hello>().await.unwrap();
            assert_eq!((typed.response_id(), typed.output().message.as_str()), (Some("resp_1"), "hi"));
            assert!(asked(&run, "tools", "hi").all_tools().await.unwrap().is_replayed());
        });
        assert_eq!(spent.await, contents(6), "a text and an id for each");
    }
    assert_eq!(model.calls(), calls);
}

#[tokio::test]
async fn a_failure_repeated_looks_once_whether_it_still_stands() {
    let world = world();
    let model = ScriptedModel::failing(ModelError::http(400, "no"));
    let process = world.asking(&model);
    let run = process.run("r").await;
    ask(&run, "a", "hi").await.unwrap_err();
    for _ in 0..100 {
        let spent = spent(&world, async { drop(ask(&run, "a", "hi").await.unwrap_err()) }).await;
        let mut looked = contents(1);
        looked.reads = 1;
        assert_eq!(spent, looked);
    }
    assert_eq!(model.calls(), 1);
}

#[tokio::test]
async fn an_answer_that_asks_for_a_tool_is_read_as_three_pieces() {
    let world = world();
    let model = ScriptedModel::tool_call("look", json!({ "cents": 5 }));
    let process = world.asking(&model);
    let run = process.run("r").await;
    asked(&run, "a", "hi").all_tools().await.unwrap();
    let spent = spent(&world, async { drop(asked(&run, "a", "hi").all_tools().await.unwrap()) }).await;
    assert_eq!(spent, contents(3), "arguments, id and name of the call");
}

#[tokio::test]
async fn refused_asks_write_and_read_nothing() {
    let world = world();
    let (_process, run) = warm(&world, &model(), 1).await;
    let spent = spent(&world, async {
        for refused in [
            run.step("x").model("demo/one").await,
            ask(&run, "", "hi").await,
            ask(&run, "a\nb", "hi").await,
            run.step("x").model("").prompt("hi").await,
            asked(&run, "x", "hi").temperature(f64::NAN).await,
            asked(&run, "x", "hi").timeout(std::time::Duration::ZERO).await,
        ] {
            let code = refused.unwrap_err().code();
            assert!(["artana::invalid_id", "artana::invalid_ask"].contains(&code), "{code}");
        }
    });
    assert_eq!(spent.await, Counts::default());
}

#[tokio::test]
async fn a_model_without_an_adapter_costs_nothing_recorded() {
    let world = world();
    let process = world.process_with(|builder, _| builder.provider("here", echo()));
    let run = process.run("r").await;
    assert_eq!(crate::world::code(run.step("a").model("there/one").prompt("hi").await), "artana::unknown_model");
    assert!(world.kinds(&run).await.is_empty());
    assert_eq!(run.step("a").model("here/one").prompt("hi").await.unwrap().output(), "re: hi");
}

#[tokio::test]
async fn the_turn_of_a_long_conversation_replays_without_reading_it() {
    let world = world();
    let process = world.asking(&model());
    let run = process.run("r").await;
    let conversation = |turns: usize| {
        (0..turns).flat_map(|n| [Message::user(format!("question {n}")), Message::assistant(format!("answer {n}"))])
    };
    let turn = |n: usize| run.step(format!("turn{n}")).model("demo/one").messages(conversation(n)).prompt("go on");
    turn(0).await.unwrap();
    for n in 1..60 {
        assert_eq!(spent(&world, async { drop(turn(n).await.unwrap()) }).await, appended(2, 2), "turn {n}");
    }
    for n in 0..60 {
        assert_eq!(spent(&world, async { drop(turn(n).await.unwrap()) }).await, contents(2), "turn {n}");
    }
}
