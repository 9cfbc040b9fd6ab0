//! Recorded model calls in words again: what was asked and what came of it. Reads only.

use std::sync::Arc;

use artana_core::{
    ContentRef, ParentLink, RequestId, RunRef, Seq, StepKey,
    ask::ApiMode,
    event::{Answer, Body, ModelFailure, ModelOutcome, ModelRequested},
    json,
};
use artana_ports::{Message, ModelAnswer, ModelError, ModelOptions, ModelRequest, Sampling, ToolDefinition};
use serde_json::Value;

use super::{
    drift::conversation_of,
    words::{read_message, read_parts},
};
use crate::{Error, Kernel, Run, journal::Journal};

/// One recorded call of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedCall {
    /// The step.
    pub step: StepKey,
    /// The request.
    pub request: RequestId,
    /// 1 for the first cycle of the step.
    pub cycle: u32,
    /// What was asked. Tools are known by name only, without their schemas.
    pub asked: ModelRequest,
    /// What came of it; `None` where nobody knows.
    pub outcome: Option<Result<ModelAnswer, ModelError>>,
}

impl Run {
    /// Reads all calls of models that the run itself made, in the order they were made, in words.
    ///
    /// # Errors
    ///
    /// [`Error::ContentErased`] where the words are gone; [`Error::Store`], [`Error::Damaged`].
    pub async fn model_calls(&self) -> Result<Vec<RecordedCall>, Error> {
        calls_to(self, self.latest(|state| state.head().seq).await?).await
    }

    /// Like [`Run::model_calls`], and before them those that the ancestors of a fork made before they were
    /// left, the eldest first: all that led here. A call that was under way where an ancestor was left has no
    /// outcome, for the fork never learnt it.
    ///
    /// # Errors
    ///
    /// As for [`Run::model_calls`].
    pub async fn model_history(&self) -> Result<Vec<RecordedCall>, Error> {
        let kernel = Kernel(Arc::clone(&self.journal.shared));
        let mut line = vec![(self.clone(), self.latest(|state| state.head().seq).await?)];
        let mut link = self.parent().cloned();
        while let Some(ParentLink { run, seq, .. }) = link {
            let journal = kernel.journal(&RunRef::new(self.name().tenant.clone(), run)).await?;
            journal.refresh().await?;
            link = journal.genesis.parent.clone();
            line.push((Self::new(journal, self.tenant.clone()), seq));
        }
        let mut calls = Vec::new();
        for (run, cut) in line.iter().rev() {
            calls.extend(calls_to(run, *cut).await?);
        }
        Ok(calls)
    }
}

/// Reads a run's own calls up to an event. What the fold knows reaches at least as far.
async fn calls_to(run: &Run, cut: Seq) -> Result<Vec<RecordedCall>, Error> {
    let mut calls: Vec<RecordedCall> = Vec::new();
    let mut events = run.events();
    while let Some(event) = events.try_next().await?.filter(|event| event.seq() <= cut) {
        let Some(step) = event.step() else { continue };
        match event.body() {
            Body::ModelRequested(asked) => {
                let (request, cycle) = (event.id().into(), asked.cycle);
                let asked = words_of(&run.journal, step, asked).await?;
                calls.push(RecordedCall { step: step.clone(), request, cycle, asked, outcome: None });
            }
            Body::ModelTerminal(ended) => {
                let outcome = outcome(&run.journal, step, &ended.outcome).await?;
                if let Some(call) = calls.iter_mut().rev().find(|call| call.request == ended.request) {
                    call.outcome = outcome;
                }
            }
            _ => {}
        }
    }
    Ok(calls)
}

async fn words_of(journal: &Journal, step: &StepKey, asked: &ModelRequested) -> Result<ModelRequest, Error> {
    let reader = Reader { journal, step };
    let mut messages = Vec::new();
    for message in conversation_of(journal, asked).await?.iter().chain(&asked.correction) {
        messages.push(reader.message(message).await?);
    }
    let items = match asked.input_items {
        Some(items) => reader.json(&items).await?,
        None => Value::Array(Vec::new()),
    };
    let tools = match asked.tools {
        Some(tools) => reader.json(&tools).await?,
        None => Value::Null,
    };
    let name =
        |name: &String| ToolDefinition { name: name.clone(), description: String::new(), args_schema: Value::Null };
    Ok(ModelRequest {
        model: asked.model.clone(),
        messages,
        input_items: items.as_array().cloned().unwrap_or_default(),
        options: reader.options(asked).await?,
        tools: tools.as_object().into_iter().flat_map(|tools| tools.keys()).map(name).collect(),
        output_schema: match asked.output_schema {
            Some(schema) => Some(reader.json(&schema).await?),
            None => None,
        },
    })
}

async fn outcome(
    journal: &Journal,
    step: &StepKey,
    ended: &ModelOutcome,
) -> Result<Option<Result<ModelAnswer, ModelError>>, Error> {
    let reader = Reader { journal, step };
    Ok(match ended {
        ModelOutcome::Completed(answer) => Some(Ok(reader.answer(answer).await?)),
        ModelOutcome::Failed(ModelFailure { answer: Some(answer), .. }) => Some(Ok(reader.answer(answer).await?)),
        ModelOutcome::Failed(failure) => Some(Err(reader.error(failure).await?)),
        ModelOutcome::Abandoned(_) => None,
    })
}

/// Reads what a step refers to, and says so where it was erased.
struct Reader<'a> {
    journal: &'a Journal,
    step: &'a StepKey,
}

impl Reader<'_> {
    fn erased(&self) -> Error {
        let run: RunRef = self.journal.run.clone();
        Error::ContentErased { run, step: self.step.clone() }
    }

    async fn bytes(&self, content: &ContentRef) -> Result<Vec<u8>, Error> {
        self.journal.read_content(content, Seq::ZERO).await?.ok_or_else(|| self.erased())
    }

    async fn text(&self, content: Option<&ContentRef>) -> Result<Option<String>, Error> {
        match content {
            Some(content) => Ok(Some(String::from_utf8_lossy(&self.bytes(content).await?).into_owned())),
            None => Ok(None),
        }
    }

    async fn json(&self, content: &ContentRef) -> Result<Value, Error> {
        let bytes = self.bytes(content).await?;
        json::parse(&bytes).map_err(|error| Error::Internal(format!("recorded JSON cannot be read: {error}")))
    }

    async fn message(&self, message: &artana_core::conversation::Message) -> Result<Message, Error> {
        read_message(self.journal, message).await?.ok_or_else(|| self.erased())
    }

    async fn options(&self, asked: &ModelRequested) -> Result<ModelOptions, Error> {
        let options = &asked.options;
        let sampling = match &options.sampling {
            Some(sampling) => sampling_of(&self.json(sampling).await?),
            None => Sampling::default(),
        };
        Ok(ModelOptions {
            api_mode: options.api_mode,
            reasoning_effort: options.reasoning_effort,
            verbosity: options.verbosity,
            previous_response_id: self.text(options.previous_response_id.as_ref()).await?,
            sampling,
        })
    }

    async fn answer(&self, answer: &Answer) -> Result<ModelAnswer, Error> {
        let parts = read_parts(self.journal, &answer.message.parts).await?.ok_or_else(|| self.erased())?;
        let items = match &answer.items {
            Some(items) => Some(self.bytes(items).await?),
            None => None,
        };
        let mode: ApiMode = answer.mode;
        let response_id = self.text(answer.response_id.as_ref()).await?;
        Ok(ModelAnswer { parts, usage: answer.usage, mode, response_id, finish: answer.finish, items })
    }

    async fn error(&self, failure: &ModelFailure) -> Result<ModelError, Error> {
        Ok(ModelError {
            category: failure.category,
            message: self.text(Some(&failure.error)).await?.unwrap_or_default(),
            status: failure.status,
            request_id: self.text(failure.provider_request.as_ref()).await?,
            retry_after: failure.retry_after_us.map(std::time::Duration::from_micros),
        })
    }
}

fn sampling_of(value: &Value) -> Sampling {
    let stop = value["stop"].as_array().into_iter().flatten();
    Sampling {
        temperature: value["temperature"].as_f64(),
        top_p: value["top_p"].as_f64(),
        max_output_tokens: value["max_output_tokens"].as_u64(),
        seed: value["seed"].as_u64(),
        stop: stop.filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}
