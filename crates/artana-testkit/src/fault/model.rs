//! A model between two points of every question.

use std::sync::Arc;

use artana_core::event::ModelCategory;
use artana_ports::{ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest};
use async_trait::async_trait;

use super::{Faults, Order};

/// Wraps a model so that it passes `model.ask.before` and `model.ask.after`.
#[derive(Debug, Clone)]
pub struct FaultModel {
    faults: Faults,
    inner: Arc<dyn ModelPort>,
}

impl FaultModel {
    /// Wraps a model.
    #[must_use]
    pub fn new(inner: Arc<dyn ModelPort>, faults: Faults) -> Self {
        Self { faults, inner }
    }
}

fn failed(message: &str) -> ModelError {
    ModelError::new(ModelCategory::Network, message)
}

#[async_trait]
impl ModelPort for FaultModel {
    async fn ask(&self, request: &ModelRequest, cx: &ModelContext) -> Result<ModelAnswer, ModelError> {
        if self.faults.pass("model.ask.before").await == Order::Fail {
            return Err(failed("the question did not reach the model"));
        }
        let answer = self.inner.ask(request, cx).await;
        match self.faults.pass("model.ask.after").await {
            Order::Fail => Err(failed("the reply was lost")),
            Order::GoOn | Order::Conflict => answer,
        }
    }
}
