//! Workflows whose rest goes on in a fork, and steps whose content was erased.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use artana_core::{
    Status,
    decide::ReplayPolicy,
    event::{Body, Outcome, StepCompleted},
};
use artana_kernel::{Error, Run, Worker, WorkflowContext, WorkflowOutcome};

use super::{
    Ran,
    asks::Ask::{Compute, Once, Tool},
    done,
};
use crate::{
    asking::{ONE, echo},
    world::{Process, World, code, tenant, world},
};

/// Opens the one fork of a run.
async fn only_fork(world: &World, run: &Run) -> Run {
    let [(fork, _)] = run.forks().await.unwrap().try_into().unwrap();
    world.process().run(fork.as_str()).await
}

/// Asks a question between an effect and what follows, in a fork where it is asked otherwise.
async fn asks(process: &Process, question: &str, ran: &Ran) -> Result<WorkflowOutcome<String>, Error> {
    let (question, ran) = (question.to_owned(), ran.clone());
    let outcome = process.workflow(|cx| async move {
        Tool("before").of(&cx, &ran).await?;
        let asked = cx.step("ask").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift);
        let said = asked.await?.into_output();
        Compute("compute").of(&cx, &ran).await?;
        cx.signal::<()>("end").await?;
        Ok(said)
    });
    outcome.await
}

#[tokio::test]
async fn a_changed_question_moves_the_rest_to_a_fork_in_every_life() {
    let (world, ran, model) = (world(), Ran::default(), echo());
    assert!(matches!(asks(&world.asking(&model), "how much", &ran).await, Ok(WorkflowOutcome::Waiting(_))));
    assert_eq!((world.effects(), ran.times(), model.calls()), (1, 1, 1));
    let process = world.asking(&model);
    let run = process.run("r").await;
    for _ in 0..2 {
        let left = asks(&world.asking(&model), "how many", &ran).await;
        assert!(matches!(left, Ok(WorkflowOutcome::Waiting(_))), "{left:?}");
        assert_eq!((world.effects(), ran.times(), model.calls()), (1, 2, 2), "what came before is shared");
    }
    let [(fork, _)] = run.forks().await.unwrap().try_into().unwrap();
    let fork = process.kernel.open_run(&tenant(), fork.as_str()).await.unwrap();
    assert_eq!((fork.status().await.unwrap(), run.status().await.unwrap()), (Status::Sleeping, Status::Sleeping));
    fork.signal("end", "ann", &()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(done(asks(&world.asking(&model), "how many", &ran).await), "re: how many");
    }
    assert_eq!((world.effects(), ran.times(), model.calls()), (1, 2, 2));
    // The end of the rest is the run's own end, however it is asked now.
    for run in [&run, &fork] {
        assert_eq!(run.status().await.unwrap(), Status::Completed);
    }
    assert_eq!(done(asks(&world.asking(&model), "how much", &ran).await), "re: how many");
    for run in [&run, &fork] {
        world.verify(run).await;
    }
}

#[tokio::test]
async fn a_paused_run_is_not_moved_and_a_moved_one_is_paused_in_its_fork() {
    let (world, ran, model) = (world(), Ran::default(), echo());
    asks(&world.asking(&model), "how much", &ran).await.unwrap();
    let run = world.process().run("r").await;
    run.pause("ann", "a look at it").await.unwrap();
    let left = asks(&world.asking(&model), "how many", &ran).await;
    assert!(matches!(left, Ok(WorkflowOutcome::Paused(_))), "{left:?}");
    assert_eq!((world.effects(), ran.times(), model.calls(), run.forks().await.unwrap().len()), (1, 1, 1, 0));
    run.resume("ann").await.unwrap();
    let left = asks(&world.asking(&model), "how many", &ran).await;
    assert!(matches!(left, Ok(WorkflowOutcome::Waiting(_))), "{left:?}");
    let fork = only_fork(&world, &run).await;
    fork.pause("ann", "once more").await.unwrap();
    fork.signal("end", "ann", &()).await.unwrap();
    let left = asks(&world.asking(&model), "how many", &ran).await;
    assert!(matches!(left, Ok(WorkflowOutcome::Paused(_))), "{left:?}");
    fork.resume("ann").await.unwrap();
    assert_eq!(done(asks(&world.asking(&model), "how many", &ran).await), "re: how many");
}

#[tokio::test]
async fn a_run_whose_rest_is_in_a_fork_names_the_fork_to_whoever_tells_it_something() {
    let (world, ran, model) = (world(), Ran::default(), echo());
    asks(&world.asking(&model), "how much", &ran).await.unwrap();
    asks(&world.asking(&model), "how many", &ran).await.unwrap();
    let run = world.process().run("r").await;
    let (fork, before) = (only_fork(&world, &run).await, world.kinds(&run).await);
    let refused = [
        run.signal("end", "ann", &()).await.unwrap_err(),
        run.pause("ann", "look").await.unwrap_err(),
        run.block("look", "ann", &()).await.unwrap_err(),
        run.unblock("look", "ann").await.unwrap_err(),
        run.resume("ann").await.unwrap_err(),
        run.cancel("ann", "enough").await.unwrap_err(),
        run.fail("enough").await.unwrap_err(),
        run.finish().await.unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(&error, Error::Moved { fork: named, .. } if named.as_str() == fork.id()), "{error:?}");
        assert_eq!(error.code(), "artana::moved");
    }
    assert_eq!(world.kinds(&run).await, before);
    fork.cancel("ann", "enough").await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::Cancelled, "nobody drives anything");
    assert_eq!(run.signal("end", "ann", &()).await.unwrap_err().code(), "artana::ended");
    world.verify(&run).await;
}

#[tokio::test]
async fn a_changed_question_is_refused_unless_a_fork_is_allowed() {
    let (world, ran, model) = (world(), Ran::default(), echo());
    asks(&world.asking(&model), "how much", &ran).await.unwrap();
    let strict = world.asking(&model).workflow(|cx| async move {
        Tool("before").of(&cx, &Ran::default()).await?;
        let _ = cx.step("ask").model(ONE).prompt("how many").await;
        Ok(())
    });
    assert_eq!(code(strict.await), "artana::drift");
    assert_eq!(model.calls(), 1);
}

#[tokio::test]
async fn a_step_whose_content_was_erased_is_no_answer_and_never_runs_again() {
    let (world, ran) = (world(), Ran::default());
    let (store, kernel) = crate::erased::forgetting(&world, &echo());
    let tenant = tenant();
    let drive = |swallows: bool| {
        let ran = ran.clone();
        kernel.workflow(&tenant, "r", move |cx| async move {
            let told = cx.step("a").compute(move || async move { Ok(ran.once()) }).await;
            let told = if swallows { told.unwrap_or_default() } else { told? };
            cx.signal::<()>("end").await?;
            Ok(told)
        })
    };
    assert!(matches!(drive(false).await, Ok(WorkflowOutcome::Waiting(_))));
    let run = kernel.open_run(&tenant, "r").await.unwrap();
    let events = world.events(&run).await;
    let kept = events.iter().find_map(|event| match event.body() {
        Body::StepCompleted(StepCompleted { outcome: Outcome::Succeeded(success), .. }) => Some(success.result),
        _ => None,
    });
    let kept = kept.unwrap();
    store.erase([kept]);
    for swallows in [false, true] {
        assert_eq!(code(drive(swallows).await), "artana::content_erased");
    }
    assert_eq!(ran.times(), 1);
}

#[tokio::test]
async fn whoever_holds_the_lease_from_the_beginning_may_fork_too() {
    let (world, model) = (world(), echo());
    let asking = |question: &'static str| {
        let process = world.asking(&model);
        let code = move |cx: WorkflowContext, (): ()| async move {
            let asked = cx.step("ask").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift).await?;
            cx.signal::<()>("end").await?;
            Ok(asked.into_output())
        };
        process.kernel.register("asks", code).unwrap();
        process
    };
    let first = asking("how much");
    let run = first.kernel.enqueue(&tenant(), "asks", &()).id("r").await.unwrap();
    for (process, calls) in [(first, 1), (asking("how many"), 2)] {
        let asked = async {
            while model.calls() < calls || run.status().await.unwrap() != Status::Sleeping {
                tokio::task::yield_now().await;
            }
        };
        let mut turns = 0;
        let given_up = async {
            while turns < 10_000 {
                turns += 1;
                tokio::task::yield_now().await;
            }
        };
        let worked = async {
            tokio::select! { () = asked => true, () = given_up => false }
        };
        let worker = Worker::new(&process.kernel);
        let asked = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&asked);
        let until = async move { noted.store(worked.await, Ordering::SeqCst) };
        world.pass_time(worker.run_until(until)).await.unwrap();
        assert!(asked.load(Ordering::SeqCst), "{:?}", worker.stats());
        if calls == 1 {
            run.signal("end", "ann", &()).await.unwrap();
        }
    }
    assert_eq!(run.forks().await.unwrap().len(), 1);
}

/// Pays once after a question, in a fork where the question is asked otherwise.
async fn pays_once(process: &Process, question: &str, ran: &Ran) -> Result<WorkflowOutcome<()>, Error> {
    let (question, ran) = (question.to_owned(), ran.clone());
    let code = |cx: WorkflowContext| async move {
        cx.step("ask").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift).await?;
        Once("once").of(&cx, &ran).await?;
        Ok(())
    };
    process.workflow(code).await
}

#[tokio::test]
async fn a_closure_that_must_not_run_twice_does_not_run_again_in_a_fork() {
    let (world, ran, model) = (world(), Ran::default(), echo());
    assert!(matches!(pays_once(&world.asking(&model), "how much", &ran).await, Ok(WorkflowOutcome::Completed(()))));
    let process = world.asking(&model);
    let run = process.run("r").await;
    let fork = run.fork_at("ask", "forked", "ann").await.unwrap();
    let again = |cx: WorkflowContext| async move {
        cx.step("ask").model(ONE).prompt("how many").await?;
        cx.step("once").once(|| async { Ok(()) }).await?;
        Ok(())
    };
    let refused = process.kernel.workflow(&tenant(), fork.id(), again).await;
    assert_eq!(code(refused.map(drop)), "artana::effect_belongs_to_ancestor");
    assert_eq!(ran.times(), 1);
}
