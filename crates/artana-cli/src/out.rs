//! Standard output: tables on a terminal, tab-separated lines in a pipe, JSON Lines when asked.
//! A pipe that is closed is remembered and ends quietly; it never becomes an error.

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;

use crate::{
    failure::Failure,
    look::{Format, Look, Reader},
    row::Row,
    table::{hued, table},
    telling::{Telling, bold},
    text::json_line,
};

/// Stands for nothing in a line of values.
const NOTHING: &str = "-";

/// Where answers go.
#[derive(Debug)]
pub(crate) struct Out {
    look: Look,
    sink: BufWriter<Stdout>,
    broken: Option<io::Error>,
}

impl Out {
    pub(crate) fn new(format: Format) -> Self {
        Self { look: Look::new(format), sink: BufWriter::new(io::stdout()), broken: None }
    }

    pub(crate) fn look(&self) -> Look {
        self.look
    }

    pub(crate) fn is_json(&self) -> bool {
        self.look.reader == Reader::Program
    }

    pub(crate) fn is_person(&self) -> bool {
        self.look.reader == Reader::Person
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
        self.line(bold(text, self.look));
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) {
        self.line(json_line(value));
    }

    /// Writes what a list consists of, when all of it is known.
    pub(crate) fn rows(&mut self, rows: &[Row]) {
        if self.is_person() {
            table(rows, self.look).into_iter().for_each(|table| self.line(table));
        } else {
            rows.iter().for_each(|row| self.row(row));
        }
    }

    /// Writes one element of a list that may go on for long. In a pipe, nothing is a dash: programs that split a line
    /// at white space then find each value in its place.
    pub(crate) fn row(&mut self, row: &Row) {
        let reader = self.look.reader;
        let line = match reader {
            Reader::Program => return self.json(row),
            Reader::Pipe => {
                let dashed = |cell: String| if cell.is_empty() { NOTHING.to_owned() } else { cell };
                row.cells(reader).map(dashed).collect::<Vec<_>>().join("\t")
            }
            Reader::Person => row.cells(reader).collect::<Vec<_>>().join("  "),
        };
        self.line(line);
    }

    /// Writes a single answer, a line for each of its values.
    pub(crate) fn record(&mut self, row: &Row) {
        if self.is_json() {
            return self.json(row);
        }
        // A duration is shown to people with its unit.
        let named = |name: &'static str| if self.is_person() { name.trim_end_matches("_us") } else { name };
        let width = row.names().map(|name| named(name).len()).max().unwrap_or(0);
        for (name, value) in row.pairs(self.look.reader).map(|(name, value)| (named(name), value)).collect::<Vec<_>>() {
            match self.look.reader {
                Reader::Person if value.is_empty() => {}
                Reader::Person => self.line(format!("{name:width$}  {}", hued(name, &value, self.look))),
                _ => self.line(format!("{name}\t{value}")),
            }
        }
    }

    /// Writes a story.
    pub(crate) fn telling(&mut self, told: &Telling) {
        told.lines(self.look).iter().for_each(|line| self.line(line));
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
