//! Long-running work: which tasks there are and where each stands, which stage was entered, which session is awake.
//! A task is never lost, never done twice, and never done unverified. Knows no step.

use std::collections::{BTreeMap, BTreeSet};

use super::{FoldError, RunState};
use crate::{
    ContentRef, Event, IncarnationId, Name, Seq, Timestamp, Usd,
    cost::Costs,
    event::{Body, HarnessFailed, Move, TaskMoved, TasksDefined},
    limits::MAX_TASKS,
};

/// A task, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// What a person calls it.
    pub title: ContentRef,
    /// Where it is defined, in the run or in the ancestor that a fork shares it with.
    pub defined: Seq,
    /// Where it stands.
    pub state: TaskState,
    /// 1 for the first attempt; each error makes another one due.
    pub attempt: u64,
    /// Where the attempt was begun with, which a crash in it does not move. What failed before may be tried again.
    pub taken_up: Option<Seq>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a task waits, is in progress or is done")]
pub enum TaskState {
    /// It waits; the error is why it was put back, if it was.
    Pending {
        /// What was said.
        error: Option<ContentRef>,
    },
    /// Somebody is at it, or was when their process died.
    InProgress {
        /// Since when.
        since: Timestamp,
        /// The process.
        by: IncarnationId,
        /// The session.
        session: u64,
    },
    /// It is done.
    Done {
        /// When.
        at: Timestamp,
        /// Since when the attempt was under way.
        since: Timestamp,
        /// The process.
        by: IncarnationId,
        /// How that was verified.
        verification: ContentRef,
    },
}

/// The stage that the work has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stage {
    /// What the application calls it.
    pub name: Name,
    /// Its round.
    pub round: u64,
    /// Where it is recorded that it was entered.
    pub entered: Seq,
    /// When it was.
    pub since: Timestamp,
    /// What the run's own calls had cost by then.
    pub spent: Usd,
}

/// The sessions of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The last session; 0 where there was none.
    pub number: u64,
    /// Whether it has not ended, which it never does where its process died.
    pub awake: bool,
    /// How many sessions ended in a clean state.
    pub slept: u64,
    /// How many sessions ended with an error since one last ended in a clean state.
    pub failed: u64,
    /// Where the first session is recorded that has not ended, or was begun after the last one that has: one that
    /// goes on after a crash does not move it. What failed before may be tried again.
    pub began: Option<Seq>,
    /// The task in progress.
    pub task: Option<Name>,
}

/// The tasks and stages of a run. In a fork, those that it shares with its ancestors too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    tasks: BTreeMap<Name, Task>,
    order: Vec<Name>,
    done: Vec<Name>,
    begun: Option<Timestamp>,
    stage: Option<Stage>,
    left: Vec<Name>,
    entered: BTreeSet<(Name, u64)>,
}

impl Work {
    /// Lists the tasks in the order in which they are done.
    pub fn tasks(&self) -> impl Iterator<Item = (&Name, &Task)> {
        self.order.iter().filter_map(|id| self.tasks.get_key_value(id))
    }

    /// Borrows a task.
    #[must_use]
    pub fn task(&self, id: &Name) -> Option<&Task> {
        self.tasks.get(id)
    }

    /// Lists the tasks that are done, in the order in which they were.
    #[must_use]
    pub fn done(&self) -> &[Name] {
        &self.done
    }

    /// Returns how many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns whether there are no tasks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns when the first task was begun with.
    #[must_use]
    pub fn begun(&self) -> Option<Timestamp> {
        self.begun
    }

    /// Borrows the stage that the work has come to.
    #[must_use]
    pub fn stage(&self) -> Option<&Stage> {
        self.stage.as_ref()
    }

    /// Returns whether the work has ever come to a round of a stage.
    #[must_use]
    pub fn has_entered(&self, stage: &Name, round: u64) -> bool {
        self.entered.contains(&(stage.clone(), round))
    }

    /// Lists the stages that were left, in the order in which they first were.
    #[must_use]
    pub fn left(&self) -> &[Name] {
        &self.left
    }

    /// Takes over what a parent has come to. What it had in progress waits in a fork: nobody is at it there.
    pub(super) fn shared(&self) -> Self {
        let mut shared = self.clone();
        for task in shared.tasks.values_mut() {
            if matches!(task.state, TaskState::InProgress { .. }) {
                task.state = TaskState::Pending { error: None };
            }
        }
        shared
    }

    /// Checks an event against the tasks that stand here and in `earlier`.
    pub(super) fn check(&self, earlier: Option<&Self>, now: &Session, event: &Event) -> Result<(), FoldError> {
        let known = |id: &Name| self.tasks.get(id).or_else(|| earlier?.tasks.get(id));
        match event.body() {
            Body::TasksDefined(defined) => {
                let count = self.order.len() + earlier.map_or(0, |earlier| earlier.order.len());
                may_define(defined, count, |id| known(id).is_some())
            }
            Body::TaskMoved(moved) => may_move(moved, known(&moved.task), now),
            _ => Ok(()),
        }
    }

    /// Remembers an event that was checked. The tasks of `earlier` are those that this one only adds to.
    pub(super) fn add(&mut self, earlier: Option<&Self>, event: &Event, costs: &Costs) {
        match event.body() {
            Body::TasksDefined(defined) => self.define(defined, event.seq()),
            Body::TaskMoved(moved) => {
                self.begun.get_or_insert(event.at());
                let known = self.tasks.get(&moved.task).or_else(|| earlier?.tasks.get(&moved.task));
                let Some(task) = known.cloned() else { return };
                if matches!(moved.to, Move::Done(_)) {
                    self.done.push(moved.task.clone());
                }
                self.tasks.insert(moved.task.clone(), task.moved(moved, event));
            }
            Body::StageEntered(entered) => {
                if let Some(last) = self.stage.take()
                    && last.name != entered.stage
                    && !self.left.contains(&last.name)
                {
                    self.left.push(last.name);
                }
                let (name, round, spent) = (entered.stage.clone(), entered.round, costs.total().cost);
                self.entered.insert((name.clone(), round));
                self.stage = Some(Stage { name, round, entered: event.seq(), since: event.at(), spent });
            }
            _ => {}
        }
    }

    fn define(&mut self, defined: &TasksDefined, seq: Seq) {
        for task in &defined.tasks {
            let state = TaskState::Pending { error: None };
            let added = Task { title: task.title, defined: seq, state, attempt: 1, taken_up: None };
            self.tasks.insert(task.id.clone(), added);
            self.order.push(task.id.clone());
        }
    }
}

fn refused(task: &Name, why: &'static str) -> Result<(), FoldError> {
    Err(FoldError::Task { task: task.clone(), why })
}

fn may_define(defined: &TasksDefined, count: usize, known: impl Fn(&Name) -> bool) -> Result<(), FoldError> {
    let mut seen = BTreeSet::new();
    for (n, task) in defined.tasks.iter().enumerate() {
        if known(&task.id) || !seen.insert(&task.id) {
            return refused(&task.id, "there is a task of this id already");
        }
        if count + n >= MAX_TASKS {
            return refused(&task.id, "the run has as many tasks as it may have");
        }
    }
    Ok(())
}

fn may_move(moved: &TaskMoved, task: Option<&Task>, now: &Session) -> Result<(), FoldError> {
    let Some(task) = task else { return refused(&moved.task, "there is no such task") };
    let busy = now.task.as_ref().is_some_and(|other| *other != moved.task);
    match (&task.state, &moved.to) {
        (TaskState::Done { .. }, _) => refused(&moved.task, "it is done"),
        (_, Move::InProgress(_)) if busy => refused(&moved.task, "another task is in progress"),
        (TaskState::InProgress { session, .. }, Move::InProgress(_)) if *session >= moved.session => {
            refused(&moved.task, "it is in progress already")
        }
        (TaskState::Pending { .. }, Move::Done(_) | Move::Pending(_)) => refused(&moved.task, "it is not in progress"),
        _ => Ok(()),
    }
}

impl Task {
    fn moved(mut self, moved: &TaskMoved, event: &Event) -> Self {
        match (&moved.to, self.state) {
            (Move::InProgress(by), before) => {
                if matches!(before, TaskState::Pending { .. }) {
                    self.taken_up = Some(event.seq());
                }
                self.state = TaskState::InProgress { since: event.at(), by: *by, session: moved.session };
            }
            (Move::Done(verification), TaskState::InProgress { since, by, .. }) => {
                self.state = TaskState::Done { at: event.at(), since, by, verification: *verification };
            }
            (Move::Pending(error), _) => {
                self.state = TaskState::Pending { error: Some(*error) };
                self.attempt += 1;
            }
            (Move::Done(_), state) => self.state = state,
        }
        self
    }
}

impl Session {
    /// Takes over how far a parent came. Nobody is awake in a fork, and no task is in progress there.
    pub(super) fn shared(&self) -> Self {
        Self { awake: false, task: None, ..self.clone() }
    }

    /// Returns whether an event is of the session that is awake.
    pub(super) fn is_in(&self, session: u64) -> bool {
        self.awake && self.number == session
    }

    pub(super) fn advance(&mut self, event: &Event) {
        match event.body() {
            Body::HarnessWoke(woke) => {
                self.number = woke.session;
                if !self.awake {
                    self.began = Some(event.seq());
                }
                self.awake = true;
            }
            Body::HarnessSlept(_) => {
                self.awake = false;
                self.slept += 1;
                self.failed = 0;
            }
            Body::HarnessFailed(HarnessFailed { .. }) => {
                self.awake = false;
                self.failed += 1;
            }
            Body::TaskMoved(moved) => match moved.to {
                Move::InProgress(_) => self.task = Some(moved.task.clone()),
                Move::Done(_) | Move::Pending(_) => self.task = None,
            },
            _ => {}
        }
    }
}

impl RunState {
    /// Borrows the tasks and stages of the run, if a harness works on it.
    #[must_use]
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Borrows how far the sessions of the run have come.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.now.session
    }
}
