//! A process that drives payments for the tests that stop processes. It says on its standard output where it stays, and
//! goes on from there when somebody says a line.
//!
//! Arguments are `name=value`: `ledger` (a file, or the address of a Postgres database), `provider`, `ttl` in
//! milliseconds, and `runs`, ids of runs that it serves, each from a queue of that name, until all of them are over.
//! `park=<point>:<n>` says so at the nth time that it passes a point, and stays there. `clock=still` makes it blind to
//! its deadline, and `fence=off` lets whatever it writes pass: what a test finds then is what it would miss otherwise.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use artana_core::{Status, Tenant, Timestamp};
use artana_kernel::{Kernel, Run, Worker};
use artana_ports::{Clock, SystemClock};
use artana_testkit::fault::{Action, FaultModel, FaultStore, FaultTool, Faults, Point, Spot};
use artana_tests::{
    ledger,
    payment::{Inside, Payments},
    provider::Client,
    work::{Ahead, TENANT},
};
use async_trait::async_trait;

/// How often it looks for what is due.
const POLL: Duration = Duration::from_millis(20);
/// More deaths in a row than any run has here.
const NEVER: u32 = 1_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: HashMap<String, String> =
        std::env::args().skip(1).filter_map(|word| word.split_once('=').map(|(a, b)| (a.into(), b.into()))).collect();
    let get = |name: &str| arguments.get(name).ok_or(format!("{name} is missing"));
    let park = arguments.get("park").map(|park| park.split_once(':').ok_or("a point has a number")).transpose()?;
    let park = park.map(|(name, n)| n.parse().map(|n| (name.to_owned(), n))).transpose()?;

    let faults = Faults::record();
    plan(&faults, park.as_ref());
    let mut store = FaultStore::new(ledger::open(get("ledger")?, Ahead::default()).await?, faults.clone());
    if arguments.contains_key("fence") {
        store = store.unfenced();
    }
    let payments = Payments::new(Client::new(get("provider")?.parse()?), inside(park.as_ref()));
    let model = FaultModel::new(payments.model(), faults.clone());
    let mut kernel = Kernel::builder(store).model(model).time_to_live(Duration::from_millis(get("ttl")?.parse()?));
    if arguments.contains_key("clock") {
        kernel = kernel.clock(Arc::new(Still));
    }
    for tool in payments.ports() {
        kernel = kernel.tool(FaultTool::new(tool, faults.clone()));
    }
    let kernel = kernel.build()?;
    payments.register(&kernel)?;

    let runs: Vec<&str> = get("runs")?.split(',').collect();
    let worker = Worker::new(&kernel).queues(runs.iter().copied()).concurrency(runs.len()).poll(POLL).park_after(NEVER);
    say(format_args!("works"));
    let tells = async {
        tokio::select! {
            ended = over(&kernel, &runs) => ended.expect("the store answers"),
            () = tells_of_leaving(&worker) => {}
        }
    };
    worker.run_until(tells).await?;
    kernel.close().await?;
    say(format_args!("over"));
    Ok(())
}

/// Waits until all runs have ended.
async fn over(kernel: &Kernel, runs: &[&str]) -> Result<(), artana_kernel::Error> {
    for id in runs {
        let run: Run = kernel.open_run(&Tenant::new(TENANT), id).await?;
        loop {
            let view = run.view().await?;
            if matches!(view.status, Status::Completed | Status::Failed | Status::Cancelled) {
                break;
            }
            run.wait_past(view.head.seq).await?;
        }
    }
    Ok(())
}

/// Says so whenever the worker has left a run to others.
async fn tells_of_leaving(worker: &Worker) {
    let mut seen = worker.stats();
    loop {
        let now = worker.changed(seen).await;
        if now.left > seen.left {
            say(format_args!("left"));
        }
        seen = now;
    }
}

/// Plans to stay at a point of the ports.
fn plan(faults: &Faults, park: Option<&(String, usize)>) {
    let Some((name, n)) = park.cloned() else { return };
    let passed = AtomicUsize::new(0);
    let hook = move |point: &Point| {
        if passed.fetch_add(1, Ordering::SeqCst) + 1 == n {
            stay(format_args!("{point}"));
        }
    };
    faults.plan(Spot::Every(name.leak()), Action::Hook(Arc::new(hook)));
}

/// Stays inside a tool's own code, where that is asked for.
fn inside(park: Option<&(String, usize)>) -> Inside {
    let place = park.and_then(|(name, _)| name.strip_prefix("inside.")).map(str::to_owned);
    Arc::new(move |tool| {
        if place.as_deref() == Some(tool) {
            stay(format_args!("inside {tool}"));
        }
    })
}

/// A clock by which no deadline ever comes.
#[derive(Debug)]
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// Says a line. Nobody buffers it: a line that was said was read, or can be.
fn say(line: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}

/// Says where this process is, and stays there until somebody tells it to go on.
fn stay(at: fmt::Arguments<'_>) {
    say(format_args!("parked {at}"));
    io::stdin().read_line(&mut String::new()).expect("somebody speaks");
}
