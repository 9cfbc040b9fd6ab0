//! The schema and its numbered migrations. A migration that was released never changes; all that are
//! due run in one transaction, so a process killed among them leaves the old schema whole.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use artana_ports::StoreError;
use rusqlite::Connection;

use crate::{
    SqliteOptions,
    connect::{Identity, identify, not_a_store},
    error::Failure,
};

/// Migration `n` makes schema `n + 1` of schema `n`, and writes the new number itself.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_initial.sql")];

/// The schema this version writes.
pub(crate) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// The tables of the newest schema.
pub(crate) const TABLES: [&str; 10] = [
    "accounts",
    "events",
    "heartbeats",
    "rates",
    "reservations",
    "run_keys",
    "runs",
    "tenant_keys",
    "uniques",
    "vault",
];

const TABLE_NAMES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'";

/// How long to wait before asking again for a lock that answers "busy" at once.
const RETRY: Duration = Duration::from_millis(2);

/// Makes a store of a blank file, brings an old one up to date, and refuses what is neither.
/// Any number of processes may do this to one file at once.
pub(crate) fn prepare(connection: &Connection, path: &Path, options: &SqliteOptions) -> Result<(), Failure> {
    // SQLite's own waiting would hold a lock that the other process waits for.
    connection.busy_timeout(Duration::ZERO)?;
    let deadline = Instant::now() + options.busy_timeout;
    match patiently(deadline, || identify(connection, path))? {
        Identity::Store(found) => refuse_newer(found)?,
        Identity::Blank if options.create => skip_journal(connection)?,
        Identity::Blank => return Err(not_a_store(path, "it is empty")),
    }
    patiently(deadline, || use_wal(connection))?;
    patiently(deadline, || migrate(connection, path))?;
    patiently(deadline, || check_tables(connection, path))?;
    connection.busy_timeout(options.busy_timeout)?;
    Ok(())
}

/// Refuses a file whose tables are not those of a store, whatever its header says.
pub(crate) fn check_tables(connection: &Connection, path: &Path) -> Result<(), Failure> {
    let mut statement = connection.prepare(TABLE_NAMES)?;
    let names = statement.query_map((), |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    match TABLES.iter().find(|table| !names.iter().any(|name| name == *table)) {
        Some(_) => Err(not_a_store(path, "it lacks a table that every store has")),
        None => Ok(()),
    }
}

fn refuse_newer(found: u32) -> Result<(), Failure> {
    if found > KNOWN {
        return Err(StoreError::TooNew { found, known: KNOWN }.into());
    }
    Ok(())
}

/// A blank file has nothing a journal could bring back, and keeping one costs four syncs.
fn skip_journal(connection: &Connection) -> Result<(), Failure> {
    match connection.query_row("PRAGMA journal_mode = MEMORY", (), |_| Ok(())).map_err(Failure::from) {
        // Another process is making the store; it has seen to the journal.
        Err(failure) if failure.is_busy() => Ok(()),
        done => done,
    }
}

fn use_wal(connection: &Connection) -> Result<(), Failure> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if mode != "wal" {
        let reason =
            format!("the file system allows the journal mode {mode} only, and a store needs a write-ahead log");
        return Err(StoreError::Unavailable { reason }.into());
    }
    Ok(())
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), Failure> {
    if identify(connection, path)? == Identity::Store(KNOWN) {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = migrate_inside(connection, path).and_then(|()| Ok(connection.execute_batch("COMMIT")?));
    if done.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    done
}

fn migrate_inside(connection: &Connection, path: &Path) -> Result<(), Failure> {
    // Another process may have been here between the first look and the lock.
    let from = match identify(connection, path)? {
        Identity::Blank => 0,
        Identity::Store(found) => found,
    };
    refuse_newer(from)?;
    for migration in &MIGRATIONS[from as usize..] {
        connection.execute_batch(migration)?;
    }
    Ok(())
}

/// Changing the journal mode, and recovering a log, answer "busy" without waiting.
fn patiently<T>(deadline: Instant, mut step: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    loop {
        match step() {
            Err(failure) if failure.is_busy() && Instant::now() < deadline => thread::sleep(RETRY),
            done => return done,
        }
    }
}
