//! Scripted models say what they are told to, as slowly and as brokenly, and remember what they were asked.

use std::{sync::Arc, time::Duration};

use artana_core::{
    Tenant,
    event::{FinishReason, ModelCategory, Usage},
};
use artana_kernel::{Error, Kernel};
use artana_ports::{Clock, Delta, Deltas, ModelAnswer, ModelContext, ModelError, ModelPort, Part, ToolUse};
use artana_testkit::{MemoryStore, ScriptedModel, SimClock};
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::sampled::{context, request};

async fn ask(model: &ScriptedModel) -> Result<ModelAnswer, ModelError> {
    model.ask(&request(None), &context("s")).await
}

async fn text(model: &ScriptedModel) -> Result<String, ModelError> {
    Ok(match ask(model).await?.parts.as_slice() {
        [Part::Text(text)] => text.clone(),
        other => panic!("{other:?} is not one text"),
    })
}

fn listening() -> (ModelContext, UnboundedReceiver<Delta>) {
    let (deltas, pieces) = Deltas::channel();
    (ModelContext { deltas, ..context("s") }, pieces)
}

fn drained(pieces: &mut UnboundedReceiver<Delta>) -> Vec<Delta> {
    std::iter::from_fn(|| pieces.try_recv().ok()).collect()
}

fn deltas(texts: &[&str]) -> Vec<Delta> {
    texts.iter().map(|text| Delta::Text((*text).to_owned())).collect()
}

#[tokio::test]
async fn fixed_ones_repeat_and_a_function_sees_the_request() {
    let model = ScriptedModel::json(json!({"a": 1})).usage(7, 2);
    assert_eq!((text(&model).await.unwrap(), text(&model).await.unwrap()), (r#"{"a":1}"#.into(), r#"{"a":1}"#.into()));
    assert_eq!(ask(&model).await.unwrap().usage, Usage { input: 7, output: 2, ..Usage::default() });
    assert_eq!((model.calls(), model.asked()[2].messages.len()), (3, 1));
    let echo = ScriptedModel::function(|request, cx| {
        Ok(ModelAnswer::text(format!("{} in {}", request.model, cx.step)).usage(1, 1))
    });
    assert_eq!(text(&echo).await.unwrap(), "demo/one in s");
    assert_eq!(ask(&echo).await.unwrap().usage.input, 1);
    assert_eq!(ask(&echo.clone().usage(9, 9)).await.unwrap().usage.input, 9);
    assert_eq!(echo.calls(), 3, "clones share what was asked");
    assert_eq!(format!("{model:?}"), "ScriptedModel { calls: 3, .. }");
}

#[tokio::test]
async fn failures_come_as_they_were_given() {
    let error = ModelError::http(429, "slow down").retry_after(Duration::from_secs(3));
    let model = ScriptedModel::failing(error.clone());
    assert_eq!((ask(&model).await, ask(&model).await), (Err(error.clone()), Err(error)));
}

#[tokio::test]
async fn tool_calls_keep_their_order_and_name_the_step() {
    let model = ScriptedModel::tool_calls([("look", json!({"n": 1})), ("buy", json!([]))]);
    let answer = ask(&model).await.unwrap();
    let call = |call_id: &str, name: &str, args: &str| {
        Part::ToolCall(ToolUse { call_id: call_id.into(), name: name.into(), args: args.into() })
    };
    assert_eq!(answer.parts, [call("call_s", "look", r#"{"n":1}"#), call("call_s_2", "buy", "[]")]);
    assert_eq!(answer.finish, FinishReason::ToolCalls);
}

#[tokio::test]
async fn a_slow_one_waits_on_the_clock_it_was_given() {
    let clock = SimClock::new();
    let model = ScriptedModel::text("late").slow_by(Arc::new(clock.clone()), Duration::from_secs(40));
    let asked = tokio::spawn({
        let model = model.clone();
        async move { text(&model).await }
    });
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(39));
    tokio::task::yield_now().await;
    assert!(!asked.is_finished() && model.calls() == 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(asked.await.unwrap().unwrap(), "late");
}

#[tokio::test]
async fn streams_add_up_and_nobody_need_listen() {
    let model = ScriptedModel::function(|_, _| {
        let parts = vec![Part::Reasoning("hm".into()), Part::Text("grüße 👋🏽!".into())];
        Ok(ModelAnswer { parts, ..ModelAnswer::default() })
    });
    let model = model.streaming(4);
    let (cx, mut pieces) = listening();
    let answer = model.ask(&request(None), &cx).await.unwrap();
    let mut expected = vec![Delta::Reasoning("hm".into())];
    expected.extend(deltas(&["grüß", "e 👋🏽", "!"]));
    assert_eq!(drained(&mut pieces), expected);
    assert_eq!(ask(&model).await.unwrap(), answer);
    let (cx, mut pieces) = listening();
    ScriptedModel::text("whole").ask(&request(None), &cx).await.unwrap();
    assert_eq!(drained(&mut pieces), []);
}

#[tokio::test]
async fn a_cut_stream_loses_the_answer_whoever_listens() {
    for (cut, expected) in [(0, &[][..]), (2, &["on", "e "]), (9, &["on", "e ", "tw", "o"])] {
        let model = ScriptedModel::text("one two").streaming(2).cut_after(cut);
        let (cx, mut pieces) = listening();
        let error = model.ask(&request(None), &cx).await.unwrap_err();
        assert_eq!((error.category, drained(&mut pieces)), (ModelCategory::Network, deltas(expected)));
        assert_eq!(ask(&model).await.unwrap_err().category, ModelCategory::Network);
    }
    let whole = ScriptedModel::text("one").cut_after(1);
    assert_eq!(ask(&whole).await.unwrap_err().category, ModelCategory::Network);
}

#[tokio::test]
async fn one_that_hangs_falls_silent_until_it_is_given_up() {
    let model = ScriptedModel::text("one two").streaming(2).hang_after(2);
    let (cx, mut pieces) = listening();
    let asked = tokio::spawn({
        let model = model.clone();
        async move { model.ask(&request(None), &cx).await }
    });
    let arrived = [pieces.recv().await.unwrap(), pieces.recv().await.unwrap()];
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(!asked.is_finished() && pieces.is_empty());
    assert_eq!(arrived.as_slice(), deltas(&["on", "e "]));
    asked.abort();
    assert!(pieces.recv().await.is_none(), "whoever asked is gone, and the stream with it");
}

#[tokio::test]
async fn a_script_may_be_chosen_by_the_request() {
    let model = ScriptedModel::choosing(|_, cx| match cx.cycle {
        1 => ScriptedModel::failing(ModelError::http(500, "once")),
        _ => ScriptedModel::text("later").usage(2, 1),
    })
    .usage(9, 9);
    assert_eq!(ask(&model).await.unwrap_err().message, "once");
    let second = ModelContext { cycle: 2, ..context("s") };
    let answer = model.ask(&request(None), &second).await.unwrap();
    assert_eq!((answer.parts, answer.usage.input), (vec![Part::Text("later".into())], 2));
    assert_eq!(model.calls(), 2);
}

#[tokio::test]
async fn in_a_sequence_each_keeps_its_own_manner() {
    let clock = SimClock::new().auto_advance(true);
    let slow = |seconds| (Arc::new(clock.clone()) as Arc<dyn Clock>, Duration::from_secs(seconds));
    let first = ScriptedModel::text("first").streaming(3).usage(1, 1);
    let (by, long) = slow(7);
    let second = ScriptedModel::text("second").slow_by(by, long);
    let third = ScriptedModel::text("third").streaming(1).cut_after(2);
    let inner = ScriptedModel::sequence([second.clone(), third]);
    let (by, short) = slow(1);
    let model = ScriptedModel::sequence([first.clone(), inner]).usage(5, 5).streaming(4).slow_by(by, short);

    let (cx, mut pieces) = listening();
    let answer = model.ask(&request(None), &cx).await.unwrap();
    assert_eq!((drained(&mut pieces), answer.usage.input, clock.elapsed().as_secs()), (deltas(&["fir", "st"]), 1, 1));
    // The inner sequence is one entry of the outer: it answers once.
    let answer = model.ask(&request(None), &cx).await.unwrap();
    assert_eq!((drained(&mut pieces), answer.usage.input), (deltas(&["seco", "nd"]), 5));
    assert_eq!(clock.elapsed().as_secs(), 8);
    let ended = model.ask(&request(None), &cx).await.unwrap_err();
    assert_eq!((ended.category, ended.message.as_str()), (ModelCategory::Internal, "the script has ended"));
    assert_eq!((model.calls(), first.calls(), second.calls()), (3, 1, 1));
}

#[tokio::test]
async fn a_cut_stream_is_a_failure_of_the_step() {
    let model = ScriptedModel::sequence([
        ScriptedModel::text("never whole").streaming(4).cut_after(1),
        ScriptedModel::text("whole").streaming(4),
    ]);
    let kernel = Kernel::builder(MemoryStore::new()).model(model.clone()).build().unwrap();
    let run = kernel.run(&Tenant::new("t"), "r").await.unwrap();
    let call = || run.step("s").model("demo/one").prompt("hi");
    let Err(Error::ModelFailed(failed)) = call().await else { panic!("the stream was cut") };
    assert_eq!(failed.category, ModelCategory::Network);
    assert_eq!(call().retry_failed().await.unwrap().output(), "whole");
    assert_eq!(model.calls(), 2);
}
