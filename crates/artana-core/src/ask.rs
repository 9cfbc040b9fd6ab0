//! What a caller wants of a model step, and what makes two asks the same. Words are named by digests here;
//! nothing in this file reads, compares or stores them.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{Digest, Frame, ModelId, StepKey, event::AskedOptions, event::ModelRequested, tag};

/// Which of a provider's interfaces is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a provider has a stateful interface, a stateless one, or a default")]
pub enum ApiMode {
    /// The adapter chooses.
    #[default]
    Auto,
    /// The one that knows earlier answers by id.
    Responses,
    /// The one that takes the whole conversation.
    Chat,
}

/// How much a model should think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReasoningEffort {
    /// Not at all.
    None,
    /// As little as it can.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// As much as it can.
    #[serde(rename = "xhigh")]
    ExtraHigh,
}

/// How much a model should say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verbosity {
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

impl ApiMode {
    /// Returns the mode as it is stored and hashed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Responses => "responses",
            Self::Chat => "chat",
        }
    }

    pub(crate) fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

impl ReasoningEffort {
    /// Returns the effort as it is stored and hashed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::ExtraHigh => "xhigh",
        }
    }
}

impl Verbosity {
    /// Returns the verbosity as it is stored and hashed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A part of an ask that can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Field {
    /// The model.
    Model,
    /// What the model is told.
    Messages,
    /// Raw input items.
    InputItems,
    /// Which of the provider's interfaces is meant.
    ApiMode,
    /// How much the model should think.
    ReasoningEffort,
    /// How much the model should say.
    Verbosity,
    /// The answer the conversation goes on from.
    PreviousResponseId,
    /// Temperature and the like.
    Sampling,
    /// The visible tools and their signatures.
    Tools,
    /// What the output has to be.
    OutputSchema,
    /// Of a tool call: the tool.
    Tool,
    /// Of a tool call: the arguments.
    Args,
    /// What the step is: a model's or a tool's.
    Kind,
}

impl Field {
    /// Returns the field as it is stored and printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Messages => "messages",
            Self::InputItems => "input_items",
            Self::ApiMode => "api_mode",
            Self::ReasoningEffort => "reasoning_effort",
            Self::Verbosity => "verbosity",
            Self::PreviousResponseId => "previous_response_id",
            Self::Sampling => "sampling",
            Self::Tools => "tools",
            Self::OutputSchema => "output_schema",
            Self::Tool => "tool",
            Self::Args => "args",
            Self::Kind => "kind",
        }
    }

    /// Returns whether a recorded answer may stand although this differs: what was said and how it was
    /// asked may, who was asked and what was to come of it may not.
    #[must_use]
    pub const fn is_prompt(self) -> bool {
        matches!(
            self,
            Self::Messages
                | Self::InputItems
                | Self::ApiMode
                | Self::ReasoningEffort
                | Self::Verbosity
                | Self::PreviousResponseId
                | Self::Sampling
        )
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What makes two asks the same, kept by component so that drift can be named when the words are erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The model.
    pub model: ModelId,
    /// The root of the conversation as the caller asked it.
    pub asked_root: Digest,
    /// Raw input items.
    pub input_items: Option<Digest>,
    /// How the model is asked.
    pub options: AskedOptions,
    /// The signatures of the visible tools.
    pub tools: Option<Digest>,
    /// JSON Schema of the output.
    pub output_schema: Option<Digest>,
}

impl From<&ModelRequested> for Fingerprint {
    fn from(asked: &ModelRequested) -> Self {
        Self {
            model: asked.model.clone(),
            asked_root: asked.asked_root,
            input_items: asked.input_items.map(|items| items.digest),
            options: asked.options,
            tools: asked.tools.map(|tools| tools.digest),
            output_schema: asked.output_schema.map(|schema| schema.digest),
        }
    }
}

impl Fingerprint {
    /// Lists what differs from another ask.
    #[must_use]
    pub fn differs(&self, other: &Self) -> BTreeSet<Field> {
        let (a, b) = (&self.options, &other.options);
        let digest = |content: Option<crate::ContentRef>| content.map(|content| content.digest);
        let fields = [
            (Field::Model, self.model != other.model),
            (Field::Messages, self.asked_root != other.asked_root),
            (Field::InputItems, self.input_items != other.input_items),
            (Field::ApiMode, a.api_mode != b.api_mode),
            (Field::ReasoningEffort, a.reasoning_effort != b.reasoning_effort),
            (Field::Verbosity, a.verbosity != b.verbosity),
            (Field::PreviousResponseId, digest(a.previous_response_id) != digest(b.previous_response_id)),
            (Field::Sampling, digest(a.sampling) != digest(b.sampling)),
            (Field::Tools, self.tools != other.tools),
            (Field::OutputSchema, self.output_schema != other.output_schema),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }

    /// Returns the one digest that names the ask.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let options = &self.options;
        let frame = Frame::new("artana/1 ask")
            .field(tag::MODEL, self.model.as_str().as_bytes())
            .field(tag::ASKED_ROOT, self.asked_root.as_bytes())
            .maybe(tag::INPUT_ITEMS, self.input_items.as_ref().map(bytes))
            .field(tag::API_MODE, options.api_mode.as_str().as_bytes())
            .maybe(tag::REASONING_EFFORT, options.reasoning_effort.map(|effort| effort.as_str().as_bytes()))
            .maybe(tag::VERBOSITY, options.verbosity.map(|verbosity| verbosity.as_str().as_bytes()))
            .maybe(tag::PREVIOUS_RESPONSE, options.previous_response_id.as_ref().map(|id| bytes(&id.digest)))
            .maybe(tag::SAMPLING, options.sampling.as_ref().map(|sampling| bytes(&sampling.digest)))
            .maybe(tag::TOOLS, self.tools.as_ref().map(bytes))
            .maybe(tag::OUTPUT_SCHEMA, self.output_schema.as_ref().map(bytes));
        Digest::from_bytes(frame.hash())
    }
}

fn bytes(digest: &Digest) -> &[u8] {
    digest.as_bytes()
}

/// What a caller wants of a model step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAsk {
    /// The step's key.
    pub step: StepKey,
    /// What makes it the same ask as another.
    pub fingerprint: Fingerprint,
}
