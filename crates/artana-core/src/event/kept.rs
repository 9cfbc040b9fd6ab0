//! Payloads of what an application keeps in a run: artifacts, summaries, checkpoints, notes. Names stand in
//! clear, values are content, and nothing in the kernel believes them.

use serde::{Deserialize, Serialize};

use crate::{ContentRef, Name};

/// An artifact has a new value. The last one counts, the earlier ones stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactSet {
    /// The artifact.
    pub name: Name,
    /// The number the application gives the shape of the value.
    pub schema_version: u32,
    /// The value, in canonical JSON.
    pub value: ContentRef,
}

/// A summary of a type was written. The last one counts, the earlier ones stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryWritten {
    /// The summary's type.
    #[serde(rename = "type")]
    pub kind: Name,
    /// The value, in canonical JSON.
    pub value: ContentRef,
}

/// The application reached a point it may want to go on from. The last one of a name counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The checkpoint.
    pub name: Name,
    /// The value, in canonical JSON.
    pub value: ContentRef,
}

/// Something the application wrote down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about.
    pub topic: Name,
    /// The value, in canonical JSON.
    pub value: ContentRef,
}
