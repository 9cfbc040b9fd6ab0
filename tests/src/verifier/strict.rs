//! JSON without repeated keys, objects whose every key is accounted for, and content references.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::frame::hex;

/// References to content: digest and length.
pub(super) type References = Vec<([u8; 32], u64)>;

/// Reads one JSON value in which no object repeats a key.
pub(super) fn parse(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Unrepeated>(bytes).ok().map(|value| value.0)
}

/// Finds the content references of a payload, which has to be an object.
pub(super) fn references(payload: &Value) -> Option<References> {
    let mut found = References::new();
    payload.as_object()?;
    collect(payload, &mut found)?;
    Some(found)
}

fn collect(value: &Value, found: &mut References) -> Option<()> {
    match value {
        Value::Object(map) if map.len() == 3 && ["digest", "len", "type"].iter().all(|key| map.contains_key(*key)) => {
            if !matches!(map["type"].as_str()?, "json" | "text" | "bytes") {
                return None;
            }
            found.push((hex(map["digest"].as_str()?)?, map["len"].as_u64()?));
            Some(())
        }
        Value::Object(map) => map.values().try_for_each(|inner| collect(inner, found)),
        Value::Array(items) => items.iter().try_for_each(|inner| collect(inner, found)),
        _ => Some(()),
    }
}

/// An object whose keys are taken out one by one, so that what is left over shows.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        parse(line).and_then(Self::of)
    }

    pub(super) fn of(value: Value) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self(map)),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(String::from)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    pub(super) fn take_text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn take_name(&mut self, key: &str) -> Option<String> {
        self.take_text(key).filter(|name| (1..=256).contains(&name.len()) && !name.chars().any(char::is_control))
    }

    pub(super) fn take_u64(&mut self, key: &str) -> Option<u64> {
        self.take(key)?.as_u64()
    }

    pub(super) fn take_hash(&mut self, key: &str) -> Option<[u8; 32]> {
        hex(&self.take_text(key)?)
    }

    pub(super) fn take_base64(&mut self, key: &str) -> Option<Vec<u8>> {
        STANDARD.decode(self.take_text(key)?).ok()
    }

    /// Every key has to have been taken.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// A JSON value without repeated keys.
struct Unrepeated(Value);

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unrepeated(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((key, Unrepeated(value))) = map.next_entry::<String, Unrepeated>()? {
            if members.insert(key, value).is_some() {
                return Err(de::Error::custom("a repeated key"));
            }
        }
        Ok(members.into())
    }
}
