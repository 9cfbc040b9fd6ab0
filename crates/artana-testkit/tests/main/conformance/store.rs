//! The store in memory keeps every law of stores.

use std::sync::Arc;

use artana_conformance::{Place, StoreFactory, run_laws};
use artana_ports::{Clock, EventStore};
use artana_testkit::MemoryStore;
use async_trait::async_trait;

#[derive(Debug)]
pub(super) struct Memory;

#[async_trait]
impl StoreFactory for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn schemaless(&self) -> Option<&str> {
        Some("the data ends with the process, and no other version meets it")
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
        Arc::new(self.0.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    run_laws(&Memory).await.assert_all_passed();
}
