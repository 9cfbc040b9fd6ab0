//! Payloads of a run that waits for a worker, or has worn out some. Structure only, never words.

use serde::{Deserialize, Serialize};

use crate::{ContentRef, IncarnationId, Name, Timestamp};

/// The run waits for a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnqueued {
    /// What whoever enqueued it calls it, so that asking twice makes one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication: Option<Name>,
    /// Not before this instant.
    pub due: Timestamp,
    /// Higher goes first.
    pub priority: i64,
    /// In which queue.
    pub queue: Name,
}

/// A process took the run over from one that died with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverChanged {
    /// The process that died.
    pub from: IncarnationId,
    /// The process that goes on.
    pub to: IncarnationId,
}

/// No worker takes the run any more until a person says so: it has killed too many, or got nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunParked {
    /// The processes that died with it since it last got anywhere.
    pub died: Vec<IncarnationId>,
    /// What its code last failed with, if it failed and killed nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ContentRef>,
}
