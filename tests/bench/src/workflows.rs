//! Workflows: what a step costs alone and beside 63 others, how fast recorded steps are answered, and how long it takes
//! until a workflow goes on whose process died. What its steps compute takes no time.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context, Result};
use artana_kernel::{Failure, Kernel, WorkflowContext, WorkflowOutcome};
use artana_store_sqlite::{SqliteStore, Synchronous};
use artana_testkit::MemoryStore;

use crate::{
    raw::{Raw, Rows, Source},
    report::{Line, median, micros},
    steps::{Pairs, print_pair},
    world::{self, Size},
};

const RUNS: usize = 64;
/// Steps of each of the many workflows of a round.
const STEPS: usize = 10;
/// Steps of the long workflow that is answered from its ledger.
const LONG: u64 = 10_000;
/// How long the process that dies counts as alive.
const LIFE: std::time::Duration = std::time::Duration::from_secs(2);

/// One step that computes: one durable append, in interleaved pairs with the raw driver.
pub(crate) async fn step(size: &Size) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ours.db");
    let kernel = world::kernel(&path, Synchronous::Full).await?;
    let run = kernel.enqueue(&world::tenant(), "unregistered", &()).id("run").await?;
    let seq = run.view().await?.head.seq.get().cast_signed();
    let pairs = Pairs::new(path, dir.path().join("raw.db"), &run).await?;
    let steps = size.steps;
    let code = |cx: WorkflowContext| async move {
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        for n in 0..steps {
            let began = Instant::now();
            cx.step(format!("step-{n}")).compute(move || async move { Ok(world::args(n)) }).await?;
            ours.push(micros(began.elapsed()));
            let at = seq + n as i64;
            raw.push(pairs.raw(&[(at, at + 1)]).map_err(Failure::new)?);
        }
        Ok((ours, raw))
    };
    let measured = kernel.workflow(&world::tenant(), "run", code).await?;
    let (ours, raw) = measured.completed().context("it waits for nothing")?;
    print_pair("workflow_step", ours, raw);
    Ok(kernel.close().await?)
}

/// 64 workflows at once, each at its next step: the writer's group commit beside raw batches of 64.
pub(crate) async fn many(size: &Size) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ours.db");
    let kernel = world::kernel(&path, Synchronous::Full).await?;
    let (source, raw) = (Source::open(&path)?, Raw::create(&dir.path().join("raw.db"), "FULL").await?);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        let mut begun = 0;
        for n in 0..RUNS {
            let run = kernel.enqueue(&world::tenant(), "unregistered", &()).id(id(round, n)).await?;
            begun = run.view().await?.head.seq.get().cast_signed();
            raw.add_run(&source.run(run.id())?)?;
        }
        // The last append ends the run.
        let appends = (RUNS * (STEPS + 1)) as f64;
        let began = Instant::now();
        every_workflow(&kernel, round).await?;
        ours.push(appends / began.elapsed().as_secs_f64());
        theirs.push(appends / raw_round(&source, &raw, round, begun)?);
        raw.checkpoint()?;
    }
    let met = median(&ours) >= 0.8 * median(&theirs);
    let (durability, unit, target) = ("wal, synchronous=full", "appends/s", ">= 0.8 of raw batches of 64");
    Line { bench: "workflows_64", durability, unit, ours, raw: theirs, target, met }.print();
    Ok(kernel.close().await?)
}

fn id(round: usize, n: usize) -> String {
    format!("run-{round}-{n}")
}

async fn every_workflow(kernel: &Kernel, round: usize) -> Result<()> {
    let begin = |n| {
        let kernel = kernel.clone();
        tokio::spawn(async move {
            let code = |cx: WorkflowContext| async move {
                for n in 0..STEPS {
                    cx.step(format!("step-{n}")).compute(move || async move { Ok(world::args(n)) }).await?;
                }
                Ok(())
            };
            kernel.workflow(&world::tenant(), &id(round, n), code).await.map(drop)
        })
    };
    let tasks: Vec<_> = (0..RUNS).map(begin).collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// The same rows in transactions of one append of each run; returns seconds.
fn raw_round(source: &Source, raw: &Raw, round: usize, begun: i64) -> Result<f64> {
    let mut seconds = 0.0;
    for from in (begun..).take(STEPS + 1) {
        let rows = (0..RUNS).map(|n| source.append(&id(round, n), from, from + 1));
        let rows: Vec<Rows> = rows.collect::<Result<_>>()?;
        let began = Instant::now();
        raw.commit(&rows)?;
        seconds += began.elapsed().as_secs_f64();
    }
    Ok(seconds)
}

/// Computes small numbers, one after the other, and tells how many seconds the answers took. Then it waits.
async fn one_by_one(cx: WorkflowContext) -> Result<f64, Failure> {
    let began = Instant::now();
    for n in 0..LONG {
        cx.step(format!("step-{n}")).compute(move || async move { Ok(n) }).await?;
    }
    told(&cx, began).await
}

/// The same, all at once.
async fn at_once(cx: WorkflowContext) -> Result<f64, Failure> {
    let began = Instant::now();
    let steps = (0..LONG).map(|n| cx.step(format!("step-{n}")).compute(move || async move { Ok(n) }));
    let answers: Vec<u64> = cx.join_all(steps).await.into_iter().collect::<Result<_, _>>()?;
    if answers.into_iter().ne(0..LONG) {
        return Err(Failure::new("other answers"));
    }
    told(&cx, began).await
}

/// Tells outside the ledger what was measured, because the ledger has one answer for ever; and waits.
async fn told(cx: &WorkflowContext, began: Instant) -> Result<f64, Failure> {
    MEASURED.with(|measured| measured.set(began.elapsed().as_secs_f64()));
    Ok(cx.signal("enough").await?)
}

thread_local! {
    static MEASURED: std::cell::Cell<f64> = const { std::cell::Cell::new(0.0) };
}

/// Answers 10,000 recorded steps in memory: of a workflow that asks them one by one, and of one that joins them.
pub(crate) fn replay(size: &Size) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (live, again) = replayed(size, one_by_one).await?;
        rate("workflow_replay_10000", again, ">= 300,000 steps/s", 300_000.0);
        rate("workflow_live_10000_in_memory", live, "reported only", 0.0);
        let (live, again) = replayed(size, at_once).await?;
        rate("workflow_replay_10000_joined", again, "reported only", 0.0);
        rate("workflow_live_10000_joined_in_memory", live, "reported only", 0.0);
        Ok(())
    })
}

fn rate(bench: &str, ours: Vec<f64>, target: &str, least: f64) {
    let met = median(&ours) >= least;
    Line { bench, durability: "none", unit: "steps/s", ours, raw: Vec::new(), target, met }.print();
}

/// Runs a workflow once and answers it from its ledger some times over; returns the rates.
async fn replayed<F, Fut>(size: &Size, code: F) -> Result<(Vec<f64>, Vec<f64>)>
where
    F: Fn(WorkflowContext) -> Fut + Copy + Send,
    Fut: Future<Output = Result<f64, Failure>> + Send,
{
    let store = MemoryStore::new();
    let kernel = Kernel::builder(store.clone()).build()?;
    let mut rates = Vec::new();
    for _ in 0..=size.repeats {
        let waits = kernel.workflow(&world::tenant(), "run", code).await?;
        anyhow::ensure!(matches!(waits, WorkflowOutcome::Waiting(_)), "{waits:?}");
        rates.push(LONG as f64 / MEASURED.get());
    }
    let again = rates.split_off(1);
    kernel.close().await?;
    Ok((rates, again))
}

/// A process died at step 10,001: how long it takes from opening the file until that step is durable.
pub(crate) async fn resume(size: &Size) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("died.db");
    let died = Command::new(std::env::current_exe()?).arg("child-workflow").arg(&path).status()?;
    anyhow::ensure!(died.code() == Some(DIED), "the process was to die: {died}");
    tokio::time::sleep(LIFE).await;
    let mut ours = Vec::new();
    for n in 0..size.repeats {
        let copy = dir.path().join(format!("copy-{n}.db"));
        for part in ["", "-wal", "-shm"] {
            let named = |path: &Path| format!("{}{part}", path.display());
            if Path::new(&named(&path)).exists() {
                std::fs::copy(named(&path), named(&copy))?;
            }
        }
        let began = Instant::now();
        let kernel = world::kernel(&copy, Synchronous::Full).await?;
        kernel.workflow(&world::tenant(), "run", long).await?;
        ours.push(micros(began.elapsed()) / 1000.0);
        kernel.close().await?;
    }
    let (durability, unit, target) = ("wal, synchronous=full", "ms", "reported only");
    Line { bench: "workflow_resume_10000", durability, unit, ours, raw: Vec::new(), target, met: true }.print();
    Ok(())
}

async fn long(cx: WorkflowContext) -> Result<(), Failure> {
    for n in 0..LONG {
        cx.step(format!("step-{n}")).compute(move || async move { Ok(n) }).await?;
    }
    // The process that is to die does so where another one goes on.
    let last = || async {
        if std::env::args().any(|arg| arg == "child-workflow") { std::process::exit(DIED) } else { Ok(()) }
    };
    cx.step("last").compute(last).await?;
    Ok(())
}

/// With what the process ends that is to die in the middle of its work.
const DIED: i32 = 9;

/// Takes the long workflow to its last step, and dies there.
pub(crate) fn child_workflow(path: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = SqliteStore::options().synchronous(Synchronous::Normal).open(Path::new(path)).await?;
        let kernel = Kernel::builder(store).time_to_live(LIFE).build()?;
        kernel.workflow(&world::tenant(), "run", long).await?;
        anyhow::bail!("it was to die")
    })
}
