//! One run as this process knows it: its folded state, its flights, and the one way to append.
//!
//! Waiting entries are decided in order on one fold and leave in one append, so that many tasks on
//! one run do not fight. An entry is decided again after every conflict; what it decides is pure.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use artana_core::{
    Content, ContentRef, ContentType, Digester, Draft, Event, EventId, Genesis, IncarnationId, Projection, RequestId,
    RunKey, RunRef, RunState, Seq, Stamp, StepKey, Timestamp,
    decide::OwnerLife,
    event::Body,
    limits::{MAX_APPEND_BYTES, MAX_PAYLOAD_BYTES},
    seal,
    verify::Chain,
};
use artana_ports::{Append, AppendError, Authority, Cancel};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use crate::{Error, builder::Shared, error::append_failed, flight::Flights, load};

/// Most entries that leave in one append; each has at most a handful of events.
const MAX_ENTRIES: usize = 64;
/// The wait before a batch of unknown fate is sent again; it doubles up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(5);
/// The longest wait between two tries.
pub(crate) const MAX_BACKOFF: Duration = Duration::from_secs(5);

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
    waiting: Mutex<VecDeque<Entry>>,
    commit: AsyncMutex<()>,
}

/// What an entry decides on, besides the fold.
pub(crate) struct Facts<'a> {
    pub(crate) incarnation: IncarnationId,
    pub(crate) now: Timestamp,
    shared: &'a Shared,
}

impl Facts<'_> {
    /// Makes an event id.
    pub(crate) fn id(&self) -> EventId {
        self.shared.event_id(self.now)
    }
}

/// What an entry wants appended.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The drafts, each with its event's id.
    pub(crate) drafts: Vec<(EventId, Draft)>,
    /// The content they refer to.
    pub(crate) content: Vec<Content>,
}

impl Plan {
    /// Adds an event of a step, or of the run itself.
    pub(crate) fn event(mut self, id: EventId, step: Option<&StepKey>, body: impl Into<Body>) -> Result<Self, Error> {
        self.drafts.push((id, Draft::new(step.cloned(), body)?));
        Ok(self)
    }

    /// Adds content.
    pub(crate) fn content(mut self, content: impl IntoIterator<Item = Content>) -> Self {
        self.content.extend(content);
        self
    }

    fn bytes(&self) -> usize {
        self.content.iter().map(|content| content.bytes.len()).sum::<usize>() + self.drafts.len() * MAX_PAYLOAD_BYTES
    }
}

/// In what capacity an entry is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// A request, or a request with its outcome: needs a living incarnation and an unleased run.
    Request,
    /// The outcome of an effect that has begun: accepted whatever has become of this incarnation.
    Outcome(RequestId),
    /// A person or the outside world.
    Outside(artana_core::Actor),
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
            state: Mutex::new(state),
            waiting: Mutex::default(),
            commit: AsyncMutex::new(()),
        }
    }

    /// Looks at the folded state as this process knows it.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&RunState) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes content of bytes: what the vault gets, and what a payload says.
    pub(crate) fn content(&self, kind: ContentType, bytes: Vec<u8>) -> (ContentRef, Content) {
        let digest = self.digester.digest(&bytes);
        (ContentRef { digest, len: bytes.len() as u64, kind }, Content { digest, bytes })
    }

    /// Reads a piece of content an event refers to; `None` where it was erased.
    pub(crate) async fn read_content(&self, wanted: &ContentRef, seq: Seq) -> Result<Option<Vec<u8>>, Error> {
        load::content(&*self.shared.store, &self.genesis, wanted.digest, seq).await
    }

    /// Reads what others appended.
    pub(crate) async fn refresh(&self) -> Result<(), Error> {
        let _writing = self.commit.lock().await;
        self.catch_up().await
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
        let alive = self.shared.store.alive(&[owner]).await?.first().copied().unwrap_or(false);
        Ok((Some(owner), if alive { OwnerLife::Alive } else { OwnerLife::Dead }))
    }

    /// Appends what `decide` plans, together with whatever else is waiting, and returns the events.
    ///
    /// `decide` sees the latest state and may be asked several times; an error it returns is the answer.
    pub(crate) async fn append(
        &self,
        capacity: Capacity,
        step: Option<StepKey>,
        decide: impl FnMut(&RunState, &Facts<'_>) -> Result<Plan, Error> + Send + Sync + 'static,
    ) -> Result<Vec<Event>, Error> {
        let (reply, mut answer) = oneshot::channel();
        let entry = Entry { capacity, step, decide: Box::new(decide), reply };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(entry);
        let _writing = self.commit.lock().await;
        loop {
            match answer.try_recv() {
                Ok(answered) => return answered,
                Err(oneshot::error::TryRecvError::Closed) => {
                    return Err(Error::Internal("an entry was dropped unanswered".into()));
                }
                Err(oneshot::error::TryRecvError::Empty) => self.commit_waiting().await,
            }
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
        let (journal, busy) = (Arc::clone(self), self.shared.lifeline.busy());
        let task = tokio::spawn(async move {
            let appended = journal.append(capacity, step, decide).await;
            drop(busy);
            appended
        });
        task.await.unwrap_or_else(|_| Err(Error::Internal("an append's task was lost".into())))
    }

    async fn commit_waiting(&self) {
        let mut batch = self.take_batch();
        let mut alone = VecDeque::new();
        while !batch.is_empty() {
            match self.try_commit(&mut batch).await {
                Round::Done => {}
                Round::Again => continue,
                Round::Singly => alone.extend(batch.drain(..).map(|entry| vec![entry])),
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
                Some(step) => !matches!(entry.capacity, Capacity::Outside(_)) && steps.insert(step.clone()),
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
        let incarnation = match self.incarnation(batch).await {
            Ok(incarnation) => incarnation,
            Err(error) => return Round::Failed(error),
        };
        let sealed = match self.plan(batch, incarnation) {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return Round::Done,
            Err(error) => return Round::Failed(error),
        };
        let first = sealed.append.events.first().map(|event| event.event_id);
        let authority = sealed.append.authority.clone();
        match self.send(sealed.append).await {
            Ok(()) => self.settle(batch, sealed.events),
            Err(AppendError::Conflict { .. }) => self.after_conflict(batch, first, sealed.events).await,
            Err(AppendError::Lapsed | AppendError::Fenced { .. }) if outcomes_refused(batch, &authority) => {
                Round::Singly
            }
            Err(AppendError::Lapsed) => {
                self.shared.lifeline.lapsed(incarnation);
                Round::Again
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
    fn plan(&self, batch: &mut Vec<Entry>, incarnation: IncarnationId) -> Result<Option<Sealed>, Error> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = Facts { incarnation, now: self.shared.clock.now(), shared: &self.shared };
        let mut draft = Assembly::new(&state);
        let mut rest = Vec::new();
        let authority = authority(batch, incarnation);
        for mut entry in batch.drain(..) {
            match (entry.decide)(&state, &facts) {
                Err(error) => drop(entry.reply.send(Err(error))),
                Ok(plan) if plan.drafts.is_empty() => drop(entry.reply.send(Ok(Vec::new()))),
                Ok(plan) if !draft.has_room_for(&plan) => rest.push(entry),
                Ok(plan) => draft.add(entry, plan, facts.now)?,
            }
        }
        draft.close(&facts)?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        rest.into_iter().rev().for_each(|entry| waiting.push_front(entry));
        drop(waiting);
        let Assembly { entries, events, content, projection, .. } = draft;
        *batch = entries;
        if batch.is_empty() {
            return Ok(None);
        }
        let append = Append {
            run: self.run.clone(),
            expected: Some(state.head()),
            authority,
            events: events.iter().flatten().map(|event| event.record().clone()).collect(),
            content,
            claims: Vec::new(),
            releases: Vec::new(),
            view: projection.view(),
            run_key: None,
        };
        Ok(Some(Sealed { append, events }))
    }

    /// Sends a batch until its fate is known. The same batch cannot commit twice.
    async fn send(&self, append: Append) -> Result<(), AppendError> {
        let mut backoff = FIRST_BACKOFF;
        loop {
            match self.shared.store.append(append.clone()).await {
                Err(AppendError::Ambiguous) => self.shared.clock.sleep(backoff).await,
                other => return other.map(drop),
            }
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    /// A conflict may be with our own batch, whose commit went unseen.
    async fn after_conflict(&self, batch: &mut Vec<Entry>, first: Option<EventId>, events: Vec<Vec<Event>>) -> Round {
        let expected = self.with_state(RunState::head);
        let next = match self.shared.store.read(&self.run, expected.seq, 1).await {
            Ok(rows) => rows.into_iter().next().map(|row| row.event_id),
            Err(error) => return Round::Failed(error.into()),
        };
        if next.is_some() && next == first {
            return self.settle(batch, events);
        }
        match self.catch_up().await {
            Ok(()) => Round::Again,
            Err(error) => Round::Failed(error),
        }
    }

    fn settle(&self, batch: &mut Vec<Entry>, events: Vec<Vec<Event>>) -> Round {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events.iter().flatten() {
            if let Err(error) = state.apply(event) {
                return Round::Failed(error.into());
            }
        }
        drop(state);
        for (entry, events) in batch.drain(..).zip(events) {
            let _ = entry.reply.send(Ok(events));
        }
        Round::Done
    }

    /// Folds what others appended, into a copy only where there is something to fold.
    async fn catch_up(&self) -> Result<(), Error> {
        loop {
            let head = self.with_state(RunState::head);
            let rows = self.shared.store.read(&self.run, head.seq, artana_core::limits::MAX_PAGE_EVENTS).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut chain = Chain::resume(self.run.clone(), state.head());
            load::extend(&self.run, &mut chain, &mut state, rows)?;
        }
    }
}

enum Round {
    Done,
    Again,
    Singly,
    Failed(Error),
}

/// Outcomes that were refused together with requests, or under a dead incarnation, go on alone.
fn outcomes_refused(batch: &[Entry], authority: &Authority) -> bool {
    let outcome = |entry: &Entry| matches!(entry.capacity, Capacity::Outcome(_));
    !matches!(authority, Authority::Late(_)) && batch.len() > 1 && batch.iter().any(outcome)
}

fn authority(batch: &[Entry], incarnation: IncarnationId) -> Authority {
    match batch {
        [Entry { capacity: Capacity::Outcome(request), .. }] => Authority::Late(*request),
        [Entry { capacity: Capacity::Outside(actor), .. }] => Authority::Outside(actor.clone()),
        _ => Authority::Plain(incarnation),
    }
}

/// A batch ready to be sent, and the events each of its entries gets back.
struct Sealed {
    append: Append,
    events: Vec<Vec<Event>>,
}

/// A batch being put together.
struct Assembly<'a> {
    projection: Projection<'a>,
    run: &'a RunRef,
    bytes: usize,
    entries: Vec<Entry>,
    events: Vec<Vec<Event>>,
    content: Vec<Content>,
}

impl<'a> Assembly<'a> {
    fn new(state: &'a RunState) -> Self {
        let projection = state.project();
        Self { projection, run: state.run(), bytes: 0, entries: vec![], events: vec![], content: vec![] }
    }

    fn has_room_for(&self, plan: &Plan) -> bool {
        self.entries.is_empty() || self.bytes + plan.bytes() <= MAX_APPEND_BYTES
    }

    /// Seals a plan after what is there already; an event the fold does not admit is never written.
    fn add(&mut self, entry: Entry, plan: Plan, at: Timestamp) -> Result<(), Error> {
        self.bytes += plan.bytes();
        let mut events = Vec::with_capacity(plan.drafts.len());
        for (id, draft) in plan.drafts {
            events.push(self.seal(draft, Stamp { id, at })?);
        }
        self.entries.push(entry);
        self.events.push(events);
        self.content.extend(plan.content);
        Ok(())
    }

    /// Ends a closing run with the batch after which nothing is under way.
    fn close(&mut self, facts: &Facts<'_>) -> Result<(), Error> {
        let Some(finished) = self.projection.closes() else { return Ok(()) };
        if self.events.is_empty() {
            return Ok(());
        }
        let draft = Draft::new(None, finished)?;
        let event = self.seal(draft, Stamp { id: facts.id(), at: facts.now })?;
        self.events.last_mut().expect("checked above").push(event);
        Ok(())
    }

    fn seal(&mut self, draft: Draft, stamp: Stamp) -> Result<Event, Error> {
        let event = seal(self.run, &self.projection.head(), draft, stamp);
        self.projection.apply(&event)?;
        Ok(event)
    }
}
