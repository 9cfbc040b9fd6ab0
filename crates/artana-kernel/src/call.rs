//! A tool call as the caller sees it: the chain that asks, and the answer.

use std::{
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
};

use artana_core::{AskKind, IdError, RequestId, StepKey, decide::ToolChange, json};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Run, invoke, invoke::Invocation, perform::Done, reconcile::reconcile, run::Pending};

/// A tool call, not yet made. Await it.
///
/// # Cancellation
///
/// Dropping the future detaches: an effect that has begun runs to its outcome, which is recorded.
#[derive(Debug)]
pub struct ToolCall<O> {
    asked: Asked,
    output: PhantomData<fn() -> O>,
}

/// A reconciliation, not yet made. Await it.
///
/// # Cancellation
///
/// As for [`ToolCall`].
#[derive(Debug)]
pub struct ReconcileCall<O>(pub(crate) ToolCall<O>);

/// What a caller asked for, unchecked.
#[derive(Debug, Clone)]
struct Asked {
    run: Run,
    step: Result<StepKey, IdError>,
    tool: String,
    args: Result<Vec<u8>, String>,
    own_effect: bool,
}

impl<O> ToolCall<O> {
    /// Declares that a fork wants an effect of its own, whatever the runs it shares events with did under
    /// this key. The provider sees another idempotency key than theirs.
    #[must_use]
    pub fn own_effect(mut self) -> Self {
        self.asked.own_effect = true;
        self
    }

    pub(crate) fn typed(run: Run, step: Result<StepKey, IdError>, tool: &str, args: &impl Serialize) -> Self {
        let args = serde_json::to_value(args).map_err(|_| "they cannot be written as JSON".to_owned());
        let args = args.and_then(|args| json::to_canonical(&args).map_err(|error| error.to_string()));
        Self { asked: Asked { run, step, tool: tool.into(), args, own_effect: false }, output: PhantomData }
    }

    pub(crate) fn raw(run: Run, step: Result<StepKey, IdError>, tool: &str, args: Vec<u8>) -> Self {
        Self { asked: Asked { run, step, tool: tool.into(), args: Ok(args), own_effect: false }, output: PhantomData }
    }
}

impl Asked {
    /// Makes the call, for the run itself or for the workflow whose code asked.
    fn made<T, F, Fut>(self, make: F) -> Pending<T>
    where
        T: Send + 'static,
        F: Fn(Invocation) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let key = match &self.step {
            Ok(key) => key.clone(),
            Err(unfit) => return self.run.clone().refused(unfit.clone().into()),
        };
        self.run.clone().asked(AskKind::Tool, key, move |run| {
            let (asked, make) = (Self { run, ..self.clone() }, make.clone());
            async move {
                let invocation = asked.check().await?;
                let answer = make(invocation);
                answer.await
            }
        })
    }

    /// A tool that is not registered may have been called elsewhere, so the ledger is asked once more.
    async fn check(self) -> Result<Invocation, Error> {
        let step = self.step?;
        let own = self.own_effect;
        match Invocation::new(self.run.clone(), step.clone(), &self.tool, self.args.clone()) {
            Err(Error::UnknownTool { .. }) => {}
            other => return other.map(|invocation| invocation.own_effect(own)),
        }
        self.run.journal.shared.open()?;
        self.run.journal.refresh().await?;
        Invocation::new(self.run, step, &self.tool, self.args).map(|invocation| invocation.own_effect(own))
    }
}

impl<O: DeserializeOwned + Send + 'static> IntoFuture for ToolCall<O> {
    type Output = Result<ToolAnswer<O>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        self.asked.made(|invocation| async move {
            let done = invoke::call(&invocation).await?;
            ToolAnswer::read(&invocation, done)
        })
    }
}

impl<O: DeserializeOwned + Send + 'static> IntoFuture for ReconcileCall<O> {
    type Output = Result<ToolAnswer<O>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let asks = self.0.asked.run.is_asking() || self.0.asked.run.is_undoing();
        self.0.asked.made(move |invocation| async move {
            // In a workflow this is the call itself, whose doubts are not waited for but cleared.
            let done = if asks { reconciled(&invocation).await? } else { reconcile(&invocation).await? };
            ToolAnswer::read(&invocation, done)
        })
    }
}

/// Makes a call, and clears its doubt if it leaves one.
async fn reconciled(invocation: &Invocation) -> Result<Done, Error> {
    match invoke::call(invocation).await {
        Err(Error::ReconciliationRequired { .. }) => reconcile(invocation).await,
        other => other,
    }
}

/// A tool's recorded answer.
#[derive(Debug, Clone)]
pub struct ToolAnswer<O> {
    output: O,
    done: Done,
}

impl<O: DeserializeOwned> ToolAnswer<O> {
    fn read(invocation: &Invocation, done: Done) -> Result<Self, Error> {
        let output = json::parse(&done.result).map_err(|error| error.to_string());
        let output = output.and_then(|value| serde_json::from_value(value).map_err(|error| kind_of(&error)));
        match output {
            Ok(output) => Ok(Self { output, done }),
            Err(problem) => {
                let run = invocation.run.name().clone();
                Err(Error::Output { run, step: invocation.ask.step.clone(), problem })
            }
        }
    }
}

/// Says what serde disliked without its message, which may quote values.
fn kind_of(error: &serde_json::Error) -> String {
    format!("{:?} error", error.classify())
}

impl<O> ToolAnswer<O> {
    /// Borrows the result.
    #[must_use]
    pub fn output(&self) -> &O {
        &self.output
    }

    /// Gives up the result.
    #[must_use]
    pub fn into_output(self) -> O {
        self.output
    }

    /// Borrows the result's bytes exactly as the tool returned them.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.done.result
    }

    /// Returns whether the ledger answered.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.done.replayed
    }

    /// Returns how many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.done.attempts
    }

    /// Returns the request the answer belongs to.
    #[must_use]
    pub fn request(&self) -> RequestId {
        self.done.request
    }

    /// Returns how the tool has changed since the answer was recorded, if it has.
    #[must_use]
    pub fn tool_change(&self) -> Option<&ToolChange> {
        self.done.change.as_ref()
    }

    /// Returns the provider's own id of the effect, if the tool gave one.
    #[must_use]
    pub fn effect_id(&self) -> Option<&str> {
        self.done.effect_id.as_deref()
    }
}
