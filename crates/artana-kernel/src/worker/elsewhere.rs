//! Runs whose code this process does not have: how long a worker that took one keeps it, and for how long it then leaves
//! the run's queue to workers that may have the code. Nothing here asks a store or looks at a clock.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long the first run of a queue is kept. The time doubles with each further round.
const FIRST_KEPT: Duration = Duration::from_secs(1);
/// The longest time for which a run is kept.
const LONGEST_KEPT: Duration = Duration::from_secs(60);

/// The queues in which such runs were met.
///
/// While they are kept, the worker sees what lies behind them. All of a queue are given back at one instant, and for a
/// while after it the worker takes nothing from there: others have time to look, and it is not the first to do so.
#[derive(Debug)]
pub(super) struct Elsewhere {
    /// For how long a queue is left to others.
    left: Duration,
    queues: Mutex<BTreeMap<String, Round>>,
}

/// When runs of a queue are given back, on this process's clock.
#[derive(Debug, Clone, Copy)]
struct Round {
    kept: Duration,
    ends: Duration,
}

impl Elsewhere {
    pub(super) fn new(left: Duration) -> Self {
        Self { left, queues: Mutex::default() }
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<String, Round>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that such a run was taken from a queue. Returns how long it is kept.
    pub(super) fn met(&self, queue: &str, now: Duration) -> Duration {
        let first = Round { kept: FIRST_KEPT, ends: now + FIRST_KEPT };
        let mut queues = self.queues();
        let round = queues.entry(queue.to_owned()).or_insert(first);
        if round.ends + self.left <= now {
            // None was met for a whole round: they are gone, and this is another one.
            let is_next = now <= round.ends + self.left + round.kept * 2;
            let kept = if is_next { (round.kept * 2).min(LONGEST_KEPT) } else { FIRST_KEPT };
            *round = Round { kept, ends: now + kept };
        }
        round.ends.saturating_sub(now)
    }

    /// Lists the queues that are left to others now.
    pub(super) fn left(&self, now: Duration) -> Vec<String> {
        let is_left = |(_, round): &(&String, &Round)| round.ends <= now && now < round.ends + self.left;
        self.queues().iter().filter(is_left).map(|(queue, _)| queue.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn runs_of_a_queue_are_given_back_at_once_and_the_queue_is_then_left_to_others() {
        let elsewhere = Elsewhere::new(seconds(2));
        assert_eq!(elsewhere.met("a", seconds(10)), seconds(1));
        assert_eq!(elsewhere.met("a", seconds(10) + seconds(1) / 2), seconds(1) / 2);
        assert!(elsewhere.left(seconds(10)).is_empty());
        assert_eq!(elsewhere.left(seconds(11)), ["a"]);
        assert_eq!(elsewhere.met("a", seconds(12)), seconds(0), "one that was taken before is given back too");
        assert!(elsewhere.left(seconds(13)).is_empty());
    }

    #[test]
    fn whoever_is_met_again_is_kept_for_longer() {
        let (elsewhere, mut now) = (Elsewhere::new(seconds(2)), seconds(0));
        for kept in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(elsewhere.met("a", now), seconds(kept));
            now += seconds(kept) + seconds(2);
        }
        assert_eq!(elsewhere.met("b", now), seconds(1), "each queue has its own time");
        assert_eq!(elsewhere.met("a", now + seconds(121)), seconds(1), "they were gone");
    }
}
