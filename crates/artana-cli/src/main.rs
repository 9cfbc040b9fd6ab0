//! The `artana` binary: the whole command line over the stores this build has. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    artana_cli::stock()
}
