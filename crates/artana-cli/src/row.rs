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
    column: Column,
    value: Value,
    /// What a person is shown instead.
    person: Option<String>,
}

/// What a table knows of a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// How well a person can do without it on a narrow page: 0 for not at all.
    pub(crate) weight: u8,
    pub(crate) is_number: bool,
}

impl Row {
    /// Adds a value.
    pub(crate) fn with(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.and(name, value.into(), None)
    }

    /// Adds a value that a person is shown otherwise.
    pub(crate) fn or_shown(self, name: &'static str, value: impl Into<Value>, person: impl Into<String>) -> Self {
        self.and(name, value.into(), Some(person.into()))
    }

    fn and(mut self, name: &'static str, value: Value, person: Option<String>) -> Self {
        let column = Column { name, weight: 0, is_number: value.is_number() };
        self.0.push(Cell { column, value, person });
        self
    }

    /// Adds an instant, exact to the second for people.
    pub(crate) fn time(self, name: &'static str, at: Timestamp) -> Self {
        self.or_shown(name, time(at), short_time(at))
    }

    /// Says how well a person can do without the value that was added last: the higher, the better.
    pub(crate) fn weight(mut self, weight: u8) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.column.weight = weight;
        }
        self
    }

    /// Lines up the value that was added last like a number.
    pub(crate) fn aligned_right(mut self) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.column.is_number = true;
        }
        self
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = Column> {
        self.0.iter().map(|cell| cell.column)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns().map(|column| column.name)
    }

    /// Returns the values as text without control characters; nothing is the empty text.
    pub(crate) fn cells(&self, reader: Reader) -> impl Iterator<Item = String> {
        self.0.iter().map(move |cell| cell.text(reader))
    }

    pub(crate) fn pairs(&self, reader: Reader) -> impl Iterator<Item = (&'static str, String)> {
        self.0.iter().map(move |cell| (cell.column.name, cell.text(reader)))
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
            map.serialize_entry(cell.column.name, &cell.value)?;
        }
        map.end()
    }
}
