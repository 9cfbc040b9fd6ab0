//! From nothing to the first durable step of a new file.

use std::{fs::File, io::Write, time::Instant};

use anyhow::{Context, Result};
use artana_store_sqlite::Synchronous;

use crate::{
    memory::{child, resident_mib},
    report::{Line, median, micros},
    world::{self, Size},
};

/// Prints the time to the first durable step beside ten syncs of the same disk, and the memory.
pub(crate) fn first_step(size: &Size) -> Result<()> {
    let (mut ours, mut raw, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..size.repeats.max(5) {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join(format!("{n}.db"));
        let began = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(first(path.to_str().context("a temporary path is text")?))?;
        ours.push(micros(began.elapsed()));
        raw.push(ten_syncs(&dir.path().join("raw"))?);
        memory.push(child(&["child-start", dir.path().join("child.db").to_str().context("text")?])?);
    }
    let met = median(&ours) <= median(&raw) + 5000.0;
    let durability = "wal, synchronous=full";
    let target = "<= 10 syncs + 5 ms";
    Line { bench: "start_to_first_step", durability, unit: "us", ours, raw, target, met }.print();
    let met = median(&memory) <= 20.0;
    let (unit, target, raw) = ("MiB", "<= 20 MiB", Vec::new());
    Line { bench: "memory_at_first_step", durability, unit, ours: memory, raw, target, met }.print();
    Ok(())
}

async fn first(path: &str) -> Result<()> {
    let kernel = world::kernel(path.as_ref(), Synchronous::Full).await?;
    let run = kernel.run(&world::tenant(), "first").await?;
    run.step("first").tool(world::effect(), &world::args(0)).await?;
    Ok(())
}

fn ten_syncs(path: &std::path::Path) -> Result<f64> {
    let mut file = File::create(path)?;
    let began = Instant::now();
    for _ in 0..10 {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
    }
    Ok(micros(began.elapsed()))
}

/// Makes the first step and prints the process's memory in MiB.
pub(crate) fn child_start(path: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(first(path))?;
    println!("{}", resident_mib()?);
    Ok(())
}
