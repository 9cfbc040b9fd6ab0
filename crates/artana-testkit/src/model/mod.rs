//! Models without a provider: scripted ones, and recorded runs played back. Nothing here talks to a network.

mod sample;
mod scripted;
mod text;

pub use scripted::ScriptedModel;
