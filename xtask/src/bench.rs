//! Runs the benchmarks in release, and passes their JSON lines and their arguments through.

use anyhow::{Result, bail};

use crate::exec::{cargo, run};
use crate::workspace::Workspace;

const PACKAGE: &str = "artana-bench";

/// Runs the bench with `arguments`; whether it met its targets.
///
/// # Errors
/// When the bench is not part of the workspace or cannot be started.
pub(crate) fn bench(arguments: &[String]) -> Result<bool> {
    let workspace = Workspace::load(crate::root())?;
    if !workspace.members().iter().any(|member| member.name == PACKAGE) {
        bail!("the workspace has no package {PACKAGE}");
    }
    run(cargo(&["run", "--quiet", "--release", "--package", PACKAGE, "--"]).args(arguments))
}
