//! A store between two points of every call.

use std::{fmt::Debug, future::Future, sync::Arc};

use artana_core::{
    Actor, Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, Seq, TenantId, TenantKey, Timestamp,
    verify::Stored,
};
use artana_ports::{
    Append, AppendError, Appended, Authority, BeatError, DueQuery, EventStore, Finding, Heartbeat, Leased, Listed,
    Page, RunQuery, StoreError, StoreInfo,
};
use async_trait::async_trait;

use super::{Faults, Order};

/// Wraps a store so that each call passes a point before, such as `append.before`, and one after it.
#[derive(Debug, Clone)]
pub struct FaultStore<S: ?Sized> {
    faults: Faults,
    fenced: bool,
    inner: Arc<S>,
}

impl<S: EventStore + ?Sized> FaultStore<S> {
    /// Wraps a store.
    #[must_use]
    pub fn new(inner: Arc<S>, faults: Faults) -> Self {
        Self { faults, fenced: true, inner }
    }

    /// Lets whatever a driver appends pass, as if nobody checked its epoch: with it a test shows that it would notice.
    #[must_use]
    pub fn unfenced(mut self) -> Self {
        self.fenced = false;
        self
    }

    /// Makes a call between its points.
    async fn between<T, E: From<StoreError>>(
        &self,
        before: &'static str,
        after: &'static str,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        if self.faults.pass(before).await == Order::Fail {
            return Err(failed("the call did not reach the store").into());
        }
        let answer = call.await;
        match self.faults.pass(after).await {
            Order::Fail => Err(failed("the reply was lost").into()),
            Order::GoOn | Order::Conflict => answer,
        }
    }
}

fn failed(reason: &str) -> StoreError {
    StoreError::Unavailable { reason: reason.to_owned() }
}

#[async_trait]
impl<S: EventStore + ?Sized> EventStore for FaultStore<S> {
    fn info(&self) -> StoreInfo {
        self.inner.info()
    }

    async fn append(&self, mut batch: Append) -> Result<Appended, AppendError> {
        if !self.fenced && matches!(batch.authority, Authority::Driver(_)) {
            batch.authority = Authority::Outside(Actor::parse("nobody").expect("a fit name"));
        }
        match self.faults.pass("append.before").await {
            Order::Fail => return Err(failed("the call did not reach the store").into()),
            Order::Conflict => return Err(AppendError::Conflict { actual: self.inner.head(&batch.run).await? }),
            Order::GoOn => {}
        }
        let answer = self.inner.append(batch).await;
        match self.faults.pass("append.after").await {
            Order::Fail => Err(AppendError::Ambiguous),
            Order::GoOn | Order::Conflict => answer,
        }
    }

    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.between("read.before", "read.after", self.inner.read(run, after, limit)).await
    }

    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        self.between("head.before", "head.after", self.inner.head(run)).await
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        self.between("content.before", "content.after", self.inner.content(root, digests)).await
    }

    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        self.between("run_key.before", "run_key.after", self.inner.run_key(root)).await
    }

    async fn tenant_key(
        &self,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        self.between("tenant_key.before", "tenant_key.after", self.inner.tenant_key(tenant, candidate)).await
    }

    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        self.between("holders.before", "holders.after", self.inner.holders(tenant, keys)).await
    }

    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        self.between("view.before", "view.after", self.inner.view(run)).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        self.between("runs.before", "runs.after", self.inner.runs(query)).await
    }

    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        self.between("beat.before", "beat.after", self.inner.beat(beat)).await
    }

    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.between("retire.before", "retire.after", self.inner.retire(incarnation)).await
    }

    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        self.between("alive.before", "alive.after", self.inner.alive(incarnations)).await
    }

    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        self.between("take_due.before", "take_due.after", self.inner.take_due(query)).await
    }

    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        self.between("follow.before", "follow.after", self.inner.follow(run, after)).await
    }

    async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        self.between("doctor.before", "doctor.after", self.inner.doctor()).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.between("close.before", "close.after", self.inner.close()).await
    }
}
