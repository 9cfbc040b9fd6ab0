//! Hello: one durable model step with a typed answer. Run it twice: the second time the ledger answers.

use std::{error::Error, path::Path};

use artana::prelude::*;
use artana_testkit::ScriptedModel;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Hello {
    message: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    hello("hello.db".as_ref()).await.map(|line| println!("{line}"))
}

pub(crate) async fn hello(ledger: &Path) -> Result<String, Box<dyn Error>> {
    // A model with one answer, which needs no key and no network. The adapter of a provider takes its place.
    let model = ScriptedModel::json(json!({"message": "Hello from Artana"}));
    let kernel = Kernel::builder(SqliteStore::open(ledger).await?).model(model.clone()).build()?;
    let run = kernel.run(&Tenant::new("demo"), "hello").await?;

    let hello = run.step("greet").model("demo/one").prompt("Say hello").output::<Hello>().await?;
    let line = format!("{} (the model was asked {} time(s))", hello.output().message, model.calls());
    kernel.close().await?;
    Ok(line)
}
