//! Model steps: one of them beside the raw driver, many replayed in memory, a long conversation, and what the
//! kernel takes without its store. The model itself takes no time.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use artana_core::event::Usage;
use artana_kernel::{Kernel, Run};
use artana_ports::{Message, ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest, Part};
use artana_store_sqlite::{SqliteStore, Synchronous};
use artana_testkit::MemoryStore;
use async_trait::async_trait;
use rusqlite::Connection;

use crate::{
    report::{Line, micros},
    timed::TimedStore,
    world::{self, Size},
};

const MODEL: &str = "bench/echo";
/// Turns of the conversation, and the characters of each of its messages: 800 KB in all.
const TURNS: usize = 100;
const MESSAGE: usize = 4000;

/// Says the last message again, in other words.
#[derive(Debug)]
pub(crate) struct Echo;

#[async_trait]
impl ModelPort for Echo {
    async fn ask(&self, request: &ModelRequest, _cx: &ModelContext) -> Result<ModelAnswer, ModelError> {
        let said = match request.messages.last().and_then(|message| message.parts.first()) {
            Some(Part::Text(text)) => text.replace("argument", "response").replace("question", "answer.."),
            _ => String::new(),
        };
        Ok(ModelAnswer { usage: Usage { input: 100, output: 50, ..Usage::default() }, ..ModelAnswer::text(said) })
    }
}

/// Makes the model step `n` of a run.
pub(crate) async fn step(run: &Run, n: usize) -> Result<()> {
    run.step(format!("step-{n}")).model(MODEL).prompt(world::args(n)).await?;
    Ok(())
}

/// Repeats every step of a run in memory: the ledger answers, nothing is appended and nobody is asked.
pub(crate) async fn replay(size: &Size) -> Result<()> {
    let store = MemoryStore::new();
    let kernel = Kernel::builder(store.clone()).model(Echo).build()?;
    let run = kernel.run(&world::tenant(), "replayed").await?;
    for n in 0..size.replays {
        run.step(format!("step-{n}")).model(MODEL).prompt(format!("question {n}")).await?;
    }
    run.finish().await?;
    let before = store.counts();
    let mut ours = Vec::new();
    for _ in 0..size.repeats {
        let began = Instant::now();
        for n in 0..size.replays {
            run.step(format!("step-{n}")).model(MODEL).prompt(format!("question {n}")).await?;
        }
        ours.push(size.replays as f64 / began.elapsed().as_secs_f64());
    }
    anyhow::ensure!(store.counts().appends == before.appends, "a replay appends nothing");
    let met = crate::report::median(&ours) >= 80_000.0;
    let (unit, target) = ("model steps/s", ">= 80,000 model steps/s");
    Line { bench: "replay_of_model_steps", durability: "none", unit, ours, raw: Vec::new(), target, met }.print();
    Ok(kernel.close().await?)
}

/// What the kernel takes for a step besides what its store takes, on a runtime of one thread: what a runtime of
/// several takes to hand a task from one to another is not the kernel's.
pub(crate) fn overhead(size: &Size) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(overhead_of_steps(size))
}

async fn overhead_of_steps(size: &Size) -> Result<()> {
    let store = Arc::new(TimedStore::new(Arc::new(MemoryStore::new())));
    let kernel = Kernel::builder_shared(store.clone()).model(Echo).tool(world::effect()).build()?;
    let run = kernel.run(&world::tenant(), "run").await?;
    let tool = world::effect();
    let (mut tools, mut models) = (Vec::new(), Vec::new());
    for n in 0..size.steps * 4 {
        let (args, before, began) = (world::args(n), store.spent(), Instant::now());
        run.step(format!("tool-{n}")).tool(&tool, &args).await?;
        tools.push(micros(began.elapsed().saturating_sub(store.spent() - before)));
        let (before, began) = (store.spent(), Instant::now());
        step(&run, n).await?;
        models.push(micros(began.elapsed().saturating_sub(store.spent() - before)));
    }
    for (bench, ours) in [("kernel_overhead_of_a_tool_step", tools), ("kernel_overhead_of_a_model_step", models)] {
        let met = crate::report::median(&ours) <= 15.0;
        let target = "<= 15 us with one spawn";
        Line { bench, durability: "none", unit: "us/step", ours, raw: Vec::new(), target, met }.print();
    }
    Ok(kernel.close().await?)
}

/// A conversation of 100 turns: what it costs on disk, beside its unique bytes and beside the naive form, and
/// how long it takes to open it and to replay its last turn.
pub(crate) async fn conversation(size: &Size) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("talk.db");
    let kernel = kernel(&path).await?;
    let run = kernel.run(&world::tenant(), "talk").await?;
    let mut said = Vec::new();
    let (mut unique, mut naive) = (0, 0);
    for n in 0..TURNS {
        said.push(Message::user(question(n)));
        let reply = run.step(turn(n)).model(MODEL).messages(said.clone()).await?;
        said.push(reply.message());
        unique += question(n).len() + reply.output().len();
        naive += said.iter().map(bytes).sum::<usize>();
    }
    kernel.close().await?;
    print_bytes(&path, unique, naive)?;
    let asked = said[..said.len() - 1].to_vec();
    let mut ours = Vec::new();
    for _ in 0..size.repeats {
        let kernel = self::kernel(&path).await?;
        let began = Instant::now();
        let run = kernel.open_run(&world::tenant(), "talk").await?;
        let last = run.step(turn(TURNS - 1)).model(MODEL).messages(asked.clone()).await?;
        ours.push(micros(began.elapsed()) / 1000.0);
        anyhow::ensure!(last.is_replayed(), "the ledger answers");
        kernel.close().await?;
    }
    let (bench, durability) = ("load_of_a_100_turn_conversation", "wal, synchronous=full");
    Line { bench, durability, unit: "ms", ours, raw: Vec::new(), target: "reported only", met: true }.print();
    Ok(())
}

async fn kernel(path: &Path) -> Result<Kernel> {
    let store = SqliteStore::options().synchronous(Synchronous::Full).open(path).await?;
    Ok(Kernel::builder(store).model(Echo).build()?)
}

fn turn(n: usize) -> String {
    format!("turn_{n:03}")
}

/// Text that no other turn has.
fn question(n: usize) -> String {
    let mut text = String::with_capacity(MESSAGE);
    let mut count = 0;
    while text.len() < MESSAGE {
        text.push_str(&format!("question {n}.{count} "));
        count += 1;
    }
    text
}

fn bytes(message: &Message) -> usize {
    let text = |part: &Part| match part {
        Part::Text(text) => text.len(),
        _ => 0,
    };
    message.parts.iter().map(text).sum()
}

fn print_bytes(path: &Path, unique: usize, naive: usize) -> Result<()> {
    let connection = Connection::open(path)?;
    let columns = columns(&connection)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    let file = std::fs::metadata(path).context("the file")?.len() as f64;
    let unique = unique as f64;
    let rows = [
        (
            "conversation_column_bytes_to_unique",
            columns / unique,
            "<= 1.3 of the unique bytes",
            columns / unique <= 1.3,
        ),
        ("conversation_file_bytes_to_unique", file / unique, "<= 1.6 of the unique bytes", file / unique <= 1.6),
        ("conversation_naive_bytes_to_unique", naive as f64 / unique, "the naive form, for comparison", true),
    ];
    for (bench, ratio, target, met) in rows {
        let (durability, unit) = ("wal, synchronous=full", "ratio");
        Line { bench, durability, unit, ours: vec![ratio], raw: Vec::new(), target, met }.print();
    }
    Ok(())
}

/// The bytes of all columns of the run's events and of its content.
fn columns(connection: &Connection) -> Result<f64> {
    let mut total = 0;
    for table in ["events", "vault"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let width = statement.column_count();
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            for at in 0..width {
                total += match row.get_ref(at)? {
                    rusqlite::types::ValueRef::Null => 0,
                    rusqlite::types::ValueRef::Integer(_) | rusqlite::types::ValueRef::Real(_) => 8,
                    rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => bytes.len(),
                };
            }
        }
    }
    Ok(total as f64)
}
