//! Builds histories for the tests: every id, time and key in them is a number counted up. Asserts nothing.

pub(crate) mod bodies;
pub(crate) mod models;
pub(crate) mod random;
pub(crate) mod whole;
pub(crate) mod workflows;

use artana_core::{
    Draft, Event, EventId, Genesis, Head, ParentLink, Record, RunId, RunKey, RunRef, RunState, Seq, Stamp, StepKey,
    TenantId, TenantKey, Timestamp,
    event::{Body, GenesisFields, RunStarted},
    seal,
};

pub(crate) const RUN_KEY: [u8; 32] = [7; 32];
pub(crate) const SECOND: i64 = 1_000_000;

pub(crate) fn named(tenant: &str, run: &str) -> RunRef {
    RunRef::new(TenantId::parse(tenant).expect("fit"), RunId::parse(run).expect("fit"))
}

pub(crate) fn step(key: &str) -> StepKey {
    StepKey::parse(key).expect("fit")
}

/// A run's events, sealed one by one.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) run: RunRef,
    pub(crate) events: Vec<Event>,
    pub(crate) key: RunKey,
    genesis: Genesis,
    count: u64,
}

impl History {
    /// A started root run.
    pub(crate) fn start(tenant: &str, run: &str) -> Self {
        let key = RunKey::from_bytes(RUN_KEY);
        let genesis = Genesis::root(named(tenant, run), key.id());
        Self::of(genesis, key)
    }

    /// A started run of any genesis.
    pub(crate) fn of(genesis: Genesis, key: RunKey) -> Self {
        Self::counting_on(genesis, key, 0)
    }

    /// A root run that was started in another way; its genesis stays the same.
    pub(crate) fn started_as(started: RunStarted) -> Self {
        let mut history = Self::start("t", "r");
        history.events.clear();
        history.count = 0;
        history.push(None, started);
        history
    }

    /// A fork of this run that shares its events up to `cut`.
    pub(crate) fn fork(&self, run: &str, cut: usize) -> Self {
        let shared = self.events[cut - 1].head();
        let parent = Some(ParentLink { hash: shared.hash, run: self.run.run.clone(), seq: shared.seq });
        let run = named(self.run.tenant.as_str(), run);
        let genesis = Genesis { run, root: self.genesis.root.clone(), parent, key_id: self.genesis.key_id };
        // No event of a family has the id of another.
        Self::counting_on(genesis, self.key.clone(), self.count + 1_000)
    }

    /// A fork with behaviour flags.
    pub(crate) fn fork_with(&self, run: &str, cut: usize, flags: &[&str]) -> Self {
        let mut fork = self.fork(run, cut);
        fork.events.clear();
        let flags = flags.iter().copied().map(String::from).collect();
        fork.push(None, RunStarted { flags, ..started(&fork.genesis) });
        fork
    }

    fn counting_on(genesis: Genesis, key: RunKey, count: u64) -> Self {
        let mut history = Self { run: genesis.run.clone(), events: Vec::new(), key, count, genesis };
        history.push(None, started(&history.genesis));
        history
    }

    pub(crate) fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    pub(crate) fn head(&self) -> Head {
        let genesis = Head { seq: Seq::ZERO, hash: self.genesis.hash() };
        self.events.last().map_or(genesis, Event::head)
    }

    /// The id of the last event.
    pub(crate) fn head_id(&self) -> EventId {
        self.events.last().expect("a started run").id()
    }

    /// Seals an event onto the chain without adding it.
    pub(crate) fn sealed(&self, step: Option<&str>, draft: impl FnOnce(Option<StepKey>) -> Draft) -> Event {
        let number = self.count + 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        let id = EventId::v7(0x0192_0000_0000 + number, random);
        let at = Timestamp::from_micros(number.cast_signed() * SECOND);
        seal(&self.run, &self.head(), draft(step.map(self::step)), Stamp { id, at })
    }

    pub(crate) fn add(&mut self, event: Event) -> EventId {
        let id = event.id();
        self.events.push(event);
        self.count += 1;
        id
    }

    pub(crate) fn push(&mut self, step: Option<&str>, body: impl Into<Body>) -> EventId {
        let event = self.sealed(step, |step| Draft::new(step, body).expect("small"));
        self.add(event)
    }

    pub(crate) fn push_raw(&mut self, kind: &str, payload: &str) -> EventId {
        let event = self.sealed(None, |step| Draft::raw(kind, step, payload.into()).expect("small"));
        self.add(event)
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.events.iter().map(|event| event.record().clone()).collect()
    }

    /// The history as it was up to an event.
    pub(crate) fn upto(&self, seq: usize) -> Self {
        Self { events: self.events[..seq].to_vec(), ..self.clone() }
    }

    /// Folds all events.
    pub(crate) fn state(&self) -> RunState {
        self.state_after(None)
    }

    /// Folds all events of a fork whose parent is folded up to the cut.
    pub(crate) fn state_after(&self, parent: Option<&RunState>) -> RunState {
        let mut state = RunState::start(&self.run, &self.events[0], parent).expect("a started run");
        for event in &self.events[1..] {
            state.apply(event).expect("a history the fold accepts");
        }
        state
    }
}

fn started(genesis: &Genesis) -> RunStarted {
    RunStarted {
        capabilities: Default::default(),
        flags: Default::default(),
        genesis: GenesisFields::from(genesis),
        labels: Default::default(),
        limits: Default::default(),
        lineage: None,
        tenant_key_id: TenantKey::from_bytes([9; 32]).id(),
        workflow: None,
    }
}
