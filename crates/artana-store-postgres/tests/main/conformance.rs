//! The laws of every store, on Postgres.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use artana_conformance::{Place, StoreFactory, run_laws, skip_laws};
use artana_ports::{Clock, EventStore};
use artana_testkit::postgres::Database;
use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::support::options;

/// Databases for the laws, each a copy of one in which the schema was made once. A copy takes long, so one that a law is
/// done with has its rows taken out and is used by the next law.
#[derive(Debug, Default)]
struct Databases {
    prepared: OnceCell<Database>,
    emptied: Arc<Mutex<Vec<Database>>>,
}

#[derive(Debug)]
struct Made {
    /// None when it was given back.
    database: Option<Database>,
    clock: Arc<dyn Clock>,
    emptied: Arc<Mutex<Vec<Database>>>,
    /// Whether a law made its schema newer: no other one can use it.
    newer: AtomicBool,
}

/// Sends away whoever is in a database, and takes out all rows but those that tell the schema.
const EMPTY: &str = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    DO $$ BEGIN
        EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('artana.%I', tablename), ', ') FROM pg_tables
            WHERE schemaname = 'artana' AND tablename <> 'migrations');
    END $$";

impl Made {
    fn database(&self) -> &Database {
        self.database.as_ref().expect("it is not given back yet")
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let spoilt = std::thread::panicking() || *self.newer.get_mut();
        let database = self.database.take().filter(|_| !spoilt);
        self.emptied.lock().unwrap_or_else(PoisonError::into_inner).extend(database.inspect(|it| drop(it.run(EMPTY))));
    }
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
        let emptied = self.emptied.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let database = match emptied {
            Some(database) => database,
            None => self.prepared.get_or_init(prepare).await.copied(),
        };
        let emptied = Arc::clone(&self.emptied);
        Box::new(Made { database: Some(database), clock, emptied, newer: AtomicBool::new(false) })
    }
}

#[async_trait]
impl Place for Made {
    async fn open(&self) -> Arc<dyn EventStore> {
        let options = options(self.database()).clock(Arc::clone(&self.clock));
        Arc::new(options.await.expect("a store"))
    }

    async fn make_newer(&self) {
        self.newer.store(true, Relaxed);
        self.database().run("INSERT INTO artana.migrations (version) VALUES (99)");
    }

    async fn stored(&self) -> Option<String> {
        Some(self.database().run("SELECT schema_to_xml('artana', true, false, '')"))
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
