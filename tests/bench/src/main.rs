//! The benchmark: every workload beside the raw driver doing the same durable writes in the same
//! run, one JSON object per line on stdout. Ratios count; absolute times are noise on a busy machine.

mod load;
mod memory;
mod raw;
mod report;
mod start;
mod steps;
mod world;

use anyhow::Result;
use world::Size;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => all(&Size::full()),
        ["--quick"] => all(&Size::quick()),
        ["child-open", path] => memory::child_open(path),
        ["child-start", path] => start::child_start(path),
        _ => anyhow::bail!("usage: artana-bench [--quick]"),
    }
}

fn all(size: &Size) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        steps::effect_step(size).await?;
        steps::read_step(size).await?;
        steps::concurrent_runs(size).await?;
        let long = load::build_long_run(size).await?;
        steps::growth(size, &long).await?;
        load::cold_load(size, &long).await?;
        load::verification(size)?;
        load::stored_verification(size, &long).await?;
        memory::open_run(&long)
    })?;
    start::first_step(size)
}
