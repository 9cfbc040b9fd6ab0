//! Hello: one durable tool step. Run it twice: the second time the ledger answers.

use std::{error::Error, path::Path, time::Duration};

use artana::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Charge {
    card: String,
    cents: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    hello("hello.db".as_ref()).await.map(|line| println!("{line}"))
}

pub(crate) async fn hello(ledger: &Path) -> Result<String, Box<dyn Error>> {
    // A real tool sends the key to its payment provider, which charges once for a key.
    let charge = tool("charge").idempotent(Duration::from_secs(24 * 60 * 60)).handler(
        |args: Charge, cx: ToolContext| async move {
            println!("charging {} cents to {}, key {}", args.cents, args.card, cx.idempotency_key());
            Ok(format!("receipt for {} cents", args.cents))
        },
    );
    let kernel = Kernel::builder(SqliteStore::open(ledger).await?).tool(charge.clone()).build()?;
    let run = kernel.run(&Tenant::new("demo"), "order-7").await?;

    let args = Charge { card: "tok_visa".into(), cents: 1200 };
    let receipt = run.step("charge").tool(&charge, &args).await?;
    let line = format!("{} (from the ledger: {})", receipt.output(), receipt.is_replayed());
    kernel.close().await?;
    Ok(line)
}
