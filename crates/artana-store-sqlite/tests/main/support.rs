//! Files for the tests, and what happens to them behind the store's back.

use std::path::PathBuf;

use tempfile::TempDir;

pub(crate) use artana_conformance::sample::{LIFE, batch, born, content, digest, filled, head, run, view};

/// A folder of its own, and the path of a file in it that does not exist yet.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    (folder, path)
}

/// Changes a closed file behind the store's back.
pub(crate) fn tamper(path: &std::path::Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).expect("a file");
    connection.execute_batch(sql).expect("a statement");
}
