//! A state is shared between threads, and it is a state of Artana's.

use std::cell::Cell;

use artana::prelude::*;

#[tool]
async fn look(seen: State<Cell<u64>>) -> ToolResult<u64> {
    Ok(seen.get())
}

mod web {
    #[derive(Clone)]
    pub struct State<T>(pub T);
}

#[tool]
async fn glance(seen: web::State<u64>) -> ToolResult<u64> {
    Ok(seen.0)
}

fn main() {}
