//! A tool between two points of every call and every probe.

use std::sync::Arc;

use artana_ports::{ArgsError, Probed, ToolContext, ToolError, ToolOutput, ToolPort, ToolSpec};
use async_trait::async_trait;
use serde_json::Value;

use super::{Faults, Order};

/// Wraps a tool so that it passes `tool.call.before` and `tool.call.after`, and the same for `tool.probe`.
#[derive(Debug, Clone)]
pub struct FaultTool {
    faults: Faults,
    inner: Arc<dyn ToolPort>,
}

impl FaultTool {
    /// Wraps a tool.
    #[must_use]
    pub fn new(inner: Arc<dyn ToolPort>, faults: Faults) -> Self {
        Self { faults, inner }
    }
}

#[async_trait]
impl ToolPort for FaultTool {
    fn spec(&self) -> &ToolSpec {
        self.inner.spec()
    }

    fn check_args(&self, args: &Value) -> Result<(), ArgsError> {
        self.inner.check_args(args)
    }

    fn fits_result(&self, result: &Value) -> bool {
        self.inner.fits_result(result)
    }

    async fn call(&self, args: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        if self.faults.pass("tool.call.before").await == Order::Fail {
            return Err(ToolError::transient("the call did not reach the tool"));
        }
        let answer = self.inner.call(args, cx).await;
        match self.faults.pass("tool.call.after").await {
            Order::Fail => Err(ToolError::unknown("the reply was lost")),
            Order::GoOn | Order::Conflict => answer,
        }
    }

    async fn probe(&self, args: Value, cx: ToolContext) -> Result<Probed, ToolError> {
        if self.faults.pass("tool.probe.before").await == Order::Fail {
            return Err(ToolError::transient("the probe did not reach the tool"));
        }
        let answer = self.inner.probe(args, cx).await;
        match self.faults.pass("tool.probe.after").await {
            Order::Fail => Err(ToolError::unknown("the reply was lost")),
            Order::GoOn | Order::Conflict => answer,
        }
    }
}
