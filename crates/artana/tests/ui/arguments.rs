//! Arguments and results are checked where a step calls, by a function and by a method of a bundle.

use artana::prelude::*;

#[tool]
async fn look(at: String) -> ToolResult<u64> {
    Ok(at.len() as u64)
}

struct Mailer;

#[tools]
impl Mailer {
    #[tool]
    async fn glance(&self, at: String) -> ToolResult<u64> {
        Ok(at.len() as u64)
    }
}

async fn called(run: Run) {
    let _ = run.step("a").tool(look, &7).await;
    let _ = run.step("b").tool(Mailer::GLANCE, &7).await;
    let _: String = run.step("c").tool(look, &"here".to_owned()).await.unwrap().into_output();
}

fn main() {}
