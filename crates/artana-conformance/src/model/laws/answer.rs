//! Laws of answers: what the provider said is what the caller gets.

use artana_core::event::{FinishReason, Usage};
use artana_ports::{ModelAnswer, Part, ToolUse};

use crate::{
    Law,
    law::{Kept, ensure, ensure_eq, laws},
    model::{
        ModelTrial, Reply,
        trial::{text_of, unexpected},
    },
};

pub(super) const LAWS: &[Law<ModelTrial>] = laws! {
    "answer/text_is_exact": "The text of an answer arrives byte for byte, whatever characters it holds." => text;
    "answer/tool_calls_are_exact" [Tools]: "A tool call keeps its id, its name and its arguments byte for byte, sound or not." => call;
    "answer/tool_calls_keep_their_order" [Tools]: "Several tool calls of one answer keep their order." => order;
    "answer/text_beside_calls_stays" [Tools]: "What a model says beside its tool calls is part of the answer." => beside;
    "answer/reasoning_is_apart" [Reasoning]: "What a model thought is part of the answer, and not of its text." => reasoning;
    "answer/usage_is_told": "The tokens of input and output are those the provider counted." => usage;
    "answer/usage_in_detail" [UsageDetails]: "Cached tokens and those of reasoning are those the provider counted." => details;
    "answer/finish_is_told": "Why a model stopped is told apart: done, out of room, held back." => finish;
    "answer/finish_for_tools_is_told" [Tools]: "That a model stopped for its tools is told." => for_tools;
    "answer/id_is_kept" [ResponseIds]: "The provider's id of an answer is kept." => id;
};

const TEXTS: [&str; 6] = [
    " leading and trailing \n",
    "\r\n\ttabs, lines\r\nand \u{7f} controls \u{1}\n\n",
    "grüße, 日本語, עברית, 👩\u{200d}👩\u{200d}👧, e\u{301}",
    "\u{feff}a mark of order, a line\u{2028}and a paragraph\u{2029}",
    r#"{"json": "in \"quotes\"", "n": 1.50}"#,
    "data: [DONE]\n\nevent: error\n",
];

/// Returns what the provider's answer arrives as.
async fn told(t: &ModelTrial, answer: ModelAnswer) -> Result<ModelAnswer, crate::Breach> {
    t.script.does(Reply::answer(answer, []));
    t.said().await.map_err(|error| unexpected(&error))
}

pub(super) fn tool_call(call_id: &str, name: &str, args: &str) -> Part {
    Part::ToolCall(ToolUse { call_id: call_id.into(), name: name.into(), args: args.into() })
}

fn calling(parts: impl IntoIterator<Item = Part>) -> ModelAnswer {
    ModelAnswer { parts: parts.into_iter().collect(), finish: FinishReason::ToolCalls, ..ModelAnswer::default() }
}

fn calls(answer: &ModelAnswer) -> Vec<Part> {
    answer.parts.iter().filter(|part| matches!(part, Part::ToolCall(_))).cloned().collect()
}

async fn text(t: &ModelTrial) -> Kept {
    for text in TEXTS {
        let answer = told(t, ModelAnswer::text(text)).await?;
        ensure_eq!(text_of(&answer), text, "the text of an answer");
    }
    Ok(())
}

async fn call(t: &ModelTrial) -> Kept {
    let args = [r#"{"b": 1.0,  "a":"\u00e9é", "b":2}"#, r#"{"cut": [1, "#, "[]", r#"{"n":18446744073709551616}"#];
    for (n, args) in args.into_iter().enumerate() {
        let sent = tool_call(&format!("call_{n}-Ab:.9"), "look_up", args);
        let answer = told(t, calling([sent.clone()])).await?;
        ensure_eq!(calls(&answer), vec![sent], "a tool call");
    }
    Ok(())
}

async fn order(t: &ModelTrial) -> Kept {
    let sent: Vec<Part> = ["z", "a", "m"].map(|id| tool_call(id, "look_up", r#"{"n":1}"#)).into();
    let answer = told(t, calling(sent.clone())).await?;
    ensure_eq!(calls(&answer), sent, "three tool calls");
    Ok(())
}

async fn beside(t: &ModelTrial) -> Kept {
    let parts = [Part::Text("I look it up.".into()), tool_call("c1", "look_up", "{}")];
    let answer = told(t, calling(parts)).await?;
    ensure_eq!(text_of(&answer), "I look it up.", "the text beside a tool call");
    Ok(())
}

async fn reasoning(t: &ModelTrial) -> Kept {
    let parts = vec![Part::Reasoning("Paris, surely.".into()), Part::Text("It is Paris.".into())];
    let answer = told(t, ModelAnswer { parts, ..ModelAnswer::default() }).await?;
    ensure_eq!(text_of(&answer), "It is Paris.", "the text after some reasoning");
    let thought = answer.parts.contains(&Part::Reasoning("Paris, surely.".into()));
    ensure!(thought, "the reasoning is not in the answer: {:?}", answer.parts);
    Ok(())
}

async fn usage(t: &ModelTrial) -> Kept {
    for (input, output) in [(11, 5), (1_000_000, 1)] {
        let answer = told(t, ModelAnswer::text("fine").usage(input, output)).await?;
        ensure_eq!((answer.usage.input, answer.usage.output), (input, output), "tokens of input and output");
    }
    Ok(())
}

async fn details(t: &ModelTrial) -> Kept {
    let usage = Usage { cached: 7, input: 20, output: 9, reasoning: 4 };
    let answer = told(t, ModelAnswer { usage, ..ModelAnswer::text("fine") }).await?;
    ensure_eq!((answer.usage.cached, answer.usage.reasoning), (7, 4), "cached tokens and those of reasoning");
    Ok(())
}

async fn finish(t: &ModelTrial) -> Kept {
    for finish in [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter] {
        let answer = told(t, ModelAnswer { finish, ..ModelAnswer::text("fine") }).await?;
        ensure_eq!(answer.finish, finish, "why the model stopped");
    }
    Ok(())
}

async fn for_tools(t: &ModelTrial) -> Kept {
    let answer = told(t, calling([tool_call("c1", "look_up", "{}")])).await?;
    ensure_eq!(answer.finish, FinishReason::ToolCalls, "why the model stopped");
    Ok(())
}

async fn id(t: &ModelTrial) -> Kept {
    for id in ["resp_1", "resp_2"] {
        let answer = told(t, ModelAnswer { response_id: Some(id.into()), ..ModelAnswer::text("fine") }).await?;
        ensure_eq!(answer.response_id.as_deref(), Some(id), "the id of an answer");
    }
    Ok(())
}
