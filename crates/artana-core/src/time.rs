//! Instants as values: microseconds since 1970 UTC. Nothing here reads a clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant in whole microseconds since 1970-01-01T00:00:00Z, which is what every store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Wraps microseconds since 1970 UTC.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns microseconds since 1970 UTC.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns this instant moved later by `by`, or the last instant there is.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    /// Returns this instant moved earlier by `by`, or the first instant there is.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }

    /// Returns how long after `earlier` this instant is, zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let (end, start) = (Timestamp(i64::MAX), Timestamp(i64::MIN));
        assert_eq!(end.after(Duration::MAX), end);
        assert_eq!(start.before(Duration::MAX), start);
        assert_eq!(start.since(end), Duration::ZERO);
        assert_eq!(Timestamp(5).since(Timestamp(2)), Duration::from_micros(3));
    }
}
