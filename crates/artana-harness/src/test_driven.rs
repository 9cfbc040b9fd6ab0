//! Work as a list of tasks that are done when their tests say so, and in no other way: working on a task returns a
//! token that only [`TestDrivenContext::verify_and_commit`] makes.

use std::ops::Deref;

use artana_core::{ChildStep, Name, StepKey, Tenant, progress::Progress};
use artana_kernel::{Failure, Kernel, ProgressWatch, Reorientation, TypedTool};
use serde_json::json;

use crate::{
    Error, HarnessContext, HarnessRunner, Result, TaskUnit, TraceLevel,
    lifecycle::{hooks, pass_hooks_on},
    units::{Pace, Tasked, Units},
};

/// A list of tasks, and how one of them is brought to pass its test.
pub trait TestDrivenTasks: Send + Sync {
    /// Says which tasks there are. It is asked once for a run, and the answer is recorded.
    fn define_tasks(&self, cx: &HarnessContext) -> impl Future<Output = Result<Vec<TaskUnit>>> + Send;

    /// Does a task, and has its test commit it.
    fn work_on(&self, cx: &TestDrivenContext, task: &TaskUnit) -> impl Future<Output = Result<Committed>> + Send;

    hooks!();
}

/// What working on a task under test is given.
#[derive(Debug)]
pub struct TestDrivenContext {
    cx: HarnessContext,
    task: Name,
}

impl Deref for TestDrivenContext {
    type Target = HarnessContext;

    fn deref(&self) -> &HarnessContext {
        &self.cx
    }
}

/// What is made of a test's result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a test's result is accepted or not")]
pub enum Verdict {
    /// The task is done.
    Accepted,
    /// It is not, for this reason.
    Refused(String),
}

/// A task that passed its test and is recorded as done. Only a test makes one.
#[derive(Debug)]
pub struct Committed {
    task: Name,
}

impl TestDrivenContext {
    /// Runs a test, judges its result, and records the task as done if it is accepted.
    ///
    /// Each call and each attempt tests anew. A test that was cut by a crash is gone on with as any tool is.
    ///
    /// # Errors
    ///
    /// What the test ended with, or that its result was refused, with the reason.
    pub async fn verify_and_commit<T: TypedTool + Send>(
        &self,
        test: T,
        args: &T::Args,
        adjudicate: impl FnOnce(&T::Output) -> Verdict + Send,
    ) -> Result<Committed>
    where
        T::Args: Sync,
        T::Output: Send + Sync + 'static,
    {
        let name = test.name().to_owned();
        let step = self.cx.of_attempt(&self.cx.numbered("test"));
        let call = self.cx.step(&step).tool(test, args);
        let tested = call.await?;
        match adjudicate(tested.output()) {
            Verdict::Refused(why) => Err(Failure::permanent(format!("the test `{name}` was refused: {why}"))),
            Verdict::Accepted => {
                let verification = json!({ "by": "test", "step": self.cx.scoped(&step), "tool": name });
                self.cx.driving().complete(&self.task, &verification).await?;
                Ok(Committed { task: self.task.clone() })
            }
        }
    }
}

/// Runs sessions of a list of tasks under test. One value serves any number of runs and tenants at once.
#[derive(Debug, Clone)]
pub struct TestDrivenHarness<T>(HarnessRunner<Tasked<TestDriven<T>>>);

#[derive(Debug, Clone)]
struct TestDriven<T>(T);

impl<T: TestDrivenTasks> Units for TestDriven<T> {
    pass_hooks_on!(0);

    fn define(&self, cx: &HarnessContext) -> impl Future<Output = Result<Vec<TaskUnit>>> + Send {
        self.0.define_tasks(cx)
    }

    async fn attempt(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        let name = Name::parse(task.id())?;
        let cx = TestDrivenContext { cx: cx.anew(), task: name.clone() };
        let committed = self.0.work_on(&cx, task).await?;
        if committed.task == name {
            return Ok(());
        }
        Err(Failure::permanent(format!("the work on task {name} returned what committed task {}", committed.task)))
    }
}

impl<T: TestDrivenTasks> TestDrivenHarness<T> {
    /// Runs sessions of a list of tasks under test on a kernel.
    pub fn new(kernel: &Kernel, tasks: T) -> Self {
        let harness = Tasked { units: TestDriven(tasks), pace: Pace::One };
        Self(HarnessRunner::new(kernel, harness).name("test_driven"))
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

crate::runner::lives_in_a_child!(TestDrivenHarness<T: TestDrivenTasks>);
