//! Workers: they take runs that are due, drive them as far as they come, and leave them to whoever comes next.

mod elsewhere;
mod enqueue;
mod one;
mod places;
mod registry;
mod stats;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use artana_core::{IncarnationId, Name};
use artana_ports::{BeatError, Cancel, DueQuery, Leased};
use tokio::task::{JoinError, JoinSet};

use crate::{Error, Kernel, drive::Drive, send::passes};
use elsewhere::Elsewhere;
use one::Drives;
use places::{Limits, Origin, Places};

pub use enqueue::Enqueue;
pub(crate) use registry::Registry;
pub use stats::WorkerStats;

/// How long an idle worker waits before it asks again what is due.
const DEFAULT_POLL: Duration = Duration::from_secs(1);
/// How long a worker with few free places waits for more of them before it asks again, so that one question fills
/// several.
const LINGER: Duration = Duration::from_millis(50);
/// How many processes a run may kill in a row before it is parked.
const DEFAULT_PARK_AFTER: u32 = 5;

/// Takes runs that are due and drives them: those that were enqueued, whose time has come, that were sent what they
/// waited for, or whose process died.
///
/// Any number of workers, in any number of processes, may share one store; each run is driven by one of them.
///
/// # Example
///
/// ```no_run
/// # async fn work(kernel: artana_kernel::Kernel) -> Result<(), artana_kernel::Error> {
/// use artana_kernel::{Worker, WorkflowContext, terminated};
///
/// kernel.register("greet", |cx: WorkflowContext, name: String| async move {
///     Ok(cx.step("greet").model("demo/one").prompt(format!("Greet {name}")).await?.into_output())
/// })?;
/// Worker::new(&kernel).concurrency(32).run_until(terminated()).await?;
/// kernel.close().await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Worker {
    kernel: Kernel,
    concurrency: usize,
    per_tenant: Option<usize>,
    per_queue: BTreeMap<String, usize>,
    queues: Vec<String>,
    poll: Duration,
    park_after: u32,
    stats: stats::Shared,
}

impl Worker {
    /// Makes a worker that drives up to 16 runs at once, of all queues whose code is registered.
    #[must_use]
    pub fn new(kernel: &Kernel) -> Self {
        Self {
            kernel: kernel.clone(),
            concurrency: 16,
            per_tenant: None,
            per_queue: BTreeMap::new(),
            queues: Vec::new(),
            poll: DEFAULT_POLL,
            park_after: DEFAULT_PARK_AFTER,
            stats: stats::Shared::default(),
        }
    }

    /// Sets how many runs it drives at once.
    #[must_use]
    pub fn concurrency(mut self, runs: usize) -> Self {
        self.concurrency = runs.max(1);
        self
    }

    /// Sets how many runs of one tenant it drives at once.
    #[must_use]
    pub fn per_tenant(mut self, runs: usize) -> Self {
        self.per_tenant = Some(runs.max(1));
        self
    }

    /// Sets how many runs of a queue it drives at once.
    #[must_use]
    pub fn per_queue(mut self, queue: impl Into<String>, runs: usize) -> Self {
        self.per_queue.insert(queue.into(), runs.max(1));
        self
    }

    /// Takes runs of these queues only; of the queues named like the registered code, unless told.
    #[must_use]
    pub fn queues(mut self, queues: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.queues = queues.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how long it waits before it asks again what is due when nothing was; a second unless told. What this
    /// process itself enqueues or signals is seen at once.
    #[must_use]
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = every;
        self
    }

    /// Sets how many processes a run may kill in a row, or how often in a row its code may fail without an outcome,
    /// before it is parked: no worker then takes it until a person resumes it.
    #[must_use]
    pub fn park_after(mut self, crashes: u32) -> Self {
        self.park_after = crashes.max(1);
        self
    }

    /// Returns what the worker is at and has done; it may be asked while it works.
    #[must_use]
    pub fn stats(&self) -> WorkerStats {
        self.stats.now()
    }

    /// Waits until what the worker is at differs from what was seen, and returns it.
    pub async fn changed(&self, seen: WorkerStats) -> WorkerStats {
        self.stats.changed(seen).await
    }

    /// Works until `stop` is done, then drains: takes nothing new, lets the steps under way end, and leaves the runs
    /// to others.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] when the kernel was closed; [`Error::Store`] when the store can never answer again. One that is
    /// away for now, however long, is waited for.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is a crash, which is safe: others take the runs when this process counts as dead.
    pub async fn run_until(&self, stop: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let _busy = self.kernel.0.enter()?;
        let mut work = Work::new(self);
        let mut stop = std::pin::pin!(stop);
        let clock = &self.kernel.0.clock;
        let mut closing = self.kernel.0.closing.subscribe();
        let (mut poll, mut linger, mut lingers) = (clock.sleep(self.poll), clock.sleep(LINGER), false);
        // Nobody has looked yet, so there may be something due.
        let (mut asks, mut more) = (true, true);
        let ended = loop {
            if asks && self.has_room(&work.places, lingers) {
                more = match self.take(&mut work).await {
                    Ok(more) => more,
                    Err(error) => break Err(error),
                };
                (asks, linger, lingers) = (false, clock.sleep(LINGER), true);
            }
            tokio::select! {
                biased;
                () = &mut stop => break Ok(()),
                () = closing.cancelled() => break Err(Error::Closed),
                Some(done) = work.drives.join_next() => self.done(done),
                () = work.places.freed() => asks |= more,
                () = self.kernel.0.registry.knocked() => asks = true,
                () = &mut poll => {
                    poll = clock.sleep(self.poll);
                    asks = true;
                }
                () = &mut linger, if lingers => lingers = false,
            }
        };
        work.leave.cancel();
        self.stats.drains();
        while let Some(done) = work.drives.join_next().await {
            self.done(done);
        }
        ended
    }

    /// Returns whether there is a place to ask for, and not only few of them while it lingers.
    fn has_room(&self, places: &Places, lingers: bool) -> bool {
        let room = places.room();
        room >= self.concurrency.div_ceil(4) || (room > 0 && !lingers)
    }

    /// Takes what is due, as far as there is room. Returns whether more may be due.
    async fn take(&self, work: &mut Work) -> Result<bool, Error> {
        // Where a tenant or queue has a limit, one at a time says what is full before the next one is taken.
        let limited = self.per_tenant.is_some() || !self.per_queue.is_empty();
        loop {
            let room = work.places.room();
            if room == 0 {
                return Ok(true);
            }
            let Some(queues) = self.wanted() else { return Ok(false) };
            let Some(taker) = self.alive().await? else { return Ok(false) };
            let limit = if limited { 1 } else { room };
            let taking = self.kernel.0.leases.taking().await;
            let mut busy_queues = work.places.full_queues();
            busy_queues.extend(work.elsewhere.left(self.kernel.0.clock.elapsed()));
            let query = DueQuery {
                taker,
                queues,
                busy_queues,
                busy_tenants: work.places.full_tenants(),
                // What this process holds besides was taken in a reply that was lost, or could not be given back.
                driving: Some(taking.driving()),
                limit: u32::try_from(limit).unwrap_or(u32::MAX),
            };
            let busy = !query.busy_queues.is_empty() || !query.busy_tenants.is_empty();
            let taken = self.due(query).await?;
            let all = taken.len() < limit;
            for leased in taken {
                let drive = Arc::new(Drive::granted(taker, leased.epoch));
                taking.granted(&leased.run, &drive);
                self.begin(Granted { leased, taker, drive }, work);
            }
            drop(taking);
            if all {
                return Ok(busy);
            }
        }
    }

    fn begin(&self, granted: Granted, work: &mut Work) {
        let Leased { run, queue, .. } = &granted.leased;
        let place = work.places.take(Origin { tenant: run.tenant.clone(), queue: queue.clone() });
        self.stats.took();
        let (kernel, stats, park_after) = (self.kernel.clone(), self.stats.clone(), self.park_after);
        let elsewhere = Arc::clone(&work.elsewhere);
        let drives = Drives { kernel, park_after, stats, elsewhere, place: Mutex::new(Some(place)) };
        let leave = work.leave.subscribe();
        work.drives.spawn(async move { drives.drive(granted, leave).await });
    }

    /// Hears of a drive that is over. A drive catches panics of the code it drives, so a panic is one of the kernel's
    /// own.
    fn done(&self, done: Result<(), JoinError>) {
        if done.is_err() {
            tracing::error!("a drive was lost");
            self.stats.erred();
            self.stats.ended(stats::Ended::Left);
        }
    }

    /// Returns the living incarnation of this process; `None` while the store is away.
    async fn alive(&self) -> Result<Option<IncarnationId>, Error> {
        match self.kernel.0.lifeline.alive().await {
            Ok(life) => Ok(Some(life.id)),
            Err(Error::Store(error)) if passes(&error) => {
                tracing::warn!(code = error.code(), "a worker waits for the store");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the queues to take from; `None` where there are none yet.
    fn wanted(&self) -> Option<Vec<String>> {
        if !self.queues.is_empty() {
            return Some(self.queues.clone());
        }
        let names: Vec<String> = self.kernel.0.registry.names().iter().map(Name::to_string).collect();
        (!names.is_empty()).then_some(names)
    }

    /// Asks what is due. A store that is away for now is asked again later.
    async fn due(&self, query: DueQuery) -> Result<Vec<Leased>, Error> {
        match self.kernel.0.store.take_due(&query).await {
            Ok(taken) => Ok(taken),
            Err(BeatError::Lapsed) => {
                self.kernel.0.lifeline.lapsed(query.taker);
                Ok(Vec::new())
            }
            Err(BeatError::Store(error)) if passes(&error) => {
                tracing::warn!(code = error.code(), "a worker waits for the store");
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A run that was taken, and the right to drive it.
struct Granted {
    leased: Leased,
    taker: IncarnationId,
    drive: Arc<Drive>,
}

/// What a worker has under way.
struct Work {
    drives: JoinSet<()>,
    places: Places,
    elsewhere: Arc<Elsewhere>,
    /// Tells the drives to leave their runs to others.
    leave: Cancel,
}

impl Work {
    fn new(worker: &Worker) -> Self {
        let Worker { concurrency, per_tenant, per_queue, poll, .. } = worker;
        let limits = Limits { all: *concurrency, per_tenant: *per_tenant, per_queue: per_queue.clone() };
        Self {
            drives: JoinSet::new(),
            places: Places::new(limits),
            // Others that look as often have looked by then.
            elsewhere: Arc::new(Elsewhere::new(*poll * 2)),
            leave: Cancel::default(),
        }
    }
}

/// Waits until this process is asked to end: by SIGTERM or from the keyboard.
///
/// Where the system does not tell, it waits for ever.
pub async fn terminated() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let ends = async |kind| match signal(kind) {
            Ok(mut asked) => drop(asked.recv().await),
            Err(_) => std::future::pending().await,
        };
        tokio::select! {
            () = ends(SignalKind::terminate()) => {}
            () = ends(SignalKind::interrupt()) => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
