//! What a step costs: alone, beside 63 others, and as its run grows.

use std::{path::PathBuf, time::Instant};

use anyhow::Result;
use artana_kernel::{ClosureTool, Run};
use artana_store_sqlite::Synchronous;

use crate::{
    load::LongRun,
    models,
    raw::{Raw, Rows, Source},
    report::{Line, median, micros},
    world::{self, Size},
};

/// How much a kernel's append may cost over the raw driver's commit of the same rows.
const ALLOWANCE_US: f64 = 50.0;
const RUNS: usize = 64;

/// What a step does.
enum Step {
    Tool(ClosureTool<String, String>),
    Model,
}

impl Step {
    async fn make(&self, run: &Run, n: usize) -> Result<()> {
        match self {
            Self::Tool(tool) => run.step(format!("step-{n}")).tool(tool, &world::args(n)).await.map(drop)?,
            Self::Model => models::step(run, n).await?,
        }
        Ok(())
    }
}

/// One step of a tool with an effect: two durable appends.
pub(crate) async fn effect_step(size: &Size) -> Result<()> {
    step("tool_step_append", size, Step::Tool(world::effect()), &[(0, 1), (1, 2)]).await
}

/// One step of a tool that only reads: one durable append of two events.
pub(crate) async fn read_step(size: &Size) -> Result<()> {
    step("read_step_append", size, Step::Tool(world::look()), &[(0, 2)]).await
}

/// One step of a model: two durable appends.
pub(crate) async fn model_step(size: &Size) -> Result<()> {
    step("model_step_append", size, Step::Model, &[(0, 1), (1, 2)]).await
}

/// A step in interleaved pairs with the raw driver; `appends` says which events leave together.
async fn step(bench: &str, size: &Size, step: Step, appends: &[(i64, i64)]) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let kernel = world::kernel(&dir.path().join("ours.db"), Synchronous::Full).await?;
    let run = kernel.run(&world::tenant(), "run").await?;
    let pairs = Pairs::new(dir.path().join("ours.db"), dir.path().join("raw.db"), &run).await?;
    let count = appends.len() as f64;
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for n in 0..size.steps {
        let seq = run.view().await?.head.seq.get().cast_signed();
        let began = Instant::now();
        step.make(&run, n).await?;
        ours.push(micros(began.elapsed()) / count);
        let rows: Vec<_> = appends.iter().map(|(from, to)| (seq + from, seq + to)).collect();
        raw.push(pairs.raw(&rows)? / count);
    }
    print_pair(bench, ours, raw);
    Ok(kernel.close().await?)
}

pub(crate) fn print_pair(bench: &str, ours: Vec<f64>, raw: Vec<f64>) {
    let met = median(&ours) <= median(&raw) * 1.05 + ALLOWANCE_US;
    let target = "<= raw + 50 us + 5 %";
    Line { bench, durability: "wal, synchronous=full", unit: "us/append", ours, raw, target, met }.print();
}

/// The raw driver's half of interleaved pairs.
pub(crate) struct Pairs {
    source: Source,
    raw: Raw,
    run: String,
}

impl Pairs {
    pub(crate) async fn new(ours: PathBuf, raw: PathBuf, run: &Run) -> Result<Self> {
        let source = Source::open(&ours)?;
        let raw = Raw::create(&raw, "FULL").await?;
        raw.add_run(&source.run(run.id())?)?;
        Ok(Self { source, raw, run: run.id().into() })
    }

    /// Commits the same rows one append at a time and returns the time in microseconds.
    pub(crate) fn raw(&self, appends: &[(i64, i64)]) -> Result<f64> {
        let rows = appends.iter().map(|&(from, to)| self.source.append(&self.run, from, to));
        let rows: Vec<Rows> = rows.collect::<Result<_>>()?;
        let began = Instant::now();
        for append in rows.chunks(1) {
            self.raw.commit(append)?;
        }
        let took = micros(began.elapsed());
        if appends[0].0 % 500 < 2 {
            self.raw.checkpoint()?;
        }
        Ok(took)
    }
}

/// 64 runs at once, each at its next step: the writer's group commit beside raw batches of 64.
pub(crate) async fn concurrent_runs(size: &Size) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ours.db");
    let kernel = world::kernel(&path, Synchronous::Full).await?;
    let mut runs = Vec::new();
    for n in 0..RUNS {
        runs.push(kernel.run(&world::tenant(), &format!("run-{n}")).await?);
    }
    let source = Source::open(&path)?;
    let raw = Raw::create(&dir.path().join("raw.db"), "FULL").await?;
    for run in &runs {
        raw.add_run(&source.run(run.id())?)?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        let began = Instant::now();
        every_run(&runs, round).await?;
        let appends = (RUNS * 2 * STEPS_PER_ROUND) as f64;
        ours.push(appends / began.elapsed().as_secs_f64());
        theirs.push(appends / raw_round(&source, &raw, &runs, round)?);
        raw.checkpoint()?;
    }
    let met = median(&ours) >= 0.8 * median(&theirs);
    Line {
        bench: "concurrent_64_runs",
        durability: "wal, synchronous=full",
        unit: "appends/s",
        ours,
        raw: theirs,
        target: ">= 0.8 of raw batches of 64",
        met,
    }
    .print();
    Ok(kernel.close().await?)
}

const STEPS_PER_ROUND: usize = 4;

async fn every_run(runs: &[Run], round: usize) -> Result<()> {
    let tasks: Vec<_> = runs
        .iter()
        .cloned()
        .map(|run| {
            tokio::spawn(async move {
                let tool = world::effect();
                for n in 0..STEPS_PER_ROUND {
                    run.step(format!("step-{round}-{n}")).tool(&tool, &world::args(n)).await?;
                }
                Ok::<_, artana_kernel::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// The same rows in transactions of one append of each run; returns seconds.
fn raw_round(source: &Source, raw: &Raw, runs: &[Run], round: usize) -> Result<f64> {
    let mut seconds = 0.0;
    for append in 0..2 * STEPS_PER_ROUND {
        let from = (1 + round * 2 * STEPS_PER_ROUND + append) as i64;
        let rows: Vec<Rows> = runs.iter().map(|run| source.append(run.id(), from, from + 1)).collect::<Result<_>>()?;
        let began = Instant::now();
        raw.commit(&rows)?;
        seconds += began.elapsed().as_secs_f64();
    }
    Ok(seconds)
}

/// The same step in a short run and in a long one of the same file.
pub(crate) async fn growth(size: &Size, long: &LongRun) -> Result<()> {
    let kernel = world::kernel(&long.path, Synchronous::Full).await?;
    let (short, grown) = (kernel.run(&world::tenant(), "short").await?, kernel.run(&world::tenant(), "long").await?);
    let tool = world::effect();
    for n in 0..50 {
        short.step(format!("before-{n}")).tool(&tool, &world::args(n)).await?;
    }
    let (mut in_short, mut in_long) = (Vec::new(), Vec::new());
    for n in 0..size.steps {
        for (run, times) in [(&short, &mut in_short), (&grown, &mut in_long)] {
            let args = world::args(n);
            let began = Instant::now();
            run.step(format!("grown-{n}")).tool(&tool, &args).await?;
            times.push(micros(began.elapsed()));
        }
    }
    let met = median(&in_long) <= 1.2 * median(&in_short);
    Line {
        bench: "step_at_100000_events_to_step_at_100",
        durability: "wal, synchronous=full",
        unit: "us/step",
        ours: in_long,
        raw: in_short,
        target: "<= 1.2 of the same step at 100 events (here in place of raw)",
        met,
    }
    .print();
    Ok(kernel.close().await?)
}
