//! Tells the followers of a run that it moved: those of this process at once, after the commit.
//! What other processes write is found by asking now and then; that is done by the caller.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use artana_core::RunRef;
use tokio::sync::Notify;

/// Who waits for which run.
#[derive(Debug, Default)]
pub struct Followers {
    waiting: Mutex<HashMap<RunRef, Arc<Notify>>>,
    /// So that a writer nobody follows takes no lock.
    any: AtomicBool,
}

impl Followers {
    /// Joins those who wait for a run, until the answer is dropped.
    pub fn join(self: &Arc<Self>, run: &RunRef) -> Following {
        let mut waiting = self.lock();
        self.any.store(true, SeqCst);
        let moved = Arc::clone(waiting.entry(run.clone()).or_default());
        Following { run: run.clone(), moved, all: Arc::clone(self) }
    }

    /// Wakes those who wait for one of these runs.
    pub fn tell<'a>(&self, runs: impl Iterator<Item = &'a RunRef>) {
        if !self.any.load(SeqCst) {
            return;
        }
        let waiting = self.lock();
        for run in runs {
            if let Some(moved) = waiting.get(run) {
                moved.notify_waiters();
            }
        }
    }

    /// Wakes everybody.
    pub fn tell_all(&self) {
        self.lock().values().for_each(|moved| moved.notify_waiters());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunRef, Arc<Notify>>> {
        // Nothing panics while it holds the lock, and the map is whole at every step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who wait for a run.
#[derive(Debug)]
pub struct Following {
    run: RunRef,
    moved: Arc<Notify>,
    all: Arc<Followers>,
}

impl Following {
    /// Borrows what is notified when the run moves.
    pub fn moved(&self) -> &Notify {
        &self.moved
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut waiting = self.all.lock();
        // One count is the map's and one is ours.
        if Arc::strong_count(&self.moved) == 2 {
            waiting.remove(&self.run);
        }
        self.all.any.store(!waiting.is_empty(), SeqCst);
    }
}
