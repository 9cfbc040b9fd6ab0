//! What a law of tools is tried with: a tool, its outside, and contexts to call it in.

use std::sync::Arc;

use artana_core::{Digest, EventId, RequestId, RunId, RunRef, StepKey, TenantId, Timestamp};
use artana_ports::{Probed, ToolContext, ToolError, ToolErrorKind, ToolOutput, ToolPort};
use serde_json::Value;

use super::{Bench, Manner, ToolFactory};
use crate::Breach;

/// What a law of tools is tried with.
#[derive(Debug)]
pub struct ToolTrial {
    pub(crate) tool: Arc<dyn ToolPort>,
    pub(crate) bench: Box<dyn Bench>,
    /// The same tool at another outside.
    pub(crate) twin: Arc<dyn ToolPort>,
}

impl ToolTrial {
    pub(crate) async fn of(factory: &dyn ToolFactory) -> Self {
        let (bench, twin) = (factory.bench().await, factory.bench().await.tool());
        Self { tool: bench.tool(), bench, twin }
    }

    /// Returns the first arguments that the tool takes.
    pub(crate) fn args(&self) -> Value {
        self.bench.args().into_iter().next().expect("a bench has arguments")
    }

    /// Calls the tool with its first arguments.
    pub(crate) async fn call(&self, key: &Key) -> Result<ToolOutput, ToolError> {
        self.tool.call(self.args(), key.context(1)).await
    }

    /// Calls the tool, which is to succeed.
    pub(crate) async fn done(&self, key: &Key) -> Result<ToolOutput, Breach> {
        self.call(key).await.map_err(|error| unexpected(&error))
    }

    /// Calls the tool while the outside behaves badly, and returns the kind of failure it tells of.
    pub(crate) async fn failed(&self, manner: Manner, key: &Key) -> Result<ToolErrorKind, Breach> {
        self.bench.next(manner);
        match self.call(key).await {
            Err(error) => Ok(error.kind),
            Ok(_) => Err(Breach::new(format!("a result came of {manner:?}"))),
        }
    }

    /// Asks what became of a key.
    pub(crate) async fn probe(&self, key: &Key) -> Result<Probed, ToolError> {
        self.tool.probe(self.args(), key.context(1)).await
    }
}

/// An idempotency key, and the step it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key(Digest);

impl Key {
    pub(crate) fn new(n: u8) -> Self {
        Self(Digest::from_bytes([n; 32]))
    }

    /// Returns the key as the outside gets it.
    pub(crate) fn text(self) -> String {
        self.0.to_string()
    }

    /// Makes the context of an attempt.
    pub(crate) fn context(self, attempt: u32) -> ToolContext {
        let tenant = TenantId::parse("conformance").expect("a fit name");
        let run = RunRef::new(tenant, RunId::parse("run").expect("a fit name"));
        let request = RequestId::from(EventId::v7(u64::from(attempt), [self.0.as_bytes()[0]; 10]));
        let step = StepKey::parse("step").expect("a fit key");
        let mut cx = ToolContext::new(run, step, request, self.0);
        (cx.attempt, cx.deadline) = (attempt, Timestamp::from_micros(i64::MAX));
        cx
    }
}

/// A failure no law asked for.
pub(crate) fn unexpected(error: &ToolError) -> Breach {
    Breach::new(format!("an unexpected failure, {:?}: {}", error.kind, error.message))
}

/// Reads a result as JSON.
pub(crate) fn json_of(output: &ToolOutput) -> Result<Value, Breach> {
    artana_core::json::parse(&output.result).map_err(|error| Breach::new(format!("the result is no JSON: {error}")))
}
