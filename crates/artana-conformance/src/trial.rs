//! What a law of stores is tried with.

use std::{sync::Arc, time::Duration};

use artana_core::{IncarnationId, Timestamp};
use artana_ports::{BeatError, Clock, EventStore, Heartbeat};

use crate::{ManualClock, Place, writer};

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

    /// Makes the schema of the data a newer one.
    pub(crate) async fn make_newer(&self) {
        self.place.make_newer().await;
    }

    /// Shows all that is stored, where the place can.
    pub(crate) async fn stored(&self) -> Option<String> {
        self.place.stored().await
    }

    /// Lets a moment pass, on the store's clock a longer one.
    pub(crate) async fn glance(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.clock.advance(Duration::from_millis(10));
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
