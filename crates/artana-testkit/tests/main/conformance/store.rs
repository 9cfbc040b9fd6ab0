//! The store in memory keeps every law of stores.

use artana_conformance::{InProcess, run_laws};
use artana_testkit::MemoryStore;

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    run_laws(&InProcess::new("memory", MemoryStore::with_clock)).await.assert_all_passed();
}
