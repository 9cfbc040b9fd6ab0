//! A tool has one type of arguments and one of results, which it owns.

use artana::prelude::*;

#[tool]
async fn look<T: Send>(at: T) -> ToolResult<u64> {
    Ok(drop(at)).map(|()| 1)
}

#[tool]
async fn glance(at: impl Into<u64>) -> ToolResult<u64> {
    Ok(at.into())
}

#[tool]
async fn peek(at: &str, cx: &ToolContext, book: &State<u64>) -> ToolResult<u64> {
    Ok(at.len() as u64 + cx.attempt as u64 + **book)
}

fn main() {}
