//! A clock that a test moves. Time passes only when somebody advances it; nothing here waits for real time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artana_core::Timestamp;
use artana_ports::Clock;
use async_trait::async_trait;
use tokio::sync::oneshot;

/// Where a simulated clock begins: 2024-10-04, midnight UTC.
const START: Timestamp = Timestamp::from_micros(20_000 * 86_400 * 1_000_000);

/// A clock under a test's control; clones share it.
///
/// The time of day can jump, forward and back, without any time passing.
#[derive(Debug, Clone)]
pub struct SimClock(Arc<Mutex<Time>>);

#[derive(Debug)]
struct Time {
    now: Timestamp,
    elapsed: Duration,
    auto: bool,
    /// By when they wake and, among equals, in the order they went to sleep.
    sleepers: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
    bedtimes: u64,
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl SimClock {
    /// Starts a clock that stands still.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Time {
            now: START,
            elapsed: Duration::ZERO,
            auto: false,
            sleepers: BTreeMap::new(),
            bedtimes: 0,
        })))
    }

    /// Sets whether a sleep moves the clock itself, at once, instead of waiting to be woken.
    #[must_use]
    pub fn auto_advance(self, auto: bool) -> Self {
        self.time().auto = auto;
        self
    }

    /// Lets time pass, and wakes sleepers in the order of their times.
    pub fn advance(&self, by: Duration) {
        self.time().pass(by);
    }

    /// Sets the time of day; no time passes.
    pub fn set(&self, now: Timestamp) {
        self.time().now = now;
    }

    /// Moves the time of day by microseconds, forward or back; no time passes.
    pub fn jump(&self, micros: i64) {
        let mut time = self.time();
        time.now = Timestamp::from_micros(time.now.as_micros().saturating_add(micros));
    }

    /// Returns how many sleep.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.time().sleepers.values().filter(|sleeper| !sleeper.is_closed()).count()
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Time {
    fn pass(&mut self, by: Duration) {
        self.now = self.now.after(by);
        self.elapsed = self.elapsed.saturating_add(by);
        let awake = self.sleepers.split_off(&(self.elapsed.saturating_add(Duration::from_nanos(1)), 0));
        for (_, sleeper) in std::mem::replace(&mut self.sleepers, awake) {
            // A sleeper that was dropped needs no waking.
            let _ = sleeper.send(());
        }
    }

    fn bed(&mut self, duration: Duration) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        self.bedtimes += 1;
        self.sleepers.insert((self.elapsed.saturating_add(duration), self.bedtimes), wake);
        woken
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.time().now
    }

    fn elapsed(&self) -> Duration {
        self.time().elapsed
    }

    async fn sleep(&self, duration: Duration) {
        let woken = {
            let mut time = self.time();
            if duration.is_zero() {
                return;
            }
            if time.auto {
                time.pass(duration);
                None
            } else {
                Some(time.bed(duration))
            }
        };
        match woken {
            Some(woken) => woken.await.expect("the clock outlives its sleepers"),
            None => tokio::task::yield_now().await,
        }
    }
}
