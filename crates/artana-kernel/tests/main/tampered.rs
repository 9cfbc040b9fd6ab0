//! A row that is not what was written is found by whatever reads it, at its sequence.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, Seq, TenantId, TenantKey, Timestamp, verify::Stored,
};
use artana_kernel::{Error, Kernel};
use artana_ports::{
    Append, AppendError, Appended, BeatError, DueQuery, EventStore, Finding, Heartbeat, Leased, Listed, Page, RunQuery,
    StoreError, StoreInfo,
};
use artana_testkit::MemoryStore;
use async_trait::async_trait;

use crate::world::{call, tenant, world};

/// A store that reads one row wrong, once it is told which.
#[derive(Debug)]
struct Tampered {
    inner: MemoryStore,
    seq: Arc<AtomicU64>,
}

#[async_trait]
impl EventStore for Tampered {
    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut rows = self.inner.read(run, after, limit).await?;
        let wrong = Seq::new(self.seq.load(Ordering::SeqCst));
        if let Some(row) = rows.iter_mut().find(|row| row.seq == wrong) {
            let last = row.payload.len() - 2;
            row.payload[last] ^= 1;
        }
        Ok(rows)
    }

    fn info(&self) -> StoreInfo {
        self.inner.info()
    }
    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        self.inner.append(batch).await
    }
    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        self.inner.head(run).await
    }
    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        self.inner.content(root, digests).await
    }
    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        self.inner.run_key(root).await
    }
    async fn tenant_key(&self, tenant: &TenantId, key: Option<TenantKey>) -> Result<Option<TenantKey>, StoreError> {
        self.inner.tenant_key(tenant, key).await
    }
    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        self.inner.holders(tenant, keys).await
    }
    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        self.inner.view(run).await
    }
    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        self.inner.runs(query).await
    }
    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        self.inner.beat(beat).await
    }
    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.inner.retire(incarnation).await
    }
    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        self.inner.alive(incarnations).await
    }
    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        self.inner.take_due(query).await
    }
    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        self.inner.follow(run, after).await
    }
    async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        self.inner.doctor().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

fn found<T: std::fmt::Debug>(result: Result<T, Error>) -> Seq {
    match result {
        Err(Error::Damaged { found, .. }) => found.seq,
        other => panic!("damage was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn damage_is_found_by_whatever_reads_it() {
    let world = world();
    let writer = world.process();
    let run = writer.run("r").await;
    for step in ["a", "b", "c"] {
        call(&run, step, "mail").await.unwrap();
    }
    for n in 1..=7 {
        let seq = Arc::new(AtomicU64::new(0));
        let kernel = Kernel::builder(Tampered { inner: world.store.clone(), seq: Arc::clone(&seq) })
            .clock(Arc::new(world.clock.clone()))
            .build()
            .unwrap();
        let run = kernel.open_run(&tenant(), "r").await.unwrap();
        seq.store(n, Ordering::SeqCst);
        let damaged = Seq::new(n);
        assert_eq!(found(run.events().try_next().await), damaged, "a page is checked whole");
        let before = Seq::new(n - 1);
        assert_eq!(found(run.events_after(before).try_next().await), damaged);
        assert_eq!(kernel.verify(&tenant(), "r").await.unwrap().first_break.unwrap().seq, damaged);
        assert!(!run.verify().await.unwrap().is_ok());
        let fresh = Kernel::builder(Tampered { inner: world.store.clone(), seq }).build().unwrap();
        assert_eq!(found(fresh.open_run(&tenant(), "r").await), damaged);
        let told = fresh.explain(&tenant(), "r").await.unwrap();
        let (whose, broken) = told.broken.unwrap();
        assert_eq!((whose.run.as_str(), broken.seq), ("r", damaged));
        assert_eq!(told.explanation.map_or(0, |told| told.head.seq.get()), n - 1, "what holds is explained");
    }
}

#[tokio::test]
async fn what_others_appended_is_checked_when_it_is_read() {
    let world = world();
    let writer = world.process();
    let run = writer.run("r").await;
    let seq = Arc::new(AtomicU64::new(0));
    let kernel = Kernel::builder(Tampered { inner: world.store.clone(), seq: Arc::clone(&seq) }).build().unwrap();
    let elsewhere = kernel.open_run(&tenant(), "r").await.unwrap();
    call(&run, "a", "mail").await.unwrap();
    seq.store(2, Ordering::SeqCst);
    assert_eq!(found(elsewhere.status().await), Seq::new(2));
    assert_eq!(found(elsewhere.finish().await), Seq::new(2));
}
