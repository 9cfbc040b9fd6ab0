//! Who is at a step, and since when nobody is: heartbeats, frozen processes, calls without an owner.

use std::{sync::Arc, time::Duration};

use artana_core::{IncarnationId, Status, event::Body};
use artana_kernel::{Error, Resolve, Run};
use artana_ports::EventStore;
use artana_testkit::fault::Action;
use serde_json::json;

use crate::world::{FIVE, Process, TTL, World, call, code, reconcile, tenant, world};

/// Begins a call whose reply takes so long.
async fn slow(world: &World, process: &Process, tool: &'static str, takes: Duration) -> tokio::task::JoinHandle<bool> {
    let run = process.run("r").await;
    process.faults.plan("tool.call.after", Action::Delay(Arc::new(world.clock.clone()), takes));
    let task = tokio::spawn(async move { call(&run, "a", tool).await.is_ok() });
    world.settle().await;
    task
}

async fn incarnations(world: &World, run: &Run) -> Vec<IncarnationId> {
    let events = world.events(run).await;
    let asked = events.iter().filter_map(|event| match event.body() {
        Body::ToolRequested(asked) => Some(asked.incarnation),
        _ => None,
    });
    asked.collect()
}

#[tokio::test]
async fn a_living_owner_elsewhere_is_in_flight_and_cannot_be_resolved() {
    let world = world();
    let (first, second) = (world.process(), world.process());
    let task = slow(&world, &first, "mail", TTL / 3).await;
    let run = second.run("r").await;
    assert_eq!(code(call(&run, "a", "mail").await), "artana::in_flight");
    assert_eq!(code(reconcile(&run, "a", "mail").await), "artana::in_flight");
    let resolve = Resolve::failed("ann", "impatient");
    assert_eq!(code(run.resolve("a", resolve.clone()).await), "artana::owner_alive");
    assert_eq!(code(first.run("r").await.resolve("a", resolve).await), "artana::owner_alive");
    assert!(world.pass_time(task).await.unwrap());
    assert_eq!((world.effects(), run.status().await.unwrap()), (1, Status::Running));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_long_call_keeps_its_process_alive() {
    let world = world();
    let (first, second) = (world.process(), world.process());
    let task = slow(&world, &first, "mail", TTL * 19 / 10).await;
    let run = second.run("r").await;
    for _ in 0..TTL.as_secs() * 19 / 10 - 1 {
        world.clock.advance(Duration::from_secs(1));
        world.settle().await;
        assert_eq!(code(call(&run, "a", "mail").await), "artana::in_flight");
    }
    assert!(world.pass_time(task).await.unwrap());
    assert_eq!(incarnations(&world, &run).await.len(), 1);
}

#[tokio::test]
async fn an_idle_process_beats_no_more_and_comes_back_as_another() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    call(&run, "a", "mail").await.unwrap();
    world.clock.advance(TTL);
    world.settle().await;
    let beats = world.counts().beats;
    for _ in 0..10 {
        world.clock.advance(TTL);
        world.settle().await;
    }
    assert_eq!(world.counts().beats, beats);
    call(&run, "b", "mail").await.unwrap();
    let lives = incarnations(&world, &run).await;
    assert_ne!(lives[0], lives[1]);
}

#[tokio::test]
async fn the_outcome_of_a_frozen_process_settles_the_doubt_it_left() {
    for cancelled in [false, true] {
        let world = world();
        let (first, second) = (world.process(), world.process());
        let task = slow(&world, &first, "mail", Duration::from_secs(25)).await;
        world.clock.advance(Duration::from_secs(20));
        let run = second.run("r").await;
        assert_eq!(code(call(&run, "a", "mail").await), "artana::reconciliation_required");
        if cancelled {
            assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
        }
        assert!(world.pass_time(task).await.unwrap());
        assert!(call(&run, "a", "mail").await.unwrap().is_replayed());
        assert_eq!(world.kinds(&run).await.last().unwrap(), "late_outcome");
        let expected = if cancelled { Status::Cancelled } else { Status::Running };
        assert_eq!((run.status().await.unwrap(), world.effects()), (expected, 1));
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn an_outcome_after_an_operators_word_is_evidence_only() {
    let world = world();
    let (first, second) = (world.process(), world.process());
    let task = slow(&world, &first, "mail", Duration::from_secs(25)).await;
    world.clock.advance(Duration::from_secs(20));
    let run = second.run("r").await;
    run.resolve("a", Resolve::succeeded("ann", r#"{"charge":"seen"}"#, "seen")).await.unwrap();
    assert!(world.pass_time(task).await.unwrap());
    assert_eq!(world.kinds(&run).await.last().unwrap(), "late_outcome");
    assert_eq!(call(&run, "a", "mail").await.unwrap().output(), &json!({ "charge": "seen" }));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_call_does_not_leave_after_the_heartbeat_ran_out() {
    for renewed in [true, false] {
        let world = world();
        let process = world.process();
        let run = process.run("r").await;
        process.faults.plan("append.after", Action::Delay(Arc::new(world.clock.clone()), TTL * 2));
        let task = tokio::spawn({
            let run = run.clone();
            async move { call(&run, "a", "mail").await.unwrap().attempts() }
        });
        world.settle().await;
        if !renewed {
            process.faults.plan("beat.before", Action::Fail);
        }
        world.clock.advance(TTL * 2);
        assert_eq!(world.pass_time(task).await.unwrap(), 2);
        let kinds = world.kinds(&run).await;
        assert_eq!(kinds, ["tool_requested", "tool_attempt_failed", "tool_requested", "tool_completed"]);
        assert_eq!(world.provider.calls(), 1);
        world.verify(&run).await;
    }
}

/// It has found nothing out, so the doubt need not wait for a person.
#[tokio::test]
async fn a_probe_that_did_not_leave_is_made_by_whoever_comes_next() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "send").await;
    let process = world.process();
    let run = process.run("r").await;
    assert_eq!(code(call(&run, "a", "send").await), "artana::reconciliation_required");
    process.faults.plan("append.after", Action::Delay(Arc::new(world.clock.clone()), TTL * 2));
    let task = tokio::spawn({
        let run = run.clone();
        async move { reconcile(&run, "a", "send").await }
    });
    world.settle().await;
    world.clock.advance(TTL * 2);
    let asked = world.pass_time(task).await.unwrap();
    assert!(matches!(asked, Err(Error::ReconciliationRequired { believable_at: Some(_), .. })), "{asked:?}");
    reconcile(&run, "a", "send").await.unwrap();
    assert_eq!((world.effects(), run.status().await.unwrap()), (1, Status::Running));
}

#[tokio::test]
async fn a_read_without_an_owner_runs_again() {
    for point in ["tool.call.before", "tool.call.after"] {
        let world = world();
        world.dies_at(point, "r", "a", "look").await;
        let process = world.process();
        let run = process.run("r").await;
        assert!(!call(&run, "a", "look").await.unwrap().is_replayed());
        world.verify(&run).await;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// A runtime that ends takes the flights of its kernel along, while the kernel goes on.
fn flight_lost_with_its_runtime(world: &World, process: &Process) {
    let runtime = runtime();
    runtime.block_on(async { drop(slow(world, process, "mail", TTL / 3).await) });
}

#[test]
fn a_call_of_this_process_that_nobody_makes_is_abandoned_at_once() {
    let world = world();
    let process = world.process();
    flight_lost_with_its_runtime(&world, &process);
    runtime().block_on(async {
        let run = process.run("r").await;
        assert_eq!(code(call(&run, "a", "mail").await), "artana::reconciliation_required");
        assert_eq!(world.effects(), 1);
        world.verify(&run).await;
    });
}

#[test]
fn a_kernel_that_changes_its_runtime_keeps_its_heartbeat() {
    let world = world();
    let process = world.process();
    flight_lost_with_its_runtime(&world, &process);
    runtime().block_on(async {
        let run = process.run("r").await;
        process.faults.plan("tool.call.after", Action::Delay(Arc::new(world.clock.clone()), TTL * 19 / 10));
        let elsewhere = world.process().run("r").await;
        let task = tokio::spawn(async move { call(&run, "b", "mail").await.map(drop) });
        for _ in 0..TTL.as_secs() * 3 / 2 {
            world.settle().await;
            world.clock.advance(Duration::from_secs(1));
        }
        world.settle().await;
        assert_eq!(code(call(&elsewhere, "b", "mail").await), "artana::in_flight");
        world.pass_time(task).await.unwrap().unwrap();
    });
}

/// Another process announces its reconciliation between a decision here and what was decided.
#[tokio::test]
async fn two_reconcilers_cause_one_action() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "send").await;
    let (first, second) = (world.process(), world.process());
    let run = first.run("r").await;
    assert_eq!(code(call(&run, "a", "send").await), "artana::reconciliation_required");
    first.faults.plan("append.before", Action::Delay(Arc::new(world.clock.clone()), Duration::from_secs(1)));
    let ours = tokio::spawn({
        let run = run.clone();
        async move { reconcile(&run, "a", "send").await.map(drop) }
    });
    world.settle().await;

    let kernel = second.kernel.clone();
    let faults = second.faults.clone();
    faults.plan("tool.probe.before", Action::Crash);
    std::thread::spawn(move || {
        runtime().block_on(async {
            let run = kernel.run(&tenant(), "r").await.unwrap();
            let theirs = run.step("a").reconcile_json("send", FIVE).into_future();
            tokio::spawn(theirs);
            faults.crashed().await;
        });
    })
    .join()
    .unwrap();
    assert_eq!(code(world.pass_time(ours).await.unwrap()), "artana::in_flight");
    let kinds = world.kinds(&run).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "tool_reconcile_requested").count(), 1);

    world.mourn();
    assert!(reconcile(&run, "a", "send").await.is_ok());
    assert_eq!(world.effects(), 1);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_death_lasts_although_the_clock_steps_back() {
    const HOUR: i64 = 3_600_000_000;
    let world = world();
    let (first, second) = (world.process(), world.process());
    let task = slow(&world, &first, "mail", Duration::from_secs(5)).await;
    let run = second.run("r").await;
    let owner = incarnations(&world, &run).await[0];
    world.clock.jump(HOUR);
    assert_eq!(code(call(&run, "a", "mail").await), "artana::reconciliation_required");
    world.clock.jump(-HOUR);
    assert_eq!(world.store.alive(&[owner]).await.unwrap(), [false]);
    assert!(world.pass_time(task).await.unwrap());
    call(&first.run("r").await, "b", "mail").await.unwrap();
    assert_ne!(incarnations(&world, &run).await[1], owner, "the next request is made under another life");
    assert_eq!(world.effects(), 2);
    world.verify(&run).await;
}
