//! A function has no `self`, and a tool of a bundle has `&self`.

use artana::prelude::*;

struct Mailer;

impl Mailer {
    #[tool]
    async fn look(&self, at: String) -> ToolResult<String> {
        Ok(at)
    }
}

struct Bundle;

#[tools]
impl Bundle {
    #[tool]
    async fn look(&mut self, at: String) -> ToolResult<String> {
        Ok(at)
    }

    #[tool]
    async fn take(self, at: String) -> ToolResult<String> {
        Ok(at)
    }

    #[tool]
    async fn lone(at: String) -> ToolResult<String> {
        Ok(at)
    }
}

fn main() {}
