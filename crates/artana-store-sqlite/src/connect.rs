//! Opens a connection the way every connection of this crate is opened: with nothing in the file
//! trusted. Must not write to a file before it is known to be a store.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use artana_ports::StoreError;
use artana_store_sql::Identity;
use rusqlite::{Connection, OpenFlags, config::DbConfig, ffi, limits::Limit};

use crate::error::Failure;

/// `Arta` in ASCII; it marks a file as ours.
const APPLICATION_ID: i64 = 0x4172_7461;

/// What no file may change: functions and views in a schema, damaged cells, mapped memory; and that
/// syncing means what it says on systems that need to be told.
const HARDEN: &str = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; \
                      PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA temp_store = MEMORY;";

const IDENTITY: &str = "SELECT (SELECT count(*) FROM sqlite_schema), \
                        (SELECT application_id FROM pragma_application_id), \
                        (SELECT user_version FROM pragma_user_version)";

/// Largest row: the largest piece of content, and room for its other columns.
const MAX_ROW_BYTES: i32 = 17 * 1024 * 1024;
/// Longest statement; this crate's own are far shorter.
const MAX_SQL_BYTES: i32 = 1024 * 1024;

/// With what right a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To write, and to make the file if there is none.
    Create,
    /// To write to a file that exists.
    Write,
    /// To read beside writers.
    Read,
    /// To read a file that nobody has open, without locks and without files beside it.
    ReadAtRest,
}

/// Opens a hardened connection. It does not look into the file.
pub(crate) fn connect(path: &Path, access: Access, busy: Duration) -> Result<Connection, Failure> {
    let flags = match access {
        Access::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::ReadAtRest => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let place = if access == Access::ReadAtRest { at_rest(path) } else { path.to_owned() };
    let connection = Connection::open_with_flags(place, flags).map_err(|error| opening(error, path))?;
    connection.busy_timeout(busy)?;
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        connection.set_db_config(setting, value)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_ROW_BYTES)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.execute_batch(HARDEN).map_err(|error| opening(error, path))?;
    Ok(connection)
}

/// Says what a file is. It asks once, because another process may be making the store just now.
pub(crate) fn identify(connection: &Connection, path: &Path) -> Result<Identity, Failure> {
    let found = connection.query_row(IDENTITY, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (tables, application, version): (i64, i64, i64) = found.map_err(|error| opening(error, path))?;
    match (application, tables) {
        (APPLICATION_ID, 1..) => match u32::try_from(version) {
            Ok(version @ 1..) => Ok(Identity::Store(version)),
            _ => Err(not_a_store(path, "its schema number is not one of ours")),
        },
        (0, 0) if version == 0 => Ok(Identity::Blank),
        _ => Err(not_a_store(path, "it is the database of another application")),
    }
}

/// The name of the log beside a database.
pub(crate) fn wal_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-wal");
    name.into()
}

pub(crate) fn not_a_store(path: &Path, reason: &str) -> Failure {
    Failure::Store(StoreError::NotAStore { place: path.display().to_string(), reason: reason.into() })
}

/// While a file is being opened, some codes say what kind of file it is.
fn opening(error: rusqlite::Error, path: &Path) -> Failure {
    let failure = Failure::from(error);
    match failure.code() {
        Some(ffi::SQLITE_NOTADB) => not_a_store(path, "it is not a database"),
        Some(ffi::SQLITE_CANTOPEN) => Failure::Store(StoreError::Unavailable {
            reason: format!("{} or its log cannot be opened", path.display()),
        }),
        _ => failure,
    }
}

/// Spells a path as a URI that tells SQLite nobody changes the file: then it takes no lock and
/// makes no file.
fn at_rest(path: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02x}"));
        }
    }
    uri.push_str("?immutable=1");
    uri.into()
}
