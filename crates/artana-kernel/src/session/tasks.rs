//! Tasks: they are defined once, taken up one at a time, and done when somebody has verified that they are.

use artana_core::{
    Content, ContentType, Name, RunState, TaskState,
    event::{Move, TaskDefined, TaskMoved, TasksDefined},
    limits::MAX_TASKS_AT_ONCE,
};
use serde::Serialize;

use super::{Driving, may_go_on};
use crate::{
    Error,
    code::{text_of, to_json},
    journal::{Facts, Plan},
};

impl Driving {
    /// Defines the run's tasks by ids and titles. Those that are defined stay as they are, and those that are not are
    /// added after them, because long work finds out what else there is to do.
    ///
    /// # Errors
    ///
    /// [`Error::TaskRefused`] when an id stands twice, or a task that is defined is missing: none is ever taken back.
    pub async fn define_tasks(&self, tasks: &[(Name, String)]) -> Result<(), Error> {
        let run = self.run.name().clone();
        let refused = |task: &Name, why| Error::TaskRefused { run: run.clone(), task: task.clone(), why };
        let mut ids = std::collections::BTreeSet::new();
        if let Some((twice, _)) = tasks.iter().find(|(id, _)| !ids.insert(id)) {
            return Err(refused(twice, "its id stands twice in the definition"));
        }
        let gone = self.state(|state| state.work().tasks().find(|(id, _)| !ids.contains(id)).map(|(id, _)| id.clone()));
        if let Some(gone) = gone {
            return Err(refused(&gone, "it is defined already, and no task is ever taken back"));
        }
        let titled: Vec<(TaskDefined, Content)> = tasks
            .iter()
            .map(|(id, title)| {
                let (title, content) = text_of(&self.run.journal, title);
                (TaskDefined { id: id.clone(), title }, content)
            })
            .collect();
        if self.state(|state| tasks.iter().all(|(id, _)| state.work().task(id).is_some())) {
            return Ok(());
        }
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            may_go_on(state)?;
            let fresh: Vec<_> = titled.iter().filter(|(task, _)| state.work().task(&task.id).is_none()).collect();
            let session = state.session().number;
            fresh.chunks(MAX_TASKS_AT_ONCE).try_fold(Plan::default(), |plan, some| {
                let tasks = some.iter().map(|(task, _)| task.clone()).collect();
                let plan = plan.event(facts.id(), None, TasksDefined { session, tasks })?;
                Ok(plan.content(some.iter().map(|(_, content)| content.clone())))
            })
        };
        self.append(decide).await.map(drop)
    }

    /// Begins with a task, or goes on with one that another session left when its process died.
    ///
    /// # Errors
    ///
    /// [`Error::TaskRefused`] when there is no such task, it is done, or another one is in progress;
    /// [`Error::NotRunning`] in a run that is paused; [`Error::Ended`].
    pub async fn take_up(&self, task: &Name) -> Result<(), Error> {
        let task = task.clone();
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            may_go_on(state)?;
            let now = state.session().number;
            let here = |known: &artana_core::Task| match known.state {
                TaskState::InProgress { session, .. } => session == now,
                _ => false,
            };
            if state.work().task(&task).is_some_and(here) {
                return Ok(Plan::default());
            }
            moved(state, facts, &task, Move::InProgress(facts.incarnation))
        };
        self.append(decide).await.map(drop)
    }

    /// Records that the task in progress is done, and how that was verified.
    ///
    /// # Errors
    ///
    /// [`Error::TaskRefused`] when the task is not in progress; [`Error::NotRunning`], [`Error::Ended`];
    /// [`Error::InvalidValue`] when the verification cannot be written as JSON.
    pub async fn complete<T: Serialize>(&self, task: &Name, verification: &T) -> Result<(), Error> {
        let invalid = |problem| Error::InvalidValue { run: self.run.name().clone(), name: task.clone(), problem };
        let bytes = to_json(verification).map_err(invalid)?;
        let (verification, content) = self.run.journal.content(ContentType::Json, bytes);
        let task = task.clone();
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            Ok(moved(state, facts, &task, Move::Done(verification))?.content([content.clone()]))
        };
        self.append(decide).await.map(drop)
    }

    /// Puts the task in progress back, because of an error.
    ///
    /// # Errors
    ///
    /// As for [`Driving::complete`].
    pub async fn put_back(&self, task: &Name, said: &str) -> Result<(), Error> {
        let (error, content) = text_of(&self.run.journal, said);
        let task = task.clone();
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            Ok(moved(state, facts, &task, Move::Pending(error))?.content([content.clone()]))
        };
        self.append(decide).await.map(drop)
    }

    /// Reads the title of a task; `None` where there is no such task, or its title was erased.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn title(&self, task: &Name) -> Result<Option<String>, Error> {
        let found = self.state(|state| state.work().task(task).map(|task| (task.title, task.defined)));
        let Some((title, defined)) = found else { return Ok(None) };
        let bytes = self.run.journal.read_content(&title, defined).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn moved(state: &RunState, facts: &Facts<'_>, task: &Name, to: Move) -> Result<Plan, Error> {
    may_go_on(state)?;
    let moved = TaskMoved { session: state.session().number, task: task.clone(), to };
    Plan::default().event(facts.id(), None, moved)
}
