//! Kills a program at every point of every port, lets another life go on, and judges what is left.
//!
//! A life is a runtime, a kernel and their tasks, all dropped at the crash: what only memory knew is gone,
//! as after SIGKILL. What survives is a [`CrashWorld`]: the store, the clock and the provider's book.
//! Nothing here waits for real time, and nothing here knows what the program does.

use std::{
    collections::BTreeMap,
    fmt,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use artana_core::{Record, RunRef, Seq, Tenant, limits::MAX_PAGE_EVENTS};
use artana_kernel::{Error, Kernel};
use artana_ports::{Clock, EventStore, ToolPort};
use async_trait::async_trait;
use serde_json::Value;

use crate::{
    MemoryStore, SeededEntropy, SimClock,
    fault::{FaultStore, FaultTool, Faults, Point},
    provider::Provider,
};

/// How long a life counts as alive after its last heartbeat.
const TTL: Duration = Duration::from_secs(15);
/// How often a life is told to reconcile before it is given up.
const MAX_DOUBTS: usize = 32;
/// How often everybody may run before nothing moves any more and time passes.
const TURNS: usize = 64;
/// How much time passes then.
const TICK: Duration = Duration::from_secs(1);

/// A program whose lives may end anywhere.
#[async_trait]
pub trait Scenario: Send + Sync {
    /// Prepares a fresh world, such as what the provider will do with the next calls.
    fn prepare(&self, world: &CrashWorld) {
        let _ = world;
    }

    /// Makes the tools of one life.
    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>>;

    /// Names the tenant and the id of each run the program starts.
    fn runs(&self) -> Vec<(Tenant, String)>;

    /// Runs the program from its beginning, as each life does, and returns what its user sees.
    ///
    /// # Errors
    ///
    /// An error that [needs reconciliation](Error::needs_reconciliation) leads to
    /// [`Scenario::reconcile`] and another try; any other is the program's result.
    async fn run(&self, kernel: &Kernel, world: &CrashWorld) -> Result<Value, Error>;

    /// Clears the doubt that [`Scenario::run`] met.
    ///
    /// # Errors
    ///
    /// The doubt stays. If the error says from when on it could be cleared, that time is waited for.
    async fn reconcile(&self, kernel: &Kernel, world: &CrashWorld, doubt: Error) -> Result<(), Error>;

    /// Returns whether the program may end with an explicit doubt after a crash, such as when a tool has
    /// no probe and no operator is at hand.
    fn may_stay_unknown(&self) -> bool {
        false
    }
}

/// What outlives every crash.
#[derive(Debug)]
pub struct CrashWorld {
    /// The store all lives share.
    pub store: MemoryStore,
    /// The clock of the store and of all lives.
    pub clock: SimClock,
    /// A provider with its own book.
    pub provider: Provider,
    told: Mutex<BTreeMap<String, Value>>,
    contradictions: Mutex<Vec<String>>,
}

impl CrashWorld {
    fn new() -> Self {
        let clock = SimClock::new();
        Self {
            store: MemoryStore::with_clock(Arc::new(clock.clone())),
            clock,
            provider: Provider::new(),
            told: Mutex::default(),
            contradictions: Mutex::default(),
        }
    }

    /// Notes what the program was told. Being told something else later, in whatever life, is a violation.
    pub fn told(&self, what: &str, value: &Value) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.entry(what.to_owned()).or_insert_with(|| value.clone());
        if before != value {
            let contradiction = format!("{what} was {before} and is now {value}");
            self.contradictions.lock().unwrap_or_else(PoisonError::into_inner).push(contradiction);
        }
    }

    fn contradictions(&self) -> Vec<String> {
        self.contradictions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Something that must never happen, and the crashes after which it did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Where each life but the last ended; empty where nothing crashed.
    pub crashes: Vec<Point>,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crashes: Vec<String> = self.crashes.iter().map(|point| format!("a crash at {point}, ")).collect();
        write!(f, "after {}then a life to the end: {}", crashes.concat(), self.what)
    }
}

/// What a crash matrix found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashReport {
    /// The points of the program, at each of which a life was ended, in order.
    pub points: Vec<Point>,
    /// How many worlds were tried with at least one crash.
    pub worlds: usize,
    /// How many of the worlds ended with an explicit doubt.
    pub unknown: usize,
    /// What must never happen, and did.
    pub violations: Vec<Violation>,
}

/// How a program ended: what its user sees, or the code of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ended {
    Returned(Value),
    Unknown,
    Failed(&'static str),
}

/// Runs a scenario to its end, then once for each point it passed, with a crash there and a second life.
///
/// It is a violation when an effect happened twice or is missing, a ledger does not verify or lost an event,
/// the result differs from the one without a crash, the program was told two different things, or a finished
/// program, repeated, wrote or called anything.
///
/// # Panics
///
/// When called from within a runtime, since each life has its own.
///
/// # Example
///
/// ```no_run
/// # fn check(scenario: &impl artana_testkit::crash::Scenario) {
/// let report = artana_testkit::crash_everywhere(scenario);
/// assert!(report.points.len() > 20 && report.worlds >= report.points.len());
/// assert_eq!(report.violations, []);
/// # }
/// ```
pub fn crash_everywhere(scenario: &impl Scenario) -> CrashReport {
    matrix(scenario, false)
}

/// Like [`crash_everywhere`], and then ends the second life too, at each of its own points.
///
/// The number of worlds grows with the square of the program's points.
///
/// # Panics
///
/// As for [`crash_everywhere`].
pub fn crash_twice_everywhere(scenario: &impl Scenario) -> CrashReport {
    matrix(scenario, true)
}

fn matrix(scenario: &impl Scenario, pairs: bool) -> CrashReport {
    let mut report = CrashReport { points: Vec::new(), worlds: 0, unknown: 0, violations: Vec::new() };
    let (calm, points) = Trial::new(scenario, Vec::new()).calm(&mut report);
    for point in points {
        let second = Trial::new(scenario, vec![point.clone()]).judged(&calm, &mut report);
        let second = if pairs { second } else { Vec::new() };
        for next in second {
            Trial::new(scenario, vec![point.clone(), next]).judged(&calm, &mut report);
        }
        report.points.push(point);
    }
    report
}

/// What happened where nothing crashed.
struct Calm {
    ended: Ended,
    effects: usize,
}

/// One world, and the crashes in it.
struct Trial<'a, S> {
    scenario: &'a S,
    world: CrashWorld,
    crashes: Vec<Point>,
    lives: u64,
    unknown: bool,
    violations: Vec<Violation>,
}

impl<'a, S: Scenario> Trial<'a, S> {
    fn new(scenario: &'a S, crashes: Vec<Point>) -> Self {
        let world = CrashWorld::new();
        scenario.prepare(&world);
        Self { scenario, world, crashes, lives: 0, unknown: false, violations: Vec::new() }
    }

    fn calm(mut self, report: &mut CrashReport) -> (Calm, Vec<Point>) {
        let faults = Faults::record();
        let ended = self.live(&faults).expect("nothing was told to crash");
        let calm = Calm { ended: ended.clone(), effects: self.world.provider.book().len() };
        self.judge(&ended, &calm);
        report.violations.append(&mut self.violations);
        (calm, faults.points())
    }

    /// Crashes as planned, lives to the end, and returns the points of that last life.
    fn judged(mut self, calm: &Calm, report: &mut CrashReport) -> Vec<Point> {
        let faults = Faults::record();
        self.crash_and_go_on(calm, &faults);
        report.worlds += 1;
        report.unknown += usize::from(self.unknown);
        report.violations.append(&mut self.violations);
        faults.points()
    }

    fn crash_and_go_on(&mut self, calm: &Calm, last: &Faults) {
        for point in self.crashes.clone() {
            if self.live(&Faults::crash_at(point.n)).is_some() {
                return self.violated("a point was not reached: the scenario is not deterministic");
            }
            self.world.clock.advance(TTL + TICK);
        }
        let before = self.ledgers();
        let ended = self.live(last).expect("nothing was told to crash");
        let after = self.ledgers();
        for (run, rows) in before {
            if !after.get(&run).is_some_and(|now| now.starts_with(&rows)) {
                self.violated(format!("events of run {} are gone", run.run));
            }
        }
        self.unknown = ended == Ended::Unknown;
        if ended != calm.ended && !(self.unknown && self.scenario.may_stay_unknown()) {
            self.violated(format!("it ended as {ended:?} instead of {:?}", calm.ended));
        }
        self.judge(&ended, calm);
    }

    /// Checks what must hold at the end of every world.
    fn judge(&mut self, ended: &Ended, calm: &Calm) {
        let book = self.world.provider.book();
        for entry in &book {
            let effects = self.world.provider.effects(&entry.key);
            if effects > 1 {
                self.violated(format!("{effects} effects happened under the key {}", entry.key));
            }
        }
        let missing = book.len() < calm.effects && *ended != Ended::Unknown;
        if book.len() > calm.effects || missing {
            self.violated(format!("{} effects happened instead of {}", book.len(), calm.effects));
        }
        if *ended != Ended::Unknown {
            self.repeat(ended);
        }
        self.verify();
        for contradiction in self.world.contradictions() {
            self.violated(contradiction);
        }
    }

    /// A finished program answers from the ledger.
    fn repeat(&mut self, ended: &Ended) {
        let before = (self.ledgers(), self.world.provider.calls());
        let again = self.live(&Faults::record()).expect("nothing was told to crash");
        if again != *ended {
            self.violated(format!("repeated, it ended as {again:?} instead of {ended:?}"));
        }
        if (self.ledgers(), self.world.provider.calls()) != before {
            self.violated("repeated, it wrote or called something");
        }
    }

    fn verify(&mut self) {
        let kernel = self.kernel(&Faults::record());
        for (tenant, id) in self.scenario.runs() {
            let broken = match block_on(kernel.verify(&tenant, &id)) {
                Ok(report) => report.first_break.map(|found| found.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(broken) = broken {
                self.violated(format!("run {id} does not verify: {broken}"));
            }
        }
    }

    /// Lives one life. `None` means that it crashed.
    fn live(&mut self, faults: &Faults) -> Option<Ended> {
        self.lives += 1;
        let kernel = self.kernel(faults);
        let (scenario, world) = (self.scenario, &self.world);
        block_on(async {
            tokio::select! {
                biased;
                _ = faults.crashed() => None,
                ended = pass_time(&world.clock, go_on(scenario, &kernel, world)) => Some(ended),
            }
        })
    }

    fn kernel(&self, faults: &Faults) -> Kernel {
        let store = FaultStore::new(Arc::new(self.world.store.clone()), faults.clone());
        let builder = Kernel::builder(store)
            .clock(Arc::new(self.world.clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(self.lives)))
            .time_to_live(TTL);
        let tools = self.scenario.tools(&self.world).into_iter();
        let builder = tools.fold(builder, |builder, tool| builder.tool(FaultTool::new(tool, faults.clone())));
        builder.build().expect("the scenario's tools are sound")
    }

    fn ledgers(&self) -> BTreeMap<RunRef, Vec<Record>> {
        let runs = self.scenario.runs().into_iter();
        runs.filter_map(|(tenant, id)| {
            let tenant = tenant.id().expect("the scenario's tenant is fit").clone();
            let run = RunRef::new(tenant, artana_core::RunId::parse(id).expect("the scenario's run id is fit"));
            let rows = block_on(all_rows(&self.world.store, &run));
            (!rows.is_empty()).then_some((run, rows))
        })
        .collect()
    }

    fn violated(&mut self, what: impl Into<String>) {
        self.violations.push(Violation { crashes: self.crashes.clone(), what: what.into() });
    }
}

/// Runs the program until it ends, reconciling when it is told to.
async fn go_on<S: Scenario>(scenario: &S, kernel: &Kernel, world: &CrashWorld) -> Ended {
    for _ in 0..MAX_DOUBTS {
        let doubt = match scenario.run(kernel, world).await {
            Ok(value) => return Ended::Returned(value),
            Err(error) if error.needs_reconciliation() => error,
            Err(error) => return Ended::Failed(error.code()),
        };
        match scenario.reconcile(kernel, world, doubt).await {
            Ok(()) => {}
            Err(Error::ReconciliationRequired { believable_at: Some(at), .. }) => {
                let micros = at.as_micros().saturating_sub(world.clock.now().as_micros());
                world.clock.sleep(Duration::from_micros(u64::try_from(micros).unwrap_or(0))).await;
            }
            Err(error) if error.needs_reconciliation() => return Ended::Unknown,
            Err(error) => return Ended::Failed(error.code()),
        }
    }
    Ended::Unknown
}

/// Polls a future, and lets time pass whenever nothing else moves.
async fn pass_time<T>(clock: &SimClock, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        for _ in 0..TURNS {
            tokio::select! {
                biased;
                out = &mut future => return out,
                () = tokio::task::yield_now() => {}
            }
        }
        clock.advance(TICK);
    }
}

async fn all_rows(store: &MemoryStore, run: &RunRef) -> Vec<Record> {
    let mut rows: Vec<Record> = Vec::new();
    loop {
        let after = rows.last().map_or(Seq::ZERO, |row| row.seq);
        let page = store.read(run, after, MAX_PAGE_EVENTS).await.expect("a store in memory answers");
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

/// Runs a future in a runtime of its own; with it end all tasks that were spawned there.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers can be built");
    runtime.block_on(future)
}
