//! Worker processes and the place they work in. A worker is told what to do, heard line by line, and
//! killed; nothing here judges what came of it.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use artana_ports::EventStore;
use artana_testkit::postgres::{Database, OwnServer};
use artana_tests::{
    ledger,
    provider::{Entry, Provider},
    work::Ahead,
};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

/// A ledger, a provider and a folder, of one test alone.
pub(crate) struct Scene {
    ledger: Ledger,
    provider: Provider,
    folder: TempDir,
}

/// Where the runs of a scene are.
enum Ledger {
    File(PathBuf),
    Database(Database),
    Server(OwnServer),
}

impl Scene {
    /// A scene with its ledger in a file.
    pub(crate) fn new() -> Self {
        Self::with(|folder| Ledger::File(folder.join("ledger.db")))
    }

    /// A scene with its ledger in a database; `None`, said loudly, where there is no server.
    pub(crate) fn on_postgres() -> Option<Self> {
        Database::fresh().map(|database| Self::with(|_| Ledger::Database(database)))
    }

    /// A scene with a server of its own, which may be killed.
    pub(crate) fn on_its_own_server() -> Option<Self> {
        OwnServer::start(&[], &[]).map(|server| Self::with(|_| Ledger::Server(server)))
    }

    fn with(ledger: impl FnOnce(&Path) -> Ledger) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let provider = Provider::open(folder.path().join("book")).expect("a provider");
        Self { ledger: ledger(folder.path()), provider, folder }
    }

    /// Opens the ledger as somebody who works on it.
    pub(crate) async fn store(&self, clock: Ahead) -> Arc<dyn EventStore> {
        ledger::open(&self.address(), clock).await.expect("the ledger opens")
    }

    fn address(&self) -> String {
        match &self.ledger {
            Ledger::File(path) => path.display().to_string(),
            Ledger::Database(database) => database.url().to_owned(),
            Ledger::Server(server) => server.url(),
        }
    }

    /// Borrows the server that is the scene's own.
    pub(crate) fn server(&self) -> &OwnServer {
        let Ledger::Server(server) = &self.ledger else { panic!("the scene has no server of its own") };
        server
    }

    /// Names a file beside the ledger.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lists the run of each event of a kind, behind the store's back.
    pub(crate) fn runs_of(&self, kind: &str) -> Vec<String> {
        let sql = format!("SELECT run FROM artana.events WHERE kind = '{kind}'");
        let path = match &self.ledger {
            Ledger::Database(database) => return database.run(&sql).lines().map(str::to_owned).collect(),
            Ledger::Server(server) => return server.run(&sql).lines().map(str::to_owned).collect(),
            Ledger::File(path) => path,
        };
        let raw = rusqlite::Connection::open(path).expect("the file opens");
        let mut found = raw.prepare(&sql.replace("artana.", "")).expect("a statement");
        let runs = found.query_map([], |row| row.get(0)).expect("rows");
        runs.collect::<Result<_, _>>().expect("runs")
    }

    /// Starts a worker.
    pub(crate) fn worker(&self, generation: usize, arguments: &[&str]) -> Worker {
        let worker = &mut Command::new(env!("CARGO_BIN_EXE_worker"));
        Worker::start(self.tell(worker).arg(format!("generation={generation}")).args(arguments))
    }

    /// Tells a process where the ledger and the provider are.
    pub(crate) fn tell<'c>(&self, process: &'c mut Command) -> &'c mut Command {
        process.arg(format!("ledger={}", self.address())).arg(format!("provider={}", self.provider.address()))
    }

    /// Says whether nobody has the ledger's file locked. A database knows no such lock.
    pub(crate) fn is_free(&self) -> bool {
        let Ledger::File(path) = &self.ledger else { return true };
        let raw = rusqlite::Connection::open(path).expect("the file opens");
        raw.busy_timeout(std::time::Duration::ZERO).expect("a number");
        raw.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
    }

    /// Reads the provider's book from its file.
    pub(crate) fn book(&self) -> Vec<Entry> {
        self.provider.book().expect("a book")
    }
}

/// A worker process. Dropping it kills it.
pub(crate) struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
}

impl Worker {
    /// Starts a process that is heard and told lines.
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let out = child.stdout.take().expect("its output is a pipe");
        Self { child, lines: BufReader::new(out).lines(), said: Vec::new() }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Returns the number by which the diary names it.
    pub(crate) fn number(&self) -> u32 {
        self.child.id()
    }

    /// Stops it, whatever it is doing, and waits until it stands still.
    pub(crate) fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).expect("it is our child");
        let (_, status) =
            waitpid(Some(self.pid()), WaitOptions::UNTRACED).expect("it is our child").expect("it was waited for");
        assert!(status.stopped(), "it has ended: {status:?}");
    }

    /// Lets it go on where it was stopped.
    pub(crate) fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).expect("it is our child");
    }

    /// Waits for the next line; none comes after the process's end.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let line = self.lines.next()?.expect("lines of text");
        self.said.push(line.clone());
        Some(line)
    }

    /// Waits for a line that begins like this, and returns the rest of it.
    pub(crate) fn hear_of(&mut self, beginning: &str) -> String {
        while let Some(line) = self.hear() {
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim_start().to_owned();
            }
        }
        panic!("the worker never said {beginning:?}: {:?}", self.said)
    }

    /// Says a line to it.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("its input is a pipe");
        writeln!(stdin, "{line}").expect("it listens");
    }

    /// Returns whether it has ended.
    pub(crate) fn is_dead(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Kills it, and returns all it ever said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it is our child");
        while self.hear().is_some() {}
        std::mem::take(&mut self.said)
    }

    /// Waits until it has ended well, and returns all it ever said.
    pub(crate) fn end(mut self) -> Vec<String> {
        while self.hear().is_some() {}
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "the worker failed: {:?}", self.said);
        std::mem::take(&mut self.said)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
