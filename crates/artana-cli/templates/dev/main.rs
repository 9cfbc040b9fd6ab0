//! An order: a model reads what a customer wrote, and a tool sends what was ordered.
//!
//! Run it twice. The second time the ledger answers: the model is not asked again, and nothing is
//! sent again.

use std::error::Error;

use artana::{ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest, prelude::*};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a customer wants.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Order {
    item: String,
    count: u32,
}

/// Sends what was ordered.
///
/// Whoever is called here sees the same key on every attempt, and does it once for a key.
#[tool(effect = "idempotent", retention = "24h")]
async fn send_order(order: Order, cx: ToolContext) -> ToolResult<String> {
    println!("  (the tool runs)");
    Ok(format!(
        "{} x {}, sent under key {:.8}...",
        order.count,
        order.item,
        cx.idempotency_key()
    ))
}

/// Stands where an adapter of a provider will stand. It needs no key and no network, and always
/// answers the same.
#[derive(Debug)]
struct LocalModel;

#[async_trait]
impl ModelPort for LocalModel {
    async fn ask(
        &self,
        _request: &ModelRequest,
        _cx: &ModelContext,
    ) -> Result<ModelAnswer, ModelError> {
        println!("  (the model is asked)");
        Ok(ModelAnswer::text(r#"{"item": "teapot", "count": 3}"#).usage(12, 9))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let kernel = Kernel::builder(SqliteStore::open("artana.db").await?)
        .model(LocalModel)
        .tool(send_order)
        .build()?;
    let run = kernel.run(&Tenant::new("default"), "order-1").await?;

    let read = run
        .step("read")
        .model("local/one")
        .prompt("Please send me three teapots.")
        .output::<Order>()
        .await?;
    println!("read: {:?}{}", read.output(), from(read.is_replayed()));

    let sent = run.step("send").tool(send_order, read.output()).await?;
    println!("sent: {}{}", sent.output(), from(sent.is_replayed()));

    run.finish().await?;
    println!("the ledger holds: {}", run.verify().await?.is_ok());
    kernel.close().await?;
    Ok(())
}

fn from(replayed: bool) -> &'static str {
    if replayed { "  [from the ledger]" } else { "" }
}
