//! Model adapters that are wrong in one way each, to prove that the laws bite: for each law there is a saboteur
//! that this law alone notices. Nothing here belongs anywhere but in a test.

mod answer;
mod failure;
mod life;
mod mischief;
mod request;
mod stream;

use std::sync::{Arc, LazyLock};

use artana_core::ModelId;
use artana_ports::ModelPort;
use async_trait::async_trait;

use super::{ModelFactory, Scripted};
use crate::{
    Need,
    sabotage::{sabotage, sabotages},
};
use mischief::{Mischief, Saboteur};

sabotage!(ModelFactory, Mischief);

/// Returns all saboteurs.
#[must_use]
pub fn all() -> &'static [Sabotage] {
    static ALL: LazyLock<Vec<Sabotage>> = LazyLock::new(|| {
        [answer::SABOTAGES, stream::SABOTAGES, failure::SABOTAGES, request::SABOTAGES, life::SABOTAGES].concat()
    });
    &ALL
}

#[async_trait]
impl ModelFactory for Sabotaged<'_> {
    fn name(&self) -> &str {
        self.factory.name()
    }

    async fn model(&self, script: Scripted) -> Arc<dyn ModelPort> {
        let model = self.factory.model(script.clone()).await;
        Arc::new(Saboteur { model, script, mischief: (self.sabotage.begin)() })
    }

    fn models(&self) -> [ModelId; 2] {
        self.factory.models()
    }

    fn lacks(&self, need: Need) -> Option<&str> {
        self.factory.lacks(need)
    }
}
