//! How attempts end: failures that passed or did not, deadlines, panics, and what each leaves behind.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artana_core::{Status, Timestamp, event::FailureCategory};
use artana_kernel::{Error, ToolBuilder, tool};
use artana_ports::{Clock, ToolContext, ToolError};
use artana_testkit::provider::Manner;
use serde_json::{Value, json};

use crate::world::{Amount, World, call, code, reconcile, world};

/// When and as which attempt a tool was called, and under which key.
type Log = Arc<Mutex<Vec<(Timestamp, u32, String)>>>;

/// Adds a tool that answers as told, call by call, and then succeeds.
fn scripted(world: &World, builder: ToolBuilder, answers: Vec<ToolError>) -> (crate::world::Process, Log) {
    let log = Log::default();
    let (seen, clock) = (Arc::clone(&log), world.clock.clone());
    let answers = Mutex::new(answers.into_iter());
    let tool = builder.handler(move |_: Amount, cx: ToolContext| {
        seen.lock().unwrap().push((clock.now(), cx.attempt, cx.idempotency_key().to_owned()));
        let answer = answers.lock().unwrap().next();
        async move { answer.map_or_else(|| Ok(json!("done")), Err) }
    });
    (world.process_with(|kernel, _| kernel.tool(tool)), log)
}

fn passing() -> ToolError {
    ToolError::transient("busy")
}

#[tokio::test]
async fn transient_failures_are_tried_again_with_growing_waits() {
    for builder in [tool("t"), tool("t").side_effect(), tool("t").idempotent(Duration::from_secs(60))] {
        let world = world();
        let answers = vec![passing(), passing().retry_after(Duration::from_secs(30)), passing()];
        let (process, log) = scripted(&world, builder.attempts(4, Duration::from_secs(4)), answers);
        let run = process.run("r").await;
        let answer = world.pass_time(call(&run, "a", "t")).await.unwrap();
        assert_eq!((answer.attempts(), answer.is_replayed()), (4, false));
        let log = log.lock().unwrap().clone();
        let waits: Vec<_> = log.windows(2).map(|pair| pair[1].0.as_micros() - pair[0].0.as_micros()).collect();
        let at_least = [4, 30, 16].map(|seconds: i64| seconds * 1_000_000);
        assert!(waits.iter().zip(at_least).all(|(wait, least)| (least..least + 2_000_000).contains(wait)), "{waits:?}");
        assert_eq!(log.iter().map(|call| call.1).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(log.iter().all(|call| call.2 == run.step("a").idempotency_key("t").unwrap()));
        let kinds = world.kinds(&run).await;
        assert_eq!(kinds.iter().filter(|kind| *kind == "tool_requested").count(), 4);
        assert_eq!(kinds.iter().filter(|kind| *kind == "tool_attempt_failed").count(), 3);
        assert_eq!(call(&run, "a", "t").await.unwrap().attempts(), 4);
        world.verify(&run).await;
    }
}

/// Asks again here, and in another process, and expects the same error with the same fields.
async fn same_error(world: &World, run: &artana_kernel::Run, expected: &Error) {
    let events = world.events(run).await.len();
    for _ in 0..3 {
        let again = call(run, "a", "t").await.unwrap_err();
        assert_eq!(format!("{again:?}"), format!("{expected:?}"));
    }
    let (other, log) = scripted(world, tool("t").side_effect().attempts(3, Duration::from_secs(1)), vec![]);
    let reopened = other.run("r").await;
    assert_eq!(format!("{:?}", call(&reopened, "a", "t").await.unwrap_err()), format!("{expected:?}"));
    assert!(log.lock().unwrap().is_empty());
    assert_eq!(world.events(run).await.len(), events);
    world.verify(run).await;
}

#[tokio::test]
async fn a_step_whose_attempts_all_failed_stays_failed() {
    let world = world();
    let builder = tool("t").side_effect().attempts(3, Duration::from_secs(1));
    let (process, _) = scripted(&world, builder, vec![passing(), passing(), passing()]);
    let run = process.run("r").await;
    let failed = world.pass_time(call(&run, "a", "t")).await.unwrap_err();
    let Error::ToolFailed { category, attempts, message, .. } = &failed else { panic!("{failed:?}") };
    assert_eq!((*category, *attempts, message.as_str()), (FailureCategory::Transient, 3, "busy"));
    same_error(&world, &run, &failed).await;
}

#[tokio::test]
async fn a_permanent_failure_is_final_and_clears_with_a_later_success() {
    let world = world();
    let builder = tool("t").side_effect().attempts(3, Duration::from_secs(1));
    let (process, log) = scripted(&world, builder, vec![ToolError::permanent("no such card")]);
    let run = process.run("r").await;
    let failed = call(&run, "a", "t").await.unwrap_err();
    let Error::ToolFailed { category, attempts, message, .. } = &failed else { panic!("{failed:?}") };
    assert_eq!((*category, *attempts, message.as_str()), (FailureCategory::Permanent, 1, "no such card"));
    assert!(!failed.to_string().contains("card"), "a provider's words are no part of a message");
    assert_eq!(log.lock().unwrap().len(), 1);
    same_error(&world, &run, &failed).await;
    assert!(run.view().await.unwrap().failed_step.is_some());
    call(&run, "b", "t").await.unwrap();
    assert!(run.view().await.unwrap().failed_step.is_none());
    run.finish().await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::Completed);
}

#[tokio::test]
async fn an_unclassified_error_is_unknown_for_effects_and_retried_for_reads() {
    let world = world();
    let (process, _) = scripted(&world, tool("t").side_effect().attempts(3, Duration::ZERO), vec![odd()]);
    let run = process.run("r").await;
    assert_eq!(code(call(&run, "a", "t").await), "artana::reconciliation_required");

    let (process, log) = scripted(&world, tool("t").attempts(3, Duration::ZERO), vec![odd()]);
    let run = process.run("reads").await;
    assert_eq!(call(&run, "a", "t").await.unwrap().attempts(), 2);
    assert_eq!(log.lock().unwrap().len(), 2);
}

fn odd() -> ToolError {
    ToolError::from(std::io::Error::other("odd"))
}

#[tokio::test]
async fn a_lost_reply_is_unknown() {
    let world = world();
    world.provider.next_calls([Manner::LoseReply]);
    let process = world.process();
    let run = process.run("r").await;
    assert_eq!(code(call(&run, "a", "mail").await), "artana::reconciliation_required");
    assert_eq!(world.effects(), 1);
    assert_eq!(code(call(&run, "a", "mail").await), "artana::reconciliation_required");
    world.verify(&run).await;
}

/// A tool whose first `bad` calls do `first` and never end.
fn faltering(builder: ToolBuilder, bad: u64, first: fn()) -> (impl artana_ports::ToolPort, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let tool = builder.handler(move |_: Amount, _| {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        async move {
            if nth < bad {
                first();
                std::future::pending::<()>().await;
            }
            Ok::<Value, ToolError>(json!("done"))
        }
    });
    (tool, calls)
}

#[tokio::test]
async fn deadlines_and_panics_are_unknown_for_effects() {
    for first in [|| (), || panic!("on purpose")] {
        let world = world();
        let builder = tool("t").side_effect().timeout(Duration::from_secs(40)).attempts(3, Duration::ZERO);
        let (tool, calls) = faltering(builder, 1, first);
        let process = world.process_with(|kernel, _| kernel.tool(tool));
        let run = process.run("r").await;
        let ended = world.pass_time(call(&run, "a", "t")).await;
        assert_eq!(code(ended), "artana::reconciliation_required");
        assert_eq!(code(reconcile(&run, "a", "t").await), "artana::needs_operator");
        assert_eq!((calls.load(Ordering::SeqCst), run.status().await.unwrap()), (1, Status::NeedsReconciliation));
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn deadlines_and_panics_of_reads_are_tried_again_and_then_fail() {
    for first in [|| (), || panic!("on purpose")] {
        for (bad, attempts) in [(2, 3), (3, 3)] {
            let world = world();
            let builder = tool("t").timeout(Duration::from_secs(5)).attempts(attempts, Duration::from_secs(1));
            let (tool, calls) = faltering(builder, bad, first);
            let process = world.process_with(|kernel, _| kernel.tool(tool));
            let run = process.run("r").await;
            let ended = world.pass_time(call(&run, "a", "t")).await;
            match ended {
                Ok(answer) => assert_eq!((answer.attempts(), bad), (3, 2)),
                Err(error) => assert_eq!((error.code(), bad), ("artana::tool_failed", 3)),
            }
            assert_eq!(calls.load(Ordering::SeqCst), 3);
            world.verify(&run).await;
        }
    }
}

#[tokio::test]
async fn a_tool_is_told_whose_call_it_makes() {
    let world = world();
    let seen = Arc::new(Mutex::new(None));
    let (told, clock) = (Arc::clone(&seen), world.clock.clone());
    let builder = tool("t").side_effect().timeout(Duration::from_secs(7));
    let tool = builder.handler(move |_: Amount, cx: ToolContext| {
        *told.lock().unwrap() = Some((cx.clone(), clock.now()));
        async { Ok(json!(1)) }
    });
    let process = world.process_with(|kernel, _| kernel.tool(tool));
    let run = process.run("r").await;
    let answer = run.scope("outer").step("a").tool_json("t", crate::world::FIVE).await.unwrap();
    let (cx, now) = seen.lock().unwrap().clone().unwrap();
    assert_eq!((cx.run.to_string(), cx.step.as_str(), cx.attempt), (run.name().to_string(), "outer/a", 1));
    assert_eq!((cx.request, cx.deadline), (answer.request(), now.after(Duration::from_secs(7))));
    assert_eq!(cx.idempotency_key(), run.step("outer/a").idempotency_key("t").unwrap());
    assert!(!cx.cancellation.is_cancelled());
}
