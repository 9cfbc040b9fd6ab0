//! A tool returns a result whose error says what is known of the effect.

use artana::prelude::*;

#[tool]
async fn look(at: String) {
    drop(at)
}

#[tool]
async fn glance(at: String) -> String {
    at
}

#[tool]
async fn peek(at: String) -> Option<String> {
    Some(at)
}

fn main() {}
