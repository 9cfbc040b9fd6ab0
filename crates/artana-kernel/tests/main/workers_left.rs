//! Children that were left, or are another's for a moment: they keep nobody busy, and nothing of theirs comes too late.

use std::sync::Arc;

use artana_core::{IncarnationId, Status};
use artana_kernel::{Failure, Kernel, Worker, WorkflowContext};
use artana_ports::{Clock, DueQuery, EventStore, Heartbeat};
use artana_testkit::fault::{Action, Spot};
use tokio::sync::Notify;

use crate::{
    workers::work_until,
    workflow::{Ran, seconds},
    world::{FIVE, tenant, world},
};

/// A parent with a child that sleeps for a while. Beside it, the parent waits for a signal, and then does something that
/// takes until it is let go.
fn told_to_begin(kernel: &Kernel, begun: &Ran, woke: &Ran, opens: &Arc<Notify>) {
    let (begun, woke, opens) = (begun.clone(), woke.clone(), Arc::clone(opens));
    let code = move |cx: WorkflowContext, (): ()| {
        let (begun, woke, opens) = (begun.clone(), woke.clone(), Arc::clone(&opens));
        async move {
            let kid = cx.child("kid", move |cx: WorkflowContext| async move {
                cx.sleep("nap", seconds(50)).await?;
                Ok(cx.step("woke").compute(move || async move { Ok(woke.once()) }).await?)
            });
            let long = async {
                cx.signal::<()>("begin").await?;
                let passes = async move || {
                    begun.once();
                    opens.notified().await;
                    Ok::<_, Failure>(())
                };
                cx.step("long").compute(passes).await
            };
            let (kid, long) = cx.join(kid, long).await;
            kid?;
            Ok(long?)
        }
    };
    kernel.register("told", code).unwrap();
}

/// Every append takes a second, so that the signal comes at each point of the parent's leaving.
#[tokio::test]
async fn a_child_that_was_left_comes_to_its_time_beside_a_parent_that_is_busy_after_all() {
    for told_at in 0..12 {
        let (world, begun, woke, opens) = (world(), Ran::default(), Ran::default(), Arc::new(Notify::new()));
        let (process, person) = (world.process(), world.process());
        told_to_begin(&process.kernel, &begun, &woke, &opens);
        let run = process.kernel.enqueue(&tenant(), "told", &()).id("r").await.unwrap();
        process.faults.plan(Spot::Every("append.before"), Action::Delay(Arc::new(world.clock.clone()), seconds(1)));
        let theirs = person.kernel.open_run(&tenant(), "r").await.unwrap();
        let worker = Worker::new(&process.kernel);
        let tells = async {
            world.clock.sleep(seconds(told_at)).await;
            theirs.signal("begin", "ann", &()).await.unwrap();
            world.clock.sleep(seconds(120)).await;
            assert_eq!((begun.times(), woke.times()), (1, 1), "told after {told_at} s");
            opens.notify_one();
            while run.status().await.unwrap() != Status::Completed {
                tokio::task::yield_now().await;
            }
        };
        world.pass_time(worker.run_until(tells)).await.unwrap();
        assert_eq!(worker.stats().errors, 0);
        world.verify(&run).await;
    }
}

/// What is due below a run that failed a moment ago waits with it.
#[tokio::test]
async fn a_parent_that_rests_after_an_error_is_not_driven_for_its_children() {
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    let counts = ran.clone();
    let code = move |cx: WorkflowContext, (): ()| {
        let ran = counts.clone();
        async move {
            let naps = (0..20).map(|n| {
                let nap = move |cx: WorkflowContext| async move { Ok(cx.sleep("nap", seconds(100 + n)).await?) };
                cx.child(format!("kid{n}"), nap)
            });
            let own = async {
                cx.sleep("own", seconds(99)).await?;
                panic!("a bug, met {} times", ran.once());
            };
            let (_, own): (_, Result<(), Failure>) = cx.join(cx.join_all(naps), own).await;
            own
        }
    };
    process.kernel.register("fails", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "fails", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel).park_after(5);
    work_until(&world, &worker, &run, Status::Paused).await;
    assert_eq!((ran.times(), worker.stats().errors), (5, 5));
}

/// Works for a while in which no time passes, and returns how many runs were taken.
async fn taken_in_no_time(worker: &Worker) -> u64 {
    let before = worker.stats().taken;
    let stop = async {
        for _ in 0..5000 {
            tokio::task::yield_now().await;
        }
    };
    worker.run_until(stop).await.unwrap();
    worker.stats().taken - before
}

/// It is undone when its parent goes on, and until then it keeps nobody busy.
#[tokio::test]
async fn a_child_that_is_cancelled_below_a_paused_parent_waits_for_it() {
    for paused_first in [false, true] {
        let world = world();
        let process = world.process();
        let child = |cx: WorkflowContext| async move {
            cx.on_rollback("undo", |cx| async move { Ok(cx.step("back").tool_json("pay", FIVE).await.map(drop)?) })
                .await?;
            Ok(cx.sleep("nap", seconds(36_000)).await?)
        };
        let code = move |cx: WorkflowContext, (): ()| async move { Ok(cx.child("kid", child).await?) };
        process.kernel.register("family", code).unwrap();
        let run = process.kernel.enqueue(&tenant(), "family", &()).id("r").await.unwrap();
        work_until(&world, &Worker::new(&process.kernel), &run, Status::Sleeping).await;
        let kid = process.kernel.open_run(&tenant(), "r/kid").await.unwrap();
        if paused_first {
            run.pause("ann", "a look at it").await.unwrap();
        }
        kid.cancel("bob", "enough").await.unwrap();
        if !paused_first {
            run.pause("ann", "a look at it").await.unwrap();
        }
        let worker = Worker::new(&process.kernel).concurrency(1);
        let at_once = taken_in_no_time(&worker).await;
        world.pass_time(worker.run_until(world.clock.sleep(seconds(3600)))).await.unwrap();
        assert!(at_once <= 1 && worker.stats().taken <= 2, "paused first: {paused_first}; {:?}", worker.stats());
        assert_eq!((kid.status().await.unwrap(), world.effects()), (Status::Cancelling, 0));
        run.resume("ann").await.unwrap();
        work_until(&world, &worker, &kid, Status::Cancelled).await;
        assert_eq!(world.effects(), 1);
    }
}

/// It is due, but its parent is busy in another process, or in this one.
#[tokio::test]
async fn a_child_that_cannot_be_driven_now_is_left_alone_for_a_while() {
    for same in [false, true] {
        let (world, begun, opens) = (world(), Ran::default(), Arc::new(Notify::new()));
        let (one, two) = (world.process(), world.process());
        for process in [&one, &two] {
            let (begun, opens) = (begun.clone(), Arc::clone(&opens));
            let code = move |cx: WorkflowContext, (): ()| {
                let (begun, opens) = (begun.clone(), Arc::clone(&opens));
                async move {
                    let kid = cx.child("kid", |cx: WorkflowContext| async move { Ok(cx.signal::<()>("begin").await?) });
                    let long = async move || {
                        begun.once();
                        opens.notified().await;
                        Ok(())
                    };
                    let (kid, long) = cx.join(kid, cx.step("long").compute(long)).await;
                    kid?;
                    Ok(long?)
                }
            };
            process.kernel.register("busy", code).unwrap();
        }
        one.kernel.enqueue(&tenant(), "busy", &()).id("r").await.unwrap();
        let works = async {
            while begun.times() == 0 {
                tokio::task::yield_now().await;
            }
            world.settle().await;
            // A signal wakes it, though it does not ask for this one.
            let kid = two.kernel.open_run(&tenant(), "r/kid").await.unwrap();
            kid.signal("early", "ann", &()).await.unwrap();
            world.settle().await;
            let other = Worker::new(if same { &one.kernel } else { &two.kernel }).concurrency(1);
            let taken = taken_in_no_time(&other).await;
            kid.signal("begin", "ann", &()).await.unwrap();
            opens.notify_one();
            assert_eq!(taken, 1, "same process: {same}");
        };
        Worker::new(&one.kernel).run_until(works).await.unwrap();
    }
}

/// Another process has taken it, and has not found out yet that it is not for it.
#[tokio::test]
async fn a_child_that_is_anothers_for_a_moment_keeps_no_caller_waiting() {
    let (world, begun, woke, opens) = (world(), Ran::default(), Ran::default(), Arc::new(Notify::new()));
    let process = world.process();
    told_to_begin(&process.kernel, &begun, &woke, &opens);
    let run = process.kernel.enqueue(&tenant(), "told", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    work_until(&world, &worker, &run, Status::Sleeping).await;
    let kid = process.kernel.open_run(&tenant(), "r/kid").await.unwrap();
    world.clock.advance(seconds(60));
    let taker = IncarnationId::from_bytes([7; 16]);
    world.store.beat(Heartbeat { incarnation: taker, ttl: seconds(30), first: true }).await.unwrap();
    let taken = world.store.take_due(&DueQuery::all(taker, 10)).await.unwrap();
    assert_eq!(taken.iter().map(|taken| &taken.run).collect::<Vec<_>>(), [kid.name()]);

    run.signal("begin", "ann", &()).await.unwrap();
    let tells = async {
        while begun.times() == 0 {
            tokio::task::yield_now().await;
        }
        world.settle().await;
        // No time passes meanwhile.
        let told = async {
            kid.status().await.unwrap();
            kid.signal("early", "ann", &()).await.unwrap();
        };
        tokio::select! {
            biased;
            () = told => {}
            () = world.settle() => panic!("it waits for whoever has the child"),
        }
        assert_eq!(woke.times(), 0);
        world.store.retire(taker).await.unwrap();
        while woke.times() == 0 {
            world.clock.advance(seconds(1));
            world.settle().await;
        }
        opens.notify_one();
    };
    worker.run_until(tells).await.unwrap();
    assert_eq!((run.status().await.unwrap(), woke.times()), (Status::Completed, 1));
}

/// Whoever waits with a child hears nothing for a while, and that is all.
#[tokio::test]
async fn a_store_that_is_away_while_a_run_is_followed_begins_nothing_anew() {
    for away in ["follow.before", "read.before"] {
        let (world, begun, woke, opens) = (world(), Ran::default(), Ran::default(), Arc::new(Notify::new()));
        let process = world.process();
        told_to_begin(&process.kernel, &begun, &woke, &opens);
        let run = process.kernel.enqueue(&tenant(), "told", &()).id("r").await.unwrap();
        run.signal("begin", "ann", &()).await.unwrap();
        let worker = Worker::new(&process.kernel);
        let looks = async {
            while begun.times() == 0 {
                tokio::task::yield_now().await;
            }
            world.settle().await;
            let kid = world.process().kernel.open_run(&tenant(), "r/kid").await.unwrap();
            for n in 0..4 {
                process.faults.plan(away, Action::Fail);
                world.clock.sleep(seconds(5)).await;
                kid.signal("early", "ann", &n).await.unwrap();
                world.clock.sleep(seconds(5)).await;
            }
            world.clock.sleep(seconds(20)).await;
            opens.notify_one();
            while run.status().await.unwrap() != Status::Completed {
                tokio::task::yield_now().await;
            }
        };
        world.pass_time(worker.run_until(looks)).await.unwrap();
        let stats = worker.stats();
        assert_eq!((begun.times(), woke.times(), stats.errors, stats.taken), (1, 1, 0, 1), "{away}");
    }
}
