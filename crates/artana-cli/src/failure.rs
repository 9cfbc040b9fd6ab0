//! Why a command ended otherwise than asked: code, message, next step, exit code.
//! Written to standard error, as text or as one JSON object.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use artana_kernel::Error;
use artana_ports::StoreError;
use owo_colors::OwoColorize;
use serde_json::json;

use crate::{
    doubt::Doubt,
    look::{Format, Look, Reader, colourful},
    text::{json_line, shown},
};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// As asked.
    Fine = 0,
    /// Something is invalid or failed.
    Invalid = 1,
    /// The command was not understood.
    Usage = 2,
    /// A person has to find out or decide.
    NeedsHuman = 3,
    /// What was asked for is not there.
    NotFound = 4,
    /// The store does not answer.
    StoreUnavailable = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that did not do what was asked.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    code: &'static str,
    message: String,
    next: Vec<String>,
    exit: Exit,
    doubt: Option<Box<Doubt>>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), next: Vec::new(), exit, doubt: None }
    }

    pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, code, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "artana::usage", message)
    }

    /// Adds a command or a sentence that says how to go on.
    pub(crate) fn next(mut self, step: impl Into<String>) -> Self {
        self.next.push(step.into());
        self
    }

    /// Adds what is recorded of a step in doubt, and the ways out.
    pub(crate) fn about(mut self, doubt: Option<Doubt>) -> Self {
        self.doubt = doubt.map(Box::new);
        self
    }

    /// Makes it one that waits for a person.
    pub(crate) fn for_a_person(mut self) -> Self {
        self.exit = Exit::NeedsHuman;
        self
    }

    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Writes it to standard error. One that cannot be written there has nowhere else to go.
    pub(crate) fn print(&self, format: Format) {
        let text = match format {
            Format::Json => self.as_json(),
            Format::Text | Format::Pretty => self.as_text(io::stderr().is_terminal() && colourful()),
        };
        io::stderr().write_all(text.as_bytes()).ok();
    }

    fn as_json(&self) -> String {
        let Self { code, message, next, exit, doubt } = self;
        let mut object = json!({"code": code, "message": message, "next": next, "exit": *exit as u8});
        if let Some(doubt) = doubt {
            object["doubt"] = json!(doubt);
        }
        json_line(&object) + "\n"
    }

    fn as_text(&self, colour: bool) -> String {
        let look = Look { reader: Reader::Pipe, width: 0, colour };
        let word = if colour { "error".red().bold().to_string() } else { "error".into() };
        let mut text = format!("{word}[{}]: {}\n", self.code, shown(&self.message));
        for line in self.doubt.iter().flat_map(|doubt| doubt.lines(look)) {
            text += &format!("{line}\n");
        }
        for step in &self.next {
            text += &format!("  next: {}\n", shown(step));
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::Store(store) => return store.clone().into(),
            Error::RunNotFound { .. } | Error::NothingRecorded { .. } | Error::NoPause { .. } => Exit::NotFound,
            Error::InvalidId(_) | Error::InvalidTenant(_) | Error::InvalidResult { .. } => Exit::Usage,
            Error::Unanswered(..) => Exit::NeedsHuman,
            error if error.needs_human() => Exit::NeedsHuman,
            _ => Exit::Invalid,
        };
        Self::new(exit, error.code(), error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Damaged { .. } => Exit::Invalid,
            _ => Exit::StoreUnavailable,
        };
        let failure = Self::new(exit, error.code(), error.to_string());
        match error {
            StoreError::Missing { .. } => failure.next(
                "name the store with --store sqlite://PATH, --store postgres://USER@HOST/DATABASE or ARTANA_STORE",
            ),
            StoreError::TooOld { .. } => failure.next("artana store migrate --check says what would be done"),
            StoreError::TooNew { .. } => {
                failure.next("take the version of the programs that migrated it; commands that only look work with any")
            }
            _ => failure,
        }
    }
}
