//! The keys of steps that are asked again after an attempt has failed. What succeeded answers from the ledger, what
//! is in doubt stays so, and what failed has a new key: a failed step stays failed.

use artana_core::{RunState, Seq, StepKey};

use super::Driving;
use crate::StepHandle;

/// Most keys that one step may go through. An attempt adds at most one.
const MAX_KEYS: u64 = 10_000;

impl Driving {
    /// Names a step for another attempt: a step that failed before `since` is named anew, any other keeps its key.
    ///
    /// The key is a function of the ledger up to `since` and of what the attempt itself has recorded, so whoever goes
    /// on with the attempt after a crash comes to the same.
    #[must_use]
    pub fn step_again(&self, key: &str, since: Option<Seq>) -> StepHandle {
        let key = StepKey::parse(key).and_then(|key| self.state(|state| again(state, key, since)));
        StepHandle::new(self.run.clone(), key)
    }

    /// Returns the key that [`Driving::step_again`] names.
    pub(super) fn key_again(&self, key: StepKey, since: Option<Seq>) -> Result<StepKey, artana_core::IdError> {
        self.state(|state| again(state, key, since))
    }
}

fn again(state: &RunState, key: StepKey, since: Option<Seq>) -> Result<StepKey, artana_core::IdError> {
    let Some(since) = since else { return Ok(key) };
    let mut next = key.clone();
    for number in 2..MAX_KEYS {
        let failed_before = state.step(&next).is_some_and(|step| {
            let before = state.holder(&next).is_some() || step.answered().is_some_and(|at| at < since);
            step.has_failed() && before
        });
        if !failed_before {
            return Ok(next);
        }
        next = StepKey::parse(format!("{key}~{number}"))?;
    }
    Ok(next)
}
