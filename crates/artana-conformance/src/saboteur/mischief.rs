//! What a saboteur may do: stand in for any call of the port. What it does not care for goes through.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, Seq, TenantId, TenantKey, Timestamp, verify::Stored,
};
use artana_ports::{
    Append, AppendError, Appended, Authority, BeatError, Clock, DueQuery, EventStore, Finding, Heartbeat, Leased,
    Listed, Owner, Page, Release, RunQuery, StoreError, StoreInfo,
};
use async_trait::async_trait;

/// Where a call happens: the honest store behind it, which handle it came through, and the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) store: &'a dyn EventStore,
    pub(super) handle: usize,
    pub(super) now: Timestamp,
}

impl Scene<'_> {
    /// Returns whether the call came through a handle opened after the first.
    pub(super) fn elsewhere(&self) -> bool {
        self.handle > 0
    }

    pub(super) async fn alive(&self, incarnation: IncarnationId) -> Result<bool, StoreError> {
        Ok(self.store.alive(&[incarnation]).await?.contains(&true))
    }

    /// Appends what was refused as if a person had sent it.
    pub(super) async fn force(&self, batch: Append) -> Result<Appended, AppendError> {
        let by = artana_core::Actor::parse("a saboteur").expect("a fit name");
        self.store.append(Append { authority: Authority::Outside(by), ..batch }).await
    }
}

/// Says that a batch committed which did not.
pub(super) fn pretend(batch: &Append) -> Result<Appended, AppendError> {
    Ok(Appended { head: batch.view.head, epoch: None })
}

/// What a saboteur remembers.
#[derive(Debug, Default)]
pub(super) struct Notes<T>(Mutex<T>);

impl<T> Notes<T> {
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who took which run's lease and did not give it back.
#[derive(Debug, Default)]
pub(super) struct Leases(Notes<BTreeMap<RunRef, Owner>>);

impl Leases {
    /// Notes what a batch did to its run's lease.
    pub(super) fn note(&self, batch: &Append, answer: &Result<Appended, AppendError>) {
        let Ok(appended) = answer else { return };
        self.0.with(|leases| {
            if let (Authority::TakeLease(incarnation), Some(epoch)) = (&batch.authority, appended.epoch) {
                leases.insert(batch.run.clone(), Owner { incarnation: *incarnation, epoch });
            }
            if batch.releases.contains(&Release::Lease) {
                leases.remove(&batch.run);
            }
        });
    }

    pub(super) fn of(&self, run: &RunRef) -> Option<Owner> {
        self.0.with(|leases| leases.get(run).copied())
    }

    pub(super) fn all(&self) -> Vec<(RunRef, Owner)> {
        self.0.with(|leases| leases.iter().map(|(run, owner)| (run.clone(), *owner)).collect())
    }
}

/// Stands in for calls of the port.
#[async_trait]
pub(super) trait Mischief: Debug + Send + Sync + 'static {
    fn info(&self, at: Scene<'_>) -> StoreInfo {
        at.store.info()
    }

    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        at.store.append(batch).await
    }

    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        at.store.read(run, after, limit).await
    }

    async fn head(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Head>, StoreError> {
        at.store.head(run).await
    }

    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        at.store.content(root, digests).await
    }

    async fn run_key(&self, at: Scene<'_>, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        at.store.run_key(root).await
    }

    async fn tenant_key(
        &self,
        at: Scene<'_>,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        at.store.tenant_key(tenant, candidate).await
    }

    async fn holders(
        &self,
        at: Scene<'_>,
        tenant: &TenantId,
        keys: &[String],
    ) -> Result<Vec<Option<EventId>>, StoreError> {
        at.store.holders(tenant, keys).await
    }

    async fn view(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        at.store.view(run).await
    }

    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        at.store.runs(query).await
    }

    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        at.store.beat(beat).await
    }

    async fn retire(&self, at: Scene<'_>, incarnation: IncarnationId) -> Result<(), StoreError> {
        at.store.retire(incarnation).await
    }

    async fn alive(&self, at: Scene<'_>, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        at.store.alive(incarnations).await
    }

    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        at.store.take_due(query).await
    }

    async fn follow(&self, at: Scene<'_>, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        at.store.follow(run, after).await
    }

    async fn doctor(&self, at: Scene<'_>) -> Result<Vec<Finding>, StoreError> {
        at.store.doctor().await
    }

    async fn close(&self, at: Scene<'_>) -> Result<(), StoreError> {
        at.store.close().await
    }

    /// What is stored besides what the honest store has.
    fn stored(&self, honest: String) -> String {
        honest
    }
}

/// A handle with a saboteur before it.
#[derive(Debug)]
pub(super) struct Saboteur {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) mischief: Arc<dyn Mischief>,
    pub(super) handle: usize,
}

impl Saboteur {
    fn scene(&self) -> Scene<'_> {
        Scene { store: &*self.store, handle: self.handle, now: self.clock.now() }
    }
}

#[async_trait]
impl EventStore for Saboteur {
    fn info(&self) -> StoreInfo {
        self.mischief.info(self.scene())
    }

    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        self.mischief.append(self.scene(), batch).await
    }

    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.mischief.read(self.scene(), run, after, limit).await
    }

    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        self.mischief.head(self.scene(), run).await
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        self.mischief.content(self.scene(), root, digests).await
    }

    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        self.mischief.run_key(self.scene(), root).await
    }

    async fn tenant_key(
        &self,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        self.mischief.tenant_key(self.scene(), tenant, candidate).await
    }

    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        self.mischief.holders(self.scene(), tenant, keys).await
    }

    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        self.mischief.view(self.scene(), run).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        self.mischief.runs(self.scene(), query).await
    }

    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        self.mischief.beat(self.scene(), beat).await
    }

    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.mischief.retire(self.scene(), incarnation).await
    }

    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        self.mischief.alive(self.scene(), incarnations).await
    }

    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        self.mischief.take_due(self.scene(), query).await
    }

    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        self.mischief.follow(self.scene(), run, after).await
    }

    async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        self.mischief.doctor(self.scene()).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.mischief.close(self.scene()).await
    }
}
