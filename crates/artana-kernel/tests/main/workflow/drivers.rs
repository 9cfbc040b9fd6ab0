//! Who drives a workflow: one process at a time, one caller at a time, and whoever comes after a process that died.

use std::sync::Arc;

use artana_kernel::{Error, WorkflowContext, WorkflowOutcome};
use artana_ports::Clock;
use artana_testkit::fault::{Action, Faults};
use tokio::task::JoinHandle;

use super::{
    Ran,
    asks::Ask::{Child, Compute, Model, Now, OnRollback, Once, Signal, Tool},
    done, seconds,
};
use crate::{
    asking::echo,
    world::{FIVE, Process, TTL, World, code, tenant, world},
};

type Driving = JoinHandle<Result<WorkflowOutcome<u64>, Error>>;

/// A workflow with a slow closure in the middle, and a call after it.
async fn slow(cx: WorkflowContext, clock: Arc<dyn Clock>, ran: Ran) -> Result<u64, artana_kernel::Failure> {
    Compute("before").of(&cx, &ran).await?;
    let (counted, slow) = (ran.clone(), cx.step("slow"));
    let times = slow.once(move || async move {
        clock.sleep(seconds(60)).await;
        Ok(counted.once())
    });
    let times = times.await?;
    Tool("pay").of(&cx, &ran).await?;
    Ok(times)
}

fn drives(world: &World, process: &Process, ran: &Ran) -> Driving {
    let (clock, ran) = (Arc::new(world.clock.clone()), ran.clone());
    tokio::spawn(process.workflow(move |cx| slow(cx, clock, ran)))
}

#[tokio::test]
async fn one_process_drives_and_another_is_refused_or_waits_for_the_same_answers() {
    let (world, ran) = (world(), Ran::default());
    let (first, second) = (world.process(), world.process());
    let driving = drives(&world, &first, &ran);
    world.settle().await;
    // What is under way there is waited for; what is new would need the right to drive.
    let waiting = drives(&world, &second, &ran);
    let fenced = second.workflow(|cx| async move {
        Compute("before").of(&cx, &Ran::default()).await?;
        let (slow, new) = cx.join(cx.step("slow").once(|| async { Ok(0_u64) }), cx.now()).await;
        new?;
        Ok(slow?)
    });
    world.settle().await;
    let told = world.pass_time(driving).await.unwrap();
    assert_eq!(done(told), 2);
    assert_eq!(done(world.pass_time(waiting).await.unwrap()), 2);
    assert_eq!((ran.times(), world.effects()), (2, 1));
    assert!(matches!(fenced.await, Ok(WorkflowOutcome::Completed(2))), "it answers, now that it is finished");
}

#[tokio::test]
async fn a_second_process_is_fenced_while_the_first_one_drives() {
    let (world, ran) = (world(), Ran::default());
    let (first, second) = (world.process(), world.process());
    let driving = drives(&world, &first, &ran);
    world.settle().await;
    let appends = world.counts().appends;
    let new = second.workflow::<u64, _, _>(|cx| async move {
        Compute("before").of(&cx, &Ran::default()).await?;
        let (_, now) = cx.join(cx.step("slow").once(|| async { Ok(0_u64) }), cx.now()).await;
        Ok(now.map(|_| 0)?)
    });
    let refused = new.await;
    let Err(Error::Fenced { .. }) = &refused else { panic!("{refused:?}") };
    let run = second.run("r").await;
    assert_eq!(code(crate::world::call(&run, "plain", "mail").await), "artana::fenced");
    assert_eq!((world.counts().appends, world.effects()), (appends + 2, 0), "both were refused by the store");
    assert_eq!(done(world.pass_time(driving).await.unwrap()), 2);
    // It was given back with the last append.
    assert_eq!(done(drives(&world, &second, &ran).await.unwrap()), 2);
}

#[tokio::test]
async fn another_process_takes_over_when_the_first_one_has_died() {
    for point in ["append.before", "append.after", "tool.call.before", "tool.call.after"] {
        let (world, ran) = (world(), Ran::default());
        let first = world.process();
        let asks = [Compute("a"), Now, Compute("b")];
        let paying = |process: &Process, ran: &Ran| {
            let ran = ran.clone();
            tokio::spawn(process.workflow(move |cx| async move {
                for ask in asks {
                    ask.of(&cx, &ran).await?;
                }
                cx.step("pay").reconcile_json("send", FIVE).await?;
                Ok(7_u64)
            }))
        };
        first.faults.plan(point, Action::Crash);
        let driving = paying(&first, &ran);
        first.faults.crashed().await;
        driving.abort();
        if point != "append.before" && point != "append.after" {
            // The dead are fenced off until they count as dead.
            let early = paying(&world.process(), &ran);
            world.settle().await;
            assert!(!early.is_finished(), "it waits for the answer of whoever may still live");
            early.abort();
            world.settle().await;
        }
        world.mourn();
        let told = until_known(&world, || paying(&world.process(), &ran)).await;
        assert_eq!((done(told), world.effects()), (7, 1), "{point}");
        world.verify(&world.process().run("r").await).await;
    }
}

#[tokio::test]
async fn a_workflow_that_is_left_is_free_for_others_at_once() {
    for ask in [Signal("go"), super::asks::Ask::Sleep("nap"), super::asks::Ask::Pause("approve")] {
        let (world, ran) = (world(), Ran::default());
        let (first, second) = (world.process(), world.process());
        let left = first.asks(&[Compute("a"), ask], &ran).await.unwrap();
        let run = second.run("r").await;
        if let WorkflowOutcome::Paused(ticket) = left {
            run.resume_with(ticket.id, "ann", &()).await.unwrap();
        }
        run.signal("go", "ann", &()).await.unwrap();
        world.clock.advance(TTL / 3);
        world.clock.advance(seconds(60));
        let left = second.asks(&[Compute("a"), ask, Compute("b")], &ran).await;
        assert_eq!(left.unwrap(), WorkflowOutcome::Completed(()), "{ask:?}");
        assert_eq!(ran.times(), 2);
    }
}

/// Drives again until what somebody else may still do is believed not to have happened.
async fn until_known(world: &World, drive: impl Fn() -> Driving) -> Result<WorkflowOutcome<u64>, Error> {
    loop {
        match world.pass_time(drive()).await.unwrap() {
            Err(Error::ReconciliationRequired { believable_at: Some(_), .. }) => world.clock.advance(seconds(1)),
            known => return known,
        }
    }
}

/// A process that no heartbeat leaves.
fn silent(faults: &Faults) {
    faults.plan(artana_testkit::fault::Spot::Every("beat.before"), Action::Fail);
}

#[tokio::test]
async fn whoever_lapsed_has_lost_the_run_and_no_effect_happens_twice() {
    for frozen_at in ["append.before", "tool.call.before"] {
        let (world, ran) = (world(), Ran::default());
        let (first, second) = (world.process(), world.process());
        let asks = |process: &Process, ran: &Ran| {
            let ran = ran.clone();
            tokio::spawn(process.workflow(move |cx| async move {
                cx.signal::<()>("go").await?;
                Once("once").of(&cx, &ran).await?;
                cx.step("pay").reconcile_json("send", FIVE).await?;
                Ok(0_u64)
            }))
        };
        assert!(matches!(asks(&first, &ran).await.unwrap(), Ok(WorkflowOutcome::Waiting(_))));
        second.run("r").await.signal("go", "ann", &()).await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
        first.faults.plan(frozen_at, Action::Delay(clock, TTL * 4));
        let driving = asks(&first, &ran);
        world.settle().await;
        silent(&first.faults);
        world.clock.advance(TTL * 2);
        let told = until_known(&world, || asks(&second, &ran)).await;
        assert_eq!(done(told), 0);
        let late = world.pass_time(driving).await.unwrap();
        let lost = late.as_ref().err().map(Error::code);
        assert!(late.is_ok() || lost.is_some_and(|code| code != "artana::internal"), "{frozen_at}: {late:?}");
        assert_eq!((ran.times(), world.effects()), (1, 1), "{frozen_at}");
        world.verify(&second.run("r").await).await;
    }
}

#[tokio::test]
async fn two_callers_in_one_process_share_one_drive() {
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    let callers: Vec<Driving> = (0..4).map(|_| drives(&world, &process, &ran)).collect();
    for caller in callers {
        assert_eq!(done(world.pass_time(caller).await.unwrap()), 2);
    }
    assert_eq!((ran.times(), world.effects()), (2, 1));
}

#[tokio::test]
async fn what_a_store_cannot_do_leaves_nothing_behind_and_the_next_call_goes_on() {
    let asks = [
        Compute("a"),
        OnRollback("b"),
        Once("c"),
        Tool("d"),
        Model("e"),
        Now,
        Child("f"),
        super::asks::Ask::Sleep("g"),
        Compute("h"),
    ];
    let mut point = 1;
    loop {
        let (world, ran, model) = (world(), Ran::default(), echo());
        let (process, beside) = (world.asking(&model), world.process());
        process.faults.plan(point, Action::Fail);
        let mut calls = 0;
        loop {
            calls += 1;
            let left = world.pass_time(process.asks(&asks, &ran)).await;
            assert!(calls < 6, "point {point}: {left:?}");
            match left {
                Ok(WorkflowOutcome::Completed(())) => break,
                Ok(WorkflowOutcome::Sleeping(_)) => world.clock.advance(seconds(60)),
                Err(error) => assert_ne!(error.code(), "artana::internal", "point {point}: {error}"),
                other => panic!("point {point}: {other:?}"),
            }
            let Ok(doubt) = beside.kernel.open_run(&tenant(), "r").await else { continue };
            if doubt.status().await.unwrap() == artana_core::Status::NeedsReconciliation {
                let word = artana_kernel::Resolve::succeeded("ann", r#"{"charge":"ch_1"}"#, "seen");
                doubt.resolve("d", word).await.unwrap();
            }
        }
        assert!((world.effects(), ran.times()) <= (1, 5), "point {point}");
        world.verify(&beside.run("r").await).await;
        if process.faults.points().len() < point {
            break;
        }
        point += 1;
    }
    assert!(point > 40, "only {point} points");
}

#[tokio::test]
async fn a_kernel_that_is_closed_gives_its_workflows_to_others() {
    let (world, ran) = (world(), Ran::default());
    let (first, second) = (world.process(), world.process());
    let driving = drives(&world, &first, &ran);
    world.settle().await;
    let closing = tokio::spawn(async move { first.kernel.close().await });
    let left = world.pass_time(driving).await.unwrap();
    world.pass_time(closing).await.unwrap().unwrap();
    assert!(left.is_ok() || left.as_ref().is_err_and(|error| error.code() == "artana::closed"), "{left:?}");
    // What was begun has ended, and nobody waits for a dead process.
    assert_eq!(done(world.pass_time(drives(&world, &second, &ran)).await.unwrap()), 2);
    assert_eq!((ran.times(), world.effects()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_say_and_drive_at_once() {
    const ROUNDS: u64 = 25;
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    let rounds = |ran: Ran| {
        process.workflow(move |cx| async move {
            let mut sum = 0;
            for round in 0..ROUNDS {
                let n = cx.signal::<u64>("n").await?;
                let counted = ran.clone();
                let noted = cx.step(format!("{round}")).once(move || async move {
                    counted.once();
                    Ok(n)
                });
                sum += noted.await?;
            }
            Ok(sum)
        })
    };
    rounds(ran.clone()).await.unwrap();
    let run = process.run("r").await;
    let said: Vec<JoinHandle<()>> = (0..ROUNDS)
        .map(|n| {
            let run = run.clone();
            tokio::spawn(async move { run.signal("n", "ann", &n).await.unwrap() })
        })
        .collect();
    let driving: Vec<Driving> = (0..3).map(|_| tokio::spawn(rounds(ran.clone()))).collect();
    for saying in said {
        saying.await.unwrap();
    }
    for driven in driving {
        driven.await.unwrap().unwrap();
    }
    // All of them have come, so that whoever drives now comes to the end.
    assert_eq!(done(rounds(ran.clone()).await), ROUNDS * (ROUNDS - 1) / 2);
    assert_eq!(ran.times(), ROUNDS);
    world.verify(&run).await;
}
