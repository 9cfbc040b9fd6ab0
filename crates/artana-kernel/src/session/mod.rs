//! A session: one process drives a run as a whole for a while, under the run's lease, and records how that went.
//! It knows what a session may record, and nothing of what the work is.

mod budget;
mod children;
mod free;
mod keys;
mod stages;
mod tasks;

use std::sync::{Arc, Mutex, PoisonError};

use artana_core::{
    ContentType, Event, Name, RunState, Status, TaskState, Tenant,
    event::{CancelRequested, Closing, HarnessFailed, HarnessSlept, HarnessWoke, Phase, RunFinished, RunOutcome},
};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use crate::{
    Error, Kernel, Run,
    code::{from_json, text_of, to_json},
    control::{drivable, open_steps},
    drive::{Drive, Driven},
    journal::{Capacity, Facts, Plan},
    lifeline::Busy,
};

pub use budget::BudgetSpent;
pub use children::Child;
pub use free::LeaseWait;
pub use stages::StageLeft;

/// The right to drive a run as a whole, for as long as this is held.
///
/// The first thing it records takes the run's lease, from a process that is dead if need be, and answers
/// [`Error::Fenced`] while another one that lives has it. [`Driving::leave`] gives the lease back; so does dropping it,
/// in a task of its own. Several of one process wait for each other.
#[derive(Debug)]
pub struct Driving {
    run: Run,
    drive: Arc<Drive>,
    alone: Mutex<Option<(OwnedMutexGuard<()>, Busy)>>,
}

/// What a session finds when it begins.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reorientation {
    /// 1 for the run's first session.
    pub session: u64,
    /// How the session before this one ended.
    pub last: LastSession,
    /// The tasks that are done, in the order in which they were.
    pub done: Vec<Name>,
    /// The task that a session was at when its process died.
    pub in_progress: Option<Name>,
    /// The tasks that wait, in the order in which they are done.
    pub pending: Vec<Name>,
    /// The run's last note and its topic, unless it was erased.
    pub note: Option<(Name, Value)>,
}

/// How the session before this one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a session ends well, with an error, or with its process")]
pub enum LastSession {
    /// There was none.
    None,
    /// In a clean state.
    Slept,
    /// With an error.
    Failed,
    /// It did not end: its process died.
    Died,
}

impl Kernel {
    /// Begins to drive a run as a whole. The run is started if the tenant has none of this id.
    ///
    /// # Errors
    ///
    /// As for [`Kernel::run`].
    pub async fn drive(&self, tenant: &Tenant, id: &str) -> Result<Driving, Error> {
        self.run(tenant, id).await?.drive().await
    }
}

impl Run {
    /// Begins to drive the run as a whole, once nobody else in this process does.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`], [`Error::FormatTooNew`].
    pub async fn drive(&self) -> Result<Driving, Error> {
        self.drive_as(Drive::default()).await
    }

    async fn drive_as(&self, drive: Drive) -> Result<Driving, Error> {
        let busy = self.journal.shared.enter()?;
        let alone = Arc::clone(&self.journal.driving).lock_owned().await;
        self.latest(drivable).await??;
        if self.journal.with_state(|state| state.started().workflow.is_some()) {
            let what = "something that code outside of it drives".into();
            return Err(Error::NotThatWorkflow { run: self.name().clone(), what });
        }
        let drive = Arc::new(drive);
        let run = self.driven(Driven::by(&drive));
        Ok(Driving { run, drive, alone: Mutex::new(Some((alone, busy))) })
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        if !self.drive.is_held() {
            return self.drive.lose();
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return self.drive.lose() };
        // The next one of this process waits until the lease is back.
        let alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (journal, drive) = (Arc::clone(&self.run.journal), Arc::clone(&self.drive));
        drop(runtime.spawn(async move {
            let released = journal.append(Capacity::Drive(Arc::clone(&drive)), None, |_, _| Ok(Plan::default().release()));
            if let Err(error) = released.await {
                tracing::warn!(run = %journal.run, code = error.code(), "the right to drive the run could not be given back");
            }
            drive.lose();
            drop(alone);
        }));
    }
}

impl Driving {
    /// Borrows the run: what is asked through this handle is asked under the lease.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Gives back the right to drive the run. Handles of it that are left may do nothing more.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; the lease then goes back when this process counts as dead.
    pub async fn leave(&self) -> Result<(), Error> {
        let left = if self.drive.is_held() {
            self.append(|_, _| Ok(Plan::default().release())).await.map(drop)
        } else {
            Ok(())
        };
        self.drive.lose();
        drop(self.alone.lock().unwrap_or_else(PoisonError::into_inner).take());
        left
    }

    /// Begins a session, which takes the lease, and says where the work stands.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`] while another process drives the run; [`Error::BudgetSpent`] when the run and its children
    /// have spent what they may; [`Error::NotRunning`] in a run that is paused; [`Error::Ended`].
    pub async fn begin_session(&self, harness: &Name) -> Result<Reorientation, Error> {
        self.within_budget().await?;
        let (harness, seen) = (harness.clone(), Arc::new(Mutex::new(None)));
        let found = Arc::clone(&seen);
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            may_go_on(state)?;
            let reorientation = reorientation(state);
            let woke = HarnessWoke {
                done: reorientation.done.len() as u64,
                harness: harness.clone(),
                in_progress: reorientation.in_progress.clone(),
                incarnation: facts.incarnation,
                last_done: reorientation.done.last().cloned(),
                note: state.kept().last_note().map(|(_, note)| note.value),
                pending: reorientation.pending.len() as u64,
                session: reorientation.session,
            };
            let note = state.kept().last_note().cloned();
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some((reorientation, note));
            Plan::default().event(facts.id(), None, woke)
        };
        self.append(decide).await?;
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (mut found, note) = seen.ok_or_else(|| Error::Internal("a session began without looking".into()))?;
        if let Some((topic, note)) = note
            && let Some(bytes) = self.run.journal.read_content(&note.value, note.seq).await?
        {
            found.note = from_json(&bytes).ok().map(|value| (topic, value));
        }
        Ok(found)
    }

    /// Ends the session in a clean state.
    ///
    /// # Errors
    ///
    /// [`Error::Unclean`] while a step is under way or in doubt, or a task is in progress: it names them.
    pub async fn end_session(&self) -> Result<(), Error> {
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            if state.status().is_finished() {
                return Err(Error::Ended { run: state.run().clone(), status: state.status() });
            }
            let (steps, task) = (open_steps(state), state.session().task.clone());
            if !steps.is_empty() || task.is_some() {
                return Err(Error::Unclean { run: state.run().clone(), steps, task });
            }
            Plan::default().event(facts.id(), None, HarnessSlept { session: state.session().number })
        };
        self.append(decide).await.map(drop)
    }

    /// Ends the session with an error. A run that has ended, or whose session has, records none.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`], [`Error::Fenced`], [`Error::Store`].
    pub async fn fail_session(&self, phase: Phase, said: &str) -> Result<(), Error> {
        let (error, content) = text_of(&self.run.journal, said);
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            if state.status().is_finished() || !state.session().awake {
                return Ok(Plan::default());
            }
            let failed = HarnessFailed { error, phase, session: state.session().number };
            Ok(Plan::default().event(facts.id(), None, failed)?.content([content.clone()]))
        };
        self.append(decide).await.map(drop)
    }

    /// Ends the session and the run, which is then completed, with what it returns.
    ///
    /// # Errors
    ///
    /// [`Error::Unclean`] while a step is under way or in doubt, or a task is in progress; [`Error::NotRunning`],
    /// [`Error::Ended`]; [`Error::TooLarge`] when what it returns cannot be kept.
    pub async fn finish<T: Serialize>(&self, output: &T) -> Result<(), Error> {
        let bytes = to_json(output).map_err(Error::TooLarge)?;
        let (output, content) = self.run.journal.content(ContentType::Json, bytes);
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            if state.status() == Status::Completed {
                return Ok(Plan::default());
            }
            may_go_on(state)?;
            let (steps, task) = (open_steps(state), state.session().task.clone());
            if !steps.is_empty() || task.is_some() {
                return Err(Error::Unclean { run: state.run().clone(), steps, task });
            }
            let finished = RunFinished { outcome: RunOutcome::Completed, output: Some(output) };
            let mut plan = Plan::default();
            if state.session().awake {
                plan = plan.event(facts.id(), None, HarnessSlept { session: state.session().number })?;
            }
            Ok(plan.event(facts.id(), None, finished)?.content([content.clone()]).release())
        };
        self.append(decide).await.map(drop)
    }

    /// Gives the run up: it ends as failed once nothing is under way, and what it began in runs of their own is cancelled.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`], [`Error::Fenced`], [`Error::Store`].
    pub async fn give_up(&self, reason: &str) -> Result<(), Error> {
        let (reason, content) = text_of(&self.run.journal, reason);
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            if state.is_closing() {
                return Ok(Plan::default());
            }
            let asked = CancelRequested { closing: Closing::Failed, by: None, reason: Some(reason) };
            Ok(Plan::default().event(facts.id(), None, asked)?.content([content.clone()]))
        };
        self.append(decide).await?;
        self.run.journal.cancel.cancel();
        self.run.close_children().await?;
        for landing in self.run.journal.flights.all() {
            landing.wait().await;
        }
        Ok(())
    }

    fn state<T>(&self, look: impl FnOnce(&RunState) -> T) -> T {
        self.run.journal.with_state(look)
    }

    /// Appends what is decided as whoever drives the run.
    async fn append<D>(&self, decide: D) -> Result<Vec<Event>, Error>
    where
        D: FnMut(&RunState, &Facts<'_>) -> Result<Plan, Error> + Send + Sync + 'static,
    {
        self.run.journal.append_detached(Capacity::Drive(Arc::clone(&self.drive)), None, decide).await
    }
}

/// What the session that begins now finds, but for the words of the note.
fn reorientation(state: &RunState) -> Reorientation {
    let (work, session) = (state.work(), state.session());
    let waits = work.tasks().filter(|(_, task)| matches!(task.state, TaskState::Pending { .. }));
    let last = match session {
        session if session.number == 0 => LastSession::None,
        session if session.awake => LastSession::Died,
        session if session.failed > 0 => LastSession::Failed,
        _ => LastSession::Slept,
    };
    Reorientation {
        session: session.number + 1,
        last,
        done: work.done().to_vec(),
        in_progress: session.task.clone(),
        pending: waits.map(|(id, _)| id.clone()).collect(),
        note: None,
    }
}

/// Refuses to go on in a run that starts nothing new.
fn may_go_on(state: &RunState) -> Result<(), Error> {
    let (run, status) = (state.run().clone(), state.status());
    match status {
        status if status.is_finished() => Err(Error::Ended { run, status }),
        Status::Paused | Status::Cancelling => Err(Error::NotRunning { run, status }),
        _ => Ok(()),
    }
}
