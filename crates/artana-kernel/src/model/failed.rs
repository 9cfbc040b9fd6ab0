//! A model step that ended without an answer, as an error with what is recorded of it.

use std::time::Duration;

use artana_core::{ModelId, RequestId, RunRef, StepKey, event::ModelCategory};

/// A model step without an answer that can be used, as it is recorded.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "model {model} gave no answer to step {step} of run {run} after {cycles} cycle(s) ({}); ask again with `retry_failed`, or under a new step key",
    category.as_str()
)]
#[non_exhaustive]
pub struct ModelFailed {
    /// The run.
    pub run: RunRef,
    /// The step.
    pub step: StepKey,
    /// The model.
    pub model: ModelId,
    /// What kind of failure it was.
    pub category: ModelCategory,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// How long the provider asked to wait.
    pub retry_after: Option<Duration>,
    /// The provider's id of the request.
    pub provider_request: Option<String>,
    /// How many cycles were made.
    pub cycles: u32,
    /// The last request.
    pub request: RequestId,
    /// What the provider said, or what is wrong with the answer.
    pub message: String,
}

/// Says what its text says: the provider's words are for who asks for them.
impl std::fmt::Debug for ModelFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ModelFailed({self})")
    }
}
