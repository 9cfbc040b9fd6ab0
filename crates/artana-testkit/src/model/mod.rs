//! Models without a provider: scripted ones, and recorded runs played back. Nothing here talks to a network.

mod asked;
mod replay;
mod sample;
mod scripted;
mod text;

pub(crate) use asked::differing;
pub use replay::ReplayModel;
pub use scripted::ScriptedModel;
