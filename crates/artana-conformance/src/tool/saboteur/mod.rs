//! Tools that are wrong in one way each, to prove that the laws bite: for each law there is a saboteur that this
//! law alone notices. Nothing here belongs anywhere but in a test.

mod args;
mod call;
mod failure;
mod life;
mod mischief;
mod probe;
mod spec;

use std::sync::{Arc, LazyLock};

use artana_ports::ToolPort;
use async_trait::async_trait;
use serde_json::Value;

use super::{Bench, Manner, ToolFactory};
use crate::{
    Need,
    sabotage::{sabotage, sabotages},
};
use mischief::{Mischief, Saboteur};

sabotage!(ToolFactory, Mischief);

/// Returns all saboteurs.
#[must_use]
pub fn all() -> &'static [Sabotage] {
    static ALL: LazyLock<Vec<Sabotage>> = LazyLock::new(|| {
        [spec::SABOTAGES, args::SABOTAGES, call::SABOTAGES, failure::SABOTAGES, probe::SABOTAGES, life::SABOTAGES]
            .concat()
    });
    &ALL
}

#[async_trait]
impl ToolFactory for Sabotaged<'_> {
    fn name(&self) -> &str {
        self.factory.name()
    }

    async fn bench(&self) -> Box<dyn Bench> {
        let bench: Arc<dyn Bench> = Arc::from(self.factory.bench().await);
        let tool = Arc::new(Saboteur::new(Arc::clone(&bench), (self.sabotage.begin)()));
        Box::new(SabotagedBench { bench, tool })
    }

    fn lacks(&self, need: Need) -> Option<&str> {
        self.factory.lacks(need)
    }
}

#[derive(Debug)]
struct SabotagedBench {
    bench: Arc<dyn Bench>,
    tool: Arc<Saboteur>,
}

impl Bench for SabotagedBench {
    fn tool(&self) -> Arc<dyn ToolPort> {
        Arc::clone(&self.tool) as Arc<dyn ToolPort>
    }

    fn args(&self) -> Vec<Value> {
        self.bench.args()
    }

    fn misfit(&self) -> Value {
        self.bench.misfit()
    }

    fn next(&self, manner: Manner) {
        self.bench.next(manner);
    }

    fn effects(&self) -> Vec<String> {
        self.bench.effects()
    }

    fn lose_lookups(&self) {
        self.bench.lose_lookups();
    }

    fn effect_id(&self, key: &str) -> Option<String> {
        self.bench.effect_id(key)
    }
}
