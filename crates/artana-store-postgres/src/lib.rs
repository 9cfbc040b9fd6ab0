//! The Postgres store: one database for any number of machines.
//!
//! An append is one statement, and one round trip: a function that the store's schema brings compares the head,
//! judges the authority, settles the claims and writes the rows, in the transaction of that one statement. Whoever only
//! goes on with a run has a cheaper statement, and the function where that one cannot write. So no transaction is ever
//! left open between two messages, whatever becomes of the caller. The store judges by the port's rules and moves bytes;
//! it never folds, hashes, or reads a payload.
//!
//! Everything stands in a schema of its own, `artana`, beside whatever else the database holds.
//!
//! # Example
//!
//! ```no_run
//! # async fn example() -> Result<(), artana_ports::StoreError> {
//! use artana_ports::EventStore;
//! use artana_store_postgres::PostgresStore;
//!
//! let store = PostgresStore::connect("postgres://artana@localhost/artana").pool(2..=20).await?;
//! assert_eq!(store.info().kind, "postgres");
//! store.close().await?;
//! # Ok(())
//! # }
//! ```

mod address;
mod append;
mod claims;
mod connect;
mod doctor;
mod durability;
mod error;
mod hosts;
mod lanes;
mod lease;
mod listen;
mod options;
mod read;
mod runs;
mod schema;
mod session;
mod statement;
mod store;
mod tls;
mod vault;
mod vitals;

pub use artana_store_sql::Migrated;
pub use durability::Durability;
pub use options::PostgresOptions;
pub use store::PostgresStore;
