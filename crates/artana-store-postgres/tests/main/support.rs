//! Stores for the tests, and what happens behind their back.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use artana_core::{Head, RunRef};
use artana_ports::{Append, Authority, Epoch, EventStore};
use artana_store_postgres::{Durability, PostgresOptions, PostgresStore};
use artana_testkit::postgres::Database;
use tokio_postgres::{Client, NoTls};

use artana_conformance::sample;
pub(crate) use artana_conformance::sample::{LIFE, batch, content, digest, head, reserve, run, run_of, view};

/// Ends the test, said loudly, where there is no server.
macro_rules! database {
    () => {
        match artana_testkit::postgres::Database::fresh() {
            Some(database) => database,
            None => return,
        }
    };
}
pub(crate) use database;

/// Longer than anybody looks for a transaction that was left open: the server must not clear it away first.
pub(crate) const LEFT_OPEN: Duration = Duration::from_secs(600);

/// The tests' own server does not wait for the disk, and a store has to accept that.
pub(crate) fn options(database: &Database) -> PostgresOptions {
    PostgresStore::connect(database.url()).durability(Durability::AsTheServer).idle_in_transaction_timeout(LEFT_OPEN)
}

pub(crate) async fn opened(database: &Database) -> PostgresStore {
    options(database).await.expect("a store")
}

/// A connection that is not the store's.
pub(crate) async fn stranger(database: &Database) -> Client {
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// Looks until something is so, at the latest after a minute.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let patient = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), patient).await.unwrap_or_else(|_| panic!("it never was: {what}"));
}

/// Waits until so many sessions of stores, or more, wait for a lock.
pub(crate) async fn waiting(client: &Client, sessions: i64) {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                           AND application_name = 'artana' AND wait_event_type = 'Lock'";
    until("sessions wait for a lock", || async { count(client, WAITING).await >= sessions }).await;
}

/// Checks that no session of a store is in the middle of anything. What was cut off or told to stop has a moment to
/// end; a transaction that was left open stays for as long as anybody looks.
pub(crate) async fn nothing_is_open(client: &Client) {
    let begun = Instant::now();
    loop {
        let open = what_is_open(client).await;
        if open.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "these were left open: {open:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Says in what state each session of a store is that is in the middle of something.
pub(crate) async fn what_is_open(client: &Client) -> Vec<String> {
    const OPEN: &str = "SELECT state || ': ' || query FROM pg_stat_activity \
                        WHERE datname = current_database() AND application_name = 'artana' AND state <> 'idle'";
    forget(client).await;
    client.query(OPEN, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect()
}

/// Waits until no store has a session.
pub(crate) async fn nobody_is_in(client: &Client) {
    sessions(client, 0).await;
}

/// Waits until stores have so many sessions.
pub(crate) async fn sessions(client: &Client, sessions: i64) {
    const IN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND application_name = 'artana'";
    until("so many sessions are in the database", || async { count(client, IN).await == sessions }).await;
}

/// Inside a transaction the server would tell of sessions what it first told.
async fn forget(client: &Client) {
    client.execute("SELECT pg_stat_clear_snapshot()", &[]).await.expect("forgotten");
}

async fn count(client: &Client, statement: &str) -> i64 {
    forget(client).await;
    client.query_one(statement, &[]).await.expect("a count").get(0)
}

pub(crate) async fn born(store: &PostgresStore) {
    sample::born(store).await;
}

/// Appends events 1 to `upto` one by one.
pub(crate) async fn filled(store: &PostgresStore, run: &artana_core::RunRef, upto: u64) {
    sample::filled(store, run, upto).await;
}

/// The authorities under which an append goes on with a run, each with a run that has one event: two of them have a
/// statement of their own on the server.
pub(crate) async fn going_on(store: &PostgresStore) -> [(RunRef, Authority); 3] {
    born(store).await;
    let [outside, plain, driven] = ["outside", "plain", "driven"].map(run);
    filled(store, &outside, 1).await;
    filled(store, &plain, 1).await;
    let first = Append { authority: Authority::TakeLease(LIFE), ..batch(&driven, None) };
    store.append(first).await.expect("a lease");
    [
        (outside.clone(), batch(&outside, None).authority),
        (plain, Authority::Plain(LIFE)),
        (driven, Authority::Driver(Epoch::new(1))),
    ]
}

/// The next batch of a run with so many events.
pub(crate) fn next((run, authority): &(RunRef, Authority), head: Head) -> Append {
    Append { authority: authority.clone(), ..batch(run, Some(head)) }
}
