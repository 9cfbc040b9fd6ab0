//! Content that was read before it is asked for, because a workflow that goes on asks for what it has recorded, one
//! step after the other. It holds little, and nothing once the workflow has come to what is new.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use artana_core::Digest;

/// Most bytes that are read ahead.
pub(crate) const MAX_AHEAD_BYTES: u64 = 1024 * 1024;

/// Content by its digest.
#[derive(Default)]
pub(crate) struct Ahead(Mutex<HashMap<Digest, Vec<u8>>>);

/// Tells how much there is. What it holds has no place in a log.
impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ahead").field(&self.held().len()).finish()
    }
}

impl Ahead {
    fn held(&self) -> MutexGuard<'_, HashMap<Digest, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.held().get(digest).cloned()
    }

    /// Holds these pieces, and no others.
    pub(crate) fn hold(&self, pieces: impl IntoIterator<Item = (Digest, Vec<u8>)>) {
        *self.held() = pieces.into_iter().collect();
    }
}
