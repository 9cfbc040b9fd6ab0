//! The rest of a workflow that is done in a fork: finds the fork, leaves the run to it, and records in the run how the
//! rest ended. It drives nothing.

use std::{pin::Pin, sync::Arc};

use artana_core::{
    AskKind, Ordinal, RunRef, RunState, StepKey,
    event::{CancelRequested, Closing, RunFinished, RunOutcome, Wait, WaitStarted},
};

use super::{end::without_lost, waits};
use crate::{
    Error, Kernel, Run, control,
    drive::Drive,
    error::kernel_actor,
    journal::{Capacity, Facts, Journal, Plan},
    model::recorded_fork,
};

/// Returns the fork in which the rest of a run is done, and starts it where it is missing. `None` for a run that has its
/// rest itself, or has ended.
pub(super) async fn rest_of(run: &Run) -> Result<Option<Run>, Error> {
    let moved = run.journal.with_state(|state| state.moved().filter(|_| state.finished().is_none()).cloned());
    match moved {
        Some(fork) => recorded_fork(run, &fork).await.map(Some),
        None => Ok(None),
    }
}

/// Returns the run in which the rest of a run is done: itself, or a fork, or a fork of that.
pub(super) async fn last_of(run: Run) -> Result<Run, Error> {
    let mut run = run;
    loop {
        run.journal.refresh().await?;
        match rest_of(&run).await? {
            Some(fork) => run = fork,
            None => return Ok(run),
        }
    }
}

/// Leaves a run whose rest is done in a fork that has begun: no worker takes it any more.
pub(super) async fn leave(run: &Run, drive: &Arc<Drive>) -> Result<(), Error> {
    let held = drive.is_held();
    let decide = move |state: &RunState, facts: &Facts<'_>| match wait(state) {
        Some((step, begun)) => Ok(Plan::default().event(facts.id(), Some(&step), begun)?.release()),
        None if held => Ok(Plan::default().release()),
        None => Ok(Plan::default()),
    };
    run.journal.append_detached(Capacity::Drive(Arc::clone(drive)), None, decide).await.map(drop)
}

/// Returns what is recorded of leaving a run to a fork, unless it is.
fn wait(state: &RunState) -> Option<(StepKey, WaitStarted)> {
    let fork = state.moved().filter(|_| !state.is_suspended() && state.finished().is_none())?;
    let step = &state.forks().get(fork)?.step;
    let mut asked = state.program().asks_from(Ordinal::new(0));
    let is_it = |name: Option<&str>, kind| kind == AskKind::Model && name == Some(step.as_str());
    let ordinal = asked.find_map(|(at, asked)| is_it(asked.name.as_deref(), asked.kind).then_some(at));
    let ordinal = ordinal.unwrap_or_default();
    let wait = Wait::Child(fork.clone());
    Some((step.clone(), waits::left_for(ordinal, wait)))
}

/// Tells the run whose rest this one is that it has ended, or looks whether the rest has. Where that fails, whoever asks
/// for the run later finds out too.
pub(crate) async fn tell(journal: &Arc<Journal>) {
    if let Err(error) = told(journal).await {
        tracing::warn!(run = %journal.run, code = error.code(), "how a fork ended could not be recorded");
    }
}

async fn told(journal: &Arc<Journal>) -> Result<(), Error> {
    let (ended, moved) = journal.with_state(|state| (state.finished().is_some(), state.moved().is_some()));
    match &journal.genesis.parent {
        Some(parent) if ended => {
            let parent = RunRef::new(journal.run.tenant.clone(), parent.run.clone());
            let parent = Kernel(Arc::clone(&journal.shared)).journal(&parent).await?;
            parent.refresh().await?;
            settle(parent).await
        }
        _ if moved && !ended => settle(Arc::clone(journal)).await,
        _ => Ok(()),
    }
}

/// Records in a run how the rest of it has ended, if it has. Boxed, as that run may be the rest of another one.
fn settle(journal: Arc<Journal>) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> {
    Box::pin(async move {
        let moved = journal.with_state(|state| state.moved().filter(|_| state.finished().is_none()).cloned());
        let Some(fork) = moved else { return Ok(()) };
        let fork = RunRef::new(journal.run.tenant.clone(), fork);
        let fork = match Kernel(Arc::clone(&journal.shared)).journal(&fork).await {
            Err(Error::RunNotFound { .. }) => return Ok(()),
            fork => fork?,
        };
        fork.refresh().await?;
        let Some((asked, finished)) = fork.with_state(end_of) else { return Ok(()) };
        let lost = control::lost_calls(&journal).await?;
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            // What is under way comes to its outcome first.
            let is_lost = |step: &StepKey| lost.iter().any(|(lost, _)| lost == step);
            if state.finished().is_some() || !state.pending().all(is_lost) {
                return Ok(Plan::default());
            }
            let mut plan = without_lost(state, facts, &lost)?;
            if let Some(asked) = &asked {
                plan = plan.event(facts.id(), None, asked.clone())?;
            }
            plan.event(facts.id(), None, finished.clone())
        };
        journal.append_detached(Capacity::Outside(kernel_actor()), None, decide).await.map(drop)
    })
}

/// Says how a run has ended, in the words in which the run is told whose rest it was: a family shares its content.
fn end_of(state: &RunState) -> Option<(Option<CancelRequested>, RunFinished)> {
    let outcome = state.finished()?;
    let closing = match outcome {
        RunOutcome::Completed => None,
        RunOutcome::Failed => Some(Closing::Failed),
        RunOutcome::Cancelled => Some(Closing::Cancelled),
    };
    let reason = state.closing_reason().copied();
    let asked = closing.map(|closing| CancelRequested { closing, by: None, reason });
    Some((asked, RunFinished { outcome, output: state.output().copied() }))
}
