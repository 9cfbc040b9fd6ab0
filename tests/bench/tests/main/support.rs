//! How the store is opened here.

use artana_store_postgres::{Durability, PostgresOptions, PostgresStore};
use artana_testkit::postgres::Database;

/// The server of the tests does not wait for its disk, and no store may ask it to.
pub(crate) fn options(database: &Database) -> PostgresOptions {
    PostgresStore::connect(database.url()).durability(Durability::AsTheServer)
}
