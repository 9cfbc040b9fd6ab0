//! Child runs of a session: part of the work in a run of its own. The parent records that it began and what it
//! returned, so that it answers by itself ever after.

use std::sync::Arc;

use artana_core::{ChildStep, Seq, Stage, Step, StepKey};
use serde::de::DeserializeOwned;

use super::Driving;
use crate::{
    Error, Kernel, Run, code::from_json, control::ABOVE_ENDS, drive::Drive, error::kernel_actor, invoke::another_kind,
    workflow::child,
};

/// A child run.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a child has ended, or is there to be gone on with")]
pub enum Child<T> {
    /// It has ended, with this.
    Ended(T),
    /// It has not, and this process drives it now.
    Open(Box<Driving>),
}

impl Run {
    /// Lists the runs that do part of this one's work, by the steps that started them.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn children(&self) -> Result<Vec<(StepKey, ChildStep)>, Error> {
        self.latest(|state| {
            let child = |(key, step): (&StepKey, &Step)| match step {
                Step::Child(child) => Some((key.clone(), (**child).clone())),
                _ => None,
            };
            let mut children: Vec<_> = state.steps().filter_map(child).collect();
            children.sort_by_key(|(_, child)| child.first);
            children
        })
        .await
    }
}

impl Driving {
    /// Goes on with the child run of a step, starting it if it is missing, or answers what it returned.
    ///
    /// A child that failed before `since` is left as it is, and another one is started under a new key. It is driven
    /// under the lease of this run: once that is lost, or this process has another life, it takes no lease of its own.
    ///
    /// # Errors
    ///
    /// [`Error::ChildFailed`] when the child failed or was cancelled; [`Error::Drift`] when the step is no child;
    /// [`Error::Output`] when what it returned is not a `T`; [`Error::BudgetSpent`] before another one is started;
    /// [`Error::NotRunning`], [`Error::Ended`].
    pub async fn child<T: DeserializeOwned>(
        &self,
        key: &str,
        since: Option<Seq>,
    ) -> Result<(StepKey, Child<T>), Error> {
        let key = self.key_again(StepKey::parse(key)?, since)?;
        let recorded = self.state(|state| state.step(&key).map(|step| (step.kind(), matches!(step, Step::Child(_)))));
        if let Some((kind, false)) = recorded {
            let drift = Box::new(another_kind(kind, "child"));
            return Err(Error::Drift { run: self.run.name().clone(), step: key, drift });
        }
        if child::recorded(&self.run, &key).is_none() {
            if recorded.is_none() {
                self.state(super::may_go_on)?;
                self.within_budget().await?;
            }
            let run = child::begun(&self.run, &key, None).await?;
            if run.latest(|state| state.finished().is_none()).await? {
                let drive = Drive::within(&self.run, &key, &run.name().run);
                return Ok((key, Child::Open(Box::new(run.drive_as(drive).await?))));
            }
            self.record_child(&key).await?;
        }
        let returned = self.returned(&key).await?;
        Ok((key, Child::Ended(returned)))
    }

    /// Records how the child run of a step has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when it has not.
    pub async fn record_child(&self, key: &StepKey) -> Result<(), Error> {
        let run = child::begun(&self.run, key, None).await?;
        run.latest(|_| ()).await?;
        let ended = child::end_of(&self.run, &run).await?;
        let ended = ended.ok_or_else(|| Error::Internal("a child that has not ended was to be recorded".into()))?;
        child::record(&self.run, key, &run, ended).await
    }

    /// Ends a child that its parent cannot go on with, because the parent is ending.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn cancel_child(&self, child: &Run) -> Result<(), Error> {
        child.cancel(kernel_actor().as_str(), ABOVE_ENDS).await.map(drop)
    }

    /// Reads what the child run of a step returned.
    ///
    /// # Errors
    ///
    /// [`Error::ChildFailed`] when it failed or was cancelled; [`Error::Output`] when what it returned is not a `T`.
    pub async fn returned<T: DeserializeOwned>(&self, key: &StepKey) -> Result<T, Error> {
        let ended = child::recorded(&self.run, key).ok_or_else(|| Error::Internal("a child has not ended".into()))?;
        let bytes = child::told(&self.run, key, ended).await?;
        from_json(&bytes).map_err(|problem| Error::Output { run: self.run.name().clone(), step: key.clone(), problem })
    }

    /// Names the children that began in a stage.
    pub(super) fn children_of(&self, stage: &Stage) -> Vec<artana_core::RunId> {
        self.state(|state| {
            let of_stage = |step: &Step| match step {
                Step::Child(child) if child.first > stage.entered => Some(child.run.clone()),
                _ => None,
            };
            state.steps().filter_map(|(_, step)| of_stage(step)).collect()
        })
    }

    pub(super) fn kernel(&self) -> Kernel {
        Kernel(Arc::clone(&self.run.journal.shared))
    }
}
