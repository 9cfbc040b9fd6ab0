//! Answers as they arrive: pieces that are not durable, then the answer that is, however the stream ends.

use std::time::Duration;

use artana_core::{decide::ReplayPolicy, event::ModelCategory};
use artana_kernel::{Error, ModelOutput, ModelReply, ModelStream, Streamed};
use artana_ports::{Delta, Deltas, ModelAnswer, ModelError, Part};
use artana_testkit::ScriptedModel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    asking::{ask, asked, asking, echo, slowly},
    dropped::POLLS,
    world::{code, world},
};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Hello {
    message: String,
}

/// Reads a stream to its end: the pieces, and what it ended with.
async fn read<O: ModelOutput>(mut stream: ModelStream<O>) -> (Vec<Delta>, Result<ModelReply<O::Value>, Error>) {
    let mut pieces = Vec::new();
    loop {
        match stream.try_next().await {
            Ok(Some(Streamed::Delta(piece))) => pieces.push(piece),
            Ok(Some(Streamed::Restarted)) => pieces.clear(),
            Ok(Some(Streamed::Reply(reply))) => {
                assert!(matches!(stream.try_next().await, Ok(None)), "the answer is the last item");
                return (pieces, Ok(*reply));
            }
            Ok(None) => panic!("a stream without an end"),
            Err(error) => {
                assert!(matches!(stream.try_next().await, Ok(None)), "nothing follows an error");
                return (pieces, Err(error));
            }
        }
    }
}

fn texts(pieces: &[Delta]) -> Vec<&str> {
    pieces.iter().map(|(Delta::Text(text) | Delta::Reasoning(text))| text.as_str()).collect()
}

#[tokio::test]
async fn pieces_then_the_answer_and_on_replay_the_text_at_once() {
    let world = world();
    let model = ScriptedModel::text("hello wörld").streaming(4);
    let process = world.asking(&model);
    let run = process.run("r").await;
    let (pieces, reply) = read(asked(&run, "a", "hi").stream()).await;
    assert_eq!(texts(&pieces), ["hell", "o wö", "rld"]);
    let reply = reply.unwrap();
    assert_eq!((reply.output().as_str(), reply.is_replayed()), ("hello wörld", false));
    for process in [&process, &world.asking(&model)] {
        let run = process.run("r").await;
        let (pieces, again) = read(asked(&run, "a", "hi").stream()).await;
        assert_eq!(texts(&pieces), ["hello wörld"]);
        assert!(again.unwrap().is_replayed());
    }
    assert_eq!(model.calls(), 1);
    assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal"]);
}

#[tokio::test]
async fn a_typed_answer_and_one_that_was_not_streamed_give_their_text() {
    let world = world();
    let text = r#"{"message":"hi"}"#;
    let process = world.asking(&ScriptedModel::text(text));
    let run = process.run("r").await;
    for _ in 0..2 {
        let (pieces, reply) = read(asked(&run, "a", "hi").output::<Hello>().stream()).await;
        assert_eq!((texts(&pieces), reply.unwrap().output().message.as_str()), (vec![text], "hi"));
    }
}

#[tokio::test]
async fn an_answer_without_text_gives_no_pieces() {
    let world = world();
    let process = world.asking(&ScriptedModel::tool_call("look", serde_json::json!({ "cents": 5 })).streaming(1));
    let run = process.run("r").await;
    for _ in 0..2 {
        let (pieces, reply) = read(asked(&run, "a", "hi").all_tools().stream()).await;
        assert_eq!((pieces, reply.unwrap().tool_calls().len()), (vec![], 1));
    }
}

#[tokio::test]
async fn reasoning_is_told_from_text() {
    let world = world();
    let model = ScriptedModel::function(|_, _| {
        Ok(ModelAnswer {
            parts: vec![Part::Reasoning("hm".into()), Part::Text("yes".into())],
            ..ModelAnswer::default()
        })
    });
    let process = world.asking(&model.streaming(9));
    let run = process.run("r").await;
    let (pieces, reply) = read(asked(&run, "a", "hi").stream()).await;
    assert_eq!(pieces, [Delta::Reasoning("hm".into()), Delta::Text("yes".into())]);
    assert_eq!(reply.unwrap().output(), "yes");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_a_recorded_failure_and_may_be_asked_for_again() {
    let world = world();
    let broken = || ScriptedModel::text("hello world").streaming(4).cut_after(2);
    let process = world.asking(&broken());
    let run = process.run("r").await;
    let (pieces, ended) = read(asked(&run, "a", "hi").stream()).await;
    assert_eq!(texts(&pieces), ["hell", "o wo"]);
    let Err(Error::ModelFailed(failure)) = ended else { panic!("it broke off") };
    assert_eq!((failure.category, failure.cycles), (ModelCategory::Network, 1));
    let (pieces, again) = read(asked(&run, "a", "hi").stream()).await;
    assert_eq!((pieces, code(again)), (vec![], "artana::model_failed"), "what broke off is not told as an answer");
    assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal"]);

    let whole = world.asking(&ScriptedModel::text("hello world").streaming(6)).run("r").await;
    let (pieces, reply) = read(asked(&whole, "a", "hi").retry_failed().stream()).await;
    assert_eq!((texts(&pieces), reply.unwrap().cycles()), (vec!["hello ", "world"], 2));
    world.verify(&run).await;
}

#[tokio::test]
async fn what_ends_before_it_begins_is_one_error() {
    let world = world();
    let process = world.asking(&ScriptedModel::failing(ModelError::http(400, "no")));
    let run = process.run("r").await;
    for (step, expected) in [("a", "artana::model_failed"), ("", "artana::invalid_id")] {
        let (pieces, ended) = read(asked(&run, step, "hi").stream()).await;
        assert_eq!((pieces, code(ended)), (vec![], expected));
    }
    let (_, drifted) = read(asked(&run, "a", "ho").stream()).await;
    assert_eq!(code(drifted), "artana::drift");
}

#[tokio::test]
async fn streams_drift_and_fork_like_any_call() {
    let world = world();
    let model = echo().streaming(100);
    let process = world.asking(&model);
    let run = process.run("r").await;
    ask(&run, "a", "hi").await.unwrap();
    let (pieces, kept) = read(asked(&run, "a", "ho").replay(ReplayPolicy::AllowPromptDrift).stream()).await;
    assert_eq!((texts(&pieces), kept.unwrap().drift().is_some()), (vec!["re: hi"], true));
    let (pieces, forked) = read(asked(&run, "a", "ho").replay(ReplayPolicy::ForkOnDrift).stream()).await;
    assert_eq!(texts(&pieces), ["re: ho"]);
    assert_ne!(forked.unwrap().run().id(), "r");
}

/// A second caller of the same step sees no pieces, and then the answer.
#[tokio::test]
async fn a_second_stream_of_a_step_under_way_waits_for_the_answer() {
    let world = world();
    let model = ScriptedModel::text("hello world").streaming(4);
    let process = world.asking(&model);
    let run = process.run("r").await;
    slowly(&world, &process, "model.ask.before", Duration::from_secs(2));
    let first = asking(&world, asked(&run, "a", "hi")).await;
    let (pieces, reply) = world.pass_time(read(asked(&run, "a", "hi").stream())).await;
    assert_eq!((texts(&pieces), reply.unwrap().is_replayed()), (vec!["hello world"], true));
    assert_eq!((first.await.unwrap().unwrap().into_output().as_str(), model.calls()), ("hello world", 1));
}

#[tokio::test]
async fn a_dropped_stream_detaches() {
    for items in 0..4 {
        for polls in [0, 1, 3, POLLS] {
            let world = world();
            let model = ScriptedModel::text("hello world").streaming(4);
            let process = world.asking(&model);
            let run = process.run("r").await;
            let mut stream = asked(&run, "a", "hi").stream();
            for _ in 0..items {
                stream.try_next().await.unwrap();
            }
            crate::dropped::poll_and_drop(stream.try_next(), polls).await;
            drop(stream);
            world.settle().await;
            let begun = items > 0 || polls > 0;
            let reply = ask(&run, "a", "hi").await.unwrap();
            assert_eq!((reply.is_replayed(), model.calls()), (begun, 1), "{items} items, {polls} polls");
            assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal"]);
            world.verify(&run).await;
        }
    }
}

#[tokio::test]
async fn an_adapter_is_told_whether_anybody_listens() {
    let world = world();
    let model = ScriptedModel::function(|_, cx| {
        let wanted: &Deltas = &cx.deltas;
        Ok(ModelAnswer::text(wanted.are_wanted().to_string()))
    });
    let process = world.asking(&model);
    let run = process.run("r").await;
    assert_eq!(ask(&run, "a", "hi").await.unwrap().output(), "false");
    let (_, reply) = read(asked(&run, "b", "hi").stream()).await;
    assert_eq!(reply.unwrap().output(), "true");
}

#[tokio::test]
async fn a_model_that_is_asked_again_begins_its_stream_anew() {
    let world = world();
    let answers =
        [ScriptedModel::text("no json").streaming(4), ScriptedModel::text(r#"{"message":"hi"}"#).streaming(8)];
    let process = world.asking(&ScriptedModel::sequence(answers));
    let run = process.run("r").await;
    let mut stream = asked(&run, "a", "hi").output::<Hello>().stream();
    let mut seen = Vec::new();
    while let Some(item) = stream.try_next().await.unwrap() {
        seen.push(match item {
            Streamed::Delta(Delta::Text(piece) | Delta::Reasoning(piece)) => piece,
            Streamed::Restarted => "--".to_owned(),
            Streamed::Reply(reply) => reply.into_output().message,
        });
    }
    assert_eq!(seen, ["no j", "son", "--", "{\"messag", "e\":\"hi\"}", "hi"]);
}
