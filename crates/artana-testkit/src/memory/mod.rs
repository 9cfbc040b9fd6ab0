//! A store in memory with exactly the semantics of the port: the reference other stores are compared with.
//! It is strict: a batch that no correct caller sends is a panic, not a row. It keeps nothing on disk.

mod counts;
mod data;
mod lives;
mod strict;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, Seq, TenantId, TenantKey, Timestamp,
    limits::MAX_PAGE_EVENTS, verify::Stored,
};
use artana_ports::{
    Append, AppendError, Appended, BeatError, Clock, DueQuery, EventStore, Finding, Heartbeat, Leased, Listed, Page,
    RunQuery, Severity, StoreError, StoreInfo, SystemClock,
};
use async_trait::async_trait;
use tokio::sync::Notify;

use data::Data;

pub use counts::Counts;

/// A handle on runs kept in memory.
///
/// A clone is another handle on the same data, as another process would have one: closing a handle, or
/// dropping it, leaves the data to the others.
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    data: Mutex<Data>,
    counts: Mutex<Counts>,
    changed: Notify,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), closed: AtomicBool::new(false) }
    }
}

impl MemoryStore {
    /// Makes an empty store that tells the time by the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// Makes an empty store that tells the time by this clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let shared = Shared { clock, data: Mutex::default(), counts: Mutex::default(), changed: Notify::new() };
        Self { shared: Arc::new(shared), closed: AtomicBool::new(false) }
    }

    /// Returns how often the port was used so far, through all handles.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and opens the data for it.
    fn enter(&self, count: impl FnOnce(&mut Counts)) -> Result<MutexGuard<'_, Data>, StoreError> {
        self.check_open()?;
        count(&mut self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(self.shared.data.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::SeqCst) { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    fn info(&self) -> StoreInfo {
        StoreInfo { kind: "memory", durability: "none: it ends with the process".to_owned(), facts: Vec::new() }
    }

    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        let events = batch.events.len() as u64;
        self.check_open()?;
        batch.check_bounds()?;
        batch.check_shape()?;
        strict::check(&batch);
        let now = self.now();
        let appended = {
            let mut data = self.enter(|counts| counts.appends += 1)?;
            data.append(batch, now)?
        };
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).events += events;
        self.shared.changed.notify_waiters();
        Ok(appended)
    }

    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let limit = limit.min(MAX_PAGE_EVENTS) as usize;
        let rows: Vec<Record> = {
            let data = self.enter(|counts| counts.reads += 1)?;
            let events = data.run(run).map_or(&[][..], |row| &row.events);
            let start = usize::try_from(after.get()).unwrap_or(usize::MAX).min(events.len());
            events[start..].iter().take(limit).cloned().collect()
        };
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).rows += rows.len() as u64;
        Ok(rows)
    }

    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        let data = self.enter(|counts| counts.heads += 1)?;
        Ok(data.run(run).map(|row| row.view.head))
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let data = self.enter(|counts| counts.contents += digests.len() as u64)?;
        let family = data.family(root);
        let stored = |digest| family.and_then(|family| family.vault.get(digest)).cloned();
        Ok(digests.iter().map(|digest| stored(digest).map_or(Stored::Missing, Stored::Bytes)).collect())
    }

    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        let data = self.enter(|counts| counts.keys += 1)?;
        Ok(data.family(root).and_then(|family| family.key.clone()))
    }

    async fn tenant_key(
        &self,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        let mut data = self.enter(|counts| counts.keys += 1)?;
        Ok(data.tenant_key(tenant, candidate))
    }

    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        let data = self.enter(|counts| counts.holders += keys.len() as u64)?;
        Ok(keys.iter().map(|key| data.holder(tenant, key)).collect())
    }

    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        let data = self.enter(|counts| counts.views += 1)?;
        Ok(data.run(run).map(|row| Listed::View(row.view.clone())))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        let data = self.enter(|counts| counts.listings += 1)?;
        Ok(data.page(query))
    }

    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        let now = self.now();
        let mut data = self.enter(|counts| counts.beats += 1)?;
        data.lives.beat(&beat, now)
    }

    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.enter(|counts| counts.beats += 1)?.lives.retire(incarnation);
        Ok(())
    }

    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        let now = self.now();
        let data = self.enter(|counts| counts.lookups += 1)?;
        Ok(incarnations.iter().map(|&incarnation| data.lives.alive(incarnation, now)).collect())
    }

    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let now = self.now();
        let mut data = self.enter(|counts| counts.takes += 1)?;
        if !data.lives.alive(query.taker, now) {
            return Err(BeatError::Lapsed);
        }
        Ok(data.take_due(query, now))
    }

    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        drop(self.enter(|counts| counts.follows += 1)?);
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Listening begins before looking, so that no change falls in between.
            changed.as_mut().enable();
            let head = self.enter(|_| ())?.run(run).map(|row| row.view.head);
            match head.filter(|head| head.seq > after) {
                Some(head) => return Ok(head),
                None => changed.await,
            }
        }
    }

    async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        let data = self.enter(|_| ())?;
        let message = format!("{} runs of {} tenants in memory", data.run_count(), data.tenant_count());
        Ok(vec![Finding { severity: Severity::Fine, subject: "memory".to_owned(), message }])
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.closed.store(true, Ordering::SeqCst);
        self.shared.changed.notify_waiters();
        Ok(())
    }
}
