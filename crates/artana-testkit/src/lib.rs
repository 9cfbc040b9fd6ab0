//! What tests of Artana programs are made of: a strict store in memory, clocks and randomness under control,
//! scripted and recorded models, a provider that keeps its own book, and faults at every port. Nothing here talks
//! to a network, waits for real time unless told to, or belongs in production.
//!
//! | you want | take |
//! |---|---|
//! | a store that is gone with the test | [`MemoryStore`] |
//! | time that passes when you say so, bytes that depend on a seed | [`SimClock`], [`SeededEntropy`] |
//! | a model that says what you tell it to, slowly, in pieces or not at all | [`ScriptedModel`] |
//! | the answers of a recorded run for a new run of the same program | [`ReplayModel`] |
//! | a world outside that knows which effects really happened | [`provider::Provider`] |
//! | to know that a secret is in no log | [`Ears`] |
//! | an empty Postgres database of your own | `postgres::Database`, with the feature `postgres` |
//! | something to go wrong at one call of one port | [`fault`] |
//! | your program killed everywhere, and what is left judged | [`crash_everywhere`] |
//!
//! # Example
//!
//! A program that asks a model once, however often it is run:
//!
//! ```
//! use artana_core::Tenant;
//! use artana_kernel::{Error, Kernel};
//! use artana_testkit::{MemoryStore, ScriptedModel};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! #[derive(Debug, Deserialize, JsonSchema)]
//! struct Intent {
//!     question: String,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = ScriptedModel::schema();
//! let kernel = Kernel::builder(MemoryStore::new()).model(model.clone()).build()?;
//! let run = kernel.run(&Tenant::new("demo"), "r").await?;
//! for _ in 0..2 {
//!     let intent = run.step("intent").model("demo/one").prompt("What is wanted?").output::<Intent>().await?;
//!     assert!(!intent.output().question.is_empty());
//! }
//! assert_eq!(model.calls(), 1);
//! # Ok(())
//! # }
//! ```

mod clock;
pub mod crash;
mod ears;
mod entropy;
pub mod fault;
mod memory;
mod model;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod provider;

pub use clock::SimClock;
pub use crash::{crash_everywhere, crash_twice_everywhere};
pub use ears::Ears;
pub use entropy::SeededEntropy;
pub use memory::{Counts, MemoryStore};
pub use model::{ReplayModel, ScriptedModel};
