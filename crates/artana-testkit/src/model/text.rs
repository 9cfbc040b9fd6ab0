//! Texts that fit a JSON Schema, by format and length, and the spelling of references. Values only.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::sample::bound;

/// A text of each format that schemas of Rust types name.
const FORMATS: [(&str, &str); 17] = [
    ("date", "2024-10-04"),
    ("date-time", "2024-10-04T00:00:00Z"),
    ("duration", "PT1S"),
    ("email", "a@example.com"),
    ("hostname", "example.com"),
    ("idn-email", "a@example.com"),
    ("idn-hostname", "example.com"),
    ("ip", "127.0.0.1"),
    ("ipv4", "127.0.0.1"),
    ("ipv6", "::1"),
    ("iri", "https://example.com/"),
    ("partial-date-time", "2024-10-04T00:00:00"),
    ("time", "00:00:00Z"),
    ("uri", "https://example.com/"),
    ("uri-reference", "/"),
    ("url", "https://example.com/"),
    ("uuid", "00000000-0000-4000-8000-000000000000"),
];

/// Returns a text of the format, or else a short one within the bounds of its length.
pub(super) fn sample(keywords: &Map<String, Value>) -> String {
    let format = keywords.get("format").and_then(Value::as_str);
    let known = format.and_then(|format| FORMATS.iter().find(|(name, _)| *name == format));
    if let Some((_, text)) = known {
        return (*text).to_owned();
    }
    let most = keywords.get("maxLength").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let least = bound(keywords, "minLength");
    "s".repeat(if most == 0 { 0 } else { least.max(1) })
}

/// Decodes the percent signs of a reference; what is not well written stays as it is.
pub(super) fn percent_decoded(reference: &str) -> Cow<'_, str> {
    if !reference.contains('%') {
        return reference.into();
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(reference.len()), reference.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let decoded = digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).map_or_else(|_| reference.into(), Cow::Owned)
}
