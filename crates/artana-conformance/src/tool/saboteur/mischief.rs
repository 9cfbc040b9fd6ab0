//! What a saboteur may do: stand in for anything a tool does, or change what it declares. The rest goes through.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use artana_core::Digest;
use artana_ports::{ArgsError, Probed, ToolContext, ToolError, ToolOutput, ToolPort, ToolSpec};
use async_trait::async_trait;
use serde_json::Value;

use crate::tool::Bench;

/// Where a call happens: the honest tool behind it, and its bench.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) tool: &'a Arc<dyn ToolPort>,
    pub(super) bench: &'a dyn Bench,
}

pub(super) type Called = Result<ToolOutput, ToolError>;

/// What a saboteur remembers.
#[derive(Debug, Default)]
pub(super) struct Notes<T>(Mutex<T>);

impl<T> Notes<T> {
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes the context of the same call under another key.
pub(super) fn under_another_key(cx: &ToolContext) -> ToolContext {
    let another = Digest::of_schema(cx.idempotency_key().as_bytes());
    let mut other = ToolContext::new(cx.run.clone(), cx.step.clone(), cx.request, another);
    (other.attempt, other.deadline) = (cx.attempt, cx.deadline);
    other
}

/// Stands in for what a tool does.
#[async_trait]
pub(super) trait Mischief: fmt::Debug + Send + Sync + 'static {
    fn declares(&self, spec: &mut ToolSpec) {
        let _ = spec;
    }

    fn checks(&self, at: Scene<'_>, args: &Value) -> Result<(), ArgsError> {
        at.tool.check_args(args)
    }

    fn fits(&self, at: Scene<'_>, result: &Value) -> bool {
        at.tool.fits_result(result)
    }

    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        at.tool.call(args, cx).await
    }

    async fn probes(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Result<Probed, ToolError> {
        at.tool.probe(args, cx).await
    }

    /// Shows something in the tool's Debug output.
    fn shows(&self) -> String {
        String::new()
    }
}

/// A tool that a mischief stands in for.
pub(super) struct Saboteur {
    tool: Arc<dyn ToolPort>,
    bench: Arc<dyn Bench>,
    spec: ToolSpec,
    mischief: Arc<dyn Mischief>,
}

impl Saboteur {
    pub(super) fn new(bench: Arc<dyn Bench>, mischief: Arc<dyn Mischief>) -> Self {
        let tool = bench.tool();
        let mut spec = tool.spec().clone();
        mischief.declares(&mut spec);
        Self { tool, bench, spec, mischief }
    }

    fn scene(&self) -> Scene<'_> {
        Scene { tool: &self.tool, bench: &*self.bench }
    }
}

impl fmt::Debug for Saboteur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.tool, self.mischief.shows())
    }
}

#[async_trait]
impl ToolPort for Saboteur {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn check_args(&self, args: &Value) -> Result<(), ArgsError> {
        self.mischief.checks(self.scene(), args)
    }

    fn fits_result(&self, result: &Value) -> bool {
        self.mischief.fits(self.scene(), result)
    }

    async fn call(&self, args: Value, cx: ToolContext) -> Called {
        self.mischief.calls(self.scene(), args, cx).await
    }

    async fn probe(&self, args: Value, cx: ToolContext) -> Result<Probed, ToolError> {
        self.mischief.probes(self.scene(), args, cx).await
    }
}
