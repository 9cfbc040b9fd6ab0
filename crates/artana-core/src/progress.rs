//! How far a run's work has come: a view of the fold at an instant. Decides nothing.

use std::time::Duration;

use crate::{
    Name, RunState, Status, Timestamp,
    fold::{TaskState, Work},
};

/// How far a run's work has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Where the run stands.
    pub status: Status,
    /// How many tasks are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
    /// What the work is at: the first task in progress, else the first one that waits, else the last one done. In a
    /// run without tasks, the stage it has come to. A run that has ended is at nothing.
    pub current: Option<Name>,
    /// The tasks that are done, in the order in which they were. In a run without tasks, the stages that were left.
    pub completed: Vec<Name>,
    /// The round of the stage that the work has come to, if it has stages.
    pub round: Option<u64>,
    /// How long the rest takes if it goes on as it went, known once a task is done and until the run has ended.
    pub eta: Option<Duration>,
}

impl Progress {
    /// Looks at a run's work at an instant.
    #[must_use]
    pub fn of(state: &RunState, now: Timestamp) -> Self {
        let work = state.work();
        let (done, total) = (work.done().len() as u64, work.len() as u64);
        let (current, completed) = match total {
            0 => (work.stage().map(|stage| stage.name.clone()), work.left().to_vec()),
            _ => (current(work), work.done().to_vec()),
        };
        let round = work.stage().map(|stage| stage.round);
        let status = state.status();
        let (current, eta) = if status.is_finished() { (None, None) } else { (current, eta(work, now)) };
        Self { status, done, total, current, completed, round, eta }
    }

    /// Returns the share of tasks that are done, in percent and rounded down; `None` where there are no tasks.
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        let percent = self.done.saturating_mul(100).checked_div(self.total)?;
        u8::try_from(percent).ok()
    }
}

fn current(work: &Work) -> Option<Name> {
    let first = |fits: fn(&TaskState) -> bool| work.tasks().find(|(_, task)| fits(&task.state)).map(|(id, _)| id);
    let in_progress = first(|state| matches!(state, TaskState::InProgress { .. }));
    let waits = || first(|state| matches!(state, TaskState::Pending { .. }));
    in_progress.or_else(waits).or_else(|| work.done().last()).cloned()
}

/// The time per task that is done, for each that is not.
fn eta(work: &Work, now: Timestamp) -> Option<Duration> {
    let done = u32::try_from(work.done().len()).ok().filter(|done| *done > 0)?;
    let left = u32::try_from(work.len()).ok()?.saturating_sub(done);
    Some((now.since(work.begun()?) / done).saturating_mul(left))
}
