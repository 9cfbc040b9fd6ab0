//! Worker processes and the place they work in. A worker is told what to do, heard line by line, and
//! killed; nothing here judges what came of it.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use artana_tests::provider::{Entry, Provider};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

/// A folder with a ledger and a provider, of one test alone.
pub(crate) struct Scene {
    pub(crate) ledger: PathBuf,
    provider: Provider,
    _folder: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let provider = Provider::open(folder.path().join("book")).expect("a provider");
        Self { ledger: folder.path().join("ledger.db"), provider, _folder: folder }
    }

    /// Starts a worker.
    pub(crate) fn worker(&self, generation: usize, arguments: &[&str]) -> Worker {
        Worker::start(
            Command::new(env!("CARGO_BIN_EXE_worker"))
                .arg(format!("ledger={}", self.ledger.display()))
                .arg(format!("provider={}", self.provider.address()))
                .arg(format!("generation={generation}"))
                .args(arguments),
        )
    }

    /// Borrows the provider's address as a payer is told it.
    pub(crate) fn provider(&self) -> String {
        format!("provider={}", self.provider.address())
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
