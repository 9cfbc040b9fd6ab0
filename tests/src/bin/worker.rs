//! A worker process for the tests that kill processes. It says on its standard output, line by line,
//! what it has got an acknowledgement for; what it must not do is remember anything but in the ledger.
//!
//! Arguments are `name=value`: `ledger` (a file, or the address of a database), `provider`, `generation`, and one of `drive=<run>` (one run to
//! its end), `series=<n>` (run `n` and all after it, for ever), `crowd=<run>` (waits for a line, then
//! takes the steps `step` of the run with all others) or `flows=<runs at once>` (a worker of workflows, until
//! somebody says a line; `ttl` in milliseconds, `park_after`, `diary`, `cure` and `enqueue=<from>..<to>` belong to it).
//! `points=record` tells at the end which points were passed. `park=<point>` says so at that point and stays there
//! until somebody says a line; a point is `port:<n>`, `inner:<n>`, or `called`, which is when a tool has answered and
//! nothing is recorded yet.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use artana_core::{Seq, Tenant};
use artana_kernel::{Error, Kernel, Run};
use artana_ports::EventStore;
use artana_store_sqlite::{SqliteOptions, SqliteStore};
use artana_testkit::fault::{Action, FaultStore, FaultTool, Faults};
use artana_tests::{
    diary::Diary,
    flow::{self, Flows},
    ledger,
    provider::Client,
    work::{Ahead, GENERATION, TENANT, Tools},
};

/// How long a call of a workflow's tool may take, and how long its effect may need to be seen.
const TIMEOUT: Duration = Duration::from_millis(1000);
const SETTLE: Duration = Duration::from_millis(500);
/// How often a worker of workflows looks for what is due.
const POLL: Duration = Duration::from_millis(20);
/// More deaths in a row than any run has here.
const NEVER: u32 = 1_000_000;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: HashMap<String, String> =
        std::env::args().skip(1).filter_map(|word| word.split_once('=').map(owned)).collect();
    let worker = Worker::open(&arguments).await?;
    if let Some(run) = arguments.get("drive") {
        worker.drive(run).await?;
    } else if let Some(first) = arguments.get("series") {
        worker.series(first.parse()?).await?;
    } else if let Some(at_once) = arguments.get("flows") {
        worker.flows(at_once.parse()?, &arguments).await?;
    } else if let Some(run) = arguments.get("crowd") {
        worker.crowd(run, arguments.get("step").ok_or("a crowd needs a step")?).await?;
    }
    worker.kernel.close().await?;
    worker.points.tell_all();
    Ok(())
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Says a line. Nobody buffers it: a line that was said was read, or can be.
fn say(line: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}

/// Waits until somebody says a line, or nobody is there to say one.
async fn told() {
    let heard = tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new()));
    drop(heard.await);
}

struct Worker {
    kernel: Kernel,
    tenant: Tenant,
    tools: Tools,
    points: Points,
}

impl Worker {
    async fn open(arguments: &HashMap<String, String>) -> Result<Self, Failure> {
        let get = |name: &str| arguments.get(name).ok_or(format!("{name} is missing"));
        let generation: u32 = arguments.get("generation").map_or(Ok(0), |text| text.parse())?;
        let clock = Arc::new(Ahead(GENERATION * generation));
        let points = Points::new(arguments);
        let address = get("ledger")?;
        let store: Arc<dyn EventStore> = match ledger::is_database(address) {
            true => ledger::open(address, *clock).await?,
            false => Arc::new(points.watch_store(SqliteStore::options().clock(clock.clone())).open(address).await?),
        };
        let client = Client::new(get("provider")?.parse()?);
        let tools = match arguments.contains_key("flows") {
            true => Tools::within(client, TIMEOUT, SETTLE),
            false => Tools::new(client),
        };
        let store = FaultStore::new(store, points.ports.clone());
        let mut kernel = Kernel::builder(store).clock(clock);
        if let Some(ttl) = arguments.get("ttl") {
            kernel = kernel.time_to_live(Duration::from_millis(ttl.parse()?));
        }
        for tool in tools.ports() {
            kernel = kernel.tool(FaultTool::new(tool, points.ports.clone()));
        }
        Ok(Self { kernel: kernel.build()?, tenant: Tenant::new(TENANT), tools, points })
    }

    async fn run(&self, name: &str) -> Result<Run, Error> {
        let run = self.kernel.run(&self.tenant, name).await?;
        say(format_args!("open {name}"));
        Ok(run)
    }

    async fn drive(&self, name: &str) -> Result<(), Error> {
        self.tools.drive(&self.run(name).await?, say).await
    }

    async fn series(&self, first: u64) -> Result<(), Error> {
        for n in first.. {
            self.drive(&format!("run-{n}")).await?;
        }
        Ok(())
    }

    /// Drives workflows, after having enqueued some.
    async fn flows(&self, at_once: usize, arguments: &HashMap<String, String>) -> Result<(), Failure> {
        let get = |name: &str| arguments.get(name).ok_or(format!("{name} is missing"));
        let (diary, cure) = (Diary::new(get("diary")?), get("cure")?.into());
        Flows { tools: self.tools.clone(), diary, cure }.register(&self.kernel)?;
        if let Some((from, to)) = arguments.get("enqueue").and_then(|range| range.split_once("..")) {
            self.enqueue(from.parse()?, to.parse()?).await?;
        }
        let park_after = arguments.get("park_after").map_or(Ok(NEVER), |n| n.parse())?;
        let worker = artana_kernel::Worker::new(&self.kernel).concurrency(at_once).poll(POLL).park_after(park_after);
        say(format_args!("works"));
        Ok(worker.run_until(told()).await?)
    }

    /// Enqueues the orders of these numbers, and beside each one another workflow. Those that are there stay as they are.
    async fn enqueue(&self, from: u64, to: u64) -> Result<(), Error> {
        for n in from..to {
            for name in [flow::ORDER, flow::SUM] {
                self.kernel.enqueue(&self.tenant, name, &n).deduplicate(n.to_string()).await?;
            }
        }
        Ok(())
    }

    /// Takes one step together with other processes: whoever comes second waits for the first one's outcome.
    async fn crowd(&self, name: &str, step: &str) -> Result<(), Failure> {
        let run = self.run(name).await?;
        say(format_args!("ready"));
        io::stdin().read_line(&mut String::new())?;
        for step in step.split(',') {
            let answer = loop {
                let before: Seq = run.view().await?.head.seq;
                match self.tools.settle(&run.step(step), "charge", 1).await {
                    Err(Error::InFlight { .. }) => {
                        say(format_args!("waits {step}"));
                        run.wait_past(before).await?;
                    }
                    answer => break answer?,
                }
            };
            say(format_args!("ack {name} {step} {answer}"));
        }
        Ok(())
    }
}

/// The points this process passes, at the ports and inside the store, and the one it stays at.
struct Points {
    ports: Faults,
    /// Where inside the store to stay.
    inner: Option<usize>,
    passed: Arc<Mutex<Vec<&'static str>>>,
    record: bool,
}

impl Points {
    fn new(arguments: &HashMap<String, String>) -> Self {
        let park = arguments.get("park").map(String::as_str).unwrap_or_default();
        let number = |kind| park.strip_prefix(kind).and_then(|n| n.parse::<usize>().ok());
        let ports = Faults::record();
        let stays = || Action::Hook(Arc::new(|point| stay(format_args!("port {point}"))));
        if let Some(n) = number("port:") {
            ports.plan(n, stays());
        } else if park == "called" {
            ports.plan("tool.call.after", stays());
        }
        let record = arguments.contains_key("points");
        Self { ports, inner: number("inner:"), passed: Arc::default(), record }
    }

    fn watch_store(&self, options: SqliteOptions) -> SqliteOptions {
        let (passed, stays_at, counted) = (Arc::clone(&self.passed), self.inner, AtomicUsize::new(0));
        options.failpoint(Arc::new(move |name| {
            passed.lock().unwrap_or_else(PoisonError::into_inner).push(name);
            let n = counted.fetch_add(1, Ordering::SeqCst) + 1;
            if Some(n) == stays_at {
                stay(format_args!("inner {n} {name}"));
            }
        }))
    }

    fn tell_all(&self) {
        if !self.record {
            return;
        }
        self.ports.points().iter().for_each(|point| say(format_args!("passed port {point}")));
        let inner = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        (1..).zip(&*inner).for_each(|(n, name)| say(format_args!("passed inner {n} {name}")));
    }
}

/// Says where this process is, and stays there until somebody tells it to go on or kills it.
fn stay(at: fmt::Arguments<'_>) {
    say(format_args!("parked {at}"));
    io::stdin().read_line(&mut String::new()).expect("somebody speaks");
}
