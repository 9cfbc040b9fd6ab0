//! Which conversations a run has recorded, so that a later one stores only what it adds. Digests only.

use std::{collections::BTreeMap, sync::Arc};

use super::FoldError;
use crate::{
    Digest, Event, RequestId, Seq, StepKey,
    conversation::turn_root,
    event::{Extends, ModelRequested},
};

/// The turns of all conversations of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Turns {
    /// Who added the last message of the conversation with this root, and how many messages it has.
    known: BTreeMap<Digest, Extends>,
    added: BTreeMap<RequestId, Added>,
}

/// What one request added.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Added {
    kept: u32,
    roots: Box<[Digest]>,
    run: Arc<str>,
    at: Seq,
}

impl Turns {
    /// Returns where a conversation with this root was recorded.
    pub(super) fn find(&self, root: &Digest) -> Option<Extends> {
        self.known.get(root).copied()
    }

    /// Returns the root of what a request keeps of an earlier conversation, if that is recorded here.
    pub(super) fn base(&self, extends: Extends) -> Option<Digest> {
        let added = self.added.get(&extends.request)?;
        let index = extends.keep.checked_sub(added.kept)?.checked_sub(1)?;
        added.roots.get(index as usize).copied()
    }

    /// Returns in which run and where a request that added messages is recorded.
    pub(super) fn place(&self, request: &RequestId) -> Option<(&str, Seq)> {
        self.added.get(request).map(|added| (&*added.run, added.at))
    }

    /// Remembers what a request added.
    pub(super) fn add(&mut self, event: &Event, kept: u32, roots: Vec<Digest>) {
        let request = RequestId::from(event.id());
        for (keep, root) in (kept + 1..).zip(&roots) {
            self.known.entry(*root).or_insert(Extends { keep, request });
        }
        if !roots.is_empty() {
            self.added.insert(
                request,
                Added { kept, roots: roots.into(), run: Arc::clone(&event.record().run), at: event.seq() },
            );
        }
    }
}

/// Computes the roots of the messages that a request adds after those of `base`, and checks that they lead to
/// the root it names.
pub(super) fn roots(base: Option<Digest>, step: &StepKey, asked: &ModelRequested) -> Result<Vec<Digest>, FoldError> {
    let wrong = || FoldError::Conversation { step: step.clone() };
    let mut root = base.ok_or_else(wrong)?;
    let mut roots = Vec::with_capacity(asked.messages.len());
    for message in &asked.messages {
        root = turn_root(&root, &message.digest());
        roots.push(root);
    }
    if root == asked.asked_root { Ok(roots) } else { Err(wrong()) }
}
