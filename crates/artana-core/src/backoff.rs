//! How long to wait before another attempt: twice as long each time, and never the same for two runs.
//! A function of what is recorded, so that whoever goes on waits for the same instant.

use std::time::Duration;

use crate::{ChainHash, Frame, StepKey, tag};

/// The waits between the attempts of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a backoff is where it begins and where it ends")]
pub struct Backoff {
    /// The wait after the first attempt.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Backoff {
    /// Returns the wait after an attempt, counted from 1: between half of what is due and all of it. `seed` is what
    /// tells runs apart, such as a run's genesis.
    #[must_use]
    pub fn after(&self, attempt: u32, seed: &ChainHash, step: &StepKey) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let due = self.first.saturating_mul(1 << doublings).min(self.longest);
        let frame = Frame::new("artana/1 backoff")
            .field(tag::STEP, step.as_str().as_bytes())
            .field(tag::HASH, seed.as_bytes())
            .field(tag::ATTEMPT, &attempt.to_le_bytes());
        let [a, b, c, d, ..] = frame.hash();
        let half = due / 2;
        // A fraction of 2^32 parts, without a float.
        let part = u128::from(u32::from_le_bytes([a, b, c, d]));
        let nanos = (half.as_nanos() * part) >> 32;
        half + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(10) };

    fn after(attempt: u32, seed: u8, step: &str) -> Duration {
        BACKOFF.after(attempt, &ChainHash::from_bytes([seed; 32]), &StepKey::parse(step).expect("fit"))
    }

    #[test]
    fn it_doubles_between_half_and_whole_and_ends_somewhere() {
        for (attempt, due) in [(1, 100), (2, 200), (3, 400), (7, 6400), (8, 10_000), (9, 10_000), (u32::MAX, 10_000)] {
            let due = Duration::from_millis(due);
            for seed in 0..50 {
                let wait = after(attempt, seed, "a");
                assert!(wait >= due / 2 && wait <= due, "attempt {attempt}: {wait:?}");
            }
        }
    }

    #[test]
    fn it_is_the_same_again_and_differs_between_runs_steps_and_attempts() {
        assert_eq!(after(3, 1, "a"), after(3, 1, "a"));
        assert_ne!(after(3, 1, "a"), after(3, 2, "a"));
        assert_ne!(after(3, 1, "a"), after(3, 1, "b"));
        assert_ne!(after(8, 1, "a"), after(9, 1, "a"));
    }
}
