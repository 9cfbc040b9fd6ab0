//! What a workflow waits for: instants, signals, people.

use std::sync::{Arc, Mutex};

use artana_core::Status;
use artana_kernel::{Either, WorkflowOutcome};

use super::{done, seconds};
use crate::world::{Process, world};

/// What each life of a workflow saw, told past the ledger.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, saw: &str) {
        self.0.lock().unwrap().push(saw.to_owned());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_sleep_survives_restarts_and_ends_at_its_time() {
    let world = world();
    let asleep = || world.process();
    let code = |process: Process| async move {
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
    let code = |process: Process| async move {
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
    let (world, seen) = (world(), Seen::default());
    let code = |process: Process| {
        let seen = seen.clone();
        process.workflow(move |cx| async move {
            let won = cx.race(cx.pause::<String>("approve", "now?"), cx.sleep("limit", seconds(60))).await;
            let said = match won {
                Either::Left(said) => said?,
                Either::Right(late) => late.map(|()| "too late".to_owned())?,
            };
            seen.note(&said);
            cx.step("note").compute(|| async { Ok(1) }).await?;
            cx.signal::<()>("end").await?;
            Ok(said)
        })
    };
    assert!(matches!(code(world.process()).await, Ok(WorkflowOutcome::Paused(_))));
    world.clock.advance(seconds(61));
    // The pause of the loser is lifted, so both have an answer from the second life on.
    for _ in 0..3 {
        assert!(matches!(code(world.process()).await, Ok(WorkflowOutcome::Waiting(_))));
    }
    assert_eq!(seen.all(), ["too late"; 3]);
    let run = world.process().run("r").await;
    run.signal("end", "ann", &()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(done(code(world.process()).await), "too late");
    }
    assert_eq!((seen.all().len(), run.status().await.unwrap()), (4, Status::Completed));
    world.verify(&run).await;
}

#[tokio::test]
async fn drawn_values_are_the_same_in_every_life() {
    let (world, seen) = (world(), Seen::default());
    let code = |process: Process| {
        let seen = seen.clone();
        process.workflow(move |cx| async move {
            let drawn = (cx.now().await?, cx.random().await?, cx.uuid().await?);
            let beside = cx.join(cx.now(), cx.join(cx.random(), cx.uuid())).await;
            let beside = (beside.0?, beside.1.0?, beside.1.1?);
            let raced = match cx.race(cx.random(), cx.uuid()).await {
                Either::Left(number) => number?.to_string(),
                Either::Right(id) => id?,
            };
            assert_ne!((drawn.1, &drawn.2), (beside.1, &beside.2), "each is drawn by itself");
            seen.note(&format!("{drawn:?} {beside:?} {raced}"));
            cx.signal::<()>("end").await?;
            Ok(())
        })
    };
    for _ in 0..3 {
        assert!(matches!(code(world.process()).await, Ok(WorkflowOutcome::Waiting(_))));
        world.clock.advance(seconds(5));
    }
    world.process().run("r").await.signal("end", "ann", &()).await.unwrap();
    done(code(world.process()).await);
    let lives = seen.all();
    assert_eq!(lives, vec![lives[0].clone(); 4]);
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
