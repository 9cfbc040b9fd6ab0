//! Why a file is not an export. A ledger that was tampered with is no error: it is a break in the report.
//! Errors never quote the file, which may hold content and keys.

/// Why a line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The line is longer than any line of the format.
    #[error("the line has {len} bytes, more than any line of an export")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The line is not an object with exactly the keys and values of its kind.
    #[error("the line is not a line of an export; it stops making sense at byte {column}")]
    Malformed {
        /// Where it stops making sense; 0 where the line as a whole makes none.
        column: usize,
    },
    /// The run line names another format.
    #[error("the export is of another format than artana/1; use a newer build to verify it")]
    UnknownFormat,
    /// The line may not stand here.
    #[error("{0}")]
    Misplaced(&'static str),
    /// There is no run line.
    #[error("the export holds no run")]
    Empty,
}

impl LineError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "artana::export_line_too_long",
            Self::Malformed { .. } => "artana::export_malformed_line",
            Self::UnknownFormat => "artana::export_unknown_format",
            Self::Misplaced(_) => "artana::export_misplaced_line",
            Self::Empty => "artana::export_empty",
        }
    }
}

/// Why a file is not an export, and the line where that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {source}")]
pub struct ExportError {
    /// The number of the line, from 1; 0 in an empty file.
    pub line: u64,
    /// What is wrong with it.
    pub source: LineError,
}

impl ExportError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.source.code()
    }
}
