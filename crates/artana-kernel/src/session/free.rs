//! Waiting for the right to drive a run, which a process may have that is dead and does not count as dead yet. It only
//! waits: whoever asks again takes the lease, or hears that somebody lives.

use std::{sync::Arc, time::Duration};

use artana_ports::Clock;

use crate::Kernel;

/// How often in a time-to-live it is asked whether the lease is free.
const ASKS: u32 = 20;

/// Waits for the lease of a process that may be dead: for as long as one counts as alive after its last sign of life, on
/// the kernel's clock, and no longer. Whoever has the lease after that lives.
#[derive(Debug)]
pub struct LeaseWait {
    clock: Arc<dyn Clock>,
    pause: Duration,
    until: Duration,
}

impl Kernel {
    /// Begins to wait for the lease of a process that may be dead.
    #[must_use]
    pub fn lease_wait(&self) -> LeaseWait {
        let (clock, ttl) = (Arc::clone(&self.0.clock), self.0.lifeline.ttl());
        let pause = ttl / ASKS;
        // Two more, because the store judges by a clock of its own.
        let until = clock.elapsed().saturating_add(ttl).saturating_add(pause * 2);
        LeaseWait { clock, pause, until }
    }
}

impl LeaseWait {
    /// Waits a while, and says whether to ask once more.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the wait, and nothing else.
    pub async fn ask_again(&self) -> bool {
        if self.clock.elapsed() >= self.until {
            return false;
        }
        self.clock.sleep(self.pause).await;
        true
    }
}
