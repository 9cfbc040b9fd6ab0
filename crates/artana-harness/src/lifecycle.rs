//! The life of a session: it wakes, works and sleeps, and records each. What the work is, the harness says.

use std::sync::Arc;

use artana_core::{Name, RunRef, Tenant, event::Phase, progress::Progress};
use artana_kernel::{Driving, Error as KernelError, Failure, Kernel, ProgressWatch, Reorientation, Run};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, HarnessContext, Result, TraceLevel, context::Session};

/// Declares the parts of a session that a harness may have something to do in besides its work.
macro_rules! hooks {
    () => {
        /// Prepares the run. It is called in each session until one has ended in a clean state, and what it does in
        /// steps happens once.
        fn initialise(&self, cx: &HarnessContext) -> impl Future<Output = Result<()>> + Send {
            let _ = cx;
            async { Ok(()) }
        }

        /// Hears where the work stands.
        fn wake(&self, cx: &HarnessContext, found: &Reorientation) -> impl Future<Output = Result<()>> + Send {
            let _ = (cx, found);
            async { Ok(()) }
        }

        /// Looks whether the world is fit to go on in. An error ends the session before it has begun to work.
        fn check(&self, cx: &HarnessContext) -> impl Future<Output = Result<()>> + Send {
            let _ = cx;
            async { Ok(()) }
        }

        /// Leaves everything in order. It is called after work that failed too, whose error is then the session's.
        fn sleep(&self, cx: &HarnessContext) -> impl Future<Output = Result<()>> + Send {
            let _ = cx;
            async { Ok(()) }
        }
    };
}

/// Passes the parts of a session on to whoever declares them.
macro_rules! pass_hooks_on {
    ($field:tt) => {
        fn initialise(&self, cx: &HarnessContext) -> impl Future<Output = Result<()>> + Send {
            self.$field.initialise(cx)
        }

        fn wake(&self, cx: &HarnessContext, found: &Reorientation) -> impl Future<Output = Result<()>> + Send {
            self.$field.wake(cx, found)
        }

        fn check(&self, cx: &HarnessContext) -> impl Future<Output = Result<()>> + Send {
            self.$field.check(cx)
        }

        fn sleep(&self, cx: &HarnessContext) -> impl Future<Output = Result<()>> + Send {
            self.$field.sleep(cx)
        }
    };
}

pub(crate) use {hooks, pass_hooks_on};

/// Work that takes many sessions. Each wakes, works and sleeps.
///
/// A harness keeps nothing of a run: all it is told stands in its context, and all it did stands in the ledger.
pub trait Harness: Send + Sync {
    /// Says what the ledger calls it.
    fn label(&self) -> &str {
        "harness"
    }

    hooks!();

    /// Does the work of a session.
    fn work(&self, cx: &HarnessContext) -> impl Future<Output = Result<Worked>> + Send;
}

/// How far a session came.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is more to do, or there is not")]
pub enum Worked {
    /// There is more to do in another session.
    More,
    /// All is done, and this is what the run returns.
    Finished(Value),
}

impl Worked {
    /// All is done, and this is what the run returns.
    ///
    /// # Errors
    ///
    /// What cannot be written as JSON.
    pub fn finished<T: Serialize>(value: &T) -> Result<Self> {
        Ok(Self::Finished(serde_json::to_value(value)?))
    }
}

/// Runs sessions of a harness. One value serves any number of runs and tenants at once.
#[derive(Debug, Clone)]
pub struct HarnessRunner<H> {
    kernel: Kernel,
    pub(crate) harness: H,
    name: Option<String>,
    level: TraceLevel,
    fenced: WhenFenced,
}

/// What a session does that finds another process at its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "whoever is not let in waits or goes")]
pub enum WhenFenced {
    /// It waits until that process has left the run or counts as dead, for at most the kernel's time-to-live. So what a
    /// crash cut goes on by itself, and only a process that lives keeps it out.
    #[default]
    Wait,
    /// It is refused at once.
    Refuse,
}

impl<H: Harness> HarnessRunner<H> {
    /// Runs sessions of a harness on a kernel.
    pub fn new(kernel: &Kernel, harness: H) -> Self {
        Self {
            kernel: kernel.clone(),
            harness,
            name: None,
            level: TraceLevel::default(),
            fenced: WhenFenced::default(),
        }
    }

    /// Sets what the ledger calls the harness.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets how much is traced.
    #[must_use]
    pub fn trace(mut self, level: TraceLevel) -> Self {
        self.level = level;
        self
    }

    /// Sets what a session does that finds another process at its run.
    #[must_use]
    pub fn when_fenced(mut self, fenced: WhenFenced) -> Self {
        self.fenced = fenced;
        self
    }

    /// Runs one session, and returns how far the work has come. The run is started if there is none of this id; one
    /// that is completed answers from the ledger.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with what the harness's own code said; the kernel's [`Fenced`](KernelError::Fenced) while
    /// another process drives the run ([`WhenFenced`] says how long it waits for that one),
    /// [`BudgetSpent`](KernelError::BudgetSpent) when the run has nothing left to spend,
    /// [`Unclean`](KernelError::Unclean) when the session leaves something under way, in doubt or in progress,
    /// [`Ended`](KernelError::Ended) when the run has failed or was cancelled.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is as good as a crash: the next session goes on from the ledger. A future that still waits for
    /// another process has recorded nothing.
    pub async fn run(&self, tenant: &Tenant, id: &str) -> Result<Progress, Error> {
        let mut waiting = None;
        loop {
            let driving = self.kernel.drive(tenant, id).await?;
            let progress = driving.run().progress().await?;
            match progress.status {
                artana_core::Status::Completed => return Ok(progress),
                status if status.is_finished() => {
                    return Err(KernelError::Ended { run: driving.run().name().clone(), status }.into());
                }
                _ => {}
            }
            let run = driving.run().clone();
            match begin(self, driving, tenant.clone(), self.level).await {
                Ok(session) => {
                    live(self, session).await?;
                    return Ok(run.progress().await?);
                }
                Err(fenced @ KernelError::Fenced { .. }) => {
                    let waiting = waiting.get_or_insert_with(|| self.kernel.lease_wait());
                    if self.fenced == WhenFenced::Refuse || !waiting.ask_again().await {
                        return Err(fenced.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns how far a run's work has come.
    ///
    /// # Errors
    ///
    /// [`KernelError::RunNotFound`].
    pub async fn progress(&self, tenant: &Tenant, id: &str) -> Result<Progress, Error> {
        Ok(self.opened(tenant, id).await?.progress().await?)
    }

    /// Follows how far a run's work has come.
    ///
    /// # Errors
    ///
    /// [`KernelError::RunNotFound`].
    pub async fn watch_progress(&self, tenant: &Tenant, id: &str) -> Result<ProgressWatch, Error> {
        Ok(self.opened(tenant, id).await?.watch_progress())
    }

    /// Lists the runs that do part of a run's work.
    ///
    /// # Errors
    ///
    /// [`KernelError::RunNotFound`].
    pub async fn children(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Vec<(artana_core::StepKey, artana_core::ChildStep)>, Error> {
        Ok(self.opened(tenant, id).await?.children().await?)
    }

    pub(crate) async fn opened(&self, tenant: &Tenant, id: &str) -> Result<Run, Error> {
        Ok(self.kernel.open_run(tenant, id).await?)
    }
}

/// A harness in a child run lives as it is set, but that it is traced as its parent is.
impl<H: Harness> Harness for HarnessRunner<H> {
    fn label(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.harness.label())
    }

    pass_hooks_on!(harness);

    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        self.harness.work(cx).await
    }
}

/// Begins a session of a harness.
pub(crate) async fn begin<H: Harness>(
    harness: &H,
    driving: Driving,
    tenant: Tenant,
    level: TraceLevel,
) -> Result<Arc<Session>, KernelError> {
    let found = driving.begin_session(&Name::parse(harness.label())?).await?;
    Ok(Arc::new(Session::new(driving, tenant, level, found)))
}

/// Lives a session that has begun, and gives back the right to drive the run.
pub(crate) async fn live<H: Harness>(harness: &H, session: Arc<Session>) -> Result<(), Error> {
    let lived = work_and_sleep(harness, &session).await;
    let left = session.driving.leave().await;
    lived.and_then(|()| Ok(left?))
}

async fn work_and_sleep<H: Harness>(harness: &H, session: &Arc<Session>) -> Result<(), Error> {
    let cx = HarnessContext::of_session(Arc::clone(session)).await?;
    let worked = phases(harness, &cx).await;
    let slept = harness.sleep(&cx.inside("sleep")).await;
    let run = session.driving.run().name();
    let (phase, task, failure) = match (worked, slept) {
        (Ok(worked), Ok(())) => return end(&cx, worked).await,
        (Err((phase, failure)), slept) => {
            if slept.is_err() {
                tracing::warn!(%run, "a session could not be left in order after its work had failed");
            }
            (phase, session.task(), failure)
        }
        (Ok(_), Err(failure)) => (Phase::Sleep, None, failure),
    };
    failed(&cx, phase, failure.message()).await;
    Err(Error::Failed { run: run.clone(), phase, task, failure: Box::new(failure) })
}

async fn phases<H: Harness>(harness: &H, cx: &HarnessContext) -> Result<Worked, (Phase, Failure)> {
    let at = |phase| move |failure| (phase, failure);
    let (_, now) = cx.run().stage().await.map_err(|error| (Phase::Wake, error.into()))?;
    if now.slept == 0 {
        harness.initialise(&cx.inside("initialise")).await.map_err(at(Phase::Initialise))?;
    }
    harness.wake(&cx.inside("wake"), cx.found()).await.map_err(at(Phase::Wake))?;
    harness.check(&cx.inside("check")).await.map_err(at(Phase::Check))?;
    harness.work(cx).await.map_err(at(Phase::Work))
}

/// Ends a session whose work went well. A state that is not clean is the session's failure.
async fn end(cx: &HarnessContext, worked: Worked) -> Result<(), Error> {
    let driving = cx.driving();
    let ended = match worked {
        Worked::More => driving.end_session().await,
        Worked::Finished(value) => {
            if cx.session.level >= TraceLevel::Stage
                && let Some(left) = driving.stage_left().await?
            {
                driving.trace_stage(left, None).await?;
            }
            driving.finish(&value).await
        }
    };
    if let Err(error) = &ended {
        failed(cx, Phase::Sleep, &error.to_string()).await;
    }
    Ok(ended?)
}

/// Records that a session has failed. Where that cannot be, the error of the work says why.
pub(crate) async fn failed(cx: &HarnessContext, phase: Phase, said: &str) {
    if let Err(error) = cx.driving().fail_session(phase, said).await {
        tracing::warn!(run = %cx.run().name(), code = error.code(), "a session's failure could not be recorded");
    }
}

/// Reads what a completed run returned; `None` where it has not ended so.
pub(crate) async fn returned<T: DeserializeOwned>(run: &Run) -> Result<Option<T>, Error> {
    let Some(output) = run.latest(|state| state.output().copied()).await? else { return Ok(None) };
    let name: RunRef = run.name().clone();
    let unread = |problem: &str| Error::Output { run: name.clone(), problem: problem.to_owned() };
    let bytes = run.content(&output).await?.ok_or_else(|| unread("it was erased"))?;
    serde_json::from_slice(&bytes).map(Some).map_err(|_| unread("it is of another type"))
}
