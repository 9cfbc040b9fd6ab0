//! What was done of the work that takes many sessions: tasks, sessions, and where a process died. A function of the fold
//! and of what the events say of sessions; decides nothing.

use std::collections::BTreeSet;

use super::History;
use crate::{Event, IncarnationId, Name, RunState, StepKey, TaskState, Timestamp, event::Body, event::Move};

/// How far the work of a run has come that is done in sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// The tasks that are done, in the order in which they were.
    pub done: Vec<Name>,
    /// The task in progress.
    pub in_progress: Option<Name>,
    /// The tasks that wait, in the order in which they are done.
    pub pending: Vec<Name>,
    /// How many sessions there were, the one that has not ended included.
    pub sessions: u64,
    /// The sessions that did not end because their process died or dropped them, the earliest first.
    pub died: Vec<Lived>,
    /// The session of a process that lives.
    pub awake: Option<Lived>,
}

/// A session that has not ended, and where it was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lived {
    /// Its number.
    pub session: u64,
    /// Its process.
    pub process: IncarnationId,
    /// The task it was at.
    pub task: Option<Name>,
    /// The step it was last heard of at.
    pub step: Option<StepKey>,
    /// When it was last heard of.
    pub at: Timestamp,
}

/// What a run's events say of its sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sessions {
    number: u64,
    awake: Option<Lived>,
    died: Vec<Lived>,
}

impl Sessions {
    pub(super) fn see(&mut self, event: &Event) {
        match event.body() {
            Body::HarnessWoke(woke) => {
                // Nobody wakes while another session lasts whose process lives.
                self.died.extend(self.awake.take());
                self.number = woke.session;
                let (process, task) = (woke.incarnation, woke.in_progress.clone());
                self.awake = Some(Lived { session: woke.session, process, task, step: None, at: event.at() });
            }
            Body::HarnessSlept(_) | Body::HarnessFailed(_) | Body::RunFinished(_) => self.awake = None,
            body => {
                let Some(awake) = &mut self.awake else { return };
                match (body, event.step()) {
                    (Body::TaskMoved(moved), _) => {
                        awake.step = None;
                        awake.task = matches!(moved.to, Move::InProgress(_)).then(|| moved.task.clone());
                    }
                    (_, Some(step)) => awake.step = Some(step.clone()),
                    // What somebody outside did to the run is no sign of life.
                    _ => return,
                }
                awake.at = event.at();
            }
        }
    }
}

impl History {
    /// Returns the process of the session that has not ended.
    #[must_use]
    pub fn awake(&self) -> Option<IncarnationId> {
        self.sessions.awake.as_ref().map(|awake| awake.process)
    }
}

/// Tells the work of a run; `None` where it has neither tasks nor sessions.
pub(super) fn of(state: &RunState, history: &History, alive: &BTreeSet<IncarnationId>) -> Option<Work> {
    let (work, sessions) = (state.work(), &history.sessions);
    if work.is_empty() && sessions.number == 0 {
        return None;
    }
    let waits = work.tasks().filter(|(_, task)| matches!(task.state, TaskState::Pending { .. }));
    let at = work.tasks().find(|(_, task)| matches!(task.state, TaskState::InProgress { .. }));
    let (awake, dead) = match sessions.awake.clone() {
        Some(lived) if alive.contains(&lived.process) => (Some(lived), None),
        dead => (None, dead),
    };
    Some(Work {
        done: work.done().to_vec(),
        in_progress: at.map(|(id, _)| id.clone()),
        pending: waits.map(|(id, _)| id.clone()).collect(),
        sessions: sessions.number,
        died: sessions.died.iter().cloned().chain(dead).collect(),
        awake,
    })
}
