//! All laws of models, by area. A law is a function that takes a trial and ends with a breach at the first thing
//! that is not as its sentence says.

mod answer;
mod failure;
mod life;
mod request;
mod stream;

use std::sync::LazyLock;

use super::ModelTrial;
use crate::Law;

/// Returns all laws of models, in the order they are judged.
#[must_use]
pub fn all() -> &'static [Law<ModelTrial>] {
    static ALL: LazyLock<Vec<Law<ModelTrial>>> =
        LazyLock::new(|| [answer::LAWS, stream::LAWS, failure::LAWS, request::LAWS, life::LAWS].concat());
    &ALL
}
