//! What a law is, what it is tried with, and how it says that it was broken.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use artana_core::{IncarnationId, Timestamp};
use artana_ports::{BeatError, Clock, EventStore, Heartbeat};

use crate::{ManualClock, Place, writer};

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
type Body = fn(Arc<Trial>) -> Pin<Box<dyn Future<Output = Kept> + Send>>;

/// One thing every store must do.
#[derive(Debug, Clone, Copy)]
pub struct Law {
    /// `area/what_holds`.
    pub name: &'static str,
    /// What holds, as a sentence.
    pub says: &'static str,
    /// Whether the law opens its place twice.
    pub needs_two_handles: bool,
    pub(crate) body: Body,
}

impl Law {
    pub(crate) const fn new(name: &'static str, says: &'static str, body: Body) -> Self {
        Self { name, says, needs_two_handles: false, body }
    }

    pub(crate) const fn with_two_handles(name: &'static str, says: &'static str, body: Body) -> Self {
        Self { name, says, needs_two_handles: true, body }
    }
}

/// Lists the laws of an area: each a name, a sentence and a function.
macro_rules! laws {
    ($($name:literal: $says:literal => $body:path;)+) => {
        &[$($crate::law::Law::new($name, $says, |trial| Box::pin(async move { $body(&trial).await }))),+]
    };
    (two handles; $($name:literal: $says:literal => $body:path;)+) => {
        &[$($crate::law::Law::with_two_handles($name, $says, |trial| Box::pin(async move { $body(&trial).await }))),+]
    };
}

pub(crate) use laws;

/// What a law is tried with: an empty store and its clock.
#[derive(Debug)]
pub struct Trial {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) patience: u32,
    place: Box<dyn Place>,
}

impl Trial {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        clock: Arc<ManualClock>,
        place: Box<dyn Place>,
        patience: u32,
    ) -> Self {
        Self { store, clock, patience, place }
    }

    /// Opens another handle on the same data.
    pub(crate) async fn another(&self) -> Arc<dyn EventStore> {
        self.place.open().await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance_seconds(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Starts the life of a new incarnation, ten seconds long.
    pub(crate) async fn living(&self) -> Result<IncarnationId, BeatError> {
        let incarnation = writer::new_incarnation();
        self.beat(incarnation, 10, true).await?;
        Ok(incarnation)
    }

    /// Sends a sign of life.
    pub(crate) async fn beat(
        &self,
        incarnation: IncarnationId,
        seconds: u64,
        first: bool,
    ) -> Result<Timestamp, BeatError> {
        self.store.beat(Heartbeat { incarnation, ttl: Duration::from_secs(seconds), first }).await
    }

    /// Starts the life of a new incarnation and lets it pass.
    pub(crate) async fn dead(&self) -> Result<IncarnationId, BeatError> {
        let incarnation = self.living().await?;
        self.advance_seconds(11);
        Ok(incarnation)
    }
}
