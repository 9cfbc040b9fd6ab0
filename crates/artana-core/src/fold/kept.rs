//! The latest of what the application keeps in a run. Earlier values stay in the ledger.

use std::collections::BTreeMap;

use crate::{ContentRef, Event, Name, Seq, Timestamp, event::Body};

/// The latest artifacts, summaries and checkpoints of a run, each by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    artifacts: BTreeMap<Name, KeptValue>,
    summaries: BTreeMap<Name, KeptValue>,
    checkpoints: BTreeMap<Name, KeptValue>,
    note: Option<(Name, KeptValue)>,
}

/// One value and where it is recorded: in the run itself, or in the ancestor that a fork shares it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptValue {
    /// Where it is recorded.
    pub seq: Seq,
    /// When it was.
    pub at: Timestamp,
    /// The number the application gives its shape; 0 where it gives none.
    pub schema_version: u32,
    /// The value, in canonical JSON.
    pub value: ContentRef,
    /// How many values there have been, those of ancestors included.
    pub versions: u64,
}

impl Kept {
    /// Borrows the artifacts.
    #[must_use]
    pub fn artifacts(&self) -> &BTreeMap<Name, KeptValue> {
        &self.artifacts
    }

    /// Borrows the summaries, by type.
    #[must_use]
    pub fn summaries(&self) -> &BTreeMap<Name, KeptValue> {
        &self.summaries
    }

    /// Borrows the checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> &BTreeMap<Name, KeptValue> {
        &self.checkpoints
    }

    /// Borrows the last note, with its topic.
    #[must_use]
    pub fn last_note(&self) -> Option<&(Name, KeptValue)> {
        self.note.as_ref()
    }

    /// Returns whether an event would say again what is kept already.
    #[must_use]
    pub fn holds(&self, body: &Body) -> bool {
        let (now, schema_version, value) = match body {
            Body::ArtifactSet(set) => (self.artifacts.get(&set.name), set.schema_version, set.value),
            Body::SummaryWritten(written) => (self.summaries.get(&written.kind), 0, written.value),
            Body::Checkpoint(reached) => (self.checkpoints.get(&reached.name), 0, reached.value),
            _ => return false,
        };
        now.is_some_and(|now| now.schema_version == schema_version && now.value.digest == value.digest)
    }

    pub(super) fn apply(&mut self, event: &Event) {
        if let Body::Note(note) = event.body() {
            let versions = self.note.as_ref().map_or(0, |(_, before)| before.versions) + 1;
            let kept = KeptValue { seq: event.seq(), at: event.at(), schema_version: 0, value: note.value, versions };
            self.note = Some((note.topic.clone(), kept));
            return;
        }
        let (map, name, schema_version, value) = match event.body() {
            Body::ArtifactSet(set) => (&mut self.artifacts, &set.name, set.schema_version, set.value),
            Body::SummaryWritten(written) => (&mut self.summaries, &written.kind, 0, written.value),
            Body::Checkpoint(reached) => (&mut self.checkpoints, &reached.name, 0, reached.value),
            _ => return,
        };
        let versions = map.get(name).map_or(0, |before| before.versions) + 1;
        let kept = KeptValue { seq: event.seq(), at: event.at(), schema_version, value, versions };
        map.insert(name.clone(), kept);
    }
}
