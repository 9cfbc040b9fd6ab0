//! Memory of an open run, measured in a process of its own so that nothing else is in the figure.

use std::process::Command;

use anyhow::{Context, Result};
use artana_store_sqlite::Synchronous;

use crate::{load::LongRun, report::Line, world};

/// Prints how much more memory a process needs with the long run open.
pub(crate) fn open_run(long: &LongRun) -> Result<()> {
    let path = long.path.to_str().context("a temporary path is text")?;
    let mib: f64 = child(&["child-open", path])?;
    let (durability, unit, target) = ("wal, synchronous=full", "MiB", "<= 64 MiB");
    let (ours, raw, met) = (vec![mib], Vec::new(), mib <= 64.0);
    Line { bench: "memory_of_100000_events", durability, unit, ours, raw, target, met }.print();
    Ok(())
}

/// Runs this binary again and reads the number it prints.
pub(crate) fn child(args: &[&str]) -> Result<f64> {
    let output = Command::new(std::env::current_exe()?).args(args).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Opens the run and prints by how many MiB the process grew.
pub(crate) fn child_open(path: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let kernel = world::kernel(path.as_ref(), Synchronous::Full).await?;
        let before = resident_mib()?;
        let run = kernel.open_run(&world::tenant(), "long").await?;
        println!("{}", resident_mib()? - before);
        drop(run);
        Ok(kernel.close().await?)
    })
}

/// Returns the resident memory of this process; Linux only, like the figure.
pub(crate) fn resident_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("the kernel reports memory")?;
    let kib: f64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kib / 1024.0)
}
