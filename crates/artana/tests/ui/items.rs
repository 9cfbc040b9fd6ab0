//! The attributes mark functions and the methods of types.

use artana::prelude::*;

#[tool]
struct Look;

#[tools]
struct Glance;

struct Mailer;

#[tools]
impl Mailer {
    async fn mail(&self, _to: String) -> ToolResult<()> {
        Ok(())
    }
}

trait Looks {
    async fn look(&self, at: String) -> ToolResult<String>;
}

#[tools]
impl Looks for Mailer {
    #[tool]
    async fn look(&self, at: String) -> ToolResult<String> {
        Ok(at)
    }
}

struct Bundle;

#[tools(version = "2")]
impl Bundle {
    #[tool(crate = ::artana)]
    async fn look(&self, at: String) -> ToolResult<String> {
        Ok(at)
    }

    #[tool]
    #[tool(name = "other")]
    async fn glance(&self, at: String) -> ToolResult<String> {
        Ok(at)
    }
}

fn main() {}
