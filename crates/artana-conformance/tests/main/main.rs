//! Tests of the suite itself.

mod model_saboteurs;
mod saboteurs;
mod wire;
