//! What a workflow waits for: instants, signals, people.

use artana_core::Status;
use artana_kernel::{Either, WorkflowOutcome};

use super::{done, seconds};
use crate::world::world;

#[tokio::test]
async fn a_sleep_survives_restarts_and_ends_at_its_time() {
    let world = world();
    let asleep = || world.process();
    let code = |process: crate::world::Process| async move {
        process
            .workflow(|cx| async move {
                cx.sleep("nap", seconds(3600)).await?;
                Ok("awake".to_owned())
            })
            .await
            .unwrap()
    };
    let WorkflowOutcome::Sleeping(until) = code(asleep()).await else { panic!("it sleeps") };
    world.clock.advance(seconds(1800));
    assert_eq!(code(asleep()).await, WorkflowOutcome::Sleeping(until));
    let process = world.process();
    assert_eq!(process.run("r").await.status().await.unwrap(), Status::Sleeping);
    world.clock.advance(seconds(1800));
    assert_eq!(code(process).await, WorkflowOutcome::Completed("awake".into()));
}

#[tokio::test]
async fn a_signal_is_received_once_in_the_order_of_sending() {
    let world = world();
    let process = world.process();
    let code = || async {
        process
            .workflow(|cx| async move {
                let first = cx.signal::<u32>("n").await?;
                let second = cx.signal::<u32>("n").await?;
                Ok(first * 10 + second)
            })
            .await
            .unwrap()
    };
    assert!(matches!(code().await, WorkflowOutcome::Waiting(awaited) if awaited.signal.as_str() == "n"));
    let run = process.run("r").await;
    run.signal("n", "ann", &4).await.unwrap();
    assert!(matches!(code().await, WorkflowOutcome::Waiting(_)));
    run.signal("other", "ann", &9).await.unwrap();
    run.signal("n", "ann", &2).await.unwrap();
    assert_eq!(code().await, WorkflowOutcome::Completed(42));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_signal_that_was_taken_is_no_longer_waited_for() {
    let world = world();
    let code = |process: crate::world::Process| async move {
        let outcome = process.workflow(|cx| async move {
            let first = cx.signal::<u32>("n").await?;
            Ok(first * 10 + cx.signal::<u32>("n").await?)
        });
        outcome.await.unwrap()
    };
    let open = |state: &artana_core::RunState| state.waits().map(|(at, ..)| at.get()).collect::<Vec<_>>();
    code(world.process()).await;
    let run = world.process().run("r").await;
    assert_eq!(run.latest(open).await.unwrap(), [0]);
    run.signal("n", "ann", &4).await.unwrap();
    // Another life takes it.
    assert!(matches!(code(world.process()).await, WorkflowOutcome::Waiting(_)));
    assert_eq!(run.latest(open).await.unwrap(), [1]);
    run.signal("n", "ann", &2).await.unwrap();
    assert_eq!(code(world.process()).await, WorkflowOutcome::Completed(42));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_pause_returns_what_a_person_said() {
    let world = world();
    let process = world.process();
    let code = || async {
        process.workflow(|cx| async move { Ok(cx.pause::<String>("approve", "Send the mail?").await?) }).await.unwrap()
    };
    let WorkflowOutcome::Paused(ticket) = code().await else { panic!("it is paused") };
    assert_eq!(code().await, WorkflowOutcome::Paused(ticket.clone()));
    let run = process.run("r").await;
    assert_eq!(run.status().await.unwrap(), Status::Paused);
    run.resume_with(ticket.id, "ann", &"yes").await.unwrap();
    assert_eq!(code().await, WorkflowOutcome::Completed("yes".to_owned()));
}

#[tokio::test]
async fn a_race_has_the_same_winner_in_every_life() {
    let world = world();
    let code = |process: crate::world::Process| async move {
        process
            .workflow(|cx| async move {
                let won = cx.race(cx.pause::<String>("approve", "now?"), cx.sleep("limit", seconds(60))).await;
                let said = match won {
                    Either::Left(said) => said?,
                    Either::Right(late) => late.map(|()| "too late".to_owned())?,
                };
                cx.step("note").compute(|| async { Ok(1) }).await?;
                Ok(said)
            })
            .await
            .unwrap()
    };
    assert!(matches!(code(world.process()).await, WorkflowOutcome::Paused(_)));
    world.clock.advance(seconds(61));
    for _ in 0..2 {
        assert_eq!(code(world.process()).await, WorkflowOutcome::Completed("too late".to_owned()));
    }
    let run = world.process().run("r").await;
    assert_eq!(run.status().await.unwrap(), Status::Completed);
}

#[tokio::test]
async fn drawn_values_are_the_same_in_every_life() {
    let world = world();
    let code = |process: crate::world::Process| async move {
        process
            .workflow(|cx| async move {
                let drawn = (cx.now().await?.as_micros(), cx.random().await?, cx.uuid().await?);
                cx.signal::<()>("end").await?;
                Ok(drawn)
            })
            .await
            .unwrap()
    };
    assert!(matches!(code(world.process()).await, WorkflowOutcome::Waiting(_)));
    let process = world.process();
    let run = process.run("r").await;
    world.clock.advance(seconds(5));
    assert!(matches!(code(world.process()).await, WorkflowOutcome::Waiting(_)));
    run.signal("end", "ann", &()).await.unwrap();
    let first = done(Ok(code(process).await));
    assert_eq!(done(Ok(code(world.process()).await)), first);
}

#[tokio::test]
async fn a_sleep_without_end_and_one_without_length_are_sleeps_like_others() {
    let world = world();
    let code = || {
        world.process().workflow(|cx| async move {
            cx.sleep("short", std::time::Duration::ZERO).await?;
            Ok(cx.sleep("long", std::time::Duration::MAX).await?)
        })
    };
    let WorkflowOutcome::Sleeping(until) = code().await.unwrap() else { panic!("it sleeps") };
    world.clock.advance(seconds(1_000_000_000));
    assert_eq!(code().await.unwrap(), WorkflowOutcome::Sleeping(until));
    world.clock.jump(-1_000_000_000);
    assert_eq!(code().await.unwrap(), WorkflowOutcome::Sleeping(until));
}

#[tokio::test]
async fn the_signal_of_a_child_is_waited_for_in_the_childs_name() {
    let world = world();
    let process = world.process();
    let code = || async {
        let asks = process.workflow(|cx| async move {
            Ok(cx.child("ask", |cx| async move { Ok(cx.signal::<u32>("answer").await?) }).await?)
        });
        asks.await.unwrap()
    };
    let WorkflowOutcome::Waiting(awaited) = code().await else { panic!("it waits for a signal") };
    assert_eq!((awaited.run.run.as_str(), awaited.signal.as_str()), ("r/ask", "answer"));
    let child = process.kernel.open_run(&crate::world::tenant(), awaited.run.run.as_str()).await.unwrap();
    child.signal(awaited.signal.as_str(), "ann", &7).await.unwrap();
    assert_eq!(code().await, WorkflowOutcome::Completed(7));
}
