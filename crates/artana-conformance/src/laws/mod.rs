//! All laws, by area. A law is a function that takes a trial and ends with a breach at the first thing
//! that is not as its sentence says.

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
mod projection;
mod rates;
mod read;
mod refused;
mod schema;
mod store;

use std::sync::LazyLock;

use crate::Law;

/// Returns all laws, in the order they are judged.
#[must_use]
pub fn all() -> &'static [Law] {
    static ALL: LazyLock<Vec<Law>> = LazyLock::new(|| {
        [
            append::LAWS,
            refused::LAWS,
            read::LAWS,
            isolation::LAWS,
            concurrency::LAWS,
            content::LAWS,
            claims::LAWS,
            holders::LAWS,
            rates::LAWS,
            heartbeat::LAWS,
            lease::LAWS,
            due::LAWS,
            listing::LAWS,
            projection::LAWS,
            filters::LAWS,
            follow::LAWS,
            handles::LAWS,
            schema::LAWS,
            store::LAWS,
        ]
        .concat()
    });
    &ALL
}
