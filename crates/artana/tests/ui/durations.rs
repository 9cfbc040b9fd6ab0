//! Durations are read while the program is compiled.

use artana::prelude::*;

#[tool(timeout = "30 seconds", settle = "1h30m", retries = 1, backoff = "soon")]
async fn look(at: String) -> ToolResult<String> {
    Ok(at)
}

#[tool(timeout = "0s")]
async fn glance(at: String) -> ToolResult<String> {
    Ok(at)
}

#[tool(effect = "idempotent", retention = "11y")]
async fn charge(cents: u64, _cx: ToolContext) -> ToolResult<u64> {
    Ok(cents)
}

#[tool(settle = "3651d")]
async fn peek(at: String) -> ToolResult<String> {
    Ok(at)
}

fn main() {}
