//! Options are known, have the right kind of value, and are given once.

use artana::prelude::*;

#[tool(efect = "read", timeout = 30, schema_version = "1", schema_version = -1, probe = "ask", timeout = "1s")]
async fn look(at: String) -> ToolResult<String> {
    Ok(at)
}

#[tool("look")]
async fn glance(at: String) -> ToolResult<String> {
    Ok(at)
}

#[tool(reconciles = "1", version = concat!("1", "2"))]
async fn peek(at: String) -> ToolResult<String> {
    Ok(at)
}

fn main() {}
