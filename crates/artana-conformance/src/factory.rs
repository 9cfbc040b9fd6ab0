//! What an adapter brings to be judged: places for data, and stores opened on them.

use std::{fmt::Debug, sync::Arc};

use artana_ports::{Clock, EventStore};
use async_trait::async_trait;

/// Makes empty places for an adapter's data.
#[async_trait]
pub trait StoreFactory: Debug + Send + Sync {
    /// Names the adapter in reports.
    fn name(&self) -> &str;

    /// Makes a place with nothing in it, whose stores tell the time by `clock` alone.
    async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place>;

    /// Says why a place cannot be opened twice at once, if it cannot. Laws that need it are then skipped.
    fn single_handle(&self) -> Option<&str> {
        None
    }

    /// Says why the data has no schema that a newer version of the adapter could change, if it has none. The law of
    /// newer schemas is then skipped. Who gives no reason has [`Place::make_newer`].
    fn schemaless(&self) -> Option<&str> {
        None
    }
}

/// A place for data. Dropping it may remove the data.
#[async_trait]
pub trait Place: Debug + Send + Sync {
    /// Opens a store on the data of this place, each time another handle, as another process would.
    async fn open(&self) -> Arc<dyn EventStore>;

    /// Makes the data look as if a newer version of the adapter had migrated it, while stores are open on it: with a
    /// schema of a higher number, and everything else as it was.
    ///
    /// # Panics
    ///
    /// Unless it is implemented: whoever has a schema says how it becomes newer.
    async fn make_newer(&self) {
        panic!("the factory says neither that there is no schema nor how it becomes newer");
    }

    /// Shows all that is stored, as a text that differs after anything was written, by a call of the port or beside
    /// it. Without it a law sees only what the port shows.
    async fn stored(&self) -> Option<String> {
        None
    }
}
