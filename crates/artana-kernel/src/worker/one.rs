//! One run that a worker took: driven as far as it comes, tried again after an error, parked when it gets nowhere.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artana_core::{
    ContentRef, IncarnationId, Name, RunRef, RunState, Tenant,
    event::{DriverChanged, RunParked},
};
use artana_ports::{Cancellation, Leased};

use super::{
    Granted,
    elsewhere::Elsewhere,
    places::Place,
    stats::{Ended, Shared},
};
use crate::{
    Error, Failure, Kernel, Run,
    code::text_of,
    drive::{Drive, Told},
    journal::{Capacity, Facts, Plan},
    send::passes,
    workflow::{
        End, child,
        driver::{Lead, drive},
    },
};

/// The wait after a drive that ended in an error; it doubles with each further one.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest wait between two drives.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// How long a run that has rested waits for a place of its worker before it is left to whoever has one.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What drives one run for a worker.
pub(super) struct Drives {
    pub(super) kernel: Kernel,
    pub(super) park_after: u32,
    pub(super) stats: Shared,
    pub(super) elsewhere: Arc<Elsewhere>,
    /// Its place among the others; none while it rests.
    pub(super) place: Mutex<Option<Place>>,
}

/// A run that was taken, as it stands when it is looked at.
struct Taken {
    run: Run,
    drive: Arc<Drive>,
    /// From which queue it was taken, or would have been.
    queue: String,
    /// Under which name its code is registered.
    name: Option<Name>,
}

/// Whose code drives a child.
struct Above {
    run: Run,
    name: Name,
    /// The run between, or that one, which somebody paused.
    paused: Option<RunRef>,
}

/// Returns whether the run is paused, so that nothing begins in it or in its children.
fn is_stopped(state: &RunState) -> bool {
    !state.is_closing() && !state.pauses().is_empty()
}

impl Drives {
    /// Drives a run that was taken. What goes wrong with it is its own matter, and no other run's.
    ///
    /// A lease that cannot be given back is taken again: no drive of this process has it any more.
    pub(super) async fn drive(&self, granted: Granted, leave: Cancellation) {
        let run = granted.leased.run.clone();
        let ended = match self.driven(granted, leave).await {
            Ok(ended) => ended,
            Err(error) => {
                tracing::warn!(%run, code = error.code(), "a run could not be driven");
                self.stats.erred();
                Ended::Left
            }
        };
        self.stats.ended(ended);
    }

    async fn driven(&self, granted: Granted, leave: Cancellation) -> Result<Ended, Error> {
        let taken = self.open(&granted, &leave).await?;
        let ended = self.goes(&taken, &granted, leave).await;
        // Whoever drove it to its end, or left it, has mostly given the lease back already.
        if taken.drive.is_held() {
            self.release(&taken).await?;
        }
        ended
    }

    async fn goes(
        &self,
        taken: &Taken,
        Granted { leased, taker, .. }: &Granted,
        leave: Cancellation,
    ) -> Result<Ended, Error> {
        taken.run.journal.with_state(crate::control::drivable)?;
        if let Some(died) = leased.died {
            self.stats.took_over();
            if self.took_over(taken, died, *taker).await? >= self.park_after {
                return self.park(taken, None).await;
            }
        }
        let told = Told { came: Some(leased.due_at), leave: Some(leave), stay: None };
        match taken.name.clone() {
            Some(name) => self.drive_on(taken, &name, &told).await,
            None => self.drive_parent(taken, &told).await,
        }
    }

    /// Drives registered code as far as it comes, again after an error, until it is parked.
    async fn drive_on(&self, taken: &Taken, name: &Name, told: &Told) -> Result<Ended, Error> {
        let (mut failures, mut rest) = (0, FIRST_REST);
        loop {
            let before = taken.run.journal.with_state(RunState::head);
            let lead = Lead { drive: Arc::clone(&taken.drive), told: told.clone(), keeps: true };
            let error = match ended(self.once(&taken.run, name, lead).await)? {
                Ok(ended) => return Ok(ended),
                Err(error) => error,
            };
            tracing::warn!(run = %taken.run.name(), code = error.code(), "a run could not go on: {error}");
            self.stats.erred();
            if let Error::UnknownWorkflow { .. } = &error {
                // That says something of this process, and nothing of the run.
                let kept = self.elsewhere.met(&taken.queue, self.kernel.0.clock.elapsed());
                let is_here = || self.kernel.0.registry.find(name).is_some();
                if self.rests_apart(kept, told.leave.as_ref(), is_here).await {
                    continue;
                }
                self.release(taken).await?;
                return Ok(Ended::Left);
            }
            if taken.run.journal.with_state(RunState::head) != before {
                (failures, rest) = (0, FIRST_REST);
            }
            // That the store is away is no fault of the run.
            failures += u32::from(!matches!(&error, Error::Store(store) if passes(store)));
            if failures >= self.park_after {
                return self.park(taken, Some(&error)).await;
            }
            if !self.rests_apart(rest, told.leave.as_ref(), || true).await {
                self.release(taken).await?;
                return Ok(Ended::Left);
            }
            rest = (rest * 2).min(LONGEST_REST);
        }
    }

    /// Drives registered code once, as far as it comes.
    async fn once(&self, run: &Run, name: &Name, lead: Lead) -> Result<End, Error> {
        let Some(begin) = self.kernel.0.registry.find(name) else {
            return Err(Error::UnknownWorkflow { run: run.name().clone(), name: name.clone() });
        };
        let input = run.journal.with_state(|state| state.started().workflow.as_ref().and_then(|it| it.input));
        let input = match input {
            Some(input) => run
                .content(&input)
                .await?
                .ok_or_else(|| Error::Said { run: run.name().clone(), problem: "its input was erased".into() })?,
            None => b"null".to_vec(),
        };
        match begin(&input) {
            Ok(begun) => drive(run, begun, lead).await,
            // Nothing was ever asked, so there is nothing to undo either.
            Err(_) if run.journal.with_state(|state| state.is_closing() && state.program().last().is_none()) => {
                drive(run, |_| Box::pin(async { Err(Failure::new("it ends before it began")) }), lead).await
            }
            // Other code may read it.
            Err(problem) => {
                let problem = format!("its input cannot be read: {problem}");
                Err(Error::Said { run: run.name().clone(), problem })
            }
        }
    }

    /// A child's code is its parent's, so the parent is driven, which takes its lease first: whoever has that has the
    /// child too, and the child is given back at once.
    async fn drive_parent(&self, taken: &Taken, told: &Told) -> Result<Ended, Error> {
        let Some(Above { run, name, .. }) = self.above(&taken.run).await? else {
            return self.park(taken, Some(&Error::Orphaned(taken.run.name().clone()))).await;
        };
        let parent = Taken { run, drive: Arc::default(), queue: taken.queue.clone(), name: None };
        let is_driven_here =
            parent.run.journal.driving.try_lock().is_err() || self.kernel.0.leases.is_held(parent.run.name());
        if is_driven_here || !self.holds(&parent).await? {
            self.give_back(taken).await?;
            // It is due until whoever has it goes on with it: there is time until it is worth another look.
            self.rests(FIRST_REST, told.leave.as_ref()).await;
            return Ok(Ended::Left);
        }
        let driven = self.drive_held(taken, &parent, &name, told).await;
        self.give_back(&parent).await?;
        self.give_back(taken).await?;
        driven
    }

    async fn drive_held(&self, taken: &Taken, parent: &Taken, name: &Name, told: &Told) -> Result<Ended, Error> {
        // Nobody else drives the runs above now, so none of them goes on unseen while the child is blocked.
        match self.above(&taken.run).await? {
            Some(Above { paused: Some(paused), .. }) => {
                child::block(&taken.run, &paused).await?;
                Ok(Ended::Left)
            }
            Some(_) => self.drive_on(parent, name, told).await,
            None => self.park(taken, Some(&Error::Orphaned(taken.run.name().clone()))).await,
        }
    }

    /// Takes a run's lease. Returns whether nobody else has it.
    async fn holds(&self, taken: &Taken) -> Result<bool, Error> {
        let capacity = Capacity::Drive(Arc::clone(&taken.drive));
        let takes = |_: &RunState, _: &Facts<'_>| Ok(Plan::default().takes_lease());
        match taken.run.journal.append_detached(capacity, None, takes).await {
            Ok(_) => Ok(true),
            Err(Error::Fenced { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives back a lease that is still held. Driving a parent may have taken its child's anew, and given it back.
    async fn give_back(&self, taken: &Taken) -> Result<(), Error> {
        if !taken.drive.is_held() {
            return Ok(());
        }
        match self.release(taken).await {
            Err(Error::Fenced { .. } | Error::LeaseLost(_)) => Ok(()),
            given_back => given_back,
        }
    }

    /// Finds the run whose registered code drives a child, if it has not ended.
    async fn above(&self, child: &Run) -> Result<Option<Above>, Error> {
        let (mut run, mut paused) = (child.clone(), None);
        loop {
            let lineage = run.journal.with_state(|state| state.started().lineage.clone());
            let Some(lineage) = lineage else { return Ok(None) };
            let parent = RunRef::new(run.name().tenant.clone(), lineage.run);
            let journal = self.kernel.journal(&parent).await?;
            journal.refresh().await?;
            let (tenant, name, ended, stopped) = journal.with_state(|state| {
                let name = state.started().workflow.as_ref().and_then(|workflow| workflow.name.clone());
                (as_bound(state), name, state.finished().is_some(), is_stopped(state))
            });
            paused = paused.or_else(|| stopped.then_some(parent));
            run = Run::new(journal, tenant);
            match name {
                _ if ended => return Ok(None),
                Some(name) => return Ok(Some(Above { run, name, paused })),
                None => {}
            }
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits before another try, and has no place meanwhile: others can have it. Returns whether there is to be another
    /// try here: not where the worker leaves, or has no place for it while another one may have.
    async fn rests_apart(
        &self,
        rest: Duration,
        leave: Option<&Cancellation>,
        goes_on: impl Fn() -> bool + Send,
    ) -> bool {
        let place = self.place().take();
        let resting = match place.map(Place::rests) {
            Some(Ok(resting)) => resting,
            kept => {
                *self.place() = kept.and_then(Result::err);
                return !self.rests(rest, leave).await && goes_on();
            }
        };
        self.stats.rests();
        let mut back = None;
        if !self.rests(rest, leave).await && goes_on() {
            tokio::select! {
                biased;
                place = resting.back() => back = Some(place),
                _ = self.rests(LONGEST_WAIT, leave) => {}
            }
        }
        self.stats.goes_on();
        let goes_on = back.is_some();
        *self.place() = back;
        goes_on
    }

    /// Waits for a while. Returns whether the worker is told to leave meanwhile.
    async fn rests(&self, rest: Duration, leave: Option<&Cancellation>) -> bool {
        let mut leave = leave.cloned().unwrap_or_else(Cancellation::never);
        tokio::select! {
            biased;
            () = leave.cancelled() => true,
            () = self.kernel.0.clock.sleep(rest) => false,
        }
    }

    async fn release(&self, taken: &Taken) -> Result<(), Error> {
        let capacity = Capacity::Drive(Arc::clone(&taken.drive));
        let decide = |_: &RunState, _: &Facts<'_>| Ok(Plan::default().release());
        taken.run.journal.append_detached(capacity, None, decide).await.map(drop)
    }

    /// Opens a run that was taken. While the store is away nothing can be given back either, so it is waited for.
    async fn open(&self, granted: &Granted, leave: &Cancellation) -> Result<Taken, Error> {
        loop {
            match self.opened(&granted.leased, &granted.drive).await {
                Err(Error::Store(store)) if passes(&store) && !self.rests(FIRST_REST, Some(leave)).await => {}
                opened => return opened,
            }
        }
    }

    async fn opened(&self, leased: &Leased, drive: &Arc<Drive>) -> Result<Taken, Error> {
        let journal = self.kernel.journal(&leased.run).await?;
        journal.refresh().await?;
        let (tenant, name) = journal.with_state(|state| {
            let name = state.started().workflow.as_ref().and_then(|workflow| workflow.name.clone());
            (as_bound(state), name)
        });
        let queue = leased.queue.clone();
        Ok(Taken { run: Run::new(journal, tenant), drive: Arc::clone(drive), queue, name })
    }

    async fn took_over(&self, taken: &Taken, from: IncarnationId, to: IncarnationId) -> Result<u32, Error> {
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            if state.finished().is_some() {
                return Ok(Plan::default());
            }
            Plan::default().event(facts.id(), None, DriverChanged { from, to })
        };
        let capacity = Capacity::Drive(Arc::clone(&taken.drive));
        taken.run.journal.append_detached(capacity, None, decide).await?;
        Ok(taken.run.journal.with_state(|state| u32::try_from(state.died().len()).unwrap_or(u32::MAX)))
    }

    async fn park(&self, taken: &Taken, error: Option<&Error>) -> Result<Ended, Error> {
        let said = error.map(|error| text_of(&taken.run.journal, &error.to_string()));
        let (reason, content): (Option<ContentRef>, _) = said.unzip();
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            if state.finished().is_some() {
                return Ok(Plan::default().release());
            }
            let parked = RunParked { died: state.died().to_vec(), reason };
            Ok(Plan::default().event(facts.id(), None, parked)?.content(content.clone()).release())
        };
        let capacity = Capacity::Drive(Arc::clone(&taken.drive));
        taken.run.journal.append_detached(capacity, None, decide).await?;
        tracing::error!(run = %taken.run.name(), "the run was parked: it gets nowhere");
        Ok(Ended::Parked)
    }
}

/// A run's tenant, with what the run was bound to.
fn as_bound(state: &RunState) -> Tenant {
    let tenant = Tenant::new(state.run().tenant.as_str()).limits(state.limits());
    state.capabilities().iter().fold(tenant, |tenant, capability| tenant.capability(capability.as_str()))
}

/// Sorts how a drive ended from why it did not, and from why this process may not try again.
fn ended(driven: Result<End, Error>) -> Result<Result<Ended, Error>, Error> {
    match driven {
        Ok(End::Completed(_)) => Ok(Ok(Ended::Completed)),
        Ok(End::Suspended(_) | End::Left) => Ok(Ok(Ended::Left)),
        Err(Error::WorkflowFailed { .. } | Error::Ended { .. }) => Ok(Ok(Ended::Failed)),
        Err(error) if error.needs_reconciliation() => Ok(Ok(Ended::Left)),
        Err(error @ (Error::Fenced { .. } | Error::LeaseLost { .. } | Error::Closed)) => Err(error),
        Err(error) => Ok(Err(error)),
    }
}
