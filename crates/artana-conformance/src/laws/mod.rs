//! All laws, by area. A law is a function that takes a trial and ends with a breach at the first thing
//! that is not as its sentence says.

mod append;

use std::sync::LazyLock;

use crate::Law;

/// Returns all laws, in the order they are judged.
#[must_use]
pub fn all() -> &'static [Law] {
    static ALL: LazyLock<Vec<Law>> = LazyLock::new(|| [append::LAWS].concat());
    &ALL
}
