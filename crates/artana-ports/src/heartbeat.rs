//! How long an incarnation lives: its signs of life, and the one rule by which they are judged. Knows no clock.

use std::time::Duration;

use artana_core::{
    IncarnationId, Timestamp,
    limits::{MAX_TTL_SECONDS, MIN_TTL_MILLIS},
};

use crate::StoreError;

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whose.
    pub incarnation: IncarnationId,
    /// How long it lasts: from [`MIN_TTL_MILLIS`] to [`MAX_TTL_SECONDS`].
    pub ttl: Duration,
    /// Whether it is the first one of this incarnation.
    pub first: bool,
}

impl Heartbeat {
    /// Checks that it lasts as long as one may.
    ///
    /// # Errors
    ///
    /// [`BeatError::BadTtl`].
    pub fn check_ttl(&self) -> Result<(), BeatError> {
        let bounds = Duration::from_millis(MIN_TTL_MILLIS)..=Duration::from_secs(MAX_TTL_SECONDS);
        if bounds.contains(&self.ttl) { Ok(()) } else { Err(BeatError::BadTtl) }
    }

    /// Returns when the life ends from now on, given when it ends or ended so far, if it ever began. A life is never
    /// made shorter.
    ///
    /// # Errors
    ///
    /// [`BeatError::BadTtl`]; [`BeatError::Lapsed`] for the first sign of a life that began before, and for another one
    /// of a life that has ended or never began.
    pub fn end(&self, known: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, BeatError> {
        self.check_ttl()?;
        match known {
            None if self.first => Ok(now.after(self.ttl)),
            Some(known) if !self.first && known > now => Ok(known.max(now.after(self.ttl))),
            Some(_) | None => Err(BeatError::Lapsed),
        }
    }
}

/// Why a sign of life was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeatError {
    /// The incarnation's life has ended; the process has to take a new one.
    #[error("the incarnation has lapsed")]
    Lapsed,
    /// The time-to-live is outside its bounds.
    #[error("a time-to-live is between 100 ms and 300 s")]
    BadTtl,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beats for ten seconds at second 100; says at which second the life then ends.
    fn end(first: bool, known: Option<i64>) -> Result<i64, BeatError> {
        let incarnation = IncarnationId::from_bytes([1; 16]);
        let second = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let beat = Heartbeat { incarnation, ttl: Duration::from_secs(10), first };
        beat.end(known.map(second), second(100)).map(|end| end.as_micros() / 1_000_000)
    }

    #[test]
    fn a_life_begins_once() {
        assert_eq!(end(true, None).ok(), Some(110));
        for known in [105, 100, 50] {
            assert!(matches!(end(true, Some(known)), Err(BeatError::Lapsed)), "{known}");
        }
    }

    #[test]
    fn a_life_is_prolonged_until_it_has_ended() {
        assert_eq!(end(false, Some(101)).ok(), Some(110));
        for known in [Some(100), Some(50), None] {
            assert!(matches!(end(false, known), Err(BeatError::Lapsed)), "{known:?}");
        }
    }

    #[test]
    fn a_life_is_never_made_shorter() {
        assert_eq!(end(false, Some(200)).ok(), Some(200));
    }

    #[test]
    fn a_time_outside_its_bounds_is_told_before_anything_else() {
        let incarnation = IncarnationId::from_bytes([1; 16]);
        let end = |millis| {
            let beat = Heartbeat { incarnation, ttl: Duration::from_millis(millis), first: false };
            beat.end(None, Timestamp::from_micros(0))
        };
        for millis in [0, 99, 300_001] {
            assert!(matches!(end(millis), Err(BeatError::BadTtl)), "{millis} ms");
        }
        for millis in [100, 300_000] {
            assert!(matches!(end(millis), Err(BeatError::Lapsed)), "{millis} ms");
        }
    }
}
