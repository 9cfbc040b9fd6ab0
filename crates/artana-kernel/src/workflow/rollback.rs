//! What undoes part of a workflow's work when it fails or is cancelled: steps under a key of its own, which are the
//! only ones that a closing run admits.

use std::{future::Future, pin::Pin};

use artana_core::{IdError, StepKey};

use super::Failure;
use crate::{
    Run, StepHandle,
    code::{Retry, RetryStep},
};

type Undoing = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// A compensation, not yet run.
pub(crate) type Undo = Box<dyn FnOnce(Rollback) -> Undoing + Send>;

pub(crate) fn boxed<F, Fut>(f: F) -> Undo
where
    F: FnOnce(Rollback) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send + 'static,
{
    Box::new(move |cx| Box::pin(f(cx)))
}

/// What a compensation acts through. Its steps lie under the compensation's key.
#[derive(Debug, Clone)]
pub struct Rollback {
    pub(crate) run: Run,
    pub(crate) scope: StepKey,
}

impl Rollback {
    /// Names a step of the compensation.
    pub fn step(&self, name: impl AsRef<str>) -> StepHandle {
        StepHandle::new(self.run.clone(), self.key(name.as_ref()))
    }

    /// Names a step of the compensation that may be tried more than once.
    pub fn retry(&self, name: impl AsRef<str>, retry: Retry) -> RetryStep {
        RetryStep { run: self.run.clone(), key: self.key(name.as_ref()), retry }
    }

    fn key(&self, name: &str) -> Result<StepKey, IdError> {
        self.scope.join(name)
    }
}
