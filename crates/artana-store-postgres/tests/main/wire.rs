//! What goes over the wire: how many round trips a call makes, and what becomes of one whose answer is cut off.
//! A proxy stands between the store and the server and counts what asks for an answer.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use artana_core::Seq;
use artana_ports::{Append, AppendError, Authority, Claim, EventStore, Release};
use artana_store_postgres::PostgresStore;
use artana_testkit::postgres::Database;

use crate::support::{LIFE, batch, born, content, database, digest, head, options, reserve, run};

/// The kinds of message after which a client waits for the server to be ready: a statement's end, and a plain query.
const WAITS: [u8; 2] = [b'S', b'Q'];

/// What the proxy knows.
#[derive(Debug, Default)]
struct Wire {
    round_trips: AtomicUsize,
    /// The next answer is not passed on, and the connection is cut.
    cut: AtomicBool,
}

/// A proxy on a socket in a folder of its own.
struct Proxy {
    folder: tempfile::TempDir,
    wire: Arc<Wire>,
}

impl Proxy {
    /// Starts one; `None`, said loudly, where the server is not on a socket of this machine.
    fn start(database: &Database) -> Option<Self> {
        if !database.is_private() {
            eprintln!("SKIPPED, not run: the proxy stands before a private server only");
            return None;
        }
        let server = PathBuf::from(database.run("SHOW unix_socket_directories")).join(".s.PGSQL.5432");
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket");
        let wire = Arc::new(Wire::default());
        let shared = Arc::clone(&wire);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = UnixStream::connect(&server).expect("the server");
                pass_on(client, server, &shared);
            }
        });
        Some(Self { folder, wire })
    }

    async fn store(&self, database: &Database) -> PostgresStore {
        let host = self.folder.path().display().to_string();
        options(database).host(host).port(5432).pool(1..=1).await.expect("a store")
    }

    /// Says how many round trips a call makes.
    async fn counted<T>(&self, call: impl Future<Output = T>) -> (T, usize) {
        let before = self.wire.round_trips.load(SeqCst);
        let answer = call.await;
        (answer, self.wire.round_trips.load(SeqCst) - before)
    }
}

fn pass_on(client: UnixStream, server: UnixStream, wire: &Arc<Wire>) {
    let halves = || (client.try_clone().expect("a half"), server.try_clone().expect("a half"));
    let ((from_client, to_server), (to_client, from_server)) = (halves(), halves());
    let counting = Arc::clone(wire);
    thread::spawn(move || {
        count(&from_client, &to_server, &counting).ok();
        to_server.shutdown(Shutdown::Both).ok();
    });
    let cutting = Arc::clone(wire);
    thread::spawn(move || {
        answer(&from_server, &to_client, &cutting).ok();
        to_client.shutdown(Shutdown::Both).ok();
        from_server.shutdown(Shutdown::Both).ok();
    });
}

/// Passes on what the client sends, message by message: a kind, a length that counts itself, a body. The first
/// message has no kind.
fn count(mut client: &UnixStream, mut server: &UnixStream, wire: &Wire) -> std::io::Result<()> {
    let mut kind = None;
    loop {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut message = kind.map_or_else(Vec::new, |kind| vec![kind]);
        message.extend(length);
        let body = message.len() + u32::from_be_bytes(length) as usize - 4;
        let start = message.len();
        message.resize(body, 0);
        client.read_exact(&mut message[start..])?;
        if kind.is_some_and(|kind| WAITS.contains(&kind)) {
            wire.round_trips.fetch_add(1, SeqCst);
        }
        server.write_all(&message)?;
        let mut next = [0];
        client.read_exact(&mut next)?;
        kind = Some(next[0]);
    }
}

/// Passes on what the server answers, until it is to be cut off.
fn answer(mut server: &UnixStream, mut client: &UnixStream, wire: &Wire) -> std::io::Result<()> {
    let mut buffer = [0; 64 * 1024];
    loop {
        let length = server.read(&mut buffer)?;
        if length == 0 || wire.cut.swap(false, SeqCst) {
            return Ok(());
        }
        client.write_all(&buffer[..length])?;
    }
}

#[tokio::test]
async fn a_warm_call_makes_one_round_trip() {
    let database = database!();
    let Some(proxy) = Proxy::start(&database) else { return };
    let store = proxy.store(&database).await;
    let run = run("r");
    born(&store).await;
    store.append(batch(&run, None)).await.expect("an append prepares its statement");

    let full = Append {
        authority: Authority::TakeLease(LIFE),
        claims: vec![reserve("a"), Claim::Unique { key: "k".into(), holder: batch(&run, None).events[0].event_id }],
        releases: vec![Release::Lease],
        ..batch(&run, Some(head(1)))
    };
    let (full, trips) = proxy.counted(store.append(full)).await;
    assert_eq!((full.expect("an append").head, trips), (head(2), 1));
    let (small, trips) = proxy.counted(store.append(batch(&run, Some(head(2))))).await;
    assert_eq!((small.expect("an append").head, trips), (head(3), 1));
    let (refused, trips) = proxy.counted(store.append(batch(&run, Some(head(1))))).await;
    assert!(matches!(refused, Err(AppendError::Conflict { actual }) if actual == Some(head(3))));
    assert_eq!(trips, 1);

    for warm in [false, true] {
        let digests = [digest("words 1"), content("words 2").digest];
        let trips = [
            proxy.counted(async { drop(store.read(&run, Seq::ZERO, 9).await) }).await.1,
            proxy.counted(async { drop(store.head(&run).await) }).await.1,
            proxy.counted(async { drop(store.content(&run, &digests).await) }).await.1,
            proxy.counted(async { drop(store.view(&run).await) }).await.1,
            proxy.counted(async { drop(store.alive(&[LIFE, LIFE]).await) }).await.1,
        ];
        assert!(!warm || trips == [1; 5], "{trips:?}");
    }
}

#[tokio::test]
async fn an_append_whose_answer_is_cut_off_is_in_doubt_and_stands() {
    let database = database!();
    let Some(proxy) = Proxy::start(&database) else { return };
    let store = proxy.store(&database).await;
    let run = run("r");
    store.append(batch(&run, None)).await.expect("an append");
    let sent = batch(&run, Some(head(1)));
    proxy.wire.cut.store(true, SeqCst);
    let doubt = store.append(sent.clone()).await.expect_err("no answer came");
    assert!(matches!(doubt, AppendError::Ambiguous), "{doubt}");
    let again = store.append(sent.clone()).await.expect_err("it had committed");
    assert!(matches!(again, AppendError::Conflict { actual } if actual == Some(head(2))), "{again}");
    let rows = store.read(&run, Seq::new(1), 1).await.expect("rows");
    assert_eq!(rows, sent.events, "the row after the expected head is its own");
}

#[tokio::test]
async fn a_read_whose_answer_is_cut_off_is_asked_again() {
    let database = database!();
    let Some(proxy) = Proxy::start(&database) else { return };
    let store = proxy.store(&database).await;
    let run = run("r");
    store.append(batch(&run, None)).await.expect("an append");
    for _ in 0..3 {
        proxy.wire.cut.store(true, SeqCst);
        assert_eq!(store.head(&run).await.expect("a head"), Some(head(1)));
    }
}
