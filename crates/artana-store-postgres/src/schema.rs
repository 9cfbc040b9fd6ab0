//! The schema and its numbered migrations. A migration that was released never changes; all that are due run in one
//! transaction under a lock of their own, so a process killed among them leaves the old schema whole.

use artana_ports::StoreError;
use artana_store_sql::{Identity, Migrated, Migration, Migrations};
use deadpool_postgres::{GenericClient, Object};

use crate::{PostgresOptions, error::Failure, session::Sessions, statement::Column};

const MIGRATIONS: Migrations = Migrations(&[
    Migration { name: "0001_ledger", sql: include_str!("../migrations/0001_ledger.sql") },
    Migration { name: "0002_coordination", sql: include_str!("../migrations/0002_coordination.sql") },
    Migration { name: "0003_functions", sql: include_str!("../migrations/0003_functions.sql") },
]);

/// The schema this version writes.
pub(crate) const KNOWN: u32 = MIGRATIONS.known();

/// The tables of every schema.
const LEDGER: [&str; 6] = ["events", "migrations", "run_keys", "runs", "tenant_keys", "vault"];
/// What the newest schema adds.
const COORDINATION: [&str; 6] = ["accounts", "followed", "heartbeats", "rates", "reservations", "uniques"];

/// Of many who migrate at once, one does it and the others wait as long as that takes: `Arta` and `migr` in ASCII.
/// For the rows of a program nobody waits longer than ever, because others queue behind whoever waits.
const LOCK: &str = "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(4715816018889893746); \
    SET LOCAL lock_timeout TO DEFAULT";

/// Whoever writes holds one of these tables until the commit, and is either done or waits. Taken first and at their
/// strongest, in the order in which everybody takes them, so that nobody waits for a migration that waits for him.
const LOCK_WRITERS: [(u32, &str); 2] = [
    (1, "LOCK TABLE artana.runs, artana.tenant_keys IN ACCESS EXCLUSIVE MODE"),
    (2, "LOCK TABLE artana.heartbeats, artana.followed IN ACCESS EXCLUSIVE MODE"),
];

const IDENTITY: &str = "SELECT to_regclass('artana.migrations') IS NOT NULL, \
    EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'artana'), \
    current_setting('server_encoding')";
const VERSION: &str = "SELECT coalesce(max(version), 0)::bigint FROM artana.migrations";
const TABLE_NAMES: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'artana'";
const APPLIED: &str = "INSERT INTO artana.migrations (version) VALUES ($1)";

/// Makes a store of a blank database if that is wanted, brings an old one up to date, refuses what is neither, and
/// returns the schema there is. Any number of processes may do this at once.
pub(crate) async fn prepare(sessions: &Sessions, options: &PostgresOptions) -> Result<u32, Failure> {
    let found = identify(sessions).await?;
    if options.migrate_on_open && !options.read_only {
        return match found {
            Identity::Store(KNOWN) => Ok(KNOWN),
            Identity::Blank | Identity::Store(_) => Ok(migrate(sessions).await?.to),
        };
    }
    let Identity::Store(schema) = found else {
        return Err(StoreError::Missing { place: sessions.place().to_owned() }.into());
    };
    MIGRATIONS.refuse_older(schema)?;
    if !options.read_only {
        MIGRATIONS.refuse_newer(schema)?;
    }
    Ok(schema)
}

/// Says what migrating would do. It writes nothing.
pub(crate) async fn plan(sessions: &Sessions) -> Result<Migrated, Failure> {
    Ok(MIGRATIONS.plan(identify(sessions).await?)?)
}

/// Says, where a statement did not fit the schema, whether that is because a newer version migrated it meanwhile.
pub(crate) async fn refuse_newer(sessions: &Sessions, client: &impl GenericClient) -> Result<(), StoreError> {
    let found = match sessions.patiently(client.query_one(VERSION, &[])).await {
        Ok(row) => Column(0, "migrations.version").int(&row)?,
        // Then nobody knows, and the statement's own failure is told.
        Err(_) => 0,
    };
    MIGRATIONS.refuse_newer(u32::try_from(found).unwrap_or(u32::MAX))
}

/// Tells of a schema that one of the schema's own functions found to be newer.
pub(crate) fn too_new(found: Option<&str>) -> StoreError {
    let found = found.and_then(|found| found.parse().ok()).unwrap_or(KNOWN + 1);
    StoreError::TooNew { found, known: KNOWN }
}

async fn identify(sessions: &Sessions) -> Result<Identity, Failure> {
    let place = sessions.place().to_owned();
    let this = sessions.clone();
    let looked = |lent: Object| async move {
        let done = this.patiently(look(&lent, &place)).await;
        (lent, done)
    };
    sessions.with(looked).await
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
    let expected = LEDGER.iter().chain(COORDINATION.iter().filter(|_| version > 1));
    if expected.into_iter().any(|table| !names.contains(table)) {
        return Err(not_a_store(place, "it lacks a table that every store has"));
    }
    Ok(Identity::Store(version))
}

/// Migrates, and says what was done.
pub(crate) async fn migrate(sessions: &Sessions) -> Result<Migrated, Failure> {
    let this = sessions.clone();
    let migrated = |mut lent: Object| async move {
        let done = migrate_on(&this, &mut lent).await;
        (lent, done)
    };
    sessions.with(migrated).await
}

async fn migrate_on(sessions: &Sessions, client: &mut Object) -> Result<Migrated, Failure> {
    let tx = sessions.patiently(client.transaction()).await?;
    sessions.lengthen(&tx).await?;
    sessions.at_length(tx.batch_execute(LOCK)).await?;
    // Another process may have been here between the first look and the lock.
    let planned = MIGRATIONS.plan(sessions.patiently(look(&tx, sessions.place())).await?)?;
    for (_, lock) in LOCK_WRITERS.iter().filter(|(since, _)| *since <= planned.from) {
        sessions.at_length(tx.batch_execute(lock)).await?;
    }
    for (schema, migration) in MIGRATIONS.after(planned.from) {
        sessions.at_length(tx.batch_execute(migration.sql)).await?;
        sessions.patiently(tx.execute(APPLIED, &[&schema.cast_signed()])).await?;
    }
    // A standby that commits wait for has all of it to write.
    sessions.at_length(tx.commit()).await?;
    Ok(planned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_by_their_names() {
        for (number, migration) in MIGRATIONS.after(0) {
            assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
        }
    }
}
