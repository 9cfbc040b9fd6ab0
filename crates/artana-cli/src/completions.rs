//! Completions for shells, written from what can be typed. Opens no store.

use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::generate;

use crate::{
    args::CompletionArgs,
    failure::{Exit, Failure},
    out::Out,
};

/// Writes the completions of a program under the name it is called by.
pub(crate) fn write<P: CommandFactory>(args: &CompletionArgs, program: &str, mut out: Out) -> Result<Exit, Failure> {
    let name = Path::new(program).file_stem().map_or("artana".into(), |name| name.to_string_lossy());
    let mut script = Vec::new();
    generate(args.shell, &mut visible(&P::command()), name, &mut script);
    let script = script.strip_suffix(b"\n").unwrap_or(&script);
    out.line(script);
    out.finish()?;
    Ok(Exit::Fine)
}

/// Leaves out what nobody is meant to type.
fn visible(command: &Command) -> Command {
    let subcommands = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).cloned();
    Command::new("artana").args(command.get_arguments().cloned()).subcommands(subcommands)
}
