//! Arguments and results are JSON with a schema.

use artana::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct At(String);

#[tool]
async fn look(at: At) -> ToolResult<u64> {
    Ok(at.0.len() as u64)
}

#[tool]
async fn glance(at: String) -> ToolResult<At> {
    Ok(At(at))
}

fn main() {}
