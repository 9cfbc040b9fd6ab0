//! Standard output: tables on a terminal, tab-separated lines in a pipe, JSON Lines when asked.
//! A pipe that is closed is remembered and ends quietly; it never becomes an error.

use std::{
    env,
    io::{self, BufWriter, IsTerminal, Stdout, Write},
};

use comfy_table::{Cell, Color, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use owo_colors::OwoColorize;
use serde::Serialize;

use crate::{failure::Failure, row::Row, text::json_line};

/// A terminal of fewer columns is too narrow for a table to be fitted into it.
const NARROW: u16 = 60;

/// For whom answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Person,
    Pipe,
    Program,
}

/// Whether what is printed is JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables or tab-separated lines.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where answers go.
#[derive(Debug)]
pub(crate) struct Out {
    reader: Reader,
    colour: bool,
    sink: BufWriter<Stdout>,
    broken: Option<io::Error>,
}

impl Out {
    pub(crate) fn new(format: Format) -> Self {
        let terminal = io::stdout().is_terminal();
        let reader = match format {
            Format::Json => Reader::Program,
            Format::Text if terminal => Reader::Person,
            Format::Text => Reader::Pipe,
        };
        let colour = reader == Reader::Person && colourful();
        Self { reader, colour, sink: BufWriter::new(io::stdout()), broken: None }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.reader == Reader::Program
    }

    pub(crate) fn is_person(&self) -> bool {
        self.reader == Reader::Person
    }

    /// Returns whether somebody still reads.
    pub(crate) fn is_open(&self) -> bool {
        self.broken.is_none()
    }

    /// Writes a line as it is; whoever calls has made it fit to be shown.
    pub(crate) fn line(&mut self, line: impl AsRef<[u8]>) {
        if self.is_open() {
            let written = self.sink.write_all(line.as_ref()).and_then(|()| self.sink.write_all(b"\n"));
            self.broken = written.err();
        }
    }

    /// Writes a heading, bold on a terminal with colours.
    pub(crate) fn heading(&mut self, text: &str) {
        if self.colour { self.line(text.bold().to_string()) } else { self.line(text) }
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) {
        self.line(json_line(value));
    }

    /// Writes what a list consists of, when all of it is known.
    pub(crate) fn rows(&mut self, rows: &[Row]) {
        if self.reader == Reader::Person {
            self.table(rows);
        } else {
            rows.iter().for_each(|row| self.row(row));
        }
    }

    /// Writes one element of a list that may go on for long.
    pub(crate) fn row(&mut self, row: &Row) {
        let separator = match self.reader {
            Reader::Program => return self.json(row),
            Reader::Pipe => "\t",
            Reader::Person => "  ",
        };
        self.line(row.cells().collect::<Vec<_>>().join(separator));
    }

    /// Writes a single answer, a line for each of its values.
    pub(crate) fn record(&mut self, row: &Row) {
        if self.is_json() {
            return self.json(row);
        }
        let width = row.names().map(str::len).max().unwrap_or(0);
        for (name, value) in row.pairs() {
            match self.reader {
                Reader::Person if value.is_empty() => {}
                Reader::Person => self.line(format!("{name:width$}  {}", self.hued(&value))),
                _ => self.line(format!("{name}\t{value}")),
            }
        }
    }

    fn hued(&self, text: &str) -> String {
        match hue(text).filter(|_| self.colour) {
            Some(Color::DarkGreen) => text.green().to_string(),
            Some(Color::DarkRed) => text.red().to_string(),
            Some(_) => text.yellow().to_string(),
            None => text.into(),
        }
    }

    /// Columns without a value are left out; a terminal too narrow for a table gets lines that wrap.
    fn table(&mut self, rows: &[Row]) {
        let Some(first) = rows.first() else { return };
        let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells().collect()).collect();
        let filled = |at: &usize| cells.iter().any(|row| row.get(*at).is_some_and(|text| !text.is_empty()));
        let shown: Vec<usize> = (0..first.names().count()).filter(filled).collect();
        let names: Vec<_> = first.names().collect();
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY);
        if table.width().is_some_and(|width| width >= NARROW) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.set_header(shown.iter().map(|at| names[*at]));
        for row in &cells {
            table.add_row(shown.iter().map(|at| self.cell(&row[*at])));
        }
        self.line(table.trim_fmt());
    }

    fn cell(&self, text: &str) -> Cell {
        let cell = Cell::new(text);
        match hue(text).filter(|_| self.colour) {
            Some(colour) => cell.fg(colour),
            None => cell,
        }
    }

    /// Passes on what was written so far.
    pub(crate) fn flush(&mut self) {
        if self.is_open() {
            self.broken = self.sink.flush().err();
        }
    }

    /// Passes on the rest.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when something was lost for another reason than a reader that went away.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.flush();
        match self.broken.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::invalid("artana::output", format!("the answer cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a remark to standard error. One that cannot be written there is no reason to stop.
pub(crate) fn note(text: &str) {
    writeln!(io::stderr(), "{text}").ok();
}

/// Returns whether colours are wanted where there is a terminal; see <https://no-color.org>.
pub(crate) fn colourful() -> bool {
    env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()) && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn hue(text: &str) -> Option<Color> {
    match text {
        "completed" | "succeeded" | "fine" | "internally consistent, not anchored" => Some(Color::DarkGreen),
        "failed" | "broken" => Some(Color::DarkRed),
        "needs_reconciliation" | "unknown" | "reconciling" | "cancelling" | "notice" => Some(Color::DarkYellow),
        _ => None,
    }
}
