//! The one thread that writes. It commits what is queued together: each piece of work in a savepoint
//! that succeeds or fails alone, and every answer after the commit. It knows no table.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use artana_core::{IncarnationId, RunRef, Timestamp};
use artana_ports::{Clock, StoreError};
use artana_store_sql::Followers;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    checkpoint::Checkpoints,
    error::{Doubt, Failure},
    failpoint::Failpoint,
    schema,
    statement::Statements,
};

/// Most pieces of work in one commit: bounds how long the first one waits for the last.
const GROUP_COUNT: usize = 256;
/// Most bytes in one commit, for the same reason.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Longest time spent on adding to a group, for the same reason.
const GROUP_TIME: Duration = Duration::from_millis(20);
/// Most pieces of work that wait for the writer; senders past it wait themselves.
const QUEUE: usize = 1024;

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const SAVEPOINT: &str = "SAVEPOINT work";
const RELEASE: &str = "RELEASE work";
const UNDO: &str = "ROLLBACK TO work";

/// What a piece of work sees of the transaction it is part of.
pub(crate) struct Tx<'c> {
    pub(crate) sql: Statements<'c>,
    clock: Arc<dyn Clock>,
    /// Lives that were looked up in this transaction. Nobody else can write while it is open.
    lives: Vec<(IncarnationId, Timestamp)>,
}

impl Tx<'_> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns when a life ends, as `look_up` finds it, asking once for each transaction.
    pub(crate) fn life(
        &mut self,
        incarnation: IncarnationId,
        look_up: impl FnOnce(&mut Statements<'_>) -> Result<Option<Timestamp>, Failure>,
    ) -> Result<Option<Timestamp>, Failure> {
        if let Some((_, ends)) = self.lives.iter().find(|(known, _)| *known == incarnation) {
            return Ok(Some(*ends));
        }
        let found = look_up(&mut self.sql)?;
        self.lives.extend(found.map(|ends| (incarnation, ends)));
        Ok(found)
    }

    /// Forgets what was looked up, because it was changed or taken back.
    pub(crate) fn forget_lives(&mut self) {
        self.lives.clear();
    }
}

/// What a commit came to.
enum Fate {
    Committed,
    /// The transaction could not even begin.
    Refused(StoreError),
    /// Nothing was written.
    Failed(StoreError),
    /// It may have been written.
    Unclear,
}

/// A piece of work on its way through a transaction. It may be run twice; it is answered once.
trait Work: Send {
    /// Runs inside a savepoint and keeps the answer; says whether to keep what was written.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Forgets the answer of a transaction that was rolled back.
    fn forget(&mut self);
    fn answer(self: Box<Self>, fate: &Fate);
    fn weight(&self) -> usize;
    /// The run whose followers are to be told, if the work went well.
    fn moved(&self) -> Option<&RunRef>;
}

struct Task<F, T, E> {
    work: F,
    subject: Subject,
    answer: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

/// What the writer needs to know of a piece of work.
#[derive(Default)]
pub(crate) struct Subject {
    /// The run it is about to move.
    pub(crate) run: Option<RunRef>,
    /// About how many bytes it writes.
    pub(crate) weight: usize,
}

impl<F, T, E> Work for Task<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Doubt + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let answer = (self.work)(tx);
        self.answer.insert(answer).is_ok()
    }

    fn forget(&mut self) {
        self.answer = None;
    }

    fn answer(self: Box<Self>, fate: &Fate) {
        let answer = match (fate, self.answer) {
            (Fate::Committed, Some(answer)) => answer,
            // The error that broke the transaction says more than that it broke.
            (Fate::Failed(_), Some(Err(error))) => Err(error),
            (Fate::Refused(error) | Fate::Failed(error), _) => Err(error.clone().into()),
            (Fate::Committed, None) | (Fate::Unclear, _) => Err(E::doubt()),
        };
        // A caller that went away does not want the answer.
        self.reply.send(answer).ok();
    }

    fn weight(&self) -> usize {
        self.subject.weight
    }

    fn moved(&self) -> Option<&RunRef> {
        self.subject.run.as_ref().filter(|_| matches!(self.answer, Some(Ok(_))))
    }
}

enum Message {
    Work(Box<dyn Work>),
    Close(oneshot::Sender<()>),
}

/// The way to the writer's thread. When the last one is dropped, the thread ends by itself.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("closed", &self.queue.is_closed()).finish()
    }
}

/// What the writer's thread is given besides its connection.
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) followers: Arc<Followers>,
    pub(crate) failpoint: Failpoint,
    pub(crate) checkpoints: Checkpoints,
}

impl Writer {
    /// Starts the thread. `open` runs on it, so that nothing blocks the caller's executor.
    pub(crate) async fn start(
        open: impl FnOnce() -> Result<(Connection, Surroundings), Failure> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let (opened, open_answer) = oneshot::channel();
        let body = move || match open() {
            Ok((connection, around)) => {
                if opened.send(Ok(())).is_ok() {
                    serve(connection, around, inbox);
                }
            }
            Err(failure) => {
                opened.send(Err(failure.into())).ok();
            }
        };
        thread::Builder::new()
            .name("artana-sqlite-writer".into())
            .spawn(body)
            .map_err(|_| StoreError::Unavailable { reason: "the system gives no thread".into() })?;
        open_answer.await.unwrap_or_else(|_| Err(stopped()))?;
        Ok(Self { queue })
    }

    /// Has work done in a transaction, and returns its answer once that is committed.
    pub(crate) async fn run<T, E>(
        &self,
        subject: Subject,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Doubt + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { work, subject, answer: None, reply };
        self.queue.send(Message::Work(Box::new(task))).await.map_err(|_| StoreError::Closed)?;
        // No answer means that the thread died with the work in hand.
        answer.await.unwrap_or_else(|_| Err(E::doubt()))
    }

    /// Has everything that was sent done, and the thread ended.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message::Close(reply)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| stopped())
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable { reason: "the store's writer has stopped".into() }
}

fn serve(connection: Connection, mut around: Surroundings, inbox: mpsc::Receiver<Message>) {
    let mut inbox = Inbox { messages: inbox, closing: None };
    let tx = Tx { sql: Statements::new(&connection), clock: Arc::clone(&around.clock), lives: Vec::new() };
    let mut groups = Groups { tx, failpoint: around.failpoint.clone() };
    while let Some(first) = inbox.wait() {
        let (group, fate) = groups.gather(first, &mut inbox);
        groups.finish(group, fate, &around.followers);
        around.checkpoints.consider();
    }
    drop(groups);
    around.checkpoints.finish(&connection);
    drop(connection);
    if let Some(reply) = inbox.closing {
        reply.send(()).ok();
    }
}

struct Inbox {
    messages: mpsc::Receiver<Message>,
    closing: Option<oneshot::Sender<()>>,
}

impl Inbox {
    /// Waits for work; `None` when there will be none.
    fn wait(&mut self) -> Option<Box<dyn Work>> {
        loop {
            match self.messages.blocking_recv()? {
                Message::Work(work) => return Some(work),
                Message::Close(reply) => self.close(reply),
            }
        }
    }

    /// Takes work that waits already.
    fn next(&mut self) -> Option<Box<dyn Work>> {
        loop {
            match self.messages.try_recv().ok()? {
                Message::Work(work) => return Some(work),
                Message::Close(reply) => self.close(reply),
            }
        }
    }

    fn close(&mut self, reply: oneshot::Sender<()>) {
        self.messages.close();
        self.closing = Some(reply);
    }
}

type Group = Vec<Box<dyn Work>>;

struct Groups<'c> {
    tx: Tx<'c>,
    failpoint: Failpoint,
}

impl Groups<'_> {
    /// Runs the first piece of work and what else waits, and commits.
    fn gather(&mut self, first: Box<dyn Work>, inbox: &mut Inbox) -> (Group, Fate) {
        let mut group = vec![first];
        if let Err(failure) = self.begin() {
            // Waiting as long again for each of those that wait already would help none of them.
            group.extend(std::iter::from_fn(|| inbox.next()));
            return (group, Fate::Refused(failure.into()));
        }
        let (started, mut bytes) = (self.tx.clock.elapsed(), 0);
        loop {
            let work = group.last_mut().expect("a group begins with one piece of work");
            bytes += work.weight();
            if let Err(failure) = self.run(work.as_mut()) {
                return (group, Fate::Failed(failure.into()));
            }
            let late = self.tx.clock.elapsed().saturating_sub(started) >= GROUP_TIME;
            let full = group.len() >= GROUP_COUNT || bytes >= GROUP_BYTES || late;
            match if full { None } else { inbox.next() } {
                Some(work) => group.push(work),
                None => break,
            }
        }
        let fate = self.commit();
        (group, fate)
    }

    /// Answers a group; one that was rolled back as a whole is first tried piece by piece.
    fn finish(&mut self, group: Group, fate: Fate, followers: &Followers) {
        if group.len() == 1 || !matches!(fate, Fate::Failed(_)) {
            return self.answer(group, &fate, followers);
        }
        for mut work in group {
            work.forget();
            let fate = self.alone(work.as_mut());
            self.answer(vec![work], &fate, followers);
        }
    }

    fn alone(&mut self, work: &mut dyn Work) -> Fate {
        if let Err(failure) = self.begin() {
            return Fate::Refused(failure.into());
        }
        match self.run(work) {
            Ok(()) => self.commit(),
            Err(failure) => Fate::Failed(failure.into()),
        }
    }

    fn answer(&mut self, group: Group, fate: &Fate, followers: &Followers) {
        self.failpoint.reach("sqlite.before_reply");
        if matches!(fate, Fate::Committed) {
            followers.tell(group.iter().filter_map(|work| work.moved()));
        }
        for work in group {
            work.answer(fate);
        }
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.failpoint.reach("sqlite.before_begin");
        self.tx.forget_lives();
        self.tx.sql.run(BEGIN, ())?;
        self.failpoint.reach("sqlite.after_begin");
        let admitted = schema::refuse_newer(&mut self.tx.sql);
        if admitted.is_err() {
            self.roll_back();
        }
        admitted
    }

    /// Runs one piece of work. An error means that the whole transaction is gone.
    fn run(&mut self, work: &mut dyn Work) -> Result<(), Failure> {
        self.failpoint.reach("sqlite.in_batch");
        let done = self.in_savepoint(work);
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn in_savepoint(&mut self, work: &mut dyn Work) -> Result<(), Failure> {
        self.tx.sql.run(SAVEPOINT, ())?;
        // A panic is a defect of this crate. It must not take the other work of the group with it,
        // and the savepoint undoes what was half done.
        let keep = catch_unwind(AssertUnwindSafe(|| work.run(&mut self.tx))).unwrap_or(false);
        if self.tx.sql.connection().is_autocommit() {
            // SQLite rolls back by itself when the disk is full or fails.
            return Err(Failure::Store(stopped_midway()));
        }
        if !keep {
            self.tx.forget_lives();
            self.tx.sql.run(UNDO, ())?;
        }
        self.tx.sql.run(RELEASE, ())?;
        Ok(())
    }

    fn commit(&mut self) -> Fate {
        self.failpoint.reach("sqlite.before_commit");
        let done = self.tx.sql.run(COMMIT, ());
        self.failpoint.reach("sqlite.after_commit");
        let Err(failure) = done else { return Fate::Committed };
        self.roll_back();
        if failure.wrote_nothing() { Fate::Failed(failure.into()) } else { Fate::Unclear }
    }

    fn roll_back(&mut self) {
        if !self.tx.sql.connection().is_autocommit() {
            // When even this fails, the next BEGIN says so.
            self.tx.sql.run(ROLLBACK, ()).ok();
        }
    }
}

fn stopped_midway() -> StoreError {
    StoreError::Unavailable { reason: "the transaction was rolled back".into() }
}

#[cfg(test)]
mod tests;
