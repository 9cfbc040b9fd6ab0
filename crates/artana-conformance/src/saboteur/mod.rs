//! Stores that are wrong in one way each, to prove that the laws bite: for each law there is a saboteur
//! that this law alone notices. Nothing here belongs anywhere but in a test.

mod append;
mod claims;
mod concurrency;
mod content;
mod due;
mod filters;
mod follow;
mod handles;
mod heartbeat;
mod holders;
mod isolation;
mod lease;
mod listing;
mod mischief;
mod projection;
mod rates;
mod read;
mod refused;
mod schema;
mod store;

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use artana_ports::{Clock, EventStore};
use async_trait::async_trait;

use crate::{
    Place, StoreFactory,
    sabotage::{sabotage, sabotages},
};
use mischief::{Mischief, Saboteur};

sabotage!(StoreFactory, Mischief);

/// Returns all saboteurs.
#[must_use]
pub fn all() -> &'static [Sabotage] {
    static ALL: LazyLock<Vec<Sabotage>> = LazyLock::new(|| {
        [
            append::SABOTAGES,
            refused::SABOTAGES,
            read::SABOTAGES,
            isolation::SABOTAGES,
            concurrency::SABOTAGES,
            content::SABOTAGES,
            claims::SABOTAGES,
            holders::SABOTAGES,
            rates::SABOTAGES,
            heartbeat::SABOTAGES,
            lease::SABOTAGES,
            due::SABOTAGES,
            listing::SABOTAGES,
            projection::SABOTAGES,
            filters::SABOTAGES,
            follow::SABOTAGES,
            handles::SABOTAGES,
            schema::SABOTAGES,
            store::SABOTAGES,
        ]
        .concat()
    });
    &ALL
}

#[async_trait]
impl StoreFactory for Sabotaged<'_> {
    fn name(&self) -> &str {
        self.factory.name()
    }

    async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        let place = self.factory.place(Arc::clone(&clock)).await;
        Box::new(SabotagedPlace { place, clock, mischief: (self.sabotage.begin)(), handles: AtomicUsize::new(0) })
    }

    fn single_handle(&self) -> Option<&str> {
        self.factory.single_handle()
    }

    fn schemaless(&self) -> Option<&str> {
        self.factory.schemaless()
    }
}

#[derive(Debug)]
struct SabotagedPlace {
    place: Box<dyn Place>,
    clock: Arc<dyn Clock>,
    mischief: Arc<dyn Mischief>,
    handles: AtomicUsize,
}

#[async_trait]
impl Place for SabotagedPlace {
    async fn open(&self) -> Arc<dyn EventStore> {
        Arc::new(Saboteur {
            store: self.place.open().await,
            clock: Arc::clone(&self.clock),
            mischief: Arc::clone(&self.mischief),
            handle: self.handles.fetch_add(1, Ordering::SeqCst),
        })
    }

    async fn make_newer(&self) {
        self.place.make_newer().await;
    }

    async fn stored(&self) -> Option<String> {
        Some(self.mischief.stored(self.place.stored().await?))
    }
}
