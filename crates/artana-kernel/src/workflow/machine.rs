//! What a workflow's code and its driver share: what was asked, and the answers on their way. It performs nothing
//! and decides nothing.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, ThreadId},
    time::Duration,
};

use artana_core::{AskKind, Asked, Name, Ordinal, StepKey};
use tokio::sync::Notify;

use super::rollback::Undo;
use crate::{Error, Run};

/// An answer on its way to the code that asked; of the type it asked for.
pub(crate) type Answer = Box<dyn Any + Send>;
/// A step being performed, or answered from the ledger.
pub(crate) type Performing = Pin<Box<dyn Future<Output = Performed> + Send>>;
/// What performing a step came to.
pub(crate) type Performed = Result<Answer, Held>;

/// Why a step has no answer yet.
pub(crate) enum Held {
    /// Nothing that the code gets to see, unless it is an [answer](Error::is_answer).
    Error(Error),
    /// A child run waits for something.
    Suspended(super::Suspended),
    /// Another process was at it, and it is time to ask again.
    Again,
    /// A child was left in the middle, because whoever drives it is to leave or a run above is stopped.
    Left,
}

impl From<Error> for Held {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What the code is told.
pub(crate) type Told = Result<Answer, Error>;

/// What the workflow's code asked, and where its answer goes.
pub(crate) struct Ask {
    pub(crate) ordinal: Ordinal,
    pub(crate) asked: Asked,
    pub(crate) want: Want,
    pub(crate) slot: Arc<Slot>,
}

/// What is to be done about an ask.
pub(crate) enum Want {
    /// A step that is performed. It may be begun again: what was recorded meanwhile then answers.
    Step { key: StepKey, perform: Box<dyn FnMut(Run) -> Performing + Send> },
    /// A child run. What it waits for, its parent waits for.
    Child { key: StepKey, perform: Box<dyn FnMut(Run) -> Performing + Send> },
    /// A value that would not be the same again.
    Value(Drawn),
    /// An instant. The answer is `()`.
    Sleep { key: StepKey, duration: Duration },
    /// A signal. The answer is the bytes of its value.
    Signal { name: Name },
    /// A person. The answer is the bytes of what they said, if anything.
    Pause { key: StepKey, reason: String, fits: Fits },
    /// That something be undone. The answer is the ordinal of the ask.
    OnRollback { key: StepKey },
}

/// Names the type as which the code cannot read what somebody said, if it cannot.
pub(crate) type Fits = fn(&[u8]) -> Result<(), &'static str>;

/// Which value is drawn. The answer is an [`artana_core::event::Value`].
#[derive(Debug, Clone)]
pub(crate) enum Drawn {
    Now,
    Random,
    Uuid,
    Patched(Name),
}

/// Where an answer is put, and who is told.
#[derive(Default)]
pub(crate) struct Slot(Mutex<SlotState>);

#[derive(Default)]
struct SlotState {
    answer: Option<Told>,
    waker: Option<Waker>,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, SlotState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, answer: Told) -> Option<Waker> {
        let mut state = self.state();
        state.answer = Some(answer);
        state.waker.take()
    }

    /// Takes the answer, or remembers whom to tell of it.
    fn take(&self, cx: &Context<'_>) -> Option<Told> {
        let mut state = self.state();
        let answer = state.answer.take();
        if answer.is_none() {
            state.waker = Some(cx.waker().clone());
        }
        answer
    }
}

/// What a workflow's code and its driver share.
pub(crate) struct Machine {
    inner: Mutex<Inner>,
    /// Tells the driver that something was asked.
    news: Notify,
    /// The run as the code's handles see it; a drift may move it to a fork.
    run: Mutex<Run>,
}

#[derive(Default)]
struct Inner {
    next: Ordinal,
    fresh: Vec<Ask>,
    keys: BTreeSet<StepKey>,
    /// What the code asked, in order, for whoever compares it with what is recorded.
    asked: Vec<Asked>,
    changes: BTreeMap<Name, bool>,
    undo: Vec<(StepKey, Ordinal, Undo)>,
    /// Asks that nobody waits for any more, and whether a race gave them up.
    dropped: Vec<(Ordinal, bool)>,
    refused: Option<Error>,
    racing: bool,
    closed: bool,
}

/// What the code did since the driver last looked.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) fresh: Vec<Ask>,
    pub(crate) dropped: Vec<(Ordinal, bool)>,
    pub(crate) refused: Option<Error>,
}

impl Machine {
    pub(crate) fn new(run: Run) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), news: Notify::new(), run: Mutex::new(run) })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the run, as it is now.
    pub(crate) fn run(&self) -> Run {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn move_to(&self, run: Run) {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = run;
    }

    pub(crate) fn news(&self) -> News {
        let mut inner = self.inner();
        News {
            fresh: std::mem::take(&mut inner.fresh),
            dropped: std::mem::take(&mut inner.dropped),
            refused: inner.refused.take(),
        }
    }

    /// Waits until something is asked that the driver has not taken in.
    pub(crate) async fn asked_more(&self) -> Asked {
        loop {
            if let Some(ask) = self.inner().fresh.first() {
                return ask.asked.clone();
            }
            self.news.notified().await;
        }
    }

    /// Returns the place of the next ask.
    pub(crate) fn next(&self) -> Ordinal {
        self.inner().next
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.inner().asked.clone()
    }

    /// From now on nothing is asked, and what is dropped was not waited for.
    pub(crate) fn close(&self) {
        self.inner().closed = true;
    }

    /// Gives up what was registered to undo something, in the order of its registration.
    pub(crate) fn undo(&self) -> Vec<(StepKey, Ordinal, Undo)> {
        std::mem::take(&mut self.inner().undo)
    }

    pub(crate) fn on_rollback(&self, key: StepKey, ordinal: Ordinal, undo: Undo) {
        self.inner().undo.push((key, ordinal, undo));
    }

    /// Returns what was said before about a change.
    pub(crate) fn change(&self, id: &Name) -> Option<bool> {
        self.inner().changes.get(id).copied()
    }

    pub(crate) fn changed(&self, id: Name, taken: bool) {
        self.inner().changes.insert(id, taken);
    }

    /// Returns whether the code of a change is taken by whoever asks for it now: where the change is recorded, and where
    /// nothing is recorded yet.
    pub(crate) fn takes(&self, id: &Name) -> bool {
        let (run, at) = (self.run(), self.next());
        run.journal.with_state(|state| {
            let program = state.program();
            let recorded = program
                .asked(at)
                .is_some_and(|asked| asked.kind == AskKind::Patched && asked.name.as_deref() == Some(id.as_str()));
            recorded || program.last().is_none_or(|last| last < at)
        })
    }

    /// Runs what drops the losers of a race.
    pub(crate) fn racing(&self, drop_losers: impl FnOnce()) {
        self.inner().racing = true;
        drop_losers();
        self.inner().racing = false;
    }

    /// Ends the drive with an error that is no answer.
    pub(super) fn refuse(&self, error: Error) {
        self.inner().refused.get_or_insert(error);
    }

    fn put(&self, kind: AskKind, name: Option<Arc<str>>, want: Want, slot: &Arc<Slot>) -> Option<Ordinal> {
        let run = self.run();
        let mut inner = self.inner();
        if inner.closed {
            return None;
        }
        if let Some(key) = want.key()
            && !inner.keys.insert(key.clone())
        {
            let error = Error::StepKeyReused { run: run.name().clone(), step: key.clone() };
            inner.refused.get_or_insert(error);
            return None;
        }
        let (ordinal, asked) = (inner.next, Asked { kind, name });
        inner.next = ordinal.next();
        inner.asked.push(asked.clone());
        inner.fresh.push(Ask { ordinal, asked, want, slot: Arc::clone(slot) });
        self.news.notify_one();
        Some(ordinal)
    }

    fn dropped(&self, ordinal: Ordinal) {
        let mut inner = self.inner();
        if !inner.closed {
            let raced = inner.racing;
            inner.dropped.push((ordinal, raced));
        }
    }
}

impl Want {
    /// Borrows the step's key, where the ask has one.
    pub(crate) fn key(&self) -> Option<&StepKey> {
        match self {
            Self::Step { key, .. }
            | Self::Child { key, .. }
            | Self::Sleep { key, .. }
            | Self::Pause { key, .. }
            | Self::OnRollback { key } => Some(key),
            Self::Value(_) | Self::Signal { .. } => None,
        }
    }
}

/// An ask that has not been made yet.
pub(crate) struct Unasked {
    pub(crate) kind: AskKind,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) want: Want,
}

/// Something asked of a workflow's driver: it is asked when it is first polled, and answered in the order in which
/// the ledger has the answers.
pub(crate) struct Asking {
    machine: Arc<Machine>,
    unasked: Option<Result<Unasked, Error>>,
    slot: Arc<Slot>,
    ordinal: Option<Ordinal>,
}

impl Asking {
    pub(crate) fn new(machine: Arc<Machine>, unasked: Result<Unasked, Error>) -> Self {
        Self { machine, unasked: Some(unasked), slot: Arc::default(), ordinal: None }
    }
}

impl Future for Asking {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Told> {
        match self.unasked.take() {
            Some(Ok(Unasked { kind, name, want })) => self.ordinal = self.machine.put(kind, name, want, &self.slot),
            Some(Err(refused)) => self.machine.refuse(refused),
            None => {}
        }
        match self.slot.take(cx) {
            Some(answer) => {
                self.ordinal = None;
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(ordinal) = self.ordinal {
            self.machine.dropped(ordinal);
        }
    }
}

/// The waker of a workflow's code. What the driver itself does wakes it on purpose; anything else that does is not
/// in the ledger, and would not be there the next time.
#[derive(Default)]
pub(crate) struct Alarm {
    delivering: AtomicBool,
    polling: Mutex<Option<ThreadId>>,
    foreign: AtomicBool,
    /// How often the code woke itself in a row.
    again: AtomicU32,
    notify: Notify,
}

/// How often code may wake itself in a row; combinators that poll many futures do so now and then.
const MAX_AGAIN: u32 = 10_000;

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.delivering.load(Ordering::Acquire) {
            return;
        }
        if *self.polling.lock().unwrap_or_else(PoisonError::into_inner) == Some(thread::current().id()) {
            self.again.fetch_add(1, Ordering::AcqRel);
            return;
        }
        self.foreign.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

impl Alarm {
    /// Polls the code once, and again for as long as it wakes itself meanwhile.
    pub(crate) fn poll<F: Future + ?Sized>(self: &Arc<Self>, mut code: Pin<&mut F>) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(self));
        let mut cx = Context::from_waker(&waker);
        let mut seen = 0;
        self.again.store(0, Ordering::Release);
        loop {
            let _polling = Polling::new(self);
            let polled = code.as_mut().poll(&mut cx);
            let woken = self.again.load(Ordering::Acquire);
            if polled.is_ready() || woken == seen {
                return polled;
            }
            if woken > MAX_AGAIN {
                self.foreign.store(true, Ordering::Release);
                return polled;
            }
            seen = woken;
        }
    }

    /// Puts an answer where it was asked for.
    pub(crate) fn deliver(&self, slot: &Slot, answer: Told) {
        if let Some(waker) = slot.fill(answer) {
            self.delivering.store(true, Ordering::Release);
            waker.wake();
            self.delivering.store(false, Ordering::Release);
        }
    }

    /// Returns whether something woke the code that is no step.
    pub(crate) fn rang(&self) -> bool {
        self.foreign.load(Ordering::Acquire)
    }

    /// Waits until something wakes the code that is no step.
    pub(crate) async fn ring(&self) {
        while !self.rang() {
            self.notify.notified().await;
        }
    }
}

/// Marks the thread that polls the code, for as long as it does.
struct Polling<'a>(&'a Alarm);

impl<'a> Polling<'a> {
    fn new(alarm: &'a Alarm) -> Self {
        *alarm.polling.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
        Self(alarm)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        *self.0.polling.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
