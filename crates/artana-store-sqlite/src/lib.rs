//! The SQLite store: one file for one machine, shared by any number of its processes.
//!
//! One thread writes and commits what is queued together; others read, each with a connection of its
//! own. An acknowledged append is on the disk unless a weaker [`Synchronous`] was asked for. The store
//! judges by the port's rules and moves bytes; it never folds, hashes, or reads a payload, and it
//! trusts nothing that stands in the file.
//!
//! # Example
//!
//! ```
//! # async fn example(folder: &std::path::Path) -> Result<(), artana_ports::StoreError> {
//! use artana_ports::EventStore;
//! use artana_store_sqlite::SqliteStore;
//!
//! let store = SqliteStore::open(folder.join("ledger.db")).await?;
//! assert_eq!(store.info().durability, "wal, synchronous=full");
//! store.close().await?;
//! # Ok(())
//! # }
//! # let folder = tempfile::tempdir()?;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(example(folder.path()))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod append;
mod checkpoint;
mod claims;
mod connect;
mod doctor;
mod error;
mod failpoint;
mod lease;
mod migrate;
mod options;
mod read;
mod reader;
mod runs;
mod schema;
mod statement;
mod store;
mod vault;
mod writer;

pub use artana_store_sql::Migrated;
#[cfg(feature = "failpoints")]
pub use failpoint::{FAILPOINTS, MIGRATION_FAILPOINTS};
pub use options::{SqliteOptions, Synchronous};
pub use store::SqliteStore;
