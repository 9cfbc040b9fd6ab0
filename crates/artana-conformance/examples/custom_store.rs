//! A store of one's own, and the laws that say whether it is one.
//!
//! It keeps everything in memory, under one lock, and is as plain as a store can be: an append looks up what there is,
//! has it judged by the rules of the port, and then writes what cannot fail any more. A real one does the same in a
//! transaction, and looks up only what a batch names. `main` has the laws judge it, as a test of an adapter does. Nothing
//! here reads a payload, hashes or folds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use artana_conformance::{InProcess, Report, run_laws};
use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunId, RunKey, RunRef, RunView, Seq, TenantId, TenantKey, Timestamp,
    limits::MAX_PAGE_EVENTS, verify::Stored,
};
use artana_ports::{
    Append, AppendError, Appended, BeatError, Clock, DueQuery, EventStore, Finding, Heartbeat, Holdings, Lease, Leased,
    Listed, Page, RunQuery, StoreError, StoreInfo,
};
use async_trait::async_trait;
use tokio::sync::watch;

/// What is kept.
#[derive(Debug, Default)]
struct Data {
    tenants: BTreeMap<TenantId, Tenant>,
    /// When each life ends or ended. Nobody is forgotten, so nobody comes back.
    lives: BTreeMap<IncarnationId, Timestamp>,
}

/// What is kept of a tenant. No two tenants ever meet.
#[derive(Debug, Default)]
struct Tenant {
    key: Option<TenantKey>,
    runs: BTreeMap<RunId, Run>,
    /// What crosses its runs: accounts, unique keys, rates.
    claims: Holdings,
    /// Keys and content of families, by the root of each.
    run_keys: BTreeMap<RunId, RunKey>,
    vault: BTreeMap<(RunId, Digest), Vec<u8>>,
}

#[derive(Debug)]
struct Run {
    view: RunView,
    events: Vec<Record>,
    lease: Lease,
}

impl Data {
    fn tenant(&mut self, tenant: &TenantId) -> &mut Tenant {
        self.tenants.entry(tenant.clone()).or_default()
    }

    fn run(&mut self, run: &RunRef) -> Option<&mut Run> {
        self.tenants.get_mut(&run.tenant)?.runs.get_mut(&run.run)
    }

    fn lives(&self, incarnation: IncarnationId, now: Timestamp) -> bool {
        self.lives.get(&incarnation).is_some_and(|end| *end > now)
    }

    /// Checks a batch in the order of the port: head, authority, claims. Then writes it.
    fn append(&mut self, batch: Append, now: Timestamp) -> Result<Appended, AppendError> {
        let run = self.run(&batch.run);
        batch.check_head(run.as_ref().map(|run| run.view.head))?;
        let lease = run.map(|run| run.lease).unwrap_or_default();
        let lease = lease.after(&batch, |incarnation| Ok(self.lives(incarnation, now)))?;
        let tenant = self.tenant(&batch.run.tenant);
        let claims = tenant.claims.clone().after(&batch, now)?;

        let (appended, root) = (batch.appended(lease), batch.view.root.clone());
        tenant.claims = claims;
        if let Some(key) = batch.run_key {
            tenant.run_keys.entry(root.clone()).or_insert(key);
        }
        for content in batch.content {
            tenant.vault.entry((root.clone(), content.digest)).or_insert(content.bytes);
        }
        let mut events = tenant.runs.remove(&batch.run.run).map_or_else(Vec::new, |run| run.events);
        events.extend(batch.events);
        tenant.runs.insert(batch.run.run, Run { view: batch.view, events, lease });
        Ok(appended)
    }
}

/// A handle on a store. A clone is another one on the same data, which is closed by itself.
#[derive(Debug)]
pub(crate) struct PlainStore {
    data: Arc<Mutex<Data>>,
    clock: Arc<dyn Clock>,
    /// Tells those who follow that something was appended.
    appended: watch::Sender<()>,
    closed: watch::Sender<bool>,
}

impl PlainStore {
    fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { data: Arc::default(), clock, appended: watch::Sender::default(), closed: watch::Sender::default() }
    }

    fn data(&self) -> Result<MutexGuard<'_, Data>, StoreError> {
        let open = !*self.closed.borrow();
        open.then(|| self.data.lock().unwrap_or_else(PoisonError::into_inner)).ok_or(StoreError::Closed)
    }
}

impl Clone for PlainStore {
    fn clone(&self) -> Self {
        let (data, clock) = (Arc::clone(&self.data), Arc::clone(&self.clock));
        Self { data, clock, appended: self.appended.clone(), closed: watch::Sender::default() }
    }
}

#[async_trait]
impl EventStore for PlainStore {
    fn info(&self) -> StoreInfo {
        StoreInfo { kind: "plain", durability: "none: it ends with the process".into(), facts: Vec::new() }
    }

    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        batch.check_bounds()?;
        batch.check_shape()?;
        let appended = self.data()?.append(batch, self.clock.now())?;
        self.appended.send_replace(());
        Ok(appended)
    }

    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let (after, limit) = (usize::try_from(after.get()).unwrap_or(usize::MAX), limit.min(MAX_PAGE_EVENTS) as usize);
        let mut data = self.data()?;
        Ok(data.run(run).map_or_else(Vec::new, |run| run.events.iter().skip(after).take(limit).cloned().collect()))
    }

    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        Ok(self.data()?.run(run).map(|run| run.view.head))
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let data = self.data()?;
        let stored = |digest: &Digest| data.tenants.get(&root.tenant)?.vault.get(&(root.run.clone(), *digest)).cloned();
        Ok(digests.iter().map(|digest| stored(digest).map_or(Stored::Missing, Stored::Bytes)).collect())
    }

    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        let data = self.data()?;
        Ok(data.tenants.get(&root.tenant).and_then(|tenant| tenant.run_keys.get(&root.run).cloned()))
    }

    async fn tenant_key(&self, tenant: &TenantId, new: Option<TenantKey>) -> Result<Option<TenantKey>, StoreError> {
        let mut data = self.data()?;
        let key = &mut data.tenant(tenant).key;
        *key = key.take().or(new);
        Ok(key.clone())
    }

    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        let data = self.data()?;
        let holder = |key: &String| data.tenants.get(tenant)?.claims.unique.get(key).copied();
        Ok(keys.iter().map(holder).collect())
    }

    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        Ok(self.data()?.run(run).map(|run| Listed::View(run.view.clone())))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        let data = self.data()?;
        let runs = data.tenants.get(&query.tenant).into_iter().flat_map(|tenant| tenant.runs.values());
        Ok(query.page(runs.map(|run| &run.view)))
    }

    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        let mut data = self.data()?;
        let end = beat.end(data.lives.get(&beat.incarnation).copied(), self.clock.now())?;
        data.lives.insert(beat.incarnation, end);
        Ok(end)
    }

    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        if let Some(end) = self.data()?.lives.get_mut(&incarnation) {
            // An end before every time: no clock that steps back brings it back.
            *end = Timestamp::from_micros(i64::MIN);
        }
        Ok(())
    }

    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        let (data, now) = (self.data()?, self.clock.now());
        Ok(incarnations.iter().map(|incarnation| data.lives(*incarnation, now)).collect())
    }

    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let (mut data, now) = (self.data()?, self.clock.now());
        if !data.lives(query.taker, now) {
            return Err(BeatError::Lapsed);
        }
        let runs = data.tenants.values().flat_map(|tenant| tenant.runs.values());
        let taken = query.choose(runs.map(|run| (&run.view, run.lease)), now, |owner| data.lives(owner, now));
        for leased in &taken {
            let run = data.run(&leased.run).expect("what was chosen is there");
            run.lease = run.lease.granted_to(query.taker);
        }
        Ok(taken)
    }

    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        let (mut appended, mut closed) = (self.appended.subscribe(), self.closed.subscribe());
        loop {
            if let Some(head) = self.head(run).await?.filter(|head| head.seq > after) {
                return Ok(head);
            }
            tokio::select! {
                _ = appended.changed() => {}
                _ = closed.changed() => {}
            }
        }
    }

    async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        self.data().map(|_| Vec::new())
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.closed.send_replace(true);
        Ok(())
    }
}

/// Has the store judged by all laws.
pub(crate) async fn judged() -> Report {
    run_laws(&InProcess::new("plain", PlainStore::with_clock)).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    judged().await.assert_all_passed();
    println!("the store keeps every law");
}
