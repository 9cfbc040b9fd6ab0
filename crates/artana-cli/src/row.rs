//! An answer as named values: one definition for the table, the tab-separated line and the JSON object.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::text::{json_line, shown};

/// Named values in the order they are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row(Vec<(&'static str, Value)>);

impl Row {
    /// Adds a value.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Returns the values as text without control characters; nothing is the empty text.
    pub(crate) fn cells(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(_, value)| cell(value))
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.0.iter().map(|(name, value)| (*name, cell(value)))
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => shown(text),
        other => json_line(other),
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
