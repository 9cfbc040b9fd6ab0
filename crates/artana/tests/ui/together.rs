//! Some options go with others, or with none.

use artana::prelude::*;

#[tool(effect = "idempotent")]
async fn charge(cents: u64, _cx: ToolContext) -> ToolResult<u64> {
    Ok(cents)
}

#[tool(effect = "side_effect", retention = "24h")]
async fn send(cents: u64, _cx: ToolContext) -> ToolResult<u64> {
    Ok(cents)
}

#[tool(retention = "24h", backoff = "1s", probe = ask)]
async fn look(cents: u64) -> ToolResult<u64> {
    Ok(cents)
}

async fn ask(_: u64) -> ToolResult<Option<u64>> {
    Ok(None)
}

fn main() {}
