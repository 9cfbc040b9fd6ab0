//! Feeds the lines of an export, in their order, to the family of runs they belong to.
//! Which break a line shows is decided by the family.

use crate::export::{ExportError, Line, LineError, Report, RunLine, RunReport, family::Family};

/// Verifies an export held in memory or streamed by its caller, given as lines without line feeds.
///
/// # Errors
///
/// [`ExportError`] when the file is not an export. A break of the ledger is in the report.
pub fn verify(lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Report, ExportError> {
    let mut verifier = Verifier::new();
    lines.into_iter().try_for_each(|line| verifier.line(line.as_ref()))?;
    verifier.finish()
}

/// Verifies an export line by line.
///
/// Memory: one line, the folded steps of one run and of what it shares with its ancestors, and about 100 bytes
/// for each distinct piece of content they refer to. Content is digested as it comes and not kept.
#[derive(Debug, Default)]
pub struct Verifier {
    line: u64,
    family: Option<Family>,
    done: Vec<RunReport>,
}

impl Verifier {
    /// Starts before the first line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line, without its line feed. Empty lines are skipped.
    ///
    /// # Errors
    ///
    /// [`ExportError`] when the line is not one of an export or may not stand here.
    pub fn line(&mut self, line: &[u8]) -> Result<(), ExportError> {
        self.line += 1;
        if line.is_empty() {
            return Ok(());
        }
        let at = self.line;
        Line::parse(line).and_then(|line| self.take(line)).map_err(|source| ExportError { line: at, source })
    }

    fn take(&mut self, line: Line) -> Result<(), LineError> {
        match (&mut self.family, line) {
            (Some(family), Line::Run(run)) if family.awaits_fork() => family.run(run),
            (_, Line::Run(run)) => self.begin(run),
            (Some(family), Line::Event(record)) => return family.event(&record),
            (Some(family), Line::Key(key)) => return family.key(&key),
            (Some(family), Line::Content(content)) => family.content(&content),
            (None, _) => return Err(LineError::Misplaced("an export begins with a run line")),
        }
        Ok(())
    }

    fn begin(&mut self, run: RunLine) {
        let last = self.family.replace(Family::new(run));
        self.done.extend(last.into_iter().flat_map(Family::finish));
    }

    /// Ends the file and reports.
    ///
    /// # Errors
    ///
    /// [`ExportError`] when there was no run.
    pub fn finish(self) -> Result<Report, ExportError> {
        let Some(family) = self.family else {
            return Err(ExportError { line: self.line, source: LineError::Empty });
        };
        let mut runs = self.done;
        runs.extend(family.finish());
        Ok(Report { runs })
    }
}
