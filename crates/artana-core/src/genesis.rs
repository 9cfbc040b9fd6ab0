//! The genesis: what a run's chain hangs from, so that no run can pass for another. Pure hashing.

use serde::{Deserialize, Serialize};

use crate::{ChainHash, Frame, KeyId, RunId, RunRef, Seq, tag};

/// The last event a fork shares with its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentLink {
    /// The hash of that event.
    pub hash: ChainHash,
    /// The parent run, of the same tenant.
    pub run: RunId,
    /// The sequence of that event.
    pub seq: Seq,
}

/// Everything the hash before a run's first event is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// The run itself.
    pub run: RunRef,
    /// The root of the fork family; of a root run, itself.
    pub root: RunId,
    /// Where a fork leaves its parent; `None` in root runs.
    pub parent: Option<ParentLink>,
    /// The id of the family's run key.
    pub key_id: KeyId,
}

impl Genesis {
    /// Returns the genesis of a root run.
    #[must_use]
    pub fn root(run: RunRef, key_id: KeyId) -> Self {
        Self { root: run.run.clone(), run, parent: None, key_id }
    }

    /// Returns the hash that stands before sequence 1.
    #[must_use]
    pub fn hash(&self) -> ChainHash {
        let parent = self.parent.as_ref();
        let seq = parent.map(|p| p.seq.get().to_le_bytes());
        let frame = Frame::new("artana/1 genesis")
            .field(tag::TENANT, self.run.tenant.as_str().as_bytes())
            .field(tag::RUN, self.run.run.as_str().as_bytes())
            .field(tag::ROOT_RUN, self.root.as_str().as_bytes())
            .maybe(tag::PARENT_RUN, parent.map(|p| p.run.as_str().as_bytes()))
            .maybe(tag::PARENT_SEQ, seq.as_ref().map(<[u8; 8]>::as_slice))
            .maybe(tag::PARENT_HASH, parent.map(|p| p.hash.as_bytes().as_slice()))
            .field(tag::KEY_ID, self.key_id.as_bytes());
        ChainHash::from_bytes(frame.hash())
    }
}
