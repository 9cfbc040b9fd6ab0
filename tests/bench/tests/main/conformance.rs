//! The store that a benchmark times keeps every law: what is measured is a store.

#[path = "../../src/timed.rs"]
mod timed;

use std::sync::Arc;

use artana_conformance::{InProcess, run_laws};
use artana_ports::EventStore;
use artana_testkit::MemoryStore;

use timed::TimedStore;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_timed_keeps_every_law() {
    let stores = InProcess::new("timed", MemoryStore::with_clock);
    run_laws(&stores.within(|store| TimedStore::new(Arc::new(store)))).await.assert_all_passed();
}

#[tokio::test]
async fn what_the_calls_of_a_timed_store_took_is_added_up() {
    let store = TimedStore::new(Arc::new(MemoryStore::new()));
    assert!(store.spent().is_zero());
    store.doctor().await.expect("findings");
    assert!(!store.spent().is_zero());
}
