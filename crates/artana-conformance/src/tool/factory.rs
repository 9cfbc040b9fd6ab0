//! What a tool's adapter brings to be judged: a tool, and a fake of the outside world it acts on.

use std::{fmt::Debug, sync::Arc};

use artana_ports::ToolPort;
use async_trait::async_trait;
use serde_json::Value;

use crate::Need;

/// Makes tools with an outside of their own.
#[async_trait]
pub trait ToolFactory: Debug + Send + Sync {
    /// Names the adapter in reports.
    fn name(&self) -> &str;

    /// Makes a tool, always the same, and a fresh outside that honours idempotency keys.
    async fn bench(&self) -> Box<dyn Bench>;

    /// Says why something is not offered, if it is not. Laws that need it are then skipped.
    fn lacks(&self, need: Need) -> Option<&str> {
        let _ = need;
        None
    }
}

/// A tool, and the outside it acts on.
pub trait Bench: Debug + Send + Sync {
    /// Returns the tool. What it does outside is an effect that is repeated at the outside's own risk.
    fn tool(&self) -> Arc<dyn ToolPort>;

    /// Returns arguments that the tool takes: at least two that differ.
    ///
    /// They are objects with a number, a text, a truth, an object and a list in them, and hold no maps: the laws
    /// make bad ones of them by adding, leaving out and exchanging things.
    fn args(&self) -> Vec<Value>;

    /// Returns a value that is no result of the tool.
    fn misfit(&self) -> Value;

    /// Sets what the outside does with the next call of the tool.
    fn next(&self, manner: Manner);

    /// Returns the idempotency keys of all effects that happened, in order, a key twice if its effect did.
    fn effects(&self) -> Vec<String>;

    /// Makes the outside fail to answer what became of a key, from now on.
    fn lose_lookups(&self) {}

    /// Returns the outside's own id of the effect that happened under a key.
    fn effect_id(&self, key: &str) -> Option<String> {
        let _ = key;
        None
    }
}

/// What the outside does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a fake of the outside has to do each of them")]
pub enum Manner {
    /// It refuses before the effect, and would not a little later.
    Refuse,
    /// It refuses before the effect, and always would.
    Reject,
    /// The effect happens, and its reply is lost.
    LoseReply,
    /// The effect happens, and nobody can make sense of its reply.
    Garble,
}
