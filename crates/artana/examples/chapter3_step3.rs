//! Step 3: an incremental harness, one task a session, killed inside a task.
//!
//! Each session is a process of its own. The first does `backup`. The second is killed with SIGKILL inside `migrate`,
//! after it has copied the rows. The third finds the task in progress under a dead lease and finishes it: the copy is
//! answered from the ledger, and the file that is copied to shows that there was one. The fourth does `verify`.
//! No key, no network.

pub(crate) mod kept;

use std::{
    error::Error,
    fmt, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use artana::{
    core::event::{Body, Move},
    harness::{HarnessContext, IncrementalTaskHarness, IncrementalTasks, Result, TaskUnit},
    prelude::*,
};

use kept::{Ledger, Look, open};

/// Name the ledger, and where to copy to, to the process that is going to be killed.
const LEDGER: &str = "ARTANA_STEP3_LEDGER";
const COPIES: &str = "ARTANA_STEP3_COPIES";
/// What that process says when it is inside the task.
const INSIDE: &str = "inside migrate";
/// How long a process that died blocks its run.
const TIME_TO_LIVE: Duration = Duration::from_secs(1);
const RUN: &str = "migration_run";

/// The work. Two of its fields are for the example alone: where it copies to, and whether it is going to be killed.
struct Migration {
    copies: PathBuf,
    hangs: bool,
}

impl IncrementalTasks for Migration {
    async fn define_tasks(&self, _cx: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(vec![
            TaskUnit::new("backup", "Backup DB"),
            TaskUnit::new("migrate", "Run migrations"),
            TaskUnit::new("verify", "Verify schema"),
        ])
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        println!("Executing: {}", task.id());
        if task.id() == "migrate" {
            let copies = self.copies.clone();
            cx.step("copy").once(move || async move { copy(&copies) }).await?;
            if self.hangs {
                println!("{INSIDE}");
                std::io::stdout().flush()?;
                std::future::pending::<()>().await;
            }
        }
        Ok(())
    }
}

/// An effect that must not happen twice: it adds a line to a file.
fn copy(to: &Path) -> Result<()> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(to)?;
    Ok(writeln!(file, "rows copied")?)
}

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// How much was done after each session; the killed one says nothing.
    pub(crate) percent: Vec<Option<u8>>,
    /// How often rows were really copied.
    pub(crate) copies: usize,
    /// How many sessions the ledger knows.
    pub(crate) sessions: usize,
    /// The tasks that were done, in order, by the ledger.
    pub(crate) done: Vec<String>,
    /// Whether the ledger verifies.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent: Vec<String> = self
            .percent
            .iter()
            .map(|percent| percent.map_or("killed".into(), |percent| format!("{percent} %")))
            .collect();
        writeln!(f, "after each session:  {}", percent.join(", "))?;
        writeln!(f, "done, by the ledger: {}", self.done.join(", "))?;
        writeln!(f, "rows were copied:    {} time(s), in {} sessions", self.copies, self.sessions)?;
        write!(f, "the ledger verifies: {}", self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look =
    Look { tenant: "demo", verbs: &["list", "explain migration_run", "progress migration_run", "steps migration_run"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    if let Some((ledger, copies)) = told() {
        return be_killed(&ledger, &copies).await;
    }
    let ledger = Ledger::of("chapter3_step3", "migration.db")?;
    let folder = tempfile::tempdir()?;
    let this = Command::new(std::env::current_exe()?);
    let proof = run(ledger.address(), &folder.path().join("copies"), this).await?;
    println!("{proof}");
    ledger.say(&LOOK);
    Ok(())
}

/// The session that does not end by itself.
pub(crate) async fn be_killed(ledger: &str, copies: &Path) -> Result<(), Box<dyn Error>> {
    let kernel = Kernel::builder_shared(open(ledger).await?).time_to_live(TIME_TO_LIVE).build()?;
    let harness = IncrementalTaskHarness::new(&kernel, Migration { copies: copies.to_owned(), hangs: true });
    harness.run(&tenant(), RUN).await?;
    Ok(())
}

/// A session, as a process has it: it opens the store, does one task, and closes the store.
async fn session(ledger: &str, copies: &Path) -> Result<Option<u8>, Box<dyn Error>> {
    let kernel = Kernel::builder_shared(open(ledger).await?).time_to_live(TIME_TO_LIVE).build()?;
    let harness = IncrementalTaskHarness::new(&kernel, Migration { copies: copies.to_owned(), hangs: false });
    // After the kill it waits until the process that drove the run counts as dead.
    let progress = harness.run(&tenant(), RUN).await?;
    kernel.close().await?;
    Ok(progress.percent())
}

/// Starts a process, waits until it is inside its task, and kills it there.
fn kill(mut process: Command, ledger: &str, copies: &Path) -> Result<(), Box<dyn Error>> {
    let mut process = process.env(LEDGER, ledger).env(COPIES, copies).stdout(Stdio::piped()).spawn()?;
    let said = process.stdout.take().ok_or("its output is piped")?;
    let inside = BufReader::new(said).lines().any(|line| line.is_ok_and(|line| line.contains(INSIDE)));
    process.kill()?;
    process.wait()?;
    if inside { Ok(()) } else { Err("the process ended before it was killed".into()) }
}

fn tenant() -> Tenant {
    Tenant::new("demo")
}

/// What the process that is going to be killed was told; `None` in the others.
pub(crate) fn told() -> Option<(String, PathBuf)> {
    Some((std::env::var(LEDGER).ok()?, std::env::var_os(COPIES)?.into()))
}

pub(crate) async fn run(ledger: &str, copies: &Path, process: Command) -> Result<Proof, Box<dyn Error>> {
    let mut percent = vec![session(ledger, copies).await?];
    kill(process, ledger, copies)?;
    println!("Killed.");
    percent.extend([None, session(ledger, copies).await?, session(ledger, copies).await?]);

    let kernel = Kernel::builder_shared(open(ledger).await?).build()?;
    let run = kernel.open_run(&tenant(), RUN).await?;
    let (mut done, mut sessions) = (Vec::new(), 0);
    let mut events = run.events();
    while let Some(event) = events.try_next().await? {
        match event.body() {
            Body::HarnessWoke(_) => sessions += 1,
            Body::TaskMoved(moved) if matches!(moved.to, Move::Done(_)) => done.push(moved.task.to_string()),
            _ => {}
        }
    }
    let copies = fs::read_to_string(copies)?.lines().count();
    let verified = run.verify().await?.is_ok();
    kernel.close().await?;
    Ok(Proof { percent, copies, sessions, done, verified })
}
