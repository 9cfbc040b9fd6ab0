//! The model port: what a provider is asked and what it may answer. No provider's own types appear here.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use serde_json::Value;

/// A provider of model answers.
#[async_trait]
pub trait ModelPort: Debug + Send + Sync + 'static {
    /// Asks once. Retries and records are the kernel's.
    ///
    /// # Errors
    ///
    /// [`ModelError`].
    async fn ask(&self, request: &ModelRequest) -> Result<ModelAnswer, ModelError>;
}

/// One request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// `provider/model`.
    pub model: String,
    /// The conversation.
    pub messages: Vec<Message>,
    /// Provider options by the kernel's names.
    pub options: Value,
    /// Name, description and argument schema of each visible tool.
    pub tools: Vec<Value>,
    /// JSON Schema the output has to match.
    pub output_schema: Option<Value>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub parts: Vec<Part>,
}

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the ledger format closes this vocabulary")]
pub enum Role {
    /// The application, above everything.
    System,
    /// The application.
    Developer,
    /// A person.
    User,
    /// The model.
    Assistant,
    /// A tool.
    Tool,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Text.
    Text(String),
    /// A call the model asks for.
    ToolCall {
        /// The provider's id of the call.
        call_id: String,
        /// The tool's name as the model wrote it.
        name: String,
        /// The arguments as the model wrote them.
        args: String,
    },
    /// A tool's answer to a call.
    ToolResult {
        /// The id of the call.
        call_id: String,
        /// The answer.
        content: String,
    },
    /// What the model thought, as far as the provider shows it.
    Reasoning(String),
}

/// A provider's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelAnswer {
    /// What the model said and which tools it asks for.
    pub parts: Vec<Part>,
    /// What was used.
    pub usage: Usage,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// Why the model stopped, in the provider's word.
    pub finish_reason: Option<String>,
    /// The provider's bytes.
    pub raw: Vec<u8>,
}

/// Tokens used by one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the input.
    pub input: u64,
    /// Tokens of the output.
    pub output: u64,
    /// Tokens of the input that the provider had cached.
    pub cached: u64,
    /// Tokens of the output spent on reasoning.
    pub reasoning: u64,
}

/// A call that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelError {
    /// What kind of failure it was.
    pub failure: ModelFailure,
    /// The provider's words; kept in the vault, not in logs.
    pub message: String,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// How long the provider asked to wait.
    pub retry_after: Option<Duration>,
}

/// What kind of failure a model call was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelFailure {
    /// The deadline passed.
    Timeout,
    /// Somebody cancelled it.
    Cancelled,
    /// The provider's rate limit; passes.
    RateLimited,
    /// The provider refused the request.
    Provider4xx,
    /// The provider failed.
    Provider5xx,
    /// The provider was not reached.
    Network,
    /// The answer does not match the schema.
    InvalidOutput,
    /// A policy refused it.
    Policy,
    /// Something else.
    Internal,
}
