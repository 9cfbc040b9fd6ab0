//! A store in memory whose schema can become newer: it reads then, and writes nothing. With it the saboteurs show that
//! the laws of newer schemas bite, which a store in memory has no use for.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use artana_conformance::{Place, StoreFactory};
use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, Seq, TenantId, TenantKey, Timestamp, verify::Stored,
};
use artana_ports::{
    Append, AppendError, Appended, BeatError, Clock, DueQuery, EventStore, Finding, Heartbeat, Leased, Listed, Page,
    RunQuery, StoreError, StoreInfo,
};
use artana_testkit::MemoryStore;
use async_trait::async_trait;

/// Makes places for it.
#[derive(Debug)]
pub(crate) struct Versioned;

#[async_trait]
impl StoreFactory for Versioned {
    fn name(&self) -> &'static str {
        "versioned"
    }

    async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        Box::new(Memory { store: MemoryStore::with_clock(clock), newer: Arc::default() })
    }
}

#[derive(Debug)]
struct Memory {
    store: MemoryStore,
    newer: Arc<AtomicBool>,
}

#[async_trait]
impl Place for Memory {
    async fn open(&self) -> Arc<dyn EventStore> {
        Arc::new(Self { store: self.store.clone(), newer: Arc::clone(&self.newer) })
    }

    async fn make_newer(&self) {
        self.newer.store(true, Ordering::SeqCst);
    }

    /// Nothing is written beside the port here: only what a saboteur adds to this can differ.
    async fn stored(&self) -> Option<String> {
        Some(String::new())
    }
}

impl Memory {
    fn writable(&self) -> Result<(), StoreError> {
        match self.newer.load(Ordering::SeqCst) {
            true => Err(StoreError::TooNew { found: 99, known: 1 }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl EventStore for Memory {
    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        self.writable()?;
        self.store.append(batch).await
    }

    async fn tenant_key(&self, tenant: &TenantId, key: Option<TenantKey>) -> Result<Option<TenantKey>, StoreError> {
        if key.is_some() {
            self.writable()?;
        }
        self.store.tenant_key(tenant, key).await
    }

    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        self.writable()?;
        self.store.beat(beat).await
    }

    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.writable()?;
        self.store.retire(incarnation).await
    }

    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        self.writable()?;
        self.store.take_due(query).await
    }

    fn info(&self) -> StoreInfo {
        self.store.info()
    }
    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.store.read(run, after, limit).await
    }
    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        self.store.head(run).await
    }
    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        self.store.content(root, digests).await
    }
    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        self.store.run_key(root).await
    }
    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        self.store.holders(tenant, keys).await
    }
    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        self.store.view(run).await
    }
    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        self.store.runs(query).await
    }
    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        self.store.alive(incarnations).await
    }
    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        self.store.follow(run, after).await
    }
    async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        self.store.doctor().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}
