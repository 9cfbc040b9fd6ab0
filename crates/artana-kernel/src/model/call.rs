//! A model call as the caller sees it: the chain that asks. What comes back is a reply, or a stream.

use std::{
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use artana_core::{
    AskKind, IdError, StepKey,
    ask::{ApiMode, ReasoningEffort, Verbosity},
    decide::ReplayPolicy,
};
use artana_ports::{Message, Sampling};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    answer,
    ask::{Ask, Tools},
    output::{Dynamic, ModelOutput, OutputSchema, Text, Turns, Typed},
    prepare::Prepared,
    reply::{ModelReply, Told},
    stream::{Listener, ModelStream},
};
use crate::{Error, Run};

/// A model call, not yet made. Await it, or [stream](Self::stream) it.
///
/// # Cancellation
///
/// Dropping the future detaches: a call that has begun runs to its end, which is recorded.
#[derive(Debug)]
pub struct ModelCall<O = Text> {
    run: Run,
    step: Result<StepKey, IdError>,
    ask: Ask,
    problem: Option<String>,
    output: PhantomData<fn() -> O>,
}

/// Passes a setting on to the ask; [`Ask`] says what each means.
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*);)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(mut self $(, $arg: $type)*) -> Self {
            self.ask = self.ask.$name($($arg),*);
            self
        })*
    };
}

impl<O> ModelCall<O> {
    settings! {
        /// Adds a message of the user.
        prompt(text: impl Into<String>);
        /// Adds a message of the system.
        system(text: impl Into<String>);
        /// Adds a message.
        message(message: Message);
        /// Adds messages.
        messages(messages: impl IntoIterator<Item = Message>);
        /// Adds raw input items in the provider's own form; they follow the messages.
        input_items(items: impl IntoIterator<Item = Value>);
        /// Says which of the provider's interfaces is meant.
        api_mode(mode: ApiMode);
        /// Says how much the model should think.
        reasoning_effort(effort: ReasoningEffort);
        /// Says how much the model should say.
        verbosity(verbosity: Verbosity);
        /// Names the provider's answer the conversation goes on from.
        previous_response_id(id: impl Into<String>);
        /// Sets what steers the choice of words.
        sampling(sampling: Sampling);
        /// Sets the temperature.
        temperature(temperature: f64);
        /// Sets the most tokens of output.
        max_output_tokens(tokens: u64);
        /// Says what happens when the step is recorded with another ask; the kernel's own policy unless told.
        replay(policy: ReplayPolicy);
        /// Begins a new cycle if the step is recorded as failed; see [`Ask::retry_failed`].
        retry_failed();
        /// Sets how often the model is asked again after an invalid output; see [`Ask::retries`].
        retries(further: u32);
        /// Sets how often the model is asked again after a failure that may pass; see [`Ask::transient_retries`].
        transient_retries(further: u32);
        /// Sets how long one call may take; ten minutes unless told.
        timeout(timeout: Duration);
    }

    pub(crate) fn new(run: Run, step: Result<StepKey, IdError>, ask: Ask) -> Self {
        Self { run, step, ask, problem: None, output: PhantomData }
    }

    fn with_output<P>(self) -> ModelCall<P> {
        let Self { run, step, ask, problem, .. } = self;
        ModelCall { run, step, ask, problem, output: PhantomData }
    }

    /// Shows the model these tools, as far as the tenant may use them. It may then ask for tools instead of
    /// answering.
    #[must_use]
    pub fn tools(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> ModelCall<Turns<O>> {
        self.ask.tools = Tools::Named(names.into_iter().map(Into::into).collect());
        self.with_output()
    }

    /// Shows the model all registered tools that the tenant may use. A tool that is registered later makes no
    /// difference to a step that is recorded.
    #[must_use]
    pub fn all_tools(mut self) -> ModelCall<Turns<O>> {
        self.ask.tools = Tools::All;
        self.with_output()
    }

    /// Checks what needs no ledger.
    pub(crate) fn prepare(self) -> Result<Prepared, Error> {
        if let (Some(problem), Ok(step)) = (&self.problem, &self.step) {
            let (run, step) = (self.run.name().clone(), step.clone());
            return Err(Error::InvalidAsk { run, step, problem: problem.clone() });
        }
        Prepared::new(self.run, self.step, Arc::new(self.ask))
    }
}

impl ModelCall<Text> {
    /// Wants a value of a type; the model is given its schema.
    #[must_use]
    pub fn output<T: DeserializeOwned + JsonSchema + Send + 'static>(mut self) -> ModelCall<Typed<T>> {
        self.ask.schema = Some(OutputSchema::of::<T>());
        self.with_output()
    }

    /// Wants JSON that matches a schema.
    #[must_use]
    pub fn output_schema(mut self, schema: Value) -> ModelCall<Dynamic> {
        match OutputSchema::dynamic(schema) {
            Ok(schema) => self.ask.schema = Some(schema),
            Err(problem) => self.problem = Some(format!("its output schema cannot be recorded: {problem}")),
        }
        self.with_output()
    }
}

impl ModelCall<Turns<Text>> {
    /// Wants a value of a type where the model does not ask for tools.
    #[must_use]
    pub fn output<T: DeserializeOwned + JsonSchema + Send + 'static>(mut self) -> ModelCall<Turns<Typed<T>>> {
        self.ask.schema = Some(OutputSchema::of::<T>());
        self.with_output()
    }
}

impl ModelCall<Turns<Text>> {
    /// Wants JSON that matches a schema where the model does not ask for tools.
    #[must_use]
    pub fn output_schema(self, schema: Value) -> ModelCall<Turns<Dynamic>> {
        self.with_output::<Text>().output_schema(schema).with_output()
    }
}

impl<O: ModelOutput> ModelCall<O> {
    /// Makes the call and gives the pieces of the answer as they arrive, then the recorded answer.
    pub fn stream(self) -> ModelStream<O> {
        ModelStream::new(self)
    }

    pub(crate) async fn make(self, listener: Listener) -> Result<ModelReply<O::Value>, Error> {
        let prepared = self.prepare()?;
        let (run, step) = (prepared.run.name().clone(), prepared.step().clone());
        let told: Told = answer::ask(prepared, &listener).await?;
        match O::read(&told.parts) {
            Ok(output) => Ok(ModelReply::new(output, told)),
            Err(problems) => Err(Error::Output { run, step, problem: problems.join("; ") }),
        }
    }
}

impl<O: ModelOutput> IntoFuture for ModelCall<O> {
    type Output = Result<ModelReply<O::Value>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { run, step, ask, problem, .. } = self;
        let key = match &step {
            Ok(key) => key.clone(),
            Err(unfit) => return run.refused(unfit.clone().into()),
        };
        run.asked(AskKind::Model, key, move |run| {
            let call =
                Self { run, step: step.clone(), ask: ask.clone(), problem: problem.clone(), output: PhantomData };
            call.make(Listener::default())
        })
    }
}
