//! A child run: part of a workflow's work in a run of its own, driven inside its parent's drive. The parent records
//! that it began and what it returned, so that it answers by itself ever after.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use artana_core::{
    ContentRef, ContentType, RunRef, RunState, Status, Step, StepKey,
    decide::child_id,
    event::{ChildFinished, ChildOutcome, ChildStarted, Lineage, RunEnqueued, WorkflowStarted},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    End, Failure, WorkflowContext, driver,
    machine::{Answer, Held, Performing},
};
use crate::{
    Error, Kernel, Run,
    code::{text_of, to_json},
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

    fn take(&self) -> Result<Begin, Error> {
        let begin = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        begin.ok_or_else(|| Error::Internal("a child was driven twice in one life".into()))
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
            return told(&parent, &step, ended).await;
        }
        let run = begun(&parent, &step).await?;
        // The parent is being ended, and so is what it began.
        if parent.journal.with_state(RunState::is_closing) && !run.journal.with_state(RunState::is_closing) {
            run.cancel(kernel_actor().as_str(), "the run that started it is ending").await?;
        }
        let outcome = match driver::drive(&run, child.take()?, driver::Lead::default()).await {
            Ok(End::Completed(bytes)) => {
                let (output, content) = parent.journal.content(ContentType::Json, bytes);
                (ChildOutcome::Completed(output), Some(content))
            }
            Ok(End::Suspended(waits)) => return Err(Held::Suspended(waits)),
            Ok(End::Left) => return Err(Error::LeaseLost { run: run.name().clone() }.into()),
            Err(Error::WorkflowFailed { message, .. }) => {
                let (error, content) = text_of(&parent.journal, &message);
                (ChildOutcome::Failed(error), Some(content))
            }
            Err(Error::Ended { status: Status::Cancelled, .. }) => (ChildOutcome::Cancelled, None),
            Err(error) => return Err(error.into()),
        };
        let (outcome, content) = outcome;
        let (key, id) = (step.clone(), run.name().run.clone());
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            if state.step(&key).is_none_or(|step| step.answered().is_some()) {
                return Ok(Plan::default());
            }
            let finished = ChildFinished { outcome: outcome.clone(), run: id.clone() };
            Ok(Plan::default().event(facts.id(), Some(&key), finished)?.content(content.clone()))
        };
        parent.journal.append_detached(parent.capacity(), Some(step.clone()), decide).await?;
        let ended = recorded(&parent, &step).ok_or_else(|| Error::Internal("a child's end was not recorded".into()))?;
        told(&parent, &step, ended).await
    })
}

fn recorded(parent: &Run, step: &StepKey) -> Option<ChildOutcome> {
    parent.journal.with_state(|state| match state.step(step)? {
        Step::Child(child) => child.ended.as_ref().map(|(_, outcome)| outcome.clone()),
        _ => None,
    })
}

/// Records the child in its parent, then starts it, and starts it again if it is missing.
async fn begun(parent: &Run, step: &StepKey) -> Result<Run, Error> {
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
        workflow: Some(WorkflowStarted { input: None, name: None }),
        enqueued: parent.journal.with_state(|state| state.enqueued().cloned()).map(|place: RunEnqueued| place),
        input: None,
    };
    let child = match kernel.begin(&parent.tenant, run.clone(), beginning).await {
        Err(Error::RunExists { .. }) => kernel.open_run(&parent.tenant, run.run.as_str()).await?,
        other => other?,
    };
    let is_ours = child.journal.with_state(|state| state.started().lineage.as_ref() == Some(&lineage));
    if is_ours { Ok(child) } else { Err(Error::RunExists { run }) }
}

/// Tells what the parent's ledger has of the child's end.
async fn told(parent: &Run, step: &StepKey, ended: ChildOutcome) -> Result<Answer, Held> {
    let failed = |status, message| Error::ChildFailed {
        run: parent.name().clone(),
        step: step.clone(),
        child: child_id(parent.name(), step),
        status,
        message,
    };
    match ended {
        ChildOutcome::Completed(output) => Ok(Box::new(read(parent, step, &output).await?)),
        ChildOutcome::Failed(error) => {
            let message = String::from_utf8_lossy(&read(parent, step, &error).await?).into_owned();
            Err(failed(Status::Failed, message).into())
        }
        ChildOutcome::Cancelled => Err(failed(Status::Cancelled, String::new()).into()),
    }
}

async fn read(parent: &Run, step: &StepKey, wanted: &ContentRef) -> Result<Vec<u8>, Error> {
    let seq = parent.journal.with_state(|state| state.step(step).and_then(Step::answered)).unwrap_or_default();
    let erased = || Error::ContentErased { run: parent.name().clone(), step: step.clone() };
    parent.journal.read_content(wanted, seq).await?.ok_or_else(erased)
}
