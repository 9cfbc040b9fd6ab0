//! What a session of a harness can end with: the kernel's own error, or that of the code that did the work.
//! A message never holds what that code said; whoever asks for it gets it.

use std::fmt;

use artana_core::{Name, RunRef, event::Phase};
use artana_kernel::{Error as KernelError, Failure};

/// Everything a harness can refuse or report.
#[non_exhaustive]
pub enum Error {
    /// The kernel refused something.
    Kernel(KernelError),
    /// The application's own code failed in a part of a session.
    Failed {
        /// The run.
        run: RunRef,
        /// In what part.
        phase: Phase,
        /// At which task, if it was at one.
        task: Option<Name>,
        /// What it said.
        failure: Box<Failure>,
    },
    /// What the run returned is not what was asked for.
    Output {
        /// The run.
        run: RunRef,
        /// What is wrong, without any word of it.
        problem: String,
    },
}

impl Error {
    /// Returns the stable code. That of the kernel, where the code that failed only passed it on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match (self, self.kernel()) {
            (_, Some(kernel)) => kernel.code(),
            (Self::Output { .. }, None) => "artana::harness_output",
            (Self::Kernel(_) | Self::Failed { .. }, None) => "artana::harness_failed",
        }
    }

    /// Borrows the kernel's error behind this one, if there is one.
    #[must_use]
    pub fn kernel(&self) -> Option<&KernelError> {
        match self {
            Self::Kernel(kernel) => Some(kernel),
            Self::Failed { failure, .. } => failure.cause(),
            Self::Output { .. } => None,
        }
    }

    /// Returns whether an effect is in doubt and somebody has to find out. The error names the step.
    #[must_use]
    pub fn needs_reconciliation(&self) -> bool {
        self.kernel().is_some_and(KernelError::needs_reconciliation)
    }

    /// Borrows what the application's own code said, if it failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure, .. } => Some(failure),
            Self::Kernel(_) | Self::Output { .. } => None,
        }
    }
}

impl From<KernelError> for Error {
    fn from(error: KernelError) -> Self {
        Self::Kernel(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(kernel) => kernel.fmt(f),
            Self::Failed { run, phase, task, failure } => {
                write!(f, "{} of run {run} failed: {}", part(*phase, task.as_ref()), why(failure))
            }
            Self::Output { run, problem } => write!(f, "what run {run} returned cannot be read: {problem}"),
        }
    }
}

/// The kernel's error is the cause, so that it stays what it is whoever passes this one on.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.kernel().map(|kernel| kernel as _)
    }
}

/// What was said may be anything, and has no place in a log.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.code())
    }
}

fn part(phase: Phase, task: Option<&Name>) -> String {
    match task {
        Some(task) => format!("task {task}"),
        None => format!("the part `{}` of a session", phase.as_str()),
    }
}

fn why(failure: &Failure) -> String {
    let said_nothing_to_all = || "what it said is kept in the ledger".to_owned();
    failure.cause().map_or_else(said_nothing_to_all, ToString::to_string)
}
