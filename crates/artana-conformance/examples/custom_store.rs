//! A store of one's own, and the laws that say whether it is one.
//!
//! It keeps everything in memory, under one lock, and is as plain as a store can be: an append checks all it has to, and
//! then writes what cannot fail any more. A real one does the same in a transaction. `main` has the laws judge it, as a
//! test of an adapter does. Nothing here reads a payload, hashes or folds.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artana_conformance::{Place, Report, StoreFactory, run_laws};
use artana_core::{
    Digest, EventId, Head, IncarnationId, Record, RunKey, RunRef, RunView, Seq, TenantId, TenantKey, Timestamp,
    limits::{MAX_PAGE_EVENTS, MAX_PAGE_RUNS, MAX_TTL_SECONDS, MIN_TTL_MILLIS},
    verify::Stored,
};
use artana_ports::{
    Append, AppendError, Appended, Authority, BeatError, Claim, ClaimDenied, Clock, DueQuery, Epoch, EventStore,
    Finding, Heartbeat, Leased, Listed, Owner, Page, Release, RunQuery, StoreError, StoreInfo,
};
use async_trait::async_trait;
use tokio::sync::watch;

/// What is kept. Whatever belongs to a tenant has it in its key, so that no two tenants ever meet.
#[derive(Debug, Default)]
struct Data {
    runs: BTreeMap<RunRef, Row>,
    run_keys: BTreeMap<RunRef, RunKey>,
    tenant_keys: BTreeMap<TenantId, TenantKey>,
    /// Content by the root of its family.
    vault: BTreeMap<(RunRef, Digest), Vec<u8>>,
    claims: Claims,
    /// When each life ends or ended. Nobody is forgotten, so nobody comes back.
    lives: BTreeMap<IncarnationId, Timestamp>,
}

#[derive(Debug)]
struct Row {
    view: RunView,
    events: Vec<Record>,
    lease: Lease,
}

/// The epoch grows with every grant, and stays when the lease is given back.
#[derive(Debug, Clone, Copy, Default)]
struct Lease {
    epoch: u64,
    owner: Option<IncarnationId>,
}

/// What crosses the runs of a tenant.
#[derive(Debug, Clone, Default)]
struct Claims {
    unique: BTreeMap<(TenantId, String), EventId>,
    held: BTreeMap<(TenantId, String), BTreeMap<EventId, u64>>,
    settled: BTreeMap<(TenantId, String), u64>,
    /// The window that was last counted in, and its count.
    rates: BTreeMap<(TenantId, String, u128), (i128, u64)>,
}

impl Lease {
    fn owner(self) -> Option<Owner> {
        self.owner.map(|incarnation| Owner { incarnation, epoch: Epoch::new(self.epoch) })
    }

    fn grant(&mut self, taker: IncarnationId) -> Epoch {
        *self = Self { epoch: self.epoch + 1, owner: Some(taker) };
        Epoch::new(self.epoch)
    }
}

impl Claims {
    fn claim(&mut self, tenant: &TenantId, claim: &Claim, now: Timestamp) -> Result<(), ClaimDenied> {
        match claim {
            Claim::NotAfter(latest) if now > *latest => return Err(ClaimDenied::NotAfter),
            Claim::NotAfter(_) => {}
            Claim::Unique { key, holder } => {
                let by = *self.unique.entry((tenant.clone(), key.clone())).or_insert(*holder);
                if by != *holder {
                    return Err(ClaimDenied::Unique { key: key.clone(), holder: by });
                }
            }
            Claim::Reserve(reserve) => {
                let account = (tenant.clone(), reserve.account.clone());
                let settled = self.settled.get(&account).copied().unwrap_or(0);
                let held = self.held.entry(account).or_default();
                let used = held.values().fold(settled, |sum, held| sum.saturating_add(*held));
                let left = reserve.limit.saturating_sub(used);
                if used > reserve.limit || reserve.amount > left {
                    return Err(ClaimDenied::Reserve { account: reserve.account.clone(), left, limit: reserve.limit });
                }
                *held.entry(reserve.holder).or_default() += reserve.amount;
            }
            Claim::Rate { key, window, limit, amount } => {
                let length = window.as_micros().max(1);
                let number = i128::from(now.as_micros()).div_euclid(i128::try_from(length).unwrap_or(i128::MAX));
                let bucket = self.rates.entry((tenant.clone(), key.clone(), length)).or_default();
                let before = if bucket.0 == number { bucket.1 } else { 0 };
                match before.checked_add(*amount).filter(|count| count <= limit) {
                    Some(count) => *bucket = (number, count),
                    None => return Err(ClaimDenied::Rate { key: key.clone(), limit: *limit }),
                }
            }
        }
        Ok(())
    }

    /// Gives something back; what is not held stays as it is.
    fn release(&mut self, tenant: &TenantId, release: &Release) {
        match release {
            Release::Lease => {}
            Release::Unique { key, holder } => {
                let key = (tenant.clone(), key.clone());
                if self.unique.get(&key) == Some(holder) {
                    self.unique.remove(&key);
                }
            }
            Release::Reserve { account, holder, spent } => {
                let account = (tenant.clone(), account.clone());
                if self.held.get_mut(&account).is_some_and(|held| held.remove(holder).is_some()) {
                    let settled = self.settled.entry(account).or_default();
                    *settled = settled.saturating_add(*spent);
                }
            }
        }
    }
}

impl Data {
    fn lives(&self, incarnation: IncarnationId, now: Timestamp) -> bool {
        self.lives.get(&incarnation).is_some_and(|end| *end > now)
    }

    /// Returns who holds a lease and lives.
    fn holder(&self, lease: Lease, now: Timestamp) -> Option<Owner> {
        lease.owner().filter(|owner| self.lives(owner.incarnation, now))
    }

    /// Judges an authority; a grant answers its epoch.
    fn admit(&self, lease: &mut Lease, by: &Authority, now: Timestamp) -> Result<Option<Epoch>, AppendError> {
        let holder = self.holder(*lease, now);
        match by {
            Authority::Outside(_) | Authority::Late(_) => Ok(None),
            Authority::Plain(it) | Authority::TakeLease(it) if !self.lives(*it, now) => Err(AppendError::Lapsed),
            Authority::Plain(_) => holder.map_or(Ok(None), |by| Err(AppendError::Fenced { by })),
            Authority::TakeLease(taker) => match holder.filter(|by| by.incarnation != *taker) {
                Some(by) => Err(AppendError::Fenced { by }),
                None => Ok(Some(lease.grant(*taker))),
            },
            Authority::Driver(epoch) => match lease.owner() {
                Some(by) if by.epoch != *epoch => Err(AppendError::Fenced { by }),
                _ => holder.map(|_| None).ok_or(AppendError::Lapsed),
            },
        }
    }

    /// Checks a batch in the order of the port: head, authority, claims. Then writes it.
    fn append(&mut self, batch: Append, now: Timestamp) -> Result<Appended, AppendError> {
        let row = self.runs.get(&batch.run);
        let (actual, mut lease) = (row.map(|row| row.view.head), row.map(|row| row.lease).unwrap_or_default());
        if actual != batch.expected {
            return Err(AppendError::Conflict { actual });
        }
        let epoch = self.admit(&mut lease, &batch.authority, now)?;
        if batch.releases.contains(&Release::Lease) {
            lease.owner = None;
        }
        let tenant = &batch.run.tenant;
        if !(batch.claims.is_empty() && batch.releases.is_empty()) {
            // A copy, so that a claim that is denied takes the ones before it along.
            let mut claims = self.claims.clone();
            batch.releases.iter().for_each(|release| claims.release(tenant, release));
            batch.claims.iter().try_for_each(|claim| claims.claim(tenant, claim, now))?;
            self.claims = claims;
        }
        let (head, root) = (batch.view.head, RunRef::new(tenant.clone(), batch.view.root.clone()));
        if let Some(key) = batch.run_key {
            self.run_keys.entry(root.clone()).or_insert(key);
        }
        for content in batch.content {
            self.vault.entry((root.clone(), content.digest)).or_insert(content.bytes);
        }
        let mut events = self.runs.remove(&batch.run).map_or_else(Vec::new, |row| row.events);
        events.extend(batch.events);
        self.runs.insert(batch.run, Row { view: batch.view, events, lease });
        Ok(Appended { head, epoch })
    }

    fn take_due(&mut self, query: &DueQuery, now: Timestamp) -> Vec<Leased> {
        let free = |(run, row): &(&RunRef, &Row)| {
            self.holder(row.lease, now).is_none_or(|by| query.retakes(run, by.incarnation))
        };
        let mut due: Vec<_> = self
            .runs
            .iter()
            .filter(free)
            .filter_map(|(run, row)| Some((run.clone(), row.view.queued.clone()?)))
            .filter(|(run, place)| place.due_at <= now && query.wants(&run.tenant, &place.queue))
            .collect();
        due.sort_by_key(|(_, place)| (std::cmp::Reverse(place.priority), place.due_at));
        let taken = due.into_iter().take(query.limit as usize);
        taken
            .filter_map(|(run, place)| {
                let row = self.runs.get_mut(&run)?;
                let died = row.lease.owner.filter(|owner| *owner != query.taker);
                let (epoch, head) = (row.lease.grant(query.taker), row.view.head);
                Some(Leased { run, epoch, head, due_at: place.due_at, queue: place.queue, died })
            })
            .collect()
    }
}

/// What all handles of one place share.
#[derive(Debug)]
struct Shared {
    data: Mutex<Data>,
    /// Counts appends, for those who follow.
    appended: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

/// A handle on a store.
#[derive(Debug)]
pub(crate) struct PlainStore {
    shared: Arc<Shared>,
    closed: watch::Sender<bool>,
}

impl PlainStore {
    fn data(&self) -> Result<(MutexGuard<'_, Data>, Timestamp), StoreError> {
        if *self.closed.borrow() {
            return Err(StoreError::Closed);
        }
        let data = self.shared.data.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((data, self.shared.clock.now()))
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
        let (mut data, now) = self.data()?;
        let appended = data.append(batch, now)?;
        drop(data);
        self.shared.appended.send_modify(|count| *count += 1);
        Ok(appended)
    }

    async fn read(&self, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let (data, _) = self.data()?;
        let after = usize::try_from(after.get()).unwrap_or(usize::MAX);
        let rows = data.runs.get(run).map_or(&[][..], |row| &row.events).iter().skip(after);
        Ok(rows.take(limit.min(MAX_PAGE_EVENTS) as usize).cloned().collect())
    }

    async fn head(&self, run: &RunRef) -> Result<Option<Head>, StoreError> {
        Ok(self.data()?.0.runs.get(run).map(|row| row.view.head))
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let (data, _) = self.data()?;
        let stored = |digest: &Digest| data.vault.get(&(root.clone(), *digest)).cloned();
        Ok(digests.iter().map(|digest| stored(digest).map_or(Stored::Missing, Stored::Bytes)).collect())
    }

    async fn run_key(&self, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        Ok(self.data()?.0.run_keys.get(root).cloned())
    }

    async fn tenant_key(&self, tenant: &TenantId, new: Option<TenantKey>) -> Result<Option<TenantKey>, StoreError> {
        let (mut data, _) = self.data()?;
        if let Some(new) = new {
            data.tenant_keys.entry(tenant.clone()).or_insert(new);
        }
        Ok(data.tenant_keys.get(tenant).cloned())
    }

    async fn holders(&self, tenant: &TenantId, keys: &[String]) -> Result<Vec<Option<EventId>>, StoreError> {
        let (data, _) = self.data()?;
        Ok(keys.iter().map(|key| data.claims.unique.get(&(tenant.clone(), key.clone())).copied()).collect())
    }

    async fn view(&self, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        Ok(self.data()?.0.runs.get(run).map(|row| Listed::View(row.view.clone())))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Page, StoreError> {
        let (data, _) = self.data()?;
        let after = query.after.clone().map(|id| RunRef::new(query.tenant.clone(), id));
        let rows = data.runs.range((after.as_ref().map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
        let of_tenant = rows.map(|(_, row)| &row.view).filter(|view| view.run.tenant == query.tenant);
        let mut views = of_tenant.filter(|view| query.admits(view));
        let items: Vec<_> = views.by_ref().take(query.limit.min(MAX_PAGE_RUNS) as usize).collect();
        let next = views.next().and_then(|_| items.last()).map(|last| last.run.run.clone());
        Ok(Page { items: items.into_iter().cloned().map(Listed::View).collect(), next })
    }

    async fn beat(&self, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        let (mut data, now) = self.data()?;
        if !(Duration::from_millis(MIN_TTL_MILLIS)..=Duration::from_secs(MAX_TTL_SECONDS)).contains(&beat.ttl) {
            return Err(BeatError::BadTtl);
        }
        let (known, lives) = (data.lives.contains_key(&beat.incarnation), data.lives(beat.incarnation, now));
        if if beat.first { known } else { !lives } {
            return Err(BeatError::Lapsed);
        }
        let end = now.after(beat.ttl);
        data.lives.insert(beat.incarnation, end);
        Ok(end)
    }

    async fn retire(&self, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.data()?.0.lives.insert(incarnation, Timestamp::from_micros(i64::MIN));
        Ok(())
    }

    async fn alive(&self, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        let (data, now) = self.data()?;
        Ok(incarnations.iter().map(|incarnation| data.lives(*incarnation, now)).collect())
    }

    async fn take_due(&self, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let (mut data, now) = self.data()?;
        if data.lives(query.taker, now) { Ok(data.take_due(query, now)) } else { Err(BeatError::Lapsed) }
    }

    async fn follow(&self, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        let (mut appended, mut closed) = (self.shared.appended.subscribe(), self.closed.subscribe());
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

/// What the laws need: an empty place for data, and any number of stores opened on it.
#[derive(Debug)]
struct Plain;

#[async_trait]
impl StoreFactory for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn schemaless(&self) -> Option<&str> {
        Some("the data ends with the process")
    }

    async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        Box::new(Data::default().into_place(clock))
    }
}

impl Data {
    fn into_place(self, clock: Arc<dyn Clock>) -> PlainPlace {
        PlainPlace(Arc::new(Shared { data: Mutex::new(self), appended: watch::Sender::new(0), clock }))
    }
}

#[derive(Debug)]
struct PlainPlace(Arc<Shared>);

#[async_trait]
impl Place for PlainPlace {
    async fn open(&self) -> Arc<dyn EventStore> {
        Arc::new(PlainStore { shared: Arc::clone(&self.0), closed: watch::Sender::new(false) })
    }
}

/// Has the store judged by all laws.
pub(crate) async fn judged() -> Report {
    run_laws(&Plain).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    judged().await.assert_all_passed();
    println!("the store keeps every law");
}
