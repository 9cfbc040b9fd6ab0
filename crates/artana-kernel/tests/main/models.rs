//! Model steps: asked once, replayed for free, drifted under each policy, forked, corrected.

use artana_core::{
    ask::{ApiMode, Field},
    decide::ReplayPolicy,
};
use artana_kernel::{Error, Kernel, ModelReply, Turn};
use artana_ports::{Message, ModelError};
use artana_testkit::{MemoryStore, ScriptedModel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use artana_core::Tenant;

#[derive(Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
struct Hello {
    message: String,
}

fn kernel(store: &MemoryStore, model: &ScriptedModel) -> Kernel {
    Kernel::builder(store.clone()).model(model.clone()).build().expect("a sound kernel")
}

#[tokio::test]
async fn a_model_is_asked_once_and_answers_for_ever() {
    let (store, model) = (MemoryStore::new(), ScriptedModel::json(json!({"message": "hi"})).usage(3, 5));
    let kernel = kernel(&store, &model);
    let run = kernel.run(&Tenant::new("t"), "r").await.unwrap();
    let ask = || run.step("greet").model("demo/one").prompt("Say hello").output::<Hello>();
    let first: ModelReply<Hello> = ask().await.unwrap();
    assert!(!first.is_replayed());
    let again = ask().await.unwrap();
    assert!(again.is_replayed() && again.drift().is_none());
    assert_eq!((again.into_output().message, model.calls()), ("hi".to_owned(), 1));
    run.finish().await.unwrap();
    assert!(run.verify().await.unwrap().is_ok());
    ask().await.unwrap();
    assert_eq!(model.calls(), 1);
}

#[tokio::test]
async fn drift_under_each_policy() {
    let (store, model) = (
        MemoryStore::new(),
        ScriptedModel::function(|request, _| {
            Ok(artana_ports::ModelAnswer::text(format!("{} messages", request.messages.len())))
        }),
    );
    let kernel = kernel(&store, &model);
    let run = kernel.run(&Tenant::new("t"), "r").await.unwrap();
    let ask = |prompt: &str| run.step("s").model("demo/one").prompt(prompt);
    run.step("before").model("demo/one").prompt("x").await.unwrap();
    ask("hello world").await.unwrap();
    let Err(Error::Drift { drift, .. }) = ask("hello moon").await else { panic!("strict refuses") };
    assert_eq!(drift.changes.len(), 1);
    assert_eq!((drift.changes[0].field, drift.changes[0].path.as_str()), (Field::Messages, "/0/parts/0/text"));
    let span = drift.changes[0].span().unwrap();
    assert_eq!((span.at, span.before, span.after), (6, "world", "moon"));
    let kept = ask("hello moon").replay(ReplayPolicy::AllowPromptDrift).await.unwrap();
    assert!(kept.is_replayed() && kept.drift().is_some());
    ask("hello moon").replay(ReplayPolicy::AllowPromptDrift).await.unwrap();
    assert_eq!(run.view().await.unwrap().drifts, 1);
    let forked = ask("hello moon").api_mode(ApiMode::Chat).replay(ReplayPolicy::ForkOnDrift).await.unwrap();
    assert!(!forked.is_replayed());
    let fork = forked.run().clone();
    assert_ne!(fork.id(), run.id());
    let again = ask("hello moon").api_mode(ApiMode::Chat).replay(ReplayPolicy::ForkOnDrift).await.unwrap();
    assert!(again.is_replayed());
    assert_eq!(again.run().id(), fork.id());
    let before = fork.step("before").model("demo/one").prompt("x").await.unwrap();
    assert!(before.is_replayed());
    assert_eq!(model.calls(), 3);
    assert!(fork.verify().await.unwrap().is_ok(), "{:?}", fork.verify().await.unwrap());
    assert_eq!(run.forks().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_invalid_answer_is_corrected_and_each_cycle_recorded() {
    let model = ScriptedModel::sequence([
        ScriptedModel::text("no json"),
        ScriptedModel::json(json!({"massage": "x"})),
        ScriptedModel::json(json!({"message": "ok"})),
    ]);
    let kernel = kernel(&MemoryStore::new(), &model);
    let run = kernel.run(&Tenant::new("t"), "r").await.unwrap();
    let reply = run.step("s").model("demo/one").prompt("hi").output::<Hello>().retries(2).await.unwrap();
    assert_eq!((reply.cycles(), reply.output().message.as_str()), (3, "ok"));
    let asked = model.asked();
    assert_eq!(asked.iter().map(|a| a.messages.len()).collect::<Vec<_>>(), [1, 3, 3]);
    assert_eq!(asked[2].messages[1], Message::assistant(r#"{"massage":"x"}"#));
    let replayed = run.model_calls().await.unwrap();
    assert_eq!(replayed.len(), 3);
    assert_eq!(replayed[2].asked.messages, asked[2].messages);
}

#[tokio::test]
async fn a_failure_is_raised_again_and_retried_on_demand() {
    let model = ScriptedModel::sequence([
        ScriptedModel::failing(ModelError::http(429, "slow down").retry_after(std::time::Duration::from_secs(9))),
        ScriptedModel::text("fine"),
    ]);
    let kernel = kernel(&MemoryStore::new(), &model);
    let run = kernel.run(&Tenant::new("t"), "r").await.unwrap();
    let ask = || run.step("s").model("demo/one").prompt("hi");
    let codes = [ask().await.unwrap_err(), ask().await.unwrap_err()];
    for error in codes {
        let Error::ModelFailed(failed) = error else { panic!("{error}") };
        assert_eq!((failed.status, failed.message.as_str()), (Some(429), "slow down"));
        assert_eq!(failed.retry_after, Some(std::time::Duration::from_secs(9)));
    }
    assert_eq!(ask().retry_failed().await.unwrap().output(), "fine");
    assert_eq!(model.calls(), 2);
}

#[tokio::test]
async fn a_model_may_ask_for_tools_it_is_shown() {
    let model = ScriptedModel::tool_call("look", json!({"n": 1}));
    let tool = artana_kernel::tool("look")
        .handler(|n: u32, _: artana_ports::ToolContext| async move { Ok::<_, artana_ports::ToolError>(n) });
    let kernel = Kernel::builder(MemoryStore::new()).model(model.clone()).tool(tool).build().unwrap();
    let run = kernel.run(&Tenant::new("t"), "r").await.unwrap();
    let reply = run.step("s").model("demo/one").prompt("hi").all_tools().await.unwrap();
    let Turn::Calls { calls, .. } = reply.output() else { panic!("it asks for tools") };
    assert_eq!(calls[0].name, "look");
    assert_eq!(model.asked()[0].tools.len(), 1);
}

#[tokio::test]
async fn a_stream_gives_pieces_and_then_the_answer() {
    let kernel = kernel(&MemoryStore::new(), &ScriptedModel::text("hello world").streaming(4));
    let run = kernel.run(&Tenant::new("t"), "r").await.unwrap();
    for pieces in [3, 1] {
        let mut stream = run.step("s").model("demo/one").prompt("hi").stream();
        let (mut text, mut count) = (String::new(), 0);
        let mut whole = None;
        while let Some(item) = stream.try_next().await.unwrap() {
            match item {
                artana_kernel::Streamed::Delta(artana_ports::Delta::Text(piece)) => {
                    text.push_str(&piece);
                    count += 1;
                }
                artana_kernel::Streamed::Delta(_) | artana_kernel::Streamed::Restarted => {}
                artana_kernel::Streamed::Reply(reply) => whole = Some(reply.into_output()),
            }
        }
        assert_eq!((text.as_str(), count, whole.as_deref()), ("hello world", pieces, Some("hello world")));
    }
}
