//! The kernel awaits a tool: it is async.

use artana::prelude::*;

#[tool]
fn look(at: String) -> ToolResult<String> {
    Ok(at)
}

fn main() {}
