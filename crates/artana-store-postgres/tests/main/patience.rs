//! Migrations and examinations may take long, and are waited for. A server that says nothing is not, for ever.

use std::{sync::Arc, time::Duration};

use artana_ports::{EventStore, StoreError};
use artana_store_postgres::PostgresOptions;
use tokio::task::JoinSet;

use crate::{
    proxy::{Act, Plan, Proxy, Way, socket},
    support::{database, nobody_is_in, opened, options, stranger, until},
};

const MIGRATES: &str = "BEGIN; SELECT pg_advisory_xact_lock(4715816018889893746)";
/// Longer than anybody here is to wait.
const SHORT: Duration = Duration::from_millis(100);
/// Shorter than a server would be waited for, and longer than one on a busy machine takes.
const HASTE: Duration = Duration::from_secs(1);
/// What is to end does so, and this ends the test if it does not.
const AT_LAST: Duration = Duration::from_secs(120);

#[tokio::test]
async fn whoever_waits_for_a_migration_waits_as_long_as_it_takes() {
    let database = database!();
    let migrating = stranger(&database).await;
    migrating.batch_execute(MIGRATES).await.expect("a lock");
    let opening = tokio::spawn(options(&database).lock_timeout(SHORT).open());
    const WAITS: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name = 'artana' AND wait_event = 'advisory' \
        AND clock_timestamp() - query_start > interval '500 milliseconds')";
    let watching = stranger(&database).await;
    until("it waits for longer than a lock", async || {
        opening.is_finished() || watching.query_one(WAITS, &[]).await.expect("an answer").get(0)
    })
    .await;
    assert!(!opening.is_finished(), "it waits");
    migrating.batch_execute("ROLLBACK").await.expect("the lock is free");
    opening.await.expect("no panic").expect("a store");
}

#[tokio::test]
async fn whoever_waits_for_a_migration_that_does_not_end_is_told_so() {
    let database = database!();
    let migrating = stranger(&database).await;
    migrating.batch_execute(MIGRATES).await.expect("a lock");
    let busy = options(&database).maintenance_timeout(SHORT).migrate();
    let busy = tokio::time::timeout(AT_LAST, busy).await.expect("it is given up").expect_err("somebody migrates");
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
}

#[tokio::test]
async fn a_migration_waits_no_longer_than_anybody_for_whoever_writes() {
    let database = database!();
    opened(&database).await.close().await.expect("closes");
    database.run("DELETE FROM artana.migrations WHERE version = (SELECT max(version) FROM artana.migrations)");
    let writing = stranger(&database).await;
    writing.batch_execute("BEGIN; LOCK TABLE artana.runs IN ROW EXCLUSIVE MODE").await.expect("a lock");
    let busy = options(&database).lock_timeout(SHORT).migrate();
    let busy = tokio::time::timeout(AT_LAST, busy).await.expect("it is given up").expect_err("somebody writes");
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
}

fn silent_at(nth: usize) -> Plan {
    Plan { way: Way::ToServer, nth, act: Act::Swallow }
}

fn hasty(options: PostgresOptions) -> PostgresOptions {
    options.connect_timeout(HASTE).statement_timeout(HASTE).maintenance_timeout(HASTE)
}

#[tokio::test]
async fn a_server_that_falls_silent_during_a_migration_is_given_up() {
    let database = database!();
    let Some(socket) = socket(&database) else { return };
    let (proxy, stranger) = (Proxy::before(&socket).await, stranger(&database).await);
    proxy.options(&database).migrate().await.expect("a migration");
    let messages = proxy.passed().to_server;
    let mut silences = 0;
    for nth in (0..messages).step_by(4) {
        nobody_is_in(&stranger).await;
        stranger.batch_execute("DROP SCHEMA IF EXISTS artana CASCADE").await.expect("empty");
        proxy.plan(silent_at(nth));
        let migration = tokio::time::timeout(AT_LAST, hasty(proxy.options(&database)).migrate()).await;
        assert!(migration.is_ok(), "it waits for ever for an answer to message {nth} of {messages}");
        silences += usize::from(proxy.is_reached());
    }
    assert!(silences > 3, "{silences} of {messages} messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_during_an_examination_is_given_up() {
    let database = Arc::new(database!());
    let Some(socket) = socket(&database) else { return };
    let proxy = Proxy::before(&socket).await;
    let store = proxy.options(&database).pool(1..=1).await.expect("a store");
    proxy.count();
    store.doctor().await.expect("an examination");
    let messages = proxy.passed().to_server;
    let mut examinations = JoinSet::new();
    for nth in (0..messages).step_by(9) {
        let (database, socket) = (Arc::clone(&database), socket.clone());
        examinations.spawn(async move {
            let proxy = Proxy::before(&socket).await;
            let store = hasty(proxy.options(&database)).connect_timeout(AT_LAST).await.expect("a store");
            proxy.plan(silent_at(nth));
            let told = tokio::time::timeout(AT_LAST, store.doctor()).await;
            assert!(told.is_ok(), "it waits for ever for an answer to message {nth} of {messages}");
            usize::from(proxy.is_reached())
        });
    }
    let silences: usize = examinations.join_all().await.into_iter().sum();
    assert!(silences > 5, "{silences} of {messages} messages");
}
