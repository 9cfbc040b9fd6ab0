//! Another store is another line, and nothing else of a program changes.

use std::time::Duration;

use artana::{KernelBuilder, prelude::*};
use artana_testkit::postgres::Database;

/// A program over a store that somebody else chose; what came of it.
async fn program(builder: KernelBuilder) -> Result<(String, bool, u64), artana::Error> {
    let charge = tool("charge")
        .idempotent(Duration::from_secs(60))
        .handler(|cents: u64, _: ToolContext| async move { Ok(format!("{cents} cents")) });
    let kernel = builder.tool(charge.clone()).build().expect("a kernel");
    let run = kernel.run(&Tenant::new("demo"), "order-7").await?;
    let first = run.step("charge").tool(&charge, &1200).await?;
    let again = run.step("charge").tool(&charge, &1200).await?;
    assert!(!first.is_replayed());
    run.finish().await?;
    assert!(run.verify().await?.is_ok());
    let events = run.view().await?.head.seq.get();
    kernel.close().await?;
    Ok((again.output().clone(), again.is_replayed(), events))
}

#[tokio::test]
async fn a_program_changes_its_store_and_nothing_else() {
    let Some(database) = Database::fresh() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = SqliteStore::open(folder.path().join("ledger.db")).await.expect("a store");
    let server = PostgresStore::connect(database.url()).durability(artana::Durability::AsTheServer);
    let server = server.pool(2..=20).await.expect("a store");
    let on_file = program(Kernel::builder(file)).await.expect("a run");
    let on_server = program(Kernel::builder(server)).await.expect("a run");
    assert_eq!(on_server, ("1200 cents".to_owned(), true, on_file.2));
    assert_eq!(on_server, on_file);
}
