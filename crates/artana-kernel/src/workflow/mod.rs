//! Workflows: ordinary Rust between durable steps, run again from the beginning whenever they go on.

mod answers;
pub(crate) mod child;
mod context;
pub(crate) mod driver;
mod end;
mod join;
mod left;
pub(crate) mod machine;
pub(crate) mod moved;
mod open;
mod performing;
mod ready;
mod rollback;
pub(crate) mod stay;
mod values;
pub(crate) mod waits;
mod woken;

use std::{future::Future, sync::Arc};

use artana_core::{
    ContentType, Event, EventId, Name, RunId, RunRef, RunState, StepKey, Tenant, Timestamp, event::WorkflowStarted,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, Kernel, Run,
    code::{Failure, from_json, to_json},
    control::is_here,
    journal::{Capacity, Facts, Plan},
    start::Beginning,
};

pub use context::WorkflowContext;
pub use join::{Either, Join, Race};
pub use rollback::Rollback;

/// How many events of a workflow's own leave in one append.
const MAX_AT_ONCE: usize = 128;

/// How far a workflow came.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a workflow ends, or waits for a person, an instant or a signal")]
pub enum WorkflowOutcome<T> {
    /// It returned.
    Completed(T),
    /// It waits for a person.
    Paused(Ticket),
    /// It waits for this instant.
    Sleeping(Timestamp),
    /// It waits for a signal.
    Waiting(Awaited),
}

impl<T> WorkflowOutcome<T> {
    /// Returns what the workflow returned, if it did.
    #[must_use]
    pub fn completed(self) -> Option<T> {
        if let Self::Completed(returned) = self { Some(returned) } else { None }
    }
}

/// A pause, as whoever lifts it names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticket {
    /// The run.
    pub run: RunRef,
    /// The pause: the id of the event that began it.
    pub id: EventId,
    /// The step that paused the run, if its own code did.
    pub step: Option<StepKey>,
}

/// A signal that is waited for, as whoever sends it names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Awaited {
    /// The run that waits: the workflow's own, a child, or the fork in which the rest of it is done.
    pub run: RunRef,
    /// The signal's name.
    pub signal: Name,
}

/// For what a workflow was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Suspended {
    Paused(Ticket),
    Sleeping(Timestamp),
    Waiting(Awaited),
}

/// How far a workflow came, with what it returned in canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Completed(Vec<u8>),
    Suspended(Suspended),
    /// Whoever drove it was told to leave it to others.
    Left,
}

impl Kernel {
    /// Runs a workflow: starts it, goes on with it from its ledger, or answers what it returned.
    ///
    /// The code runs from its beginning each time; what it asked before is answered from the ledger. It comes back
    /// when the code has returned, or when there is nothing to do but wait: call it again when the time has come,
    /// the signal was sent or the pause was lifted, or let a worker do so.
    ///
    /// # Errors
    ///
    /// [`Error::WorkflowFailed`] when the code failed, now or before; [`Error::Diverged`] when it asks something else
    /// than is recorded; [`Error::ReconciliationRequired`] while a step's effect is in doubt; [`Error::Fenced`] while
    /// another process drives the run; [`Error::Moved`] when the rest of it goes on in a fork that knows less than the
    /// code has been told: ask again, and the code begins anew there.
    ///
    /// # Cancellation
    ///
    /// Dropping the future detaches: steps that have begun run to their outcomes, which are recorded.
    pub async fn workflow<T, F, Fut>(&self, tenant: &Tenant, id: &str, f: F) -> Result<WorkflowOutcome<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce(WorkflowContext) -> Fut + Send,
        Fut: Future<Output = Result<T, Failure>> + Send,
    {
        let run = self.workflow_run(tenant, id, None).await?;
        driven(run, f).await
    }

    /// Like [`Kernel::workflow`], with an input that is recorded, and is given to the code in every life.
    ///
    /// What a closure captures is not recorded: whoever goes on with the run in another process has to capture the same.
    ///
    /// # Errors
    ///
    /// Those of [`Kernel::workflow`]; [`Error::InvalidValue`] when the input cannot be written as JSON or read from it, and
    /// when the run began with another one.
    ///
    /// # Cancellation
    ///
    /// Like [`Kernel::workflow`].
    pub async fn workflow_with<I, T, F, Fut>(
        &self,
        tenant: &Tenant,
        id: &str,
        input: &I,
        f: F,
    ) -> Result<WorkflowOutcome<T>, Error>
    where
        I: Serialize + DeserializeOwned + Send,
        T: Serialize + DeserializeOwned,
        F: FnOnce(WorkflowContext, I) -> Fut + Send,
        Fut: Future<Output = Result<T, Failure>> + Send,
    {
        let name = RunRef::new(tenant.id()?.clone(), RunId::parse(id)?);
        let refused = |problem| {
            let (run, name) = (name.clone(), Name::parse("input").expect("the name is fit"));
            Error::InvalidValue { run, name, problem }
        };
        let bytes = to_json(input).map_err(refused)?;
        let input = from_json(&bytes).map_err(refused)?;
        let run = self.workflow_run(tenant, id, Some(bytes.clone())).await?;
        let (given, _) = run.journal.content(ContentType::Json, bytes);
        let began_with = |state: &RunState| state.started().workflow.as_ref().and_then(|workflow| workflow.input);
        if run.journal.with_state(began_with) != Some(given) {
            return Err(refused("the run began with another one: give it that, or begin another run".into()));
        }
        driven(run, move |cx| f(cx, input)).await
    }

    async fn workflow_run(&self, tenant: &Tenant, id: &str, input: Option<Vec<u8>>) -> Result<Run, Error> {
        let run = match self.open_run(tenant, id).await {
            Err(Error::RunNotFound { .. }) => {
                let name = RunRef::new(tenant.id()?.clone(), RunId::parse(id)?);
                let workflow = Some(WorkflowStarted { input: None, name: None });
                match self.begin(tenant, name, Beginning { workflow, input, ..Beginning::default() }).await {
                    Err(Error::RunExists { .. }) => self.open_run(tenant, id).await?,
                    other => other?,
                }
            }
            other => other?,
        };
        let other = run.journal.with_state(|state| match state.started() {
            started if started.workflow.is_none() => Some("a workflow"),
            started if started.lineage.is_some() => Some("a workflow of its own: its parent's code drives it"),
            _ => None,
        });
        match other {
            None => Ok(run),
            Some(what) => Err(Error::NotThatWorkflow { run: run.name().clone(), what: what.into() }),
        }
    }
}

async fn driven<T, F, Fut>(run: Run, f: F) -> Result<WorkflowOutcome<T>, Error>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce(WorkflowContext) -> Fut + Send,
    Fut: Future<Output = Result<T, Failure>> + Send,
{
    let code = move |cx| -> driver::Code<'_> {
        let code = f(cx);
        Box::pin(async move { child::written(&code.await?) })
    };
    let end = driver::drive(&run, code, driver::Lead::default()).await?;
    outcome(&run, end)
}

fn outcome<T: DeserializeOwned>(run: &Run, end: End) -> Result<WorkflowOutcome<T>, Error> {
    match end {
        End::Completed(bytes) => match from_json(&bytes) {
            Ok(returned) => Ok(WorkflowOutcome::Completed(returned)),
            Err(problem) => Err(Error::Said { run: run.name().clone(), problem }),
        },
        End::Suspended(Suspended::Paused(ticket)) => Ok(WorkflowOutcome::Paused(ticket)),
        End::Suspended(Suspended::Sleeping(until)) => Ok(WorkflowOutcome::Sleeping(until)),
        End::Suspended(Suspended::Waiting(awaited)) => Ok(WorkflowOutcome::Waiting(awaited)),
        End::Left => Err(Error::LeaseLost(run.name().clone())),
    }
}

impl driver::Driver {
    /// Appends what is decided as whoever drives the run, and returns the events.
    fn append<D>(&self, decide: D) -> impl Future<Output = Result<Vec<Event>, Error>> + Send + use<D>
    where
        D: FnMut(&RunState, &Facts<'_>) -> Result<Plan, Error> + Send + Sync + 'static,
    {
        let mut decide = decide;
        let decide = move |state: &RunState, facts: &Facts<'_>| is_here(state).and_then(|()| decide(state, facts));
        let capacity = Capacity::Drive(Arc::clone(&self.drive));
        let journal = Arc::clone(&self.run.journal);
        async move { journal.append_detached(capacity, None, decide).await }
    }
}
