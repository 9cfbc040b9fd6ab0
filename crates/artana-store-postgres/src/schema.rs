//! The schema and its numbered migrations. A migration that was released never changes; all that are due run in one
//! transaction under a lock of their own, so a process killed among them leaves the old schema whole.

use artana_ports::StoreError;
use deadpool_postgres::{GenericClient, Object};

use crate::{
    PostgresOptions,
    error::{Failure, unavailable},
    session::Sessions,
    statement::Column,
};

/// Migration `n` makes schema `n + 1` of schema `n`.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_initial.sql")];

/// The schema this version writes.
pub(crate) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// The tables of the newest schema.
const TABLES: [&str; 12] = [
    "accounts",
    "events",
    "followed",
    "heartbeats",
    "migrations",
    "rates",
    "reservations",
    "run_keys",
    "runs",
    "tenant_keys",
    "uniques",
    "vault",
];

/// Of many who migrate at once, one does it and the others wait: `Arta` and `migr` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(4715816018889893746)";

const IDENTITY: &str = "SELECT to_regclass('artana.migrations') IS NOT NULL, \
    EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'artana'), \
    current_setting('server_encoding')";
const VERSION: &str = "SELECT coalesce(max(version), 0)::bigint FROM artana.migrations";
const TABLE_NAMES: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'artana'";
const APPLIED: &str = "INSERT INTO artana.migrations (version) VALUES ($1)";

/// What a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// It has nothing of a store yet.
    Blank,
    /// A store of this schema.
    Store(u32),
}

/// Makes a store of a blank database if that is wanted, brings an old one up to date, refuses what is neither, and
/// returns the schema there is. Any number of processes may do this at once.
pub(crate) async fn prepare(sessions: &Sessions, options: &PostgresOptions) -> Result<u32, Failure> {
    let place = sessions.place().to_owned();
    let (may_migrate, read_only) = (options.migrate_on_open && !options.read_only, options.read_only);
    let this = sessions.clone();
    let looked = |lent: Object| async move {
        let done = this.patiently(look(&lent, &place)).await;
        (lent, done)
    };
    match sessions.with(looked).await? {
        Identity::Store(KNOWN) => Ok(KNOWN),
        Identity::Store(found) if found > KNOWN && read_only => Ok(found),
        Identity::Store(found) if found > KNOWN => Err(too_new(found)),
        Identity::Blank | Identity::Store(_) if may_migrate => migrate(sessions).await.map(|()| KNOWN),
        Identity::Blank => Err(StoreError::Missing { place: sessions.place().to_owned() }.into()),
        Identity::Store(found) => {
            let reason = format!("the store has schema {found}, and this version needs {KNOWN}; migrate it first");
            Err(unavailable(&reason).into())
        }
    }
}

fn too_new(found: u32) -> Failure {
    StoreError::TooNew { found, known: KNOWN }.into()
}

fn not_a_store(place: &str, reason: &str) -> Failure {
    StoreError::NotAStore { place: place.into(), reason: reason.into() }.into()
}

/// Says what a database is, and refuses one in which a store cannot be.
async fn look(client: &impl GenericClient, place: &str) -> Result<Identity, Failure> {
    let row = client.query_one(IDENTITY, &[]).await?;
    if Column(2, "server_encoding").text(&row)? != "UTF8" {
        return Err(not_a_store(place, "its encoding is not UTF8"));
    }
    match (Column(0, "artana.migrations").flag(&row)?, Column(1, "artana").flag(&row)?) {
        (true, _) => {}
        (false, false) => return Ok(Identity::Blank),
        (false, true) => return Err(not_a_store(place, "its schema artana is that of another application")),
    }
    let row = client.query_one(VERSION, &[]).await?;
    let version = u32::try_from(Column(0, "migrations.version").int(&row)?).unwrap_or(0);
    if version == 0 {
        return Err(not_a_store(place, "its schema number is not one of ours"));
    }
    let names = client.query(TABLE_NAMES, &[]).await?;
    let names = names.iter().map(|row| Column(0, "tablename").text(row)).collect::<Result<Vec<_>, _>>()?;
    if TABLES.iter().any(|table| !names.contains(table)) {
        return Err(not_a_store(place, "it lacks a table that every store has"));
    }
    Ok(Identity::Store(version))
}

async fn migrate(sessions: &Sessions) -> Result<(), Failure> {
    let place = sessions.place().to_owned();
    let migrated = |mut lent: Object| async move {
        let done = migrate_on(&mut lent, &place).await;
        (lent, done)
    };
    sessions.with(migrated).await
}

async fn migrate_on(client: &mut Object, place: &str) -> Result<(), Failure> {
    let tx = client.transaction().await?;
    // However long a change of the schema takes; only waiting for another who makes it stays bounded.
    tx.batch_execute("SET LOCAL statement_timeout = 0").await?;
    tx.batch_execute(LOCK).await?;
    // Another process may have been here between the first look and the lock.
    let from = match look(&tx, place).await? {
        Identity::Blank => 0,
        Identity::Store(found) if found > KNOWN => return Err(too_new(found)),
        Identity::Store(found) => found,
    };
    for version in from..KNOWN {
        tx.batch_execute(MIGRATIONS[version as usize]).await?;
        tx.execute(APPLIED, &[&(version + 1).cast_signed()]).await?;
    }
    tx.commit().await?;
    Ok(())
}
