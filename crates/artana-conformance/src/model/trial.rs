//! What a law of models is tried with: an adapter, and the script of the provider behind it.

use std::{sync::Arc, time::Duration};

use artana_core::{EventId, ModelId, RequestId, RunId, RunRef, StepKey, TenantId};
use artana_ports::{
    Delta, Deltas, Message, ModelAnswer, ModelContext, ModelError, ModelOptions, ModelPort, ModelRequest, Part,
};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Failure, ModelFactory, Reply, Scripted};
use crate::Breach;

/// What a law of models is tried with.
#[derive(Debug)]
pub struct ModelTrial {
    pub(crate) model: Arc<dyn ModelPort>,
    pub(crate) script: Scripted,
    pub(crate) models: [ModelId; 2],
    patience: u32,
}

type Said = Result<ModelAnswer, ModelError>;

impl ModelTrial {
    pub(crate) async fn of(factory: &dyn ModelFactory, patience: u32) -> Self {
        let script = Scripted::new();
        let model = factory.model(script.clone()).await;
        Self { model, script, models: factory.models(), patience }
    }

    /// Returns a request of one prompt and nothing else.
    pub(crate) fn prompt(&self, text: &str) -> ModelRequest {
        self.talk([Message::user(text)])
    }

    /// Returns a request of a conversation and nothing else.
    pub(crate) fn talk(&self, messages: impl IntoIterator<Item = Message>) -> ModelRequest {
        ModelRequest {
            model: self.models[0].clone(),
            messages: messages.into_iter().collect(),
            input_items: Vec::new(),
            options: ModelOptions::default(),
            tools: Vec::new(),
            output_schema: None,
        }
    }

    /// Asks while nobody listens.
    pub(crate) async fn ask(&self, request: &ModelRequest) -> Said {
        self.model.ask(request, &context()).await
    }

    /// Asks a simple question; what is said to it is the script's.
    pub(crate) async fn said(&self) -> Said {
        self.ask(&self.prompt("What is new?")).await
    }

    /// Asks a simple question while somebody listens, and returns the pieces too.
    pub(crate) async fn streamed(&self) -> (Said, Vec<Delta>) {
        let (cx, mut pieces) = listening();
        let said = self.model.ask(&self.prompt("What is new?"), &cx).await;
        drop(cx);
        (said, std::iter::from_fn(|| pieces.try_recv().ok()).collect())
    }

    /// Returns what a failure of the provider comes to.
    pub(crate) async fn failed(&self, failure: Failure) -> Result<ModelError, Breach> {
        let status = failure.status;
        self.script.does(Reply::Fail(failure));
        match self.said().await {
            Err(error) => Ok(error),
            Ok(_) => Err(Breach::new(format!("an answer came of the status {status}"))),
        }
    }

    /// Asks, and returns what reached the provider of it.
    pub(crate) async fn sent(&self, request: &ModelRequest) -> Result<ModelRequest, Breach> {
        self.ask(request).await.map_err(|error| unexpected(&error))?;
        self.script.received().pop().ok_or_else(|| Breach::new("nothing reached the provider"))
    }

    /// Looks again and again for what should come at once.
    pub(crate) async fn soon(&self, mut came: impl FnMut() -> bool) -> bool {
        for _ in 0..self.patience {
            if came() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        came()
    }
}

pub(crate) fn context() -> ModelContext {
    let tenant = TenantId::parse("conformance").expect("a fit name");
    let run = RunRef::new(tenant, RunId::parse("run").expect("a fit name"));
    let request = RequestId::from(EventId::v7(1, [7; 10]));
    ModelContext::new(run, StepKey::parse("step").expect("a fit key"), request)
}

pub(crate) fn listening() -> (ModelContext, UnboundedReceiver<Delta>) {
    let (deltas, pieces) = Deltas::channel();
    (ModelContext { deltas, ..context() }, pieces)
}

/// A failure no law asked for.
pub(crate) fn unexpected(error: &ModelError) -> Breach {
    Breach::new(format!("an unexpected failure, {}: {}", error.category.as_str(), error.message))
}

/// Returns all text of an answer.
pub(crate) fn text_of(answer: &ModelAnswer) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => Some(text.clone()),
        _ => None,
    };
    answer.parts.iter().filter_map(text).collect()
}

/// Returns all text of a stream.
pub(crate) fn streamed_text(pieces: &[Delta]) -> String {
    let text = |piece: &Delta| match piece {
        Delta::Text(text) => Some(text.clone()),
        Delta::Reasoning(_) => None,
    };
    pieces.iter().filter_map(text).collect()
}
