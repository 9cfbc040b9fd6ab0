//! The schema and its numbered migrations. A migration that was released never changes; all that are
//! due run in one transaction, so a process killed among them leaves the old schema whole.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use artana_ports::StoreError;
use artana_store_sql::{Identity, Migrated, Migration, Migrations};
use rusqlite::{Batch, Connection, fallible_iterator::FallibleIterator};

use crate::{
    SqliteOptions,
    connect::{identify, not_a_store},
    error::Failure,
    failpoint::Failpoint,
    statement::{Column, Statements},
};

pub(crate) const MIGRATIONS: Migrations = Migrations(&[
    Migration { name: "0001_ledger", sql: include_str!("../migrations/0001_ledger.sql") },
    Migration { name: "0002_coordination", sql: include_str!("../migrations/0002_coordination.sql") },
]);

/// The schema this version writes.
pub(crate) const KNOWN: u32 = MIGRATIONS.known();

/// The tables of every schema.
const LEDGER: [&str; 5] = ["events", "run_keys", "runs", "tenant_keys", "vault"];
/// What the newest schema adds.
const COORDINATION: [&str; 5] = ["accounts", "heartbeats", "rates", "reservations", "uniques"];

const VERSION: &str = "PRAGMA user_version";
const TABLE_NAMES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'";

/// How long to wait before asking again for a lock that answers "busy" at once.
const RETRY: Duration = Duration::from_millis(2);

/// Makes a store of a blank file, brings an old one up to date, and refuses what is neither; or, where nothing may be
/// migrated, what is not up to date. Any number of processes may do this to one file at once.
pub(crate) fn prepare(connection: &Connection, path: &Path, options: &SqliteOptions) -> Result<Migrated, Failure> {
    // SQLite's own waiting would hold a lock that the other process waits for.
    connection.busy_timeout(Duration::ZERO)?;
    let deadline = Instant::now() + options.busy_timeout;
    match patiently(deadline, || identify(connection, path))? {
        Identity::Store(found) => {
            MIGRATIONS.refuse_newer(found)?;
            patiently(deadline, || check_tables(connection, path, found))?;
            if !options.migrate_on_open {
                MIGRATIONS.refuse_older(found)?;
            }
        }
        Identity::Blank if options.may_create() => skip_journal(connection)?,
        Identity::Blank => return Err(not_a_store(path, "it is empty")),
    }
    patiently(deadline, || use_wal(connection))?;
    let migrated = patiently(deadline, || migrate(connection, path, &options.migration_failpoint))?;
    patiently(deadline, || check_tables(connection, path, KNOWN))?;
    connection.busy_timeout(options.busy_timeout)?;
    Ok(migrated)
}

/// Says what preparing a file would do. It writes nothing.
pub(crate) fn plan(connection: &Connection, path: &Path) -> Result<Migrated, Failure> {
    let found = identify(connection, path)?;
    check_tables(connection, path, found.schema())?;
    Ok(MIGRATIONS.plan(found)?)
}

/// Refuses a file whose tables are not those of a store of its schema, whatever its header says.
pub(crate) fn check_tables(connection: &Connection, path: &Path, schema: u32) -> Result<(), Failure> {
    let mut statement = connection.prepare(TABLE_NAMES)?;
    let names = statement.query_map((), |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let ledger = LEDGER.iter().filter(|_| schema > 0);
    match ledger
        .chain(COORDINATION.iter().filter(|_| schema > 1))
        .find(|table| !names.iter().any(|name| name == *table))
    {
        Some(_) => Err(not_a_store(path, "it lacks a table that every store has")),
        None => Ok(()),
    }
}

/// Refuses to go on in a transaction that writes, or with a statement that failed, where a newer version migrated the
/// file meanwhile. A transaction that writes keeps everybody from migrating, so what it finds once holds to its end.
pub(crate) fn refuse_newer(sql: &mut Statements<'_>) -> Result<(), Failure> {
    let found = sql.first(VERSION, (), |row| Column(0, "user_version").int(row))?.unwrap_or(0);
    Ok(MIGRATIONS.refuse_newer(u32::try_from(found).unwrap_or(u32::MAX))?)
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

fn migrate(connection: &Connection, path: &Path, failpoint: &Failpoint) -> Result<Migrated, Failure> {
    let found = identify(connection, path)?;
    if found == Identity::Store(KNOWN) {
        return Ok(MIGRATIONS.plan(found)?);
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = migrate_inside(connection, path, failpoint);
    let done = done.and_then(|migrated| Ok(connection.execute_batch("COMMIT").map(|()| migrated)?));
    if done.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    failpoint.reach("sqlite.migrated");
    done
}

fn migrate_inside(connection: &Connection, path: &Path, failpoint: &Failpoint) -> Result<Migrated, Failure> {
    // Another process may have been here between the first look and the lock.
    let planned = MIGRATIONS.plan(identify(connection, path)?)?;
    for (_, migration) in MIGRATIONS.after(planned.from) {
        let mut statements = Batch::new(connection, migration.sql);
        while let Some(mut statement) = statements.next()? {
            failpoint.reach("sqlite.migrating");
            // Nothing here has rows.
            statement.raw_execute()?;
        }
    }
    failpoint.reach("sqlite.migrating");
    Ok(planned)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_by_their_names_and_say_their_number() {
        for (number, migration) in MIGRATIONS.after(0) {
            assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
            assert!(migration.sql.ends_with(&format!("PRAGMA user_version = {number};\n")), "{}", migration.name);
        }
    }
}
