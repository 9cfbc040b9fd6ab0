//! Which runs this process drives as a whole, so that a worker can tell the store which leases it knows of. It decides
//! nothing about them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use artana_core::RunRef;
use tokio::sync::{RwLock, RwLockWriteGuard};

use crate::drive::Drive;

/// The drives of this process that hold a lease, or are about to take one.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    drives: Mutex<Vec<(RunRef, Weak<Drive>)>>,
    /// Written to while leases are taken of which the reply may be lost: nobody begins another drive meanwhile, so that
    /// what is said to be driven stays true until the store has answered.
    taking: RwLock<()>,
}

/// The time in which a worker asks what is due.
#[derive(Debug)]
pub(crate) struct Taking<'a> {
    leases: &'a Leases,
    _alone: RwLockWriteGuard<'a, ()>,
}

impl Leases {
    /// Notes a drive before it takes its lease.
    pub(crate) async fn takes(&self, run: &RunRef, drive: &Arc<Drive>) {
        let _nobody_asks = self.taking.read().await;
        self.note(run, drive);
    }

    /// Returns whether a drive of this process holds a run's lease.
    pub(crate) fn is_held(&self, run: &RunRef) -> bool {
        let drives = self.drives.lock().unwrap_or_else(PoisonError::into_inner);
        drives.iter().any(|(held, known)| held == run && known.upgrade().is_some_and(|drive| drive.is_held()))
    }

    /// Waits until nobody is about to take a lease.
    pub(crate) async fn taking(&self) -> Taking<'_> {
        Taking { leases: self, _alone: self.taking.write().await }
    }

    fn note(&self, run: &RunRef, drive: &Arc<Drive>) {
        let mut drives = self.drives.lock().unwrap_or_else(PoisonError::into_inner);
        drives.retain(|(_, known)| known.strong_count() > 0);
        if !drives.iter().any(|(_, known)| known.as_ptr() == Arc::as_ptr(drive)) {
            drives.push((run.clone(), Arc::downgrade(drive)));
        }
    }
}

impl Taking<'_> {
    /// Lists the runs that are driven here.
    pub(crate) fn driving(&self) -> BTreeSet<RunRef> {
        let drives = self.leases.drives.lock().unwrap_or_else(PoisonError::into_inner);
        let is_driven = |known: &Weak<Drive>| known.upgrade().is_some_and(|drive| !drive.is_lost());
        drives.iter().filter(|(_, known)| is_driven(known)).map(|(run, _)| run.clone()).collect()
    }

    /// Notes a drive whose lease was granted.
    pub(crate) fn granted(&self, run: &RunRef, drive: &Arc<Drive>) {
        self.leases.note(run, drive);
    }
}
