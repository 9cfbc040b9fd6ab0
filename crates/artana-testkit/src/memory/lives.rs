//! Who lives: when the lives of incarnations end, by the port's rule. Times come as arguments.

use std::collections::BTreeMap;

use artana_core::{IncarnationId, Timestamp};
use artana_ports::{BeatError, Heartbeat};

/// When the life of each incarnation ends or ended. Nobody is forgotten, so nobody comes back.
#[derive(Debug, Default)]
pub(super) struct Lives(BTreeMap<IncarnationId, Timestamp>);

impl Lives {
    pub(super) fn alive(&self, incarnation: IncarnationId, now: Timestamp) -> bool {
        self.0.get(&incarnation).is_some_and(|end| *end > now)
    }

    /// Starts or prolongs a life.
    pub(super) fn beat(&mut self, beat: &Heartbeat, now: Timestamp) -> Result<Timestamp, BeatError> {
        let end = beat.end(self.0.get(&beat.incarnation).copied(), now)?;
        self.0.insert(beat.incarnation, end);
        Ok(end)
    }

    /// Ends a life for good, by an end before every time.
    pub(super) fn retire(&mut self, incarnation: IncarnationId) {
        if let Some(end) = self.0.get_mut(&incarnation) {
            *end = Timestamp::from_micros(i64::MIN);
        }
    }
}
