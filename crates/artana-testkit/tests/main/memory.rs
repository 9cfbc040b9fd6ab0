//! What the store in memory has beyond the port: counts, handles, and strictness.

use std::collections::BTreeMap;

use artana_core::{
    Actor, Draft, EventId, Genesis, Head, RunId, RunKey, RunRef, RunView, Seq, Stamp, Status, TenantId, Timestamp, seal,
};
use artana_ports::{Append, AppendError, Authority, EventStore, Release, StoreError};
use artana_testkit::MemoryStore;

pub(crate) fn run() -> RunRef {
    RunRef::new(TenantId::parse("t").expect("fit"), RunId::parse("r").expect("fit"))
}

/// Returns a batch of one event that starts a run.
pub(crate) fn first_batch() -> Append {
    let (run, key, at) = (run(), RunKey::from_bytes([1; 32]), Timestamp::from_micros(1));
    let before = Head { seq: Seq::ZERO, hash: Genesis::root(run.clone(), key.id()).hash() };
    let draft = Draft::raw("noted", None, b"{}".to_vec()).expect("fit");
    let record = seal(&run, &before, draft, Stamp { id: EventId::v7(1, [1; 10]), at }).into_record();
    let view = RunView {
        run: run.clone(),
        root: run.run.clone(),
        parent: None,
        status: Status::Running,
        head: record.head(),
        started_at: at,
        updated_at: at,
        steps: 0,
        pending: 0,
        unknown: 0,
        drifts: 0,
        last_step: None,
        failed_step: None,
        labels: BTreeMap::new(),
        queued: None,
    };
    Append {
        run,
        expected: None,
        authority: Authority::Outside(Actor::parse("test").expect("fit")),
        events: vec![record],
        content: Vec::new(),
        claims: Vec::new(),
        releases: Vec::new(),
        view,
        run_key: Some(key),
    }
}

#[tokio::test]
async fn uses_are_counted() {
    let store = MemoryStore::new();
    store.append(first_batch()).await.unwrap();
    assert!(matches!(store.append(first_batch()).await, Err(AppendError::Conflict { .. })));
    store.clone().read(&run(), Seq::ZERO, 10).await.unwrap();
    let counts = store.counts();
    assert_eq!((counts.appends, counts.events, counts.reads, counts.rows, counts.heads), (2, 1, 1, 1, 0));
}

#[tokio::test]
async fn a_process_dies_and_another_finds_its_data() {
    let store = MemoryStore::new();
    let other = store.clone();
    store.append(first_batch()).await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.head(&run()).await, Err(StoreError::Closed)));
    drop(store);
    assert!(other.head(&run()).await.unwrap().is_some());
}

#[tokio::test]
#[should_panic(expected = "event 1 has its own hash")]
async fn a_wrong_hash_is_the_callers_bug() {
    let mut batch = first_batch();
    batch.events[0].payload = b"[]".to_vec();
    drop(MemoryStore::new().append(batch).await);
}

#[tokio::test]
#[should_panic(expected = "given back by its driver")]
async fn a_lease_is_given_back_by_its_driver() {
    let batch = Append { releases: vec![Release::Lease], ..first_batch() };
    drop(MemoryStore::new().append(batch).await);
}
