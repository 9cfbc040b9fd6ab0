//! The form of requests and answers on the wire, written and read.

use artana_core::{
    ModelId,
    event::{FinishReason, Usage},
};
use artana_ports::{
    Delta, Media, Message, ModelAnswer, ModelOptions, ModelRequest, Part, Role, Sampling, Source, ToolDefinition,
    ToolUse,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const ROLES: [Role; 5] = [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool];

pub(super) fn request(request: &ModelRequest) -> Value {
    let options = &request.options;
    let tool = |tool: &ToolDefinition| json!([tool.name, tool.description, tool.args_schema]);
    let message = |message: &Message| json!([message.role.as_str(), message.parts.iter().map(part).collect::<Value>()]);
    json!({
        "model": request.model.as_str(),
        "messages": request.messages.iter().map(message).collect::<Value>(),
        "items": request.input_items,
        "tools": request.tools.iter().map(tool).collect::<Value>(),
        "schema": request.output_schema,
        "mode": options.api_mode,
        "effort": options.reasoning_effort,
        "verbosity": options.verbosity,
        "previous": options.previous_response_id,
        "sampling": options.sampling.to_json(),
    })
}

pub(super) fn read_request(value: &Value) -> ModelRequest {
    let tool = |tool: &Value| ToolDefinition {
        name: text(&tool[0]),
        description: text(&tool[1]),
        args_schema: tool[2].clone(),
    };
    let message = |message: &Value| {
        let role = ROLES.into_iter().find(|role| message[0] == role.as_str()).expect("a role");
        Message::new(role, list(&message[1]).map(|part| read_part(part).expect("a part")))
    };
    let sampling = &value["sampling"];
    ModelRequest {
        model: ModelId::parse(text(&value["model"])).expect("a model"),
        messages: list(&value["messages"]).map(message).collect(),
        input_items: list(&value["items"]).cloned().collect(),
        options: ModelOptions {
            api_mode: read(&value["mode"]),
            reasoning_effort: read(&value["effort"]),
            verbosity: read(&value["verbosity"]),
            previous_response_id: read(&value["previous"]),
            sampling: Sampling {
                temperature: sampling["temperature"].as_f64(),
                top_p: sampling["top_p"].as_f64(),
                max_output_tokens: sampling["max_output_tokens"].as_u64(),
                seed: sampling["seed"].as_u64(),
                stop: list(&sampling["stop"]).map(text).collect(),
            },
        },
        tools: list(&value["tools"]).map(tool).collect(),
        output_schema: Some(value["schema"].clone()).filter(|schema| !schema.is_null()),
    }
}

pub(super) fn answer(answer: &ModelAnswer) -> Value {
    json!({
        "parts": answer.parts.iter().map(part).collect::<Value>(),
        "usage": answer.usage,
        "finish": answer.finish,
        "id": answer.response_id,
    })
}

pub(super) fn read_answer(value: &Value) -> Option<ModelAnswer> {
    Some(ModelAnswer {
        parts: value.get("parts")?.as_array()?.iter().map(read_part).collect::<Option<_>>()?,
        usage: try_read::<Usage>(&value["usage"])?,
        finish: try_read::<FinishReason>(&value["finish"])?,
        response_id: read(&value["id"]),
        ..ModelAnswer::default()
    })
}

pub(super) fn piece(piece: &Delta) -> Value {
    match piece {
        Delta::Text(text) => json!({ "text": text }),
        Delta::Reasoning(text) => json!({ "reasoning": text }),
    }
}

pub(super) fn read_piece(value: &Value) -> Option<Delta> {
    let text = value.get("text").and_then(Value::as_str).map(|text| Delta::Text(text.to_owned()));
    text.or_else(|| Some(Delta::Reasoning(value.get("reasoning")?.as_str()?.to_owned())))
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!(["text", text]),
        Part::Reasoning(text) => json!(["reasoning", text]),
        Part::ToolCall(call) => json!(["call", call.call_id, call.name, call.args]),
        Part::ToolResult { call_id, content } => json!(["result", call_id, content]),
        Part::Image(Media { media_type, source: Source::Bytes(bytes) }) => json!(["image", media_type, bytes]),
        other => panic!("no law sends {other:?}"),
    }
}

fn read_part(value: &Value) -> Option<Part> {
    let at = |n: usize| value.get(n).and_then(Value::as_str).map(str::to_owned);
    Some(match at(0)?.as_str() {
        "text" => Part::Text(at(1)?),
        "reasoning" => Part::Reasoning(at(1)?),
        "call" => Part::ToolCall(ToolUse { call_id: at(1)?, name: at(2)?, args: at(3)? }),
        "result" => Part::ToolResult { call_id: at(1)?, content: at(2)? },
        "image" => Part::Image(Media { media_type: at(1)?, source: Source::Bytes(read(value.get(2)?)) }),
        _ => return None,
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn try_read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

fn read<T: DeserializeOwned + Default>(value: &Value) -> T {
    try_read(value).unwrap_or_default()
}
