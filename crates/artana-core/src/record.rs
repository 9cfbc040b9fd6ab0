//! Events, their stored rows, and how a draft is sealed onto a chain.
//! Sealing hashes exactly the bytes that are stored; it never looks at a clock or makes an id.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    ChainHash, EventId, Frame, RunRef, StepKey, Timestamp,
    event::{Body, DecodeError},
    limits::MAX_PAYLOAD_BYTES,
    tag,
};

/// A position in a run: 1 is the first event, 0 the place before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(u64);

impl Seq {
    /// The place before the first event.
    pub const ZERO: Self = Self(0);

    /// Wraps a sequence number.
    #[must_use]
    pub const fn new(seq: u64) -> Self {
        Self(seq)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the next position.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The end of a run's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The sequence of the last event; 0 before the first.
    pub seq: Seq,
    /// The hash of the last event; the genesis before the first.
    pub hash: ChainHash,
}

/// Text as a store gave it back: it may have been damaged, so it need not be UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub struct RawText(Box<[u8]>);

impl RawText {
    /// Wraps bytes as they were stored.
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// Borrows the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Borrows the text if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for RawText {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

/// An event's stored row, not decoded: the bytes that were hashed and the hashes beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The tenant column.
    pub tenant: Arc<str>,
    /// The run column.
    pub run: Arc<str>,
    /// The position in the run, contiguous from 1.
    pub seq: Seq,
    /// The event's id, made before the append.
    pub event_id: EventId,
    /// The event's kind.
    pub kind: RawText,
    /// The full step key, if the event belongs to a step.
    pub step: Option<RawText>,
    /// When the event was made; information only, order is by `seq`.
    pub at: Timestamp,
    /// The exact bytes hashed: one JSON object in the profile `artana-json-1`.
    pub payload: Vec<u8>,
    /// The hash of the event before, or the genesis.
    pub prev_hash: ChainHash,
    /// The hash of this event.
    pub hash: ChainHash,
}

impl Record {
    /// Returns the hash this row's own fields give after `prev`.
    #[must_use]
    pub fn computed_hash(&self, prev: &ChainHash) -> ChainHash {
        self.hash_with(prev, &mut Frame::bare())
    }

    /// Like [`Self::computed_hash`], reusing the memory of `scratch`.
    pub(crate) fn hash_with(&self, prev: &ChainHash, scratch: &mut Frame) -> ChainHash {
        let body = std::mem::take(scratch)
            .restart("artana/1 event")
            .field(tag::TENANT, self.tenant.as_bytes())
            .field(tag::RUN, self.run.as_bytes())
            .field(tag::SEQ, &self.seq.get().to_le_bytes())
            .field(tag::EVENT_ID, self.event_id.as_bytes())
            .field(tag::KIND, self.kind.as_bytes())
            .maybe(tag::STEP, self.step.as_ref().map(RawText::as_bytes))
            .field(tag::AT, &self.at.as_micros().to_le_bytes())
            .field(tag::PAYLOAD, &self.payload);
        let digest = body.hash();
        let link = body.restart("artana/1 link").field(tag::PREV_HASH, prev.as_bytes()).field(tag::BODY, &digest);
        let hash = ChainHash::from_bytes(link.hash());
        *scratch = link;
        hash
    }

    /// Returns the head this row makes.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

/// An event before the kernel sealed it: what happened, not yet where and when.
#[derive(Debug, Clone)]
pub struct Draft {
    kind: RawText,
    step: Option<StepKey>,
    payload: Vec<u8>,
    body: Body,
}

/// Why a payload cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payload has at most {MAX_PAYLOAD_BYTES} bytes; this one has {len}")]
pub struct PayloadTooLarge {
    /// The payload's length in bytes.
    pub len: usize,
}

impl Draft {
    /// Encodes a body in canonical JSON.
    ///
    /// # Errors
    ///
    /// [`PayloadTooLarge`] when the encoded payload is over 64 KiB.
    pub fn new(step: Option<StepKey>, body: impl Into<Body>) -> Result<Self, PayloadTooLarge> {
        let body = body.into();
        Self::checked(Self { kind: body.kind().into(), step, payload: body.encode(), body })
    }

    /// Takes a payload as it is, for kinds this build does not know.
    ///
    /// # Errors
    ///
    /// [`PayloadTooLarge`] when the payload is over 64 KiB.
    pub fn raw(kind: &str, step: Option<StepKey>, payload: Vec<u8>) -> Result<Self, PayloadTooLarge> {
        Self::checked(Self { kind: kind.into(), step, payload, body: Body::Other })
    }

    fn checked(draft: Self) -> Result<Self, PayloadTooLarge> {
        if draft.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(PayloadTooLarge { len: draft.payload.len() });
        }
        Ok(draft)
    }
}

/// What sealing adds to a draft from outside: an id and a time.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// The event's id, which becomes the request id of a request.
    pub id: EventId,
    /// When the event was made.
    pub at: Timestamp,
}

/// A sealed event: its stored row and what the row says.
#[derive(Debug, Clone)]
pub struct Event {
    record: Record,
    step: Option<StepKey>,
    body: Body,
}

/// Puts a draft onto the chain after `head`. Before sequence 1 the head is `(0, genesis)`.
#[must_use]
pub fn seal(run: &RunRef, head: &Head, draft: Draft, stamp: Stamp) -> Event {
    let mut record = Record {
        tenant: run.tenant.shared(),
        run: run.run.shared(),
        seq: head.seq.next(),
        event_id: stamp.id,
        kind: draft.kind,
        step: draft.step.as_ref().map(|step| step.as_str().into()),
        at: stamp.at,
        payload: draft.payload,
        prev_hash: head.hash,
        hash: head.hash,
    };
    record.hash = record.computed_hash(&head.hash);
    Event { record, step: draft.step, body: draft.body }
}

impl Event {
    /// Decodes a stored row. It does not check the row's hash; see [`crate::verify`].
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the kind or step is not fit text, or a known kind's payload is not its struct.
    pub fn decode(record: Record) -> Result<Self, DecodeError> {
        let kind = record.kind.as_str().ok_or(DecodeError::Kind)?;
        let step = match &record.step {
            Some(text) => Some(text.as_str().and_then(|t| StepKey::parse(t).ok()).ok_or(DecodeError::Step)?),
            None => None,
        };
        let body = Body::decode(kind, &record.payload)?;
        Ok(Self { record, step, body })
    }

    /// Returns the event's position.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.record.seq
    }

    /// Returns the event's id.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.record.event_id
    }

    /// Borrows the event's kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.record.kind.as_str().unwrap_or("")
    }

    /// Borrows the key of the step the event belongs to.
    #[must_use]
    pub fn step(&self) -> Option<&StepKey> {
        self.step.as_ref()
    }

    /// Returns when the event was made.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.record.at
    }

    /// Borrows what the event says.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Borrows the stored row.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Gives up the stored row.
    #[must_use]
    pub fn into_record(self) -> Record {
        self.record
    }

    /// Returns the head this event makes.
    #[must_use]
    pub fn head(&self) -> Head {
        self.record.head()
    }
}
