//! A store that contradicts itself under a live process, and verification beside one that writes.

use std::{path::Path, time::Duration};

use artana_core::{Tenant, verify::BreakKind};
use artana_kernel::{ClosureTool, Kernel, Run, tool};
use artana_ports::{ToolContext, ToolError};
use artana_store_sqlite::SqliteStore;
use rusqlite::Connection;

fn echo() -> ClosureTool<u64, u64> {
    let declared = tool("echo").idempotent(Duration::from_secs(60));
    declared.handler(|n: u64, _cx: ToolContext| async move { Ok::<_, ToolError>(n) })
}

async fn kernel(path: &Path) -> Kernel {
    let store = SqliteStore::open(path).await.expect("the store opens");
    Kernel::builder(store).tool(echo()).build().expect("a sound kernel")
}

async fn with_a_step(path: &Path) -> (Kernel, Run) {
    let kernel = kernel(path).await;
    let run = kernel.run(&Tenant::new("acme"), "r").await.expect("the run starts");
    run.step("a").tool(echo(), &1).await.expect("the step runs");
    (kernel, run)
}

fn tamper(path: &Path, sql: &str) {
    let changed = Connection::open(path).and_then(|file| file.execute(sql, ())).expect("the file can be changed");
    assert!(changed > 0, "{sql} changes something");
}

#[tokio::test]
async fn a_head_the_chain_does_not_lead_to_is_named_and_hangs_nothing() {
    for sql in
        ["UPDATE runs SET head_seq = head_seq - 1", "UPDATE runs SET head_hash = zeroblob(32)", "DELETE FROM runs"]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        let (kernel, run) = with_a_step(&path).await;
        tamper(&path, sql);
        let refused = run.step("b").tool(echo(), &2).await.expect_err("nothing can be appended");
        assert_eq!(refused.code(), "artana::damaged", "{sql}");
        let report = kernel.verify(&Tenant::new("acme"), "r").await.expect("the store answers");
        assert_eq!(report.first_break.expect("a break").kind, BreakKind::HeadMismatch, "{sql}");
        kernel.close().await.expect("closing waits for nothing");
    }
}

#[tokio::test]
async fn a_replay_never_answers_with_other_bytes_than_the_first_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let (_kernel, run) = with_a_step(&path).await;
    tamper(&path, "UPDATE vault SET bytes = x'39'");
    let refused = run.step("a").tool(echo(), &1).await.expect_err("the bytes are others");
    assert_eq!(refused.code(), "artana::damaged");
}

#[tokio::test]
async fn a_tombstone_needs_an_event_of_the_run_that_is_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let (kernel, _run) = with_a_step(&path).await;
    let digest = "(SELECT lower(hex(digest)) FROM vault LIMIT 1)";
    let forged = format!(
        "INSERT INTO events SELECT tenant, 'forged', 1, event_id, 'content_erased', NULL, at, \
         CAST('{{\"digests\":[\"' || {digest} || '\"]}}' AS BLOB), prev_hash, hash FROM events WHERE seq = 1"
    );
    tamper(&path, &forged);
    tamper(&path, "UPDATE vault SET bytes = NULL, erased_run = 'forged', erased_seq = 1");
    let report = kernel.verify(&Tenant::new("acme"), "r").await.expect("the store answers");
    assert_eq!(report.first_break.expect("a break").kind, BreakKind::ContentMissing);
}

#[tokio::test]
async fn verifying_a_run_that_moves_on_raises_no_false_alarm() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let (_writer, run) = with_a_step(&path).await;
    let auditor = kernel(&path).await;
    let writing = tokio::spawn(async move {
        for n in 0..150 {
            run.step(format!("step-{n}")).tool(echo(), &n).await.expect("the step runs");
        }
    });
    while !writing.is_finished() {
        let report = auditor.verify(&Tenant::new("acme"), "r").await.expect("the store answers");
        assert_eq!(report.first_break, None);
    }
    writing.await.expect("all steps ran");
}
