//! `artana-core-only FILE`: exits 0 for a whole ledger, 1 for a broken one, 2 for a file it can't judge.

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: artana-core-only FILE");
        return ExitCode::from(2);
    };
    match artana_core_only::verify_file(Path::new(&path)) {
        Ok(report) => {
            print!("{}", artana_core_only::shown(&report));
            ExitCode::from(u8::from(report.first_break().is_some()))
        }
        Err(unjudged) => {
            eprintln!("{}: {unjudged}", path.display());
            ExitCode::from(2)
        }
    }
}
