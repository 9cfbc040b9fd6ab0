//! Building a kernel, and the kernel itself: what all runs of a process share.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use artana_core::{
    Actor, Draft, Event, EventId, Genesis, Head, ModelId, RunId, RunKey, RunRef, RunState, Seq, Stamp, Tenant,
    TenantId, TenantKey, Timestamp, ToolName,
    cost::PriceTable,
    decide::ReplayPolicy,
    event::{GenesisFields, GrantGiven, RunStarted},
    limits::{MAX_TTL_SECONDS, MIN_TTL_MILLIS},
    seal,
};
use artana_ports::{
    Append, AppendError, Authority, Cancel, Clock, Entropy, EventStore, Finding, ModelPort, Observer, OsEntropy, Page,
    RunQuery, StoreInfo, SystemClock, ToolPort,
};

use crate::{
    Error, Run,
    error::{append_failed, kernel_actor},
    journal::{Capacity, Journal, Plan},
    lifeline::{Busy, Lifeline},
    load,
    send::{event_after, send},
};

/// Runs whose folded state is kept although no handle of them lives.
const CACHED_RUNS: usize = 256;
const DEFAULT_TTL: Duration = Duration::from_secs(15);

/// Why a kernel cannot be built; all reasons at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the kernel cannot be built: {}", problems.join("; "))]
pub struct BuildError {
    /// What is wrong.
    pub problems: Vec<String>,
}

impl BuildError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "artana::build"
    }
}

/// Puts a kernel together.
#[derive(Debug)]
pub struct KernelBuilder {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ttl: Duration,
    tools: Vec<Arc<dyn ToolPort>>,
    models: Models,
    policy: ReplayPolicy,
    prices: PriceTable,
    observers: Vec<Arc<dyn Observer>>,
}

impl KernelBuilder {
    /// Registers a tool under its name.
    #[must_use]
    pub fn tool(mut self, tool: impl ToolPort) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// Registers a tool that is shared with others.
    #[must_use]
    pub fn shared_tool(mut self, tool: Arc<dyn ToolPort>) -> Self {
        self.tools.push(tool);
        self
    }

    /// Sets the adapter that is asked for models of all providers without one of their own.
    #[must_use]
    pub fn model(mut self, port: impl ModelPort) -> Self {
        self.models.any = Some(Arc::new(port));
        self
    }

    /// Sets the adapter that is asked for the models of a provider: those named `provider/…`.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<String>, port: impl ModelPort) -> Self {
        self.models.of.insert(provider.into(), Arc::new(port));
        self
    }

    /// Sets what happens when a model step is asked otherwise than recorded and the ask itself does not say;
    /// [`ReplayPolicy::Strict`] unless told.
    #[must_use]
    pub fn replay(mut self, policy: ReplayPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the prices by which model calls are charged. A call without a known price is recorded as unpriced,
    /// never as free.
    #[must_use]
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// Adds somebody who sees events after their commit.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Replaces the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Replaces the system's randomness.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Sets how long this process counts as alive after its last heartbeat; 15 seconds unless told.
    ///
    /// A step whose process died is blocked for at most this long.
    #[must_use]
    pub fn time_to_live(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Checks everything and builds the kernel.
    ///
    /// # Errors
    ///
    /// [`BuildError`] naming all that is wrong.
    pub fn build(self) -> Result<Kernel, BuildError> {
        let mut problems = Vec::new();
        if self.ttl < Duration::from_millis(MIN_TTL_MILLIS) || self.ttl > Duration::from_secs(MAX_TTL_SECONDS) {
            problems.push(format!("a time-to-live is between {MIN_TTL_MILLIS} ms and {MAX_TTL_SECONDS} s"));
        }
        let mut tools: BTreeMap<ToolName, Arc<dyn ToolPort>> = BTreeMap::new();
        for tool in self.tools {
            let name = tool.spec().signature.name.clone();
            problems.extend(crate::tool::problems(tool.spec()));
            if tools.insert(name.clone(), tool).is_some() {
                problems.push(format!("two tools are named {name}"));
            }
        }
        if !problems.is_empty() {
            return Err(BuildError { problems });
        }
        let lifeline =
            Lifeline::new(Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.entropy), self.ttl);
        Ok(Kernel(Arc::new(Shared {
            store: self.store,
            clock: self.clock,
            entropy: self.entropy,
            lifeline: Arc::new(lifeline),
            tools,
            models: self.models,
            policy: self.policy,
            prices: self.prices,
            observers: self.observers,
            journals: Mutex::default(),
            closed: AtomicBool::new(false),
            closing: Cancel::default(),
        })))
    }
}

/// Who is asked for which models.
#[derive(Debug, Default)]
pub(crate) struct Models {
    any: Option<Arc<dyn ModelPort>>,
    of: BTreeMap<String, Arc<dyn ModelPort>>,
}

impl Models {
    /// Returns who is asked for a model.
    pub(crate) fn of(&self, model: &ModelId) -> Option<&Arc<dyn ModelPort>> {
        self.of.get(model.provider()).or(self.any.as_ref())
    }
}

/// What all runs of a process share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lifeline: Arc<Lifeline>,
    pub(crate) tools: BTreeMap<ToolName, Arc<dyn ToolPort>>,
    pub(crate) models: Models,
    pub(crate) policy: ReplayPolicy,
    pub(crate) prices: PriceTable,
    observers: Vec<Arc<dyn Observer>>,
    journals: Mutex<HashMap<RunRef, Arc<Journal>>>,
    closed: AtomicBool,
    /// Tells waits that nothing new will start.
    pub(crate) closing: Cancel,
}

impl Shared {
    pub(crate) fn event_id(&self, at: Timestamp) -> EventId {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        EventId::v7(u64::try_from(at.as_micros() / 1000).unwrap_or(0), random)
    }

    /// Shows events of a run to whoever observes. A panic of theirs is theirs alone.
    pub(crate) fn observed<'a>(&self, run: &RunRef, events: impl Iterator<Item = &'a Event>) {
        if self.observers.is_empty() {
            return;
        }
        let events: Vec<Event> = events.cloned().collect();
        for observer in &self.observers {
            if catch_unwind(AssertUnwindSafe(|| observer.committed(run, &events))).is_err() {
                tracing::error!(%run, "an observer panicked");
            }
        }
    }

    /// Begins something that [`Kernel::close`] has to wait for, or answers that the kernel is closed.
    pub(crate) fn enter(&self) -> Result<Busy, Error> {
        let busy = self.lifeline.busy();
        self.open()?;
        Ok(busy)
    }

    pub(crate) fn open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) { Err(Error::Closed) } else { Ok(()) }
    }

    fn cached(&self, run: &RunRef) -> Option<Arc<Journal>> {
        self.journals.lock().unwrap_or_else(PoisonError::into_inner).get(run).cloned()
    }

    /// Keeps a journal for all handles of its run; runs without a handle make room for it.
    fn keep(&self, journal: Journal) -> Arc<Journal> {
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        if journals.len() >= CACHED_RUNS {
            journals.retain(|_, journal| Arc::strong_count(journal) > 1);
        }
        let run = journal.run.clone();
        Arc::clone(journals.entry(run).or_insert_with(|| Arc::new(journal)))
    }
}

/// A durable execution kernel over one store.
///
/// Cloning is cheap and shares everything. Dropping the last clone without [`Kernel::close`] is a
/// crash, which is safe: nothing that was acknowledged is lost.
#[derive(Debug, Clone)]
pub struct Kernel(pub(crate) Arc<Shared>);

impl Kernel {
    /// Begins a kernel over a store.
    pub fn builder(store: impl EventStore) -> KernelBuilder {
        Self::builder_shared(Arc::new(store))
    }

    /// Begins a kernel over a store that is shared with others.
    #[must_use]
    pub fn builder_shared(store: Arc<dyn EventStore>) -> KernelBuilder {
        KernelBuilder {
            store,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            ttl: DEFAULT_TTL,
            tools: Vec::new(),
            models: Models::default(),
            policy: ReplayPolicy::default(),
            prices: PriceTable::default(),
            observers: Vec::new(),
        }
    }

    /// Starts a run under an id, or under one the kernel makes.
    ///
    /// # Errors
    ///
    /// [`Error::RunExists`] when the tenant has such a run already; of many racing starters one wins.
    pub async fn start_run<'a>(&self, tenant: &Tenant, id: impl Into<Option<&'a str>>) -> Result<Run, Error> {
        let _busy = self.0.enter()?;
        let id = match id.into() {
            Some(id) => RunId::parse(id)?,
            None => RunId::parse(self.0.event_id(self.0.clock.now()).to_string())?,
        };
        let run = RunRef::new(tenant.id()?.clone(), id);
        let tenant_key = self.tenant_key(&run.tenant).await?;
        let key = RunKey::from_bytes(self.random());
        let genesis = Genesis::root(run.clone(), key.id());
        let started = RunStarted {
            capabilities: tenant.capabilities().clone(),
            flags: Default::default(),
            genesis: GenesisFields::from(&genesis),
            labels: tenant.labels().clone(),
            limits: tenant.bounds(),
            tenant_key_id: tenant_key.id(),
        };
        let (state, event) = self.first_event(&genesis, started, None)?;
        match self.append_first(&state, event, Some(key.clone())).await {
            Ok(()) => {}
            Err(AppendError::Conflict { .. }) => return Err(Error::RunExists { run }),
            Err(error) => return Err(append_failed(&run, error)),
        }
        let journal = self.0.keep(Journal::new(Arc::clone(&self.0), state, &key));
        Ok(Run::new(journal, tenant.clone()))
    }

    /// A conflict may be with our own start, whose commit went unseen.
    async fn append_first(&self, state: &RunState, event: Event, key: Option<RunKey>) -> Result<(), AppendError> {
        let run = state.run().clone();
        let append = Append {
            run: run.clone(),
            expected: None,
            authority: Authority::Outside(kernel_actor()),
            events: vec![event.record().clone()],
            content: Vec::new(),
            claims: Vec::new(),
            releases: Vec::new(),
            view: state.view(),
            run_key: key,
        };
        let sent = match send(&self.0, append).await {
            Err(AppendError::Conflict { .. }) if event_after(&self.0, &run, Seq::ZERO).await? == Some(event.id()) => {
                Ok(())
            }
            known => known,
        };
        if sent.is_ok() {
            self.0.observed(&run, [&event].into_iter());
        }
        sent
    }

    /// Starts a fork with what its parent has been given since; one that is there already is left as it is.
    pub(crate) async fn start_fork(
        &self,
        parent: &RunState,
        genesis: Genesis,
        started: RunStarted,
    ) -> Result<(), Error> {
        let started = RunStarted { genesis: GenesisFields::from(&genesis), ..started };
        let (state, event) = self.first_event(&genesis, started, Some(parent))?;
        match self.append_first(&state, event, None).await {
            Ok(()) | Err(AppendError::Conflict { .. }) => Ok(()),
            Err(error) => Err(append_failed(&genesis.run, error)),
        }
    }

    fn first_event(
        &self,
        genesis: &Genesis,
        started: RunStarted,
        parent: Option<&RunState>,
    ) -> Result<(RunState, Event), Error> {
        let at = self.0.clock.now();
        let stamp = Stamp { id: self.0.event_id(at), at };
        let before = Head { seq: Seq::ZERO, hash: genesis.hash() };
        let event = seal(&genesis.run, &before, Draft::new(None, started)?, stamp);
        let state = RunState::start(&genesis.run, &event, parent)?;
        Ok((state, event))
    }

    /// Opens a run.
    ///
    /// # Errors
    ///
    /// [`Error::RunNotFound`] when the tenant has no such run, [`Error::ExceedsBound`] when the tenant
    /// asks for more than the run was bound to, [`Error::Damaged`] when its ledger does not verify.
    pub async fn open_run(&self, tenant: &Tenant, id: &str) -> Result<Run, Error> {
        self.0.open()?;
        let run = RunRef::new(tenant.id()?.clone(), RunId::parse(id)?);
        let journal = self.journal(&run).await?;
        let exceeds = || journal.with_state(|state| tenant.exceeds(state.capabilities(), &state.limits()));
        if exceeds().is_some() {
            // Somebody may have granted it since this process last read.
            journal.refresh().await?;
        }
        match exceeds() {
            Some(what) => Err(Error::ExceedsBound { run, what }),
            None => Ok(Run::new(journal, tenant.clone())),
        }
    }

    /// Opens a run, or starts it if the tenant has no such run.
    ///
    /// # Errors
    ///
    /// As for [`Kernel::open_run`].
    pub async fn run(&self, tenant: &Tenant, id: &str) -> Result<Run, Error> {
        match self.open_run(tenant, id).await {
            Err(Error::RunNotFound { .. }) => {}
            other => return other,
        }
        match self.start_run(tenant, id).await {
            Err(Error::RunExists { .. }) => self.open_run(tenant, id).await,
            other => other,
        }
    }

    pub(crate) async fn journal(&self, run: &RunRef) -> Result<Arc<Journal>, Error> {
        if let Some(journal) = self.0.cached(run) {
            return Ok(journal);
        }
        let store = &*self.0.store;
        let state = load::load(store, run).await?;
        let key = load::family_key(store, state.genesis()).await?;
        Ok(self.0.keep(Journal::new(Arc::clone(&self.0), state, &key)))
    }

    /// Gives a run all capabilities and limits of `tenant`, and records who did.
    ///
    /// # Errors
    ///
    /// [`Error::RunNotFound`]; [`Error::Ended`] when the run has ended.
    pub async fn grant(&self, tenant: &Tenant, id: &str, by: Actor) -> Result<(), Error> {
        self.0.open()?;
        let run = RunRef::new(tenant.id()?.clone(), RunId::parse(id)?);
        let journal = self.journal(&run).await?;
        journal.refresh().await?;
        let grant = GrantGiven { by: by.clone(), capabilities: tenant.capabilities().clone(), limits: tenant.bounds() };
        let decide = move |state: &RunState, facts: &crate::journal::Facts<'_>| {
            crate::control::drivable(state)?;
            if state.status().is_finished() {
                return Err(Error::Ended { run: state.run().clone(), status: state.status() });
            }
            Plan::default().event(facts.id(), None, grant.clone())
        };
        journal.append_detached(Capacity::Outside(by), None, decide).await.map(drop)
    }

    /// Lists a tenant's runs, a page at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn runs(&self, query: &RunQuery) -> Result<Page, Error> {
        self.0.open()?;
        Ok(self.0.store.runs(query).await?)
    }

    /// Describes the store and how durable an acknowledged append is.
    #[must_use]
    pub fn store_info(&self) -> StoreInfo {
        self.0.store.info()
    }

    /// Looks for what is wrong with the store as a whole.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn doctor(&self) -> Result<Vec<Finding>, Error> {
        self.0.open()?;
        Ok(self.0.store.doctor().await?)
    }

    /// Finishes what is in flight, ends the heartbeat and closes the store. Later calls answer [`Error::Closed`].
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn close(&self) -> Result<(), Error> {
        if self.0.closed.swap(true, Ordering::AcqRel) {
            return Err(Error::Closed);
        }
        self.0.closing.cancel();
        self.0.lifeline.idle().await;
        let retired = self.0.lifeline.retire().await;
        self.0.journals.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.0.store.close().await?;
        retired
    }

    async fn tenant_key(&self, tenant: &TenantId) -> Result<TenantKey, Error> {
        if let Some(key) = self.0.store.tenant_key(tenant, None).await? {
            return Ok(key);
        }
        let candidate = TenantKey::from_bytes(self.random());
        let kept = self.0.store.tenant_key(tenant, Some(candidate)).await?;
        kept.ok_or_else(|| Error::Internal("the store kept no tenant key".into()))
    }

    fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.entropy.fill(&mut bytes);
        bytes
    }
}
