//! A worker's places: none stays free while something is due, and a run that only rests has none.

use std::sync::Arc;

use artana_core::{Status, Tenant};
use artana_kernel::{Kernel, Run, Worker, WorkflowContext};
use artana_ports::Clock;
use tokio::sync::Semaphore;

use crate::{
    workers::works,
    workflow::{Ran, seconds},
    world::{World, tenant, world},
};

/// Registers `long`, which lasts until it is let go, `short`, which lasts some seconds, and `stuck`, whose code waits
/// for what no ledger knows of.
fn registers(world: &World, kernel: &Kernel, gate: &Arc<Semaphore>, tried: &Ran) {
    let gate = Arc::clone(gate);
    let long = move |cx: WorkflowContext, (): ()| {
        let gate = Arc::clone(&gate);
        async move {
            let waits = move || async move {
                gate.acquire().await?.forget();
                Ok(())
            };
            Ok(cx.step("wait").compute(waits).await?)
        }
    };
    kernel.register("long", long).unwrap();
    let clock = world.clock.clone();
    let short = move |cx: WorkflowContext, lasts: u64| {
        let clock = clock.clone();
        async move {
            let body = move || async move {
                clock.sleep(seconds(lasts)).await;
                Ok(())
            };
            Ok(cx.step("work").compute(body).await?)
        }
    };
    kernel.register("short", short).unwrap();
    let tried = tried.clone();
    let stuck = move |_: WorkflowContext, (): ()| {
        tried.once();
        async {
            std::future::pending::<()>().await;
            Ok(())
        }
    };
    kernel.register("stuck", stuck).unwrap();
}

async fn are(runs: &[Run], status: Status) -> bool {
    for run in runs {
        if run.status().await.unwrap() != status {
            return false;
        }
    }
    true
}

/// Thirteen places of sixteen are taken for an hour; all else goes through the three that are left.
#[tokio::test]
async fn a_place_that_is_free_is_given_to_whatever_is_due() {
    let (world, gate) = (world(), Arc::new(Semaphore::new(0)));
    let (process, other) = (world.process(), world.process());
    registers(&world, &process.kernel, &gate, &Ran::default());
    for _ in 0..13 {
        process.kernel.enqueue(&tenant(), "long", &()).await.unwrap();
    }
    let worker = Worker::new(&process.kernel).concurrency(16);
    let works = async {
        world.clock.sleep(seconds(5)).await;
        assert_eq!(worker.stats().driving, 13);
        let mut runs = Vec::new();
        for kernel in [&process.kernel, &other.kernel].repeat(3) {
            let enqueue = kernel.enqueue(&tenant(), "short", &0).priority(100);
            let run = enqueue.await.unwrap();
            world.clock.sleep(seconds(3)).await;
            assert_eq!(run.status().await.unwrap(), Status::Completed);
        }
        for _ in 0..12 {
            runs.push(other.kernel.enqueue(&tenant(), "short", &10).await.unwrap());
        }
        // Three at a time, four times ten seconds, and a look each time.
        world.clock.sleep(seconds(50)).await;
        assert!(are(&runs, Status::Completed).await, "{:?}", worker.stats());
        gate.add_permits(13);
    };
    world.pass_time(worker.run_until(works)).await.unwrap();
}

#[tokio::test]
async fn few_free_places_cost_few_queries() {
    let (world, gate) = (world(), Arc::new(Semaphore::new(0)));
    let process = world.process();
    registers(&world, &process.kernel, &gate, &Ran::default());
    for _ in 0..13 {
        process.kernel.enqueue(&tenant(), "long", &()).priority(1).await.unwrap();
    }
    for _ in 0..300 {
        process.kernel.enqueue(&tenant(), "short", &0).await.unwrap();
    }
    let worker = Worker::new(&process.kernel).concurrency(16);
    let works = async {
        world.clock.sleep(seconds(5)).await;
        let before = (world.counts().takes, worker.stats().ended);
        world.clock.sleep(seconds(20)).await;
        let (takes, ended) = (world.counts().takes - before.0, worker.stats().ended - before.1);
        // By this clock a moment lasts a second.
        assert!(takes <= 3 * 20 && ended >= 3 * 15, "{takes} queries, {ended} runs");
        gate.add_permits(13);
    };
    world.pass_time(worker.run_until(works)).await.unwrap();
}

#[tokio::test]
async fn runs_that_err_and_rest_keep_no_healthy_run_waiting() {
    let (world, tried) = (world(), Ran::default());
    let process = world.process();
    registers(&world, &process.kernel, &Arc::new(Semaphore::new(0)), &tried);
    let mut stuck = Vec::new();
    for _ in 0..64 {
        stuck.push(process.kernel.enqueue(&Tenant::new("ill"), "stuck", &()).await.unwrap());
    }
    // They are all due before it.
    world.clock.advance(seconds(1));
    let healthy = process.kernel.enqueue(&tenant(), "short", &0).id("h").await.unwrap();
    let worker = Worker::new(&process.kernel).concurrency(16);
    assert!(works(&world, &worker, &healthy, Status::Completed, 10).await, "{:?}", worker.stats());
    assert_eq!(worker.stats().left, 64, "each was tried, and rested until the worker was stopped");
    let before = tried.times();
    let all_parked = async {
        while !are(&stuck, Status::Paused).await {
            tokio::task::yield_now().await;
        }
    };
    world.pass_time(worker.run_until(all_parked)).await.unwrap();
    let stats = worker.stats();
    assert_eq!((stats.driving, stats.resting, stats.parked), (0, 0, 64), "{stats:?}");
    assert_eq!(tried.times() - before, 64 * 5, "each is tried as often as it may be");
}

#[tokio::test]
async fn draining_waits_for_no_run_that_rests() {
    let (world, tried) = (world(), Ran::default());
    let process = world.process();
    registers(&world, &process.kernel, &Arc::new(Semaphore::new(0)), &tried);
    let run = process.kernel.enqueue(&tenant(), "stuck", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel).concurrency(1).park_after(9);
    // It rests for a second, for two, for four and for eight.
    let while_it_rests = world.clock.sleep(seconds(12));
    world.pass_time(worker.run_until(while_it_rests)).await.unwrap();
    let stats = worker.stats();
    assert_eq!((stats.driving, stats.resting, stats.left, tried.times()), (0, 0, 1, 4), "{stats:?}");
    // The lease was given back.
    let other = world.process();
    other.kernel.register("stuck", |_: WorkflowContext, (): ()| async { Ok(()) }).unwrap();
    assert!(works(&world, &Worker::new(&other.kernel), &run, Status::Completed, 3).await);
}

/// Its worker has no place for it any more, and another one has.
#[tokio::test]
async fn a_run_that_has_rested_goes_on_where_there_is_a_place() {
    let (world, gate) = (world(), Arc::new(Semaphore::new(0)));
    let (process, other) = (world.process(), world.process());
    registers(&world, &process.kernel, &gate, &Ran::default());
    let run = process.kernel.enqueue(&tenant(), "stuck", &()).id("r").await.unwrap();
    world.clock.advance(seconds(1));
    process.kernel.enqueue(&tenant(), "long", &()).await.unwrap();
    other.kernel.register("stuck", |_: WorkflowContext, (): ()| async { Ok(()) }).unwrap();
    let full = Worker::new(&process.kernel).concurrency(1);
    let both = async {
        let comes = async {
            world.clock.sleep(seconds(20)).await;
            assert_eq!((run.status().await.unwrap(), full.stats().driving), (Status::Completed, 1));
            gate.add_permits(1);
        };
        let idle = Worker::new(&other.kernel);
        let (one, other) = tokio::join!(full.run_until(comes), idle.run_until(world.clock.sleep(seconds(20))));
        one.and(other).unwrap();
    };
    world.pass_time(both).await;
}
