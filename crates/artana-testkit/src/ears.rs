//! A subscriber that hears all that is logged, for tests of what must not be said there.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// A subscriber that keeps every word that is logged, spans and their fields included, so that a test can say what
/// must not be among them. Clones share what they heard.
///
/// ```
/// use artana_testkit::Ears;
///
/// let ears = Ears::default();
/// tracing::subscriber::with_default(ears.clone(), || tracing::info!(run = "r", "begun"));
/// assert_eq!(ears.heard(), "message=begun run=\"r\" ");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Ears(Arc<Mutex<String>>);

impl Ears {
    /// Returns what was logged so far, as `name=value` of every field.
    #[must_use]
    pub fn heard(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Visit for Ears {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Ears {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
