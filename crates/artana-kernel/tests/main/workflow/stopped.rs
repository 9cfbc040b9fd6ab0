//! Runs that are paused, ending or ended start nothing new, whoever asks and whatever is asked.

use artana_core::Status;
use artana_kernel::{Error, Run, WorkflowOutcome};
use artana_testkit::{ScriptedModel, fault::Action};

use super::{
    Ran,
    asks::{
        Ask::{self, Blocking, Child, Compute, Model, OnRollback, Once, Pause, Retried, Signal, Sleep, Tool},
        every_verb,
    },
    seconds,
};
use crate::{
    asking::{ONE, echo},
    world::{FIVE, Process, World, call, code, world},
};

/// What somebody does to a run, and what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Pause,
    Block,
    Cancel,
    Fail,
    Complete,
}

const STOPS: [Stop; 5] = [Stop::Pause, Stop::Block, Stop::Cancel, Stop::Fail, Stop::Complete];

impl Stop {
    async fn it(self, run: &Run) {
        match self {
            Self::Pause => drop(run.pause("ann", "let me see").await.unwrap()),
            Self::Block => drop(run.block("audit", "ann", &"a word").await.unwrap()),
            Self::Cancel => drop(run.cancel("ann", "enough").await.unwrap()),
            Self::Fail => drop(run.fail("no luck").await.unwrap()),
            Self::Complete => run.finish().await.unwrap(),
        }
    }

    fn fits(self, left: &Result<WorkflowOutcome<()>, Error>) -> bool {
        match self {
            Self::Pause | Self::Block => matches!(left, Ok(WorkflowOutcome::Paused(_))),
            Self::Cancel => matches!(left, Err(Error::Ended { status: Status::Cancelled, .. })),
            Self::Fail => matches!(left, Err(Error::WorkflowFailed { .. })),
            Self::Complete => matches!(left, Ok(WorkflowOutcome::Completed(()))),
        }
    }
}

/// Everything that would be seen outside of the ledger.
fn seen(world: &World, ran: &Ran, model: &ScriptedModel) -> (usize, u64, usize) {
    (world.effects(), ran.times(), model.calls())
}

/// Leaves a workflow waiting for the signal `go`, and sends it.
async fn about_to_go_on(process: &Process, ran: &Ran) -> Run {
    assert!(matches!(process.asks(&[Signal("go")], ran).await, Ok(WorkflowOutcome::Waiting(_))));
    let run = process.run("r").await;
    run.signal("go", "ann", &()).await.unwrap();
    run
}

/// What records that somebody waits is no effect, and is allowed in a paused run.
fn is_effect(kind: &str) -> bool {
    !["wait_started", "paused", "resumed", "compensation_registered", "run_finished"].contains(&kind)
}

#[tokio::test]
async fn a_workflow_that_is_stopped_starts_nothing() {
    for stop in STOPS {
        for ask in every_verb() {
            let (world, ran, model) = (world(), Ran::default(), echo());
            let process = world.asking(&model);
            let run = about_to_go_on(&process, &ran).await;
            stop.it(&run).await;
            let before = world.kinds(&run).await.len();
            let left = world.asking(&model).asks(&[Signal("go"), ask], &ran).await;
            assert!(stop.fits(&left), "{stop:?}, {ask:?}: {left:?}");
            assert_eq!(seen(&world, &ran, &model), (0, 0, 0), "{stop:?}, {ask:?}");
            let since = world.kinds(&run).await.split_off(before);
            // What a run that is ending is told to undo is undone.
            let undoes = matches!(ask, OnRollback(_));
            assert!(undoes || !since.iter().any(|kind| is_effect(kind)), "{stop:?}, {ask:?}: {since:?}");
            world.verify(&run).await;
        }
    }
}

#[tokio::test]
async fn a_paused_workflow_goes_on_when_it_is_resumed() {
    for ask in every_verb().filter(|ask| !matches!(ask, Pause(_) | Signal(_) | Sleep(_))) {
        let (world, ran, model) = (world(), Ran::default(), echo());
        let process = world.asking(&model);
        let run = about_to_go_on(&process, &ran).await;
        run.pause("ann", "let me see").await.unwrap();
        let asks = [Signal("go"), ask];
        assert!(matches!(process.asks(&asks, &ran).await, Ok(WorkflowOutcome::Paused(_))));
        run.resume("ann").await.unwrap();
        for _ in 0..2 {
            assert_eq!(
                world.asking(&model).asks(&asks, &ran).await.unwrap(),
                WorkflowOutcome::Completed(()),
                "{ask:?}"
            );
        }
        let (effects, times, calls) = seen(&world, &ran, &model);
        assert!(effects + calls + usize::try_from(times).unwrap() <= 1, "{ask:?}");
    }
}

#[tokio::test]
async fn a_plain_step_of_a_stopped_workflow_starts_nothing() {
    for stop in STOPS {
        let (world, ran, model) = (world(), Ran::default(), echo());
        let process = world.asking(&model);
        let run = about_to_go_on(&process, &ran).await;
        stop.it(&run).await;
        let before = world.kinds(&run).await;
        let (computed, once) = (ran.clone(), ran.clone());
        let refused = [
            code(call(&run, "a", "look").await),
            code(call(&run, "a", "pay").await),
            code(call(&run, "a", "mail").await),
            code(run.step("a").model(ONE).prompt("hello").await),
            code(run.step("a").compute(move || async move { Ok(computed.once()) }).await),
            code(run.step("a").once(move || async move { Ok(once.once()) }).await),
            code(run.step("a").compute_blocking(|| Ok(1)).await),
        ];
        assert_eq!(refused, ["artana::not_running"; 7], "{stop:?}");
        assert_eq!((seen(&world, &ran, &model), world.looks()), ((0, 0, 0), 0));
        assert_eq!(world.kinds(&run).await, before);
    }
}

#[tokio::test]
async fn whoever_stops_a_run_at_the_very_moment_of_an_append_is_heard() {
    for stop in STOPS.into_iter().filter(|stop| *stop != Stop::Complete) {
        for ask in every_verb() {
            let (world, ran, model) = (world(), Ran::default(), echo());
            about_to_go_on(&world.asking(&model), &ran).await;
            let (first, second) = (world.asking(&model), world.asking(&model));
            first.faults.plan("append.before", Action::Delay(std::sync::Arc::new(world.clock.clone()), seconds(5)));
            let noted = ran.clone();
            let driving = tokio::spawn(async move { first.asks(&[Signal("go"), ask], &noted).await });
            world.settle().await;
            let run = second.run("r").await;
            stop.it(&run).await;
            let left = world.pass_time(driving).await.unwrap();
            let told = format!("{stop:?}, {ask:?}: {left:?}");
            assert!(stop.fits(&left), "{told}");
            assert_eq!((world.effects(), model.calls()), (0, 0), "{told}");
            assert!(
                ran.times() == 0 || matches!(ask, Compute(_) | Blocking(_) | Retried(_)),
                "{told}: what may be repeated may have run"
            );
            // Nobody holds the run, and another process is told the same.
            let again = second.asks(&[Signal("go"), ask], &ran).await;
            assert_ne!(again.as_ref().err().map(Error::code), Some("artana::fenced"), "{told}");
            world.verify(&run).await;
        }
    }
}

#[tokio::test]
async fn cancelling_while_a_tool_is_under_way_waits_for_its_outcome_and_undoes() {
    let (world, ran) = (world(), Ran::default());
    let (first, second) = (world.process(), world.process());
    first.faults.plan("tool.call.after", Action::Delay(std::sync::Arc::new(world.clock.clone()), seconds(8)));
    let asks = |process: Process, ran: Ran| async move {
        process
            .workflow::<(), _, _>(|cx| async move {
                cx.on_rollback("undo", |cx| async move {
                    cx.step("refund").tool_json("send", FIVE).await?;
                    Ok(())
                })
                .await?;
                Tool("pay").of(&cx, &ran).await?;
                Compute("after").of(&cx, &ran).await?;
                Ok(())
            })
            .await
    };
    let driving = tokio::spawn(asks(first, ran.clone()));
    world.settle().await;
    let run = second.run("r").await;
    let cancelled = {
        let run = run.clone();
        tokio::spawn(async move { run.cancel("ann", "enough").await })
    };
    let left = world.pass_time(driving).await.unwrap();
    assert!(matches!(left, Err(Error::Ended { status: Status::Cancelled, .. })), "{left:?}");
    world.pass_time(cancelled).await.unwrap().unwrap();
    assert_eq!((world.effects(), ran.times()), (2, 0));
    let ends: Vec<String> = world
        .kinds(&run)
        .await
        .into_iter()
        .filter(|kind| kind.ends_with("completed") || kind.contains("run_"))
        .collect();
    assert_eq!(ends, ["tool_completed", "tool_completed", "step_completed", "run_finished"]);
    assert_eq!(run.status().await.unwrap(), Status::Cancelled);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_sleeping_run_with_nothing_to_undo_is_cancelled_at_once() {
    for ask in [Sleep("nap"), Signal("go"), Pause("approve")] {
        let (world, ran) = (world(), Ran::default());
        let process = world.process();
        process.asks(&[Compute("a"), ask], &ran).await.unwrap();
        let run = world.process().run("r").await;
        assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelled, "{ask:?}");
        assert_eq!(code(process.asks(&[Compute("a"), ask], &ran).await), "artana::ended");
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn cancelling_a_run_that_waits_for_a_child_cancels_the_child() {
    let (world, ran) = (world(), Ran::default());
    let code_of = |process: Process, ran: Ran| async move {
        process
            .workflow::<(), _, _>(|cx| async move {
                let child = cx.child::<(), _, _>("part", move |cx| async move {
                    cx.on_rollback("undo", move |_| async move {
                        ran.once();
                        Ok(())
                    })
                    .await?;
                    Ok(cx.sleep("nap", seconds(600)).await?)
                });
                Ok(child.await?)
            })
            .await
    };
    assert!(matches!(code_of(world.process(), ran.clone()).await, Ok(WorkflowOutcome::Sleeping(_))));
    let process = world.process();
    let run = process.run("r").await;
    run.cancel("ann", "enough").await.unwrap();
    assert_eq!(code(code_of(world.process(), ran.clone()).await), "artana::ended");
    let child = run.latest(|state| match state.steps().find(|(key, _)| key.as_str() == "part") {
        Some((_, artana_core::Step::Child(child))) => child.run.clone(),
        other => panic!("{other:?}"),
    });
    let child = process.run(child.await.unwrap().as_str()).await;
    assert_eq!((child.status().await.unwrap(), run.status().await.unwrap()), (Status::Cancelled, Status::Cancelled));
    assert_eq!(ran.times(), 1, "the child undid what it had done");
}

#[tokio::test]
async fn a_workflow_that_is_ending_is_undone_by_its_own_code_alone() {
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    process.asks(&[OnRollback("undo"), Signal("go")], &ran).await.unwrap();
    let run = process.run("r").await;
    assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelling);
    for step in ["undo/refund", "other"] {
        assert_eq!(code(run.step(step).tool_json("send", FIVE).await), "artana::not_running");
        assert_eq!(code(run.step(step).tool_json("pay", FIVE).await), "artana::not_running");
    }
    assert_eq!(world.effects(), 0);
}

#[tokio::test]
async fn a_finished_workflow_answers_without_an_append_or_a_call() {
    let (world, ran, model) = (world(), Ran::default(), echo());
    let asks = [Compute("a"), Once("b"), Tool("c"), Model("d"), Child("e"), OnRollback("f"), Ask::Now, Ask::Random];
    world.asking(&model).asks(&asks, &ran).await.unwrap();
    let (appends, before) = (world.counts().appends, seen(&world, &ran, &model));
    for process in [world.asking(&model), world.process()] {
        let never = process.workflow::<(), _, _>(|_| async { unreachable!("the ledger answers") });
        assert_eq!(never.await.unwrap(), WorkflowOutcome::Completed(()));
        let counts = crate::counted::spent(&world, async {
            process.asks(&asks, &ran).await.unwrap();
        });
        assert_eq!((counts.await.appends, world.counts().appends), (0, appends));
    }
    assert_eq!(seen(&world, &ran, &model), before);
    assert_eq!(before, (1, 3, 1));
}
