//! Who wins a race, what becomes of the others, and how many things may be asked at once.

use std::sync::Arc;

use artana_core::Status;
use artana_kernel::{Either, Error, WorkflowOutcome};
use artana_ports::Clock;
use artana_testkit::fault::Action;

use super::{Ran, done, seconds};
use crate::world::{FIVE, Process, code, world};

#[tokio::test]
async fn the_loser_ends_later_and_is_recorded_and_the_winner_stays_the_winner() {
    let (world, ran) = (world(), Ran::default());
    let racing = |process: Process| {
        let (clock, ran) = (world.clock.clone(), ran.clone());
        async move {
            process
                .workflow(move |cx| async move {
                    let slow = |key: &'static str, wait| {
                        let (clock, ran) = (clock.clone(), ran.clone());
                        cx.step(key).compute(move || async move {
                            clock.sleep(seconds(wait)).await;
                            ran.once();
                            Ok(key.to_owned())
                        })
                    };
                    let (at, won) = cx.race_all([slow("tortoise", 30), slow("hare", 10), slow("snail", 90)]).await;
                    let won = won?;
                    cx.step("note").compute(move || async move { Ok(at) }).await?;
                    Ok((at, won))
                })
                .await
        }
    };
    let first = done(world.pass_time(racing(world.process())).await);
    assert_eq!(first, (1, "hare".to_owned()));
    assert_eq!(ran.times(), 3, "it ended when the others had ended");
    let run = world.process().run("r").await;
    let steps: Vec<String> =
        world.events(&run).await.iter().filter_map(|event| event.step().map(ToString::to_string)).collect();
    assert_eq!(steps, ["hare", "note", "tortoise", "snail"]);
    assert_eq!(done(racing(world.process()).await), first);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_race_that_was_won_in_one_process_is_won_by_the_same_in_another() {
    for first_to_fire in ["short", "long"] {
        let world = world();
        let racing = |process: Process| async move {
            process
                .workflow(|cx| async move {
                    let won = cx.race(cx.sleep("long", seconds(20)), cx.sleep("short", seconds(10))).await;
                    let won = match won {
                        Either::Left(long) => long.map(|()| "long")?,
                        Either::Right(short) => short.map(|()| "short")?,
                    };
                    cx.signal::<()>("end").await?;
                    Ok(won.to_owned())
                })
                .await
        };
        assert!(matches!(racing(world.process()).await, Ok(WorkflowOutcome::Sleeping(_))));
        // Both may have come when somebody looks again: then the one asked first is recorded first.
        world.clock.advance(if first_to_fire == "short" { seconds(12) } else { seconds(25) });
        for _ in 0..2 {
            assert!(matches!(racing(world.process()).await, Ok(WorkflowOutcome::Waiting(_))));
        }
        world.clock.advance(seconds(60));
        world.process().run("r").await.signal("end", "ann", &()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(done(racing(world.process()).await), first_to_fire);
        }
    }
}

#[tokio::test]
async fn a_loser_whose_process_died_is_in_doubt_until_somebody_finds_out() {
    let world = world();
    let racing = |process: Process| async move {
        process
            .workflow(|cx| async move {
                let call = cx.step("pay").tool_json("send", FIVE);
                let won = cx.race(call, cx.sleep("limit", seconds(5))).await;
                assert!(matches!(won, Either::Right(Ok(()))));
                Ok(cx.step("after").compute(|| async { Ok(1) }).await?)
            })
            .await
    };
    let first = world.process();
    first.faults.plan("tool.call.after", Action::Crash);
    let faults = first.faults.clone();
    let driving = tokio::spawn(racing(first));
    faults.crashed().await;
    driving.abort();
    world.mourn();
    let left = racing(world.process()).await;
    // The race was won without it, and it is not forgotten.
    let Err(Error::ReconciliationRequired { step, .. }) = &left else { panic!("{left:?}") };
    assert_eq!(step.as_str(), "pay");
    let run = world.process().run("r").await;
    assert_eq!(run.status().await.unwrap(), Status::NeedsReconciliation);
    crate::world::reconcile(&run, "pay", "send").await.unwrap();
    assert_eq!(done(racing(world.process()).await), 1);
    assert_eq!(world.effects(), 1);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_question_that_a_race_gave_up_does_not_keep_a_workflow_from_ending() {
    let world = world();
    let model = crate::asking::echo();
    let racing = |process: Process| async move {
        process
            .workflow(|cx| async move {
                let asked = cx.step("ask").model(crate::asking::ONE).prompt("hello");
                let won = cx.race(asked, cx.sleep("limit", seconds(5))).await;
                assert!(matches!(won, Either::Right(Ok(()))));
                Ok(cx.step("after").compute(|| async { Ok(1) }).await?)
            })
            .await
    };
    let first = world.asking(&model);
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    first.faults.plan("model.ask.before", Action::Delay(clock, seconds(100)));
    let faults = first.faults.clone();
    let driving = tokio::spawn(racing(first));
    for _ in 0..8 {
        world.settle().await;
        world.clock.advance(seconds(1));
    }
    let run = world.process().run("r").await;
    assert!(world.kinds(&run).await.contains(&"step_completed".to_owned()), "the sleep has won");
    // The process dies while it waits for what lost.
    faults.plan("beat.before", Action::Crash);
    world.clock.advance(crate::world::TTL / 3);
    faults.crashed().await;
    driving.abort();
    world.mourn();
    let after = world.asking(&model);
    assert_eq!(done(world.pass_time(racing(after)).await), 1);
    assert_eq!(run.status().await.unwrap(), Status::Completed);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_thousand_steps_at_once() {
    let (world, ran) = (world(), Ran::default());
    let many = |process: Process| {
        let ran = ran.clone();
        async move {
            process
                .workflow(move |cx| async move {
                    let step = |n: u64| {
                        let ran = ran.clone();
                        cx.step(format!("step {n}")).compute(move || async move {
                            ran.once();
                            Ok(n)
                        })
                    };
                    let told = cx.join_all((0..1000).map(step)).await;
                    let sum = told.into_iter().sum::<Result<u64, _>>()?;
                    cx.signal::<()>("end").await?;
                    Ok(sum)
                })
                .await
        }
    };
    assert!(matches!(many(world.process()).await, Ok(WorkflowOutcome::Waiting(_))));
    let process = world.process();
    process.run("r").await.signal("end", "ann", &()).await.unwrap();
    assert_eq!((done(many(process).await), ran.times()), (499_500, 1000));
}

#[tokio::test]
async fn many_things_that_are_no_steps_at_once() {
    let world = world();
    let many = |process: Process| async move {
        process
            .workflow(|cx| async move {
                let drawn = cx.join_all((0..300).map(|_| cx.random())).await;
                let undone = (0..300).map(|n| cx.on_rollback(format!("undo {n}"), |_| async { Ok(()) }));
                cx.join_all(undone).await.into_iter().collect::<Result<Vec<()>, _>>()?;
                let slept = (0..300).map(|n| cx.sleep(format!("nap {n}"), seconds(10 + n)));
                cx.join_all(slept).await.into_iter().collect::<Result<Vec<()>, _>>()?;
                let told = cx.join_all((0..300).map(|_| cx.signal::<u32>("n"))).await;
                let told = told.into_iter().collect::<Result<Vec<u32>, _>>()?;
                assert_eq!(told, (0..300).collect::<Vec<u32>>());
                Ok(drawn.into_iter().collect::<Result<std::collections::BTreeSet<u64>, _>>()?.len())
            })
            .await
    };
    let left = many(world.process()).await;
    assert!(matches!(left, Ok(WorkflowOutcome::Sleeping(_))), "{left:?}");
    world.clock.advance(seconds(400));
    let left = many(world.process()).await;
    assert!(matches!(left, Ok(WorkflowOutcome::Waiting(_))), "{left:?}");
    let run = world.process().run("r").await;
    for n in 0..300 {
        run.signal("n", "ann", &n).await.unwrap();
    }
    assert_eq!(done(many(world.process()).await), 300);
    world.verify(&run).await;
}

#[tokio::test]
async fn more_waits_than_a_run_may_have_are_refused() {
    let world = world();
    let refused = world.process().workflow::<(), _, _>(|cx| async move {
        cx.join_all((0..1100).map(|_| cx.signal::<u32>("n"))).await;
        Ok(())
    });
    assert_eq!(code(refused.await), "artana::too_large");
}

#[tokio::test]
async fn what_lost_a_race_is_no_wait_any_more() {
    let world = world();
    let racing = |process: Process| {
        process.workflow(|cx| async move {
            let won = cx.race(cx.step("fast").compute(|| async { Ok(1) }), cx.sleep("limit", seconds(10))).await;
            assert!(matches!(won, Either::Left(Ok(1))));
            let first: u32 = cx.pause("approve", "how many?").await?;
            Ok(first + cx.signal::<u32>("n").await?)
        })
    };
    let Ok(WorkflowOutcome::Paused(ticket)) = racing(world.process()).await else { panic!("it asks a person") };
    let run = world.process().run("r").await;
    run.resume_with(ticket.id, "ann", &1).await.unwrap();
    assert!(matches!(racing(world.process()).await, Ok(WorkflowOutcome::Waiting(_))));
    let waits = run.latest(|state| state.waits().map(|(at, _, wait)| (at.get(), wait.clone())).collect::<Vec<_>>());
    let [(3, artana_core::event::Wait::Signal(_))] = waits.await.unwrap().as_slice() else {
        panic!("the sleep is gone")
    };
    run.signal("n", "ann", &2).await.unwrap();
    assert_eq!(done(racing(world.process()).await), 3);
}
