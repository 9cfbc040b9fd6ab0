//! What the code of a harness is given: the run, the tenant, and steps whose keys follow from the ledger. It holds
//! no more than one session needs, so that one harness can drive many runs of many tenants at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use artana_core::{Name, Seq, Tenant, progress::Progress};
use artana_kernel::{Driving, Error as KernelError, Reorientation, Run, StepHandle};
use serde::Serialize;

use crate::{Result, TaskUnit, TraceLevel};

/// One session of a harness, or its part of one task: an argument of everything a harness does.
///
/// Steps that are asked here stand in the scope of the unit of work: of the task, or of the session where there is
/// none. A unit keeps its scope until it is done, however many sessions, errors and crashes that takes.
#[derive(Debug)]
pub struct HarnessContext {
    pub(crate) session: Arc<Session>,
    unit: Unit,
}

/// What all contexts of a session share.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) driving: Driving,
    pub(crate) tenant: Tenant,
    pub(crate) level: TraceLevel,
    pub(crate) found: Reorientation,
    /// The task that the session is at.
    task: Mutex<Option<Name>>,
}

impl Session {
    pub(crate) fn new(driving: Driving, tenant: Tenant, level: TraceLevel, found: Reorientation) -> Self {
        Self { driving, tenant, level, found, task: Mutex::default() }
    }

    /// Notes which task the session is at.
    pub(crate) fn is_at(&self, task: Option<Name>) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = task;
    }

    pub(crate) fn task(&self) -> Option<Name> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A unit of work: how its steps are named.
#[derive(Debug)]
struct Unit {
    scope: String,
    /// Where its present attempt was begun with.
    since: Option<Seq>,
    attempt: u64,
    /// How many automatic keys of each name were given.
    given: Mutex<BTreeMap<String, u64>>,
}

impl HarnessContext {
    /// The context of a session as a whole. The sessions that ended in a clean state are units that are done.
    pub(crate) async fn of_session(session: Arc<Session>) -> std::result::Result<Self, KernelError> {
        let (_, now) = session.driving.run().stage().await?;
        let scope = format!("session-{}", now.slept + 1);
        let unit = Unit { scope, since: now.began, attempt: now.failed + 1, given: Mutex::default() };
        Ok(Self { session, unit })
    }

    /// The context of a task that was taken up.
    pub(crate) async fn of_task(&self, task: &TaskUnit) -> std::result::Result<Self, KernelError> {
        let name = Name::parse(task.id())?;
        let known =
            self.run().latest(|state| state.work().task(&name).map(|task| (task.taken_up, task.attempt))).await?;
        let (since, attempt) = known.unwrap_or((None, 1));
        let unit = Unit { scope: format!("task/{}", task.id()), since, attempt, given: Mutex::default() };
        Ok(Self { session: Arc::clone(&self.session), unit })
    }

    /// The same unit of work, of which no automatic key was given yet.
    pub(crate) fn anew(&self) -> Self {
        let Unit { since, attempt, .. } = self.unit;
        let unit = Unit { scope: self.unit.scope.clone(), since, attempt, given: Mutex::default() };
        Self { session: Arc::clone(&self.session), unit }
    }

    /// The same unit of work, in a scope inside its own.
    pub(crate) fn inside(&self, scope: &str) -> Self {
        let Unit { since, attempt, .. } = self.unit;
        let unit = Unit { scope: self.scoped(scope), since, attempt, given: Mutex::default() };
        Self { session: Arc::clone(&self.session), unit }
    }

    /// Borrows the run. What is asked of it directly stands in no scope.
    #[must_use]
    pub fn run(&self) -> &Run {
        self.session.driving.run()
    }

    /// Borrows the tenant.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.session.tenant
    }

    /// Borrows what the session found when it began.
    #[must_use]
    pub fn found(&self) -> &Reorientation {
        &self.session.found
    }

    /// Returns the number of the attempt at the unit of work: 1, and one more after each error.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.unit.attempt
    }

    /// Names a step of the unit of work. In another attempt, what succeeded before answers from the ledger, what is in
    /// doubt stays so, and what failed is tried again under a key of its own.
    #[must_use]
    pub fn step(&self, key: &str) -> StepHandle {
        self.session.driving.step_again(&self.scoped(key), self.unit.since)
    }

    /// Names a step that each attempt makes anew, such as a test, a look at the world, or a question whose answer was
    /// not good enough.
    #[must_use]
    pub fn fresh(&self, key: &str) -> StepHandle {
        self.step(&self.of_attempt(key))
    }

    /// Names a step by a name and the next number: `ask-1`, then `ask-2`. A unit of work that goes on after a crash
    /// comes to the same keys in the same order, and another unit never comes to them.
    #[must_use]
    pub fn next(&self, name: &str) -> StepHandle {
        self.step(&self.numbered(name))
    }

    /// Defines the run's tasks. Those that are defined stay as they are, and new ones are added after them.
    ///
    /// # Errors
    ///
    /// [`KernelError::TaskRefused`] when an id stands twice or a defined task is missing.
    pub async fn define_tasks(&self, tasks: &[TaskUnit]) -> Result<()> {
        let named = tasks.iter().map(|task| Ok((Name::parse(task.id())?, task.title().to_owned())));
        let named = named.collect::<std::result::Result<Vec<_>, artana_core::IdError>>()?;
        Ok(self.session.driving.define_tasks(&named).await?)
    }

    /// Records that the work has come to a round of a stage. What the stage before took is traced from
    /// [`TraceLevel::Stage`] on.
    ///
    /// # Errors
    ///
    /// [`KernelError::NotRunning`] in a run that is paused, [`KernelError::Ended`].
    pub async fn enter_stage(&self, stage: &str, round: u64) -> Result<()> {
        let stage = Name::parse(stage)?;
        let left = self.session.driving.enter_stage(&stage, round).await?;
        if let Some(left) = left.filter(|_| self.session.level >= TraceLevel::Stage) {
            self.session.driving.trace_stage(left, Some(stage)).await?;
        }
        Ok(())
    }

    /// Tells something to whoever follows the work, at [`TraceLevel::Verbose`].
    ///
    /// # Errors
    ///
    /// [`KernelError::InvalidValue`] when it cannot be written as JSON.
    pub async fn trace<T: Serialize + Sync>(&self, topic: &str, value: &T) -> Result<()> {
        if self.session.level >= TraceLevel::Verbose {
            self.session.driving.trace_said(&Name::parse(topic)?, value).await?;
        }
        Ok(())
    }

    /// Returns how far the run's work has come.
    ///
    /// # Errors
    ///
    /// [`KernelError::Store`].
    pub async fn progress(&self) -> Result<Progress> {
        Ok(self.run().progress().await?)
    }

    pub(crate) fn driving(&self) -> &Driving {
        &self.session.driving
    }

    pub(crate) fn since(&self) -> Option<Seq> {
        self.unit.since
    }

    pub(crate) fn scoped(&self, key: &str) -> String {
        format!("{}/{key}", self.unit.scope)
    }

    pub(crate) fn of_attempt(&self, key: &str) -> String {
        match self.unit.attempt {
            1 => key.to_owned(),
            attempt => format!("{key}@{attempt}"),
        }
    }

    pub(crate) fn numbered(&self, name: &str) -> String {
        let mut given = self.unit.given.lock().unwrap_or_else(PoisonError::into_inner);
        let number = given.entry(name.to_owned()).or_insert(0);
        *number += 1;
        format!("{name}-{number}")
    }
}
