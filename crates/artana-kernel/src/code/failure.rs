//! How code of a step or a workflow fails: one type that any error converts into. It decides nothing about what a
//! failure means.

use std::{any::Any, error::Error as StdError, fmt};

use crate::Error;

/// A failure of a closure or of a workflow. Any error converts into it, so `?` works on everything.
///
/// It is not an error itself, so that an error can say by a constructor what its conversion does not.
///
/// # Example
///
/// ```
/// use artana_kernel::Failure;
///
/// async fn read(path: &str) -> Result<String, Failure> {
///     if path.is_empty() {
///         return Err(Failure::permanent("there is no path"));
///     }
///     Ok(std::fs::read_to_string(path)?)
/// }
/// ```
pub struct Failure {
    pub(crate) kind: FailureKind,
    message: String,
    cause: Option<Box<Error>>,
}

/// What is known of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// Nothing but that it happened. A closure that must not run twice is then in doubt.
    Unclassified,
    /// Nothing has happened, and trying again would fail again.
    Permanent,
    /// Nothing has happened, and trying again may succeed.
    Transient,
    /// Something may have happened.
    Unknown,
}

impl Failure {
    /// Makes a failure of which nothing more is known.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::of(FailureKind::Unclassified, message)
    }

    /// Makes a failure that trying again would not change. Nothing has happened.
    pub fn permanent(message: impl fmt::Display) -> Self {
        Self::of(FailureKind::Permanent, message)
    }

    /// Makes a failure that may pass. Nothing has happened.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::of(FailureKind::Transient, message)
    }

    /// Makes a failure after which something may have happened or not.
    pub fn unknown(message: impl fmt::Display) -> Self {
        Self::of(FailureKind::Unknown, message)
    }

    fn of(kind: FailureKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), cause: None }
    }

    /// Returns what is known of it.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Borrows what was said, with the causes after it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Borrows the kernel's own error, where it was one.
    #[must_use]
    pub fn cause(&self) -> Option<&Error> {
        self.cause.as_deref()
    }

    pub(crate) fn into_cause(self) -> Result<Error, Self> {
        match self.cause {
            Some(cause) => Ok(*cause),
            None => Err(self),
        }
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let said = cause.to_string();
            // Many errors say what their cause says.
            if !message.ends_with(&said) {
                message = format!("{message}: {said}");
            }
            source = cause.source();
        }
        let cause = (&error as &dyn Any).downcast_ref::<Error>().or_else(|| source_of(&error)).cloned().map(Box::new);
        Self { kind: FailureKind::Unclassified, message, cause }
    }
}

/// Finds the kernel's own error among the causes of another one: what the kernel could not do stays that, whoever
/// passes it on.
fn source_of(error: &dyn StdError) -> Option<&Error> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(found) = cause.downcast_ref::<Error>() {
            return Some(found);
        }
        source = cause.source();
    }
    None
}

/// What was said may be anything, and has no place in a log.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("kind", &self.kind).field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
