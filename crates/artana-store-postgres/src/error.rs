//! The one place where the driver's errors become the port's, by SQLSTATE and never by text.
//! No message of the server or the driver is passed on: it could hold what a row or an address holds.

use artana_ports::{AppendError, BeatError, StoreError};
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::schema;

/// The code that the schema's functions raise where a newer version migrated it.
const NEWER: &str = "AR007";

/// What went wrong inside this crate, before it is told in the port's terms.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The driver or the server said so, after a statement was sent.
    Driver(tokio_postgres::Error),
    /// The driver or the server said so, and no statement had been sent.
    Unsent(tokio_postgres::Error),
    /// A statement was sent, and the server did not answer in time.
    Silent,
    /// This crate said so; nothing was sent, or what came back cannot be right.
    Store(StoreError),
}

impl Failure {
    /// Describes a row that cannot be what this crate wrote.
    pub(crate) fn damaged(reason: impl Into<String>) -> Self {
        Self::Store(StoreError::Damaged { reason: reason.into() })
    }

    /// Returns what the server said, if it said anything.
    pub(crate) fn said(&self) -> Option<&DbError> {
        match self {
            Self::Driver(error) | Self::Unsent(error) => error.as_db_error(),
            Self::Silent | Self::Store(_) => None,
        }
    }

    /// Returns the server's code, if it said anything.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        self.said().map(DbError::code)
    }

    /// Says whether the server refused a statement and keeps the connection: then the transaction is undone, and
    /// the connection is as it was. In any other case nobody knows what became of either.
    pub(crate) fn is_refusal(&self) -> bool {
        self.said().is_some_and(|said| said.parsed_severity() == Some(Severity::Error) && !lost(said.code()))
    }

    /// Says whether the connection, and not the statement, is to blame.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Driver(_) | Self::Unsent(_) => !self.is_refusal(),
            Self::Silent => true,
            Self::Store(_) => false,
        }
    }

    /// Says whether a statement may have been carried out all the same.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_lost() && !matches!(self, Self::Unsent(_))
    }

    /// Says whether a statement does not fit the schema.
    pub(crate) fn is_of_schema(&self) -> bool {
        let codes = [
            SqlState::UNDEFINED_FUNCTION,
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_COLUMN,
            SqlState::INVALID_SCHEMA_NAME,
        ];
        self.code().is_some_and(|code| codes.contains(code))
    }

    /// Says whether a statement was prepared for a schema that has changed: nothing was done, and a connection that
    /// prepares it anew may do it.
    pub(crate) fn is_stale(&self) -> bool {
        self.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
    }

    /// Says whether a connection on which this happened is as good as before. One that takes no writes, or whose
    /// statements no longer fit the schema, is not.
    pub(crate) fn leaves_the_connection(&self) -> bool {
        let stale = [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::FEATURE_NOT_SUPPORTED,
            SqlState::INVALID_SQL_STATEMENT_NAME,
        ];
        let fits = || !self.is_of_schema() && self.code().is_none_or(|code| !stale.contains(code));
        matches!(self, Self::Store(_)) || (self.is_refusal() && fits())
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match &failure {
            Failure::Silent => unavailable("the server does not answer"),
            Failure::Driver(_) | Failure::Unsent(_) => match failure.code() {
                Some(code) if code.code() == NEWER => schema::too_new(failure.said().and_then(DbError::detail)),
                Some(code) => of_code(code),
                None => unavailable("the server cannot be reached, or the connection to it was lost"),
            },
            Failure::Store(error) => error.clone(),
        }
    }
}

impl From<Failure> for AppendError {
    fn from(failure: Failure) -> Self {
        if failure.is_doubtful() { Self::Ambiguous } else { Self::Store(written(failure)) }
    }
}

impl From<Failure> for BeatError {
    fn from(failure: Failure) -> Self {
        Self::Store(written(failure))
    }
}

/// Tells of a failed write. A missing right is then no trouble of the server's: whoever opened the store may only
/// read.
pub(crate) fn written(failure: Failure) -> StoreError {
    if failure.is_doubtful() {
        return unavailable("the store cannot say whether the write committed; send it again");
    }
    if failure.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return StoreError::ReadOnly;
    }
    failure.into()
}

pub(crate) fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable { reason: reason.into() }
}

pub(crate) fn busy(reason: &str) -> StoreError {
    StoreError::Busy { reason: reason.into() }
}

fn of_code(code: &SqlState) -> StoreError {
    let damaged = |reason: &str| StoreError::Damaged { reason: reason.into() };
    match *code {
        SqlState::LOCK_NOT_AVAILABLE => busy("another transaction holds a row for too long"),
        SqlState::QUERY_CANCELED => busy("a statement took too long"),
        SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE => {
            busy("two transactions waited for each other")
        }
        SqlState::TOO_MANY_CONNECTIONS => busy("the server has no connection left"),
        SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::ReadOnly,
        SqlState::DISK_FULL => StoreError::Full,
        SqlState::INSUFFICIENT_PRIVILEGE => unavailable("the role lacks a right; grant it what the schema artana asks"),
        SqlState::DATA_CORRUPTED => damaged("the server finds its data corrupted"),
        SqlState::INDEX_CORRUPTED => damaged("the server finds an index corrupted"),
        SqlState::UNIQUE_VIOLATION => damaged("a row is there that should not be"),
        SqlState::UNDEFINED_TABLE
        | SqlState::UNDEFINED_COLUMN
        | SqlState::UNDEFINED_FUNCTION
        | SqlState::INVALID_SCHEMA_NAME => damaged("the schema artana is not the one this version knows"),
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            unavailable("the server does not let the role in")
        }
        // The code alone: the server's words may hold what a row holds.
        _ => StoreError::Unavailable { reason: format!("the server answered with code {}", code.code()) },
    }
}

/// Says whether a code means that the connection ends, or that the server does not know what became of a statement.
fn lost(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08") || code.starts_with("57P") || code == "40003" || code == "25P03"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart() {
        for (code, told) in [
            ("55P03", "artana::store_busy"),
            ("57014", "artana::store_busy"),
            ("40P01", "artana::store_busy"),
            ("53300", "artana::store_busy"),
            ("25006", "artana::store_read_only"),
            ("53100", "artana::store_full"),
            ("XX001", "artana::store_damaged"),
            ("42P01", "artana::store_damaged"),
            ("42501", "artana::store_unavailable"),
            ("28P01", "artana::store_unavailable"),
            ("53200", "artana::store_unavailable"),
        ] {
            assert_eq!(of_code(&SqlState::from_code(code)).code(), told, "{code}");
        }
    }

    #[test]
    fn what_ends_a_connection_is_no_refusal() {
        for code in ["57P01", "57P02", "57P03", "08006", "40003"] {
            assert!(lost(&SqlState::from_code(code)), "{code}");
        }
        for code in ["57014", "40001", "23505", "AR002"] {
            assert!(!lost(&SqlState::from_code(code)), "{code}");
        }
    }

    #[test]
    fn a_write_without_an_answer_is_in_doubt() {
        assert!(matches!(AppendError::from(Failure::Silent), AppendError::Ambiguous));
        let told = AppendError::from(Failure::damaged("x"));
        assert!(matches!(told, AppendError::Store(StoreError::Damaged { .. })));
    }
}
