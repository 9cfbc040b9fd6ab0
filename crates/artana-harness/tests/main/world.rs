//! What every test starts from: one store, one clock, processes that may die, and a list of tasks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artana_core::{Event, Tenant, event::Body};
use artana_harness::{Failure, HarnessContext, IncrementalTasks, Result, TaskUnit};
use artana_kernel::{Kernel, KernelBuilder, Run};
use artana_testkit::{MemoryStore, SeededEntropy, SimClock};

/// How long a process counts as alive after its last sign of life.
pub(crate) const TTL: Duration = Duration::from_secs(15);

/// A store and a clock that outlive every process.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: SimClock,
    processes: AtomicU64,
}

pub(crate) fn world() -> World {
    let clock = SimClock::new();
    World { store: MemoryStore::with_clock(Arc::new(clock.clone())), clock, processes: AtomicU64::new(1) }
}

pub(crate) fn tenant() -> Tenant {
    Tenant::new("acme")
}

impl World {
    pub(crate) fn builder(&self) -> KernelBuilder {
        let seed = self.processes.fetch_add(1, Ordering::SeqCst);
        Kernel::builder(self.store.clone())
            .clock(Arc::new(self.clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(seed)))
            .time_to_live(TTL)
    }

    pub(crate) fn process(&self) -> Kernel {
        self.builder().build().expect("a sound kernel")
    }

    /// Lets a process that is never heard of again count as dead.
    pub(crate) fn bury(&self) {
        self.clock.advance(TTL + Duration::from_secs(1));
    }
}

/// Runs a life of a process in a runtime of its own, until it ends or `died` does. What it had in memory and in its
/// tasks is then gone, as after SIGKILL.
pub(crate) fn life<T>(living: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(living)
}

/// What happens to a task, the first time or each time it is worked on.
type Fate = Box<dyn FnMut(u64) -> Result<()> + Send>;

/// Three tasks, whose work is a step each; a test says what else happens.
#[derive(Default)]
pub(crate) struct Migration {
    worked: Mutex<Vec<String>>,
    fates: Mutex<BTreeMap<String, Fate>>,
    /// How often the step of any task really ran.
    pub(crate) effects: Arc<AtomicU64>,
}

impl Migration {
    /// Says what happens to a task after its step, given how often it was worked on.
    pub(crate) fn fate(self, task: &str, fate: impl FnMut(u64) -> Result<()> + Send + 'static) -> Self {
        self.fates.lock().expect("no panic").insert(task.into(), Box::new(fate));
        self
    }

    /// The same tasks in another process.
    pub(crate) fn same_world(&self) -> Self {
        Self { effects: Arc::clone(&self.effects), ..Self::default() }
    }

    pub(crate) fn worked(&self) -> Vec<String> {
        self.worked.lock().expect("no panic").clone()
    }
}

pub(crate) fn three() -> Vec<TaskUnit> {
    vec![
        TaskUnit::new("backup", "Backup DB"),
        TaskUnit::new("migrate", "Run migrations"),
        TaskUnit::new("verify", "Verify schema"),
    ]
}

impl IncrementalTasks for &Migration {
    async fn define_tasks(&self, _cx: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(three())
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        let effects = Arc::clone(&self.effects);
        cx.step("do").once(move || async move { Ok(effects.fetch_add(1, Ordering::SeqCst)) }).await?;
        self.worked.lock().expect("no panic").push(task.id().into());
        let times = self.worked().iter().filter(|worked| *worked == task.id()).count() as u64;
        match self.fates.lock().expect("no panic").get_mut(task.id()) {
            Some(fate) => fate(times),
            None => Ok(()),
        }
    }
}

pub(crate) async fn bodies(run: &Run) -> Vec<Body> {
    events(run).await.into_iter().map(|event| event.body().clone()).collect()
}

pub(crate) async fn events(run: &Run) -> Vec<Event> {
    let mut events = run.events();
    let mut all = Vec::new();
    while let Some(event) = events.try_next().await.expect("a readable ledger") {
        all.push(event);
    }
    all
}

pub(crate) async fn kinds(run: &Run) -> Vec<&'static str> {
    bodies(run).await.iter().map(Body::kind).collect()
}

pub(crate) fn failing(_: u64) -> Result<()> {
    Err(Failure::new("the disk is full"))
}
