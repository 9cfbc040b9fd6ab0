//! How a workflow ends: failed and undone, cancelled and undone, or refused.

use artana_core::Status;
use artana_kernel::{Error, Failure, WorkflowOutcome};

use super::{Ran, seconds};
use crate::world::{FIVE, code, world};

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
