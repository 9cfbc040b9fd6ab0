//! A probe takes what its tool takes, and answers with its result or nothing.

use artana::prelude::*;

#[tool(effect = "side_effect", probe = ask)]
async fn send(to: String, cx: ToolContext, book: State<u64>) -> ToolResult<u64> {
    Ok(to.len() as u64 + u64::from(cx.attempt) + *book)
}

async fn ask(_to: String, _cx: ToolContext) -> ToolResult<Option<u64>> {
    Ok(None)
}

#[tool(effect = "side_effect", probe = answer)]
async fn mail(to: String, cx: ToolContext) -> ToolResult<u64> {
    Ok(to.len() as u64 + u64::from(cx.attempt))
}

async fn answer(_to: String, _cx: ToolContext) -> ToolResult<u64> {
    Ok(1)
}

fn main() {}
