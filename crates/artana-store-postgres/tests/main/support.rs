//! Runs and batches for the tests, made without a kernel; and what happens behind the store's back.

use std::{collections::BTreeMap, future::Future, time::Duration};

use artana_core::{
    Actor, ChainHash, Content, Digest, EventId, Head, IncarnationId, LabelKey, Record, RunId, RunKey, RunRef, RunView,
    Seq, Status, StepKey, TenantId, Timestamp,
};
use artana_ports::{Append, Authority, Claim, EventStore, Heartbeat, Reserve};
use artana_store_postgres::{PostgresOptions, PostgresStore};
use artana_testkit::postgres::Database;
use tokio_postgres::{Client, NoTls};

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

pub(crate) fn options(database: &Database) -> PostgresOptions {
    PostgresStore::connect(database.url())
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

/// Waits until no session of a store is in the middle of anything.
pub(crate) async fn nothing_is_open(client: &Client) {
    const OPEN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                        AND application_name = 'artana' AND state <> 'idle'";
    until("no transaction is open", || async { count(client, OPEN).await == 0 }).await;
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

/// Counts sessions. Inside a transaction the server would tell what it first told.
async fn count(client: &Client, statement: &str) -> i64 {
    client.execute("SELECT pg_stat_clear_snapshot()", &[]).await.expect("forgotten");
    client.query_one(statement, &[]).await.expect("a count").get(0)
}

pub(crate) fn run_of(tenant: &str, name: &str) -> RunRef {
    RunRef::new(TenantId::parse(tenant).expect("a name"), RunId::parse(name).expect("a name"))
}

/// A claim of one on an account of a thousand.
pub(crate) fn reserve(account: &str) -> Claim {
    let holder = EventId::from_bytes([9; 16]);
    Claim::Reserve(Reserve { account: account.into(), limit: 1000, amount: 1, holder })
}

pub(crate) fn run(name: &str) -> RunRef {
    run_of("acme", name)
}

pub(crate) const LIFE: IncarnationId = IncarnationId::from_bytes([7; 16]);

pub(crate) async fn born(store: &PostgresStore) {
    let beat = Heartbeat { incarnation: LIFE, ttl: Duration::from_secs(60), first: true };
    store.beat(beat).await.expect("a first beat");
}

/// The hash every test row of this sequence has.
pub(crate) fn hash(seq: u64) -> ChainHash {
    let mut bytes = [0xa5; 32];
    bytes[..8].copy_from_slice(&seq.to_le_bytes());
    ChainHash::from_bytes(bytes)
}

pub(crate) fn head(seq: u64) -> Head {
    Head { seq: Seq::new(seq), hash: hash(seq) }
}

pub(crate) fn content(text: &str) -> Content {
    Content { digest: RunKey::from_bytes([1; 32]).digest(text.as_bytes()), bytes: text.into() }
}

pub(crate) fn digest(text: &str) -> Digest {
    content(text).digest
}

/// One event after `expected`, with the content `words <seq>`.
pub(crate) fn batch(run: &RunRef, expected: Option<Head>) -> Append {
    let seq = expected.map_or(1, |head| head.seq.get() + 1);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&seq.to_be_bytes());
    let record = Record {
        tenant: run.tenant.shared(),
        run: run.run.shared(),
        seq: Seq::new(seq),
        event_id: EventId::from_bytes(id),
        kind: "note".into(),
        step: Some("step/one".into()),
        at: Timestamp::from_micros(1_700_000_000_000_000),
        payload: br#"{"a":1}"#.to_vec(),
        prev_hash: expected.map_or(hash(0), |head| head.hash),
        hash: hash(seq),
    };
    Append {
        run: run.clone(),
        expected,
        authority: Authority::Outside(Actor::parse("tester").expect("a name")),
        content: vec![content(&format!("words {seq}"))],
        claims: Vec::new(),
        releases: Vec::new(),
        view: view(run, record.head()),
        events: vec![record],
        run_key: expected.is_none().then(|| RunKey::from_bytes([1; 32])),
    }
}

pub(crate) fn view(run: &RunRef, head: Head) -> RunView {
    RunView {
        run: run.clone(),
        root: run.run.clone(),
        parent: None,
        status: Status::Running,
        head,
        started_at: Timestamp::from_micros(5),
        updated_at: Timestamp::from_micros(6),
        steps: head.seq.get(),
        pending: 0,
        unknown: 0,
        drifts: 0,
        last_step: Some(StepKey::parse("step/one").expect("a name")),
        failed_step: None,
        labels: BTreeMap::from([(LabelKey::parse("team").expect("a name"), "blue \u{1f}\"x".to_owned())]),
        queued: None,
    }
}

/// Appends events 1 to `upto` one by one.
pub(crate) async fn filled(store: &PostgresStore, run: &RunRef, upto: u64) {
    let mut expected = None;
    for _ in 0..upto {
        expected = Some(store.append(batch(run, expected)).await.expect("an append").head);
    }
}
