//! A function without the attribute is no tool, and a type without it is no bundle.

use artana::{Kernel, KernelBuilder, prelude::*};

async fn look(at: String) -> ToolResult<u64> {
    Ok(at.len() as u64)
}

struct Mailer;

fn built(builder: KernelBuilder, run: Run) -> Kernel {
    let _ = run.step("a").tool(look, &String::new());
    builder.tool(look).tools(Mailer).build().unwrap()
}

fn main() {}
