//! Writes runs the way a kernel does: sealed, linked, each batch with its view. It never asks a store
//! what it wrote, so that a law compares what a store says with what it was told.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use artana_core::{
    Actor, Content, Digest, Draft, EventId, Genesis, Head, IncarnationId, Record, RequestId, RunId, RunKey, RunRef,
    RunView, Seq, Stamp, Status, StepKey, TenantId, Timestamp, seal,
};
use artana_ports::{Append, AppendError, Appended, Authority, Claim, EventStore, Release, Reserve};

/// The time of every event a law does not give another time.
pub(crate) const AT: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn unique() -> [u8; 10] {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    random
}

/// Makes an event id that no other event of this process has.
pub(crate) fn new_event_id() -> EventId {
    EventId::v7(1_700_000_000_000, unique())
}

/// Makes an incarnation that never lived.
pub(crate) fn new_incarnation() -> IncarnationId {
    IncarnationId::v7(1_700_000_000_000, unique())
}

/// Names a run.
pub(crate) fn run_ref(tenant: &str, run: &str) -> RunRef {
    RunRef::new(tenant_id(tenant), run_id(run))
}

/// Names a tenant.
pub(crate) fn tenant_id(tenant: &str) -> TenantId {
    TenantId::parse(tenant).expect("laws use fit names")
}

/// Names a run of some tenant.
pub(crate) fn run_id(run: &str) -> RunId {
    RunId::parse(run).expect("laws use fit names")
}

/// An event a law appends.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) kind: &'static str,
    pub(crate) step: Option<&'static str>,
    pub(crate) payload: Vec<u8>,
    pub(crate) at: Timestamp,
}

impl Default for Entry {
    fn default() -> Self {
        Self { kind: "noted", step: Some("a step"), payload: b"{}".to_vec(), at: AT }
    }
}

/// Writes one run.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) run: RunRef,
    pub(crate) head: Option<Head>,
    pub(crate) key: RunKey,
    pub(crate) genesis: Genesis,
    pub(crate) view: RunView,
}

impl Writer {
    /// Prepares to write a root run that does not exist yet.
    pub(crate) fn new(tenant: &str, run: &str) -> Self {
        let run = run_ref(tenant, run);
        let key = RunKey::from_bytes([7; 32]);
        let genesis = Genesis::root(run.clone(), key.id());
        let head = Head { seq: Seq::ZERO, hash: genesis.hash() };
        let view = RunView {
            root: run.run.clone(),
            run: run.clone(),
            parent: None,
            status: Status::Running,
            head,
            started_at: AT,
            updated_at: AT,
            steps: 0,
            pending: 0,
            unknown: 0,
            drifts: 0,
            last_step: None,
            failed_step: None,
            labels: BTreeMap::new(),
            queued: None,
        };
        Self { run, head: None, key, genesis, view }
    }

    /// Returns a batch of `events` small events, made from outside.
    pub(crate) fn batch(&self, events: usize) -> Append {
        self.batch_of(&vec![Entry::default(); events])
    }

    /// Returns a batch of these events, made from outside.
    pub(crate) fn batch_of(&self, entries: &[Entry]) -> Append {
        let mut head = self.head.unwrap_or(Head { seq: Seq::ZERO, hash: self.genesis.hash() });
        let mut events = Vec::new();
        for entry in entries {
            let record = self.sealed(&head, entry);
            head = record.head();
            events.push(record);
        }
        Append {
            run: self.run.clone(),
            expected: self.head,
            authority: Authority::Outside(Actor::parse("a law").expect("a fit name")),
            events,
            content: Vec::new(),
            claims: Vec::new(),
            releases: Vec::new(),
            view: RunView { head, ..self.view.clone() },
            run_key: self.head.is_none().then(|| self.key.clone()),
        }
    }

    fn sealed(&self, head: &Head, entry: &Entry) -> Record {
        let step = entry.step.map(|step| StepKey::parse(step).expect("laws use fit names"));
        let draft = Draft::raw(entry.kind, step, entry.payload.clone()).expect("laws draft payloads that fit");
        seal(&self.run, head, draft, Stamp { id: new_event_id(), at: entry.at }).into_record()
    }

    /// Sends a batch of this writer and goes on after it if it committed.
    pub(crate) async fn send(&mut self, store: &dyn EventStore, batch: Append) -> Result<Appended, AppendError> {
        let head = batch.view.head;
        let appended = store.append(batch).await?;
        self.head = Some(head);
        Ok(appended)
    }

    /// Appends so many small events from outside.
    pub(crate) async fn write(&mut self, store: &dyn EventStore, events: usize) -> Result<Appended, AppendError> {
        let batch = self.batch(events);
        self.send(store, batch).await
    }

    /// Appends one event under an authority.
    pub(crate) async fn write_as(
        &mut self,
        store: &dyn EventStore,
        authority: Authority,
    ) -> Result<Appended, AppendError> {
        let batch = Append { authority, ..self.batch(1) };
        self.send(store, batch).await
    }

    /// Appends one event with these claims.
    pub(crate) async fn claim(&mut self, store: &dyn EventStore, claims: Vec<Claim>) -> Result<Appended, AppendError> {
        let batch = Append { claims, ..self.batch(1) };
        self.send(store, batch).await
    }

    /// Appends one event with these releases.
    pub(crate) async fn release(
        &mut self,
        store: &dyn EventStore,
        releases: Vec<Release>,
    ) -> Result<Appended, AppendError> {
        let batch = Append { releases, ..self.batch(1) };
        self.send(store, batch).await
    }
}

/// Returns content under a digest made up from `name`; stores do not compute digests.
pub(crate) fn content(name: u8, bytes: impl Into<Vec<u8>>) -> Content {
    Content { digest: Digest::from_bytes([name; 32]), bytes: bytes.into() }
}

/// Returns a claim on a key.
pub(crate) fn unique_claim(key: &str, holder: EventId) -> Claim {
    Claim::Unique { key: key.to_owned(), holder }
}

/// Returns a claim on part of an account.
pub(crate) fn reserve(account: &str, limit: u64, amount: u64, holder: EventId) -> Claim {
    Claim::Reserve(Reserve { account: account.to_owned(), limit, amount, holder })
}

/// Returns a claim that never holds: 1970 has passed.
pub(crate) fn impossible() -> Claim {
    Claim::NotAfter(Timestamp::from_micros(0))
}

/// Returns the authority of a late outcome.
pub(crate) fn late() -> Authority {
    Authority::Late(RequestId::from(new_event_id()))
}
