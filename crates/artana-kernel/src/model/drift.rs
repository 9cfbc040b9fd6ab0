//! Names how an ask differs from the recorded one, in words where they are still there. Reads only.

use std::collections::BTreeSet;

use artana_core::{
    Seq,
    ask::Field,
    conversation,
    drift::{Drift, Words},
    event::ModelRequested,
    json as canonical,
    schema::demands,
};
use serde_json::Value;

use super::{
    perform::requested,
    prepare::Prepared,
    words::{message_json, read_message},
};
use crate::{Error, journal::Journal};

/// Compares the ask with the recorded one in the fields that are known to differ.
pub(crate) async fn name(prepared: &Prepared, fields: &BTreeSet<Field>) -> Result<Drift, Error> {
    let journal = prepared.journal();
    let place = journal.with_state(|state| {
        let (holder, at) = state.asked_place(prepared.step())?;
        Some((holder.clone(), at))
    });
    let Some((holder, at)) = place else {
        return Err(Error::Internal("a step that drifted is not recorded".into()));
    };
    let event = journal.event_of(&holder, at).await?;
    let Some(recorded) = requested(&event) else {
        return Err(Error::Internal("a model step's request is another event".into()));
    };
    let (mut before, mut after) = (Words::new(), Words::new());
    for field in fields {
        let told = match field {
            Field::Messages => messages(prepared, recorded).await?,
            other => (self::before(journal, recorded, *other).await?, Some(self::after(prepared, *other))),
        };
        before.extend(told.0.map(|value| (*field, value)));
        after.extend(told.1.map(|value| (*field, value)));
    }
    Ok(Drift::between(fields, &before, &after))
}

pub(super) async fn before(journal: &Journal, recorded: &ModelRequested, field: Field) -> Result<Option<Value>, Error> {
    let options = &recorded.options;
    let text = |text: Option<&'static str>| Ok(Some(text.map_or(Value::Null, Value::from)));
    let content = match field {
        Field::Model => return Ok(Some(recorded.model.as_str().into())),
        Field::ApiMode => return text(Some(options.api_mode.as_str())),
        Field::ReasoningEffort => return text(options.reasoning_effort.map(|effort| effort.as_str())),
        Field::Verbosity => return text(options.verbosity.map(|verbosity| verbosity.as_str())),
        Field::PreviousResponseId => options.previous_response_id,
        Field::Sampling => options.sampling,
        Field::InputItems => recorded.input_items,
        Field::Tools => recorded.tools,
        Field::OutputSchema => recorded.output_schema,
        _ => None,
    };
    let Some(content) = content else { return Ok(Some(Value::Null)) };
    let Some(bytes) = journal.read_content(&content, Seq::ZERO).await? else { return Ok(None) };
    if field == Field::PreviousResponseId {
        return Ok(Some(String::from_utf8_lossy(&bytes).into()));
    }
    Ok(canonical::parse(&bytes).ok())
}

fn after(prepared: &Prepared, field: Field) -> Value {
    let words = &prepared.words;
    let options = &words.options;
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    match field {
        Field::Model => words.model.as_str().into(),
        Field::ApiMode => options.api_mode.as_str().into(),
        Field::ReasoningEffort => text(options.reasoning_effort.map(|effort| effort.as_str())),
        Field::Verbosity => text(options.verbosity.map(|verbosity| verbosity.as_str())),
        Field::PreviousResponseId => text(options.previous_response_id.as_deref()),
        Field::Sampling => options.sampling.to_json().unwrap_or(Value::Null),
        Field::InputItems if words.input_items.is_empty() => Value::Null,
        Field::InputItems => Value::Array(words.input_items.clone()),
        Field::Tools => prepared.signatures.as_ref().map_or(Value::Null, |map| Value::Object((**map).clone())),
        Field::OutputSchema => words.schema.as_ref().map_or(Value::Null, |schema| demands(&schema.value)),
        _ => Value::Null,
    }
}

/// Two conversations as JSON. What both begin and end with is named by digests, so that only words that
/// may differ are read.
async fn messages(prepared: &Prepared, recorded: &ModelRequested) -> Result<(Option<Value>, Option<Value>), Error> {
    let journal = prepared.journal();
    let before = conversation_of(journal, recorded).await?;
    let asked = &prepared.messages;
    let same = |(a, b): &(&conversation::Message, &conversation::Message)| a.digest() == b.digest();
    let prefix = before.iter().zip(asked.iter()).take_while(same).count();
    let rest = (before[prefix..].iter().rev()).zip(asked[prefix..].iter().rev());
    let suffix = rest.take_while(same).count();
    let differs = |index: usize, len: usize| index >= prefix && index < len - suffix;
    let mut told = Vec::with_capacity(before.len());
    for (index, message) in before.iter().enumerate() {
        told.push(if differs(index, before.len()) {
            recorded_json(journal, message).await?
        } else {
            message.digest().to_string().into()
        });
    }
    let words = prepared.words.messages.iter().zip(asked.iter()).enumerate();
    let after = words.map(|(index, (words, encoded))| {
        let differs = differs(index, asked.len());
        if differs { message_json(words, encoded) } else { encoded.digest().to_string().into() }
    });
    Ok((Some(Value::Array(told)), Some(Value::Array(after.collect()))))
}

async fn recorded_json(journal: &Journal, message: &conversation::Message) -> Result<Value, Error> {
    Ok(match read_message(journal, message).await? {
        Some(words) => message_json(&words, message),
        None => Value::Null,
    })
}

/// Puts a recorded conversation together from the requests that added to it.
pub(crate) async fn conversation_of(
    journal: &Journal,
    asked: &ModelRequested,
) -> Result<Vec<conversation::Message>, Error> {
    let mut pieces = vec![asked.messages.clone()];
    let mut extends = asked.extends;
    while let Some(kept) = extends {
        let place = journal.with_state(|state| state.request_place(&kept.request));
        let Some((run, at)) = place else {
            return Err(Error::Internal("a conversation goes on from a request that is not there".into()));
        };
        let earlier = journal.event_of(&run, at).await?;
        let Some(earlier) = requested(&earlier) else {
            return Err(Error::Internal("a conversation goes on from another event than a request".into()));
        };
        let before = earlier.extends.map_or(0, |extends| extends.keep);
        let own = (kept.keep.saturating_sub(before) as usize).min(earlier.messages.len());
        pieces.push(earlier.messages[..own].to_vec());
        extends = earlier.extends;
    }
    Ok(pieces.into_iter().rev().flatten().collect())
}
