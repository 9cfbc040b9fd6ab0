//! The raw driver: the rows another file holds already, written again with nothing in between.

use std::path::Path;

use anyhow::{Context, Result};
use artana_ports::EventStore;
use artana_store_sqlite::SqliteStore;
use rusqlite::{Connection, params, types::Value};

const EVENTS: &str = "SELECT * FROM events WHERE tenant = 'bench' AND run = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq";
const VAULT: &str = "SELECT * FROM vault WHERE tenant = 'bench' AND root = ?1 AND digest = ?2";
const RUN: &str = "SELECT * FROM runs WHERE tenant = 'bench' AND run = ?1";

/// The rows of one append, as values.
pub(crate) struct Rows {
    run: String,
    events: Vec<Vec<Value>>,
    vault: Vec<Vec<Value>>,
    seq: i64,
    hash: Value,
}

/// Reads rows that a kernel wrote.
pub(crate) struct Source(Connection);

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self(Connection::open(path)?))
    }

    /// Returns the rows of the append that ended at `to`.
    pub(crate) fn append(&self, run: &str, from: i64, to: i64) -> Result<Rows> {
        let events = all(&self.0, EVENTS, params![run, from, to])?;
        let last = events.last().context("the kernel wrote the rows")?;
        let (seq, hash) = (to, last.last().context("a hash")?.clone());
        let mut vault = Vec::new();
        for payload in events.iter().filter_map(|row| row.get(7)) {
            let Value::Blob(payload) = payload else { continue };
            let payload: serde_json::Value = serde_json::from_slice(payload)?;
            for reference in artana_core::content::references(&payload)? {
                vault.extend(all(&self.0, VAULT, params![run, reference.digest.as_bytes()])?);
            }
        }
        Ok(Rows { run: run.into(), events, vault, seq, hash })
    }

    /// Returns a run's row.
    pub(crate) fn run(&self, run: &str) -> Result<Vec<Value>> {
        all(&self.0, RUN, params![run])?.pop().context("the run has a row")
    }
}

fn all(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Vec<Value>>> {
    let mut statement = connection.prepare_cached(sql)?;
    let width = statement.column_count();
    let rows = statement.query_map(params, |row| (0..width).map(|at| row.get(at)).collect())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes rows with nothing but the driver, to a file of the same schema under the same settings.
pub(crate) struct Raw(Connection);

impl Raw {
    pub(crate) async fn create(path: &Path, synchronous: &str) -> Result<Self> {
        SqliteStore::open(path).await?.close().await?;
        let connection = Connection::open(path)?;
        connection.execute_batch(&format!("PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0"))?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self(connection))
    }

    /// Adds a run's row, untimed.
    pub(crate) fn add_run(&self, row: &[Value]) -> Result<()> {
        Ok(insert(&self.0, "runs", row)?)
    }

    /// Commits the rows of some appends in one transaction.
    pub(crate) fn commit(&self, appends: &[Rows]) -> Result<()> {
        self.0.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        for rows in appends {
            for row in &rows.events {
                insert(&self.0, "events", row)?;
            }
            for row in &rows.vault {
                insert(&self.0, "vault", row)?;
            }
            let moved = "UPDATE runs SET head_seq = ?2, head_hash = ?3 WHERE tenant = 'bench' AND run = ?1";
            self.0.prepare_cached(moved)?.execute(params![rows.run, rows.seq, rows.hash])?;
        }
        self.0.prepare_cached("COMMIT")?.execute(())?;
        Ok(())
    }

    /// Keeps the log as short as a store keeps its own, untimed.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        Ok(self.0.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))?)
    }
}

fn insert(connection: &Connection, table: &str, row: &[Value]) -> rusqlite::Result<()> {
    let marks = vec!["?"; row.len()].join(", ");
    let sql = format!("INSERT OR IGNORE INTO {table} VALUES ({marks})");
    connection.prepare_cached(&sql)?.execute(rusqlite::params_from_iter(row)).map(drop)
}
