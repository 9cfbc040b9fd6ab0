//! Sends a batch until its fate is known. It decides nothing about what the fate means.

use std::time::Duration;

use artana_core::{EventId, RunRef, Seq};
use artana_ports::{Append, AppendError, Appended, StoreError};

use crate::shared::Shared;

/// The wait before something of unknown fate is tried again; it doubles up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(5);
/// The longest wait between two tries.
pub(crate) const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Sends a batch until its fate is known. The same batch cannot commit twice, and once it may have
/// committed, a store that is away says nothing about it.
pub(crate) async fn send(shared: &Shared, append: Append) -> Result<Appended, AppendError> {
    let mut backoff = FIRST_BACKOFF;
    let mut doubtful = false;
    loop {
        match shared.store.append(append.clone()).await {
            Err(AppendError::Ambiguous) => doubtful = true,
            Err(AppendError::Store(error)) if doubtful && passes(&error) => {}
            known => return known,
        }
        shared.clock.sleep(backoff).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

/// Reads the id of the event after a position, for as long as the store may come back: until it is
/// known, a batch of ours may stand there.
pub(crate) async fn event_after(shared: &Shared, run: &RunRef, after: Seq) -> Result<Option<EventId>, StoreError> {
    let mut backoff = FIRST_BACKOFF;
    loop {
        match shared.store.read(run, after, 1).await {
            Ok(rows) => return Ok(rows.first().map(|row| row.event_id)),
            Err(error) if passes(&error) => shared.clock.sleep(backoff).await,
            Err(error) => return Err(error),
        }
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

/// A store that may come back by itself.
pub(crate) fn passes(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable { .. } | StoreError::Busy { .. } | StoreError::Full)
}
