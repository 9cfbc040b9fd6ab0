//! Workers whose code is not that of a run: it is left to others, and no run fails or is parked for it.

use artana_core::Status;
use artana_kernel::{Kernel, Run, Worker, WorkflowContext};
use artana_ports::Clock;

use crate::{
    workers::{work_until, works},
    workflow::seconds,
    world::{World, code, tenant, world},
};

async fn nothing(_: WorkflowContext, (): ()) -> Result<(), artana_kernel::Failure> {
    Ok(())
}

async fn enqueued(kernel: &Kernel, name: &str, many: usize) -> Vec<Run> {
    let mut runs = Vec::new();
    for n in 0..many {
        let enqueue = kernel.enqueue(&tenant(), name, &()).queue("shared").id(format!("{name}{n}"));
        runs.push(enqueue.await.unwrap());
    }
    runs
}

/// Works for a while, and tells how often runs were taken.
async fn taken(world: &World, worker: &Worker, lasts: u64) -> u64 {
    let before = worker.stats().taken;
    world.pass_time(worker.run_until(world.clock.sleep(seconds(lasts)))).await.unwrap();
    worker.stats().taken - before
}

#[tokio::test]
async fn runs_whose_code_only_others_have_are_left_to_them() {
    let world = world();
    let (old, new) = (world.process(), world.process());
    old.kernel.register("old", nothing).unwrap();
    new.kernel.register("new", nothing).unwrap();
    // They are due first, and there are more of them than the worker has places.
    let theirs = enqueued(&new.kernel, "new", 20).await;
    let ours = enqueued(&new.kernel, "old", 20).await;
    let worker = Worker::new(&old.kernel).queues(["shared"]).concurrency(4);
    let soon = taken(&world, &worker, 10).await;
    for run in &ours {
        assert_eq!(run.status().await.unwrap(), Status::Completed, "{:?}", worker.stats());
    }
    let later = taken(&world, &worker, 3600).await;
    assert!(soon <= 20 + 20 * 4 && later <= 20 * 70, "taken {soon} times, and {later} times in an hour");
    let stats = worker.stats();
    assert_eq!((stats.parked, stats.failed, stats.ended), (0, 0, 20), "{stats:?}");
    assert!(stats.errors >= 20, "it is told: {stats:?}");
    for run in &theirs {
        assert_eq!(run.status().await.unwrap(), Status::Queued);
    }
    // Both work, and whoever has the code gets them.
    let able = Worker::new(&new.kernel).queues(["shared"]).concurrency(4);
    let both = async {
        let stop = || world.clock.sleep(seconds(70));
        let (one, other) = tokio::join!(worker.run_until(stop()), able.run_until(stop()));
        one.and(other).unwrap();
    };
    world.pass_time(both).await;
    for run in &theirs {
        assert_eq!(run.status().await.unwrap(), Status::Completed, "{:?}", able.stats());
    }
}

/// A deployment that rolls: the worker with the code is there, and the other one is faster.
#[tokio::test]
async fn a_run_reaches_the_worker_that_has_its_code_beside_a_busy_one_that_has_not() {
    let world = world();
    let (old, new) = (world.process(), world.process());
    old.kernel.register("old", nothing).unwrap();
    new.kernel.register("new", nothing).unwrap();
    let fast = std::time::Duration::from_millis(500);
    let unable = Worker::new(&old.kernel).queues(["shared"]).poll(fast);
    let able = Worker::new(&new.kernel).queues(["shared"]);
    let both = async {
        let stop = || world.clock.sleep(seconds(60));
        let comes = async {
            for n in 0..10 {
                let enqueue = old.kernel.enqueue(&tenant(), "new", &()).queue("shared").id(format!("n{n}"));
                let run = enqueue.await.unwrap();
                world.clock.sleep(seconds(6)).await;
                assert_eq!(run.status().await.unwrap(), Status::Completed, "{n}");
            }
        };
        let (one, other, ()) = tokio::join!(unable.run_until(stop()), able.run_until(stop()), comes);
        one.and(other).unwrap();
    };
    world.pass_time(both).await;
}

#[tokio::test]
async fn code_that_is_registered_while_its_run_is_kept_goes_on_with_it() {
    let world = world();
    let process = world.process();
    let run = enqueued(&process.kernel, "new", 1).await.remove(0);
    let worker = Worker::new(&process.kernel).queues(["shared"]).park_after(1);
    assert!(!works(&world, &worker, &run, Status::Completed, 20).await);
    process.kernel.register("new", nothing).unwrap();
    assert!(works(&world, &worker, &run, Status::Completed, 5).await, "{:?}", worker.stats());
}

#[tokio::test]
async fn an_input_that_the_code_cannot_read_waits_for_code_that_can() {
    let world = world();
    let process = world.process();
    let asks =
        |cx: WorkflowContext, n: u32| async move { Ok(cx.step("n").compute(move || async move { Ok(n) }).await?) };
    process.kernel.register("greet", asks).unwrap();
    let run = process.kernel.enqueue(&tenant(), "greet", &"Ada").id("r").await.unwrap();
    let worker = Worker::new(&process.kernel).park_after(3);
    work_until(&world, &worker, &run, Status::Paused).await;
    assert_eq!((worker.stats().errors, worker.stats().failed), (3, 0));
    let reason = run.pauses().await.unwrap()[0].1.reason.unwrap();
    let reason = String::from_utf8(run.content(&reason).await.unwrap().unwrap()).unwrap();
    assert!(reason.contains("its input cannot be read"), "{reason}");
    let fixed = |_: WorkflowContext, name: String| async move { Ok(name) };
    process.kernel.register("greet", fixed).unwrap();
    run.resume("ann").await.unwrap();
    work_until(&world, &worker, &run, Status::Completed).await;
    world.verify(&run).await;
}

#[tokio::test]
async fn a_run_whose_input_nobody_can_read_can_be_cancelled() {
    let world = world();
    let process = world.process();
    process.kernel.register("greet", |_: WorkflowContext, n: u32| async move { Ok(n) }).unwrap();
    let run = process.kernel.enqueue(&tenant(), "greet", &"Ada").id("r").await.unwrap();
    run.cancel("ann", "a mistake").await.unwrap();
    let worker = Worker::new(&process.kernel);
    assert!(works(&world, &worker, &run, Status::Cancelled, 5).await, "{:?}", worker.stats());
    world.verify(&run).await;
}

#[tokio::test]
async fn asking_twice_with_another_input_is_refused() {
    let world = world();
    let process = world.process();
    let ask = |n: u32| process.kernel.enqueue(&tenant(), "pays", &n).deduplicate("invoice-7");
    let first = ask(5).await.unwrap();
    assert_eq!(code(ask(6).await), "artana::enqueued_otherwise");
    // How it is queued is no part of what is asked for.
    let again = ask(5).priority(3).queue("another").delay(seconds(60)).await.unwrap();
    assert_eq!((again.id(), again.status().await.unwrap()), (first.id(), Status::Queued));
    let none = process.kernel.enqueue(&tenant(), "pays", &()).deduplicate("invoice-7").await;
    assert_eq!(code(none), "artana::enqueued_otherwise");
    // Another name makes another run.
    let other = process.kernel.enqueue(&tenant(), "mails", &6).deduplicate("invoice-7").await.unwrap();
    assert_eq!(other.id(), "mails:invoice-7");
}
