//! The JSON of export lines: exactly the keys of the format, in its order. Borrowed where it can be, so
//! that a line of content is not held twice. Only this file knows how a line is spelt.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    ChainHash, Digest, EventId, Head, RawText, Record, RunId, RunKey, RunRef, Seq, TenantId, Timestamp,
    export::{ContentLine, Erasure, FORMAT, Kept, KeyLine, Line, LineError, RunLine},
};

pub(super) fn write(line: &Line) -> String {
    let wire = match line {
        Line::Run(run) => Wire::Run(RunWire::of(run)),
        Line::Event(record) => Wire::Event(EventWire::of(record)),
        Line::Key(key) => Wire::Key(KeyWire::of(key)),
        Line::Content(content) => Wire::Content(ContentWire::of(content)),
    };
    serde_json::to_string(&wire).expect("wire structs have string keys, and writing to memory succeeds")
}

pub(super) fn read(line: &[u8]) -> Result<Line, LineError> {
    let wire = serde_json::from_slice(line).map_err(|e| LineError::Malformed { column: e.column() })?;
    match wire {
        Wire::Run(run) if run.format != FORMAT => Err(LineError::UnknownFormat),
        Wire::Run(run) => Ok(Line::Run(run.into_line())),
        Wire::Event(event) => Ok(Line::Event(event.into_record())),
        Wire::Key(key) => key.into_line().map(Line::Key),
        Wire::Content(content) => content.into_line().map(Line::Content),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Wire<'a> {
    #[serde(borrow)]
    Run(RunWire<'a>),
    #[serde(borrow)]
    Event(EventWire<'a>),
    Key(KeyWire),
    #[serde(borrow)]
    Content(ContentWire<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunWire<'a> {
    format: Cow<'a, str>,
    tenant: TenantId,
    run: RunId,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    head: Option<HeadWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadWire {
    seq: Seq,
    hash: ChainHash,
}

impl RunWire<'_> {
    fn of(line: &RunLine) -> Self {
        let head = line.head.map(|Head { seq, hash }| HeadWire { seq, hash });
        Self { format: FORMAT.into(), tenant: line.run.tenant.clone(), run: line.run.run.clone(), head }
    }

    fn into_line(self) -> RunLine {
        let head = self.head.map(|HeadWire { seq, hash }| Head { seq, hash });
        RunLine { run: RunRef::new(self.tenant, self.run), head }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventWire<'a> {
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    run: Cow<'a, str>,
    seq: Seq,
    event_id: EventId,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "nullable")]
    step: Option<Cow<'a, str>>,
    at: Timestamp,
    payload: Base64<'a>,
    prev_hash: ChainHash,
    hash: ChainHash,
}

impl<'a> EventWire<'a> {
    fn of(record: &'a Record) -> Self {
        Self {
            tenant: Cow::Borrowed(&record.tenant),
            run: Cow::Borrowed(&record.run),
            seq: record.seq,
            event_id: record.event_id,
            kind: String::from_utf8_lossy(record.kind.as_bytes()),
            step: record.step.as_ref().map(|step| String::from_utf8_lossy(step.as_bytes())),
            at: record.at,
            payload: Base64(Cow::Borrowed(&record.payload)),
            prev_hash: record.prev_hash,
            hash: record.hash,
        }
    }

    fn into_record(self) -> Record {
        Record {
            tenant: self.tenant.into(),
            run: self.run.into(),
            seq: self.seq,
            event_id: self.event_id,
            kind: RawText::from(&*self.kind),
            step: self.step.as_deref().map(RawText::from),
            at: self.at,
            payload: self.payload.0.into_owned(),
            prev_hash: self.prev_hash,
            hash: self.hash,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErasureWire {
    run: RunId,
    seq: Seq,
}

impl ErasureWire {
    fn of(erasure: &Erasure) -> Self {
        Self { run: erasure.run.clone(), seq: erasure.seq }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyWire {
    tenant: TenantId,
    root: RunId,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    run_key: Option<Digest>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    erased: Option<ErasureWire>,
}

impl KeyWire {
    fn of(line: &KeyLine) -> Self {
        let (run_key, erased) = match &line.key {
            // A key is spelt like a digest: 64 lower-case hex digits.
            Kept::There(key) => (Some(Digest::from_bytes(*key.expose())), None),
            Kept::Erased(erasure) => (None, Some(ErasureWire::of(erasure))),
        };
        Self { tenant: line.tenant.clone(), root: line.root.clone(), run_key, erased }
    }

    fn into_line(self) -> Result<KeyLine, LineError> {
        let key = kept(self.run_key, self.erased, |key| RunKey::from_bytes(*key.as_bytes()))?;
        Ok(KeyLine { tenant: self.tenant, root: self.root, key })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentWire<'a> {
    tenant: TenantId,
    root: RunId,
    digest: Digest,
    len: u64,
    #[serde(borrow, default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    bytes: Option<Base64<'a>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    erased: Option<ErasureWire>,
}

impl<'a> ContentWire<'a> {
    fn of(line: &'a ContentLine) -> Self {
        let (bytes, erased) = match &line.bytes {
            Kept::There(bytes) => (Some(Base64(Cow::Borrowed(bytes))), None),
            Kept::Erased(erasure) => (None, Some(ErasureWire::of(erasure))),
        };
        let (tenant, root) = (line.tenant.clone(), line.root.clone());
        Self { tenant, root, digest: line.digest, len: line.len, bytes, erased }
    }

    fn into_line(self) -> Result<ContentLine, LineError> {
        let bytes = kept(self.bytes, self.erased, |bytes| bytes.0.into_owned())?;
        Ok(ContentLine { tenant: self.tenant, root: self.root, digest: self.digest, len: self.len, bytes })
    }
}

/// Exactly one of value and tombstone must stand in a line.
fn kept<W, T>(there: Option<W>, erased: Option<ErasureWire>, value: impl FnOnce(W) -> T) -> Result<Kept<T>, LineError> {
    match (there, erased) {
        (Some(there), None) => Ok(Kept::There(value(there))),
        (None, Some(ErasureWire { run, seq })) => Ok(Kept::Erased(Erasure { run, seq })),
        (Some(_), Some(_)) | (None, None) => Err(LineError::Malformed { column: 0 }),
    }
}

/// Bytes in standard base64 with padding.
struct Base64<'a>(Cow<'a, [u8]>);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("base64 with padding")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
                STANDARD.decode(text).map_err(|_| E::custom("not base64"))
            }
        }

        deserializer.deserialize_str(Text).map(|bytes| Self(Cow::Owned(bytes)))
    }
}

/// A key that must stand in the line, although its value may be null.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.map(Cow::Owned))
}

/// A key that may be absent, but whose value is never null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
