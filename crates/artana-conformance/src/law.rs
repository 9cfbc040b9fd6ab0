//! What a law is, what it may need, and how it says that it was broken. Laws of all ports have this form.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use crate::Trial;

/// How a law was broken: what was expected and what came instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach(String);

impl Breach {
    /// Describes a breach.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An error no law asked for is a breach.
impl<E: std::error::Error> From<E> for Breach {
    fn from(error: E) -> Self {
        Self(format!("an unexpected error: {error}"))
    }
}

/// Ends a law with a breach unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::law::Breach::new(format!($($what)+)));
        }
    };
}

/// Ends a law with a breach unless both are equal.
macro_rules! ensure_eq {
    ($found:expr, $expected:expr, $($what:tt)+) => {{
        let (found, expected) = (&$found, &$expected);
        if found != expected {
            let what = format!($($what)+);
            return Err($crate::law::Breach::new(format!("{what}: expected {expected:?}, found {found:?}")));
        }
    }};
}

/// Ends a law with a breach unless the value has the shape.
macro_rules! ensure_matches {
    ($found:expr, $shape:pat $(if $guard:expr)?, $($what:tt)+) => {{
        let found = $found;
        if !matches!(&found, $shape $(if $guard)?) {
            let what = format!($($what)+);
            return Err($crate::law::Breach::new(format!("{what}: found {found:?}")));
        }
    }};
}

pub(crate) use {ensure, ensure_eq, ensure_matches};

/// How a law ends.
pub(crate) type Kept = Result<(), Breach>;
type Body<T> = fn(Arc<T>) -> Pin<Box<dyn Future<Output = Kept> + Send>>;

/// Something that not every adapter offers. A law that needs it is skipped where it is lacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Need {
    /// Of a store: that its place can be opened twice at once.
    TwoHandles,
    /// Of a store: that its data has a schema, which a newer version may change.
    Schema,
    /// Of a model: that an answer can arrive in pieces.
    Streaming,
    /// Of a model: that it can be shown tools.
    Tools,
    /// Of a model: that it can be given a schema of its output.
    OutputSchema,
    /// Of a model: that it shows what it thought.
    Reasoning,
    /// Of a model: that it tells cached tokens, and those spent on reasoning.
    UsageDetails,
    /// Of a model: that its answers have ids.
    ResponseIds,
    /// Of a model: that a conversation can go on from an answer's id.
    PreviousResponses,
    /// Of a model: that it takes raw input items.
    InputItems,
    /// Of a model: that it looks at pictures.
    Images,
    /// Of a model: that it takes a temperature, a share of the likeliest words and a bound of its output.
    Sampling,
    /// Of a model: that it takes a seed.
    Seed,
    /// Of a model: that it takes texts that end the output.
    Stop,
    /// Of a model: that it is told how much to think.
    Effort,
    /// Of a model: that it is told how much to say.
    Verbosity,
    /// Of a model: that options that are not set are not sent either.
    BareOptions,
    /// Of a model: that its failures have ids.
    RequestIds,
    /// Of a model: that it says how long to wait.
    RetryAfter,
    /// Of a model: that its adapter holds a credential.
    Credential,
    /// Of a tool: that it has a probe.
    Probe,
    /// Of a tool: that it tells the provider's own id of the effect.
    EffectIds,
}

/// One thing every adapter of a port must do. `T` is what it is tried with: a store's [`Trial`] unless told.
pub struct Law<T: 'static = Trial> {
    /// `area/what_holds`.
    pub name: &'static str,
    /// What holds, as a sentence.
    pub says: &'static str,
    /// What the law needs besides what every adapter offers.
    pub needs: &'static [Need],
    pub(crate) body: Body<T>,
}

impl<T> Clone for Law<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Law<T> {}

impl<T> fmt::Debug for Law<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Law").field("name", &self.name).field("needs", &self.needs).finish_non_exhaustive()
    }
}

impl<T> Law<T> {
    pub(crate) const fn new(name: &'static str, says: &'static str, needs: &'static [Need], body: Body<T>) -> Self {
        Self { name, says, needs, body }
    }

    /// Returns why the law is skipped, if something it needs is lacking.
    pub(crate) fn lacking<'a>(&self, lacks: impl Fn(Need) -> Option<&'a str>) -> Option<String> {
        self.needs.iter().find_map(|need| lacks(*need)).map(str::to_owned)
    }
}

/// Lists the laws of an area: each a name, what it needs in brackets, a sentence and a function.
macro_rules! laws {
    ($($name:literal $([$($need:ident),+])?: $says:literal => $body:path;)+) => {
        &[$($crate::law::Law::new($name, $says, &[$($($crate::Need::$need),+)?], |trial| {
            Box::pin(async move { $body(&trial).await })
        })),+]
    };
}

pub(crate) use laws;
