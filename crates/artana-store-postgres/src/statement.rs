//! How values go into statements and come out of columns: damage is told by the column's name. Nothing here knows
//! a table.

use tokio_postgres::{Row, types::ToSql};

use crate::error::Failure;

/// A value on its way into a statement, owned, so that the statement can outlive the call that sent it.
pub(crate) type Param = Box<dyn ToSql + Sync + Send>;

/// Boxes the values of a statement.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$(Box::new($value) as $crate::statement::Param),*]
    };
}
pub(crate) use params;

/// A column's place in a row, and its name for when it is damaged.
#[derive(Clone, Copy)]
pub(crate) struct Column(pub(crate) usize, pub(crate) &'static str);

impl Column {
    fn damaged(self, should: &str) -> Failure {
        Failure::damaged(format!("{} does not hold {should}", self.1))
    }

    pub(crate) fn int(self, row: &Row) -> Result<i64, Failure> {
        self.maybe_int(row)?.ok_or_else(|| self.damaged("an integer"))
    }

    pub(crate) fn maybe_int(self, row: &Row) -> Result<Option<i64>, Failure> {
        row.try_get(self.0).map_err(|_| self.damaged("an integer"))
    }

    pub(crate) fn small(self, row: &Row) -> Result<i16, Failure> {
        row.try_get(self.0).map_err(|_| self.damaged("a small integer"))
    }

    pub(crate) fn flag(self, row: &Row) -> Result<bool, Failure> {
        row.try_get(self.0).map_err(|_| self.damaged("yes or no"))
    }

    pub(crate) fn bytes(self, row: &Row) -> Result<&[u8], Failure> {
        self.maybe_bytes(row)?.ok_or_else(|| self.damaged("bytes"))
    }

    pub(crate) fn maybe_bytes(self, row: &Row) -> Result<Option<&[u8]>, Failure> {
        row.try_get(self.0).map_err(|_| self.damaged("bytes"))
    }

    pub(crate) fn array<const N: usize>(self, row: &Row) -> Result<[u8; N], Failure> {
        self.bytes(row)?.try_into().map_err(|_| self.damaged("a value of its length"))
    }

    pub(crate) fn maybe_array<const N: usize>(self, row: &Row) -> Result<Option<[u8; N]>, Failure> {
        match self.maybe_bytes(row)? {
            Some(bytes) => Ok(Some(bytes.try_into().map_err(|_| self.damaged("a value of its length"))?)),
            None => Ok(None),
        }
    }

    pub(crate) fn text(self, row: &Row) -> Result<&str, Failure> {
        self.maybe_text(row)?.ok_or_else(|| self.damaged("text"))
    }

    pub(crate) fn maybe_text(self, row: &Row) -> Result<Option<&str>, Failure> {
        row.try_get(self.0).map_err(|_| self.damaged("text"))
    }
}
