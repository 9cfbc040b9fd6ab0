//! A factory for stores that keep their data in the process. It opens what it is given, and knows no store.

use std::{fmt, sync::Arc};

use artana_ports::{Clock, EventStore};
use async_trait::async_trait;

use crate::{Place, StoreFactory};

type Make<S> = dyn Fn(Arc<dyn Clock>) -> S + Send + Sync;
type Open<S> = dyn Fn(&S) -> Arc<dyn EventStore> + Send + Sync;

/// Stores whose data ends with the process: an adapter in memory needs no factory of its own. A place is a store that is
/// made for it, and what is opened on it is a clone, which has to be another handle on the same data.
///
/// # Example
///
/// ```no_run
/// # use std::sync::Arc;
/// # use artana_conformance::{InProcess, run_laws};
/// # use artana_ports::{Clock, EventStore};
/// # async fn judged<MyStore: EventStore + Clone>(with_clock: fn(Arc<dyn Clock>) -> MyStore) {
/// run_laws(&InProcess::new("mine", with_clock)).await.assert_all_passed();
/// # }
/// ```
pub struct InProcess<S> {
    name: &'static str,
    make: Box<Make<S>>,
    open: Arc<Open<S>>,
}

impl<S> fmt::Debug for InProcess<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InProcess").field(&self.name).finish()
    }
}

impl<S: EventStore + Clone> InProcess<S> {
    /// Names an adapter, and says how an empty store is made that tells the time by a clock alone.
    pub fn new(name: &'static str, make: impl Fn(Arc<dyn Clock>) -> S + Send + Sync + 'static) -> Self {
        Self { name, make: Box::new(make), open: Arc::new(|store| Arc::new(store.clone())) }
    }

    /// Puts something before each handle that is opened, in place of what was put there before: what wraps a store is
    /// judged as one.
    #[must_use]
    pub fn within<W: EventStore>(mut self, wrap: impl Fn(S) -> W + Send + Sync + 'static) -> Self {
        self.open = Arc::new(move |store| Arc::new(wrap(store.clone())));
        self
    }
}

#[async_trait]
impl<S: EventStore> StoreFactory for InProcess<S> {
    fn name(&self) -> &str {
        self.name
    }

    async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        Box::new(Shared { store: (self.make)(clock), open: Arc::clone(&self.open) })
    }

    fn schemaless(&self) -> Option<&str> {
        Some("the data ends with the process, and no other version meets it")
    }
}

struct Shared<S> {
    store: S,
    open: Arc<Open<S>>,
}

impl<S: fmt::Debug> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait]
impl<S: EventStore> Place for Shared<S> {
    async fn open(&self) -> Arc<dyn EventStore> {
        (self.open)(&self.store)
    }
}
