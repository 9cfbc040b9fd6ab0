//! A proxy between the store and the server, which knows where a message begins and ends. It counts what asks for an
//! answer, and does what it was told to do at one message: cut, tear, close one way, swallow, or hold until it is told
//! to go on. It never looks into a message, and never waits for time.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use artana_store_postgres::PostgresOptions;
use artana_testkit::postgres::{Database, skipped};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use crate::support::options;

/// The kinds of message after which a client waits for the server to be ready: a statement's end, and a plain query.
const WAITS: [u8; 2] = [b'S', b'Q'];

/// Finds the server's socket; `None`, said loudly, where the server is not on a socket of this machine.
pub(crate) fn socket(database: &Database) -> Option<PathBuf> {
    if !database.is_private() {
        skipped("the proxy stands before a private server only");
        return None;
    }
    Some(PathBuf::from(database.run("SHOW unix_socket_directories")).join(".s.PGSQL.5432"))
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    ToServer,
    ToStore,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// The connection is cut before it.
    Cut,
    /// Half of it arrives, and the connection is cut.
    Tear,
    /// Its way is closed before it; the other way stays open.
    CloseWay,
    /// It vanishes, and so does all that follows on its way; the connection stays.
    Swallow,
    /// It waits until it is told to go on.
    Hold,
}

/// What is done at the message of this number, counted from 0 on its way since the plan was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) way: Way,
    pub(crate) nth: usize,
    pub(crate) act: Act,
}

/// How many messages went each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) to_server: usize,
    pub(crate) to_store: usize,
}

#[derive(Debug)]
struct Wire {
    state: Mutex<State>,
    reached: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    passed: Passed,
    round_trips: usize,
    plan: Option<Plan>,
}

/// A proxy on a port of this machine. Its connections end with it.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    wire: Arc<Wire>,
    task: AbortHandle,
}

impl Proxy {
    /// Starts one before the server of this socket.
    pub(crate) async fn before(server: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let wire = Arc::new(Wire {
            state: Mutex::default(),
            reached: watch::Sender::new(false),
            released: watch::Sender::new(false),
        });
        let task = tokio::spawn(serve(listener, server.to_owned(), Arc::clone(&wire))).abort_handle();
        Self { port, wire, task }
    }

    /// Options of a store that reaches its server through this proxy, which reads what passes.
    pub(crate) fn options(&self, database: &Database) -> PostgresOptions {
        let parts = if database.url().contains('?') { '&' } else { '?' };
        let address = format!("{}{parts}sslmode=disable", database.url());
        options(database).address(address).host("127.0.0.1").port(self.port)
    }

    /// Plans what happens, and counts from here.
    pub(crate) fn plan(&self, plan: Plan) {
        self.wire.reached.send_replace(false);
        self.wire.released.send_replace(false);
        *self.wire.lock() = State { plan: Some(plan), ..State::default() };
    }

    /// Counts from here, and lets everything pass.
    pub(crate) fn count(&self) {
        *self.wire.lock() = State::default();
    }

    pub(crate) fn passed(&self) -> Passed {
        self.wire.lock().passed
    }

    pub(crate) fn round_trips(&self) -> usize {
        self.wire.lock().round_trips
    }

    /// Says whether the planned message came.
    pub(crate) fn is_reached(&self) -> bool {
        *self.wire.reached.borrow()
    }

    /// Waits for the planned message.
    pub(crate) async fn reached(&self) {
        let mut reached = self.wire.reached.subscribe();
        reached.wait_for(|reached| *reached).await.expect("the proxy is there");
    }

    /// Lets the held message go on.
    pub(crate) fn release(&self) {
        self.wire.released.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a message, and says what becomes of it.
    fn next(&self, way: Way, kind: Option<u8>) -> Option<Act> {
        let mut state = self.lock();
        let passed = match way {
            Way::ToServer => &mut state.passed.to_server,
            Way::ToStore => &mut state.passed.to_store,
        };
        let nth = *passed;
        *passed += 1;
        if way == Way::ToServer && kind.is_some_and(|kind| WAITS.contains(&kind)) {
            state.round_trips += 1;
        }
        let plan = state.plan.take_if(|plan| plan.way == way && plan.nth == nth)?;
        self.reached.send_replace(true);
        Some(plan.act)
    }
}

async fn serve(listener: TcpListener, server: PathBuf, wire: Arc<Wire>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        client.set_nodelay(true).ok();
        let Ok(server) = UnixStream::connect(&server).await else { continue };
        let wire = Arc::clone(&wire);
        connections.spawn(async move {
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            // Whichever way ends first, the connection ends.
            tokio::select! {
                _ = pass(from_client, to_server, Way::ToServer, &wire) => {}
                _ = pass(from_server, to_client, Way::ToStore, &wire) => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Passes on message by message: a kind, a length that counts itself, a body. The first one to the server has no kind.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    way: Way,
    wire: &Wire,
) -> io::Result<()> {
    let mut has_kind = way == Way::ToStore;
    loop {
        let (kind, message) = next_message(&mut from, has_kind).await?;
        has_kind = true;
        match wire.next(way, kind) {
            None => {}
            Some(Act::Cut) => return Ok(()),
            Some(Act::Tear) => {
                to.write_all(&message[..message.len() / 2]).await?;
                return to.flush().await;
            }
            Some(Act::CloseWay) => {
                to.shutdown().await?;
                return swallow(from).await;
            }
            Some(Act::Swallow) => return swallow(from).await,
            Some(Act::Hold) => {
                wire.released.subscribe().wait_for(|released| *released).await.ok();
            }
        }
        to.write_all(&message).await?;
    }
}

async fn next_message(from: &mut (impl AsyncRead + Unpin), has_kind: bool) -> io::Result<(Option<u8>, Vec<u8>)> {
    let kind = if has_kind { Some(from.read_u8().await?) } else { None };
    let length = from.read_u32().await?;
    let mut message = Vec::from_iter(kind);
    message.extend(length.to_be_bytes());
    let start = message.len();
    message.resize(start + (length as usize).saturating_sub(4), 0);
    from.read_exact(&mut message[start..]).await?;
    Ok((kind, message))
}

/// Reads what comes until nothing more does.
async fn swallow(mut from: impl AsyncRead + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await.map(drop)
}
