//! What other errors become. What the kernel handles itself is no error of its callers.

use artana_core::{FoldError, RunRef, content::BadReference};
use artana_ports::{AppendError, BeatError, StoreError};

use super::Error;

impl From<BeatError> for Error {
    fn from(error: BeatError) -> Self {
        match error {
            BeatError::Store(store) => store.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<FoldError> for Error {
    fn from(error: FoldError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<BadReference> for Error {
    fn from(error: BadReference) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<artana_core::PayloadTooLarge> for Error {
    fn from(error: artana_core::PayloadTooLarge) -> Self {
        Self::TooLarge(error.to_string())
    }
}

/// Maps what an append can answer besides a conflict, which the journal handles itself.
pub(crate) fn append_failed(run: &RunRef, error: AppendError) -> Error {
    match error {
        AppendError::Fenced { by } => Error::Fenced { run: run.clone(), by },
        AppendError::Denied(denied) => denied.into(),
        AppendError::TooLarge(what) => Error::TooLarge(what.to_string()),
        AppendError::Store(StoreError::Closed) => Error::Closed,
        AppendError::Store(store) => store.into(),
        other => Error::Internal(other.to_string()),
    }
}
