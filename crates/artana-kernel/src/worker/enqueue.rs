//! Enqueuing a run: it is started at once, and begun by a worker when it is due.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use artana_core::{
    ContentType, IdError, Name, RunId, RunRef, Tenant,
    event::{RunEnqueued, WorkflowStarted},
};
use serde::Serialize;

use crate::{Error, Kernel, Run, code::to_json, start::Beginning};

/// A run to be enqueued. Await it.
#[derive(Debug, Clone)]
#[must_use = "nothing is enqueued until it is awaited"]
pub struct Enqueue {
    kernel: Kernel,
    tenant: Tenant,
    name: Result<Name, IdError>,
    input: Result<Vec<u8>, String>,
    id: Option<String>,
    queue: Option<String>,
    delay: Duration,
    priority: i64,
    deduplication: Option<String>,
}

impl Kernel {
    /// Enqueues a run of the code that is registered under a name, here or in any worker, with what it is given.
    pub fn enqueue<T: Serialize>(&self, tenant: &Tenant, name: &str, input: &T) -> Enqueue {
        Enqueue {
            kernel: self.clone(),
            tenant: tenant.clone(),
            name: Name::parse(name),
            input: to_json(input),
            id: None,
            queue: None,
            delay: Duration::ZERO,
            priority: 0,
            deduplication: None,
        }
    }
}

impl Enqueue {
    /// Sets the run's id; the kernel makes one unless told.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the queue; the one named like the code unless told. Only workers that serve it take the run.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Sets how long it waits before it is due.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets its priority: higher goes first, 0 unless told.
    pub fn priority(mut self, priority: i64) -> Self {
        self.priority = priority;
        self
    }

    /// Names what is asked for, so that asking twice makes one run: the second time answers the run of the first,
    /// whatever has become of it, and is refused as [`Error::EnqueuedOtherwise`] if it gives another input. Queue, delay
    /// and priority are those of the first. The run's id is made of it, so it is given instead of one.
    pub fn deduplicate(mut self, by: impl Into<String>) -> Self {
        self.deduplication = Some(by.into());
        self
    }

    async fn enqueue(self) -> Result<Run, Error> {
        let name = self.name?;
        let deduplication = self.deduplication.map(Name::parse).transpose()?;
        let id = match (self.id, &deduplication) {
            (Some(id), None) => RunId::parse(id)?,
            (Some(id), Some(_)) => {
                let run = RunRef::new(self.tenant.id()?.clone(), RunId::parse(id)?);
                let problem = "an id and a deduplication both name the run; give one of them".into();
                return Err(Error::InvalidValue { run, name, problem });
            }
            (None, Some(by)) => RunId::parse(format!("{name}:{by}"))?,
            (None, None) => RunId::parse(self.kernel.0.event_id(self.kernel.0.clock.now()).to_string())?,
        };
        let run = RunRef::new(self.tenant.id()?.clone(), id);
        let input =
            self.input.map_err(|problem| Error::InvalidValue { run: run.clone(), name: name.clone(), problem })?;
        let queue = self.queue.map_or_else(|| Ok(name.clone()), Name::parse)?;
        let due = self.kernel.0.clock.now().after(self.delay);
        let enqueued = RunEnqueued { deduplication: deduplication.clone(), due, priority: self.priority, queue };
        let beginning = Beginning {
            lineage: None,
            workflow: Some(WorkflowStarted { input: None, name: Some(name) }),
            enqueued: Some(enqueued),
            input: Some(input.clone()),
        };
        let begun = match (self.kernel.begin(&self.tenant, run.clone(), beginning).await, deduplication) {
            (Err(Error::RunExists { .. }), Some(by)) => {
                asked_before(&self.kernel, &self.tenant, run, (by, input)).await?
            }
            (begun, _) => begun?,
        };
        self.kernel.0.registry.knock();
        Ok(begun)
    }
}

/// Opens the run that was made when the same was asked for before.
async fn asked_before(
    kernel: &Kernel,
    tenant: &Tenant,
    run: RunRef,
    (by, input): (Name, Vec<u8>),
) -> Result<Run, Error> {
    let there = kernel.open_run(tenant, run.run.as_str()).await?;
    let (asked, _) = there.journal.content(ContentType::Json, input);
    let (same, given) = there.journal.with_state(|state| {
        let same = state.enqueued().is_some_and(|enqueued| enqueued.deduplication.as_ref() == Some(&by));
        (same, state.started().workflow.as_ref().and_then(|workflow| workflow.input))
    });
    match same {
        false => Err(Error::RunExists { run }),
        true if given != Some(asked) => Err(Error::EnqueuedOtherwise(run, by)),
        true => Ok(there),
    }
}

impl IntoFuture for Enqueue {
    type Output = Result<Run, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.enqueue())
    }
}
