//! Tests of `#[tool]` and `#[tools]`: what is declared, what tools are given, and what steps make of them.
//! What must not compile stands in `tests/ui`.

mod bundles;
mod called;
mod declared;
mod given;
mod refusals;

use std::sync::Arc;

use artana::{
    IntoTool, Run, States, Tenant, ToolContext,
    core::{Digest, RequestId, RunId, RunRef, StepKey},
    ports::{ToolPort, ToolSpec},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Order {
    /// What is to be paid.
    cents: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Receipt {
    charge: String,
}

const ORDER: Order = Order { cents: 1200 };

fn spec(tool: impl IntoTool) -> ToolSpec {
    port(tool).spec().clone()
}

fn port(tool: impl IntoTool) -> Arc<dyn ToolPort> {
    tool.into_tool(&States::new()).expect("a tool that asks for no state")
}

fn shop() -> Tenant {
    Tenant::new("shop")
}

async fn run(kernel: &artana::Kernel) -> Run {
    kernel.run(&shop(), "order-7").await.expect("the run opens")
}

/// A context as the kernel would make it.
fn context() -> ToolContext {
    let run = RunRef::new(shop().id().expect("a fit tenant").clone(), RunId::parse("order-7").expect("a fit id"));
    let request = RequestId::parse("00000000-0000-7000-8000-000000000000").expect("an id");
    ToolContext::new(run, StepKey::parse("a").expect("a fit key"), request, Digest::of_schema(b"{}"))
}
