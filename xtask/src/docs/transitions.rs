//! Writes `docs/transitions.md`: which event may follow in which state, found by running the machines.
//!
//! A machine is one file below this one, with sample states and events; it is added by a line in [`page`].

mod code;
mod history;
mod machine;
mod model;
mod run;
mod tool;
mod waits;

use anyhow::Result;

use super::samples::Sample;

const OPENING: &str = "\
# Transitions

Which event may follow in which state. `cargo xtask docs` writes this page by running the code on sample states and events, and
`cargo xtask ci` compares the two: don't edit it. [Event kinds](events.md) says what the events hold.

";

/// The page.
///
/// # Errors
/// When a machine does something that its samples do not cover.
pub(super) fn page(samples: &[Sample]) -> Result<String> {
    let machines = [
        machine::section(&tool::Tool::new(samples)?, samples)?,
        machine::section(&model::Model::new(samples)?, samples)?,
        machine::section(&code::Code::new(samples)?, samples)?,
    ];
    let waits = waits::machines(samples)?;
    let waits = waits.iter().map(|one| machine::section(one, samples)).collect::<Result<Vec<_>>>()?;
    let machines = [machines.to_vec(), waits].concat();
    Ok(OPENING.to_owned() + &machines.join("\n") + "\n" + &run::section(samples)?)
}
