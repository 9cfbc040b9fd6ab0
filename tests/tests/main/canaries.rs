//! Canaries: what tools and people say stands in the vault, and nowhere else.

use std::time::Duration;

use artana_core::Tenant;
use artana_kernel::{ClosureTool, Kernel, Resolve, tool};
use artana_ports::{ToolContext, ToolError};
use artana_store_sqlite::SqliteStore;
use artana_testkit::Ears;
use rusqlite::{Connection, types::Value};

const CANARY: &str = "kanarienvogel";

/// Does what it is told, and says the canary whatever it does.
fn parrot() -> ClosureTool<(String, String), String> {
    let declared = tool("parrot").side_effect().attempts(2, Duration::ZERO);
    declared.handler(|(what, said): (String, String), _cx: ToolContext| async move {
        match what.as_str() {
            "return" => Ok(said),
            "refuse" => Err(ToolError::permanent(said)),
            "pass" => Err(ToolError::transient(said)),
            "doubt" => Err(ToolError::unknown(said)),
            _ => panic!("{said}"),
        }
    })
}

/// Returns everything in the tables that are not the vault, as text.
fn outside_the_vault(path: &std::path::Path) -> String {
    let file = Connection::open(path).expect("the file opens");
    let mut found = String::new();
    for table in ["events", "runs", "heartbeats", "uniques", "rates", "accounts", "reservations"] {
        let mut rows = file.prepare(&format!("SELECT * FROM {table}")).expect("the table is there");
        let width = rows.column_count();
        let mut rows = rows.query(()).expect("it can be read");
        while let Some(row) = rows.next().expect("a row can be read") {
            for at in 0..width {
                match row.get(at).expect("a column can be read") {
                    Value::Text(text) => found.push_str(&text),
                    Value::Blob(bytes) => found.push_str(&String::from_utf8_lossy(&bytes)),
                    _ => {}
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn what_was_said_stands_in_the_vault_and_nowhere_else() {
    let ears = Ears::default();
    let _listening = tracing::subscriber::set_default(ears.clone());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let store = SqliteStore::open(&path).await.expect("the store opens");
    let kernel = Kernel::builder(store).tool(parrot()).build().expect("a sound kernel");
    let run = kernel.run(&Tenant::new("acme"), "r").await.expect("the run starts");
    let mut refusals = String::new();
    for what in ["return", "refuse", "pass", "doubt", "panic"] {
        for _ in 0..2 {
            let said = (what.to_owned(), format!("{CANARY} {what}"));
            if let Err(refused) = run.step(what).tool(parrot(), &said).await {
                refusals.push_str(&refused.to_string());
            }
        }
    }
    let drift = run.step("return").tool(parrot(), &("return".into(), format!("{CANARY} again"))).await;
    refusals.push_str(&drift.expect_err("the arguments differ").to_string());
    let raw = run.step("raw").tool_json("parrot", format!("{{\"{CANARY}\":1}}")).await;
    refusals.push_str(&raw.expect_err("the arguments are no pair").to_string());
    run.resolve("doubt", Resolve::succeeded("ann", format!("\"{CANARY}\""), CANARY))
        .await
        .expect("a doubt is resolved");
    run.set_artifact("artifact", &CANARY, 1).await.expect("it is kept");
    run.summary("summary", &CANARY).await.expect("it is kept");
    run.note("note", &CANARY).await.expect("it is kept");
    run.cancel("ann", CANARY).await.expect("the run is cancelled");
    let explained = kernel.explain(&Tenant::new("acme"), "r").await.expect("the store answers");
    let explained = format!("{explained:?}");
    kernel.close().await.expect("the kernel closes");

    let heard = ears.heard();
    let kept = outside_the_vault(&path);
    assert!(heard.contains("parrot") && kept.contains("tool_completed"), "something was said and written");
    let places = [("a refusal", &refusals), ("a log", &heard), ("a table", &kept), ("an explanation", &explained)];
    for (place, words) in places {
        assert!(!words.contains(CANARY), "{place} holds what was said: {words}");
    }
}
