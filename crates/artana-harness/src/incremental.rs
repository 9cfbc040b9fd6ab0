//! Work as a list of tasks, one done in each session. The ledger says what is done; a crash inside a task is gone on
//! with, an error puts the task back.

use artana_core::{ChildStep, Name, StepKey, Tenant, progress::Progress};
use artana_kernel::{Kernel, ProgressWatch, Reorientation};

use crate::{
    Error, HarnessContext, HarnessRunner, Result, TaskUnit, TraceLevel, Verification,
    lifecycle::{hooks, pass_hooks_on},
    units::{Pace, Tasked, Units},
};

/// A list of tasks, and how one of them is done.
pub trait IncrementalTasks: Send + Sync {
    /// Says which tasks there are. It is asked once for a run, and the answer is recorded.
    fn define_tasks(&self, cx: &HarnessContext) -> impl Future<Output = Result<Vec<TaskUnit>>> + Send;

    /// Does a task. What it does in steps of `cx` is done once, whatever happens in between.
    fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> impl Future<Output = Result<()>> + Send;

    /// Says how it was seen that a task is done; an error puts it back. Unless told, that the work returned is enough.
    fn verify(&self, cx: &HarnessContext, task: &TaskUnit) -> impl Future<Output = Result<Verification>> + Send {
        let _ = (cx, task);
        async { Ok(Verification::worked()) }
    }

    hooks!();
}

/// Runs sessions of a list of tasks. One value serves any number of runs and tenants at once.
#[derive(Debug, Clone)]
pub struct IncrementalTaskHarness<T>(HarnessRunner<Tasked<Incremental<T>>>);

#[derive(Debug, Clone)]
struct Incremental<T>(T);

impl<T: IncrementalTasks> Units for Incremental<T> {
    pass_hooks_on!(0);

    fn define(&self, cx: &HarnessContext) -> impl Future<Output = Result<Vec<TaskUnit>>> + Send {
        self.0.define_tasks(cx)
    }

    async fn attempt(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        self.0.work_on(cx, task).await?;
        let verification = self.0.verify(&cx.inside("verify"), task).await?;
        cx.driving().complete(&Name::parse(task.id())?, verification.value()).await?;
        Ok(())
    }
}

impl<T: IncrementalTasks> IncrementalTaskHarness<T> {
    /// Runs sessions of a list of tasks on a kernel.
    pub fn new(kernel: &Kernel, tasks: T) -> Self {
        let harness = Tasked { units: Incremental(tasks), pace: Pace::One };
        Self(HarnessRunner::new(kernel, harness).name("incremental"))
    }

    /// Does all tasks in one session, one after the other.
    #[must_use]
    pub fn drain(mut self) -> Self {
        self.0.harness.pace = Pace::All;
        self
    }

    crate::runner::settings!();
    crate::runner::sessions!();
}

crate::runner::lives_in_a_child!(IncrementalTaskHarness<T: IncrementalTasks>);
