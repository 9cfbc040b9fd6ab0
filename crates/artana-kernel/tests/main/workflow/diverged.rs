//! Code that changed: what is refused, and what changes old runs survive.

use artana_core::Asked;
use artana_kernel::{Either, Error, WorkflowOutcome};

use super::{
    Ran,
    asks::{
        Ask::{self, Compute, Now, Once, Signal, Sleep, Tool},
        EVERY,
    },
    done, seconds,
};
use crate::{
    asking::echo,
    world::{Process, World, code, world},
};

/// Where the code first leaves its path, what is recorded there and what it asks.
type Found = (u64, String, String);

fn divergence(outcome: Result<WorkflowOutcome<()>, Error>) -> Found {
    let Err(Error::Diverged { divergence, .. }) = &outcome else { panic!("{outcome:?}") };
    let shown = |asked: &Option<Asked>| asked.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    (divergence.at.get(), divergence.recorded.to_string(), shown(&divergence.asked))
}

/// Runs one code until it waits, then another one, which is refused without having done anything, then the first.
async fn refused(before: &[Ask], after: &[Ask]) -> Found {
    let (world, ran) = (world(), Ran::default());
    let before = [before, &[Signal("end")]].concat();
    let after = [after, &[Signal("end")]].concat();
    world.process().asks(&before, &ran).await.unwrap();
    let done = (world.effects(), ran.times(), world.counts().appends);
    let found = divergence(world.process().asks(&after, &ran).await);
    assert_eq!((world.effects(), ran.times(), world.counts().appends), done, "{after:?}");
    let process = world.process();
    assert!(matches!(process.asks(&before, &ran).await, Ok(WorkflowOutcome::Waiting(_))));
    assert_eq!((world.effects(), ran.times()), (done.0, done.1));
    world.verify(&process.run("r").await).await;
    found
}

fn at(place: u64, recorded: &str, asked: &str) -> Found {
    (place, recorded.into(), asked.into())
}

#[tokio::test]
async fn the_first_place_where_the_code_differs_is_named() {
    let recorded = [Compute("a"), Tool("b"), Once("c"), Now];
    let changed: &[(&[Ask], Found)] = &[
        (&[Tool("b"), Compute("a"), Once("c"), Now], at(0, "compute a", "tool b")),
        (&[Compute("a"), Once("c"), Tool("b"), Now], at(1, "tool b", "once c")),
        (&[Compute("a"), Tool("renamed"), Once("c"), Now], at(1, "tool b", "tool renamed")),
        (&[Tool("b"), Once("c"), Now], at(0, "compute a", "tool b")),
        (&[Compute("a"), Tool("b"), Now], at(2, "once c", "now")),
        (&[Compute("a"), Tool("b"), Once("c")], at(3, "now", "signal end")),
        (&[Compute("new"), Compute("a"), Tool("b"), Once("c"), Now], at(0, "compute a", "compute new")),
        (&[Compute("a"), Tool("b"), Sleep("new"), Once("c"), Now], at(2, "once c", "sleep new")),
        (&[Compute("a"), Tool("b"), Once("c"), Now, Compute("new")], at(4, "signal end", "compute new")),
        (&[], at(0, "compute a", "signal end")),
    ];
    for (code, found) in changed {
        assert_eq!(refused(&recorded, code).await, *found, "{code:?}");
    }
}

#[tokio::test]
async fn another_kind_under_the_same_key_is_refused() {
    let model = echo();
    for before in EVERY {
        for after in EVERY.into_iter().filter(|after| *after != before) {
            let (world, ran) = (world(), Ran::default());
            world.asking(&model).asks(&[before, Signal("end")], &ran).await.unwrap();
            let done = (world.effects(), ran.times(), model.calls(), world.counts().appends);
            let found = divergence(world.asking(&model).asks(&[after, Signal("end")], &ran).await);
            assert_eq!(found.0, 0, "{before:?} became {after:?}: {found:?}");
            assert_ne!(found.1, found.2, "{before:?} became {after:?}");
            assert_eq!((world.effects(), ran.times(), model.calls(), world.counts().appends), done);
        }
    }
}

#[tokio::test]
async fn a_step_inserted_before_a_race_is_refused() {
    let world = world();
    let racing = |process: Process, first: bool| async move {
        process
            .workflow(move |cx| async move {
                if first {
                    cx.step("first").compute(|| async { Ok(()) }).await?;
                }
                let won = cx.race(cx.step("fast").compute(|| async { Ok(1) }), cx.sleep("limit", seconds(60))).await;
                assert!(matches!(won, Either::Left(Ok(1))));
                Ok(cx.signal::<()>("end").await?)
            })
            .await
    };
    racing(world.process(), false).await.unwrap();
    assert_eq!(divergence(racing(world.process(), true).await), at(0, "compute fast", "compute first"));
    racing(world.process(), false).await.unwrap();
}

#[tokio::test]
async fn code_that_ends_too_early_is_refused_whether_it_returns_or_fails() {
    let (world, ran) = (world(), Ran::default());
    world.process().asks(&[Compute("a"), Compute("b"), Signal("end")], &ran).await.unwrap();
    assert_eq!(divergence(world.process().asks(&[Compute("a")], &ran).await), at(1, "compute b", "-"));
    let failing = world.process().workflow::<(), _, _>(|cx| async move {
        cx.step("a").compute(|| async { Ok(1_u64) }).await?;
        Err(artana_kernel::Failure::new("no luck"))
    });
    assert_eq!(divergence(failing.await), at(1, "compute b", "-"));
    assert_eq!(world.process().run("r").await.status().await.unwrap(), artana_core::Status::Sleeping);
}

/// What a run did: the keys of its steps.
async fn keys(world: &World, process: &Process) -> Vec<String> {
    let events = world.events(&process.run("r").await).await;
    events.iter().filter_map(|event| event.step().map(ToString::to_string)).collect()
}

#[tokio::test]
async fn old_runs_finish_on_the_old_path_and_new_ones_take_the_new() {
    let old = |process: Process| async move {
        process
            .workflow(|cx| async move {
                cx.step("old").compute(|| async { Ok(()) }).await?;
                Ok(cx.signal::<String>("end").await?)
            })
            .await
    };
    let new = |process: Process| async move {
        let outcome = process
            .workflow(|cx| async move {
                let key = if cx.patched("a change").await? { "new" } else { "old" };
                cx.step(key).compute(|| async { Ok(()) }).await?;
                let end = cx.signal::<String>("end").await?;
                // A change that no run has come to yet is taken by all.
                let later = if cx.patched("a later change").await? { "new too" } else { "old too" };
                cx.step(later).compute(|| async { Ok(()) }).await?;
                Ok(end)
            })
            .await;
        (outcome, process)
    };
    for started_before in [true, false] {
        let world = world();
        if started_before {
            old(world.process()).await.unwrap();
        }
        for _ in 0..2 {
            assert!(matches!(new(world.process()).await.0, Ok(WorkflowOutcome::Waiting(_))));
        }
        let run = world.process().run("r").await;
        run.signal("end", "ann", &"it ends").await.unwrap();
        for _ in 0..2 {
            let (outcome, process) = new(world.process()).await;
            assert_eq!(done(outcome), "it ends");
            let path = if started_before { ["old", "new too"] } else { ["new", "new too"] };
            assert_eq!(keys(&world, &process).await, path);
        }
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_change_in_a_loop_is_taken_in_all_rounds_or_in_none() {
    let looping = |process: Process, changed: bool| async move {
        process
            .workflow(move |cx| async move {
                for round in 0..3 {
                    let new = changed && cx.patched("a change").await?;
                    let key = format!("{} {round}", if new { "new" } else { "old" });
                    cx.step(key).compute(|| async { Ok(()) }).await?;
                    cx.signal::<()>("next").await?;
                }
                Ok(())
            })
            .await
    };
    for started_before in [true, false] {
        let world = world();
        looping(world.process(), !started_before).await.unwrap();
        let process = world.process();
        let run = process.run("r").await;
        for _ in 0..3 {
            run.signal("next", "ann", &()).await.unwrap();
            looping(world.process(), true).await.unwrap();
        }
        let path: Vec<String> =
            (0..3).map(|round| format!("{} {round}", if started_before { "old" } else { "new" })).collect();
        assert_eq!(keys(&world, &process).await, path);
        assert_eq!(run.status().await.unwrap(), artana_core::Status::Completed);
    }
}

#[tokio::test]
async fn a_run_that_is_no_workflow_is_not_driven_as_one() {
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    let run = process.run("r").await;
    let before = world.counts();
    assert_eq!(code(process.asks(&[Compute("a")], &ran).await), "artana::not_that_workflow");
    assert_eq!((world.counts(), ran.times(), world.kinds(&run).await.len()), (before, 0, 0));
}
