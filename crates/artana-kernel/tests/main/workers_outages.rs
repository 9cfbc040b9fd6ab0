//! Workers while the store is away: what they hold is not lost to everybody, and they wait for it to come back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artana_core::Status;
use artana_kernel::{Kernel, Worker, WorkflowContext};
use artana_ports::{Clock, ToolError, ToolPort};
use artana_testkit::fault::{Action, Faults, Spot};

use crate::{
    workers::works,
    workflow::{Ran, seconds},
    world::{Amount, FIVE, Receipt, tenant, world},
};

/// Two steps, in the second of which a process may hang until it dies.
fn two_steps(kernel: &Kernel, hangs: bool) {
    let code = move |cx: WorkflowContext, (): ()| async move {
        cx.step("a").compute(|| async { Ok(()) }).await?;
        let second = move || async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            Ok(())
        };
        Ok(cx.step("b").compute(second).await?)
    };
    kernel.register("steps", code).unwrap();
}

#[tokio::test]
async fn a_run_whose_taking_over_failed_is_taken_again() {
    let world = world();
    let one = world.process();
    two_steps(&one.kernel, true);
    let run = one.kernel.enqueue(&tenant(), "steps", &()).id("r").await.unwrap();
    {
        let dying = Worker::new(&one.kernel);
        let mut works = Box::pin(dying.run_until(std::future::pending()));
        tokio::select! { biased; _ = &mut works => {}, () = world.settle() => {} }
        one.faults.plan(Spot::Every("beat.before"), Action::Crash);
        one.faults.plan(Spot::Every("append.before"), Action::Crash);
    }
    world.mourn();
    let two = world.process();
    two_steps(&two.kernel, false);
    let run = two.kernel.open_run(&tenant(), run.id()).await.unwrap();
    // Neither that the run was taken over can be recorded, nor the lease given back.
    two.faults.plan("append.before", Action::Fail);
    two.faults.plan("append.before", Action::Fail);
    let worker = Worker::new(&two.kernel);
    assert!(works(&world, &worker, &run, Status::Completed, 60).await, "{:?}", worker.stats());
    world.verify(&run).await;
}

#[tokio::test]
async fn a_run_that_was_taken_in_a_lost_reply_is_taken_again() {
    let world = world();
    let process = world.process();
    two_steps(&process.kernel, false);
    let run = process.kernel.enqueue(&tenant(), "steps", &()).id("r").await.unwrap();
    process.faults.plan("take_due.after", Action::Fail);
    let worker = Worker::new(&process.kernel);
    assert!(works(&world, &worker, &run, Status::Completed, 60).await, "{:?}", worker.stats());
    world.verify(&run).await;
}

#[tokio::test]
async fn a_childs_lease_that_could_not_be_given_back_keeps_nobody_from_it() {
    let (world, ran) = (world(), Ran::default());
    let (one, two) = (world.process(), world.process());
    for process in [&one, &two] {
        let ran = ran.clone();
        let code = move |cx: WorkflowContext, (): ()| {
            let ran = ran.clone();
            async move {
                let child = move |cx: WorkflowContext| async move {
                    cx.sleep("nap", seconds(3600)).await?;
                    Ok(cx.step("b").compute(move || async move { Ok(ran.once()) }).await?)
                };
                Ok(cx.child("kid", child).await?)
            }
        };
        process.kernel.register("family", code).unwrap();
    }
    let run = one.kernel.enqueue(&tenant(), "family", &()).id("r").await.unwrap();
    let poll = Duration::from_millis(500);
    let (first, second) = (Worker::new(&one.kernel), Worker::new(&two.kernel).poll(poll));
    assert!(works(&world, &first, &run, Status::Sleeping, 60).await);
    let theirs = two.kernel.open_run(&tenant(), "r").await.unwrap();
    theirs.pause("ann", "look").await.unwrap();
    world.clock.advance(seconds(3601));
    // The child can neither be blocked while its parent is paused, nor given back.
    one.faults.plan("append.before", Action::Fail);
    one.faults.plan("append.before", Action::Fail);
    let working = tokio::spawn(async move { first.run_until(std::future::pending()).await });
    for _ in 0..20 {
        world.clock.advance(seconds(1));
        world.settle().await;
    }
    theirs.resume("ann").await.unwrap();
    assert!(works(&world, &second, &theirs, Status::Completed, 600).await, "{:?}", second.stats());
    assert_eq!(ran.times(), 1);
    working.abort();
}

#[tokio::test]
async fn a_worker_waits_for_a_store_that_is_away_for_longer_than_a_life() {
    let world = world();
    let process = world.process();
    two_steps(&process.kernel, false);
    let worker = Worker::new(&process.kernel);
    let faults = process.faults.clone();
    let stop = async {
        world.clock.sleep(seconds(5)).await;
        faults.plan(Spot::Every("beat.before"), Action::Fail);
        faults.plan(Spot::Every("take_due.before"), Action::Fail);
        world.clock.sleep(seconds(60)).await;
    };
    let ended = world.pass_time(worker.run_until(stop)).await;
    assert!(ended.is_ok(), "{ended:?}");
}

fn forgetful() -> impl ToolPort + 'static {
    let never = artana_kernel::tool("forget")
        .side_effect()
        .handler(|_: Amount, _| async { Err::<Receipt, _>(ToolError::unknown("nobody knows")) });
    never.probe(move |_, _| async { Ok(None) })
}

#[tokio::test]
async fn a_doubt_that_nothing_clears_is_asked_about_less_and_less() {
    for in_child in [false, true] {
        let world = world();
        let kernel = world.bare(&Faults::record()).tool(forgetful()).build().unwrap();
        let code = move |cx: WorkflowContext, (): ()| async move {
            let doubted = |cx: WorkflowContext| async move {
                cx.step("s").reconcile_json("forget", FIVE).await?;
                Ok(())
            };
            if in_child { Ok(cx.child("kid", doubted).await?) } else { doubted(cx).await }
        };
        kernel.register("doubts", code).unwrap();
        let run = kernel.enqueue(&tenant(), "doubts", &()).id("r").await.unwrap();
        let (worker, mut taken) = (Worker::new(&kernel), Vec::new());
        for _ in 0..4 {
            let before = worker.stats().taken;
            works(&world, &worker, &run, Status::Completed, 3600).await;
            taken.push(worker.stats().taken - before);
        }
        assert!(taken[0] >= 3, "it is asked about soon at first: {taken:?}");
        assert!(taken[0] <= 12 && taken[3] <= 2, "and once an hour in the end: {taken:?}");
    }
}

/// The provider cannot be asked for a while. That is no reason to call a person.
#[tokio::test]
async fn a_probe_that_fails_is_made_again_later() {
    let (world, tries) = (world(), Arc::new(AtomicU64::new(0)));
    let asked = Arc::clone(&tries);
    let send = artana_kernel::tool("send")
        .side_effect()
        .handler(|_: Amount, _| async { Err::<Receipt, _>(ToolError::unknown("the connection broke")) })
        .probe(move |_, _| {
            let found = match asked.fetch_add(1, Ordering::SeqCst) {
                0..3 => Err(ToolError::transient("no route to the provider")),
                _ => Ok(Some(Receipt { charge: "c".into() })),
            };
            async { found }
        });
    let kernel = world.bare(&Faults::record()).tool(send).build().unwrap();
    let code =
        |cx: WorkflowContext, (): ()| async move { Ok(cx.step("s").reconcile_json("send", FIVE).await?.into_output()) };
    kernel.register("sends", code).unwrap();
    let run = kernel.enqueue(&tenant(), "sends", &()).id("r").await.unwrap();
    assert!(works(&world, &Worker::new(&kernel), &run, Status::Completed, 3600).await);
    assert_eq!(tries.load(Ordering::SeqCst), 4);
}
