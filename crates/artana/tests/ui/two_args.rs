//! There is one type of arguments and one context.

use artana::prelude::*;

#[tool]
async fn look(at: String, cents: u64) -> ToolResult<u64> {
    Ok(at.len() as u64 + cents)
}

#[tool]
async fn glance(cx: ToolContext, again: ToolContext) -> ToolResult<u32> {
    Ok(cx.attempt + again.attempt)
}

fn main() {}
