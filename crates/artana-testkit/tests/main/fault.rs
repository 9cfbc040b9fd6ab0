//! Faults happen where they were planned, and nowhere else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use artana_core::{
    Digest, EventId, ModelId, RequestId, Seq, StepKey, ToolName, ToolVersion,
    event::{Effect, ModelCategory, ToolSignature},
};
use artana_ports::{
    AppendError, ArgsError, Clock, EventStore, ModelAnswer, ModelContext, ModelError, ModelOptions, ModelPort,
    ModelRequest, Probed, RetryPolicy, Risk, StoreError, ToolContext, ToolError, ToolErrorKind, ToolOutput, ToolPort,
    ToolSpec,
};
use artana_testkit::{
    MemoryStore, SimClock,
    fault::{Action, FaultModel, FaultStore, FaultTool, Faults, Spot},
};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::memory::{first_batch, run};

fn wrapped(faults: &Faults) -> (MemoryStore, Arc<dyn EventStore>) {
    let memory = MemoryStore::new();
    let store = FaultStore::new(Arc::new(memory.clone()), faults.clone());
    (memory, Arc::new(store))
}

fn names(faults: &Faults) -> Vec<String> {
    faults.points().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_dry_run_lists_the_points() {
    let faults = Faults::record();
    let (_, store) = wrapped(&faults);
    store.append(first_batch()).await.unwrap();
    store.read(&run(), Seq::ZERO, 1).await.unwrap();
    assert_eq!(names(&faults), ["1 append.before", "2 append.after", "3 read.before", "4 read.after"]);
    assert!(!faults.has_crashed());
}

#[tokio::test]
async fn a_crash_never_returns_and_leaves_what_was_done() {
    for (n, written) in [(1, false), (2, true)] {
        let faults = Faults::crash_at(n);
        let (memory, store) = wrapped(&faults);
        let process = tokio::spawn(async move { store.append(first_batch()).await });
        assert_eq!(faults.crashed().await.n, n);
        assert!(!process.is_finished());
        process.abort();
        assert_eq!(memory.head(&run()).await.unwrap().is_some(), written);
    }
}

#[tokio::test]
async fn the_dead_pass_no_more_points() {
    let faults = Faults::crash_at(1);
    let (memory, store) = wrapped(&faults);
    let tasks = [store.clone(), store].map(|store| tokio::spawn(async move { store.append(first_batch()).await }));
    faults.crashed().await;
    tokio::task::yield_now().await;
    assert_eq!((faults.points().len(), memory.counts().appends), (1, 0));
    assert!(tasks.iter().all(|task| !task.is_finished()));
}

#[tokio::test]
async fn failures_before_and_after_are_told_apart() {
    let faults = Faults::record().at("append.before", Action::Fail).at("append.after", Action::Fail);
    let (memory, store) = wrapped(&faults);
    let unavailable = store.append(first_batch()).await;
    assert!(matches!(unavailable, Err(AppendError::Store(StoreError::Unavailable { .. }))));
    assert_eq!(memory.counts().appends, 0);
    assert!(matches!(store.append(first_batch()).await, Err(AppendError::Ambiguous)));
    assert_eq!(memory.counts().events, 1);
    // The orders are used up.
    assert!(matches!(store.append(first_batch()).await, Err(AppendError::Conflict { actual: Some(_) })));
}

#[tokio::test]
async fn an_append_conflicts_once_without_being_tried() {
    let faults = Faults::record().at("append.before", Action::Conflict);
    let (memory, store) = wrapped(&faults);
    assert!(matches!(store.append(first_batch()).await, Err(AppendError::Conflict { actual: None })));
    assert_eq!(memory.counts().appends, 0);
    store.append(first_batch()).await.unwrap();
}

#[tokio::test]
async fn every_point_of_a_name_and_delays_and_hooks() {
    let clock = SimClock::new().auto_advance(true);
    let hooked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hooked);
    let faults = Faults::record()
        .at(Spot::Every("head.before"), Action::Delay(Arc::new(clock.clone()), Duration::from_secs(5)))
        .at(4, Action::Hook(Arc::new(move |point| count.store(point.n, Ordering::SeqCst))));
    let (_, store) = wrapped(&faults);
    for _ in 0..3 {
        store.head(&run()).await.unwrap();
    }
    assert_eq!((clock.elapsed(), hooked.load(Ordering::SeqCst)), (Duration::from_secs(15), 4));
}

#[derive(Debug)]
struct Echo(ToolSpec);

#[async_trait]
impl ToolPort for Echo {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn check_args(&self, _: &Value) -> Result<(), ArgsError> {
        Ok(())
    }

    async fn call(&self, args: Value, _: ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::new(args.to_string()))
    }
}

fn echo() -> Arc<dyn ToolPort> {
    Arc::new(Echo(ToolSpec {
        signature: ToolSignature {
            name: ToolName::parse("echo").expect("fit"),
            version: ToolVersion::parse("1").expect("fit"),
            schema_version: 1,
            schema_hash: Digest::of_schema(b"{}"),
        },
        description: String::new(),
        args_schema: json!({}),
        result_schema: json!({}),
        effect: Effect::Read,
        capability: None,
        risk: Risk::Low,
        timeout: Duration::from_secs(1),
        settle: Duration::ZERO,
        retry: RetryPolicy::default(),
        accepts: Vec::new(),
        max_result: 1024,
        probe: true,
    }))
}

fn context() -> ToolContext {
    let (step, request) = (StepKey::parse("s").expect("fit"), RequestId::from(EventId::v7(1, [1; 10])));
    ToolContext::new(run(), step, request, Digest::of_schema(b""))
}

fn model_context() -> ModelContext {
    ModelContext::new(run(), StepKey::parse("s").expect("fit"), RequestId::from(EventId::v7(1, [1; 10])))
}

#[tokio::test]
async fn tools_fail_before_and_after() {
    let faults = Faults::record().at("tool.call.before", Action::Fail).at("tool.call.after", Action::Fail);
    let tool = FaultTool::new(echo(), faults.clone());
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(tool.call(json!(1), context()).await.map_err(|error| error.kind));
    }
    let expected = [Err(ToolErrorKind::Transient), Err(ToolErrorKind::Unknown), Ok(ToolOutput::new("1"))];
    assert_eq!(kinds, expected);
    assert_eq!(tool.probe(json!(1), context()).await, Ok(Probed::Unknown));
    assert_eq!(names(&faults)[5..], ["6 tool.probe.before", "7 tool.probe.after"]);
    assert_eq!(tool.spec().signature.name.as_str(), "echo");
}

#[derive(Debug)]
struct Busy;

#[async_trait]
impl ModelPort for Busy {
    async fn ask(&self, _: &ModelRequest, _: &ModelContext) -> Result<ModelAnswer, ModelError> {
        Err(ModelError::http(429, "busy"))
    }
}

#[tokio::test]
async fn models_lose_their_network() {
    let faults = Faults::record().at("model.ask.before", Action::Fail).at("model.ask.after", Action::Fail);
    let model = FaultModel::new(Arc::new(Busy), faults);
    let request = ModelRequest {
        model: ModelId::parse("none/busy").unwrap(),
        messages: Vec::new(),
        input_items: Vec::new(),
        options: ModelOptions::default(),
        tools: Vec::new(),
        output_schema: None,
    };
    let mut failures = Vec::new();
    for _ in 0..3 {
        failures.push(model.ask(&request, &model_context()).await.unwrap_err().category);
    }
    assert_eq!(failures, [ModelCategory::Network, ModelCategory::Network, ModelCategory::RateLimited]);
}
