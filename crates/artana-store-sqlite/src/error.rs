//! The one place where the driver's errors become the port's, by result code and never by text.
//! No message of the driver is passed on: it could hold what a row holds.

use artana_ports::{AppendError, BeatError, StoreError};
use rusqlite::ffi;

/// What went wrong inside this crate, before it is told in the port's terms.
#[derive(Debug)]
pub(crate) enum Failure {
    Driver(rusqlite::Error),
    Store(StoreError),
}

impl Failure {
    /// Describes a row, or a part of the file, that cannot be what this crate wrote.
    pub(crate) fn damaged(reason: impl Into<String>) -> Self {
        Self::Store(StoreError::Damaged { reason: reason.into() })
    }

    /// Returns the driver's primary result code, if the driver failed.
    pub(crate) fn code(&self) -> Option<i32> {
        match self {
            Self::Driver(rusqlite::Error::SqliteFailure(error, _)) => Some(error.extended_code & 0xff),
            Self::Driver(_) | Self::Store(_) => None,
        }
    }

    /// Says whether the file is locked by somebody else for now.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.code(), Some(ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED))
    }

    /// Says whether a statement does not fit the file's schema.
    pub(crate) fn is_of_schema(&self) -> bool {
        matches!(self.code(), Some(ffi::SQLITE_ERROR))
    }

    /// Says whether a failed commit certainly wrote nothing. After any other failure the transaction
    /// may stand in the log, and the next process to open the file may find it there.
    pub(crate) fn wrote_nothing(&self) -> bool {
        self.is_busy()
            || matches!(
                self.code(),
                Some(ffi::SQLITE_FULL | ffi::SQLITE_READONLY | ffi::SQLITE_CONSTRAINT | ffi::SQLITE_TOOBIG)
            )
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
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
        match failure {
            Failure::Store(error) => error,
            Failure::Driver(rusqlite::Error::SqliteFailure(error, _)) => of_code(error),
            Failure::Driver(_) => Self::Damaged { reason: "a column does not hold what it should".into() },
        }
    }
}

impl From<Failure> for AppendError {
    fn from(failure: Failure) -> Self {
        Self::Store(failure.into())
    }
}

impl From<Failure> for BeatError {
    fn from(failure: Failure) -> Self {
        Self::Store(failure.into())
    }
}

fn of_code(error: ffi::Error) -> StoreError {
    // The driver's own description of the code; it names no table and no value.
    let reason = error.to_string();
    match error.extended_code {
        ffi::SQLITE_READONLY_DBMOVED => {
            return StoreError::Unavailable { reason: "the file was moved or deleted while it was open".into() };
        }
        ffi::SQLITE_IOERR_CORRUPTFS => return StoreError::Damaged { reason },
        _ => {}
    }
    match error.extended_code & 0xff {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StoreError::Busy { reason: "another process holds the file".into() },
        ffi::SQLITE_FULL => StoreError::Full,
        ffi::SQLITE_READONLY => StoreError::ReadOnly,
        ffi::SQLITE_CONSTRAINT => StoreError::Damaged { reason: "a row is there that should not be".into() },
        ffi::SQLITE_ERROR => {
            StoreError::Damaged { reason: "the file's schema is not the one this version knows".into() }
        }
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_FORMAT | ffi::SQLITE_TOOBIG | ffi::SQLITE_MISMATCH => {
            StoreError::Damaged { reason }
        }
        _ => StoreError::Unavailable { reason },
    }
}

/// An error that can say that nobody knows whether a write was committed.
pub(crate) trait Doubt {
    fn doubt() -> Self;
}

impl Doubt for AppendError {
    fn doubt() -> Self {
        Self::Ambiguous
    }
}

impl Doubt for StoreError {
    fn doubt() -> Self {
        Self::Unavailable { reason: "the store cannot say whether the write committed; send it again".into() }
    }
}

impl Doubt for BeatError {
    fn doubt() -> Self {
        Self::Store(StoreError::doubt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(extended: i32) -> &'static str {
        StoreError::from(Failure::Driver(rusqlite::Error::SqliteFailure(
            ffi::Error::new(extended),
            Some("secret".into()),
        )))
        .code()
    }

    #[test]
    fn codes_are_told_by_number() {
        let cases = [
            (ffi::SQLITE_BUSY_SNAPSHOT, "artana::store_busy"),
            (ffi::SQLITE_FULL, "artana::store_full"),
            (ffi::SQLITE_READONLY_DIRECTORY, "artana::store_read_only"),
            (ffi::SQLITE_CORRUPT_INDEX, "artana::store_damaged"),
            (ffi::SQLITE_NOTADB, "artana::store_damaged"),
            (ffi::SQLITE_IOERR_FSYNC, "artana::store_unavailable"),
            (ffi::SQLITE_IOERR_CORRUPTFS, "artana::store_damaged"),
            (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, "artana::store_damaged"),
        ];
        for (extended, code) in cases {
            assert_eq!(told(extended), code, "{extended}");
        }
    }

    #[test]
    fn the_drivers_message_is_not_passed_on() {
        let failure =
            Failure::Driver(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some("secret".into())));
        assert!(!StoreError::from(failure).to_string().contains("secret"));
    }

    #[test]
    fn a_failed_sync_leaves_the_commit_in_doubt() {
        let failed = |code| Failure::Driver(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        assert!(!failed(ffi::SQLITE_IOERR_FSYNC).wrote_nothing());
        assert!(failed(ffi::SQLITE_FULL).wrote_nothing());
    }
}
