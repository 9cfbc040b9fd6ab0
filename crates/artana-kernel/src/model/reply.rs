//! What a model step gives its caller: the output, and what is recorded of how it came about.

use artana_core::{
    RequestId,
    drift::Drift,
    event::{Answer, Cost, FinishReason, Usage},
};
use artana_ports::{Message, Part, Role, ToolUse};

use super::output;
use crate::Run;

/// An answer on its way to the caller.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) run: Run,
    pub(crate) answer: Answer,
    pub(crate) parts: Vec<Part>,
    pub(crate) response_id: Option<String>,
    pub(crate) request: RequestId,
    pub(crate) cycles: u32,
    pub(crate) replayed: bool,
    pub(crate) drift: Option<Drift>,
    pub(crate) items: Option<Vec<u8>>,
}

/// What a model does with a turn in which it may ask for tools.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a model answers or asks for tools")]
pub enum Turn<T> {
    /// It answers.
    Output(T),
    /// It asks for tools. Nothing of the calls was checked.
    Calls {
        /// What it says besides.
        text: Option<String>,
        /// The calls, in its order.
        calls: Vec<ToolUse>,
    },
}

/// A model's recorded answer.
#[derive(Clone)]
pub struct ModelReply<T> {
    output: T,
    told: Told,
}

/// Says what was recorded of it, not what was said.
impl<T> std::fmt::Debug for ModelReply<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelReply")
            .field("run", self.told.run.name())
            .field("request", &self.told.request)
            .field("cycles", &self.told.cycles)
            .field("replayed", &self.told.replayed)
            .field("drift", &self.told.drift)
            .finish_non_exhaustive()
    }
}

impl<T> ModelReply<T> {
    pub(crate) fn new(output: T, told: Told) -> Self {
        Self { output, told }
    }

    /// Borrows the output.
    #[must_use]
    pub fn output(&self) -> &T {
        &self.output
    }

    /// Returns the output.
    #[must_use]
    pub fn into_output(self) -> T {
        self.output
    }

    /// Returns all text of the answer; empty where there is none.
    #[must_use]
    pub fn text(&self) -> String {
        output::text(&self.told.parts).unwrap_or_default()
    }

    /// Returns the answer as a message, to go on with the conversation.
    #[must_use]
    pub fn message(&self) -> Message {
        Message::new(Role::Assistant, self.told.parts.iter().cloned())
    }

    /// Returns the tools the answer asks for.
    #[must_use]
    pub fn tool_calls(&self) -> Vec<ToolUse> {
        output::calls(&self.told.parts)
    }

    /// Borrows the run that holds the answer: the run that was asked, or its fork.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.told.run
    }

    /// Returns how the ask differs from the one that was recorded, where it does.
    #[must_use]
    pub fn drift(&self) -> Option<&Drift> {
        self.told.drift.as_ref()
    }

    /// Returns whether the answer came from the ledger.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.told.replayed
    }

    /// Returns the tokens of the answer; those of earlier cycles stand in the ledger.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.told.answer.usage
    }

    /// Returns what the answer cost; `None` where no price is known.
    #[must_use]
    pub fn cost(&self) -> Option<Cost> {
        self.told.answer.cost
    }

    /// Returns why the model stopped.
    #[must_use]
    pub fn finish_reason(&self) -> FinishReason {
        self.told.answer.finish
    }

    /// Borrows the provider's id of the answer.
    #[must_use]
    pub fn response_id(&self) -> Option<&str> {
        self.told.response_id.as_deref()
    }

    /// Borrows the provider's own output items, a JSON list byte for byte, where it gives them for a next request.
    #[must_use]
    pub fn items(&self) -> Option<&[u8]> {
        self.told.items.as_deref()
    }

    /// Returns the request that was answered.
    #[must_use]
    pub fn request(&self) -> RequestId {
        self.told.request
    }

    /// Returns how often the model was asked in this step.
    #[must_use]
    pub fn cycles(&self) -> u32 {
        self.told.cycles
    }
}
