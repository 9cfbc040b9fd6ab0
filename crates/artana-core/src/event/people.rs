//! Payloads of what people and supervisors say to a run: stop here, go on. Structure only, never words.

use serde::{Deserialize, Serialize};

use crate::{Actor, ContentRef, EventId, Name, Ordinal};

/// Nothing new starts until somebody says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// The name of what blocks the run, if it was blocked by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Name>,
    /// Who paused it, if it was not the run's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// What whoever lifts it should know, in canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ContentRef>,
    /// At which place of the workflow it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<Ordinal>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ContentRef>,
    /// Whether whoever drove the run leaves it until something happens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspends: bool,
}

/// A pause is lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// By whom.
    pub by: Actor,
    /// What they had to say, in canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<ContentRef>,
    /// The pause: the id of the event that began it.
    pub pause: EventId,
}
