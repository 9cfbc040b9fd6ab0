//! A caller may go at any await: what it began runs to its outcome, and nobody else notices.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use artana_core::{Actor, Status};
use artana_kernel::Resolve;
use artana_testkit::fault::Action;

use crate::world::{FIVE, call, code, reconcile, tenant, world};

pub(crate) const POLLS: usize = 40;

/// Polls a future a few times, with everybody else moving in between, and drops it.
pub(crate) async fn poll_and_drop(future: impl Future, polls: usize) {
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
        poll_and_drop(process.kernel.start_run(&tenant(), "r"), polls).await;
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

/// While a first append is under way, a caller and another step queue behind it. The caller then commits
/// for both, and goes in the middle of it.
#[tokio::test]
async fn a_dropped_caller_takes_nobody_along() {
    let world = world();
    world.dies_at("tool.call.before", "r", "a", "mail").await;
    let process = world.process();
    let run = process.run("r").await;
    let second = Duration::from_secs(1);
    let slowly = |point| process.faults.plan(point, Action::Delay(Arc::new(world.clock.clone()), second));

    slowly("read.before");
    let kernel = process.kernel.clone();
    let first = tokio::spawn(async move { kernel.grant(&tenant(), "r", Actor::parse("ann").unwrap()).await });
    world.settle().await;
    let mut dropped = Box::pin(call(&run, "a", "mail"));
    let mut poll = || assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    poll();
    slowly("append.before");
    world.clock.advance(second);
    world.settle().await;
    poll();
    world.settle().await;
    let other = tokio::spawn({
        let run = run.clone();
        async move { call(&run, "other", "mail").await.map(drop) }
    });
    world.settle().await;
    slowly("append.before");
    world.clock.advance(second);
    world.settle().await;
    poll();
    drop(dropped);

    world.pass_time(first).await.unwrap().unwrap();
    world.pass_time(other).await.unwrap().unwrap();
    assert_eq!(code(call(&run, "a", "mail").await), "artana::reconciliation_required");
    run.resolve("a", Resolve::failed("ann", "not seen")).await.unwrap();
    assert_eq!((run.status().await.unwrap(), world.effects()), (Status::Running, 1));
    world.verify(&run).await;
}
