//! The laws of every store, on SQLite.

use std::sync::Arc;

use artana_conformance::{Place, StoreFactory, run_laws};
use artana_ports::{Clock, EventStore};
use artana_store_sqlite::{SqliteStore, Synchronous};
use async_trait::async_trait;
use tempfile::TempDir;

#[derive(Debug)]
struct Files;

#[derive(Debug)]
struct File {
    folder: TempDir,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl StoreFactory for Files {
    fn name(&self) -> &str {
        "sqlite"
    }

    async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        Box::new(File { folder: tempfile::tempdir().expect("a folder"), clock })
    }
}

#[async_trait]
impl Place for File {
    async fn open(&self) -> Arc<dyn EventStore> {
        // No law cuts the power, so none needs the disk to be waited for.
        let options = SqliteStore::options().clock(Arc::clone(&self.clock)).synchronous(Synchronous::Off);
        Arc::new(options.open(self.folder.path().join("ledger.db")).await.expect("a store"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_every_law() {
    run_laws(&Files).await.assert_all_passed();
}
