//! All laws of tools, by area. A law is a function that takes a trial and ends with a breach at the first thing
//! that is not as its sentence says.

mod args;
mod call;
mod failure;
mod life;
mod probe;
mod spec;

use std::sync::LazyLock;

use super::ToolTrial;
use crate::Law;

/// Returns all laws of tools, in the order they are judged.
#[must_use]
pub fn all() -> &'static [Law<ToolTrial>] {
    static ALL: LazyLock<Vec<Law<ToolTrial>>> =
        LazyLock::new(|| [spec::LAWS, args::LAWS, call::LAWS, failure::LAWS, probe::LAWS, life::LAWS].concat());
    &ALL
}

pub(super) use args::UNKNOWN_KEY;
