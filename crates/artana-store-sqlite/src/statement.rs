//! Prepared statements of one connection, and how columns are read: bytes as they are stored, and
//! damage told by the column's name. Nothing here knows a table.

use rusqlite::{
    Connection, Params, Row, Statement, ToSql,
    types::{ToSqlOutput, ValueRef},
};

use crate::error::Failure;

/// Prepares each statement once. The list is short, and texts of different lengths differ at once.
pub(crate) struct Statements<'c> {
    connection: &'c Connection,
    ready: Vec<(&'static str, Statement<'c>)>,
}

impl<'c> Statements<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection, ready: Vec::with_capacity(16) }
    }

    pub(crate) fn connection(&self) -> &'c Connection {
        self.connection
    }

    pub(crate) fn get(&mut self, sql: &'static str) -> Result<&mut Statement<'c>, Failure> {
        let at = match self.ready.iter().position(|(text, _)| *text == sql) {
            Some(at) => at,
            None => {
                self.ready.push((sql, self.connection.prepare(sql)?));
                self.ready.len() - 1
            }
        };
        Ok(&mut self.ready[at].1)
    }

    /// Runs a statement that returns no rows, and says how many it changed.
    pub(crate) fn run(&mut self, sql: &'static str, params: impl Params) -> Result<usize, Failure> {
        Ok(self.get(sql)?.execute(params)?)
    }

    /// Reads the first row there is.
    pub(crate) fn first<T>(
        &mut self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut rows = self.get(sql)?.query(params)?;
        rows.next()?.map(read).transpose()
    }

    /// Reads every row there is.
    pub(crate) fn all<T>(
        &mut self,
        sql: &'static str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut rows = self.get(sql)?.query(params)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }
}

/// Bytes to be stored as text, whether or not they are UTF-8.
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// A column's place in a row, and its name for when it is damaged.
#[derive(Clone, Copy)]
pub(crate) struct Column(pub(crate) usize, pub(crate) &'static str);

impl Column {
    fn damaged(self, should: &str) -> Failure {
        Failure::damaged(format!("{} does not hold {should}", self.1))
    }

    pub(crate) fn int(self, row: &Row<'_>) -> Result<i64, Failure> {
        self.maybe_int(row)?.ok_or_else(|| self.damaged("an integer"))
    }

    pub(crate) fn maybe_int(self, row: &Row<'_>) -> Result<Option<i64>, Failure> {
        match row.get_ref(self.0)? {
            ValueRef::Integer(value) => Ok(Some(value)),
            ValueRef::Null => Ok(None),
            ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Err(self.damaged("an integer")),
        }
    }

    /// Borrows text or a blob as the bytes that are stored; text need not be UTF-8.
    pub(crate) fn bytes<'r>(self, row: &'r Row<'_>) -> Result<&'r [u8], Failure> {
        self.maybe_bytes(row)?.ok_or_else(|| self.damaged("bytes"))
    }

    pub(crate) fn maybe_bytes<'r>(self, row: &'r Row<'_>) -> Result<Option<&'r [u8]>, Failure> {
        match row.get_ref(self.0)? {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Some(bytes)),
            ValueRef::Null => Ok(None),
            ValueRef::Integer(_) | ValueRef::Real(_) => Err(self.damaged("bytes")),
        }
    }

    pub(crate) fn array<const N: usize>(self, row: &Row<'_>) -> Result<[u8; N], Failure> {
        self.bytes(row)?.try_into().map_err(|_| self.damaged("a value of its length"))
    }

    pub(crate) fn maybe_array<const N: usize>(self, row: &Row<'_>) -> Result<Option<[u8; N]>, Failure> {
        match self.maybe_bytes(row)? {
            Some(bytes) => Ok(Some(bytes.try_into().map_err(|_| self.damaged("a value of its length"))?)),
            None => Ok(None),
        }
    }

    pub(crate) fn text<'r>(self, row: &'r Row<'_>) -> Result<&'r str, Failure> {
        std::str::from_utf8(self.bytes(row)?).map_err(|_| self.damaged("text"))
    }

    pub(crate) fn maybe_text<'r>(self, row: &'r Row<'_>) -> Result<Option<&'r str>, Failure> {
        self.maybe_bytes(row)?.map(std::str::from_utf8).transpose().map_err(|_| self.damaged("text"))
    }
}
