//! Migrations: who makes them, who refuses what, and what becomes of one that is cut short.

use std::{sync::Arc, time::Duration};

use artana_conformance::sample::{enqueued, only_reads};
use artana_core::{IncarnationId, Seq, TenantKey};
use artana_ports::{AppendError, BeatError, DueQuery, EventStore, Heartbeat, StoreError};
use artana_testkit::postgres::Database;
use tokio_postgres::Client;

use crate::support::{
    LIFE, batch, born, database, filled, going_on, head, next, opened, options, run, stranger, waiting,
};

/// The newest schema.
pub(crate) const NEWEST: u32 = 3;
/// What each older store was made of.
const OLDER: [&str; 2] =
    [include_str!("../../migrations/0001_ledger.sql"), include_str!("../../migrations/0002_coordination.sql")];

/// Makes a store of an older schema, with a row in it.
async fn older(client: &Client, schema: usize) {
    for (number, migration) in (1..).zip(&OLDER[..schema]) {
        client.batch_execute(migration).await.expect("a schema");
        client.execute("INSERT INTO artana.migrations (version) VALUES ($1)", &[&number]).await.expect("a number");
    }
    client
        .batch_execute("INSERT INTO artana.tenant_keys VALUES ('acme', decode(repeat('00', 32), 'hex'))")
        .await
        .expect("a row");
}

#[tokio::test]
async fn an_older_store_is_refused_until_it_is_migrated_and_keeps_its_rows() {
    for schema in 1..=2 {
        let database = database!();
        older(&stranger(&database).await, schema).await;
        let found = u32::try_from(schema).expect("a number");
        let options = || options(&database).migrate_on_open(false);
        for options in [options(), options().read_only(true)] {
            let old = options.await.expect_err("an older schema");
            assert!(matches!(old, StoreError::TooOld { known: NEWEST, found: told } if told == found), "{old}");
        }
        let due = &["0002_coordination", "0003_functions"][schema - 1..];
        let planned = options().pending().await.expect("a plan");
        assert_eq!((planned.from, planned.to, &planned.migrations[..]), (found, NEWEST, due));
        assert_eq!(database.run("SELECT max(version) FROM artana.migrations"), found.to_string());

        let migrated = options().migrate().await.expect("a migration");
        assert_eq!((migrated.from, &migrated.migrations[..]), (found, due));
        assert!(options().migrate().await.expect("nothing to do").migrations.is_empty());
        let store = options().await.expect("a store");
        let key = store.tenant_key(&run("r").tenant, None).await.expect("an answer");
        assert_eq!(key.map(|key| *key.expose()), Some([0; 32]));
        filled(&store, &run("r"), 1).await;
    }
}

#[tokio::test]
async fn only_who_may_write_migrates_and_nothing_newer_or_foreign_is() {
    let database = database!();
    assert!(matches!(options(&database).read_only(true).migrate().await, Err(StoreError::ReadOnly)));
    let planned = options(&database).pending().await.expect("a plan");
    assert_eq!((planned.from, planned.migrations.len()), (0, NEWEST as usize));
    assert_eq!(database.run("SELECT count(*) FROM pg_namespace WHERE nspname = 'artana'"), "0");
    options(&database).migrate().await.expect("a store is made");
    database.run("INSERT INTO artana.migrations (version) VALUES (99)");
    let newer = |error| matches!(error, StoreError::TooNew { found: 99, known: NEWEST });
    assert!(
        options(&database).migrate().await.is_err_and(newer) && options(&database).pending().await.is_err_and(newer)
    );
    database.run("DROP SCHEMA artana CASCADE; CREATE SCHEMA artana; CREATE TABLE artana.things (n int)");
    assert!(matches!(options(&database).migrate().await, Err(StoreError::NotAStore { .. })));
}

#[tokio::test]
async fn a_store_that_a_newer_version_migrates_meanwhile_reads_and_writes_nothing() {
    let database = database!();
    let (store, run) = (opened(&database).await, run("r"));
    born(&store).await;
    filled(&store, &run, 2).await;
    enqueued(&store, &run, Some(head(2))).await;
    database.run("ALTER TABLE artana.runs ADD COLUMN news text; INSERT INTO artana.migrations (version) VALUES (99)");
    only_reads(&store, &run, 2).await;
    // What no longer fits is not taken for damage.
    database.run("DROP FUNCTION artana.retire; ALTER TABLE artana.runs RENAME COLUMN drifts TO drift_count");
    let newer = |error: &StoreError| matches!(error, StoreError::TooNew { found: 99, known: NEWEST });
    let (view, retired) = (store.view(&run).await, store.retire(crate::support::LIFE).await);
    assert!(view.as_ref().is_err_and(newer) && retired.as_ref().is_err_and(newer), "{view:?} {retired:?}");
    assert_eq!(store.read(&run, Seq::ZERO, 9).await.expect("rows").len(), 3);
    database.run("DELETE FROM artana.migrations WHERE version = 99");
    assert!(matches!(store.view(&run).await, Err(StoreError::Damaged { .. })), "the same without a newer version");
}

#[tokio::test]
async fn an_append_that_waits_for_a_migration_writes_nothing_after_it() {
    let database = database!();
    let runs = going_on(&opened(&database).await).await;
    let mut appends = Vec::new();
    for run in &runs {
        // On a connection that knows the statement: preparing it would wait, too.
        let store = options(&database).pool(1..=1).await.expect("a store");
        store.append(next(run, head(1))).await.expect("an append");
        appends.push((store, next(run, head(2))));
    }
    let migrating = stranger(&database).await;
    migrating.batch_execute("BEGIN; LOCK TABLE artana.runs IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    let appends = appends.into_iter().map(|(store, batch)| tokio::spawn(async move { store.append(batch).await }));
    let appends: Vec<_> = appends.collect();
    let watching = stranger(&database).await;
    waiting(&watching, 3).await;
    migrating.batch_execute("INSERT INTO artana.migrations (version) VALUES (99); COMMIT").await.expect("a migration");
    for ((run, authority), append) in runs.iter().zip(appends) {
        let refused = append.await.expect("no panic").expect_err("a newer schema");
        let newer = matches!(refused, AppendError::Store(StoreError::TooNew { found: 99, .. }));
        assert!(newer, "{authority:?}: {refused}");
        let events = database.run(&format!("SELECT count(*) FROM artana.events WHERE run = '{}'", run.run));
        assert_eq!(events, "2", "{authority:?}");
    }
}

#[tokio::test]
async fn whatever_waits_for_a_migration_writes_nothing_after_it() {
    let database = database!();
    let store = options(&database).pool(8..=8).await.expect("a store");
    born(&store).await;
    filled(&store, &run("r"), 1).await;
    enqueued(&store, &run("r"), Some(head(1))).await;
    let written = "SELECT (SELECT jsonb_agg(h) FROM artana.heartbeats AS h), (SELECT jsonb_agg(r) FROM artana.runs AS r), \
                   (SELECT count(*) FROM artana.followed), (SELECT count(*) FROM artana.tenant_keys)";
    let before = database.run(written);
    let migrating = stranger(&database).await;
    let locked = "BEGIN; LOCK TABLE artana.runs, artana.tenant_keys, artana.heartbeats, artana.followed \
                  IN ACCESS EXCLUSIVE MODE";
    migrating.batch_execute(locked).await.expect("locks");
    let watching = stranger(&database).await;
    let migrated = async {
        waiting(&watching, 6).await;
        let newer = "INSERT INTO artana.migrations (version) VALUES (99); COMMIT";
        migrating.batch_execute(newer).await.expect("a migration");
    };
    let life = |first, incarnation| Heartbeat { incarnation, ttl: Duration::from_secs(30), first };
    let (due, other) = (DueQuery::all(LIFE, 9), run("other"));
    let key = Some(TenantKey::from_bytes([3; 32]));
    let (beaten, begun, retired, taken, kept, followed, ()) = tokio::join!(
        store.beat(life(false, LIFE)),
        store.beat(life(true, IncarnationId::from_bytes([9; 16]))),
        store.retire(LIFE),
        store.take_due(&due),
        store.tenant_key(&other.tenant, key),
        tokio::time::timeout(Duration::from_secs(5), store.follow(&other, Seq::ZERO)),
        migrated,
    );
    let newer = |error: StoreError| assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
    for beaten in [beaten.map(drop), begun.map(drop), taken.map(drop)] {
        match beaten.expect_err("a newer schema") {
            BeatError::Store(error) => newer(error),
            error => panic!("{error}"),
        }
    }
    newer(retired.expect_err("a newer schema"));
    newer(kept.expect_err("a newer schema"));
    assert!(followed.is_err(), "what does not exist is waited for");
    assert_eq!(database.run(written), before);
}

#[tokio::test]
async fn a_migration_waits_for_an_append_that_is_under_way() {
    let database = database!();
    let (store, run) = (Arc::new(opened(&database).await), run("r"));
    filled(&store, &run, 1).await;
    // The store seems to be of schema 2 to who migrates; the append has written the run's row, and waits for another.
    let holder = stranger(&database).await;
    holder.batch_execute("BEGIN; LOCK TABLE artana.vault IN SHARE MODE").await.expect("a lock");
    let append = tokio::spawn({
        let (store, batch) = (Arc::clone(&store), batch(&run, Some(head(1))));
        async move { store.append(batch).await }
    });
    waiting(&holder, 1).await;
    database.run("DELETE FROM artana.migrations WHERE version = 3");
    let migration = tokio::spawn(options(&database).migrate());
    waiting(&holder, 2).await;
    assert!(!append.is_finished() && !migration.is_finished());
    holder.batch_execute("ROLLBACK").await.expect("the lock is free");
    assert_eq!(append.await.expect("no panic").expect("an append").head, head(2));
    // It then finds the functions of schema 3, and that is the end of this test's pretence.
    assert!(migration.await.expect("no panic").is_err());
    assert_eq!(store.head(&run).await.expect("a head"), Some(head(2)));
}

#[tokio::test]
async fn a_migration_waits_for_a_heartbeat_that_is_under_way() {
    let database = database!();
    let store = opened(&database).await;
    born(&store).await;
    let holder = stranger(&database).await;
    holder.batch_execute("BEGIN; SELECT FROM artana.heartbeats FOR UPDATE").await.expect("a lock");
    let beat = Heartbeat { incarnation: LIFE, ttl: Duration::from_secs(60), first: false };
    let freed = async {
        waiting(&holder, 1).await;
        database.run("DELETE FROM artana.migrations WHERE version = 3");
        let migration = tokio::spawn(options(&database).migrate());
        waiting(&holder, 2).await;
        holder.batch_execute("ROLLBACK").await.expect("the lock is free");
        migration.await.expect("no panic")
    };
    let (beaten, migrated) = tokio::join!(store.beat(beat), freed);
    beaten.expect("a heartbeat before the migration");
    // It then finds the functions of schema 3, and that is the end of this test's pretence.
    assert!(migrated.is_err());
}

#[tokio::test]
async fn readers_do_not_notice_that_a_column_has_another_type() {
    let database = database!();
    let (store, run) = (options(&database).pool(4..=4).await.expect("a store"), run("r"));
    filled(&store, &run, 2).await;
    for _ in 0..8 {
        assert_eq!(store.read(&run, Seq::ZERO, 9).await.expect("rows").len(), 2);
    }
    database.run("ALTER TABLE artana.events ALTER COLUMN kind TYPE varchar");
    for _ in 0..8 {
        assert_eq!(store.read(&run, Seq::ZERO, 9).await.expect("rows").len(), 2);
    }
}

/// Ends the session that makes a migration at its `at`th statement, row of `migrations`, or check before the commit.
const DEADLY: &str = "
CREATE SEQUENCE public.passed;
CREATE TABLE public.deadly (at bigint);
INSERT INTO public.deadly VALUES (NULL);
CREATE FUNCTION public.strike() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('public.passed') = (SELECT d.at FROM public.deadly AS d) THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
        PERFORM pg_sleep(60);
    END IF;
END $$;
CREATE FUNCTION public.on_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.strike();
    RETURN NULL;
END $$;
CREATE FUNCTION public.on_statement() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('artana.migrations') IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgname = 'at_once') THEN
        CREATE TRIGGER at_once AFTER INSERT ON artana.migrations FOR EACH ROW EXECUTE FUNCTION public.on_row();
        CREATE CONSTRAINT TRIGGER at_the_end AFTER INSERT ON artana.migrations DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION public.on_row();
    END IF;
    PERFORM public.strike();
END $$;
CREATE EVENT TRIGGER on_statement ON ddl_command_end EXECUTE FUNCTION public.on_statement()";

/// Kills a migration from an older schema at each of its points in turn, and returns how many there are.
async fn at_each_point(database: &Database, client: &Client, schema: usize) -> i64 {
    let found = u32::try_from(schema).expect("a number");
    for at in 1.. {
        client
            .batch_execute("UPDATE public.deadly SET at = NULL; DROP SCHEMA IF EXISTS artana CASCADE")
            .await
            .expect("empty");
        if schema > 0 {
            older(client, schema).await;
        }
        client.execute("SELECT setval('public.passed', 1, false)", &[]).await.expect("counted anew");
        client.execute("UPDATE public.deadly SET at = $1", &[&at]).await.expect("a point");
        let Err(killed) = options(database).migrate().await else { return at };
        assert!(matches!(killed, StoreError::Unavailable { .. }), "{at}: {killed}");
        client.batch_execute("UPDATE public.deadly SET at = NULL").await.expect("no point");
        assert_eq!(options(database).pending().await.expect("a plan").from, found, "{at}");
        let migrated = options(database).migrate().await.expect("the next makes it");
        assert_eq!((migrated.from, migrated.to), (found, NEWEST), "{at}");
        let store = options(database).migrate_on_open(false).await.expect("a store");
        filled(&store, &run("r"), 1).await;
        store.close().await.expect("closes");
    }
    unreachable!("a migration ends")
}

#[tokio::test]
async fn a_migration_that_is_killed_anywhere_is_made_by_the_next() {
    let database = database!();
    let client = stranger(&database).await;
    client.batch_execute(DEADLY).await.expect("a trap");
    let all = at_each_point(&database, &client, 0).await;
    let last = at_each_point(&database, &client, 2).await;
    // Each statement that defines something, and each schema's number twice.
    assert!(all > 30 && last > 10 && all > last, "{all} points, and {last} of the last migration");
    client.batch_execute("DROP EVENT TRIGGER on_statement").await.expect("no trap");
}
