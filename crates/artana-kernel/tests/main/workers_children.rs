//! Workers and the children of runs: whose process goes on with them, and what wakes whom.

use artana_core::Status;
use artana_kernel::{Either, Kernel, Run, Worker, WorkflowContext};

use crate::{
    workers::work_until,
    workflow::{Ran, seconds},
    world::{tenant, world},
};

/// A parent whose child computes something, waits for an hour, and computes again.
fn family(kernel: &Kernel, ran: &Ran) {
    let ran = ran.clone();
    let code = move |cx: WorkflowContext, (): ()| {
        let ran = ran.clone();
        async move {
            let child = move |cx: WorkflowContext| async move {
                let first = ran.clone();
                cx.step("first").compute(move || async move { Ok(first.once()) }).await?;
                cx.sleep("nap", seconds(3600)).await?;
                Ok(cx.step("second").compute(move || async move { Ok(ran.once()) }).await?)
            };
            Ok(cx.child("kid", child).await?)
        }
    };
    kernel.register("family", code).unwrap();
}

async fn begun(kernel: &Kernel) -> Run {
    kernel.enqueue(&tenant(), "family", &()).id("r").await.unwrap()
}

#[tokio::test]
async fn a_child_that_is_being_driven_is_nobody_elses() {
    let (world, ran) = (world(), Ran::default());
    let (one, two) = (world.process(), world.process());
    family(&one.kernel, &ran);
    family(&two.kernel, &ran);
    let run = begun(&one.kernel).await;
    let (first, second) = (Worker::new(&one.kernel), Worker::new(&two.kernel));
    let both = async {
        tokio::join!(
            work_until(&world, &first, &run, Status::Completed),
            work_until(&world, &second, &run, Status::Completed)
        )
    };
    both.await;
    assert_eq!(ran.times(), 2, "each closure ran once");
    assert_eq!(first.stats().errors + second.stats().errors, 0);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_child_that_is_cancelled_by_itself_wakes_its_parent() {
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    family(&process.kernel, &ran);
    let run = begun(&process.kernel).await;
    let worker = Worker::new(&process.kernel);
    work_until(&world, &worker, &run, Status::Sleeping).await;
    let child = process.kernel.open_run(&tenant(), "r/kid").await.unwrap();
    child.cancel("ann", "not wanted").await.unwrap();
    work_until(&world, &worker, &run, Status::Failed).await;
    assert_eq!((child.status().await.unwrap(), ran.times()), (Status::Cancelled, 1));
}

#[tokio::test]
async fn what_a_race_gave_up_before_a_pause_wakes_nobody() {
    let world = world();
    let process = world.process();
    let code = |cx: WorkflowContext, (): ()| async move {
        match cx.race(cx.pause::<()>("first", "now?"), cx.sleep("limit", seconds(600))).await {
            Either::Left(said) => said?,
            Either::Right(late) => late?,
        }
        Ok(cx.pause::<()>("second", "and now?").await?)
    };
    process.kernel.register("asks", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "asks", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    work_until(&world, &worker, &run, Status::Paused).await;
    let (ticket, _) = run.pauses().await.unwrap().remove(0);
    run.resume_with(ticket.id, "ann", &()).await.unwrap();
    work_until(&world, &worker, &run, Status::Paused).await;
    let taken = worker.stats().taken;
    let an_hour = artana_ports::Clock::sleep(&world.clock, seconds(3600));
    world.pass_time(worker.run_until(an_hour)).await.unwrap();
    assert_eq!(worker.stats().taken, taken);
}

#[tokio::test]
async fn closing_the_kernel_ends_its_workers() {
    let world = world();
    let process = world.process();
    let worker = Worker::new(&process.kernel);
    process.kernel.register("nothing", |_: WorkflowContext, (): ()| async { Ok(()) }).unwrap();
    let works = tokio::spawn(async move { worker.run_until(std::future::pending()).await });
    world.settle().await;
    process.kernel.close().await.unwrap();
    let ended = works.await.unwrap();
    assert_eq!(crate::world::code(ended), "artana::closed");
}
