//! The laws of every store, on Postgres.

use std::sync::Arc;

use artana_conformance::{Place, StoreFactory, run_laws, skip_laws};
use artana_ports::{Clock, EventStore};
use artana_testkit::postgres::Database;
use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::support::options;

/// Databases for the laws, each a copy of one in which the schema was made once.
#[derive(Debug, Default)]
struct Databases {
    prepared: OnceCell<Database>,
}

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
        let prepare = || async {
            let database = Database::fresh().expect("there is a server");
            options(&database).await.expect("a store").close().await.expect("closes");
            database
        };
        Box::new(Made { database: self.prepared.get_or_init(prepare).await.copied(), clock })
    }
}

#[async_trait]
impl Place for Made {
    async fn open(&self) -> Arc<dyn EventStore> {
        let options = options(&self.database).clock(Arc::clone(&self.clock));
        Arc::new(options.await.expect("a store"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_every_law() {
    let databases = Databases::default();
    if Database::fresh().is_none() {
        return skip_laws(databases.name(), "no Postgres server is installed here");
    }
    run_laws(&databases).await.assert_all_passed();
}
