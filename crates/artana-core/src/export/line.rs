//! The lines of an export as values, written and read strictly. What a line means is decided elsewhere.

use crate::{
    Digest, Head, Record, RunId, RunKey, RunRef, Seq, TenantId,
    export::{LineError, MAX_LINE_BYTES, wire},
};

/// A line of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the format has these four lines and a verifier handles each")]
pub enum Line {
    /// A run begins; its events follow.
    Run(RunLine),
    /// An event of the run.
    Event(Record),
    /// The key of the fork family's content digests.
    Key(KeyLine),
    /// A piece of content.
    Content(ContentLine),
}

/// The line before a run's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// The run.
    pub run: RunRef,
    /// The head recorded beside the chain; `None` for an ancestor, which is cut where its fork begins.
    pub head: Option<Head>,
}

/// A fork family's key, or what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLine {
    /// The tenant.
    pub tenant: TenantId,
    /// The root run of the family.
    pub root: RunId,
    /// The key.
    pub key: Kept<RunKey>,
}

/// A piece of content, or what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentLine {
    /// The tenant.
    pub tenant: TenantId,
    /// The root run of the family the content belongs to.
    pub root: RunId,
    /// The keyed digest of the plaintext.
    pub digest: Digest,
    /// The length of the plaintext in bytes.
    pub len: u64,
    /// The plaintext.
    pub bytes: Kept<Vec<u8>>,
}

/// What the vault still holds of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a row is there or was erased")]
pub enum Kept<T> {
    /// The row's value.
    There(T),
    /// A tombstone.
    Erased(Erasure),
}

/// The event that erased a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The run whose event it is.
    pub run: RunId,
    /// The event's sequence.
    pub seq: Seq,
}

impl Line {
    /// Writes the line, without the line feed that ends it.
    ///
    /// Text of a damaged row that is not UTF-8 is written with replacement characters; its hash no
    /// longer fits, so the damage is found in the export too.
    #[must_use]
    pub fn to_json(&self) -> String {
        wire::write(self)
    }

    /// Reads a line. Its keys may stand in any order, each once and none besides.
    ///
    /// # Errors
    ///
    /// [`LineError`] for anything that [`Self::to_json`] could not have meant.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        if line.len() > MAX_LINE_BYTES {
            return Err(LineError::TooLong { len: line.len() });
        }
        wire::read(line)
    }
}
