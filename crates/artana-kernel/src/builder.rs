//! Puts a kernel together, and says all that is wrong with it at once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use artana_core::{
    ToolName,
    cost::PriceTable,
    decide::ReplayPolicy,
    limits::{MAX_TTL_SECONDS, MIN_TTL_MILLIS},
};
use artana_ports::{Clock, Entropy, EventStore, ModelPort, Observer, OsEntropy, SystemClock, ToolPort};

use crate::{
    Kernel,
    lifeline::Lifeline,
    shared::{Models, Shared},
    tool::{self, IntoTool, Pending, States, ToolBundle},
};

/// How long a process counts as alive after its last heartbeat, unless its kernel is told otherwise.
pub const DEFAULT_TIME_TO_LIVE: Duration = Duration::from_secs(15);

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
    models: Models,
    policy: ReplayPolicy,
    prices: PriceTable,
    observers: Vec<Arc<dyn Observer>>,
}

impl KernelBuilder {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            ttl: DEFAULT_TIME_TO_LIVE,
            tools: Vec::new(),
            states: States::default(),
            models: Models::default(),
            policy: ReplayPolicy::default(),
            prices: PriceTable::default(),
            observers: Vec::new(),
        }
    }

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
            models: self.models,
            policy: self.policy,
            prices: self.prices,
            observers: self.observers,
            journals: Default::default(),
            registry: Default::default(),
            leases: Default::default(),
            closed: Default::default(),
            closing: Default::default(),
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
