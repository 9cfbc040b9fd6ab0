//! Workers and the children of runs: whose process goes on with them, and what wakes whom.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use artana_core::Status;
use artana_kernel::{Either, Failure, Kernel, Run, Worker, WorkflowContext, WorkflowOutcome, tool};
use artana_ports::{ToolError, ToolPort};
use artana_testkit::{
    SimClock,
    fault::{Action, Faults},
};
use tokio::sync::Notify;

use crate::{
    workers::work_until,
    workflow::{Ran, done, seconds},
    world::{Amount, FIVE, Receipt, tenant, world},
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

/// A parent that waits a minute for its child, which pays, can undo that, and then waits for an hour.
async fn impatient(cx: WorkflowContext) -> Result<String, Failure> {
    let slow = cx.child::<(), _, _>("kid", |cx| async move {
        cx.on_rollback("undo", |cx| async move {
            cx.step("back").tool_json("pay", FIVE).await?;
            Ok(())
        })
        .await?;
        cx.step("forth").tool_json("pay", FIVE).await?;
        Ok(cx.sleep("nap", seconds(3600)).await?)
    });
    match cx.race(slow, cx.sleep("limit", seconds(60))).await {
        Either::Left(done) => done?,
        Either::Right(late) => late?,
    }
    Ok("late".to_owned())
}

#[tokio::test]
async fn a_child_that_lost_a_race_undoes_what_it_did_before_its_parent_ends() {
    let world = world();
    let process = world.process();
    process.kernel.register("impatient", |cx, (): ()| impatient(cx)).unwrap();
    let run = process.kernel.enqueue(&tenant(), "impatient", &()).id("r").await.unwrap();
    work_until(&world, &Worker::new(&process.kernel), &run, Status::Completed).await;
    let child = process.kernel.open_run(&tenant(), "r/kid").await.unwrap();
    assert_eq!((child.status().await.unwrap(), world.effects()), (Status::Cancelled, 2));
    world.verify(&run).await;
    world.verify(&child).await;
}

#[tokio::test]
async fn a_workflow_without_a_worker_is_called_once_more_for_a_child_that_lost_a_race() {
    let world = world();
    let process = world.process();
    let drive = async || process.kernel.workflow(&tenant(), "r", impatient).await;
    assert!(matches!(drive().await.unwrap(), WorkflowOutcome::Sleeping(_)));
    world.clock.advance(seconds(60));
    assert_eq!(done(drive().await), "late");
    let child = process.kernel.open_run(&tenant(), "r/kid").await.unwrap();
    assert_eq!((child.status().await.unwrap(), world.effects()), (Status::Cancelled, 2));
}

#[tokio::test]
async fn a_parent_that_is_cancelled_beside_a_child_that_waits_lets_it_undo_first() {
    let world = world();
    let process = world.process();
    let gate = Arc::new(Notify::new());
    let code = {
        let gate = Arc::clone(&gate);
        move |cx: WorkflowContext, (): ()| {
            let gate = Arc::clone(&gate);
            async move {
                let child = cx.child("kid", |cx| async move {
                    cx.on_rollback("undo", |cx| async move {
                        cx.step("back").tool_json("pay", FIVE).await?;
                        Ok(())
                    })
                    .await?;
                    Ok(cx.sleep("nap", seconds(3600)).await?)
                });
                let beside = cx.step("beside").compute(move || {
                    let gate = Arc::clone(&gate);
                    async move {
                        gate.notified().await;
                        Ok(())
                    }
                });
                let (child, beside) = cx.join(child, beside).await;
                child?;
                Ok(beside?)
            }
        }
    };
    process.kernel.register("both", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "both", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    let cancels = async {
        let child = loop {
            match process.kernel.open_run(&tenant(), "r/kid").await {
                Ok(child) if world.kinds(&child).await.iter().any(|kind| kind == "wait_started") => break child,
                _ => tokio::task::yield_now().await,
            }
        };
        let cancelling = async {
            while run.status().await.unwrap() != Status::Cancelling {
                tokio::task::yield_now().await;
            }
            gate.notify_one();
        };
        let (cancelled, ()) = tokio::join!(run.cancel("ann", "enough"), cancelling);
        cancelled.unwrap();
        while run.status().await.unwrap() != Status::Cancelled {
            tokio::task::yield_now().await;
        }
        child
    };
    let mut child = None;
    let cancels = Box::pin(async { child = Some(cancels.await) });
    world.pass_time(worker.run_until(cancels)).await.unwrap();
    assert_eq!((child.unwrap().status().await.unwrap(), world.effects()), (Status::Cancelled, 1));
    assert_eq!(worker.stats().errors, 0);
}

#[tokio::test]
async fn a_child_of_a_paused_parent_is_not_taken_again_and_again() {
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    family(&process.kernel, &ran);
    let run = begun(&process.kernel).await;
    let worker = Worker::new(&process.kernel);
    work_until(&world, &worker, &run, Status::Sleeping).await;
    run.pause("ann", "a look at it").await.unwrap();
    let (child, before) = (process.kernel.open_run(&tenant(), "r/kid").await.unwrap(), worker.stats().taken);
    let two_hours = artana_ports::Clock::sleep(&world.clock, seconds(7200));
    world.pass_time(worker.run_until(two_hours)).await.unwrap();
    assert_eq!((worker.stats().taken - before, child.status().await.unwrap()), (1, Status::Paused));
    run.resume("ann").await.unwrap();
    work_until(&world, &worker, &run, Status::Completed).await;
    assert_eq!((ran.times(), child.status().await.unwrap()), (2, Status::Completed));
    world.verify(&child).await;
}

/// A tool that never knows what it did, and whose probe never finds anything. It counts how often it is asked.
fn forgetful(asked: &Arc<AtomicU64>) -> impl ToolPort + 'static {
    let asked = Arc::clone(asked);
    let never = tool("send").side_effect().handler(|_: Amount, _| async { Err::<Receipt, _>(ToolError::unknown("?")) });
    never.probe(move |_, _| {
        asked.fetch_add(1, Ordering::SeqCst);
        async { Ok(None) }
    })
}

/// A process that takes too long between two tries of a parent counts as dead: another one has gone on with the parent
/// and has left it, and its child. The child is then not the first one's to drive, though nobody holds its lease.
#[tokio::test]
async fn whoever_lost_a_parent_does_not_drive_its_child() {
    let (world, late, broken) = (world(), SimClock::new(), Arc::new(AtomicBool::new(true)));
    let asked = [Arc::default(), Arc::default()];
    let builder = world.bare(&Faults::record()).clock(Arc::new(late.clone()));
    let one = builder.tool(forgetful(&asked[0])).build().unwrap();
    let two = world.bare(&Faults::record()).tool(forgetful(&asked[1])).build().unwrap();
    for kernel in [&one, &two] {
        let broken = Arc::clone(&broken);
        let code = move |cx: WorkflowContext, (): ()| {
            let broken = Arc::clone(&broken);
            async move {
                let child = move |cx: WorkflowContext| async move {
                    cx.step("first").compute(|| async { Ok(1) }).await?;
                    let tool = if broken.swap(false, Ordering::SeqCst) { "missing" } else { "send" };
                    cx.step(tool).reconcile_json(tool, FIVE).await?;
                    Ok(())
                };
                Ok(cx.child("kid", child).await?)
            }
        };
        kernel.register("family", code).unwrap();
    }
    let run = begun(&one).await;
    let (first, second) = (Worker::new(&one), Worker::new(&two));
    let mut works = Box::pin(first.run_until(std::future::pending()));
    while first.stats().errors == 0 {
        tokio::select! {
            biased;
            _ = &mut works => unreachable!("nobody stops it"),
            () = tokio::task::yield_now() => {}
        }
    }
    world.mourn();
    work_until(&world, &second, &run, Status::Sleeping).await;
    let child = two.open_run(&tenant(), "r/kid").await.unwrap();
    let before = world.kinds(&child).await;
    late.advance(seconds(3));
    tokio::select! {
        biased;
        _ = &mut works => unreachable!("nobody stops it"),
        () = world.settle() => {}
    }
    assert_eq!((world.kinds(&child).await, asked[0].load(Ordering::SeqCst)), (before, 0));
}

/// Whoever drives it stops there, and whoever resumes it wakes its parent too.
#[tokio::test]
async fn a_child_that_is_paused_while_it_is_driven_goes_on_when_it_is_resumed() {
    let (world, gate) = (world(), Arc::new(Notify::new()));
    let process = world.process();
    let opens = Arc::clone(&gate);
    let code = move |cx: WorkflowContext, (): ()| {
        let gate = Arc::clone(&gate);
        async move {
            let child = move |cx: WorkflowContext| async move {
                let first = move || async move {
                    gate.notified().await;
                    Ok(1_u64)
                };
                let first = cx.step("first").compute(first).await?;
                Ok(first + cx.step("second").compute(|| async { Ok(1_u64) }).await?)
            };
            Ok(cx.child("kid", child).await?)
        }
    };
    process.kernel.register("family", code).unwrap();
    let run = begun(&process.kernel).await;
    let worker = Worker::new(&process.kernel);
    let resumed = async {
        let child = loop {
            match process.kernel.open_run(&tenant(), "r/kid").await {
                Ok(child) => break child,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        world.settle().await;
        child.pause("ann", "a look at it").await.unwrap();
        opens.notify_one();
        while worker.stats().driving > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(run.status().await.unwrap(), Status::Sleeping);
        child.resume("ann").await.unwrap();
        // What the closure came to was not recorded in a paused run, so it runs again.
        opens.notify_one();
        while run.status().await.unwrap() != Status::Completed {
            tokio::task::yield_now().await;
        }
    };
    world.pass_time(worker.run_until(resumed)).await.unwrap();
    assert_eq!(worker.stats().errors, 0);
}

/// The block of a child comes late: its parent was let go meanwhile, and another process wants to go on with it.
#[tokio::test]
async fn a_child_is_not_blocked_behind_the_back_of_whoever_goes_on_with_its_parent() {
    let (world, ran, late) = (world(), Ran::default(), SimClock::new());
    let (one, two) = (world.process(), world.process());
    family(&one.kernel, &ran);
    family(&two.kernel, &ran);
    let run = begun(&one.kernel).await;
    let (first, second) = (Worker::new(&one.kernel), Worker::new(&two.kernel));
    work_until(&world, &first, &run, Status::Sleeping).await;
    run.pause("ann", "a look at it").await.unwrap();
    world.clock.advance(seconds(3601));
    // The first append takes the parent's lease, the second one blocks the child.
    one.faults.plan("append.before", Action::Delay(Arc::new(world.clock.clone()), seconds(0)));
    one.faults.plan("append.before", Action::Delay(Arc::new(late.clone()), seconds(5)));
    let blocks = tokio::spawn(async move { first.run_until(std::future::pending()).await });
    world.settle().await;
    let theirs = two.kernel.open_run(&tenant(), "r").await.unwrap();
    theirs.resume("ann").await.unwrap();
    let a_minute = artana_ports::Clock::sleep(&world.clock, seconds(60));
    world.pass_time(second.run_until(a_minute)).await.unwrap();
    late.advance(seconds(6));
    work_until(&world, &second, &theirs, Status::Completed).await;
    blocks.abort();
    assert_eq!(ran.times(), 2);
}
