//! Recorded steps in words, in which steps of different runs compare.

use artana_core::{ask::Field, decide::ReplayPolicy};
use artana_ports::{Media, Message, ModelError, Part, Source};
use artana_testkit::ScriptedModel;
use serde_json::json;

use crate::world::{FIVE, call, code, world};

fn picture() -> Message {
    let media = Media { media_type: "image/png".into(), source: Source::Bytes(vec![1, 2, 3]) };
    Message { role: artana_core::conversation::Role::User, parts: vec![Part::Text("look".into()), Part::Image(media)] }
}

#[tokio::test]
async fn the_same_ask_and_answer_are_the_same_words_in_any_run() {
    let world = world();
    let process = world.process_with(|builder, _| builder.model(ScriptedModel::json(json!({"seen": 5}))));
    let mut told = Vec::new();
    for id in ["a", "b"] {
        let run = process.run(id).await;
        run.step("ask").model("demo/one").message(picture()).max_output_tokens(9).await.unwrap();
        call(&run, "look", "look").await.unwrap();
        told.push((run.words("ask").await.unwrap(), run.words("look").await.unwrap()));
    }
    assert_eq!(told[0], told[1], "words do not depend on a run's key");
    let (ask, look) = &told[0];
    assert_eq!(ask.asked.len(), 10, "every field is told");
    assert_eq!(ask.asked[&Field::Model], "demo/one");
    assert_eq!(ask.asked[&Field::Messages][0]["parts"][0]["text"], "look");
    assert_eq!(ask.asked[&Field::Sampling], json!({"max_output_tokens": 9}));
    assert!(ask.asked[&Field::OutputSchema].is_null());
    assert_eq!(ask.told, Some(json!({"seen": 5})), "an answer in JSON is its value");
    assert_eq!(look.asked[&Field::Args], serde_json::from_str::<serde_json::Value>(FIVE).unwrap());
    assert_eq!(
        (look.asked[&Field::Tool]["name"].as_str(), look.told.clone()),
        (Some("look"), Some(json!({"seen": 5})))
    );
    assert_eq!(code(process.run("a").await.words("nothing").await), "artana::nothing_recorded");
}

#[tokio::test]
async fn a_fork_tells_what_it_shares_and_what_it_went_on_with() {
    let world = world();
    let process = world.process_with(|builder, _| builder.model(ScriptedModel::text("fine")));
    let run = process.run("r").await;
    for step in ["one", "two", "then"] {
        run.step(step).model("demo/one").prompt(step).await.unwrap();
    }
    let fork = run.fork_at("then", "fork", "ann").await.unwrap();
    let shared = run.words("two").await.unwrap();
    assert_eq!(fork.words("two").await.unwrap(), shared);
    let drifted = fork.step("two").model("demo/one").prompt("otherwise").replay(ReplayPolicy::AllowPromptDrift);
    drifted.await.unwrap();
    assert_eq!(fork.words("two").await.unwrap(), shared, "a drift that was replayed changes no words");
    assert_eq!(code(fork.words("then").await), "artana::nothing_recorded");
}

#[tokio::test]
async fn a_failure_tells_what_was_said_and_a_step_under_way_nothing() {
    let world = world();
    let failing = ScriptedModel::failing(ModelError::http(400, "no such model"));
    let process = world.process_with(|builder, _| builder.model(failing));
    let run = process.run("r").await;
    run.step("ask").model("demo/one").prompt("hi").await.unwrap_err();
    assert_eq!(run.words("ask").await.unwrap().told, Some(json!("no such model")));
    world.dies_at("tool.call.before", "r", "pay", "mail").await;
    assert_eq!(world.process().run("r").await.words("pay").await.unwrap().told, None);
}
