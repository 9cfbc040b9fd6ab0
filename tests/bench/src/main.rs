//! The benchmark: every workload beside the raw driver doing the same durable writes in the same
//! run, one JSON object per line on stdout. Ratios count; absolute times are noise on a busy machine.

mod floor;
mod load;
mod memory;
mod models;
mod pgbench;
mod postgres;
mod raw;
mod report;
mod start;
mod steps;
mod timed;
mod workflows;
mod world;

use anyhow::Result;
use world::Size;

const USAGE: &str =
    "usage: artana-bench [--quick] [steps | models | workflows | concurrent | long | postgres | start]...";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["child-open", path] => memory::child_open(path),
        ["child-start", path] => start::child_start(path),
        ["child-workflow", path] => workflows::child_workflow(path),
        ["--quick", groups @ ..] => run(Size::quick(), groups),
        groups => run(Size::full(), groups),
    }
}

/// Runs the named groups of workloads, or all of them.
fn run(size: Size, groups: &[&str]) -> Result<()> {
    const ALL: [&str; 7] = ["steps", "models", "workflows", "concurrent", "long", "postgres", "start"];
    anyhow::ensure!(groups.iter().all(|group| ALL.contains(group)), USAGE);
    let wanted = |group: &str| groups.is_empty() || groups.contains(&group);
    let (steps, models, concurrent, long) = (wanted("steps"), wanted("models"), wanted("concurrent"), wanted("long"));
    let (workflows, postgres) = (wanted("workflows"), wanted("postgres"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // In a task, as in an application: what calls the kernel is on the runtime already.
    runtime.block_on(runtime.spawn(async move {
        if steps {
            floor::sync_through_a_thread(&size).await?;
            steps::effect_step(&size).await?;
            steps::read_step(&size).await?;
        }
        if models {
            steps::model_step(&size).await?;
            models::replay(&size).await?;
            models::conversation(&size).await?;
        }
        if workflows {
            workflows::step(&size).await?;
            workflows::many(&size).await?;
            workflows::resume(&size).await?;
        }
        if concurrent {
            steps::concurrent_runs(&size).await?;
        }
        if long {
            let long = load::build_long_run(&size).await?;
            steps::growth(&size, &long).await?;
            load::cold_load(&size, &long).await?;
            load::verification(&size)?;
            load::stored_verification(&size, &long).await?;
            memory::open_run(&long)?;
        }
        if postgres {
            postgres::appends(&size).await?;
            load::postgres_cold_load(&size).await?;
        }
        Ok::<(), anyhow::Error>(())
    }))??;
    if models {
        models::overhead(&size)?;
    }
    if workflows {
        workflows::replay(&size)?;
    }
    if wanted("start") { start::first_step(&size) } else { Ok(()) }
}
