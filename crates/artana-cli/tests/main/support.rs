//! Ledgers to look at, the binary to look with, and text without what differs from run to run.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use artana_core::Tenant;
use artana_kernel::{ClosureTool, Kernel, tool};
use artana_ports::{ToolContext, ToolError};
use artana_store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_artana");
/// Stands in every argument and result; no command may print it.
pub(crate) const SECRET: &str = "canary-7f3a";

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn tenant() -> Tenant {
    Tenant::new("default").capability("payments:charge")
}

/// A folder with a ledger in it.
pub(crate) struct World {
    pub(crate) folder: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// A folder without a ledger.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// One run of each kind: paid, in doubt, given up, untouched, and one of another tenant.
    pub(crate) fn furnished() -> Self {
        let world = Self::empty();
        runtime().block_on(furnish(&world.ledger()));
        world
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("artana.db")
    }

    /// A command in the folder, where the store's default address is the ledger.
    pub(crate) fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(BINARY);
        command.args(args).current_dir(self.folder.path());
        command.env_remove("ARTANA_STORE").env_remove("ARTANA_TENANT");
        command
    }

    /// Runs a command whose words have no spaces in them.
    pub(crate) fn artana(&self, line: &str) -> Done {
        self.run(line.split_whitespace())
    }

    pub(crate) fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Done {
        let output = self.command(args).output().unwrap();
        self.done(&output)
    }

    fn done(&self, output: &Output) -> Done {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Done { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Returns all a command said, without what differs from run to run.
    pub(crate) fn told(&self, line: &str) -> String {
        redacted(&self.told_exactly(line), kind)
    }

    /// Returns all a command said of a ledger whose clock was given, without what is too long to be looked at.
    pub(crate) fn told_in_time(&self, line: &str) -> String {
        redacted(&self.told_exactly(line), name)
    }

    fn told_exactly(&self, line: &str) -> String {
        let Done { code, out, err } = self.artana(line);
        let told = format!("$ artana {line}\n{out}{err}= {code}\n");
        told.replace(self.folder.path().to_str().unwrap(), "[folder]").replace(BINARY, "artana")
    }

    /// Replaces bytes in the ledger's file, wherever they stand; both have the same length.
    pub(crate) fn replace(&self, before: &[u8], after: &[u8]) {
        assert_eq!(before.len(), after.len());
        let mut bytes = std::fs::read(self.ledger()).unwrap();
        let places: Vec<usize> =
            bytes.windows(before.len()).enumerate().filter(|(_, window)| *window == before).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "the bytes are in the file");
        for at in places {
            bytes[at..at + after.len()].copy_from_slice(after);
        }
        std::fs::write(self.ledger(), bytes).unwrap();
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

/// A charge whose answer, and whose probe's, is given.
pub(crate) fn charge(answer: Result<&'static str, fn() -> ToolError>) -> ClosureTool<String, String> {
    tool("charge_credit_card")
        .capability("payments:charge")
        .idempotent(Duration::from_secs(86_400))
        .handler(move |_card: String, _cx: ToolContext| async move { answer.map(str::to_owned).map_err(|e| e()) })
        .probe(|_card: String, _cx: ToolContext| async { Ok(Some(format!("receipt {SECRET}"))) })
}

pub(crate) async fn kernel(ledger: &Path, tool: &ClosureTool<String, String>) -> Kernel {
    let store = SqliteStore::open(ledger).await.unwrap();
    Kernel::builder(store).tool(tool.clone()).build().unwrap()
}

async fn furnish(ledger: &Path) {
    let card = format!("card {SECRET}");
    let sure = charge(Ok(SECRET));
    let sure_kernel = kernel(ledger, &sure).await;
    let paid = sure_kernel.start_run(&tenant().label("team", "billing"), "paid").await.unwrap();
    paid.step("charge").tool(&sure, &card).await.unwrap();
    paid.finish().await.unwrap();
    let failed = sure_kernel.start_run(&tenant(), "failed").await.unwrap();
    failed.fail(SECRET).await.unwrap();
    sure_kernel.start_run(&tenant(), "open").await.unwrap();
    sure_kernel.start_run(&Tenant::new("other"), "theirs").await.unwrap();
    sure_kernel.close().await.unwrap();

    let lost = charge(Err(|| ToolError::unknown(SECRET)));
    let lost_kernel = kernel(ledger, &lost).await;
    let doubt = lost_kernel.start_run(&tenant(), "doubt").await.unwrap();
    doubt.step("charge").tool(&lost, &card).await.unwrap_err();
    lost_kernel.close().await.unwrap();
}

/// Replaces what `kind` finds.
fn redacted(text: &str, kind: fn(&str) -> Option<&'static str>) -> String {
    let within = |c: char| c.is_alphanumeric() || "-:._".contains(c);
    let mut out = String::new();
    let (mut rest, mut before) = (text, "");
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| within(c) != within(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let measured = before == "elapsed_us" && word.starts_with(':');
        out.push_str(if measured { ":[measured]" } else { kind(word).unwrap_or(word) });
        if word.len() > 2 {
            before = word;
        }
        rest = after;
    }
    out
}

/// Finds hashes and ids.
fn name(word: &str) -> Option<&'static str> {
    let hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    if word.len() == 64 && hex(word) {
        return Some("[hash]");
    }
    if word.len() == 36 && word.split('-').count() == 5 && word.split('-').all(hex) {
        return Some("[id]");
    }
    None
}

/// Finds hashes, ids, times and durations.
fn kind(word: &str) -> Option<&'static str> {
    if let Some(name) = name(word) {
        return Some(name);
    }
    if word.len() == 27 && word.ends_with('Z') && word.contains('T') {
        return Some("[time]");
    }
    let number = word.trim_end_matches(['s', 'm', 'µ', 'n']);
    (word.ends_with('s') && number.contains('.') && number.parse::<f64>().is_ok()).then_some("[took]")
}
