//! What a tool returned is recorded whatever it is: an effect that happened is never undone by its answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artana_core::{
    Digest, ToolName, ToolVersion,
    event::{Effect, Reason, ToolSignature},
};
use artana_kernel::Error;
use artana_ports::{ArgsError, RetryPolicy, Risk, ToolContext, ToolError, ToolOutput, ToolPort, ToolSpec};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::world::{FIVE, World, call, code, world};

const MAX: usize = 1024;

/// A tool that returns any bytes, and wants an object with a `charge`.
#[derive(Debug)]
struct Raw {
    spec: ToolSpec,
    output: ToolOutput,
    calls: Arc<AtomicU64>,
}

#[async_trait]
impl ToolPort for Raw {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn check_args(&self, _: &Value) -> Result<(), ArgsError> {
        Ok(())
    }

    fn fits_result(&self, result: &Value) -> bool {
        assert_ne!(result, &json!("panic"), "on purpose");
        result.get("charge").is_some()
    }

    async fn call(&self, _: Value, _: ToolContext) -> Result<ToolOutput, ToolError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(self.output.clone())
    }
}

fn raw(output: ToolOutput, effect: Effect, max_result: usize) -> (Arc<dyn ToolPort>, Arc<AtomicU64>) {
    let name = ToolName::parse("raw").unwrap();
    let version = ToolVersion::parse("1").unwrap();
    let signature = ToolSignature { name, schema_hash: Digest::from_bytes([0; 32]), schema_version: 1, version };
    let spec = ToolSpec {
        signature,
        description: String::new(),
        args_schema: json!({}),
        result_schema: json!({}),
        effect,
        capability: None,
        risk: Risk::Low,
        timeout: Duration::from_secs(1),
        settle: Duration::ZERO,
        retry: RetryPolicy { attempts: 1, backoff: Duration::ZERO },
        accepts: Vec::new(),
        max_result,
        probe: false,
    };
    let calls = Arc::new(AtomicU64::new(0));
    (Arc::new(Raw { spec, output, calls: Arc::clone(&calls) }), calls)
}

/// Expects the same refusal at once, on replay, and from another process.
async fn rejected(world: &World, effect: Effect, bytes: &[u8], expected: Reason) {
    let (tool, calls) = raw(ToolOutput::new(bytes), effect, MAX);
    let process = world.process_of([Arc::clone(&tool)]);
    let run = process.run("r").await;
    let other = world.process_of([tool]);
    for process in [&process, &process, &other] {
        let Err(Error::ResultRejected { reason, len, .. }) = call(&process.run("r").await, "a", "raw").await else {
            panic!("{expected:?} was expected");
        };
        assert_eq!((reason, len), (expected, bytes.len() as u64));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(run.status().await.unwrap(), artana_core::Status::Running);
    run.finish().await.unwrap();
    world.verify(&run).await;
}

#[tokio::test]
async fn results_that_cannot_be_used_are_successes_with_a_mark() {
    let deep = [vec![b'['; 200], vec![b']'; 200]].concat();
    let cases: [(&[u8], Reason); 8] = [
        (&[b'7'; MAX + 1], Reason::TooLarge),
        (&deep, Reason::TooDeep),
        (b"<html>", Reason::NotJson),
        (b"", Reason::NotJson),
        (b"\xff\xfe", Reason::NotJson),
        (br#"{"charge":1,"charge":2}"#, Reason::NotJson),
        (br#"{"other":1}"#, Reason::Schema),
        (br#""panic""#, Reason::Schema),
    ];
    for effect in [Effect::SideEffect, Effect::Read] {
        for (bytes, reason) in cases {
            rejected(&world(), effect, bytes, reason).await;
        }
    }
}

#[tokio::test]
async fn a_result_at_the_bound_passes_with_its_exact_bytes() {
    let world = world();
    let bytes = format!("{{ \"charge\" : \"{}\" }}", "x".repeat(MAX - 17));
    assert_eq!(bytes.len(), MAX);
    let (tool, _) = raw(ToolOutput::new(bytes.as_bytes()), Effect::SideEffect, MAX);
    let process = world.process_of([tool]);
    let run = process.run("r").await;
    for _ in 0..2 {
        assert_eq!(call(&run, "a", "raw").await.unwrap().raw(), bytes.as_bytes());
    }
}

#[tokio::test]
async fn the_largest_result_leaves_room_for_the_largest_id() {
    let world = world();
    let bound = artana_core::limits::MAX_CONTENT_BYTES;
    let result = format!("{{\"charge\":\"{}\"}}", "x".repeat(bound - 13));
    let output = ToolOutput { result: result.into_bytes(), effect_id: Some("é".repeat(bound / 2)) };
    let (tool, _) = raw(output, Effect::SideEffect, bound);
    let process = world.process_of([tool]);
    let run = process.run("r").await;
    assert!(call(&run, "a", "raw").await.is_ok());
    assert!(call(&run, "a", "raw").await.unwrap().effect_id().unwrap().starts_with('é'));
    world.verify(&run).await;
}

#[tokio::test]
async fn the_providers_own_id_is_kept() {
    let world = world();
    let output = ToolOutput { result: br#"{"charge":1}"#.to_vec(), effect_id: Some("ch_42".into()) };
    let (tool, _) = raw(output, Effect::SideEffect, MAX);
    let process = world.process_of([tool]);
    let run = process.run("r").await;
    for _ in 0..2 {
        assert_eq!(call(&run, "a", "raw").await.unwrap().effect_id(), Some("ch_42"));
    }
}

#[tokio::test]
async fn a_recorded_result_of_another_type_is_named() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    call(&run, "a", "mail").await.unwrap();
    let other = artana_kernel::tool("mail").handler(|n: crate::world::Amount, _| async move { Ok(n.cents) });
    let refused = run.step("a").tool(&other, &crate::world::Amount { cents: 5 }).await;
    assert_eq!(code(refused), "artana::output");
    assert!(run.step("a").tool_json("mail", FIVE).await.is_ok());
}
