//! Which steps of a run this process is working on, so that callers here share one effect.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use artana_core::StepKey;
use tokio::sync::watch;

/// The flights of one run in this process.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<StepKey, watch::Receiver<()>>>);

/// A flight; dropping it, in whatever way, wakes everybody who waits for it.
#[derive(Debug)]
pub(crate) struct Flight {
    flights: Arc<Flights>,
    step: StepKey,
    _ends: watch::Sender<()>,
}

/// Waits for somebody else's flight.
#[derive(Debug)]
pub(crate) struct Landing(watch::Receiver<()>);

impl Landing {
    /// Returns when the flight has ended. What came of it stands in the ledger.
    pub(crate) async fn wait(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

impl Flights {
    /// Begins a flight, or returns the one under way.
    pub(crate) fn begin(self: &Arc<Self>, step: &StepKey) -> Result<Flight, Landing> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = flights.get(step) {
            return Err(Landing(other.clone()));
        }
        let (ends, landing) = watch::channel(());
        flights.insert(step.clone(), landing);
        Ok(Flight { flights: Arc::clone(self), step: step.clone(), _ends: ends })
    }

    /// Returns the flight of a step, if there is one.
    pub(crate) fn landing(&self, step: &StepKey) -> Option<Landing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(step).cloned().map(Landing)
    }

    /// Returns all flights under way.
    pub(crate) fn all(&self) -> Vec<Landing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().map(Landing).collect()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.step);
    }
}
