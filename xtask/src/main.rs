//! The workspace's own tasks, run as `cargo xtask <task>`.
//!
//! Each task is one module. Tasks install nothing, and nothing of the product depends on them.

mod bench;
mod ci;
mod conformance;
mod docs;
mod exec;
mod table;
mod tidy;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use workspace::Workspace;

const USAGE: &str = "\
cargo xtask ci [STEP…]        everything that must hold, or the steps named; --list names them
cargo xtask tidy              layers, licences, bans, sources, file hygiene, links
cargo xtask docs [--check]    writes the pages that are made from the code, or compares them
cargo xtask conformance       the laws, adapter by adapter
cargo xtask bench [--quick]   the benchmarks, as JSON lines";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one task; `false` when what it checks does not hold.
fn run(arguments: &[String]) -> Result<bool> {
    let Some((task, rest)) = arguments.split_first() else { bail!("which task?\n{USAGE}") };
    match task.as_str() {
        "ci" => ci::ci(rest),
        "tidy" => run_tidy(),
        "docs" => docs::docs(rest),
        "conformance" => Ok(conformance::run()?.0),
        "bench" => bench::bench(rest),
        other => bail!("there is no task `{other}`\n{USAGE}"),
    }
}

fn run_tidy() -> Result<bool> {
    let workspace = Workspace::load(root())?;
    let problems = tidy::check(&workspace);
    for problem in &problems {
        println!("{problem}");
    }
    eprintln!("tidy: {} in {} files", count(problems.len(), "problem"), workspace.texts().count());
    Ok(problems.is_empty())
}

/// The root of the workspace this binary was built in.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// `1 problem`, `2 problems`.
fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}
