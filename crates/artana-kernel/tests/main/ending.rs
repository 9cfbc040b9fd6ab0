//! How runs end: finished, failed, cancelled, and the kernel closed.

use std::time::Duration;

use artana_core::Status;
use artana_kernel::{Error, Resolve, tool};
use artana_ports::{ToolContext, ToolError};
use artana_testkit::fault::Action;
use serde_json::{Value, json};

use crate::world::{Amount, FIVE, call, code, reconcile, tenant, world};

#[tokio::test]
async fn a_finished_run_starts_nothing_and_still_answers() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    let first = call(&run, "a", "mail").await.unwrap();
    run.finish().await.unwrap();
    run.finish().await.unwrap();
    assert_eq!(world.kinds(&run).await.last().unwrap(), "run_finished");
    assert_eq!(call(&run, "a", "mail").await.unwrap().raw(), first.raw());
    for tool in ["mail", "look"] {
        assert_eq!(code(call(&run, "b", tool).await), "artana::not_running");
    }
    assert_eq!(code(run.fail("late").await), "artana::ended");
    assert_eq!(code(run.cancel("ann", "late").await), "artana::ended");
    assert_eq!((world.effects(), world.looks()), (1, 0));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_run_is_not_finished_while_a_step_is_under_way_or_in_doubt() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "mail").await;
    let process = world.process();
    let run = process.run("r").await;
    let unfinished = |result: Result<(), Error>| match result {
        Err(Error::Unfinished { steps, .. }) => steps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(unfinished(run.finish().await), ["a"]);
    assert_eq!(code(call(&run, "a", "mail").await), "artana::reconciliation_required");
    assert_eq!(unfinished(run.finish().await), ["a"]);
    run.resolve("a", Resolve::failed("ann", "not seen")).await.unwrap();
    run.finish().await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::Completed);
    world.verify(&run).await;
}

#[tokio::test]
async fn failing_and_cancelling_leave_doubts_resolvable() {
    for cancel in [true, false] {
        let world = world();
        world.dies_at("tool.call.after", "r", "a", "send").await;
        world.dies_at("tool.call.after", "r", "b", "mail").await;
        let process = world.process();
        let run = process.run("r").await;
        let (status, expected) = match cancel {
            true => (run.cancel("ann", "enough").await.unwrap(), Status::Cancelled),
            false => (run.fail("broken").await.unwrap(), Status::Failed),
        };
        assert_eq!(status, expected);
        let kinds = world.kinds(&run).await;
        assert_eq!(kinds.last().unwrap(), "run_finished");
        assert_eq!(reconcile(&run, "a", "send").await.unwrap().output(), &json!({ "charge": "ch_1" }));
        run.resolve("b", Resolve::succeeded("ann", "{}", "seen")).await.unwrap();
        assert_eq!(run.step("b").tool_json("mail", FIVE).await.unwrap().raw(), b"{}");
        assert_eq!(code(call(&run, "c", "mail").await), "artana::not_running");
        assert_eq!((run.status().await.unwrap(), world.effects()), (expected, 2));
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn ending_twice_changes_nothing_and_ending_otherwise_is_refused() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    run.cancel("ann", "enough").await.unwrap();
    let events = world.events(&run).await.len();
    assert_eq!(run.cancel("bob", "again").await.unwrap(), Status::Cancelled);
    assert_eq!(code(run.fail("too").await), "artana::ended");
    assert_eq!(code(run.finish().await), "artana::ended");
    assert_eq!(world.events(&run).await.len(), events);
    assert_eq!(code(run.cancel("a\nb", "unfit").await), "artana::invalid_id");
}

#[tokio::test]
async fn a_cancelled_run_waits_for_the_call_in_flight_and_tells_it() {
    let world = world();
    let patient = tool("t").side_effect().handler(|_: Amount, mut cx: ToolContext| async move {
        cx.cancellation.cancelled().await;
        Ok::<Value, ToolError>(json!("stopped"))
    });
    let process = world.process_with(|kernel, _| kernel.tool(patient));
    let run = process.run("r").await;
    let under_way = tokio::spawn({
        let run = run.clone();
        async move { call(&run, "a", "t").await }
    });
    world.settle().await;
    assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
    assert_eq!(under_way.await.unwrap().unwrap().output(), &json!("stopped"));
    let kinds = world.kinds(&run).await;
    assert_eq!(kinds, ["tool_requested", "cancel_requested", "tool_completed", "run_finished"]);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_cancelled_run_makes_no_further_attempt_and_waits_for_none() {
    let world = world();
    let busy = tool("t").side_effect().attempts(9, Duration::from_secs(3000));
    let busy = busy.handler(|_: Amount, _| async { Err::<Value, _>(ToolError::transient("busy")) });
    let process = world.process_with(|kernel, _| kernel.tool(busy));
    let run = process.run("r").await;
    let waiting = tokio::spawn({
        let run = run.clone();
        async move { call(&run, "a", "t").await.map(drop) }
    });
    world.settle().await;
    assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
    assert_eq!(code(waiting.await.unwrap()), "artana::not_running");
    world.verify(&run).await;
}

#[tokio::test]
async fn a_run_cancelled_elsewhere_ends_with_the_outcome_of_its_last_call() {
    let world = world();
    let (first, second) = (world.process(), world.process());
    let run = first.run("r").await;
    let clock = std::sync::Arc::new(world.clock.clone());
    first.faults.plan("tool.call.after", Action::Delay(clock, Duration::from_secs(5)));
    let under_way = tokio::spawn(async move { call(&run, "a", "mail").await.map(drop) });
    world.settle().await;
    let elsewhere = second.run("r").await;
    assert_eq!(elsewhere.cancel("ann", "enough").await.unwrap(), Status::Cancelling);
    assert_eq!(code(call(&elsewhere, "b", "mail").await), "artana::not_running");
    world.pass_time(under_way).await.unwrap().unwrap();
    assert_eq!(elsewhere.status().await.unwrap(), Status::Cancelled);
    assert_eq!(world.kinds(&elsewhere).await.last().unwrap(), "run_finished");
    world.verify(&elsewhere).await;
}

#[tokio::test]
async fn a_cancelling_run_whose_owner_died_is_ended_by_cancelling_again() {
    let world = world();
    let (first, second) = (world.process(), world.process());
    let run = first.run("r").await;
    first.faults.plan("tool.call.after", Action::Crash);
    tokio::spawn(async move { call(&run, "a", "mail").await.map(drop) });
    first.faults.crashed().await;
    let elsewhere = second.run("r").await;
    assert_eq!(elsewhere.cancel("ann", "enough").await.unwrap(), Status::Cancelling);
    world.mourn();
    assert_eq!(elsewhere.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
    let kinds = world.kinds(&elsewhere).await;
    assert_eq!(kinds, ["tool_requested", "cancel_requested", "tool_completed", "run_finished"]);
    world.verify(&elsewhere).await;
}

#[tokio::test]
async fn any_number_of_lost_calls_can_be_cancelled() {
    let world = world();
    let dying = world.process_with(|kernel, _| {
        let hanging = |_: Amount, _| std::future::pending::<Result<Value, ToolError>>();
        kernel.tool(tool("hang").side_effect().handler(hanging))
    });
    let run = dying.run("r").await;
    for n in 0..300 {
        let call = run.step(format!("s{n}")).tool_json("hang", FIVE).into_future();
        tokio::spawn(call);
    }
    world.settle().await;
    dying.faults.plan("beat.before", Action::Crash);
    world.mourn();
    let process = world.process();
    let run = process.run("r").await;
    assert_eq!(run.view().await.unwrap().pending, 300);
    assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
    assert_eq!(run.view().await.unwrap().unknown, 300);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_closed_kernel_answers_closed() {
    let world = world();
    let process = world.process();
    let kernel = process.kernel.clone();
    let run = process.run("r").await;
    call(&run, "a", "mail").await.unwrap();
    kernel.close().await.unwrap();
    let closed = [
        code(call(&run, "a", "mail").await),
        code(call(&run, "b", "mail").await),
        code(reconcile(&run, "a", "mail").await),
        code(run.finish().await),
        code(run.fail("x").await),
        code(run.cancel("ann", "x").await),
        code(run.resolve("a", Resolve::failed("ann", "x")).await),
        code(run.status().await),
        code(run.view().await),
        code(run.verify().await),
        code(run.events().try_next().await),
        code(kernel.start_run(&tenant(), "other").await),
        code(kernel.open_run(&tenant(), "r").await),
        code(kernel.run(&tenant(), "r").await),
        code(kernel.verify(&tenant(), "r").await),
        code(kernel.doctor().await),
        code(kernel.close().await),
    ];
    assert!(closed.iter().all(|code| *code == "artana::closed"), "{closed:?}");
    let other = world.process();
    assert!(call(&other.run("r").await, "a", "mail").await.unwrap().is_replayed());
}

#[tokio::test]
async fn closing_waits_for_the_call_in_flight() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    let clock = std::sync::Arc::new(world.clock.clone());
    process.faults.plan("tool.call.after", Action::Delay(clock, Duration::from_secs(5)));
    tokio::spawn(async move { call(&run, "a", "mail").await.map(drop) });
    world.settle().await;
    world.pass_time(process.kernel.close()).await.unwrap();
    let other = world.process();
    assert!(call(&other.run("r").await, "a", "mail").await.unwrap().is_replayed());
    assert_eq!(world.effects(), 1);
}
