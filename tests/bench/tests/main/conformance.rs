//! The store that a benchmark times keeps every law: what is measured is a store.

#[path = "../../src/timed.rs"]
mod timed;

use std::sync::Arc;

use artana_conformance::{Place, StoreFactory, run_laws};
use artana_ports::{Clock, EventStore};
use artana_testkit::MemoryStore;
use async_trait::async_trait;

use timed::TimedStore;

#[derive(Debug)]
struct Timed;

#[async_trait]
impl StoreFactory for Timed {
    fn name(&self) -> &'static str {
        "timed"
    }

    fn schemaless(&self) -> Option<&str> {
        Some("what it times ends with the process")
    }

    async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        Box::new(Shared(MemoryStore::with_clock(clock)))
    }
}

#[derive(Debug)]
struct Shared(MemoryStore);

#[async_trait]
impl Place for Shared {
    async fn open(&self) -> Arc<dyn EventStore> {
        Arc::new(TimedStore::new(Arc::new(self.0.clone())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_timed_keeps_every_law() {
    run_laws(&Timed).await.assert_all_passed();
}

#[tokio::test]
async fn what_the_calls_of_a_timed_store_took_is_added_up() {
    let store = TimedStore::new(Arc::new(MemoryStore::new()));
    assert!(store.spent().is_zero());
    store.doctor().await.expect("findings");
    assert!(!store.spent().is_zero());
}
