//! Sizes and numbers of attempts have bounds.

use artana::prelude::*;

#[tool(max_result = "1MB", retries = 100)]
async fn look(at: String) -> ToolResult<String> {
    Ok(at)
}

#[tool(max_result = 0, schema_version = 4294967296)]
async fn glance(at: String) -> ToolResult<String> {
    Ok(at)
}

#[tool(max_result = "17MiB", retries = 1.5)]
async fn peek(at: String) -> ToolResult<String> {
    Ok(at)
}

fn main() {}
