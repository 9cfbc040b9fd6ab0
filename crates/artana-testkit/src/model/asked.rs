//! Whether two requests ask the same, and where they do not. Tools count by name, as a ledger has them.

use std::collections::{BTreeMap, BTreeSet};

use artana_core::{
    Digest,
    ask::Field,
    drift::{Drift, Words},
    json,
};
use artana_ports::{Media, Message, ModelRequest, Part, Source, ToolUse};
use serde_json::{Value, json};

/// Lists the fields in which two requests differ.
pub(crate) fn differing(recorded: &ModelRequest, asked: &ModelRequest) -> BTreeSet<Field> {
    let (a, b) = (&recorded.options, &asked.options);
    let fields = [
        (Field::Model, recorded.model != asked.model),
        (Field::Messages, recorded.messages != asked.messages),
        (Field::InputItems, !same(&items(recorded), &items(asked))),
        (Field::ApiMode, a.api_mode != b.api_mode),
        (Field::ReasoningEffort, a.reasoning_effort != b.reasoning_effort),
        (Field::Verbosity, a.verbosity != b.verbosity),
        (Field::PreviousResponseId, a.previous_response_id != b.previous_response_id),
        (Field::Sampling, !same(&sampling(recorded), &sampling(asked))),
        (Field::Tools, tools(recorded) != tools(asked)),
        (Field::OutputSchema, !same(&schema(recorded), &schema(asked))),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}

/// Names the places at which two requests differ. Its text holds fields and places, never words.
pub(crate) fn drift(recorded: &ModelRequest, asked: &ModelRequest) -> Drift {
    Drift::between(&differing(recorded, asked), &words(recorded), &words(asked))
}

fn words(request: &ModelRequest) -> Words {
    let options = &request.options;
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    BTreeMap::from([
        (Field::Model, request.model.as_str().into()),
        (Field::Messages, request.messages.iter().map(message).collect()),
        (Field::InputItems, items(request)),
        (Field::ApiMode, options.api_mode.as_str().into()),
        (Field::ReasoningEffort, text(options.reasoning_effort.map(|effort| effort.as_str()))),
        (Field::Verbosity, text(options.verbosity.map(|verbosity| verbosity.as_str()))),
        (Field::PreviousResponseId, text(options.previous_response_id.as_deref())),
        (Field::Sampling, sampling(request)),
        (Field::Tools, tools(request).into_iter().collect()),
        (Field::OutputSchema, schema(request)),
    ])
}

/// Compares as the ledger does: by the canonical bytes, so that the order of keys makes no difference.
fn same(a: &Value, b: &Value) -> bool {
    match (json::to_canonical(a), json::to_canonical(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

fn items(request: &ModelRequest) -> Value {
    request.input_items.clone().into()
}

fn sampling(request: &ModelRequest) -> Value {
    request.options.sampling.to_json().unwrap_or(Value::Null)
}

fn tools(request: &ModelRequest) -> BTreeSet<&str> {
    request.tools.iter().map(|tool| tool.name.as_str()).collect()
}

fn schema(request: &ModelRequest) -> Value {
    request.output_schema.as_ref().map_or(Value::Null, artana_core::schema::demands)
}

fn message(message: &Message) -> Value {
    json!({ "parts": message.parts.iter().map(part).collect::<Value>(), "role": message.role.as_str() })
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "text": text, "type": "text" }),
        Part::Reasoning(text) => json!({ "text": text, "type": "reasoning" }),
        Part::Image(media) => json!({ "media_type": media.media_type, "source": source(media), "type": "image" }),
        Part::File { name, media } => {
            json!({ "media_type": media.media_type, "name": name, "source": source(media), "type": "file" })
        }
        Part::ToolCall(ToolUse { call_id, name, args }) => {
            json!({ "args": args, "call_id": call_id, "name": name, "type": "tool_call" })
        }
        Part::ToolResult { call_id, content } => {
            json!({ "call_id": call_id, "content": content, "type": "tool_result" })
        }
    }
}

/// Bytes are named by a digest; two of one digest are the same.
fn source(media: &Media) -> Value {
    match &media.source {
        Source::Url(url) => json!({ "url": url }),
        Source::Bytes(bytes) => json!({ "digest": Digest::of_schema(bytes).to_string(), "len": bytes.len() }),
    }
}
