//! Opens the ledger of a test by its address: a file, or a database of Postgres. It makes neither.

use std::{sync::Arc, time::Duration};

use artana_ports::{EventStore, StoreError};
use artana_store_postgres::{Durability, PostgresStore};
use artana_store_sqlite::SqliteStore;

use crate::work::Ahead;

/// Connections of one process: some tests have many processes.
const CONNECTIONS: usize = 4;

/// Says whether an address is that of a database.
#[must_use]
pub fn is_database(address: &str) -> bool {
    address.starts_with("postgres://")
}

/// Opens a ledger on a clock. Where the clock is not ahead, a database judges lives on its server's own.
///
/// # Errors
///
/// The store's.
pub async fn open(address: &str, clock: Ahead) -> Result<Arc<dyn EventStore>, StoreError> {
    if !is_database(address) {
        return Ok(Arc::new(SqliteStore::options().clock(Arc::new(clock)).open(address).await?));
    }
    let options = PostgresStore::connect(address).pool(1..=CONNECTIONS);
    // The server of the tests does not wait for its disk.
    let options = options.durability(Durability::AsTheServer);
    Ok(Arc::new(if clock.0 == Duration::ZERO { options.await? } else { options.clock(Arc::new(clock)).await? }))
}
