//! What a tool returns, and what the kernel makes of it: the table in the README, row by row.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use artana::{ClosureTool, ToolBuilder, prelude::*};
use artana_testkit::MemoryStore;

/// How the tool ends its calls.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Well,
    Transient,
    Permanent,
    Unknown,
    Unclassified,
    Panics,
    Hangs,
}

async fn end(how: Ends) -> Result<String, ToolError> {
    match how {
        Ends::Well => Ok("done".to_owned()),
        Ends::Transient => Err(ToolError::transient("not now")),
        Ends::Permanent => Err(ToolError::permanent("never")),
        Ends::Unknown => Err(ToolError::unknown("lost")),
        Ends::Unclassified => Err(std::io::Error::other("who knows").into()),
        Ends::Panics => panic!("a tool may panic"),
        Ends::Hangs => pending().await,
    }
}

fn declared(tool: ToolBuilder, how: Ends, calls: &Arc<AtomicU32>) -> ClosureTool<(), String> {
    let (calls, tool) = (Arc::clone(calls), tool.attempts(2, Duration::from_millis(1)));
    tool.timeout(Duration::from_millis(20)).handler(move |(): (), _cx| {
        calls.fetch_add(1, Ordering::Relaxed);
        end(how)
    })
}

/// Calls a step twice, and returns how each call ended and how often the tool ran.
async fn check(tool: ToolBuilder, how: Ends) -> ([&'static str; 2], u32) {
    let calls = Arc::default();
    let tool = declared(tool, how, &calls);
    let kernel = Kernel::builder(MemoryStore::new()).tool(tool.clone()).build().expect("a kernel");
    let run = kernel.start_run(&Tenant::new("t"), "r").await.expect("a run");
    let mut ended = [""; 2];
    for ended in &mut ended {
        *ended = run.step("s").tool(&tool, &()).await.map_or_else(|error| error.code(), |_| "done");
    }
    (ended, calls.load(Ordering::Relaxed))
}

fn acting() -> ToolBuilder {
    tool("act").side_effect()
}

#[tokio::test]
async fn what_happened_is_answered_ever_after() {
    assert_eq!(check(acting(), Ends::Well).await, (["done"; 2], 1));
    assert_eq!(check(tool("look"), Ends::Well).await, (["done"; 2], 1));
}

#[tokio::test]
async fn what_did_not_happen_is_tried_again_as_declared() {
    assert_eq!(check(acting(), Ends::Transient).await, (["artana::tool_failed"; 2], 2));
    assert_eq!(check(acting(), Ends::Permanent).await, (["artana::tool_failed"; 2], 1));
}

#[tokio::test]
async fn what_may_have_happened_waits_for_somebody_to_find_out() {
    for how in [Ends::Unknown, Ends::Unclassified, Ends::Panics, Ends::Hangs] {
        assert_eq!(check(acting(), how).await, (["artana::reconciliation_required"; 2], 1), "{how:?}");
    }
}

#[tokio::test]
async fn a_tool_that_only_reads_has_nothing_to_find_out() {
    for how in [Ends::Transient, Ends::Unknown, Ends::Unclassified, Ends::Panics, Ends::Hangs] {
        assert_eq!(check(tool("look"), how).await, (["artana::tool_failed"; 2], 2), "{how:?}");
    }
}
