//! A caller may go at any await: what it began runs to its outcome, and nobody else notices.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};

use artana_core::Status;
use artana_kernel::{Error, Resolve, Run};
use artana_testkit::fault::Action;

use crate::world::{FIVE, World, call, code, reconcile, world};

const POLLS: usize = 40;

/// Polls a future a few times, with everybody else moving in between, and drops it.
async fn poll_and_drop(future: impl Future, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dropped_call_is_recorded_once() {
    for polls in 0..POLLS {
        let world = world();
        let process = world.process();
        let run = process.run("r").await;
        poll_and_drop(run.step("a").tool_json("mail", FIVE).into_future(), polls).await;
        world.settle().await;
        let answer = call(&run, "a", "mail").await.unwrap();
        assert_eq!(answer.is_replayed(), polls > 0, "after {polls} polls");
        assert_eq!(world.effects(), 1, "after {polls} polls");
        assert_eq!(world.kinds(&run).await, ["tool_requested", "tool_completed"]);
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_dropped_reconciliation_is_recorded_once() {
    for polls in 0..POLLS {
        let world = world();
        world.dies_at("tool.call.after", "r", "a", "send").await;
        let process = world.process();
        let run = process.run("r").await;
        poll_and_drop(run.step("a").reconcile_json("send", FIVE).into_future(), polls).await;
        world.settle().await;
        reconcile(&run, "a", "send").await.unwrap();
        assert_eq!(world.effects(), 1);
        let kinds = world.kinds(&run).await;
        assert_eq!(kinds, ["tool_requested", "tool_completed", "tool_reconcile_requested", "tool_resolved"]);
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_dropped_start_leaves_a_run_or_none() {
    for polls in 0..POLLS {
        let world = world();
        let process = world.process();
        poll_and_drop(process.kernel.start_run(&crate::world::tenant(), "r"), polls).await;
        world.settle().await;
        let run = process.run("r").await;
        call(&run, "a", "mail").await.unwrap();
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_dropped_end_leaves_the_run_usable() {
    for polls in 0..POLLS {
        let world = world();
        let process = world.process();
        let run = process.run("r").await;
        poll_and_drop(run.finish(), polls).await;
        world.settle().await;
        run.finish().await.unwrap();
        assert_eq!(world.kinds(&run).await, ["run_finished"]);
        world.verify(&run).await;
    }
}

/// Appends of others wait behind `slow`, and leave together with what the dropped caller wanted.
async fn dropped_among_others<T>(
    world: &World,
    run: &Run,
    dropped: impl Future<Output = T>,
    process: &crate::world::Process,
) {
    let clock = std::sync::Arc::new(world.clock.clone());
    process.faults.plan("append.before", Action::Delay(clock.clone(), std::time::Duration::from_secs(1)));
    process.faults.plan("append.before", Action::Delay(clock, std::time::Duration::from_secs(1)));
    let slow = tokio::spawn(slow_call(run.clone(), "slow"));
    world.settle().await;
    {
        let mut dropped = pin!(dropped);
        let poll = |future: std::pin::Pin<&mut _>| {
            let _ = Future::poll(future, &mut Context::from_waker(Waker::noop()));
        };
        poll(dropped.as_mut());
        world.settle().await;
        let other = tokio::spawn(slow_call(run.clone(), "other"));
        world.settle().await;
        world.clock.advance(std::time::Duration::from_secs(1));
        for _ in 0..20 {
            poll(dropped.as_mut());
            tokio::task::yield_now().await;
        }
        // The second append is on its way, for the dropped caller and for the other one.
        drop(other);
    }
    world.pass_time(slow).await.unwrap().unwrap();
    world.pass_time(call(run, "other", "mail")).await.unwrap();
}

async fn slow_call(run: Run, step: &'static str) -> Result<(), Error> {
    call(&run, step, "mail").await.map(drop)
}

#[tokio::test]
async fn a_dropped_caller_takes_nobody_along() {
    let world = world();
    world.dies_at("tool.call.before", "r", "a", "mail").await;
    let process = world.process();
    let run = process.run("r").await;
    let task = {
        let run = run.clone();
        async move { call(&run, "a", "mail").await.map(drop) }
    };
    dropped_among_others(&world, &run, task, &process).await;
    assert_eq!(code(call(&run, "a", "mail").await), "artana::reconciliation_required");
    run.resolve("a", Resolve::failed("ann", "not seen")).await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::Running);
    assert_eq!(world.effects(), 2);
    world.verify(&run).await;
}
