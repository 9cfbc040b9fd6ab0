//! Model adapters that are wrong in one way each, to prove that the laws bite: for each law there is a saboteur
//! that this law alone notices. Nothing here belongs anywhere but in a test.

mod answer;
mod failure;
mod life;
mod mischief;
mod request;
mod stream;

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use artana_core::ModelId;
use artana_ports::ModelPort;
use async_trait::async_trait;

use super::{ModelFactory, Scripted};
use crate::Need;
use mischief::{Mischief, Saboteur};

/// One way of being wrong, and the law that notices.
#[derive(Clone, Copy)]
pub struct Sabotage {
    /// The law.
    pub law: &'static str,
    /// What the saboteur does, as a sentence.
    pub does: &'static str,
    begin: fn() -> Arc<dyn Mischief>,
}

impl fmt::Debug for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.does)
    }
}

/// Returns all saboteurs.
#[must_use]
pub fn all() -> &'static [Sabotage] {
    static ALL: LazyLock<Vec<Sabotage>> = LazyLock::new(|| {
        [answer::SABOTAGES, stream::SABOTAGES, failure::SABOTAGES, request::SABOTAGES, life::SABOTAGES].concat()
    });
    &ALL
}

impl Sabotage {
    /// Puts the saboteur between the laws and an adapter that keeps them.
    #[must_use]
    pub fn of<'a>(&self, factory: &'a dyn ModelFactory) -> Sabotaged<'a> {
        Sabotaged { factory, sabotage: *self }
    }
}

/// An adapter with a saboteur before it.
#[derive(Debug)]
pub struct Sabotaged<'a> {
    factory: &'a dyn ModelFactory,
    sabotage: Sabotage,
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
