//! Stored values as SQLite has them, and rows whose columns can be set to anything, their keys included.

use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

/// A stored value. Text need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stored {
    Int(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Stored {
    /// Reads a value; `None` where there is none.
    pub(super) fn read(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Null => None,
            ValueRef::Integer(int) => Some(Self::Int(int)),
            ValueRef::Text(text) => Some(Self::Text(text.into())),
            ValueRef::Blob(blob) => Some(Self::Blob(blob.into())),
            ValueRef::Real(_) => panic!("no column holds a float"),
        }
    }

    /// Returns how many bits are stored.
    pub(super) fn bits(&self) -> usize {
        match self {
            Self::Int(_) => 64,
            Self::Text(bytes) | Self::Blob(bytes) => 8 * bytes.len(),
        }
    }

    /// Returns the value with one bit flipped.
    pub(super) fn flipped(&self, bit: usize) -> Self {
        let mut flipped = self.clone();
        match &mut flipped {
            Self::Int(int) => *int ^= 1 << bit,
            Self::Text(bytes) | Self::Blob(bytes) => bytes[bit / 8] ^= 1 << (bit % 8),
        }
        flipped
    }
}

impl From<&str> for Stored {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl ToSql for Stored {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(int) => ValueRef::Integer(*int),
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(blob) => ValueRef::Blob(blob),
        }))
    }
}

/// A row, found by its key as it is now.
#[derive(Debug, Clone)]
pub(super) struct Row {
    table: &'static str,
    key: Vec<(&'static str, Stored)>,
}

impl Row {
    pub(super) fn new(table: &'static str, key: impl IntoIterator<Item = (&'static str, Stored)>) -> Self {
        Self { table, key: key.into_iter().collect() }
    }

    pub(super) fn table(&self) -> &'static str {
        self.table
    }

    /// Reads a column; `None` where nothing is stored.
    fn get(&self, raw: &Connection, column: &str) -> Option<Stored> {
        let sql = format!("SELECT {column} FROM {} WHERE {}", self.table, self.condition(1));
        let values = self.key.iter().map(|(_, value)| value);
        raw.query_row(&sql, params_from_iter(values), |row| Ok(Stored::read(row.get_ref(0)?))).expect("the row")
    }

    /// Sets a column. A row that is there already keeps its place, and nothing changes.
    fn set(&mut self, raw: &Connection, column: &str, value: &Stored) -> rusqlite::Result<()> {
        let sql = format!("UPDATE {} SET {column} = ?1 WHERE {}", self.table, self.condition(2));
        let values = std::iter::once(value).chain(self.key.iter().map(|(_, value)| value));
        let changed = raw.prepare(&sql)?.execute(params_from_iter(values))?;
        assert_eq!(changed, 1, "{self:?}");
        for (name, current) in &mut self.key {
            if *name == column {
                current.clone_from(value);
            }
        }
        Ok(())
    }

    fn condition(&self, first: usize) -> String {
        let equal = (first..).zip(&self.key).map(|(n, (name, _))| format!("{name} = ?{n}"));
        equal.collect::<Vec<_>>().join(" AND ")
    }
}

/// One column of several rows, each of which is tampered with by itself.
pub(super) struct Cells {
    column: String,
    rows: Vec<Row>,
    values: Vec<Option<Stored>>,
}

impl Cells {
    pub(super) fn new(raw: &Connection, column: &str, rows: Vec<Row>) -> Self {
        let values = rows.iter().map(|row| row.get(raw, column)).collect();
        Self { column: column.to_owned(), rows, values }
    }

    /// Returns how many bits the longest value has.
    pub(super) fn most_bits(&self) -> usize {
        self.values.iter().flatten().map(Stored::bits).max().unwrap_or(0)
    }

    /// Says whether a row's value has such a bit.
    pub(super) fn has(&self, at: usize, bit: usize) -> bool {
        self.values[at].as_ref().is_some_and(|value| bit < value.bits())
    }

    /// Returns the row's value, where one is stored.
    pub(super) fn value(&self, at: usize) -> Option<&Stored> {
        self.values[at].as_ref()
    }

    /// Flips the same bit of every value that has it, and sets the others back. Bits are taken in order.
    pub(super) fn flip_all(&mut self, raw: &Connection, bit: usize) {
        raw.execute_batch("BEGIN").expect("begins");
        for (row, value) in self.rows.iter_mut().zip(&self.values) {
            let Some(value) = value.as_ref().filter(|value| bit <= value.bits()) else { continue };
            let tampered = if bit < value.bits() { value.flipped(bit) } else { value.clone() };
            row.set(raw, &self.column, &tampered).expect("set");
        }
        raw.execute_batch("COMMIT").expect("commits");
    }

    /// Flips a bit of one value.
    pub(super) fn flip(&mut self, raw: &Connection, at: usize, bit: usize) -> rusqlite::Result<()> {
        let value = self.values[at].as_ref().expect("a stored value").flipped(bit);
        self.rows[at].set(raw, &self.column, &value)
    }

    /// Sets one value back.
    pub(super) fn restore(&mut self, raw: &Connection, at: usize) {
        let value = self.values[at].as_ref().expect("a stored value");
        self.rows[at].set(raw, &self.column, value).expect("set back");
    }
}

/// Lists a table's columns.
pub(super) fn columns(raw: &Connection, table: &str) -> Vec<String> {
    let mut statement = raw.prepare("SELECT name FROM pragma_table_info(?1)").expect("a statement");
    let names = statement.query_map([table], |row| row.get(0)).expect("columns");
    names.map(|name| name.expect("a name")).collect()
}
