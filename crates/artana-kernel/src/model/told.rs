//! A recorded step in words: what was asked, field by field, and what came of it, in a form in which steps of any
//! two runs compare. Reads only, and judges nothing.

use artana_core::{
    ContentRef, Digest, Seq, StepKey,
    ask::Field,
    conversation,
    cycle::ToolCycle,
    drift::Words,
    event::{Answer, ModelRequested},
    json as canonical,
    model_cycle::ModelCycle,
};
use artana_ports::{Message, Part, Source};
use serde_json::{Value, json};

use super::{
    drift::{before, conversation_of},
    perform::requested,
    words::{message_json, read_message, read_parts},
};
use crate::{Error, Run, journal::Journal};

/// The parts of a model's ask.
const ASKED: [Field; 10] = [
    Field::Model,
    Field::Messages,
    Field::InputItems,
    Field::ApiMode,
    Field::ReasoningEffort,
    Field::Verbosity,
    Field::PreviousResponseId,
    Field::Sampling,
    Field::Tools,
    Field::OutputSchema,
];

/// A recorded step in words.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct StepWords {
    /// What was asked, field by field as JSON, `null` where nothing was; of a step that was asked several times,
    /// the last time. A field whose words were erased is absent. Bytes are named by their length and an unkeyed
    /// digest.
    pub asked: Words,
    /// What came of it: the answer or result, or what was said instead; `None` where nothing was, or it was erased.
    /// A text that is JSON is the value it stands for.
    pub told: Option<Value>,
}

impl Run {
    /// Reads a recorded step in words, the run's own or one that it shares.
    ///
    /// # Errors
    ///
    /// [`Error::NothingRecorded`] when there is no such step; [`Error::Store`], [`Error::Damaged`].
    pub async fn words(&self, step: impl AsRef<str>) -> Result<StepWords, Error> {
        let key = StepKey::parse(step)?;
        let (recorded, place) = self
            .latest(|state| {
                let place = state.asked_place(&key).map(|(run, at)| (run.clone(), at));
                (state.step(&key).cloned(), place)
            })
            .await?;
        let recorded = recorded.ok_or_else(|| Error::NothingRecorded { run: self.name().clone(), step: key })?;
        let journal = &*self.journal;
        match (&recorded, place) {
            (artana_core::Step::Model(step), Some((run, at))) => {
                let event = journal.event_of(&run, at).await?;
                let Some(asked) = requested(&event) else {
                    return Err(Error::Internal("a model step's request is another event".into()));
                };
                Ok(StepWords { asked: asked_of(journal, asked).await?, told: answered(journal, &step.cycle).await? })
            }
            (artana_core::Step::Tool(step), _) => {
                let mut asked = Words::new();
                let tool = &step.tool;
                let signature =
                    json!({ "name": tool.name, "schema_version": tool.schema_version, "version": tool.version });
                asked.insert(Field::Tool, signature);
                asked.extend(content(journal, &step.args).await?.map(|args| (Field::Args, args)));
                Ok(StepWords { asked, told: returned(journal, &step.cycle).await? })
            }
            _ => Ok(StepWords::default()),
        }
    }
}

async fn asked_of(journal: &Journal, asked: &ModelRequested) -> Result<Words, Error> {
    let mut words = Words::new();
    for field in ASKED {
        let told = match field {
            Field::Messages => Some(messages(journal, asked).await?),
            other => before(journal, asked, other).await?,
        };
        words.extend(told.map(|told| (field, told)));
    }
    Ok(words)
}

/// A message whose words were erased is `null`.
async fn messages(journal: &Journal, asked: &ModelRequested) -> Result<Value, Error> {
    let mut told = Vec::new();
    for message in conversation_of(journal, asked).await? {
        let words = read_message(journal, &message).await?;
        told.push(words.map_or(Value::Null, |words| message_json(&words, &unkeyed(&words, message))));
    }
    Ok(Value::Array(told))
}

/// Names bytes by a digest that does not depend on the run's key.
fn unkeyed(words: &Message, mut encoded: conversation::Message) -> conversation::Message {
    for (part, encoded) in words.parts.iter().zip(&mut encoded.parts) {
        if let Part::Image(media) | Part::File { media, .. } = part
            && let Source::Bytes(bytes) = &media.source
        {
            encoded.content.digest = Digest::of_schema(bytes);
        }
    }
    encoded
}

async fn answered(journal: &Journal, cycle: &ModelCycle) -> Result<Option<Value>, Error> {
    match cycle {
        ModelCycle::Completed(settled) => answer(journal, &settled.outcome).await,
        ModelCycle::Failed(settled) | ModelCycle::RetryDue(settled) => content(journal, &settled.outcome.error).await,
        ModelCycle::Absent | ModelCycle::Requested(_) | ModelCycle::Abandoned(_) => Ok(None),
    }
}

/// An answer of one text is that text; any other is the list of its parts.
async fn answer(journal: &Journal, answer: &Answer) -> Result<Option<Value>, Error> {
    let Some(parts) = read_parts(journal, &answer.message.parts).await? else { return Ok(None) };
    if let [Part::Text(text)] = &parts[..] {
        return Ok(Some(value(text.as_bytes())));
    }
    let message = Message { role: answer.message.role, parts };
    let encoded = unkeyed(&message, answer.message.clone());
    Ok(Some(message_json(&message, &encoded)["parts"].take()))
}

async fn returned(journal: &Journal, cycle: &ToolCycle) -> Result<Option<Value>, Error> {
    match cycle {
        ToolCycle::Succeeded(settled) => content(journal, &settled.outcome.result).await,
        ToolCycle::Failed(settled) => content(journal, &settled.outcome.error).await,
        ToolCycle::Unknown(_, doubt) => match &doubt.error {
            Some(error) => content(journal, error).await,
            None => Ok(None),
        },
        ToolCycle::Absent | ToolCycle::Requested(_) | ToolCycle::RetryDue(_) | ToolCycle::Reconciling(..) => Ok(None),
    }
}

async fn content(journal: &Journal, wanted: &ContentRef) -> Result<Option<Value>, Error> {
    Ok(journal.read_content(wanted, Seq::ZERO).await?.map(|bytes| value(&bytes)))
}

fn value(bytes: &[u8]) -> Value {
    canonical::parse(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into())
}
