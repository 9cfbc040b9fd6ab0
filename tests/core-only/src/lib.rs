//! Verifies an exported ledger with nothing but `artana-core`: no kernel, no store, no async.
//! It reads one file and judges it; it repairs nothing.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use artana_core::export::{ExportError, MAX_LINE_BYTES, Report, Verifier};

/// Why a file could not be judged.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unjudged {
    /// It could not be read.
    Io(io::Error),
    /// It is not an export.
    Export(ExportError),
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Export(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unjudged {}

/// Verifies the export in a file, reading line by line.
///
/// # Errors
///
/// [`Unjudged`] when the file can't be read or is not an export. A broken ledger is in the report.
pub fn verify_file(path: &Path) -> Result<Report, Unjudged> {
    let mut file = BufReader::new(File::open(path).map_err(Unjudged::Io)?);
    let mut verifier = Verifier::new();
    let mut line = Vec::new();
    // One byte more than any line has, so that an endless line ends in an error and not in memory.
    while file.by_ref().take(MAX_LINE_BYTES as u64 + 2).read_until(b'\n', &mut line).map_err(Unjudged::Io)? > 0 {
        let content = line.strip_suffix(b"\n").unwrap_or(&line);
        verifier.line(content).map_err(Unjudged::Export)?;
        line.clear();
    }
    verifier.finish().map_err(Unjudged::Export)
}

/// Says what was found, a line for each run and one for the file.
#[must_use]
pub fn shown(report: &Report) -> String {
    let mut text = String::new();
    for run in &report.runs {
        let verdict = run.broken.as_ref().map_or_else(|| "whole".into(), ToString::to_string);
        text += &format!("{}: {} events, {verdict}\n", run.run, run.events);
    }
    text + &format!("{}\n", report.level())
}
