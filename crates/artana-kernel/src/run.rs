//! A handle of one run, and the way from it to a step.

use std::{fmt, pin::Pin, sync::Arc};

use artana_core::{
    AskKind, ContentRef, IdError, Ordinal, RunRef, RunState, RunView, Seq, Status, StepKey, Tenant, event::CodeKind,
};
use artana_ports::Cancellation;
use serde_json::Value;

use crate::{
    Error, Events,
    call::{ReconcileCall, ToolCall},
    code::{CodeCall, Failure, Json, Retry, RetryStep, StepCodec, single},
    drive::Driven,
    events,
    journal::{Capacity, Journal},
    model::{Ask, ModelCall},
    tool::TypedTool,
    workflow::machine::{Answer, Asking, Held, Machine, Performing, Unasked, Want},
};

/// One run, as seen by one tenant. Cloning is cheap; all handles of a run in a process share its state.
#[derive(Clone)]
pub struct Run {
    pub(crate) journal: Arc<Journal>,
    pub(crate) tenant: Tenant,
    driven: Option<Driven>,
    /// The workflow whose code holds this handle.
    machine: Option<Arc<Machine>>,
}

/// A step on its way.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Names the run. What it holds has no place in a log.
impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("name", self.name()).finish_non_exhaustive()
    }
}

impl Run {
    pub(crate) fn new(journal: Arc<Journal>, tenant: Tenant) -> Self {
        Self { journal, tenant, driven: None, machine: None }
    }

    /// Returns a handle that acts for whoever drives the run as a whole.
    pub(crate) fn driven(&self, driven: Driven) -> Self {
        Self { driven: Some(driven), ..self.clone() }
    }

    /// Returns a handle whose steps a workflow's code asks for.
    pub(crate) fn asking(&self, machine: &Arc<Machine>) -> Self {
        Self { machine: Some(Arc::clone(machine)), ..self.clone() }
    }

    /// Returns whether a workflow's code holds the handle.
    pub(crate) fn is_asking(&self) -> bool {
        self.machine.is_some()
    }

    /// Reads a recorded answer: from what was read ahead for whoever drives the run, or from the vault.
    pub(crate) async fn recorded(&self, wanted: &ContentRef, at: Seq) -> Result<Option<Vec<u8>>, Error> {
        match self.driven.as_ref().and_then(|driven| driven.drive.ahead.get(&wanted.digest)) {
            Some(read) => Ok(Some(read)),
            None => self.journal.read_content(wanted, at).await,
        }
    }

    /// Returns whether a compensation holds the handle.
    pub(crate) fn is_undoing(&self) -> bool {
        self.driven.as_ref().is_some_and(|driven| driven.undoes)
    }

    /// Returns on whose behalf the handle acts, if the run is driven as a whole.
    pub(crate) fn driver(&self) -> Option<&Driven> {
        self.driven.as_ref()
    }

    /// Asks for a step: of the workflow whose code holds this handle, or of the run itself.
    pub(crate) fn asked<T, F, Fut>(self, kind: AskKind, key: StepKey, mut perform: F) -> Pending<T>
    where
        T: Send + 'static,
        F: FnMut(Self) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let Some(machine) = self.machine.clone() else {
            let undoes = self.driven.clone().filter(|driven| driven.undoes);
            let performing = perform(self);
            let Some(driven) = undoes else { return Box::pin(performing) };
            return Box::pin(async move {
                let told = performing.await;
                driven.drive.came_to(&key, &told);
                told
            });
        };
        let name = Some(key.shared());
        let perform = Box::new(move |run: Self| {
            let performing = perform(run);
            let erased = async move { performing.await.map(|answer| Box::new(answer) as Answer).map_err(Held::Error) };
            Box::pin(erased) as Performing
        });
        let asking = Asking::new(machine, Ok(Unasked { kind, name, want: Want::Step { key, perform } }));
        Box::pin(async move {
            let answer = asking.await?.downcast();
            answer.map(|answer| *answer).map_err(|_| Error::Internal("an answer is of another type".into()))
        })
    }

    /// Refuses an ask that cannot be made.
    pub(crate) fn refused<T: Send + 'static>(self, refused: Error) -> Pending<T> {
        let Some(machine) = self.machine else { return Box::pin(async { Err(refused) }) };
        let asking = Asking::new(machine, Err(refused));
        Box::pin(async move { Err(asking.await.err().unwrap_or_else(|| Error::Internal("nothing was asked".into()))) })
    }

    /// Returns in what capacity the handle makes requests.
    pub(crate) fn capacity(&self) -> Capacity {
        self.driven.as_ref().map_or(Capacity::Request, |driven| Capacity::Drive(Arc::clone(&driven.drive)))
    }

    /// Returns at which place of a workflow the handle's step was asked.
    pub(crate) fn ordinal(&self) -> Option<Ordinal> {
        self.driven.as_ref().and_then(|driven| driven.ordinal)
    }

    /// Returns what tells a call that it need not go on. What undoes something goes on although the run is ending.
    pub(crate) fn cancellation(&self) -> Cancellation {
        match &self.driven {
            Some(driven) if driven.undoes => driven.drive.lost.subscribe(),
            _ => self.journal.cancel.subscribe(),
        }
    }

    /// Borrows the run's full name.
    #[must_use]
    pub fn name(&self) -> &RunRef {
        &self.journal.run
    }

    /// Borrows the run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.journal.run.run.as_str()
    }

    /// Names a step. An unfit key is reported by what is done with it.
    pub fn step(&self, key: impl AsRef<str>) -> StepHandle {
        StepHandle { run: self.clone(), key: StepKey::parse(key) }
    }

    /// Names a scope, a prefix of step keys: `scope("collect").step("page-3")` is the step `collect/page-3`.
    pub fn scope(&self, key: impl AsRef<str>) -> Scope {
        Scope { run: self.clone(), key: StepKey::parse(key) }
    }

    /// Reads what others appended, and returns where the run stands.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn status(&self) -> Result<Status, Error> {
        self.latest(RunState::status).await
    }

    /// Reads what others appended, and returns the run's row as a listing has it.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn view(&self) -> Result<RunView, Error> {
        self.latest(RunState::view).await
    }

    /// Reads what others appended, and lends the folded state to `look`.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn latest<T>(&self, look: impl FnOnce(&RunState) -> T) -> Result<T, Error> {
        self.journal.shared.open()?;
        self.journal.refresh().await?;
        Ok(self.journal.with_state(look))
    }

    /// Returns the run's labels.
    #[must_use]
    pub fn labels(&self) -> std::collections::BTreeMap<artana_core::LabelKey, String> {
        self.journal.with_state(|state| state.labels().clone())
    }

    /// Reads the run's events from the first one on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.events_after(Seq::ZERO)
    }

    /// Reads the run's events after a position.
    #[must_use]
    pub fn events_after(&self, after: Seq) -> Events {
        events::events(&self.journal, after)
    }

    /// Waits until the run has an event after a position.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn wait_past(&self, after: Seq) -> Result<(), Error> {
        self.journal.shared.open()?;
        Ok(self.journal.shared.store.follow(&self.journal.run, after).await.map(drop)?)
    }

    /// Reads content an event refers to; `None` where it was erased.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; [`Error::Damaged`] where the content is gone without having been erased.
    pub async fn content(&self, wanted: &ContentRef) -> Result<Option<Vec<u8>>, Error> {
        self.journal.shared.open()?;
        self.journal.read_content(wanted, Seq::ZERO).await
    }
}

/// A prefix of step keys.
#[derive(Debug, Clone)]
pub struct Scope {
    run: Run,
    key: Result<StepKey, IdError>,
}

impl Scope {
    /// Names a step inside this scope.
    pub fn step(&self, name: impl AsRef<str>) -> StepHandle {
        StepHandle { run: self.run.clone(), key: self.joined(name) }
    }

    /// Names a scope inside this scope.
    pub fn scope(&self, name: impl AsRef<str>) -> Self {
        Self { run: self.run.clone(), key: self.joined(name) }
    }

    fn joined(&self, name: impl AsRef<str>) -> Result<StepKey, IdError> {
        self.key.as_ref().map_err(Clone::clone)?.join(name.as_ref())
    }
}

/// One durable thing of a run, named but not yet asked for.
#[derive(Debug, Clone)]
pub struct StepHandle {
    run: Run,
    key: Result<StepKey, IdError>,
}

impl StepHandle {
    pub(crate) fn new(run: Run, key: Result<StepKey, IdError>) -> Self {
        Self { run, key }
    }

    /// Says how often the step's closure is tried.
    #[must_use]
    pub fn retry(&self, retry: Retry) -> RetryStep {
        RetryStep { run: self.run.clone(), key: self.key.clone(), retry }
    }

    /// Runs a closure that may run again, and records its result: cut before that it may run again, recorded it
    /// never does.
    pub fn compute<T, F, Fut>(&self, f: F) -> CodeCall<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
        Json: StepCodec<T>,
    {
        CodeCall::new(&self.retry(Retry::NONE), CodeKind::Compute, Json, single(f))
    }

    /// Like [`compute`](Self::compute), on a thread of its own, for work that keeps a processor busy.
    pub fn compute_blocking<T, F>(&self, f: F) -> CodeCall<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Failure> + Send + 'static,
        Json: StepCodec<T>,
    {
        let blocking = || async {
            let done = tokio::task::spawn_blocking(f).await;
            done.unwrap_or_else(|_| Err(Failure::new("the closure panicked")))
        };
        CodeCall::new(&self.retry(Retry::NONE), CodeKind::Compute, Json, single(blocking))
    }

    /// Runs a closure that must not run again once it may have done something: it is requested first, and if nobody
    /// records what came of it, it is in doubt, as a tool's effect is.
    pub fn once<T, F, Fut>(&self, f: F) -> CodeCall<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
        Json: StepCodec<T>,
    {
        CodeCall::new(&self.retry(Retry::NONE), CodeKind::Once, Json, single(f))
    }

    /// Calls a tool, once: the step answers from the ledger ever after.
    pub fn tool<T: TypedTool>(&self, tool: T, args: &T::Args) -> ToolCall<T::Output> {
        ToolCall::typed(self.run.clone(), self.key.clone(), tool.name(), args)
    }

    /// Calls a tool by name with arguments as somebody wrote them, such as a model.
    ///
    /// The bytes are read strictly: no duplicate keys, no coercion, no unknown keys, bounded depth and size.
    pub fn tool_json(&self, tool: &str, args: impl Into<Vec<u8>>) -> ToolCall<Value> {
        ToolCall::raw(self.run.clone(), self.key.clone(), tool, args.into())
    }

    /// Finds out what became of a call in doubt, and answers like the call itself.
    pub fn reconcile<T: TypedTool>(&self, tool: T, args: &T::Args) -> ReconcileCall<T::Output> {
        ReconcileCall(self.tool(tool, args))
    }

    /// Like [`StepHandle::reconcile`], with arguments as somebody wrote them.
    pub fn reconcile_json(&self, tool: &str, args: impl Into<Vec<u8>>) -> ReconcileCall<Value> {
        ReconcileCall(self.tool_json(tool, args))
    }

    /// Asks a model, named as `provider/model`.
    pub fn model(&self, model: impl Into<String>) -> ModelCall {
        self.ask(Ask::new(model))
    }

    /// Asks a model what an [`Ask`] says.
    pub fn ask(&self, ask: Ask) -> ModelCall {
        ModelCall::new(self.run.clone(), self.key.clone(), ask)
    }

    /// Returns the idempotency key a tool's call has under this step: 64 hex digits.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidId`] when the step's key or the tool's name is not fit.
    pub fn idempotency_key(&self, tool: &str) -> Result<String, Error> {
        let tool = artana_core::ToolName::parse(tool)?;
        let key = self.key.clone()?;
        Ok(self.run.name().effect_key(&key, &tool).to_string())
    }
}
