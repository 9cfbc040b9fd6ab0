//! Runs and batches for the tests, made without a kernel.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use artana_core::{
    Actor, ChainHash, Content, Digest, EventId, Head, IncarnationId, LabelKey, Record, RunId, RunKey, RunRef, RunView,
    Seq, Status, StepKey, TenantId, Timestamp,
};
use artana_ports::{Append, Authority, EventStore, Heartbeat};
use artana_store_sqlite::SqliteStore;
use tempfile::TempDir;

/// A folder of its own, and the path of a file in it that does not exist yet.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    (folder, path)
}

pub(crate) fn run(name: &str) -> RunRef {
    RunRef::new(TenantId::parse("acme").expect("a name"), RunId::parse(name).expect("a name"))
}

pub(crate) const LIFE: IncarnationId = IncarnationId::from_bytes([7; 16]);

pub(crate) async fn born(store: &SqliteStore) {
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
pub(crate) async fn filled(store: &SqliteStore, run: &RunRef, upto: u64) {
    let mut expected = None;
    for _ in 0..upto {
        expected = Some(store.append(batch(run, expected)).await.expect("an append").head);
    }
}

/// Changes a closed file behind the store's back.
pub(crate) fn tamper(path: &std::path::Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).expect("a file");
    connection.execute_batch(sql).expect("a statement");
}
