//! One model step as one call: run, key and ask in, one answer out. No state of its own.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{ask::Ask, call::ModelCall, output::Text, reply::ModelReply};
use crate::{Error, Run};

/// Asks a model in one step of a run, for code that would rather pass an [`Ask`] than write a chain.
///
/// # Example
///
/// ```
/// use artana_kernel::{Ask, Error, Run, SingleStepModelClient};
///
/// # #[derive(serde::Deserialize, schemars::JsonSchema)] struct Intent { question: String }
/// async fn intent(run: &Run) -> Result<Intent, Error> {
///     let ask = Ask::new("openai/gpt-5").prompt("What does the customer want?");
///     Ok(SingleStepModelClient.step::<Intent>(run, "intent", ask).await?.into_output())
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SingleStepModelClient;

impl SingleStepModelClient {
    /// Asks for a value of a type.
    ///
    /// # Errors
    ///
    /// As for [`ModelCall`].
    pub async fn step<T>(&self, run: &Run, key: &str, ask: Ask) -> Result<ModelReply<T>, Error>
    where
        T: DeserializeOwned + JsonSchema + Send + 'static,
    {
        self.call(run, key, ask).output::<T>().await
    }

    /// Asks for text.
    ///
    /// # Errors
    ///
    /// As for [`ModelCall`].
    pub async fn text(&self, run: &Run, key: &str, ask: Ask) -> Result<ModelReply<String>, Error> {
        self.call(run, key, ask).await
    }

    fn call(&self, run: &Run, key: &str, ask: Ask) -> ModelCall<Text> {
        run.step(key).ask(ask)
    }
}
