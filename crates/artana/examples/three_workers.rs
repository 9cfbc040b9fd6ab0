//! Three worker processes on one store, of which one is killed.
//!
//! Twelve pages are enqueued, and each is to be printed once. The first process is killed with SIGKILL when its first
//! page has come out of the printer and the ledger does not know yet. The others take over what it left: they ask the
//! printer again under the page's own key, and the printer, which knows its keys, prints nothing twice.
//!
//! Without an address the store is a file. No key, no network but the one to the server.
//!
//! ```text
//! cargo run -p artana --example three_workers
//! cargo run -p artana --example three_workers -- postgres://artana@localhost/artana
//! ```

pub(crate) mod kept;

use std::{
    env,
    error::Error,
    fmt,
    fs::{self, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use artana::{ClosureTool, Status, prelude::*};

use kept::{Ledger, Look, open};

/// Names the store to a worker process, what comes out of the printer, and whether the worker is going to be killed.
pub(crate) const STORE: &str = "ARTANA_EXAMPLE_STORE";
const PRINTER: &str = "ARTANA_EXAMPLE_PRINTER";
const KILLED: &str = "ARTANA_EXAMPLE_KILLED";

const TENANT: &str = "press";
const PAGES: u64 = 12;
/// How long a process that says nothing counts as alive. A real one takes more: the default is 15 s.
const TIME_TO_LIVE: Duration = Duration::from_secs(1);

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// How many pages were asked for, and how many are done.
    pub(crate) pages: (u64, usize),
    /// The pages that came out of the printer, sorted.
    pub(crate) printed: Vec<u64>,
    /// How many runs a process took over from a dead one.
    pub(crate) taken_over: usize,
    /// Whether all ledgers verify.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} pages done, {} came out of the printer", self.pages.1, self.pages.0, self.printed.len())?;
        write!(f, "{} taken over from the dead; all ledgers verify: {}", self.taken_over, self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look = Look { tenant: TENANT, verbs: &["list", "events print:0", "steps print:0"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    if env::var_os(STORE).is_some() {
        return work().await;
    }
    let this = env::current_exe()?;
    let folder = tempfile::tempdir()?;
    let printer = folder.path().join("printed");
    let ledger = Ledger::of("three_workers", "pages.db")?;
    println!("{}", run(ledger.address(), &printer, || Command::new(&this)).await?);
    ledger.say(&LOOK);
    Ok(())
}

/// What one worker process does: it drives runs until its input ends.
pub(crate) async fn work() -> Result<(), Box<dyn Error>> {
    let named = |name| env::var(name).map_err(|_| format!("{name} is not set"));
    let print = print(named(PRINTER)?.into(), env::var_os(KILLED).is_some());
    let kernel = Kernel::builder_shared(open(&named(STORE)?).await?);
    let kernel = kernel.tool(print.clone()).time_to_live(TIME_TO_LIVE).build()?;
    kernel.register("print", move |cx: WorkflowContext, page: u64| {
        let print = print.clone();
        async move {
            let layout = cx.step("layout").compute(move || async move { Ok(page) }).await?;
            Ok(cx.step("print").reconcile(&print, &layout).await?.into_output())
        }
    })?;
    let told_to_stop = async { drop(tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new())).await) };
    Worker::new(&kernel).concurrency(1).poll(Duration::from_millis(50)).run_until(told_to_stop).await?;
    kernel.close().await?;
    Ok(())
}

/// A printer that knows its keys: a page that came out comes out no more.
fn print(printed: PathBuf, killed: bool) -> ClosureTool<u64, String> {
    tool("print").idempotent(Duration::from_secs(3600)).handler(move |page: u64, cx: ToolContext| {
        let printed = printed.clone();
        async move {
            let known = fs::read_to_string(&printed).unwrap_or_default().contains(cx.idempotency_key());
            if !known {
                // One write, so that lines of several processes do not mix.
                let mut file = OpenOptions::new().create(true).append(true).open(&printed)?;
                file.write_all(format!("{page} {}\n", cx.idempotency_key()).as_bytes())?;
            }
            if killed {
                println!("printed");
                std::future::pending::<()>().await;
            }
            Ok(format!("page {page} is printed"))
        }
    })
}

/// Starts a worker process.
fn start(mut process: Command, address: &str, printed: &Path) -> io::Result<Child> {
    process.env(STORE, address).env(PRINTER, printed).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

/// Waits until a run has ended, whoever drives it.
async fn ended(run: &Run) -> Result<Status, artana::Error> {
    loop {
        let view = run.view().await?;
        if view.status.is_finished() {
            return Ok(view.status);
        }
        run.wait_past(view.head.seq).await?;
    }
}

pub(crate) async fn run(address: &str, printed: &Path, process: impl Fn() -> Command) -> Result<Proof, Box<dyn Error>> {
    let kernel = Kernel::builder_shared(open(address).await?).build()?;
    let (tenant, mut runs) = (Tenant::new(TENANT), Vec::new());
    for page in 0..PAGES {
        runs.push(kernel.enqueue(&tenant, "print", &page).deduplicate(page.to_string()).await?);
    }

    let mut doomed = process();
    doomed.env(KILLED, "1");
    let mut doomed = start(doomed, address, printed)?;
    let said = BufReader::new(doomed.stdout.take().ok_or("it has an output")?).lines();
    let printing = said.map_while(Result::ok).any(|line| line.ends_with("printed"));
    if !printing {
        return Err("the process ended before it was killed".into());
    }
    let others = [start(process(), address, printed)?, start(process(), address, printed)?];
    doomed.kill()?;
    doomed.wait()?;

    let (mut done, mut taken_over, mut verified) = (0, 0, true);
    for run in &runs {
        let status = ended(run).await?;
        let mut events = run.events();
        while let Some(event) = events.try_next().await? {
            taken_over += usize::from(event.kind() == "driver_changed");
        }
        done += usize::from(status == Status::Completed);
        verified &= run.verify().await?.is_ok();
    }
    for mut other in others {
        // Its input ends, so it leaves what it has to nobody and stops.
        drop(other.stdin.take());
        other.wait()?;
    }
    kernel.close().await?;
    let pages = fs::read_to_string(printed)?;
    let mut printed: Vec<u64> = pages.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect();
    printed.sort_unstable();
    Ok(Proof { pages: (PAGES, done), printed, taken_over, verified })
}
