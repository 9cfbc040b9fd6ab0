//! What tests of model steps start from: processes that ask a scripted model, and the shortest asks.

use std::{sync::Arc, time::Duration};

use artana_core::event::{Body, ModelOutcome, ModelRequested};
use artana_kernel::{Error, KernelBuilder, ModelCall, ModelReply, Run};
use artana_ports::{ModelAnswer, ModelRequest, Part};
use artana_testkit::{
    ScriptedModel,
    fault::{Action, FaultModel},
};
use tokio::task::JoinHandle;

use crate::world::{Process, World};

/// The model that is asked unless a test asks another.
pub(crate) const ONE: &str = "demo/one";

impl World {
    /// Starts a process that asks this model.
    pub(crate) fn asking(&self, model: &ScriptedModel) -> Process {
        self.asking_with(model, |builder| builder)
    }

    /// Like [`World::asking`], with more settings.
    pub(crate) fn asking_with(
        &self,
        model: &ScriptedModel,
        more: impl FnOnce(KernelBuilder) -> KernelBuilder,
    ) -> Process {
        self.process_with(|builder, faults| {
            more(builder.model(FaultModel::new(Arc::new(model.clone()), faults.clone())))
        })
    }

    /// Lists the model requests of a run, in order.
    pub(crate) async fn requests(&self, run: &Run) -> Vec<ModelRequested> {
        let events = self.events(run).await;
        let asked = events.iter().filter_map(|event| match event.body() {
            Body::ModelRequested(asked) => Some(asked.clone()),
            _ => None,
        });
        asked.collect()
    }

    /// Lists how the cycles of a run's model steps ended, in order; late outcomes are left out.
    pub(crate) async fn terminals(&self, run: &Run) -> Vec<ModelOutcome> {
        let events = self.events(run).await;
        let ended = events.iter().filter_map(|event| match event.body() {
            Body::ModelTerminal(ended) => Some(ended.outcome.clone()),
            _ => None,
        });
        ended.collect()
    }
}

/// A model that says what was said to it last.
pub(crate) fn echo() -> ScriptedModel {
    ScriptedModel::function(|request, _| Ok(ModelAnswer::text(format!("re: {}", last_text(request)))))
}

/// Returns the last text of a request.
pub(crate) fn last_text(request: &ModelRequest) -> String {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let mut texts = parts.filter_map(|part| match part {
        Part::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.next_back().unwrap_or_default()
}

/// Begins to ask [`ONE`].
pub(crate) fn asked(run: &Run, step: &str, prompt: &str) -> ModelCall {
    run.step(step).model(ONE).prompt(prompt)
}

/// Asks [`ONE`] for text.
pub(crate) async fn ask(run: &Run, step: &str, prompt: &str) -> Result<ModelReply<String>, Error> {
    asked(run, step, prompt).await
}

/// Asks in a task of its own, and lets it come as far as it can.
pub(crate) async fn asking(world: &World, call: ModelCall) -> JoinHandle<Result<ModelReply<String>, Error>> {
    let task = tokio::spawn(call.into_future());
    world.settle().await;
    task
}

/// Lets the next question of a process take so long, before or after the model has answered.
pub(crate) fn slowly(world: &World, process: &Process, point: &'static str, by: Duration) {
    process.faults.plan(point, Action::Delay(Arc::new(world.clock.clone()), by));
}
