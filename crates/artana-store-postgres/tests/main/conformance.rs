//! The laws of every store, on Postgres.

use std::sync::Arc;

use artana_conformance::{Place, StoreFactory, run_laws, skip_laws};
use artana_ports::{Clock, EventStore};
use artana_testkit::postgres::Database;
use async_trait::async_trait;

use crate::support::options;

#[derive(Debug)]
struct Databases;

#[derive(Debug)]
struct Made {
    database: Database,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl StoreFactory for Databases {
    fn name(&self) -> &str {
        "postgres"
    }

    async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        Box::new(Made { database: Database::fresh().expect("there is a server"), clock })
    }
}

#[async_trait]
impl Place for Made {
    async fn open(&self) -> Arc<dyn EventStore> {
        let options = options(&self.database).clock(Arc::clone(&self.clock));
        Arc::new(options.await.expect("a store"))
    }

    async fn make_newer(&self) {
        self.database.run("INSERT INTO artana.migrations (version) VALUES (99)");
    }

    async fn stored(&self) -> Option<String> {
        Some(self.database.run("SELECT schema_to_xml('artana', true, false, '')"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_every_law() {
    if Database::fresh().is_none() {
        return skip_laws(Databases.name(), "no Postgres server is installed here");
    }
    run_laws(&Databases).await.assert_all_passed();
}
