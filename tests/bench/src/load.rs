//! Reading a long run: cold load, verification in memory, verification where it is stored.

use std::{path::PathBuf, time::Instant};

use anyhow::Result;
use artana_core::{
    Draft, EventId, Genesis, Head, KeyId, Record, RunId, RunRef, Seq, Stamp, TenantId, Timestamp, seal, verify::verify,
};
use artana_kernel::Kernel;
use artana_store_postgres::{Durability, PostgresStore};
use artana_store_sqlite::Synchronous;
use artana_testkit::postgres::Database;
use rusqlite::Connection;

use crate::{
    report::Line,
    world::{self, Size},
};

/// A file with a long run in it.
pub(crate) struct LongRun {
    _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) events: usize,
}

/// Makes a run of many events, unsynced because only reading it is measured.
pub(crate) async fn build_long_run(size: &Size) -> Result<LongRun> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("long.db");
    let events = fill(world::kernel(&path, Synchronous::Off).await?, size.long_run).await?;
    Ok(LongRun { _dir: dir, path, events })
}

/// Makes a run of about so many events, and says of how many.
async fn fill(kernel: Kernel, events: usize) -> Result<usize> {
    let run = kernel.run(&world::tenant(), "long").await?;
    let steps = events / 2;
    for first in (0..steps).step_by(64) {
        let tasks: Vec<_> = (first..(first + 64).min(steps))
            .map(|n| {
                let run = run.clone();
                tokio::spawn(async move { run.step(format!("step-{n:06}")).tool(world::glance(), &(n as u64)).await })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
    }
    kernel.close().await?;
    Ok(steps * 2 + 1)
}

/// Opening the run in a new kernel: rows read, chain hashed, events folded.
pub(crate) async fn cold_load(size: &Size, long: &LongRun) -> Result<()> {
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..size.repeats {
        let kernel = world::kernel(&long.path, Synchronous::Full).await?;
        let began = Instant::now();
        kernel.open_run(&world::tenant(), "long").await?;
        ours.push(long.events as f64 / began.elapsed().as_secs_f64());
        kernel.close().await?;
        raw.push(long.events as f64 / raw_read(long)?);
    }
    let met = crate::report::median(&ours) >= 300_000.0;
    let target = ">= 300,000 events/s";
    Line { bench: "cold_load", durability: "wal, synchronous=full", unit: "events/s", ours, raw, target, met }.print();
    Ok(())
}

/// The same from Postgres, where there is a server.
pub(crate) async fn postgres_cold_load(size: &Size) -> Result<()> {
    let Some(database) = Database::fresh() else { return Ok(()) };
    let store = || PostgresStore::connect(database.url()).durability(Durability::AsTheServer);
    let events = fill(world::kernel_on(store().await?)?, size.long_run).await?;
    let mut ours = Vec::new();
    for _ in 0..size.repeats {
        let kernel = world::kernel_on(store().await?)?;
        let began = Instant::now();
        kernel.open_run(&world::tenant(), "long").await?;
        ours.push(events as f64 / began.elapsed().as_secs_f64());
        kernel.close().await?;
    }
    let met = crate::report::median(&ours) >= 60_000.0;
    let (durability, unit, target) = ("postgres, reading only", "events/s", ">= 60,000 events/s");
    Line { bench: "postgres_cold_load", durability, unit, ours, raw: Vec::new(), target, met }.print();
    Ok(())
}

fn raw_read(long: &LongRun) -> Result<f64> {
    let connection = Connection::open(&long.path)?;
    let began = Instant::now();
    let mut statement =
        connection.prepare("SELECT * FROM events WHERE tenant = 'bench' AND run = 'long' ORDER BY seq")?;
    let mut rows = statement.query(())?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        bytes += row.get_ref(7)?.as_bytes()?.len() + row.get_ref(9)?.as_bytes()?.len();
    }
    anyhow::ensure!(bytes > long.events * 32, "the raw driver read the rows");
    Ok(began.elapsed().as_secs_f64())
}

/// The chain of 200-byte payloads in memory, on one core, no JSON parsed.
pub(crate) fn verification(size: &Size) -> Result<()> {
    let run = RunRef::new(TenantId::parse("bench")?, RunId::parse("memory")?);
    let genesis = Genesis::root(run.clone(), KeyId::from_bytes([7; 32]));
    let records = chain(&run, &genesis, 200_000)?;
    let mut ours = Vec::new();
    for _ in 0..size.repeats {
        let began = Instant::now();
        let head = verify(&genesis, &records)?;
        ours.push(records.len() as f64 / began.elapsed().as_secs_f64());
        anyhow::ensure!(head.seq.get() == records.len() as u64, "every record was verified");
    }
    let met = crate::report::median(&ours) >= 1_000_000.0;
    let (target, raw) = (">= 1,000,000 events/s on one core", Vec::new());
    Line { bench: "verification_in_memory", durability: "none", unit: "events/s", ours, raw, target, met }.print();
    Ok(())
}

fn chain(run: &RunRef, genesis: &Genesis, len: u64) -> Result<Vec<Record>> {
    let mut head = Head { seq: Seq::ZERO, hash: genesis.hash() };
    let payload = format!("{{\"x\":\"{}\"}}", "y".repeat(192)).into_bytes();
    let mut records = Vec::new();
    for n in 0..len {
        let draft = Draft::raw("note", None, payload.clone())?;
        let stamp = Stamp { id: EventId::v7(n, [1; 10]), at: Timestamp::from_micros(n.cast_signed()) };
        let event = seal(run, &head, draft, stamp);
        head = event.head();
        records.push(event.into_record());
    }
    Ok(records)
}

/// Everything `verify-ledger` checks: chain, vocabulary, fold, content, view.
pub(crate) async fn stored_verification(size: &Size, long: &LongRun) -> Result<()> {
    let kernel = world::kernel(&long.path, Synchronous::Full).await?;
    let mut ours = Vec::new();
    for _ in 0..size.repeats {
        let began = Instant::now();
        let report = kernel.verify(&world::tenant(), "long").await?;
        anyhow::ensure!(report.is_ok() && report.events >= long.events as u64, "the long run verifies");
        ours.push(report.events as f64 / began.elapsed().as_secs_f64());
    }
    let (durability, unit, target) = ("wal, synchronous=full", "events/s", "reported only");
    Line { bench: "verification_where_stored", durability, unit, ours, raw: Vec::new(), target, met: true }.print();
    Ok(kernel.close().await?)
}
