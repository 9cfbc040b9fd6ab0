//! One run as this process knows it: its folded state, its flights, and the one way to append.
//!
//! Waiting entries are decided in order on one fold and leave in one append, so that many tasks on
//! one run do not fight. An entry is decided again after every conflict; what it decides is pure.

mod content;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use artana_core::{
    Digester, Event, EventId, Genesis, Head, IncarnationId, RunId, RunKey, RunRef, RunState, Seq, StepKey,
    decide::OwnerLife,
    limits::{MAX_PAGE_EVENTS, MAX_RUN_EVENTS},
    verify::{BreakKind, Chain, ChainBreak},
};
use artana_ports::{AppendError, Authority, Cancel, Release};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use crate::{
    Error,
    assembly::{Assembly, Sealed},
    drive::Drive,
    error::append_failed,
    flight::Flights,
    load,
    send::{MAX_BACKOFF, event_after, passes, send},
    shared::Shared,
    touched::Touched,
    workflow::moved,
};
pub(crate) use crate::{
    assembly::{Facts, Plan},
    capacity::Capacity,
};

/// Most entries that leave in one append; each has at most a handful of events.
const MAX_ENTRIES: usize = 64;
/// Events kept free at a run's end for outcomes, resolutions and the last event.
const RESERVED_EVENTS: u64 = 10_000;
/// The wait before a child is asked for again that somebody else has taken.
const CONTENDED: Duration = Duration::from_millis(20);

/// A run as this process knows it.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) shared: Arc<Shared>,
    pub(crate) run: RunRef,
    pub(crate) genesis: Genesis,
    pub(crate) flights: Arc<Flights>,
    pub(crate) cancel: Cancel,
    digester: Digester,
    state: Mutex<RunState>,
    /// What this process changed in it lately; taken after the state.
    touched: Mutex<Touched>,
    waiting: Mutex<VecDeque<Entry>>,
    /// What needs a lease that somebody else has for a moment. It holds up nobody.
    contended: Mutex<Vec<Entry>>,
    commit: AsyncMutex<()>,
    /// Held by whoever drives the run as a whole in this process.
    pub(crate) driving: Arc<AsyncMutex<()>>,
}

type Decide = Box<dyn FnMut(&RunState, &Facts<'_>) -> Result<Plan, Error> + Send + Sync>;

struct Entry {
    capacity: Capacity,
    step: Option<StepKey>,
    decide: Decide,
    reply: oneshot::Sender<Result<Vec<Event>, Error>>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("capacity", &self.capacity).field("step", &self.step).finish_non_exhaustive()
    }
}

impl Journal {
    pub(crate) fn new(shared: Arc<Shared>, state: RunState, key: &RunKey) -> Self {
        Self {
            shared,
            run: state.run().clone(),
            genesis: state.genesis().clone(),
            flights: Arc::default(),
            cancel: Cancel::default(),
            digester: key.digester(),
            touched: Mutex::new(Touched::after(state.head().seq)),
            state: Mutex::new(state),
            waiting: Mutex::default(),
            contended: Mutex::default(),
            commit: AsyncMutex::new(()),
            driving: Arc::default(),
        }
    }

    /// Looks at the folded state as this process knows it.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&RunState) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the head, and the steps touched since a position; `None` for these where it is not known.
    pub(crate) fn touched_since(&self, seq: Option<Seq>) -> (Seq, Option<Vec<StepKey>>) {
        self.with_state(|state| (state.head().seq, seq.and_then(|seq| self.touched().since(seq))))
    }

    fn touched(&self) -> std::sync::MutexGuard<'_, Touched> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one event of this run, or of an ancestor whose events it shares.
    pub(crate) async fn event_of(&self, holder: &RunId, at: Seq) -> Result<Event, Error> {
        let run = RunRef::new(self.run.tenant.clone(), holder.clone());
        load::event(&*self.shared.store, &run, at).await
    }

    /// Reads what others appended, in a task of its own: a caller that stops polling must not keep
    /// the lock from everybody else.
    pub(crate) async fn refresh(self: &Arc<Self>) -> Result<(), Error> {
        let journal = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _writing = journal.commit.lock().await;
            journal.catch_up().await.map(drop)
        });
        task.await.unwrap_or_else(|_| Err(Error::Internal("a read's task was lost".into())))
    }

    /// Waits until somebody has appended after a position, and reads that, however often the store is away meanwhile.
    pub(crate) async fn hears(self: &Arc<Self>, after: Seq) -> Result<(), Error> {
        loop {
            let heard = async {
                self.shared.store.follow(&self.run, after).await?;
                self.refresh().await
            };
            match heard.await {
                Err(Error::Store(error)) if passes(&error) => self.shared.clock.sleep(MAX_BACKOFF).await,
                heard => return heard,
            }
        }
    }

    /// Says who works on a step, and whether they live.
    pub(crate) async fn owner_life(&self, step: &StepKey) -> Result<(Option<IncarnationId>, OwnerLife), Error> {
        let Some(owner) = self.with_state(|state| state.owner(step)) else { return Ok((None, OwnerLife::Dead)) };
        if self.flights.landing(step).is_some() {
            return Ok((Some(owner), OwnerLife::Here));
        }
        if self.shared.lifeline.current().is_some_and(|life| life.id == owner) {
            return Ok((Some(owner), OwnerLife::Dead));
        }
        if self.shared.store.alive(&[owner]).await?.first().copied().unwrap_or(false) {
            return Ok((Some(owner), OwnerLife::Alive));
        }
        // Whatever the store's clock does next, nobody will judge otherwise.
        self.shared.store.retire(owner).await?;
        Ok((Some(owner), OwnerLife::Dead))
    }

    /// Appends what `decide` plans, together with whatever else is waiting, and returns the events.
    ///
    /// `decide` sees the latest state and may be asked several times; an error it returns is the answer.
    pub(crate) async fn append(
        self: &Arc<Self>,
        capacity: Capacity,
        step: Option<StepKey>,
        decide: impl FnMut(&RunState, &Facts<'_>) -> Result<Plan, Error> + Send + Sync + 'static,
    ) -> Result<Vec<Event>, Error> {
        let appended = self.append_only(capacity, step, decide).await?;
        if !appended.is_empty() {
            moved::tell(self).await;
        }
        Ok(appended)
    }

    async fn append_only(
        &self,
        capacity: Capacity,
        step: Option<StepKey>,
        decide: impl FnMut(&RunState, &Facts<'_>) -> Result<Plan, Error> + Send + Sync + 'static,
    ) -> Result<Vec<Event>, Error> {
        let (reply, mut answer) = oneshot::channel();
        let entry = Entry { capacity, step, decide: Box::new(decide), reply };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(entry);
        loop {
            let writing = self.commit.lock().await;
            loop {
                match answer.try_recv() {
                    Ok(answered) => return answered,
                    Err(oneshot::error::TryRecvError::Closed) => {
                        return Err(Error::Internal("an entry was dropped unanswered".into()));
                    }
                    Err(oneshot::error::TryRecvError::Empty) if self.commit_waiting().await => {}
                    Err(oneshot::error::TryRecvError::Empty) => break,
                }
            }
            drop(writing);
            self.shared.clock.sleep(CONTENDED).await;
            let contended = std::mem::take(&mut *self.contended.lock().unwrap_or_else(PoisonError::into_inner));
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(contended);
        }
    }

    /// Like [`Journal::append`], in a task of its own: the caller may go without taking along what
    /// others are waiting for.
    pub(crate) async fn append_detached(
        self: &Arc<Self>,
        capacity: Capacity,
        step: Option<StepKey>,
        decide: impl FnMut(&RunState, &Facts<'_>) -> Result<Plan, Error> + Send + Sync + 'static,
    ) -> Result<Vec<Event>, Error> {
        let (journal, busy) = (Arc::clone(self), self.shared.enter()?);
        let task = tokio::spawn(async move {
            let appended = journal.append(capacity, step, decide).await;
            drop(busy);
            appended
        });
        task.await.unwrap_or_else(|_| Err(Error::Internal("an append's task was lost".into())))
    }

    /// Returns whether anything waited.
    async fn commit_waiting(&self) -> bool {
        let mut batch = self.take_batch();
        let waited = !batch.is_empty();
        let mut alone = VecDeque::new();
        while !batch.is_empty() {
            match self.try_commit(&mut batch).await {
                Round::Done => {}
                Round::Again => continue,
                Round::Singly => alone.extend(batch.drain(..).map(|entry| vec![entry])),
                Round::Later => {
                    self.contended.lock().unwrap_or_else(PoisonError::into_inner).append(&mut batch);
                }
                Round::Failed(error) => {
                    for entry in batch.drain(..) {
                        let _ = entry.reply.send(Err(error.clone()));
                    }
                }
            }
            if batch.is_empty() {
                batch = alone.pop_front().unwrap_or_default();
            }
        }
        waited
    }

    /// Takes the entries that can leave together: of different steps, so that none depends on
    /// another's events, and made in the same capacity. An entry of the run itself goes alone.
    fn take_batch(&self) -> Vec<Entry> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Vec::new();
        let mut steps = BTreeSet::new();
        let mut later = VecDeque::new();
        while let Some(entry) = waiting.pop_front() {
            let first = batch.is_empty();
            let joins = match &entry.step {
                Some(step) => {
                    entry.capacity.joins(batch.iter().map(|entry: &Entry| &entry.capacity))
                        && steps.insert(step.clone())
                }
                None => false,
            };
            if first || (joins && batch.len() < MAX_ENTRIES) {
                let closed = !joins;
                batch.push(entry);
                if closed {
                    break;
                }
            } else {
                later.push_back(entry);
                if !joins {
                    break;
                }
            }
        }
        later.append(&mut waiting);
        *waiting = later;
        batch
    }

    async fn try_commit(&self, batch: &mut Vec<Entry>) -> Round {
        let drive = drive_of(batch);
        if let Some(drive) = &drive
            && let Err(error) = drive.goes_on_above().await
        {
            return if batch.len() > 1 { Round::Singly } else { Round::Failed(error) };
        }
        let incarnation = match self.incarnation(batch).await {
            Ok(incarnation) => incarnation,
            Err(error) => return Round::Failed(error),
        };
        let authority = match authority(batch, incarnation) {
            Some(authority) => authority,
            None if batch.len() > 1 => return Round::Singly,
            None => return Round::Failed(Error::LeaseLost(self.run.clone())),
        };
        if let (Authority::TakeLease(_), Some(drive)) = (&authority, &drive) {
            self.shared.leases.takes(&self.run, drive).await;
        }
        let Some(sealed) = self.plan(batch, incarnation, authority.clone()) else { return Round::Done };
        let first = sealed.append.events.first().map(|event| event.event_id);
        let releases = sealed.append.releases.contains(&Release::Lease);
        let takes = matches!(authority, Authority::TakeLease(_));
        match send(&self.shared, sealed.append).await {
            Ok(appended) => {
                if let Some(drive) = drive {
                    drive.appended(incarnation, appended.epoch, releases);
                }
                self.settle(batch, sealed.events)
            }
            Err(AppendError::Conflict { actual }) => self.after_conflict(batch, actual, first, sealed.events).await,
            Err(AppendError::Lapsed | AppendError::Fenced { .. }) if outcomes_refused(batch, &authority) => {
                Round::Singly
            }
            Err(AppendError::Lapsed) if matches!(authority, Authority::Driver(_)) => {
                drive.iter().for_each(|drive| drive.lose());
                Round::Failed(Error::LeaseLost(self.run.clone()))
            }
            Err(AppendError::Lapsed) => {
                self.shared.lifeline.lapsed(incarnation);
                Round::Again
            }
            // Whoever holds a child without its parent finds that out, and gives it back.
            Err(AppendError::Fenced { .. }) if drive.as_ref().is_some_and(|drive| drive.is_within()) && takes => {
                Round::Later
            }
            Err(error @ AppendError::Fenced { .. }) => {
                drive.iter().for_each(|drive| drive.lose());
                Round::Failed(append_failed(&self.run, error))
            }
            Err(AppendError::Denied(_) | AppendError::TooLarge(_)) if batch.len() > 1 => Round::Singly,
            Err(error) => Round::Failed(append_failed(&self.run, error)),
        }
    }

    /// An outcome alone needs no living incarnation.
    async fn incarnation(&self, batch: &[Entry]) -> Result<IncarnationId, Error> {
        let lifeline = &self.shared.lifeline;
        match batch {
            [Entry { capacity: Capacity::Outcome(_) | Capacity::Outside(_), .. }] => {
                Ok(lifeline.current().map_or(IncarnationId::from_bytes([0; 16]), |life| life.id))
            }
            _ => Ok(lifeline.alive().await?.id),
        }
    }

    /// Asks each entry what it wants on the present state; those that want nothing are answered,
    /// and those that would make the append too large wait for the next one.
    fn plan(&self, batch: &mut Vec<Entry>, incarnation: IncarnationId, authority: Authority) -> Option<Sealed> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = Facts::new(incarnation, self.shared.clock.now(), &self.shared);
        let mut assembly = Assembly::new(&state);
        let (mut kept, mut rest) = (Vec::new(), Vec::new());
        for mut entry in batch.drain(..) {
            let planned = (entry.decide)(&state, &facts).and_then(|plan| may_ask(&state, &entry, &plan).map(|()| plan));
            match planned {
                Err(error) => drop(entry.reply.send(Err(error))),
                Ok(plan) if plan.is_empty() => drop(entry.reply.send(Ok(Vec::new()))),
                Ok(plan) if !assembly.has_room_for(&plan) => rest.push(entry),
                Ok(plan) => match assembly.add(plan, facts.now) {
                    Ok(()) => kept.push(entry),
                    Err(error) => drop(entry.reply.send(Err(error))),
                },
            }
        }
        assembly.close(&facts);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        rest.into_iter().rev().for_each(|entry| waiting.push_front(entry));
        *batch = kept;
        (!batch.is_empty()).then(|| assembly.finish(authority))
    }

    /// A conflict may be with our own batch, whose commit went unseen. A conflict with nothing to
    /// read is a recorded head that the chain does not lead to.
    async fn after_conflict(
        &self,
        batch: &mut Vec<Entry>,
        actual: Option<Head>,
        first: Option<EventId>,
        events: Vec<Vec<Event>>,
    ) -> Round {
        let expected = self.with_state(RunState::head);
        let next = match event_after(&self.shared, &self.run, expected.seq).await {
            Ok(next) => next,
            Err(error) => return Round::Failed(error.into()),
        };
        if next.is_some() && next == first {
            return self.settle(batch, events);
        }
        match self.catch_up().await {
            Ok(0) if actual != Some(expected) => {
                let found = actual.map_or_else(|| "none".into(), |head| format!("{} {}", head.seq, head.hash));
                let shown = format!("{} {}", expected.seq, expected.hash);
                let broken = ChainBreak::new(BreakKind::HeadMismatch, expected.seq, shown, found);
                Round::Failed(Error::damaged(&self.run, broken))
            }
            Ok(_) => Round::Again,
            Err(error) => Round::Failed(error),
        }
    }

    fn settle(&self, batch: &mut Vec<Entry>, events: Vec<Vec<Event>>) -> Round {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events.iter().flatten() {
            if let Err(error) = state.apply(event) {
                return Round::Failed(error.into());
            }
            self.touched().note(event);
        }
        drop(state);
        self.shared.observed(&self.run, events.iter().flatten());
        for (entry, events) in batch.drain(..).zip(events) {
            let _ = entry.reply.send(Ok(events));
        }
        Round::Done
    }

    /// Folds what others appended, and returns how many events that were. A run that somebody else
    /// is ending tells so to the calls that are under way here.
    async fn catch_up(&self) -> Result<usize, Error> {
        let mut folded = 0;
        loop {
            let head = self.with_state(RunState::head);
            let rows = self.shared.store.read(&self.run, head.seq, MAX_PAGE_EVENTS).await?;
            if rows.is_empty() {
                return Ok(folded);
            }
            folded += rows.len();
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut chain = Chain::resume(self.run.clone(), state.head());
            load::extend(&self.run, &mut chain, &mut state, rows)?;
            self.touched().forget(state.head().seq);
            if state.is_closing() {
                self.cancel.cancel();
            }
        }
    }
}

enum Round {
    Done,
    Again,
    Later,
    Singly,
    Failed(Error),
}

/// Outcomes that were refused together with requests, or under a dead incarnation, go on alone.
fn outcomes_refused(batch: &[Entry], authority: &Authority) -> bool {
    let outcome = |entry: &Entry| matches!(entry.capacity, Capacity::Outcome(_));
    !matches!(authority, Authority::Late(_)) && batch.len() > 1 && batch.iter().any(outcome)
}

/// Returns the authority of a batch; `None` where it needs a lease that is lost.
fn authority(batch: &[Entry], incarnation: IncarnationId) -> Option<Authority> {
    match batch {
        [Entry { capacity: Capacity::Outcome(request), .. }] => Some(Authority::Late(*request)),
        [Entry { capacity: Capacity::Outside(actor), .. }] => Some(Authority::Outside(actor.clone())),
        _ => drive_of(batch).map_or(Some(Authority::Plain(incarnation)), |drive| drive.authority(incarnation)),
    }
}

fn drive_of(batch: &[Entry]) -> Option<Arc<Drive>> {
    batch.iter().find_map(|entry| match &entry.capacity {
        Capacity::Drive(drive) => Some(Arc::clone(drive)),
        _ => None,
    })
}

/// A run near its bound takes no new request, so that there is room for the outcomes of those it has. A workflow that is
/// ending is undone by its own code, and by nobody else who happens to know the keys. A child begins nothing while a run
/// above it is stopped.
fn may_ask(state: &RunState, entry: &Entry, plan: &Plan) -> Result<(), Error> {
    let asks = matches!(entry.capacity, Capacity::Request | Capacity::Drive(_));
    if asks && state.head().seq.get() + RESERVED_EVENTS > MAX_RUN_EVENTS {
        return Err(Error::TooLarge(format!("a run has at most {MAX_RUN_EVENTS} events; go on in another one")));
    }
    let is_new = entry.step.as_ref().is_some_and(|step| state.step(step).is_none());
    if matches!(entry.capacity, Capacity::Request) && is_new && state.is_closing() {
        return Err(Error::NotRunning { run: state.run().clone(), status: state.status() });
    }
    if let Capacity::Drive(drive) = &entry.capacity
        && plan.begins
        && !state.is_closing()
        && let Some((run, status)) = drive.stopped_above()
    {
        return Err(Error::NotRunning { run, status });
    }
    Ok(())
}
