//! Stores that break when many come at once, or when somebody goes away.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use artana_core::RunRef;
use artana_ports::{Append, AppendError, Appended, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "concurrency/one_batch_wins_a_head": "Is busy when more than 32 callers want one run." => LocksTooLong;
    "concurrency/runs_do_not_meet": "Is busy when more than 32 runs are written at once." => LocksEverything;
    "concurrency/all_get_through": "Names the expected head in conflicts once a run was wanted twice at once." => LiesToTheCrowd;
    "concurrency/dropped_call_is_whole_or_nothing": "Leaves its lock poisoned when a caller goes away." => PoisonedLock;
};

/// Who is inside an append, run by run.
#[derive(Debug, Default)]
struct Crowd(Notes<BTreeMap<RunRef, usize>>);

impl Crowd {
    /// Enters, and lets others enter too before it goes on.
    async fn enter(&self, run: &RunRef) -> Inside<'_> {
        self.0.with(|inside| *inside.entry(run.clone()).or_default() += 1);
        let inside = Inside(self, run.clone());
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        inside
    }

    fn on_run(&self, run: &RunRef) -> usize {
        self.0.with(|inside| inside.get(run).copied().unwrap_or(0))
    }

    fn runs(&self) -> usize {
        self.0.with(|inside| inside.len())
    }
}

/// Leaves when it is dropped.
struct Inside<'a>(&'a Crowd, RunRef);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.with(|inside| {
            let left = inside.get(&self.1).map_or(0, |count| count - 1);
            if left == 0 {
                inside.remove(&self.1)
            } else {
                inside.insert(self.1.clone(), left)
            };
        });
    }
}

/// Poisons when it is dropped.
struct Poison<'a>(&'a AtomicUsize);

impl Drop for Poison<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn busy() -> StoreError {
    StoreError::Busy { reason: "a crowd".to_owned() }
}

#[derive(Debug, Default)]
struct LocksTooLong(Crowd);

#[async_trait]
impl Mischief for LocksTooLong {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let _inside = self.0.enter(&batch.run).await;
        if self.0.on_run(&batch.run) > 32 {
            return Err(busy().into());
        }
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct LocksEverything(Crowd);

#[async_trait]
impl Mischief for LocksEverything {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let _inside = self.0.enter(&batch.run).await;
        if self.0.runs() > 32 {
            return Err(busy().into());
        }
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct LiesToTheCrowd {
    crowd: Crowd,
    contended: Notes<BTreeSet<RunRef>>,
}

#[async_trait]
impl Mischief for LiesToTheCrowd {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let _inside = self.crowd.enter(&batch.run).await;
        if self.crowd.on_run(&batch.run) > 1 {
            self.contended.with(|runs| runs.insert(batch.run.clone()));
        }
        let (run, expected) = (batch.run.clone(), batch.expected);
        match at.store.append(batch).await {
            Err(AppendError::Conflict { .. }) if self.contended.with(|runs| runs.contains(&run)) => {
                Err(AppendError::Conflict { actual: expected })
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct PoisonedLock {
    crowd: Crowd,
    poisoned: AtomicUsize,
}

#[async_trait]
impl Mischief for PoisonedLock {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if self.poisoned.load(Ordering::SeqCst) > 0 {
            return Err(StoreError::Unavailable { reason: "a poisoned lock".to_owned() }.into());
        }
        let guard = Poison(&self.poisoned);
        let _inside = self.crowd.enter(&batch.run).await;
        std::mem::forget(guard);
        at.store.append(batch).await
    }
}
