//! Payloads of the model cycle: asked, answered, answered although the ask differed. Structure only, never words.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    ContentRef, Digest, IncarnationId, ModelId, Ordinal, RequestId, Usd,
    ask::{ApiMode, Field, ReasoningEffort, Verbosity},
    conversation::Message,
};

/// A model is about to be asked. Every cycle of a step has a request of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRequested {
    /// The root of the conversation as the caller asked it.
    pub asked_root: Digest,
    /// What is sent after the caller's messages, to have an invalid answer corrected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub correction: Vec<Message>,
    /// 1 for the first cycle of the step.
    pub cycle: u32,
    /// The earlier conversation this one goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<Extends>,
    /// Whose heartbeat says whether the request is still being made.
    pub incarnation: IncarnationId,
    /// Raw input items that follow the messages, as a JSON list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_items: Option<ContentRef>,
    /// The messages that follow those it keeps of the earlier conversation.
    pub messages: Vec<Message>,
    /// The model.
    pub model: ModelId,
    /// How the model is asked.
    #[serde(default, skip_serializing_if = "AskedOptions::is_default")]
    pub options: AskedOptions,
    /// At which place of a workflow it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<Ordinal>,
    /// JSON Schema of the output, in canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<ContentRef>,
    /// How long the call may take, in microseconds.
    pub timeout_us: u64,
    /// The signatures of the visible tools, as a JSON object by tool name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ContentRef>,
    /// Which tools the tenant may see and which not, and why, as a JSON object by tool name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<ContentRef>,
}

/// Where a conversation goes on from an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extends {
    /// How many leading messages are kept.
    pub keep: u32,
    /// The request that added the last message that is kept.
    pub request: RequestId,
}

/// How a model is asked, besides what it is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedOptions {
    /// Which of a provider's interfaces is meant.
    #[serde(default, skip_serializing_if = "ApiMode::is_auto")]
    pub api_mode: ApiMode,
    /// The provider's id of the answer the conversation goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_response_id: Option<ContentRef>,
    /// How much the model should think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Temperature and what else steers the choice of words, as a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<ContentRef>,
    /// How much the model should say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<Verbosity>,
}

impl AskedOptions {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A cycle of a model step is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelTerminal {
    /// How long the call took, in microseconds; 0 where nobody saw it.
    pub elapsed_us: u64,
    /// What came of it.
    pub outcome: ModelOutcome,
    /// The request.
    pub request: RequestId,
}

/// How a cycle of a model step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "nobody may forget one of the three ways a model call can end")]
pub enum ModelOutcome {
    /// The model answered.
    Completed(Answer),
    /// It gave no answer that can be used.
    Failed(ModelFailure),
    /// Nobody will learn what the model answered.
    Abandoned(Abandoned),
}

/// What a model answered, and what that cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What it cost; absent where no price is known, which is not the same as nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Why the model stopped.
    pub finish: FinishReason,
    /// The provider's own output items, byte for byte, as a JSON list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ContentRef>,
    /// The message, as the provider gave it: text, reasoning, and the tools it asks for.
    pub message: Message,
    /// Which of the provider's interfaces was used; `auto` where the adapter does not say.
    #[serde(default, skip_serializing_if = "ApiMode::is_auto")]
    pub mode: ApiMode,
    /// The provider's id of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_id: Option<ContentRef>,
    /// What was used.
    pub usage: Usage,
}

/// Tokens used by one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "these are the four counts that every provider reports")]
pub struct Usage {
    /// Tokens of the input that the provider had cached; part of `input`.
    pub cached: u64,
    /// Tokens of the input.
    pub input: u64,
    /// Tokens of the output.
    pub output: u64,
    /// Tokens of the output spent on reasoning; part of `output`.
    pub reasoning: u64,
}

/// What a call cost, and by which prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The amount, rounded up once.
    pub nanos: Usd,
    /// The digest of the price table it was computed with.
    pub table: Digest,
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// It had said what it had to say.
    #[default]
    Stop,
    /// It ran into the bound of its output.
    Length,
    /// It asks for tools.
    ToolCalls,
    /// The provider held back what it said.
    ContentFilter,
    /// Something else, or the provider does not say.
    Other,
}

/// A model call without an answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFailure {
    /// Whether another cycle is due: the failure is then not the step's end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// What was answered and paid for, where the answer is the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// What kind of failure it was.
    pub category: ModelCategory,
    /// What the provider said, or what is wrong with the answer.
    pub error: ContentRef,
    /// The provider's id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_request: Option<ContentRef>,
    /// How long the provider asked to wait, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_us: Option<u64>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// What kind of failure a model call was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelCategory {
    /// The deadline passed.
    Timeout,
    /// Somebody cancelled it.
    Cancelled,
    /// The provider's rate limit; it passes.
    RateLimited,
    /// The provider refused the request.
    #[serde(rename = "provider_4xx")]
    Provider4xx,
    /// The provider failed.
    #[serde(rename = "provider_5xx")]
    Provider5xx,
    /// The provider was not reached, or the connection broke.
    Network,
    /// The answer is not what was asked for.
    InvalidOutput,
    /// A policy refused it.
    Policy,
    /// The adapter failed.
    Internal,
}

impl ModelCategory {
    /// Returns the category as it is stored and printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::RateLimited => "rate_limited",
            Self::Provider4xx => "provider_4xx",
            Self::Provider5xx => "provider_5xx",
            Self::Network => "network",
            Self::InvalidOutput => "invalid_output",
            Self::Policy => "policy",
            Self::Internal => "internal",
        }
    }

    /// Returns whether the provider may have charged for a call that ended so and gave no answer.
    #[must_use]
    pub const fn may_be_charged(self) -> bool {
        matches!(self, Self::Timeout | Self::Cancelled | Self::Provider5xx | Self::Network | Self::Internal)
    }

    /// Returns whether the same call may work a little later.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Timeout | Self::RateLimited | Self::Provider5xx | Self::Network)
    }
}

/// Why nobody will learn what a model answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Abandoned {
    /// The process that asked is gone. The provider may have answered, and may charge for it.
    OwnerLost,
    /// The request never left its process.
    NotSent,
}

/// A recorded answer was given to an ask that differs from the recorded one. Once per distinct ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftReplayed {
    /// The fingerprint of the ask that differed.
    pub asked: Digest,
    /// What differed and where, as a JSON list.
    pub changes: ContentRef,
    /// What differed.
    pub fields: BTreeSet<Field>,
    /// The request whose answer was given.
    pub request: RequestId,
}
