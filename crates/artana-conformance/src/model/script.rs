//! What the fake provider behind an adapter shall do, as plain data, and a record of what reached it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artana_ports::{Delta, ModelAnswer, ModelRequest};

/// What an adapter that takes a credential is made with: nothing that a log, an error or a prompt may hold.
const CREDENTIAL: &str = "sk-conformance-0123456789abcdef";

/// A script for a fake provider. Clones share it.
#[derive(Clone)]
pub struct Scripted(Arc<Script>);

type Choose = dyn Fn(&ModelRequest) -> Reply + Send + Sync;

struct Script {
    choose: Mutex<Arc<Choose>>,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    received: Vec<ModelRequest>,
    over: usize,
}

/// What the provider does about one request.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a fake provider has to do each of them")]
pub enum Reply {
    /// It answers.
    Answer {
        /// The whole answer.
        answer: Box<ModelAnswer>,
        /// How its texts arrive where a stream was asked for; they add up to those of the answer.
        pieces: Vec<Delta>,
    },
    /// It begins an answer with these pieces, and then nothing more comes: the connection stays as it is.
    Stall {
        /// What arrives before.
        pieces: Vec<Delta>,
    },
    /// It begins an answer with these pieces, or with half a reply where no stream was asked for, and then the
    /// connection is lost.
    Cut {
        /// What arrives before.
        pieces: Vec<Delta>,
    },
    /// It refuses, or fails.
    Fail(Failure),
    /// It closes the connection without a word.
    HangUp,
    /// It says that all is well, and sends bytes that are not of its protocol.
    Nonsense(Vec<u8>),
}

/// A failure, as a provider tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status.
    pub status: u16,
    /// What it says, in the place of its protocol for that.
    pub message: String,
    /// Its id of the request.
    pub request_id: Option<String>,
    /// How long it asks to wait, in whole seconds.
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(status: u16, message: &str) -> Self {
        Self { status, message: message.to_owned(), request_id: None, retry_after: None }
    }
}

impl Reply {
    pub(crate) fn answer(answer: ModelAnswer, pieces: impl IntoIterator<Item = Delta>) -> Self {
        Self::Answer { answer: Box::new(answer), pieces: pieces.into_iter().collect() }
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::answer(ModelAnswer::text(text), [Delta::Text(text.to_owned())])
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("received", &self.notes().received.len()).finish_non_exhaustive()
    }
}

impl Scripted {
    pub(crate) fn new() -> Self {
        let choose: Arc<Choose> = Arc::new(|_| Reply::text("fine"));
        Self(Arc::new(Script { choose: Mutex::new(choose), notes: Mutex::default() }))
    }

    /// Borrows the credential an adapter that takes one is to be made with.
    #[must_use]
    pub fn credential(&self) -> &str {
        CREDENTIAL
    }

    /// Notes what arrived, read back from the provider's own form, and says what to do about it.
    ///
    /// The fake provider keeps what it gets until its reply has left or the asker has gone.
    #[must_use]
    pub fn receive(&self, request: ModelRequest) -> Incoming {
        let choose = Arc::clone(&self.0.choose.lock().unwrap_or_else(PoisonError::into_inner));
        let reply = choose(&request);
        self.notes().received.push(request);
        Incoming { reply, script: self.clone() }
    }

    /// Sets what is done about every request from now on.
    pub(crate) fn does(&self, reply: Reply) {
        self.chooses(move |_| reply.clone());
    }

    /// Sets how what is done follows from the request.
    pub(crate) fn chooses(&self, choose: impl Fn(&ModelRequest) -> Reply + Send + Sync + 'static) {
        *self.0.choose.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(choose);
    }

    /// Returns what arrived so far.
    pub(crate) fn received(&self) -> Vec<ModelRequest> {
        self.notes().received.clone()
    }

    /// Returns how many requests are over: answered, or given up.
    pub(crate) fn over(&self) -> usize {
        self.notes().over
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in the hands of the fake provider. Dropping it says that the request is over.
#[derive(Debug)]
pub struct Incoming {
    reply: Reply,
    script: Scripted,
}

impl Incoming {
    /// Borrows what is to be done about it.
    #[must_use]
    pub fn reply(&self) -> &Reply {
        &self.reply
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.script.notes().over += 1;
    }
}
