//! The places of a worker: how many runs it drives at once, of all, of each tenant and of each queue. A drive that rests
//! has none. Nothing here asks a store or looks at a clock.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use artana_core::TenantId;
use tokio::sync::{Notify, oneshot};

/// How many drives of a worker may rest at once. Those beyond keep their places, so that a queue full of runs that err
/// is not taken as a whole.
const MAX_RESTING: usize = 1024;

/// How many runs are driven at once.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) all: usize,
    pub(super) per_tenant: Option<usize>,
    pub(super) per_queue: BTreeMap<String, usize>,
}

/// Where a run that is being driven came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) tenant: TenantId,
    pub(super) queue: String,
}

/// The places of a worker.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    held: Mutex<Held>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    tenants: BTreeMap<TenantId, usize>,
    queues: BTreeMap<String, usize>,
    resting: usize,
    /// Drives that have rested, in the order in which they came back.
    waiting: VecDeque<(Origin, oneshot::Sender<Place>)>,
}

/// The place of a drive, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    origin: Origin,
}

/// A drive that rests, and has no place.
#[derive(Debug)]
pub(super) struct Resting {
    places: Places,
    origin: Origin,
}

impl Places {
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared { limits, held: Mutex::default(), freed: Notify::new() }))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many places are free.
    pub(super) fn room(&self) -> usize {
        self.0.limits.all.saturating_sub(self.held().all)
    }

    /// Gives a place to a run that was taken where there was room.
    pub(super) fn take(&self, origin: Origin) -> Place {
        self.held().add(&origin);
        Place { places: self.clone(), origin }
    }

    /// Waits until a place has become free since the last one did that somebody waited for.
    pub(super) async fn freed(&self) {
        self.0.freed.notified().await;
    }

    pub(super) fn full_tenants(&self) -> Vec<TenantId> {
        let (held, limit) = (self.held(), self.0.limits.per_tenant);
        let full = |(_, count): &(&TenantId, &usize)| limit.is_some_and(|limit| **count >= limit);
        held.tenants.iter().filter(full).map(|(tenant, _)| tenant.clone()).collect()
    }

    pub(super) fn full_queues(&self) -> Vec<String> {
        let held = self.held();
        let full = |(queue, limit): &(&String, &usize)| held.queues.get(*queue).is_some_and(|count| count >= *limit);
        self.0.limits.per_queue.iter().filter(full).map(|(queue, _)| queue.clone()).collect()
    }

    /// Gives what is free to those who come back from a rest, before the worker takes more.
    fn hand_on(&self) {
        loop {
            let next = self.held().next(&self.0.limits);
            let Some((origin, waits)) = next else { return };
            // Whoever does not wait any more drops it, and it is handed on.
            drop(waits.send(Place { places: self.clone(), origin }));
        }
    }
}

impl Place {
    /// Gives the place back for as long as its drive rests; where too many rest already, it is kept.
    pub(super) fn rests(self) -> Result<Resting, Self> {
        let (places, origin) = (self.places.clone(), self.origin.clone());
        {
            let mut held = places.held();
            if held.resting >= MAX_RESTING {
                drop(held);
                return Err(self);
            }
            held.resting += 1;
        }
        Ok(Resting { places, origin })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.held().remove(&self.origin);
        self.places.hand_on();
        self.places.0.freed.notify_one();
    }
}

impl Resting {
    /// Waits until there is a place again.
    ///
    /// # Cancellation
    ///
    /// Whoever drops this waits no more.
    pub(super) async fn back(self) -> Place {
        let (waits, place) = oneshot::channel();
        self.places.held().waiting.push_back((self.origin.clone(), waits));
        self.places.hand_on();
        place.await.expect("what waits is only dropped when it is given a place")
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        self.places.held().resting -= 1;
    }
}

impl Held {
    fn add(&mut self, origin: &Origin) {
        self.all += 1;
        *self.tenants.entry(origin.tenant.clone()).or_default() += 1;
        *self.queues.entry(origin.queue.clone()).or_default() += 1;
    }

    fn remove(&mut self, origin: &Origin) {
        self.all = self.all.saturating_sub(1);
        let counts = [self.tenants.get_mut(&origin.tenant), self.queues.get_mut(&origin.queue)];
        counts.into_iter().flatten().for_each(|count| *count = count.saturating_sub(1));
        self.tenants.retain(|_, count| *count > 0);
        self.queues.retain(|_, count| *count > 0);
    }

    /// Gives a place to the first of those who wait for which there is one.
    fn next(&mut self, limits: &Limits) -> Option<(Origin, oneshot::Sender<Place>)> {
        self.waiting.retain(|(_, waits)| !waits.is_closed());
        let fits = self.waiting.iter().position(|(origin, _)| self.fits(origin, limits))?;
        let next = self.waiting.remove(fits)?;
        self.add(&next.0);
        Some(next)
    }

    fn fits(&self, Origin { tenant, queue }: &Origin, limits: &Limits) -> bool {
        let is_below = |count: Option<&usize>, limit: Option<&usize>| {
            limit.is_none_or(|limit| count.copied().unwrap_or_default() < *limit)
        };
        self.all < limits.all
            && is_below(self.tenants.get(tenant), limits.per_tenant.as_ref())
            && is_below(self.queues.get(queue), limits.per_queue.get(queue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(all: usize, per_tenant: Option<usize>) -> Places {
        Places::new(Limits { all, per_tenant, per_queue: BTreeMap::from([("a".to_owned(), 1)]) })
    }

    fn of(tenant: &str, queue: &str) -> Origin {
        Origin { tenant: TenantId::parse(tenant).expect("fit"), queue: queue.to_owned() }
    }

    #[tokio::test]
    async fn a_drive_that_panics_gives_back_its_place() {
        let places = places(9, Some(3));
        let mut drives = tokio::task::JoinSet::new();
        for queue in ["a", "a", "b"] {
            let place = places.take(of("t", queue));
            drives.spawn(async move { assert!(place.origin.queue != "a", "a drive that panics") });
        }
        assert_eq!((places.full_tenants().len(), places.full_queues(), places.room()), (1, vec!["a".to_owned()], 6));
        while drives.join_next().await.is_some() {}
        assert!(places.full_tenants().is_empty() && places.full_queues().is_empty());
        assert_eq!(places.room(), 9);
    }

    #[tokio::test]
    async fn whoever_comes_back_from_a_rest_is_the_next_that_fits() {
        let places = places(2, Some(1));
        let resting = places.take(of("t", "b")).rests().expect("few rest");
        let (same, other) = (places.take(of("t", "b")), places.take(of("u", "b")));
        let back = tokio::spawn(resting.back());
        tokio::task::yield_now().await;
        drop(other);
        assert_eq!(places.room(), 1, "the tenant is full, and nobody else is kept waiting");
        drop(same);
        assert_eq!(places.room(), 1, "it went to whoever waited");
        let again = back.await.expect("it is back");
        assert_eq!(places.room(), 1);
        drop(again);
        assert_eq!((places.room(), places.held().resting), (2, 0));
    }

    #[tokio::test]
    async fn a_place_is_not_lost_on_whoever_waits_no_more() {
        let places = places(1, None);
        let mut back = Vec::new();
        for _ in 0..2 {
            back.push(places.take(of("t", "b")).rests().expect("few rest"));
        }
        let taken = places.take(of("t", "b"));
        let waits: Vec<_> = back.into_iter().map(|resting| tokio::spawn(resting.back())).collect();
        tokio::task::yield_now().await;
        // Both are gone: one before it could be given a place, and one after it was, without having seen it.
        waits[0].abort();
        tokio::task::yield_now().await;
        drop(taken);
        waits[1].abort();
        tokio::task::yield_now().await;
        assert_eq!((places.room(), places.held().resting), (1, 0));
    }

    #[test]
    fn where_too_many_rest_the_next_one_keeps_its_place() {
        let places = places(MAX_RESTING + 1, None);
        let resting: Vec<_> = (0..MAX_RESTING).map(|_| places.take(of("t", "b")).rests().expect("few rest")).collect();
        let place = places.take(of("t", "b")).rests().expect_err("too many rest");
        assert_eq!(places.room(), MAX_RESTING);
        drop((resting, place));
        assert_eq!(places.room(), MAX_RESTING + 1);
    }
}
