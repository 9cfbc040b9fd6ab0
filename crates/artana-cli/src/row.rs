//! An answer as named values: one definition for the table, the tab-separated line and the JSON object.

use artana_core::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::{
    look::Reader,
    text::{json_line, short_time, shown, time},
};

/// Named values in the order they are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row(Vec<Cell>);

#[derive(Debug, Clone)]
struct Cell {
    name: &'static str,
    value: Value,
    /// What a person is shown instead.
    person: Option<String>,
}

impl Row {
    /// Adds a value.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push(Cell { name, value: value.into(), person: None });
        self
    }

    /// Adds a value that a person is shown otherwise.
    pub(crate) fn or_shown(mut self, name: &'static str, value: impl Into<Value>, person: impl Into<String>) -> Self {
        self.0.push(Cell { name, value: value.into(), person: Some(person.into()) });
        self
    }

    /// Adds an instant, exact to the second for people.
    pub(crate) fn time(self, name: &'static str, at: Timestamp) -> Self {
        self.or_shown(name, time(at), short_time(at))
    }

    /// Adds values that are not there.
    pub(crate) fn without<const N: usize>(self, names: [&'static str; N]) -> Self {
        names.into_iter().fold(self, |row, name| row.with(name, Value::Null))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|cell| cell.name)
    }

    /// Returns the values as text without control characters; nothing is the empty text.
    pub(crate) fn cells(&self, reader: Reader) -> impl Iterator<Item = String> {
        self.0.iter().map(move |cell| cell.text(reader))
    }

    pub(crate) fn pairs(&self, reader: Reader) -> impl Iterator<Item = (&'static str, String)> {
        self.0.iter().map(move |cell| (cell.name, cell.text(reader)))
    }
}

impl Cell {
    fn text(&self, reader: Reader) -> String {
        match (&self.person, &self.value) {
            (Some(person), _) if reader == Reader::Person => shown(person),
            (_, Value::Null) => String::new(),
            (_, Value::String(text)) => shown(text),
            (_, other) => json_line(other),
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for cell in &self.0 {
            map.serialize_entry(cell.name, &cell.value)?;
        }
        map.end()
    }
}
