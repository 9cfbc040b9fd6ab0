//! Tests of the suite itself.

mod examples;
mod model_saboteurs;
mod payment;
mod saboteurs;
mod tool_saboteurs;
mod versioned;
mod wire;
