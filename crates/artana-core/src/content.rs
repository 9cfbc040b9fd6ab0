//! Content: what people, models and tools said, and how payloads refer to it.
//! Content lives in the vault; the chain holds digests only. Nothing here stores anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Digest;

/// What a piece of content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the format closes this vocabulary for good")]
pub enum ContentType {
    /// A JSON document, byte for byte as it was given.
    Json,
    /// UTF-8 text.
    Text,
    /// Anything else.
    Bytes,
}

/// A payload's reference to content. An object with exactly these three keys is one wherever it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentRef {
    /// The keyed digest of the plaintext.
    pub digest: Digest,
    /// The length of the plaintext in bytes.
    pub len: u64,
    /// What the plaintext is.
    #[serde(rename = "type")]
    pub kind: ContentType,
}

/// A piece of content on its way into the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The keyed digest of `bytes`.
    pub digest: Digest,
    /// The plaintext.
    pub bytes: Vec<u8>,
}

/// An object has the keys of a content reference but not its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an object with the keys digest, len and type is not a content reference")]
pub struct BadReference;

/// Finds every content reference of a payload, in document order, in known and unknown kinds alike.
///
/// # Errors
///
/// [`BadReference`] when an object has exactly the keys of a reference but other values.
pub fn references(payload: &Value) -> Result<Vec<ContentRef>, BadReference> {
    let mut found = Vec::new();
    collect(payload, &mut found)?;
    Ok(found)
}

fn collect(value: &Value, found: &mut Vec<ContentRef>) -> Result<(), BadReference> {
    match value {
        Value::Object(map) if map.len() == 3 && ["digest", "len", "type"].iter().all(|k| map.contains_key(*k)) => {
            found.push(ContentRef::deserialize(value).map_err(|_| BadReference)?);
            Ok(())
        }
        Value::Object(map) => map.values().try_for_each(|inner| collect(inner, found)),
        Value::Array(items) => items.iter().try_for_each(|inner| collect(inner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_references_anywhere_and_nothing_else() {
        let reference = json!({"digest": "ab".repeat(32), "len": 3, "type": "text"});
        let payload =
            json!({"a": [1, reference, {"b": reference}], "c": {"digest": "x", "len": 1, "type": "text", "more": 1}});
        assert_eq!(references(&payload).map(|found| found.len()), Ok(2));
    }

    #[test]
    fn a_malformed_reference_is_an_error() {
        for bad in [
            json!({"digest": "AB", "len": 3, "type": "text"}),
            json!({"digest": "ab".repeat(32), "len": -1, "type": "text"}),
        ] {
            assert_eq!(references(&json!([bad])), Err(BadReference));
        }
    }
}
