//! An ask in words: what a caller wants of a model, as plain data. Nothing here is checked or sent.

use std::{sync::Arc, time::Duration};

use artana_core::{
    ask::{ApiMode, ReasoningEffort, Verbosity},
    decide::{Replay, ReplayPolicy, RetryFailed},
};
use artana_ports::{Message, ModelOptions, Sampling};
use serde_json::Value;

use super::output::OutputSchema;

/// How long a model call may take unless told: models that reason take minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// What a caller wants of a model.
#[derive(Debug, Clone)]
pub struct Ask {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) input_items: Vec<Value>,
    pub(crate) options: ModelOptions,
    pub(crate) tools: Tools,
    pub(crate) schema: Option<Arc<OutputSchema>>,
    pub(crate) policy: Option<ReplayPolicy>,
    pub(crate) retry: RetryFailed,
    pub(crate) retries: u32,
    pub(crate) transient_retries: u32,
    pub(crate) timeout: Duration,
}

/// Which tools a model is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tools {
    None,
    /// All that are registered and that the tenant may use.
    All,
    /// Those of these that the tenant may use.
    Named(Vec<String>),
}

impl Ask {
    /// Asks a model, named as `provider/model`.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            messages: Vec::new(),
            input_items: Vec::new(),
            options: ModelOptions::default(),
            tools: Tools::None,
            schema: None,
            policy: None,
            retry: RetryFailed::No,
            retries: 1,
            transient_retries: 0,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Adds a message of the user.
    #[must_use]
    pub fn prompt(self, text: impl Into<String>) -> Self {
        self.message(Message::user(text))
    }

    /// Adds a message of the system.
    #[must_use]
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(Message::system(text))
    }

    /// Adds a message.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Adds messages.
    #[must_use]
    pub fn messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.messages.extend(messages);
        self
    }

    /// Adds raw input items in the provider's own form; they follow the messages.
    #[must_use]
    pub fn input_items(mut self, items: impl IntoIterator<Item = Value>) -> Self {
        self.input_items.extend(items);
        self
    }

    /// Says which of the provider's interfaces is meant.
    #[must_use]
    pub fn api_mode(mut self, mode: ApiMode) -> Self {
        self.options.api_mode = mode;
        self
    }

    /// Says how much the model should think.
    #[must_use]
    pub fn reasoning_effort(mut self, effort: ReasoningEffort) -> Self {
        self.options.reasoning_effort = Some(effort);
        self
    }

    /// Says how much the model should say.
    #[must_use]
    pub fn verbosity(mut self, verbosity: Verbosity) -> Self {
        self.options.verbosity = Some(verbosity);
        self
    }

    /// Names the provider's answer the conversation goes on from.
    #[must_use]
    pub fn previous_response_id(mut self, id: impl Into<String>) -> Self {
        self.options.previous_response_id = Some(id.into());
        self
    }

    /// Sets what steers the choice of words.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.options.sampling = sampling;
        self
    }

    /// Sets the temperature.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.options.sampling.temperature = Some(temperature);
        self
    }

    /// Sets the most tokens of output.
    #[must_use]
    pub fn max_output_tokens(mut self, tokens: u64) -> Self {
        self.options.sampling.max_output_tokens = Some(tokens);
        self
    }

    /// Says what happens when the step is recorded with another ask; the kernel's own policy unless told.
    #[must_use]
    pub fn replay(mut self, policy: ReplayPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Begins a new cycle if the step is recorded as failed. The failed one stays recorded.
    #[must_use]
    pub fn retry_failed(mut self) -> Self {
        self.retry = RetryFailed::Yes;
        self
    }

    /// Sets how often the model is asked again, with what was wrong, when its output is not what was asked
    /// for; once unless told. Each time is recorded and charged.
    #[must_use]
    pub fn retries(mut self, further: u32) -> Self {
        self.retries = further;
        self
    }

    /// Sets how often the model is asked again after a failure that may pass: a timeout, a rate limit, a
    /// failing provider, a broken network. Never unless told. Each time is recorded, and the provider may charge.
    #[must_use]
    pub fn transient_retries(mut self, further: u32) -> Self {
        self.transient_retries = further;
        self
    }

    /// Sets how long one call may take; ten minutes unless told.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn replay_or(&self, policy: ReplayPolicy) -> Replay {
        Replay { policy: self.policy.unwrap_or(policy), retry: self.retry }
    }
}
