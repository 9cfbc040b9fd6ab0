//! What all workloads share: sizes, a kernel over a fresh file, and a tool that does nothing.

use std::{path::Path, time::Duration};

use anyhow::Result;
use artana_core::Tenant;
use artana_kernel::{ClosureTool, Kernel, tool};
use artana_ports::{EventStore, ToolContext, ToolError};
use artana_store_sqlite::{SqliteStore, Synchronous};

use crate::models::Echo;

/// About 600 bytes of content a step: what a small tool call weighs.
const WORDS: usize = 280;

/// How much each workload does.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) steps: usize,
    pub(crate) rounds: usize,
    pub(crate) long_run: usize,
    pub(crate) repeats: usize,
    pub(crate) replays: usize,
}

impl Size {
    pub(crate) fn quick() -> Self {
        Self { steps: 300, rounds: 12, long_run: 100_000, repeats: 3, replays: 10_000 }
    }

    pub(crate) fn full() -> Self {
        Self { steps: 2000, rounds: 40, long_run: 100_000, repeats: 9, replays: 10_000 }
    }
}

/// The arguments of step `n`.
pub(crate) fn args(n: usize) -> String {
    format!("{n:08} {}", "argument ".repeat(WORDS / 9))
}

/// A tool whose effect takes no time.
pub(crate) fn effect() -> ClosureTool<String, String> {
    tool("effect").idempotent(Duration::from_secs(3600)).handler(|args: String, _cx: ToolContext| async move {
        Ok::<_, ToolError>(args.replace("argument", "response"))
    })
}

/// A tool that only reads and takes no time.
pub(crate) fn look() -> ClosureTool<String, String> {
    tool("look").handler(|args: String, _cx: ToolContext| async move {
        Ok::<_, ToolError>(args.replace("argument", "response"))
    })
}

/// A tool that only reads and says little.
pub(crate) fn glance() -> ClosureTool<u64, u64> {
    tool("glance").handler(|n: u64, _cx: ToolContext| async move { Ok::<_, ToolError>(n) })
}

/// A kernel over a SQLite file.
pub(crate) async fn kernel(path: &Path, synchronous: Synchronous) -> Result<Kernel> {
    kernel_on(SqliteStore::options().synchronous(synchronous).open(path).await?)
}

/// A kernel over a store.
pub(crate) fn kernel_on(store: impl EventStore) -> Result<Kernel> {
    Ok(Kernel::builder(store)
        .model(Echo)
        .tool(effect())
        .tool(look())
        .tool(glance())
        .time_to_live(Duration::from_secs(60))
        .build()?)
}

/// The tenant of all workloads.
pub(crate) fn tenant() -> Tenant {
    Tenant::new("bench")
}
