//! Forks of workflows that a person made: each run undoes what it registered itself, and comes to its end.

use artana_core::{
    Status, StepKey,
    decide::ReplayPolicy,
    event::{Body, CodeKind, Outcome},
};
use artana_kernel::{Error, Failure, Run, WorkflowOutcome};

use super::Ran;
use crate::{
    asking::{ONE, echo},
    world::{FIVE, Process, World, tenant, world},
};

/// Registers something before a question and something after it, and waits.
async fn drive(process: &Process, id: &str, undone: [&Ran; 2]) -> Result<WorkflowOutcome<()>, Error> {
    let [before, after] = undone.map(Ran::clone);
    let tenant = tenant();
    let driven = process.kernel.workflow(&tenant, id, |cx| async move {
        cx.on_rollback("undo/before", |cx| async move {
            cx.step("back").tool_json("pay", FIVE).await?;
            before.once();
            Ok(())
        })
        .await?;
        cx.step("forth").tool_json("pay", FIVE).await?;
        cx.step("ask").model(ONE).prompt("how much").await?;
        cx.on_rollback("undo/after", |cx| async move {
            cx.step("back").tool_json("pay", FIVE).await?;
            after.once();
            Ok(())
        })
        .await?;
        Ok(cx.signal::<()>("end").await?)
    });
    driven.await
}

/// What each compensation of a run came to.
async fn undoing(world: &World, run: &Run) -> Vec<(StepKey, bool)> {
    let events = world.events(run).await.into_iter();
    let ends = events.filter_map(|event| match event.body() {
        Body::StepCompleted(done) if done.kind == CodeKind::Rollback => {
            Some((event.step()?.clone(), matches!(done.outcome, Outcome::Succeeded(_))))
        }
        _ => None,
    });
    ends.collect()
}

fn key(key: &str) -> StepKey {
    StepKey::parse(key).unwrap()
}

async fn undoes(ran: Ran) -> Result<(), Failure> {
    ran.once();
    Ok(())
}

fn is_cancelled<T>(left: &Result<WorkflowOutcome<T>, Error>) -> bool {
    matches!(left, Err(Error::Ended { status: Status::Cancelled, .. }))
}

#[tokio::test]
async fn a_fork_by_hand_undoes_what_it_registered_and_leaves_the_rest_to_its_parent() {
    let (world, theirs, own) = (world(), [Ran::default(), Ran::default()], [Ran::default(), Ran::default()]);
    let process = world.asking(&echo());
    drive(&process, "r", theirs.each_ref()).await.unwrap();
    let run = process.run("r").await;
    let fork = run.fork_at("ask", "by-hand", "ann").await.unwrap();
    assert!(matches!(drive(&process, "by-hand", own.each_ref()).await, Ok(WorkflowOutcome::Waiting(_))));
    assert_eq!(world.effects(), 1, "forth, once for both");
    fork.cancel("ann", "another way").await.unwrap();
    let left = drive(&process, "by-hand", own.each_ref()).await;
    assert!(is_cancelled(&left), "{left:?}");
    assert_eq!((own.each_ref().map(Ran::times), theirs.each_ref().map(Ran::times)), ([0, 1], [0, 0]));
    assert_eq!(undoing(&world, &fork).await, [(key("undo/after"), true)]);
    assert_eq!((world.effects(), run.status().await.unwrap()), (2, Status::Sleeping), "the parent goes on as it was");

    // Its own later compensation is under the same key, and the fork has carried that effect out.
    run.cancel("ann", "enough").await.unwrap();
    let left = drive(&world.asking(&echo()), "r", theirs.each_ref()).await;
    assert!(is_cancelled(&left), "{left:?}");
    assert_eq!(undoing(&world, &run).await, [(key("undo/after"), false), (key("undo/before"), true)]);
    assert_eq!((theirs.each_ref().map(Ran::times), world.effects()), ([1, 0], 3));
    assert_eq!(run.status().await.unwrap(), Status::Cancelled);
    for run in [&run, &fork] {
        world.verify(run).await;
    }
}

#[tokio::test]
async fn a_fork_of_a_fork_by_hand_that_the_rest_moves_to_takes_over_what_that_registered() {
    let (world, undone) = (world(), [Ran::default(), Ran::default()]);
    let process = world.asking(&echo());
    let asks = async |id: &'static str, question: &'static str| {
        let [first, second] = undone.clone();
        let tenant = tenant();
        let driven = process.kernel.workflow(&tenant, id, move |cx| async move {
            cx.on_rollback("first", |_| undoes(first)).await?;
            cx.step("one").model(ONE).prompt("hello").await?;
            cx.on_rollback("second", |_| undoes(second)).await?;
            cx.step("two").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift).await?;
            Ok(cx.signal::<()>("end").await?)
        });
        driven.await
    };
    asks("r", "how much").await.unwrap();
    let by_hand = process.run("r").await.fork_at("one", "by-hand", "ann").await.unwrap();
    asks("by-hand", "how much").await.unwrap();
    asks("by-hand", "how many").await.unwrap();
    let [(rest, _)] = by_hand.forks().await.unwrap().try_into().unwrap();
    let rest = process.kernel.open_run(&tenant(), rest.as_str()).await.unwrap();
    rest.cancel("ann", "enough").await.unwrap();
    let left = asks("by-hand", "how many").await;
    assert!(is_cancelled(&left), "{left:?}");
    assert_eq!(undone.each_ref().map(Ran::times), [0, 1]);
    assert_eq!(undoing(&world, &rest).await, [(key("second"), true)]);
}
