//! Building a kernel, and the kernel itself: what all runs of a process share.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use artana_core::{
    Actor, Draft, EventId, Genesis, Head, RunId, RunKey, RunRef, RunState, Seq, Stamp, Tenant, TenantId, TenantKey,
    Timestamp, ToolName,
    event::{GenesisFields, GrantGiven, RunStarted},
    limits::{MAX_TTL_SECONDS, MIN_TTL_MILLIS},
    seal,
};
use artana_ports::{
    Append, AppendError, Authority, Cancel, Clock, Entropy, EventStore, Finding, OsEntropy, Page, RunQuery, StoreInfo,
    SystemClock, ToolPort,
};

use crate::{
    Error, Run,
    error::{append_failed, kernel_actor},
    journal::{Capacity, Journal, Plan},
    lifeline::{Busy, Lifeline},
    load,
    send::{event_after, send},
    tool::{self, IntoTool, Pending, States, ToolBundle},
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
    tools: Vec<Pending>,
    states: States,
}

impl KernelBuilder {
    /// Registers a tool under its name: a function marked `#[tool]`, or any [`ToolPort`].
    #[must_use]
    pub fn tool(mut self, tool: impl IntoTool) -> Self {
        self.tools.push(Pending::tool(tool));
        self
    }

    /// Registers all tools of a bundle, an `impl` block marked `#[tools]`. They share the value; give
    /// an `Arc` of it to share it with the program as well.
    #[must_use]
    pub fn tools(mut self, bundle: impl ToolBundle) -> Self {
        self.tools.push(Pending::bundle(bundle));
        self
    }

    /// Adds a value for the tools that ask for a [`State`](crate::State) of its type, registered before or after.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states = self.states.with(value);
        self
    }

    /// Registers a tool that is shared with others.
    #[must_use]
    pub fn shared_tool(mut self, tool: Arc<dyn ToolPort>) -> Self {
        self.tools.push(Pending::shared(tool));
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
        let tools = registry(self.tools, &self.states, &mut problems);
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
            journals: Mutex::default(),
            closed: AtomicBool::new(false),
            closing: Cancel::default(),
        })))
    }
}

/// Makes ports of all tools, and tells what is wrong with them or with what they are given.
fn registry(tools: Vec<Pending>, states: &States, problems: &mut Vec<String>) -> BTreeMap<ToolName, Arc<dyn ToolPort>> {
    problems.extend(states.problems());
    let mut named = BTreeMap::new();
    for made in tools.into_iter().map(|tool| tool.make(states)) {
        let made = made.unwrap_or_else(|error| {
            problems.extend(error.problems);
            Vec::new()
        });
        for tool in made {
            let name = tool.spec().signature.name.clone();
            problems.extend(tool::problems(tool.spec()));
            if named.insert(name.clone(), tool).is_some() {
                problems.push(format!("two tools are named {name}"));
            }
        }
    }
    named
}

/// What all runs of a process share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lifeline: Arc<Lifeline>,
    pub(crate) tools: BTreeMap<ToolName, Arc<dyn ToolPort>>,
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
            states: States::new(),
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
        let (state, append) = self.first_append(tenant, &run, &key, &tenant_key)?;
        match self.append_first(append).await {
            Ok(()) => {}
            Err(AppendError::Conflict { .. }) => return Err(Error::RunExists { run }),
            Err(error) => return Err(append_failed(&run, error)),
        }
        let journal = self.0.keep(Journal::new(Arc::clone(&self.0), state, &key));
        Ok(Run::new(journal, tenant.clone()))
    }

    /// A conflict may be with our own start, whose commit went unseen.
    async fn append_first(&self, append: Append) -> Result<(), AppendError> {
        let run = append.run.clone();
        let ours = append.events.first().map(|event| event.event_id);
        match send(&self.0, append).await {
            Err(AppendError::Conflict { .. }) if event_after(&self.0, &run, Seq::ZERO).await? == ours => Ok(()),
            known => known,
        }
    }

    fn first_append(
        &self,
        tenant: &Tenant,
        run: &RunRef,
        key: &RunKey,
        tenant_key: &TenantKey,
    ) -> Result<(RunState, Append), Error> {
        let genesis = Genesis::root(run.clone(), key.id());
        let started = RunStarted {
            capabilities: tenant.capabilities().clone(),
            flags: Default::default(),
            genesis: GenesisFields::from(&genesis),
            labels: tenant.labels().clone(),
            limits: tenant.bounds(),
            tenant_key_id: tenant_key.id(),
        };
        let at = self.0.clock.now();
        let stamp = Stamp { id: self.0.event_id(at), at };
        let before = Head { seq: Seq::ZERO, hash: genesis.hash() };
        let event = seal(run, &before, Draft::new(None, started)?, stamp);
        let state = RunState::start(run, &event)?;
        let append = Append {
            run: run.clone(),
            expected: None,
            authority: Authority::Outside(kernel_actor()),
            events: vec![event.into_record()],
            content: Vec::new(),
            claims: Vec::new(),
            releases: Vec::new(),
            view: state.view(),
            run_key: Some(key.clone()),
        };
        Ok((state, append))
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

    async fn journal(&self, run: &RunRef) -> Result<Arc<Journal>, Error> {
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
