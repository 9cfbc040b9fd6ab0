//! Keeps one tenant from holding every connection: what waits for a tenant's locked rows waits on a part of the
//! pool, and the rest is there for others. Knows nothing of connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artana_core::TenantId;
use artana_ports::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::busy;

/// The lanes of all tenants that are writing.
#[derive(Debug)]
pub(crate) struct Lanes {
    writing: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
    width: usize,
    wait: Duration,
}

/// A place in a tenant's lane.
#[derive(Debug)]
pub(crate) struct Place {
    tenant: TenantId,
    lanes: Arc<Lanes>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    /// Splits a pool of so many connections: a quarter of them, and at least one, stays for others.
    pub(crate) fn new(connections: usize, wait: Duration) -> Self {
        let others = (connections / 4).max(1);
        Self { writing: Mutex::default(), width: connections.saturating_sub(others).max(1), wait }
    }

    /// Waits for a place in a tenant's lane.
    pub(crate) async fn enter(self: &Arc<Self>, tenant: &TenantId) -> Result<Place, StoreError> {
        let lane =
            Arc::clone(self.lock().entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.width))));
        let mut place = Place { tenant: tenant.clone(), lanes: Arc::clone(self), permit: None };
        let permit = tokio::time::timeout(self.wait, lane.acquire_owned()).await;
        let permit = permit.map_err(|_| busy("all connections for one tenant are in use"))?;
        place.permit = Some(permit.map_err(|_| StoreError::Closed)?);
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
        self.permit = None;
        // The map's own count is the last one when nobody is in the lane and nobody waits for it.
        if writing.get(&self.tenant).is_some_and(|lane| Arc::strong_count(lane) == 1) {
            writing.remove(&self.tenant);
        }
    }
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
        let held = [lanes.enter(&a).await, lanes.enter(&a).await, lanes.enter(&a).await];
        assert!(held.iter().all(Result::is_ok));
        assert!(matches!(lanes.enter(&a).await, Err(StoreError::Busy { .. })));
        drop(lanes.enter(&b).await.expect("another tenant's place"));
        drop(held);
        assert!(lanes.lock().is_empty(), "nobody is left in a lane");
        assert!(lanes.enter(&a).await.is_ok());
    }

    #[tokio::test]
    async fn the_smallest_pool_has_a_lane() {
        let lanes = Arc::new(Lanes::new(1, Duration::ZERO));
        assert!(lanes.enter(&tenant("a")).await.is_ok());
    }
}
