//! What all runs of a process share: ports, tools, models, and the runs that are open.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use artana_core::{Event, EventId, ModelId, RunRef, Timestamp, ToolName, cost::PriceTable, decide::ReplayPolicy};
use artana_ports::{Cancel, Clock, Entropy, EventStore, ModelPort, Observer, ToolPort};

use crate::{
    Error,
    journal::Journal,
    leases::Leases,
    lifeline::{Busy, Lifeline},
    worker::Registry,
};

/// Runs whose folded state is kept although no handle of them lives.
const CACHED_RUNS: usize = 256;

/// Who is asked for which models.
#[derive(Debug, Default)]
pub(crate) struct Models {
    pub(crate) any: Option<Arc<dyn ModelPort>>,
    pub(crate) of: BTreeMap<String, Arc<dyn ModelPort>>,
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
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) journals: Mutex<HashMap<RunRef, Arc<Journal>>>,
    /// Code that workers may drive, by the name under which it is registered.
    pub(crate) registry: Registry,
    /// Which runs this process drives.
    pub(crate) leases: Leases,
    pub(crate) closed: AtomicBool,
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

    pub(crate) fn cached(&self, run: &RunRef) -> Option<Arc<Journal>> {
        self.journals.lock().unwrap_or_else(PoisonError::into_inner).get(run).cloned()
    }

    /// Keeps a journal for all handles of its run; runs without a handle make room for it.
    pub(crate) fn keep(&self, journal: Journal) -> Arc<Journal> {
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        if journals.len() >= CACHED_RUNS {
            journals.retain(|_, journal| Arc::strong_count(journal) > 1);
        }
        let run = journal.run.clone();
        Arc::clone(journals.entry(run).or_insert_with(|| Arc::new(journal)))
    }
}
