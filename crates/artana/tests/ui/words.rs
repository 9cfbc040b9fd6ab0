//! Effects and risks are words of a list.

use artana::prelude::*;

#[tool(effect = "write", risk = "High")]
async fn look(at: String) -> ToolResult<String> {
    Ok(at)
}

fn main() {}
