//! Names, versions and capabilities are what the ledger takes, so that a declaration never panics.

use artana::prelude::*;

#[tool(name = "", version = "1\n2", capability = "payments\0charge")]
async fn look(at: String) -> ToolResult<String> {
    Ok(at)
}

#[tool(name = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0")]
async fn glance(at: String) -> ToolResult<String> {
    Ok(at)
}

#[tool(
    version = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
    reconciles = ["1", "", 2]
)]
async fn peek(at: String) -> ToolResult<String> {
    Ok(at)
}

fn main() {}
