//! What tests of Artana programs are made of: a strict store in memory, clocks and randomness under
//! control, scripted models, a provider that keeps its own book, and faults at every port. Nothing here belongs in production.

mod clock;
pub mod crash;
mod entropy;
pub mod fault;
mod memory;
mod model;
pub mod provider;

pub use clock::SimClock;
pub use crash::{crash_everywhere, crash_twice_everywhere};
pub use entropy::SeededEntropy;
pub use memory::{Counts, MemoryStore};
pub use model::{ReplayModel, ScriptedModel};
