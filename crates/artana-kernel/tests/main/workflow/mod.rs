//! Workflows through the kernel's public face.

mod asks;
mod by_hand;
mod closures;
mod diverged;
mod doubts;
mod drivers;
mod ends;
mod forked;
mod moments;
mod moved;
mod pauses;
mod races;
mod refused;
mod steps;
mod stopped;
mod waits;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artana_kernel::{Error, Failure, WorkflowContext, WorkflowOutcome};
use serde::{Serialize, de::DeserializeOwned};

use crate::world::{Process, tenant};

/// Counts how often something ran.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ran(Arc<AtomicU64>);

impl Ran {
    pub(crate) fn once(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn times(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Process {
    /// Runs a workflow under the id `r`.
    pub(crate) fn workflow<T, F, Fut>(
        &self,
        f: F,
    ) -> impl Future<Output = Result<WorkflowOutcome<T>, Error>> + use<T, F, Fut>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce(WorkflowContext) -> Fut + Send,
        Fut: Future<Output = Result<T, Failure>> + Send,
    {
        let kernel = self.kernel.clone();
        async move { kernel.workflow(&tenant(), "r", f).await }
    }
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn done<T>(outcome: Result<WorkflowOutcome<T>, Error>) -> T {
    outcome.expect("the workflow goes on").completed().expect("the workflow returns")
}
