//! A clock that stands still until a law moves it.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use artana_core::Timestamp;
use artana_ports::Clock;
use async_trait::async_trait;
use tokio::sync::Notify;

/// Where a law's time begins: a whole day, so that every usual window begins there too.
const START: i64 = 20_000 * 86_400 * 1_000_000;

/// A clock that a law moves by hand.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicI64,
    moved: Notify,
}

impl Default for ManualClock {
    /// Starts in the year 2024, at midnight UTC.
    fn default() -> Self {
        Self { micros: AtomicI64::new(START), moved: Notify::new() }
    }
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.micros.fetch_add(micros, Ordering::SeqCst);
        self.moved.notify_waiters();
    }

    /// Moves the clock back, as a correction of the system's time may.
    pub fn step_back(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.micros.fetch_sub(micros, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        self.now().since(Timestamp::from_micros(START))
    }

    async fn sleep(&self, duration: Duration) {
        let end = self.now().after(duration);
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if self.now() >= end {
                return;
            }
            moved.await;
        }
    }
}
