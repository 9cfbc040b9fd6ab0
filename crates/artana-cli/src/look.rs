//! For whom answers are written, how wide and whether in colour. Asks the environment once; writes nothing.

use std::{
    env,
    io::{self, IsTerminal},
};

use comfy_table::Table;

/// How wide a page is where nobody says.
const WIDTH: u16 = 100;
/// Lines of prose are not longer, however wide the terminal.
const PROSE: usize = 100;

/// What the caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables on a terminal, tab-separated lines elsewhere.
    Text,
    /// Tables wherever it goes.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// For whom answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody at a terminal.
    Person,
    /// Another command.
    Pipe,
    /// Something that reads JSON.
    Program,
}

/// How answers look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) reader: Reader,
    pub(crate) width: u16,
    pub(crate) colour: bool,
}

impl Look {
    /// Finds out how answers on standard output should look.
    pub(crate) fn new(format: Format) -> Self {
        let terminal = io::stdout().is_terminal();
        let reader = match format {
            Format::Json => Reader::Program,
            Format::Text if !terminal => Reader::Pipe,
            Format::Text | Format::Pretty => Reader::Person,
        };
        let colour = if terminal { colourful() } else { forced() };
        let width = Table::new().width().or_else(columns).unwrap_or(WIDTH);
        Self { reader, width, colour: colour && reader == Reader::Person }
    }

    /// Returns how many columns prose may take after an indent.
    pub(crate) fn prose(&self, indent: usize) -> usize {
        PROSE.min(self.width.into()).saturating_sub(indent).max(20)
    }
}

/// Returns whether somebody watches standard error, where lines that change may be drawn.
pub(crate) fn live() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Returns whether colours are wanted where there is a terminal; see <https://no-color.org>.
pub(crate) fn colourful() -> bool {
    env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()) && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Returns whether colours are wanted although there is no terminal; see <https://bixense.com/clicolors>.
fn forced() -> bool {
    env::var_os("CLICOLOR_FORCE").is_some_and(|force| !force.is_empty() && force != "0") && colourful()
}

fn columns() -> Option<u16> {
    env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0)
}
