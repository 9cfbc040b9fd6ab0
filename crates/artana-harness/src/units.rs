//! Tasks as a session takes them: one after the other, taken up, worked on, and done or put back. What working on one
//! means, and when it is done, others say.

use artana_core::{Name, RunState, TaskState, Timestamp};
use artana_kernel::{Failure, Reorientation};
use serde_json::json;

use crate::{
    Harness, HarnessContext, Result, TaskUnit, TraceLevel, Worked,
    lifecycle::{hooks, pass_hooks_on},
};

/// What there is to do, and how one task of it is done.
pub(crate) trait Units: Send + Sync {
    hooks!();

    /// Says which tasks there are. It is asked once.
    fn define(&self, cx: &HarnessContext) -> impl Future<Output = Result<Vec<TaskUnit>>> + Send;

    /// Works on a task until it is recorded as done.
    fn attempt(&self, cx: &HarnessContext, task: &TaskUnit) -> impl Future<Output = Result<()>> + Send;
}

/// How many tasks a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    One,
    All,
}

/// A harness whose work is tasks.
#[derive(Debug, Clone)]
pub(crate) struct Tasked<U> {
    pub(crate) units: U,
    pub(crate) pace: Pace,
}

impl<U: Units> Harness for Tasked<U> {
    pass_hooks_on!(units);

    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        if cx.run().latest(|state| state.work().is_empty()).await? {
            let defined = self.units.define(&cx.inside("tasks")).await?;
            cx.define_tasks(&defined).await?;
        }
        while let Some(id) = cx.run().latest(due).await? {
            self.one(cx, &id).await?;
            if self.pace == Pace::One {
                break;
            }
        }
        match cx.run().latest(due).await? {
            Some(_) => Ok(Worked::More),
            None => Ok(Worked::Finished(json!(null))),
        }
    }
}

/// The task that is done next: the one that a session left when its process died, else the first that waits.
fn due(state: &RunState) -> Option<Name> {
    let waits = || {
        let mut tasks = state.work().tasks();
        tasks.find(|(_, task)| matches!(task.state, TaskState::Pending { .. })).map(|(id, _)| id.clone())
    };
    state.session().task.clone().or_else(waits)
}

/// Since when this session is at a task.
fn since(state: &RunState, id: &Name) -> Timestamp {
    match state.work().task(id).map(|task| &task.state) {
        Some(TaskState::InProgress { since, .. }) => *since,
        _ => state.started_at(),
    }
}

impl<U: Units> Tasked<U> {
    async fn one(&self, cx: &HarnessContext, id: &Name) -> Result<()> {
        let driving = cx.driving();
        cx.session.is_at(Some(id.clone()));
        let title = driving.title(id).await?.unwrap_or_default();
        driving.take_up(id).await?;
        let since = cx.run().latest(|state| since(state, id)).await?;
        let task = TaskUnit::new(id.as_str(), title);
        let done = self.units.attempt(&cx.of_task(&task).await?, &task).await;
        if let Err(failure) = &done {
            put_back(cx, id, failure).await;
        }
        if cx.session.level >= TraceLevel::Verbose {
            driving.trace_task(id, done.is_ok(), since).await?;
        }
        if done.is_ok() {
            cx.session.is_at(None);
        }
        done
    }
}

/// Puts a task back after an error. Where that cannot be, because the run is paused or no longer ours, it stays in
/// progress, and the next session goes on with it.
async fn put_back(cx: &HarnessContext, id: &Name, failure: &Failure) {
    let in_progress = cx.run().latest(|state| state.session().task.as_ref() == Some(id)).await.unwrap_or(false);
    if !in_progress {
        return;
    }
    if let Err(error) = cx.driving().put_back(id, failure.message()).await {
        tracing::warn!(run = %cx.run().name(), task = %id, code = error.code(), "a task could not be put back");
    }
}
