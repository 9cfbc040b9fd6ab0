//! A child run: part of a workflow's work in a run of its own, driven inside its parent's drive. The parent records
//! that it began and what it returned, so that it answers by itself ever after.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use artana_core::{
    Content, ContentRef, ContentType, PAUSED_ABOVE, RunRef, RunState, Status, Step, StepKey,
    decide::child_id,
    event::{ChildFinished, ChildOutcome, ChildStarted, Closing, Lineage, WorkflowStarted},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    End, Failure, WorkflowContext, driver,
    end::ended,
    left,
    machine::{Answer, Held, Performing},
    moved,
};
use crate::{
    Error, Kernel, Run,
    code::{text_of, to_json},
    drive::Drive,
    error::kernel_actor,
    journal::{Facts, Plan},
    start::Beginning,
};

type Code = Pin<Box<dyn Future<Output = Result<Vec<u8>, Failure>> + Send>>;
type Begin = Box<dyn FnOnce(WorkflowContext) -> Code + Send>;

/// The code of a child. It is run once in each life of its parent.
#[derive(Clone)]
pub(crate) struct Child(Arc<Mutex<Option<Begin>>>);

impl Child {
    pub(crate) fn new<T, F, Fut>(f: F) -> Self
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: FnOnce(WorkflowContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let begin: Begin = Box::new(move |cx| {
            let code = f(cx);
            Box::pin(async move { written(&code.await?) })
        });
        Self(Arc::new(Mutex::new(Some(begin))))
    }

    fn take(&self) -> Option<Begin> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Writes what a workflow returns.
pub(crate) fn written<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    to_json(value).map_err(|problem| Failure::new(format!("what it returned cannot be kept: {problem}")))
}

/// Drives a child to its end, or as far as it comes, and answers what it returned.
pub(crate) fn drive_child(parent: Run, step: StepKey, child: Child) -> Performing {
    Box::pin(async move {
        if let Some(ended) = recorded(&parent, &step) {
            return Ok(Box::new(told(&parent, &step, ended).await?) as Answer);
        }
        let code = Some(WorkflowStarted { input: None, name: None });
        let run = begun(&parent, &step, code).await?;
        unblock(&run).await?;
        let told_above = parent.driver().map(|driven| driven.told.clone()).unwrap_or_default();
        if let Some(left) = left::still_waits(&run, &told_above).await? {
            return Err(left);
        }
        let drive = Arc::new(Drive::within(&parent, &step, &run.name().run));
        let lead = driver::Lead { drive, told: told_above, keeps: false };
        let Some(code) = child.take() else { return Err(Held::Left) };
        let stay = lead.told.stay.clone();
        let end = match driver::drive(&run, code, lead).await {
            Ok(End::Suspended(waits)) => {
                // Its code has come to its end. If it is to go on, it begins anew.
                let Some(stay) = stay else { return Err(Held::Suspended(waits)) };
                stay.leave(waits).await;
                return Err(Held::Left);
            }
            Ok(End::Left) => return Err(Held::Left),
            Ok(End::Completed(bytes)) => Ok(bytes),
            Err(error) => Err(error),
        };
        let ended = outcome(&parent, end)?;
        record(&parent, &step, &run, ended).await?;
        let ended = recorded(&parent, &step).ok_or_else(|| Error::Internal("a child's end was not recorded".into()))?;
        Ok(Box::new(told(&parent, &step, ended).await?) as Answer)
    })
}

/// Asks a child to end, because its parent is ending or gave it up: what it did is undone by its own code.
pub(super) async fn close(parent: &Run, step: &StepKey, why: &str) -> Result<(), Error> {
    let run = begun(parent, step, Some(WorkflowStarted { input: None, name: None })).await?;
    let run = moved::last_of(run).await?;
    if run.journal.with_state(RunState::is_closing) {
        return Ok(());
    }
    match run.ask_to_close(Closing::Cancelled, Some(kernel_actor()), why).await {
        // It has ended by itself meanwhile.
        Err(Error::Ended { .. }) => Ok(()),
        closed => closed,
    }
}

/// How a child ended, with the words of it.
type Ended = (ChildOutcome, Option<Content>);

/// Says what a child's end is to its parent. What the kernel could not do is no end.
fn outcome(parent: &Run, end: Result<Vec<u8>, Error>) -> Result<Ended, Error> {
    match end {
        Ok(bytes) => {
            let (output, content) = parent.journal.content(ContentType::Json, bytes);
            Ok((ChildOutcome::Completed(output), Some(content)))
        }
        Err(Error::WorkflowFailed { message, .. }) => {
            let (error, content) = text_of(&parent.journal, &message);
            Ok((ChildOutcome::Failed(error), Some(content)))
        }
        Err(Error::Ended { status: Status::Cancelled, .. }) => Ok((ChildOutcome::Cancelled, None)),
        Err(error) => Err(error),
    }
}

/// Returns how a child has ended; `None` where it has not.
pub(crate) async fn end_of(parent: &Run, child: &Run) -> Result<Option<Ended>, Error> {
    match ended(child).await {
        Ok(None | Some(End::Suspended(_) | End::Left)) => Ok(None),
        Ok(Some(End::Completed(bytes))) => outcome(parent, Ok(bytes)).map(Some),
        Err(error) => outcome(parent, Err(error)).map(Some),
    }
}

/// Records in its parent how a child has ended, unless that is recorded.
pub(crate) async fn record(parent: &Run, step: &StepKey, child: &Run, ended: Ended) -> Result<(), Error> {
    let ((outcome, content), key, id) = (ended, step.clone(), child.name().run.clone());
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        if state.step(&key).is_none_or(|step| step.answered().is_some()) {
            return Ok(Plan::default());
        }
        let finished = ChildFinished { outcome: outcome.clone(), run: id.clone() };
        Ok(Plan::default().event(facts.id(), Some(&key), finished)?.content(content.clone()))
    };
    parent.journal.append_detached(parent.capacity(), Some(step.clone()), decide).await.map(drop)
}

/// Blocks a child whose time has come, until its parent goes on.
pub(crate) async fn block(child: &Run, paused: &RunRef) -> Result<(), Error> {
    child.block(PAUSED_ABOVE, kernel_actor().as_str(), &paused.run.as_str()).await.map(drop)
}

/// Lets a child go on with its parent.
pub(super) async fn unblock(child: &Run) -> Result<(), Error> {
    let is_blocked = |state: &RunState| {
        state.pauses().values().any(|pause| pause.block.as_ref().is_some_and(|key| key.as_str() == PAUSED_ABOVE))
    };
    if !child.journal.with_state(is_blocked) {
        return Ok(());
    }
    match child.unblock(PAUSED_ABOVE, kernel_actor().as_str()).await {
        Err(Error::Ended { .. } | Error::NoPause { .. }) => Ok(()),
        unblocked => unblocked,
    }
}

pub(crate) fn recorded(parent: &Run, step: &StepKey) -> Option<ChildOutcome> {
    parent.journal.with_state(|state| match state.step(step)? {
        Step::Child(child) => child.ended.as_ref().map(|(_, outcome)| outcome.clone()),
        _ => None,
    })
}

/// Records the child in its parent, then starts it, and starts it again if it is missing.
pub(crate) async fn begun(parent: &Run, step: &StepKey, code: Option<WorkflowStarted>) -> Result<Run, Error> {
    let id = child_id(parent.name(), step);
    let (key, ordinal) = (step.clone(), parent.ordinal());
    let started = ChildStarted { ordinal, run: id.clone() };
    let decide = move |state: &RunState, facts: &Facts<'_>| match state.step(&key) {
        Some(_) => Ok(Plan::default()),
        None if !state.admits(&key) => Err(Error::NotRunning { run: state.run().clone(), status: state.status() }),
        None => Plan::default().event(facts.id(), Some(&key), started.clone()),
    };
    if parent.journal.with_state(|state| state.step(step).is_none()) {
        parent.journal.append_detached(parent.capacity(), Some(step.clone()), decide).await?;
    }
    let kernel = Kernel(Arc::clone(&parent.journal.shared));
    let lineage = Lineage { run: parent.name().run.clone(), step: step.clone() };
    let run = RunRef::new(parent.name().tenant.clone(), id);
    let beginning = Beginning {
        lineage: Some(lineage.clone()),
        // No worker drives what is part of a session: only the session's own code knows it.
        enqueued: parent.journal.with_state(|state| state.enqueued().cloned()).filter(|_| code.is_some()),
        workflow: code,
        input: None,
    };
    let child = match kernel.open_run(&parent.tenant, run.run.as_str()).await {
        Err(Error::RunNotFound { .. }) => match kernel.begin(&parent.tenant, run.clone(), beginning).await {
            Err(Error::RunExists { .. }) => kernel.open_run(&parent.tenant, run.run.as_str()).await?,
            begun => begun?,
        },
        Err(Error::ExceedsBound { .. }) => hand_down(&kernel, parent, &run).await?,
        opened => opened?,
    };
    let is_ours = child.journal.with_state(|state| state.started().lineage.as_ref() == Some(&lineage));
    if is_ours { Ok(child) } else { Err(Error::RunExists { run }) }
}

/// Opens a child whose parent was granted more since the child began: what its parent may, it may too.
async fn hand_down(kernel: &Kernel, parent: &Run, child: &RunRef) -> Result<Run, Error> {
    match kernel.grant(&parent.tenant, child.run.as_str(), kernel_actor()).await {
        // One that has ended only has to be read.
        Err(Error::Ended { .. }) => {}
        granted => granted?,
    }
    Ok(Run::new(kernel.journal(child).await?, parent.tenant.clone()))
}

/// Tells what the parent's ledger has of the child's end.
pub(crate) async fn told(parent: &Run, step: &StepKey, ended: ChildOutcome) -> Result<Vec<u8>, Error> {
    let failed = |status, message| Error::ChildFailed {
        run: parent.name().clone(),
        step: step.clone(),
        child: child_id(parent.name(), step),
        status,
        message,
    };
    match ended {
        ChildOutcome::Completed(output) => read(parent, step, &output).await,
        ChildOutcome::Failed(error) => {
            let message = String::from_utf8_lossy(&read(parent, step, &error).await?).into_owned();
            Err(failed(Status::Failed, message))
        }
        ChildOutcome::Cancelled => Err(failed(Status::Cancelled, String::new())),
    }
}

async fn read(parent: &Run, step: &StepKey, wanted: &ContentRef) -> Result<Vec<u8>, Error> {
    let seq = parent.journal.with_state(|state| state.step(step).and_then(Step::answered)).unwrap_or_default();
    let erased = || Error::ContentErased { run: parent.name().clone(), step: step.clone() };
    parent.journal.read_content(wanted, seq).await?.ok_or_else(erased)
}
