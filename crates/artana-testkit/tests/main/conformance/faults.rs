//! What wraps a port to let it fail keeps every law of that port, as long as nothing is planned.

use std::sync::Arc;

use artana_conformance::{
    InProcess, Need,
    model::{self, ModelFactory, Scripted},
    run_laws,
    tool::{self, Bench, Manner, ToolFactory},
};
use artana_ports::{ModelPort, ToolPort};
use artana_testkit::{
    MemoryStore,
    fault::{FaultModel, FaultStore, FaultTool, Faults},
};
use async_trait::async_trait;
use serde_json::Value;

use super::{model::Scripts, tool::Closures};

/// The name of every wrapped adapter.
const NAME: &str = "faults";

#[derive(Debug)]
struct Models;

#[async_trait]
impl ModelFactory for Models {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn model(&self, script: Scripted) -> Arc<dyn ModelPort> {
        Arc::new(FaultModel::new(Scripts.model(script).await, Faults::record()))
    }

    fn lacks(&self, need: Need) -> Option<&str> {
        Scripts.lacks(need)
    }
}

#[derive(Debug)]
struct Tools;

#[async_trait]
impl ToolFactory for Tools {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn bench(&self) -> Box<dyn Bench> {
        Box::new(Desk(Closures.bench().await))
    }

    fn lacks(&self, need: Need) -> Option<&str> {
        Closures.lacks(need)
    }
}

#[derive(Debug)]
struct Desk(Box<dyn Bench>);

impl Bench for Desk {
    fn tool(&self) -> Arc<dyn ToolPort> {
        Arc::new(FaultTool::new(self.0.tool(), Faults::record()))
    }

    fn args(&self) -> Vec<Value> {
        self.0.args()
    }

    fn misfit(&self) -> Value {
        self.0.misfit()
    }

    fn next(&self, manner: Manner) {
        self.0.next(manner);
    }

    fn effects(&self) -> Vec<String> {
        self.0.effects()
    }

    fn lose_lookups(&self) {
        self.0.lose_lookups();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_between_points() {
    let stores = InProcess::new(NAME, MemoryStore::with_clock);
    let faulty = stores.within(|store| FaultStore::new(Arc::new(store), Faults::record()));
    run_laws(&faulty).await.assert_all_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn models_between_points() {
    model::run_laws(&Models).await.assert_all_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_between_points() {
    tool::run_laws(&Tools).await.assert_all_passed();
}
