//! The model port: what a provider is asked and what it may answer. No provider's own types appear here.

use std::{fmt, time::Duration};

use artana_core::{
    ModelId, RequestId, RunRef, StepKey, Timestamp,
    ask::{ApiMode, ReasoningEffort, Verbosity},
    event::{FinishReason, ModelCategory, Usage},
};
use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::{Cancellation, Message, Part};

/// A provider of model answers.
#[async_trait]
pub trait ModelPort: fmt::Debug + Send + Sync + 'static {
    /// Asks once. Retries, deadlines and records are the kernel's.
    ///
    /// An adapter that can stream passes what arrives to [`ModelContext::deltas`] and returns the whole all the same.
    ///
    /// # Cancellation
    ///
    /// The future is dropped when the deadline passes.
    ///
    /// # Errors
    ///
    /// [`ModelError`], whose category says what may be done about it.
    async fn ask(&self, request: &ModelRequest, cx: &ModelContext) -> Result<ModelAnswer, ModelError>;
}

/// One request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// The model, as `provider/model`.
    pub model: ModelId,
    /// The conversation.
    pub messages: Vec<Message>,
    /// Raw input items in the provider's own form, after the messages.
    pub input_items: Vec<Value>,
    /// How the model is asked.
    pub options: ModelOptions,
    /// The tools the model may ask for, by name.
    pub tools: Vec<ToolDefinition>,
    /// JSON Schema the output has to match.
    pub output_schema: Option<Value>,
}

/// A tool as a model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub args_schema: Value,
}

/// How a model is asked, besides what it is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelOptions {
    /// Which of the provider's interfaces is meant.
    pub api_mode: ApiMode,
    /// How much the model should think.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// How much the model should say.
    pub verbosity: Option<Verbosity>,
    /// The provider's id of the answer the conversation goes on from.
    pub previous_response_id: Option<String>,
    /// What steers the choice of words.
    pub sampling: Sampling,
}

/// What steers the choice of words. What is left out is the provider's default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// 0 for the likeliest words.
    pub temperature: Option<f64>,
    /// The share of the likeliest words to choose from, between 0 and 1.
    pub top_p: Option<f64>,
    /// The most tokens of output.
    pub max_output_tokens: Option<u64>,
    /// A seed, where the provider takes one.
    pub seed: Option<u64>,
    /// Texts that end the output.
    pub stop: Vec<String>,
}

impl Sampling {
    /// Writes what is set as a JSON object; `None` where nothing is. A number that is not finite is refused by
    /// whoever writes the object down.
    #[must_use]
    pub fn to_json(&self) -> Option<Value> {
        let mut object = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(name.into(), value);
            }
        };
        put("temperature", self.temperature.map(Value::from));
        put("top_p", self.top_p.map(Value::from));
        put("max_output_tokens", self.max_output_tokens.map(Value::from));
        put("seed", self.seed.map(Value::from));
        put("stop", (!self.stop.is_empty()).then(|| self.stop.clone().into()));
        (!object.is_empty()).then_some(Value::Object(object))
    }
}

/// What an adapter knows of the call it is in.
#[derive(Debug, Clone)]
pub struct ModelContext {
    /// The run.
    pub run: RunRef,
    /// The step.
    pub step: StepKey,
    /// The request this call carries out. A provider that takes an id of the caller's own may be given this one.
    pub request: RequestId,
    /// 1 for the first cycle of the step.
    pub cycle: u32,
    /// When the call is given up.
    pub deadline: Timestamp,
    /// Tells when somebody cancelled the run.
    pub cancellation: Cancellation,
    /// Where pieces of the answer go as they arrive.
    pub deltas: Deltas,
}

impl ModelContext {
    /// Makes the context of a call that nobody cancels or listens to.
    #[must_use]
    pub fn new(run: RunRef, step: StepKey, request: RequestId) -> Self {
        Self {
            run,
            step,
            request,
            cycle: 1,
            deadline: Timestamp::from_micros(i64::MAX),
            cancellation: Cancellation::never(),
            deltas: Deltas::none(),
        }
    }
}

/// A piece of an answer that is still arriving. Nothing of it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a model thinks or speaks")]
pub enum Delta {
    /// Text.
    Text(String),
    /// Reasoning, as far as the provider shows it.
    Reasoning(String),
}

/// Where pieces of an answer go. Nobody need be listening.
#[derive(Debug, Clone, Default)]
pub struct Deltas(Option<mpsc::UnboundedSender<Delta>>);

impl Deltas {
    /// Returns one that nobody listens to.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns one and the end at which the pieces arrive.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Delta>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(Some(sender)), receiver)
    }

    /// Returns whether somebody listens, so that streaming is worth its while.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        self.0.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// Passes on a piece.
    pub fn send(&self, delta: Delta) {
        if let Some(sender) = &self.0 {
            // Whoever listened may have gone; the answer is recorded all the same.
            let _ = sender.send(delta);
        }
    }
}

/// A provider's answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelAnswer {
    /// What the model said and which tools it asks for.
    pub parts: Vec<Part>,
    /// What was used.
    pub usage: Usage,
    /// Which of the provider's interfaces was used; `Auto` where the adapter does not say.
    pub mode: ApiMode,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// Why the model stopped.
    pub finish: FinishReason,
    /// The provider's own output items as a JSON list, byte for byte, where it gives them for a next request.
    pub items: Option<Vec<u8>>,
}

impl ModelAnswer {
    /// Returns an answer of one text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Text(text.into())], ..Self::default() }
    }

    /// Adds what was used.
    #[must_use]
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.usage = Usage { input, output, ..Usage::default() };
        self
    }
}

/// A call that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelError {
    /// What kind of failure it was.
    pub category: ModelCategory,
    /// The provider's words; kept in the vault, not in logs.
    pub message: String,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// How long the provider asked to wait.
    pub retry_after: Option<Duration>,
}

impl ModelError {
    /// Makes a failure of a category.
    pub fn new(category: ModelCategory, message: impl fmt::Display) -> Self {
        Self { category, message: message.to_string(), status: None, request_id: None, retry_after: None }
    }

    /// Makes the failure that an HTTP status stands for: 408 and 504 are timeouts, 429 is the rate limit, other
    /// 4xx and 5xx are the provider's.
    pub fn http(status: u16, message: impl fmt::Display) -> Self {
        let category = match status {
            408 | 504 => ModelCategory::Timeout,
            429 => ModelCategory::RateLimited,
            400..=499 => ModelCategory::Provider4xx,
            500..=599 => ModelCategory::Provider5xx,
            _ => ModelCategory::Internal,
        };
        Self { status: Some(status), ..Self::new(category, message) }
    }

    /// Adds how long the provider asked to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}
