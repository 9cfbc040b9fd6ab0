//! What a worker is at and has done, for whoever watches.

use std::sync::Arc;

use tokio::sync::watch;

/// What a worker is at and has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Runs being driven.
    pub driving: u64,
    /// Runs that are to be driven again after a rest, and take no place until then.
    pub resting: u64,
    /// Runs taken so far.
    pub taken: u64,
    /// Of those, taken over from a process that died.
    pub taken_over: u64,
    /// Runs driven to their end.
    pub ended: u64,
    /// Of those, failed or cancelled.
    pub failed: u64,
    /// Runs left because there was nothing to do but wait.
    pub left: u64,
    /// Drives that ended in an error, and are tried again.
    pub errors: u64,
    /// Runs that were parked.
    pub parked: u64,
    /// Whether it takes nothing new any more.
    pub draining: bool,
}

/// How a drive ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Completed,
    Failed,
    Left,
    Parked,
}

#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<watch::Sender<WorkerStats>>);

impl Default for Shared {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(WorkerStats::default())))
    }
}

impl Shared {
    pub(super) fn now(&self) -> WorkerStats {
        *self.0.borrow()
    }

    pub(super) async fn changed(&self, seen: WorkerStats) -> WorkerStats {
        // The sender lives as long as this does, so that the wait never ends for another reason.
        self.0.subscribe().wait_for(|now| *now != seen).await.map_or(seen, |now| *now)
    }

    pub(super) fn took(&self) {
        self.0.send_modify(|stats| {
            stats.driving += 1;
            stats.taken += 1;
        });
    }

    pub(super) fn took_over(&self) {
        self.0.send_modify(|stats| stats.taken_over += 1);
    }

    pub(super) fn erred(&self) {
        self.0.send_modify(|stats| stats.errors += 1);
    }

    pub(super) fn rests(&self) {
        self.0.send_modify(|stats| {
            stats.driving = stats.driving.saturating_sub(1);
            stats.resting += 1;
        });
    }

    pub(super) fn goes_on(&self) {
        self.0.send_modify(|stats| {
            stats.resting = stats.resting.saturating_sub(1);
            stats.driving += 1;
        });
    }

    pub(super) fn drains(&self) {
        self.0.send_modify(|stats| stats.draining = true);
    }

    pub(super) fn ended(&self, how: Ended) {
        self.0.send_modify(|stats| {
            stats.driving = stats.driving.saturating_sub(1);
            match how {
                Ended::Completed => stats.ended += 1,
                Ended::Failed => {
                    stats.ended += 1;
                    stats.failed += 1;
                }
                Ended::Left => stats.left += 1,
                Ended::Parked => stats.parked += 1,
            }
        });
    }
}
