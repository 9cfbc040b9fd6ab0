//! Keeps appends from holding every connection: what waits for locked rows waits on a part of the pool, and the rest
//! is there for whoever reads, for heartbeats, and for other tenants. Knows nothing of connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artana_core::TenantId;
use artana_ports::StoreError;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::error::busy;

/// The lanes of all tenants that are writing, and the one lane that they all lead into.
#[derive(Debug)]
pub(crate) struct Lanes {
    writing: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
    /// How many appends of one tenant may be under way.
    width: usize,
    all: Arc<Semaphore>,
    wait: Duration,
}

/// A place in a tenant's lane, and in that of all.
#[derive(Debug)]
pub(crate) struct Place {
    tenant: TenantId,
    lanes: Arc<Lanes>,
    permits: Option<[OwnedSemaphorePermit; 2]>,
}

impl Lanes {
    /// Splits a pool of so many connections: a quarter of them stays for what is no append, and of the others a quarter
    /// for other tenants. Two are too few for both: then the one is for other tenants, whatever they do.
    pub(crate) fn new(connections: usize, wait: Duration) -> Self {
        let appends = if connections < 3 { connections.max(1) } else { but_a_quarter(connections) };
        Self { writing: Mutex::default(), width: but_a_quarter(appends), all: Arc::new(Semaphore::new(appends)), wait }
    }

    /// Waits for a place in a tenant's lane, and then in that of all: whoever waits in his own is in nobody's way.
    pub(crate) async fn enter(self: &Arc<Self>, tenant: &TenantId) -> Result<Place, StoreError> {
        let lane =
            Arc::clone(self.lock().entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.width))));
        let mut place = Place { tenant: tenant.clone(), lanes: Arc::clone(self), permits: None };
        let both = async { Ok([lane.acquire_owned().await?, Arc::clone(&self.all).acquire_owned().await?]) };
        let permits: Result<_, AcquireError> =
            tokio::time::timeout(self.wait, both).await.map_err(|_| busy("all connections for appends are in use"))?;
        place.permits = Some(permits.map_err(|_| StoreError::Closed)?);
        Ok(place)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Semaphore>>> {
        // Nothing panics while it holds the lock, and the map is whole at every step.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut writing = self.lanes.lock();
        self.permits = None;
        // The map's own count is the last one when nobody is in the lane and nobody waits for it.
        if writing.get(&self.tenant).is_some_and(|lane| Arc::strong_count(lane) == 1) {
            writing.remove(&self.tenant);
        }
    }
}

/// Leaves a quarter, and at least one, where that leaves any.
const fn but_a_quarter(all: usize) -> usize {
    let quarter = if all < 4 { 1 } else { all / 4 };
    if all > 1 { all - quarter } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).expect("a name")
    }

    #[tokio::test]
    async fn one_tenant_leaves_room_for_others() {
        let lanes = Arc::new(Lanes::new(4, Duration::ZERO));
        let (a, b) = (tenant("a"), tenant("b"));
        let held = [lanes.enter(&a).await, lanes.enter(&a).await];
        assert!(held.iter().all(Result::is_ok));
        assert!(matches!(lanes.enter(&a).await, Err(StoreError::Busy { .. })));
        drop(lanes.enter(&b).await.expect("another tenant's place"));
        drop(held);
        assert!(lanes.lock().is_empty(), "nobody is left in a lane");
        assert!(lanes.enter(&a).await.is_ok());
    }

    #[tokio::test]
    async fn all_tenants_together_leave_room_for_who_does_not_append() {
        for (connections, appends, of_one) in [(1, 1, 1), (2, 2, 1), (3, 2, 1), (4, 3, 2), (10, 8, 6), (20, 15, 12)] {
            let lanes = Arc::new(Lanes::new(connections, Duration::ZERO));
            assert_eq!((lanes.all.available_permits(), lanes.width), (appends, of_one), "of {connections}");
            let mut held = Vec::new();
            for number in 0..connections {
                held.extend(lanes.enter(&tenant(&number.to_string())).await);
            }
            assert_eq!(held.len(), appends, "of {connections}");
            drop(held);
            assert!(lanes.lock().is_empty(), "nobody is left in a lane");
            assert_eq!(lanes.all.available_permits(), appends);
        }
    }
}
