//! How a workflow ends: failed and undone, cancelled and undone, or refused.

use std::sync::{Arc, Mutex};

use artana_core::{
    Status,
    event::{Body, CodeKind, Outcome},
};
use artana_kernel::{Error, Failure, WorkflowOutcome};
use artana_testkit::fault::Action;

use super::{Ran, seconds};
use crate::world::{FIVE, Process, code, tenant, world};

#[tokio::test]
async fn a_failing_workflow_undoes_in_reverse_and_answers_the_same_ever_after() {
    let world = world();
    let undone = Ran::default();
    for _ in 0..2 {
        let (process, counted) = (world.process(), undone.clone());
        let failed = process
            .workflow::<(), _, _>(|cx| async move {
                cx.step("pay").tool_json("pay", FIVE).await?;
                cx.on_rollback("refund", move |cx| async move {
                    cx.step("send").tool_json("send", FIVE).await?;
                    counted.once();
                    Ok(())
                })
                .await?;
                cx.step("look").compute(|| async { Err::<u8, _>(Failure::permanent("nothing there")) }).await?;
                Ok(())
            })
            .await;
        assert_eq!(code(failed.as_ref().map(drop).map_err(Clone::clone)), "artana::workflow_failed");
        assert_eq!((undone.times(), world.effects()), (1, 2));
    }
    let run = world.process().run("r").await;
    assert_eq!(run.status().await.unwrap(), Status::Failed);
    world.verify(&run).await;
}

#[tokio::test]
async fn cancelling_runs_the_compensations_and_nothing_else() {
    let world = world();
    let after = Ran::default();
    let run_it = || async {
        let (process, after) = (world.process(), after.clone());
        process
            .workflow::<(), _, _>(|cx| async move {
                cx.step("pay").tool_json("pay", FIVE).await?;
                cx.on_rollback("refund", |cx| async move {
                    cx.step("send").tool_json("send", FIVE).await?;
                    Ok(())
                })
                .await?;
                cx.sleep("wait", seconds(60)).await?;
                cx.step("after").compute(move || async move { Ok(after.once()) }).await?;
                Ok(())
            })
            .await
    };
    assert!(matches!(run_it().await, Ok(WorkflowOutcome::Sleeping(_))));
    let run = world.process().run("r").await;
    assert_eq!(run.cancel("ann", "changed our mind").await.unwrap(), Status::Cancelling);
    world.clock.advance(seconds(120));
    assert!(matches!(run_it().await, Err(Error::Ended { status: Status::Cancelled, .. })));
    assert_eq!((after.times(), world.effects()), (0, 2));
    assert_eq!(run.status().await.unwrap(), Status::Cancelled);
    world.verify(&run).await;
}

#[tokio::test]
async fn waiting_for_what_is_no_step_is_refused() {
    let world = world();
    let process = world.process();
    let refused = process
        .workflow::<(), _, _>(|_| async move {
            tokio::task::yield_now().await;
            std::future::pending::<()>().await;
            Ok(())
        })
        .await;
    assert_eq!(code(refused.map(drop)), "artana::foreign_wait");
}

#[tokio::test]
async fn another_step_than_recorded_is_refused_with_both_sides() {
    let world = world();
    let process = world.process();
    let code_of = |keys: &'static [&'static str]| {
        let process = &process;
        async move {
            process
                .workflow::<(), _, _>(move |cx| async move {
                    for key in keys {
                        cx.step(key).compute(|| async { Ok(()) }).await?;
                    }
                    Ok(cx.signal::<()>("go").await?)
                })
                .await
        }
    };
    code_of(&["a", "b", "c"]).await.unwrap();
    let refused = code_of(&["a", "x", "c"]).await.unwrap_err();
    let Error::Diverged { divergence, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(divergence.at.get(), 1);
    assert_eq!(
        divergence.to_string(),
        "   place  recorded   asked now\n       0  compute a  compute a\n >     1  compute b  compute x\n       2  compute c  -\n       3  signal go  -"
    );
    let missing = code_of(&["a", "b"]).await.unwrap_err();
    let Error::Diverged { divergence, .. } = &missing else { panic!("{missing:?}") };
    assert_eq!(divergence.at.get(), 2);
    code_of(&["a", "b", "c"]).await.unwrap();
}

#[tokio::test]
async fn a_compensation_that_fails_is_recorded_and_the_others_still_run() {
    let world = world();
    let order = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..2 {
        let noted = Arc::clone(&order);
        let failed = world.process().workflow::<(), _, _>(|cx| async move {
            for (n, fails) in [(1, false), (2, true), (3, false), (4, true)] {
                let noted = Arc::clone(&noted);
                cx.on_rollback(format!("undo {n}"), move |cx| async move {
                    noted.lock().unwrap().push(n);
                    let tried = cx.step("try").compute(move || async move {
                        if fails { Err(Failure::permanent("it stays done")) } else { Ok(()) }
                    });
                    tried.await?;
                    assert!(n != 3, "on purpose");
                    Ok(())
                })
                .await?;
            }
            Err(Failure::new("no luck"))
        });
        let failed = failed.await;
        let Err(Error::WorkflowFailed { message, .. }) = &failed else { panic!("{failed:?}") };
        assert_eq!((message.as_str(), order.lock().unwrap().as_slice()), ("no luck", [4, 3, 2, 1].as_slice()));
    }
    let run = world.process().run("r").await;
    let ends: Vec<(String, bool)> = world
        .events(&run)
        .await
        .iter()
        .filter_map(|event| match event.body() {
            Body::StepCompleted(done) if done.kind == CodeKind::Rollback => {
                Some((event.step()?.to_string(), matches!(done.outcome, Outcome::Succeeded(_))))
            }
            _ => None,
        })
        .collect();
    let end = |n: u8, well| (format!("undo {n}"), well);
    assert_eq!(ends, [end(4, false), end(3, false), end(2, false), end(1, true)]);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_child_that_is_paused_pauses_its_parent_until_somebody_lifts_the_childs_pause() {
    let world = world();
    let drive = |process: Process| {
        process.workflow(|cx| async move {
            let said = cx.child("part", |cx| async move { Ok(cx.pause::<String>("approve", "now?").await?) });
            let said: String = said.await?;
            Ok(said)
        })
    };
    let process = world.process();
    let left = drive(world.process()).await;
    let Ok(WorkflowOutcome::Paused(ticket)) = &left else { panic!("{left:?}") };
    assert_ne!(ticket.run.run.as_str(), "r");
    assert_eq!(drive(world.process()).await.unwrap(), left.clone().unwrap());
    let child = process.run(ticket.run.run.as_str()).await;
    child.resume_with(ticket.id, "ann", &"yes").await.unwrap();
    for _ in 0..2 {
        assert_eq!(drive(world.process()).await.unwrap(), WorkflowOutcome::Completed("yes".to_owned()));
    }
    assert_eq!(child.status().await.unwrap(), Status::Completed);
}

#[tokio::test]
async fn a_steps_closure_may_keep_things_in_its_run() {
    let world = world();
    let told = world.process().workflow(|cx| async move {
        for n in 0..2 {
            let run = cx.run();
            let keeps = cx.step(format!("{n}")).compute(move || async move {
                run.set_artifact("kept", &n, 1).await?;
                run.note("a topic", &n).await?;
                Ok(run.artifact::<u64>("kept").await?)
            });
            assert_eq!(keeps.await?, Some(n));
        }
        Ok(())
    });
    assert_eq!(told.await.unwrap(), WorkflowOutcome::Completed(()));
}

#[tokio::test]
async fn whoever_fails_a_run_from_outside_has_it_undone_and_says_why() {
    let (world, ran) = (world(), Ran::default());
    let drive = || {
        let counted = ran.clone();
        world.process().workflow::<(), _, _>(|cx| async move {
            cx.on_rollback("undo", move |_| async move {
                counted.once();
                Ok(())
            })
            .await?;
            Ok(cx.sleep("nap", seconds(600)).await?)
        })
    };
    assert!(matches!(drive().await, Ok(WorkflowOutcome::Sleeping(_))));
    let run = world.process().run("r").await;
    assert_eq!(run.fail("the customer is gone").await.unwrap(), Status::Cancelling);
    for _ in 0..2 {
        let failed = drive().await;
        let Err(Error::WorkflowFailed { message, .. }) = &failed else { panic!("{failed:?}") };
        assert_eq!((message.as_str(), ran.times()), ("the customer is gone", 1));
    }
}

#[tokio::test]
async fn what_was_under_way_when_a_run_was_cancelled_can_still_be_undone() {
    let (world, ran) = (world(), Ran::default());
    let (first, second, after) = (world.process(), world.process(), ran.clone());
    first.faults.plan("tool.call.after", Action::Delay(Arc::new(world.clock.clone()), seconds(8)));
    let driving = tokio::spawn(first.workflow::<(), _, _>(|cx| async move {
        cx.step("pay").tool_json("pay", FIVE).await?;
        cx.on_rollback("undo", |cx| async move {
            cx.step("refund").tool_json("send", FIVE).await?;
            Ok(())
        })
        .await?;
        cx.step("after").compute(move || async move { Ok(after.once()) }).await?;
        Ok(())
    }));
    world.settle().await;
    let run = second.run("r").await;
    let cancelled = {
        let run = run.clone();
        tokio::spawn(async move { run.cancel("ann", "enough").await })
    };
    assert_eq!(code(world.pass_time(driving).await.unwrap()), "artana::ended");
    world.pass_time(cancelled).await.unwrap().unwrap();
    assert_eq!((world.effects(), ran.times(), run.status().await.unwrap()), (2, 0, Status::Cancelled));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_child_does_not_take_over_a_run_that_was_there_before() {
    let world = world();
    let process = world.process();
    process.run("r").await;
    let drive = || {
        let kernel = process.kernel.clone();
        async move {
            let code =
                |cx: artana_kernel::WorkflowContext| async move { Ok(cx.child("part", |_| async { Ok(1_u8) }).await?) };
            kernel.workflow(&tenant(), "w", code).await
        }
    };
    let id = artana_core::decide::child_id(
        &artana_core::RunRef::new(tenant().id().unwrap().clone(), artana_core::RunId::parse("w").unwrap()),
        &artana_core::StepKey::parse("part").unwrap(),
    );
    process.run(id.as_str()).await;
    assert_eq!(code(drive().await), "artana::run_exists");
    assert_eq!(world.kinds(&process.run(id.as_str()).await).await.len(), 0);
}
