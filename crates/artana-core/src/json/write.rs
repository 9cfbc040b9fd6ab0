//! Writes the canonical bytes of a value: equal values give equal bytes, on every build. Must not
//! rely on the order in which `serde_json` keeps an object, nor on its writer.

use serde_json::{Map, Value};

use super::error::{JsonError, JsonErrorKind};
use super::{MAX_BYTES, MAX_DEPTH, number, read};

/// Writes the one spelling that the profile has for a value.
///
/// # Errors
///
/// Refuses a value of more than [`MAX_DEPTH`] levels or more than [`MAX_BYTES`] canonical bytes, and
/// a number outside the profile, which only a `serde_json` built with `arbitrary_precision` can hold.
pub fn to_canonical(value: &Value) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::with_capacity(128);
    write_value(&mut out, value, 1)?;
    if out.len() > MAX_BYTES {
        return Err(JsonErrorKind::TooLarge.at(MAX_BYTES));
    }
    Ok(out)
}

/// Reads a document and writes its canonical bytes.
///
/// # Errors
///
/// Whatever [`parse`](super::parse) and [`to_canonical`] refuse.
pub fn canonicalize(bytes: &[u8]) -> Result<Vec<u8>, JsonError> {
    to_canonical(&read::parse(bytes)?)
}

fn write_value(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), JsonError> {
    if depth > MAX_DEPTH {
        return Err(JsonErrorKind::TooDeep.at(out.len()));
    }
    if out.len() > MAX_BYTES {
        return Err(JsonErrorKind::TooLarge.at(MAX_BYTES));
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => number::write(out, number)?,
        Value::String(string) => write_string(out, string),
        Value::Array(items) => write_array(out, items, depth)?,
        Value::Object(members) => write_object(out, members, depth)?,
    }
    Ok(())
}

fn write_array(out: &mut Vec<u8>, items: &[Value], depth: usize) -> Result<(), JsonError> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_value(out, item, depth + 1)?;
    }
    out.push(b']');
    Ok(())
}

/// Sorts the members unless they are: a `String` orders by its UTF-8 bytes, as the profile does.
fn write_object(out: &mut Vec<u8>, members: &Map<String, Value>, depth: usize) -> Result<(), JsonError> {
    if members.keys().is_sorted() {
        return write_members(out, members.iter(), depth);
    }
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    write_members(out, sorted.into_iter(), depth)
}

fn write_members<'a>(
    out: &mut Vec<u8>,
    members: impl Iterator<Item = (&'a String, &'a Value)>,
    depth: usize,
) -> Result<(), JsonError> {
    out.push(b'{');
    for (index, (key, value)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, key);
        out.push(b':');
        write_value(out, value, depth + 1)?;
    }
    out.push(b'}');
    Ok(())
}

/// Copies runs of bytes that need no escape, and escapes the byte between two runs.
fn write_string(out: &mut Vec<u8>, string: &str) {
    let mut rest = string.as_bytes();
    out.push(b'"');
    while let Some(plain) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..=0x1f)) {
        out.extend_from_slice(&rest[..plain]);
        write_escape(out, rest[plain]);
        rest = &rest[plain + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        control => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(control >> 4)]);
            out.push(HEX[usize::from(control & 0x0f)]);
        }
    }
}
