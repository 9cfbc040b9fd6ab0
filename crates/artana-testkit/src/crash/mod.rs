//! Kills a program at every point of every port, lets another life go on, and judges what is left.
//!
//! A life is a runtime, a kernel and their tasks, all dropped at the crash: what only memory knew is gone,
//! as after SIGKILL. What survives is a [`CrashWorld`]: the store, the clock, the provider's book, and what the
//! models were asked. Nothing here waits for real time, and nothing here knows what the program does.

mod closures;
mod life;
mod models;
mod trial;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use artana_core::Tenant;
use artana_kernel::{Error, Kernel};
use artana_ports::{ModelPort, ToolPort};
use async_trait::async_trait;
use serde_json::Value;

use crate::{MemoryStore, SimClock, fault::Point, provider::Provider};
pub use closures::Closures;
use models::Witness;
use trial::Trial;

/// A program whose lives may end anywhere.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use artana_core::Tenant;
/// use artana_kernel::{Error, Kernel};
/// use artana_ports::ModelPort;
/// use artana_testkit::{ScriptedModel, crash::{CrashWorld, Scenario}, crash_everywhere};
/// use async_trait::async_trait;
/// use serde_json::{Value, json};
///
/// struct Greeting;
///
/// #[async_trait]
/// impl Scenario for Greeting {
///     fn model(&self, _: &CrashWorld) -> Option<Arc<dyn ModelPort>> {
///         Some(Arc::new(ScriptedModel::text("Hello")))
///     }
///
///     fn runs(&self) -> Vec<(Tenant, String)> {
///         vec![(Tenant::new("demo"), "r".into())]
///     }
///
///     async fn run(&self, kernel: &Kernel, world: &CrashWorld) -> Result<Value, Error> {
///         let run = kernel.run(&Tenant::new("demo"), "r").await?;
///         let said = json!(run.step("greet").model("demo/one").prompt("Say hello").await?.output());
///         world.told("greet", &said);
///         run.finish().await?;
///         Ok(said)
///     }
/// }
///
/// let report = crash_everywhere(&Greeting);
/// assert!(report.points.iter().any(|point| point.name == "model.ask.after"));
/// assert_eq!(report.violations, []);
/// ```
#[async_trait]
pub trait Scenario: Send + Sync {
    /// Prepares a fresh world, such as what the provider will do with the next calls.
    fn prepare(&self, world: &CrashWorld) {
        let _ = world;
    }

    /// Makes the tools of one life.
    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>> {
        let _ = world;
        Vec::new()
    }

    /// Makes the model of one life, if the program asks one. A question that was cut is asked again by the next
    /// life, so what it answers had better depend on the question and its cycle alone.
    fn model(&self, world: &CrashWorld) -> Option<Arc<dyn ModelPort>> {
        let _ = world;
        None
    }

    /// Names the tenant and the id of each run the program starts. Their forks and children are found.
    fn runs(&self) -> Vec<(Tenant, String)>;

    /// Runs the program from its beginning, as each life does, and returns what its user sees.
    ///
    /// # Errors
    ///
    /// An error that [needs reconciliation](Error::needs_reconciliation) leads to
    /// [`Scenario::reconcile`] and another try; any other is the program's result.
    async fn run(&self, kernel: &Kernel, world: &CrashWorld) -> Result<Value, Error>;

    /// Clears the doubt that [`Scenario::run`] met. A program without effects meets none.
    ///
    /// # Errors
    ///
    /// The doubt stays. If the error says from when on it could be cleared, that time is waited for.
    async fn reconcile(&self, kernel: &Kernel, world: &CrashWorld, doubt: Error) -> Result<(), Error> {
        let _ = (kernel, world);
        Err(doubt)
    }

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
    /// What closures of the program ran, as far as they note it.
    pub closures: Closures,
    witness: Witness,
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
            closures: Closures::default(),
            witness: Witness::default(),
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

    /// Returns how many questions have reached a model, in all lives.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.witness.noted().len()
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

/// Runs a scenario to its end, then once for each point it passed, with a crash there and a second life.
///
/// It is a violation when an effect happened twice or is missing, a ledger does not verify or lost an event,
/// the result differs from the one without a crash, the program was told two different things, or a finished
/// program, repeated, wrote, called or asked anything. So it is when a question reached a model without being
/// recorded first, was asked again although its answer is recorded, was cut without a trace in the ledger, or was
/// answered otherwise than the ledger has it. And so it is when a closure that [notes itself](Closures::ran) ran again
/// although its end is recorded, or more often than it was requested.
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
