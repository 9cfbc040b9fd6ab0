//! The threads that read, each with a connection of its own, so that reading blocks neither the
//! writer nor anybody's executor. They start with the first question.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use artana_ports::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    connect::{Access, connect, wal_of},
    error::Failure,
    schema,
    statement::Statements,
};

/// The file as readers find it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout: Duration,
    /// Whether a file that nobody has open is read without making files beside it.
    pub(crate) leave_at_rest: bool,
}

/// A connection, and under which condition what it answers is true.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    path: PathBuf,
    at_rest: Option<Stamp>,
}

/// What tells that a file was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Source {
    /// Opens the file. Without a log beside it nobody has it open, and it can be read as it lies
    /// there; every answer is checked afterwards, because somebody may open it any time.
    pub(crate) fn open(&self) -> Result<Opened, Failure> {
        let at_rest = if self.leave_at_rest { stamp(&self.path) } else { None };
        let access = if at_rest.is_some() { Access::ReadAtRest } else { Access::Read };
        let connection = connect(&self.path, access, self.busy_timeout)?;
        Ok(Opened { connection, path: self.path.clone(), at_rest })
    }
}

impl Opened {
    /// Says whether what was just read is what the file held all the while.
    fn is_current(&self) -> bool {
        self.at_rest.is_none() || stamp(&self.path) == self.at_rest
    }
}

/// Returns the stamp of a file that nobody has open.
fn stamp(path: &Path) -> Option<Stamp> {
    if wal_of(path).exists() {
        return None;
    }
    let meta = std::fs::metadata(path).ok()?;
    Some(Stamp { len: meta.len(), modified: meta.modified().ok() })
}

/// A question on its way to a reader.
trait Ask: Send {
    /// Answers, unless the file moved under the question: then it has to be asked again.
    fn answer(&mut self, sql: &mut Statements<'_>, source: &Opened) -> Asked;
    fn refuse(&mut self, failure: Failure);
}

enum Asked {
    Answered,
    Moved,
}

struct Question<F, T> {
    read: F,
    reply: Option<oneshot::Sender<Result<T, StoreError>>>,
}

impl<F, T> Ask for Question<F, T>
where
    F: FnMut(&mut Statements<'_>) -> Result<T, Failure> + Send,
    T: Send,
{
    fn answer(&mut self, sql: &mut Statements<'_>, source: &Opened) -> Asked {
        if self.reply.as_ref().is_none_or(oneshot::Sender::is_closed) {
            return Asked::Answered;
        }
        let answer = (self.read)(sql).map_err(|failure| judged(failure, sql));
        if !source.is_current() {
            return Asked::Moved;
        }
        self.send(answer);
        Asked::Answered
    }

    fn refuse(&mut self, failure: Failure) {
        self.send(Err(failure));
    }
}

impl<F, T> Question<F, T> {
    fn send(&mut self, answer: Result<T, Failure>) {
        if let Some(reply) = self.reply.take() {
            // A caller that went away does not want the answer.
            reply.send(answer.map_err(StoreError::from)).ok();
        }
    }
}

type Boxed = Box<dyn Ask>;

/// The readers of a store.
#[derive(Debug)]
pub(crate) struct Readers {
    source: Source,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Idle,
    Running { queue: mpsc::Sender<Boxed>, threads: Vec<JoinHandle<()>> },
    Closed,
}

impl Readers {
    pub(crate) fn new(source: Source, most: usize) -> Self {
        Self { source, most, state: Mutex::new(State::Idle) }
    }

    /// Has a question answered.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        read: impl FnMut(&mut Statements<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue()?.send(Box::new(Question { read, reply: Some(reply) })).map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Takes no more questions, and returns the threads, which end when they have answered the last.
    pub(crate) fn close(&self) -> Vec<JoinHandle<()>> {
        match std::mem::replace(&mut *self.lock(), State::Closed) {
            State::Running { threads, .. } => threads,
            State::Idle | State::Closed => Vec::new(),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(*self.lock(), State::Closed)
    }

    fn queue(&self) -> Result<mpsc::Sender<Boxed>, StoreError> {
        let mut state = self.lock();
        if let State::Idle = *state {
            *state = start(&self.source, self.most)?;
        }
        match &*state {
            State::Running { queue, .. } => Ok(queue.clone()),
            State::Idle | State::Closed => Err(StoreError::Closed),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says of a statement that does not fit the schema whether a newer version migrated the file meanwhile.
fn judged(failure: Failure, sql: &mut Statements<'_>) -> Failure {
    match failure.is_of_schema().then(|| schema::refuse_newer(sql)) {
        Some(Err(newer)) => newer,
        Some(Ok(())) | None => failure,
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable { reason: "a reader of the store has stopped".into() }
}

fn start(source: &Source, most: usize) -> Result<State, StoreError> {
    let (queue, inbox) = mpsc::channel();
    let inbox = Arc::new(Mutex::new(inbox));
    let mut threads = Vec::with_capacity(most);
    for _ in 0..most {
        let (source, inbox) = (source.clone(), Arc::clone(&inbox));
        let thread = thread::Builder::new().name("artana-sqlite-reader".into()).spawn(move || serve(&source, &inbox));
        threads.push(thread.map_err(|_| StoreError::Unavailable { reason: "the system gives no thread".into() })?);
    }
    Ok(State::Running { queue, threads })
}

type Inbox = Mutex<mpsc::Receiver<Boxed>>;

/// Waits for a question; one reader waits at the inbox, the others for it.
fn next(inbox: &Inbox) -> Option<Boxed> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn serve(source: &Source, inbox: &Inbox) {
    let mut waiting = next(inbox);
    while let Some(mut question) = waiting.take() {
        waiting = match source.open() {
            Ok(opened) => serve_on(&opened, question, inbox),
            Err(failure) => {
                question.refuse(failure);
                next(inbox)
            }
        };
    }
}

/// Answers on one connection, and returns the question that needs another one.
fn serve_on(opened: &Opened, first: Boxed, inbox: &Inbox) -> Option<Boxed> {
    let mut sql = Statements::new(&opened.connection);
    let mut question = first;
    loop {
        if let Asked::Moved = question.answer(&mut sql, opened) {
            return Some(question);
        }
        question = next(inbox)?;
    }
}
