//! A store that adds up how long its calls take, so that they can be left out of a figure.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, Seq, TenantId, TenantKey, Timestamp, verify::Stored,
};
use artana_ports::{
    Append, AppendError, Appended, BeatError, DueQuery, EventStore, Finding, Heartbeat, Leased, Listed, Page, RunQuery,
    StoreError, StoreInfo,
};
use async_trait::async_trait;

/// A store and what its calls took.
#[derive(Debug)]
pub(crate) struct TimedStore {
    store: Arc<dyn EventStore>,
    nanos: AtomicU64,
}

impl TimedStore {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store, nanos: AtomicU64::new(0) }
    }

    /// Returns how long all calls together took so far.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    async fn timed<T>(&self, call: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = call.await;
        self.nanos.fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(0), Ordering::Relaxed);
        answer
    }
}

#[async_trait]
impl EventStore for TimedStore {
    fn info(&self) -> StoreInfo {
        self.store.info()
    }

    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        self.timed(self.store.append(batch)).await
    }

    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.timed(self.store.read(run, after, limit)).await
    }

    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        self.timed(self.store.head(run)).await
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        self.timed(self.store.content(root, digests)).await
    }

    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        self.timed(self.store.run_key(root)).await
    }

    async fn tenant_key(
        &self,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        self.timed(self.store.tenant_key(tenant, candidate)).await
    }

    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        self.timed(self.store.holders(tenant, keys)).await
    }

    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        self.timed(self.store.view(run)).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        self.timed(self.store.runs(query)).await
    }

    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        self.timed(self.store.beat(beat)).await
    }

    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.timed(self.store.retire(incarnation)).await
    }

    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        self.timed(self.store.alive(incarnations)).await
    }

    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        self.timed(self.store.take_due(query)).await
    }

    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        self.store.follow(run, after).await
    }

    async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        self.timed(self.store.doctor()).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.timed(self.store.close()).await
    }
}
