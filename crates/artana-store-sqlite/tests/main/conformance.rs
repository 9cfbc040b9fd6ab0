//! The laws of every store, on SQLite.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use artana_conformance::{Place, StoreFactory, run_laws};
use artana_ports::{Clock, EventStore};
use artana_store_sqlite::{SqliteStore, Synchronous};
use async_trait::async_trait;
use rusqlite::{Connection, Row, types::Value};
use tempfile::TempDir;

use crate::support::tamper;

#[derive(Debug)]
struct Files;

#[derive(Debug)]
struct File {
    folder: TempDir,
    clock: Arc<dyn Clock>,
}

impl File {
    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }
}

/// Shows every row of every table.
fn dump(path: &Path) -> String {
    let connection = Connection::open(path).expect("a file");
    let mut tables =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").expect("a schema");
    let names: Vec<String> =
        tables.query_map([], |row| row.get(0)).expect("names").collect::<Result<_, _>>().expect("names");
    let rows = |table: &String| {
        let mut rows = connection.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let columns = rows.column_count();
        let values = |row: &Row<'_>| (0..columns).map(|at| row.get::<_, Value>(at)).collect::<Result<Vec<_>, _>>();
        let rows: Vec<_> = rows.query_map([], values).expect("rows").collect::<Result<_, _>>().expect("rows");
        format!("{table} {rows:?}\n")
    };
    names.iter().map(rows).collect()
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
        Arc::new(options.open(self.path()).await.expect("a store"))
    }

    async fn make_newer(&self) {
        tamper(&self.path(), "PRAGMA user_version = 99");
    }

    async fn stored(&self) -> Option<String> {
        Some(dump(&self.path()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_every_law() {
    run_laws(&Files).await.assert_all_passed();
}
