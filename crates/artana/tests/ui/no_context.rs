//! A tool whose effect counts has to take the context, where its idempotency key is.

use artana::prelude::*;

#[tool(effect = "side_effect")]
async fn send(to: String) -> ToolResult<()> {
    Ok(drop(to))
}

#[tool(effect = "idempotent", retention = "24h")]
async fn charge(cents: u64, book: State<String>) -> ToolResult<()> {
    Ok(drop((cents, book)))
}

struct Mailer;

#[tools]
impl Mailer {
    #[tool(effect = "side_effect")]
    async fn mail(&self, to: String) -> ToolResult<()> {
        Ok(drop(to))
    }
}

fn main() {}
