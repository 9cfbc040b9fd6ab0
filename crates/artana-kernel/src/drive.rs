//! The right to drive a run as a whole, as this process holds it. It decides nothing about what the run does.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use artana_core::{IncarnationId, Ordinal, RunId, RunRef, RunState, Status, StepKey, Timestamp, event::Wait};
use artana_ports::{Authority, Cancel, Cancellation, Epoch};

use crate::{
    Error, Run,
    ahead::Ahead,
    journal::{Capacity, Facts, Plan},
    workflow::{stay::Stay, waits::wait_started},
};

/// One drive of a run: its lease, once the first append has taken it.
#[derive(Debug, Default)]
pub(crate) struct Drive {
    lease: Mutex<Lease>,
    /// Of a child: where it belongs.
    above: Option<Above>,
    /// The fork to which a step moved the rest of the work.
    moved: Mutex<Option<Run>>,
    /// What steps of a compensation came to that is no answer.
    held: Mutex<Vec<(StepKey, Error)>>,
    /// What the run is about to be asked for again.
    pub(crate) ahead: Ahead,
    /// Tells what undoes something that the lease is lost. What the run's own steps do hears of its ending too.
    pub(crate) lost: Cancel,
}

#[derive(Debug, Default, Clone, Copy)]
struct Lease {
    held: Option<(IncarnationId, Epoch)>,
    lost: bool,
}

/// Where a child belongs. It is driven within its parent's drive: by the same process, in the same life.
#[derive(Debug, Clone)]
struct Above {
    parent: Run,
    step: StepKey,
    child: RunId,
}

impl Drive {
    /// The drive of a child, which is a step of its parent.
    pub(crate) fn within(parent: &Run, step: &StepKey, child: &RunId) -> Self {
        let above = Above { parent: parent.clone(), step: step.clone(), child: child.clone() };
        Self { above: Some(above), ..Self::default() }
    }

    /// A drive whose lease was granted before.
    pub(crate) fn granted(incarnation: IncarnationId, epoch: Epoch) -> Self {
        let lease = Lease { held: Some((incarnation, epoch)), lost: false };
        Self { lease: Mutex::new(lease), ..Self::default() }
    }

    /// The drive of the fork in which the rest is done: a child's fork belongs where the child does.
    pub(crate) fn of_the_rest(&self) -> Self {
        Self { above: self.above.clone(), ..Self::default() }
    }

    /// Notes that a step moved the rest of the work to a fork.
    pub(crate) fn move_to(&self, fork: Run) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Some(fork);
    }

    pub(crate) fn take_moved(&self) -> Option<Run> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes what a step of a compensation came to: what does not end it is held, whatever its code makes of that,
    /// until the same step has an answer.
    pub(crate) fn came_to<T>(&self, step: &StepKey, told: &Result<T, Error>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|(other, _)| other != step);
        held.extend(
            told.as_ref().err().filter(|error| !error.ends_undoing()).map(|error| (step.clone(), error.clone())),
        );
    }

    /// Takes the first of what is held.
    pub(crate) fn take_held(&self) -> Option<Error> {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        held.into_iter().next().map(|(_, error)| error)
    }

    fn lease(&self) -> std::sync::MutexGuard<'_, Lease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the authority of the next append; `None` once the lease is lost.
    pub(crate) fn authority(&self, incarnation: IncarnationId) -> Option<Authority> {
        let lease = *self.lease();
        match lease.held {
            _ if lease.lost => None,
            Some((_, epoch)) => Some(Authority::Driver(epoch)),
            None if self.above.as_ref().is_some_and(|above| !above.is_held_by(incarnation)) => None,
            None => Some(Authority::TakeLease(incarnation)),
        }
    }

    /// Returns whether it is the drive of a child.
    pub(crate) fn is_within(&self) -> bool {
        self.above.is_some()
    }

    /// Returns a run above a child that is paused or ending, as this process knows it: the child begins nothing then.
    pub(crate) fn stopped_above(&self) -> Option<(RunRef, Status)> {
        let Above { parent, .. } = self.above.as_ref()?;
        let stopped = parent.journal.with_state(|state| {
            (state.is_closing() || !state.pauses().is_empty()).then(|| (state.run().clone(), state.status()))
        });
        stopped.or_else(|| parent.driver()?.drive.stopped_above())
    }

    /// Before a child takes its lease, has its parent go on. If this process dies meanwhile, the parent is due, and
    /// with it the child.
    pub(crate) async fn goes_on_above(&self) -> Result<(), Error> {
        let takes = !self.is_lost() && self.lease().held.is_none();
        match &self.above {
            Some(above) if takes => above.goes_on().await,
            _ => Ok(()),
        }
    }

    /// Returns whether an append has taken the lease and none has given it back.
    pub(crate) fn is_held(&self) -> bool {
        let lease = *self.lease();
        lease.held.is_some() && !lease.lost
    }

    /// Returns the epoch of the lease, while it is held.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.lease().held.map(|(_, epoch)| epoch)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lease().lost
    }

    /// Notes what an append made of the lease.
    pub(crate) fn appended(&self, incarnation: IncarnationId, epoch: Option<Epoch>, released: bool) {
        let mut lease = self.lease();
        if let Some(epoch) = epoch {
            lease.held = Some((incarnation, epoch));
        }
        if released {
            lease.held = None;
        }
    }

    /// Notes that somebody else drives the run now, or that this process counts as dead.
    pub(crate) fn lose(&self) {
        self.lease().lost = true;
        self.lost.cancel();
    }
}

impl Above {
    fn is_held_by(&self, incarnation: IncarnationId) -> bool {
        let drive = self.parent.driver().map(|driven| &driven.drive);
        let lease = drive.map(|drive| *drive.lease()).unwrap_or_default();
        !lease.lost && lease.held.is_some_and(|(by, _)| by == incarnation)
    }

    /// Boxed, as the parent may be a child too.
    fn goes_on(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> {
        let Some(driven) = self.parent.driver().cloned() else { return Box::pin(async { Ok(()) }) };
        let (parent, step) = (self.parent.clone(), self.step.clone());
        let wait = Wait::Child(self.child.clone());
        let waits = driven.ordinal.map(|ordinal| wait_started(ordinal, wait));
        Box::pin(async move {
            let (key, held) = (step.clone(), driven.drive.is_held());
            let decide = move |state: &RunState, facts: &Facts<'_>| match waits.clone() {
                Some(waits) if state.is_suspended() => Plan::default().event(facts.id(), Some(&key), waits),
                _ if held => Ok(Plan::default()),
                _ => Ok(Plan::default().takes_lease()),
            };
            parent.journal.append_detached(parent.capacity(), Some(step), decide).await.map(drop)
        })
    }
}

/// On whose behalf a handle of a run acts that is driven as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Driven {
    pub(crate) drive: Arc<Drive>,
    /// At which place of a workflow the step was asked.
    pub(crate) ordinal: Option<Ordinal>,
    /// Whether it undoes something in a run that is ending.
    pub(crate) undoes: bool,
    /// What its driver was told, for the children that it drives.
    pub(crate) told: Told,
}

/// What whoever drives a run is told by whoever had it driven.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// An instant that has come on the store's clock, whatever this process's clock says.
    pub(crate) came: Option<Timestamp>,
    /// Tells that the run is to be left to others, as soon as nothing is being performed.
    pub(crate) leave: Option<Cancellation>,
    /// Of a child: whether it stays while it waits.
    pub(crate) stay: Option<Arc<Stay>>,
}

impl Driven {
    /// Acts for a drive, at no place of a workflow.
    pub(crate) fn by(drive: &Arc<Drive>) -> Self {
        Self { drive: Arc::clone(drive), ordinal: None, undoes: false, told: Told::default() }
    }
}

/// Gives the lease back when whoever drove the run is dropped in the middle of it, so that others need not wait for
/// this process to die.
#[derive(Debug)]
pub(crate) struct Dropped {
    run: Option<Run>,
    drive: Arc<Drive>,
}

impl Dropped {
    pub(crate) fn of(run: &Run, drive: &Arc<Drive>) -> Self {
        Self { run: Some(run.clone()), drive: Arc::clone(drive) }
    }

    /// Says that the drive came to its end.
    pub(crate) fn disarm(&mut self) {
        self.run = None;
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let Some(run) = self.run.take() else { return };
        // A step may have moved the rest to a fork, and nobody has heard of it.
        if let Some(fork) = self.drive.take_moved()
            && let Some(driven) = fork.driver().cloned()
        {
            drop(Self::of(&fork, &driven.drive));
        }
        if !self.drive.is_held() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let drive = Arc::clone(&self.drive);
        runtime.spawn(async move { release(&run, &drive).await });
    }
}

/// Gives back the lease of a run that nobody here goes on with.
pub(crate) async fn release(run: &Run, drive: &Arc<Drive>) {
    let release = |_: &RunState, _: &Facts<'_>| Ok(Plan::default().release());
    if let Err(error) = run.journal.append_detached(Capacity::Drive(Arc::clone(drive)), None, release).await {
        tracing::warn!(run = %run.name(), code = error.code(), "the right to drive the run could not be given back");
    }
}
