//! Two calls under one request, tools that are gone, kernels that close: what is left of a step then.

use std::{sync::Arc, time::Duration};

use artana_core::Status;
use artana_kernel::tool;
use artana_ports::{ToolError, ToolPort};
use artana_testkit::fault::Action;
use serde_json::Value;

use crate::world::{Amount, call, code, reconcile, world};

const DAY: Duration = Duration::from_secs(86_400);

/// A froze before its call left; B called again under the same request and charged. That A's call
/// never left must not turn B's charge into a failure.
#[tokio::test]
async fn a_call_that_never_left_says_nothing_about_the_one_made_again() {
    let world = world();
    let (first, second) = (world.process(), world.process());
    let run = first.run("r").await;
    let clock = Arc::new(world.clock.clone());
    first.faults.plan("append.after", Action::Delay(clock, Duration::from_secs(60)));
    let frozen = tokio::spawn(async move { call(&run, "a", "pay").await.map(drop) });
    world.settle().await;
    world.clock.advance(Duration::from_secs(30));
    let elsewhere = second.run("r").await;
    assert!(call(&elsewhere, "a", "pay").await.unwrap_err().needs_reconciliation());
    assert_eq!(reconcile(&elsewhere, "a", "pay").await.unwrap().attempts(), 1);
    world.pass_time(frozen).await.unwrap().unwrap();
    assert_eq!((world.effects(), elsewhere.status().await.unwrap()), (1, Status::Running));
    assert!(call(&elsewhere, "a", "pay").await.unwrap().is_replayed());
    world.verify(&elsewhere).await;
}

#[tokio::test]
async fn a_refusal_of_the_second_call_keeps_the_doubt_about_the_first() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "pay").await;
    let refusing = tool("pay").idempotent(DAY);
    let refusing = refusing.handler(|_: Amount, _| async { Err::<Value, _>(ToolError::permanent("no credentials")) });
    let run = world.process_of([Arc::new(refusing) as Arc<dyn ToolPort>]).run("r").await;
    assert!(reconcile(&run, "a", "pay").await.unwrap_err().needs_reconciliation());
    assert_eq!(run.status().await.unwrap(), Status::NeedsReconciliation);
    let run = world.process().run("r").await;
    assert_eq!(reconcile(&run, "a", "pay").await.unwrap().attempts(), 1);
    assert_eq!(world.effects(), 1);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_finished_step_answers_although_its_tool_is_gone() {
    let world = world();
    let run = world.process().run("r").await;
    let first = call(&run, "a", "pay").await.unwrap();
    let bare = world.process_of([]);
    let run = bare.run("r").await;
    let again = call(&run, "a", "pay").await.unwrap();
    assert_eq!((again.raw(), again.is_replayed()), (first.raw(), true));
    assert_eq!(code(run.step("a").tool_json("never_registered", crate::world::FIVE).await), "artana::drift");
    call(&world.process().run("r").await, "late", "pay").await.unwrap();
    assert!(call(&run, "late", "pay").await.unwrap().is_replayed(), "although this handle has not seen it finish");
    assert_eq!(code(call(&run, "b", "pay").await), "artana::unknown_tool");
    assert_eq!(code(reconcile(&run, "b", "pay").await), "artana::unknown_tool");
}

#[tokio::test]
async fn closing_waits_for_no_further_attempt() {
    let world = world();
    let busy = tool("t").side_effect().attempts(9, Duration::from_secs(3000));
    let busy = busy.handler(|_: Amount, _| async { Err::<Value, _>(ToolError::transient("busy")) });
    let process = world.process_with(|kernel, _| kernel.tool(busy));
    let run = process.run("r").await;
    let waiting = tokio::spawn(async move { call(&run, "a", "t").await.map(drop) });
    world.settle().await;
    process.kernel.close().await.unwrap();
    assert_eq!(code(waiting.await.unwrap()), "artana::closed");
    let other = world.process();
    assert_eq!(world.kinds(&other.run("r").await).await, ["tool_requested", "tool_attempt_failed"]);
}

#[tokio::test]
async fn a_parked_call_keeps_nobody_from_closing() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    let mut parked = std::pin::pin!(call(&run, "a", "pay"));
    let waker = std::task::Waker::noop();
    let _ = parked.as_mut().poll(&mut std::task::Context::from_waker(waker));
    call(&run, "b", "pay").await.unwrap();
    process.kernel.close().await.unwrap();
    assert!(parked.await.is_ok(), "its effect ran in a task of its own, which closing waited for");
}

/// The probe saw nothing too early to be believed, so the same key would be called again; while that
/// is being announced, somebody cancels the run.
#[tokio::test]
async fn a_run_cancelled_after_the_probe_calls_nothing_again() {
    let world = world();
    let probed = || Arc::new(world.probed(tool("t").idempotent(DAY))) as Arc<dyn ToolPort>;
    let dying = world.process_of([probed()]);
    let run = dying.run("r").await;
    dying.faults.plan("tool.call.before", Action::Crash);
    tokio::spawn(async move { call(&run, "a", "t").await.map(drop) });
    dying.faults.crashed().await;
    world.mourn();

    let (first, second) = (world.process_of([probed()]), world.process_of([probed()]));
    let announced_late = {
        let (faults, clock) = (first.faults.clone(), Arc::new(world.clock.clone()));
        Action::Hook(Arc::new(move |_| {
            let (faults, clock) = (faults.clone(), clock.clone());
            let (next, wait) = (faults.clone(), Action::Delay(clock, Duration::from_secs(1)));
            let resolved = Action::Hook(Arc::new(move |_| next.plan("append.before", wait.clone())));
            faults.plan("append.before", resolved);
        }))
    };
    first.faults.plan("tool.probe.after", announced_late);
    let run = first.run("r").await;
    let reconciling = tokio::spawn(async move { reconcile(&run, "a", "t").await.map(drop) });
    world.settle().await;
    let elsewhere = second.run("r").await;
    assert_eq!(elsewhere.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
    assert!(world.pass_time(reconciling).await.unwrap().unwrap_err().needs_reconciliation());
    assert_eq!(world.effects(), 0);
    world.verify(&elsewhere).await;
}
