//! What a verification of an export found. Only what was checked is claimed.

use std::fmt;

use crate::{Head, RunRef, verify::ChainBreak};

/// What a verification of an export found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The runs, in the order of the file.
    pub runs: Vec<RunReport>,
}

impl Report {
    /// Returns the first break of the file and the run it is in.
    #[must_use]
    pub fn first_break(&self) -> Option<(&RunRef, &ChainBreak)> {
        self.runs.iter().find_map(|run| run.broken.as_ref().map(|broken| (&run.run, broken)))
    }

    /// Returns what the file as a whole proves.
    #[must_use]
    pub fn level(&self) -> Level {
        if self.first_break().is_some() { Level::Broken } else { Level::Consistent }
    }
}

/// What was found of one run. Views are derived from the chain and are not part of an export, so
/// they are never checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// The run.
    pub run: RunRef,
    /// Whether it stands in the file as an ancestor, up to where its fork begins.
    pub ancestor: bool,
    /// The end of the chain as far as it holds; `None` where not even the first event does.
    pub head: Option<Head>,
    /// How many events were verified.
    pub events: u64,
    /// What was checked of the content its events refer to.
    pub content: ContentCheck,
    /// The first break.
    pub broken: Option<ChainBreak>,
}

/// What was checked of a run's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "content is checked or it is not")]
pub enum ContentCheck {
    /// Every reference has its line, and every digest was recomputed.
    Checked {
        /// Pieces of content that this run refers to first, erased ones included.
        pieces: u64,
        /// How many of them were erased by an event of the export.
        erased: u64,
    },
    /// No digest was recomputed.
    NotChecked(Unchecked),
}

/// Why content was not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unchecked {
    /// The export holds no content lines.
    NotIncluded,
    /// The export holds content and no key to recompute its digests with.
    NoKey,
    /// The export is broken.
    Broken,
}

/// What a verification proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// Something does not fit.
    Broken,
    /// Everything fits together. Who holds the whole ledger could have rewritten all of it: only an
    /// anchor kept elsewhere would tell.
    Consistent,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Broken => "broken",
            Self::Consistent => "internally consistent, not anchored",
        })
    }
}
