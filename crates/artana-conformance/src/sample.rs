//! Runs and batches for an adapter's own tests, made without a kernel. They are not sealed: a store reads no hash. The
//! same names and numbers give the same rows each time, so that a test can say what it expects to find.
//!
//! The laws of newer schemas change no more than a schema's number. [`only_reads`] is for an adapter's own test in which
//! its tables change as well.

use std::{collections::BTreeMap, time::Duration};

use artana_core::{
    Actor, ChainHash, Content, Digest, EventId, Head, IncarnationId, LabelKey, Queued, Record, RunId, RunKey, RunRef,
    RunView, Seq, Status, StepKey, TenantId, TenantKey, Timestamp,
};
use artana_ports::{
    Append, AppendError, Authority, BeatError, Claim, DueQuery, EventStore, Heartbeat, Reserve, RunQuery, StoreError,
};

/// An incarnation.
pub const LIFE: IncarnationId = IncarnationId::from_bytes([7; 16]);

/// The key of every run.
const KEY: [u8; 32] = [1; 32];

/// Names a run of a tenant.
///
/// # Panics
///
/// When one of them is no name.
#[must_use]
pub fn run_of(tenant: &str, name: &str) -> RunRef {
    RunRef::new(TenantId::parse(tenant).expect("a name"), RunId::parse(name).expect("a name"))
}

/// Names a run of the tenant `acme`.
///
/// # Panics
///
/// When it is no name.
#[must_use]
pub fn run(name: &str) -> RunRef {
    run_of("acme", name)
}

/// Starts [`LIFE`], which lasts a minute.
///
/// # Panics
///
/// When the store refuses.
pub async fn born(store: &dyn EventStore) {
    let beat = Heartbeat { incarnation: LIFE, ttl: Duration::from_secs(60), first: true };
    store.beat(beat).await.expect("a first beat");
}

/// Returns the hash of every event of this sequence.
#[must_use]
pub fn hash(seq: u64) -> ChainHash {
    let mut bytes = [0xa5; 32];
    bytes[..8].copy_from_slice(&seq.to_le_bytes());
    ChainHash::from_bytes(bytes)
}

/// Returns the head of a run of so many events.
#[must_use]
pub fn head(seq: u64) -> Head {
    Head { seq: Seq::new(seq), hash: hash(seq) }
}

/// Returns a piece of content.
#[must_use]
pub fn content(text: &str) -> Content {
    Content { digest: RunKey::from_bytes(KEY).digest(text.as_bytes()), bytes: text.into() }
}

/// Returns the digest of a piece of content.
#[must_use]
pub fn digest(text: &str) -> Digest {
    content(text).digest
}

/// Claims one of an account of a thousand.
#[must_use]
pub fn reserve(account: &str) -> Claim {
    let holder = EventId::from_bytes([9; 16]);
    Claim::Reserve(Reserve { account: account.into(), limit: 1000, amount: 1, holder })
}

/// Returns a batch from outside: one event after `expected`, with the content `words <seq>`.
#[must_use]
pub fn batch(run: &RunRef, expected: Option<Head>) -> Append {
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
        run_key: expected.is_none().then(|| RunKey::from_bytes(KEY)),
    }
}

/// Returns the view of a run that has this head.
#[must_use]
pub fn view(run: &RunRef, head: Head) -> RunView {
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
///
/// # Panics
///
/// When the store refuses one.
pub async fn filled(store: &dyn EventStore, run: &RunRef, upto: u64) {
    let mut expected = None;
    for _ in 0..upto {
        expected = Some(store.append(batch(run, expected)).await.expect("an append").head);
    }
}

/// Appends an event that leaves the run due.
///
/// # Panics
///
/// When the store refuses.
pub async fn enqueued(store: &dyn EventStore, run: &RunRef, expected: Option<Head>) {
    let mut batch = batch(run, expected);
    batch.view.queued = Some(Queued { queue: "q".into(), priority: 0, due_at: Timestamp::from_micros(0) });
    store.append(batch).await.expect("an append");
}

/// Checks a store whose schema a newer version migrated while it was open: [`LIFE`] lives, the run has one event more
/// than `upto`, and is [due](enqueued). Everything can be read, and every write is [`StoreError::TooNew`].
///
/// # Panics
///
/// When that is not so.
pub async fn only_reads(store: &dyn EventStore, run: &RunRef, upto: u64) {
    let at = head(upto + 1);
    assert_eq!(store.head(run).await.expect("a head"), Some(at));
    assert_eq!(store.read(run, Seq::ZERO, 1000).await.expect("rows").len() as u64, upto + 1);
    assert!(store.view(run).await.expect("a view").is_some() && store.run_key(run).await.expect("a key").is_some());
    let listed = store.runs(&RunQuery::all(run.tenant.clone())).await.expect("a page");
    assert_eq!((listed.items.len(), store.alive(&[LIFE]).await.expect("an answer")), (1, vec![true]));

    let newer = |error: &StoreError| assert!(matches!(error, StoreError::TooNew { .. }), "{error}");
    let beat = Heartbeat { incarnation: LIFE, ttl: Duration::from_secs(60), first: false };
    for append in [batch(run, Some(at)), batch(&run_of("acme", "another run"), None)] {
        match store.append(append).await {
            Err(AppendError::Store(error)) => newer(&error),
            other => panic!("an append to a newer schema: {other:?}"),
        }
    }
    match store.beat(beat).await {
        Err(BeatError::Store(error)) => newer(&error),
        other => panic!("a beat on a newer schema: {other:?}"),
    }
    match store.take_due(&DueQuery::all(LIFE, 1)).await {
        Err(BeatError::Store(error)) => newer(&error),
        other => panic!("leases of a newer schema: {other:?}"),
    }
    newer(&store.retire(LIFE).await.expect_err("a newer schema"));
    let candidate = Some(TenantKey::from_bytes([3; 32]));
    newer(&store.tenant_key(&run.tenant, candidate).await.expect_err("a newer schema"));
    assert_eq!(store.head(run).await.expect("a head"), Some(at), "nothing was written");
    assert_eq!(store.alive(&[LIFE]).await.expect("an answer"), [true]);
}
