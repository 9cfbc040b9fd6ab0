//! Workflows whose rest went to a fork, with a worker: both runs come to their end, and nothing is done twice.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use artana_core::{RunId, Status, decide::ReplayPolicy};
use artana_kernel::{Error, Kernel, Run, Worker, WorkflowContext, WorkflowOutcome};

use super::{Ran, done, seconds};
use crate::{
    asking::{ONE, echo},
    workers::works,
    world::{FIVE, Process, code, tenant, world},
};

async fn only_fork(kernel: &Kernel, run: &Run) -> Run {
    let [(fork, _)] = run.forks().await.unwrap().try_into().unwrap();
    kernel.open_run(&tenant(), fork.as_str()).await.unwrap()
}

/// Asks a question, whose words change when told so.
#[derive(Clone, Default)]
struct Question(Arc<AtomicU64>);

impl Question {
    fn change(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    async fn ask(&self, cx: &WorkflowContext) -> Result<String, Error> {
        let words = format!("how {}", self.0.load(Ordering::SeqCst));
        Ok(cx.step("ask").model(ONE).prompt(words).replay(ReplayPolicy::ForkOnDrift).await?.into_output())
    }
}

/// Registers a workflow that sleeps for an hour after a question.
fn naps(process: &Process, question: &Question, ran: &Ran) {
    let (question, ran) = (question.clone(), ran.clone());
    let code = move |cx: WorkflowContext, (): ()| {
        let question = question.clone();
        ran.once();
        async move {
            let said = question.ask(&cx).await?;
            cx.sleep("nap", seconds(3600)).await?;
            Ok(said)
        }
    };
    process.kernel.register("naps", code).unwrap();
}

#[tokio::test]
async fn a_run_whose_rest_is_in_a_fork_is_due_no_more_and_ends_with_it() {
    let (world, question, ran) = (world(), Question::default(), Ran::default());
    let process = world.asking(&echo());
    naps(&process, &question, &ran);
    let run = process.kernel.enqueue(&tenant(), "naps", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    assert!(works(&world, &worker, &run, Status::Sleeping, 60).await);
    question.change();
    world.clock.advance(seconds(3700));
    assert!(works(&world, &worker, &run, Status::Completed, 7200).await, "{:?}", world.kinds(&run).await);
    assert!(ran.times() <= 5, "the code ran {} times", ran.times());
    let fork = only_fork(&process.kernel, &run).await;
    assert_eq!(fork.status().await.unwrap(), Status::Completed);
    let again = process.kernel.workflow(&tenant(), "r", |_| async { Ok(String::new()) }).await;
    assert_eq!(done(again), "re: how 1");
    world.verify(&run).await;
}

#[tokio::test]
async fn runs_whose_rest_is_in_a_fork_keep_no_worker_from_others() {
    let (world, question, ran) = (world(), Question::default(), Ran::default());
    let process = world.asking(&echo());
    naps(&process, &question, &ran);
    process.kernel.register("other", |_: WorkflowContext, (): ()| async { Ok(()) }).unwrap();
    let mut runs = Vec::new();
    for n in 0..4 {
        runs.push(process.kernel.enqueue(&tenant(), "naps", &()).id(format!("r{n}")).await.unwrap());
    }
    let worker = Worker::new(&process.kernel).concurrency(4);
    for run in &runs {
        assert!(works(&world, &worker, run, Status::Sleeping, 60).await);
    }
    question.change();
    world.clock.advance(seconds(3700));
    works(&world, &worker, &runs[0], Status::Completed, 30).await;
    let before = ran.times();
    let other = process.kernel.enqueue(&tenant(), "other", &()).id("o").await.unwrap();
    assert!(works(&world, &worker, &other, Status::Completed, 5).await);
    assert_eq!(ran.times(), before, "nothing of theirs was due");
}

#[tokio::test]
async fn what_is_to_be_undone_goes_with_the_rest_and_is_undone_once() {
    let (world, question) = (world(), Question::default());
    let process = world.asking(&echo());
    let asked = question.clone();
    let code = move |cx: WorkflowContext, (): ()| {
        let question = asked.clone();
        async move {
            cx.on_rollback("undo", |cx| async move {
                cx.step("back").tool_json("pay", FIVE).await?;
                Ok(())
            })
            .await?;
            cx.step("forth").tool_json("pay", FIVE).await?;
            let said = question.ask(&cx).await?;
            cx.signal::<()>("end").await?;
            Ok(said)
        }
    };
    process.kernel.register("pays", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "pays", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    assert!(works(&world, &worker, &run, Status::Sleeping, 60).await);
    question.change();
    run.pause("ann", "look").await.unwrap();
    run.resume("ann").await.unwrap();
    works(&world, &worker, &run, Status::Completed, 60).await;
    let fork = only_fork(&process.kernel, &run).await;
    assert_eq!(run.cancel("ann", "enough").await.unwrap_err().code(), "artana::moved");
    fork.cancel("ann", "enough").await.unwrap();
    assert!(works(&world, &worker, &fork, Status::Cancelled, 60).await, "{:?}", world.kinds(&fork).await);
    assert!(works(&world, &worker, &run, Status::Cancelled, 60).await, "{:?}", world.kinds(&run).await);
    assert_eq!(world.effects(), 2, "forth and back");
    for run in [&run, &fork] {
        world.verify(run).await;
    }
}

#[tokio::test]
async fn the_fork_of_a_child_reports_to_the_child_and_the_child_to_its_parent() {
    let (world, question) = (world(), Question::default());
    let process = world.asking(&echo());
    let asked = question.clone();
    let code = move |cx: WorkflowContext, (): ()| {
        let question = asked.clone();
        async move {
            let kid = cx.child("kid", move |cx: WorkflowContext| async move {
                let said = question.ask(&cx).await?;
                cx.sleep("nap", seconds(3600)).await?;
                Ok(said)
            });
            Ok(kid.await?)
        }
    };
    process.kernel.register("family", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "family", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    assert!(works(&world, &worker, &run, Status::Sleeping, 60).await);
    question.change();
    assert!(works(&world, &worker, &run, Status::Completed, 4 * 3600).await, "{:?}", world.kinds(&run).await);
    let kid = process.kernel.open_run(&tenant(), "r/kid").await.unwrap();
    let fork = only_fork(&process.kernel, &kid).await;
    for run in [&kid, &fork] {
        assert_eq!(run.status().await.unwrap(), Status::Completed);
    }
    let before = worker.stats();
    works(&world, &worker, &run, Status::Failed, 3600).await;
    assert_eq!((worker.stats().taken, worker.stats().parked), (before.taken, 0), "nobody is left behind");
}

#[tokio::test]
async fn a_moved_child_is_cancelled_with_its_parent() {
    let (world, question) = (world(), Question::default());
    let process = world.asking(&echo());
    let asked = question.clone();
    let code = move |cx: WorkflowContext, (): ()| {
        let question = asked.clone();
        async move {
            let kid = cx.child("kid", move |cx: WorkflowContext| async move {
                cx.on_rollback("undo", |cx| async move {
                    cx.step("back").tool_json("pay", FIVE).await?;
                    Ok(())
                })
                .await?;
                question.ask(&cx).await?;
                Ok(cx.signal::<()>("end").await?)
            });
            Ok(kid.await?)
        }
    };
    process.kernel.register("family", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "family", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    assert!(works(&world, &worker, &run, Status::Sleeping, 60).await);
    question.change();
    let kid = process.kernel.open_run(&tenant(), "r/kid").await.unwrap();
    kid.pause("ann", "look").await.unwrap();
    kid.resume("ann").await.unwrap();
    works(&world, &worker, &run, Status::Completed, 60).await;
    let fork = only_fork(&process.kernel, &kid).await;
    run.cancel("ann", "enough").await.unwrap();
    assert!(works(&world, &worker, &run, Status::Cancelled, 600).await, "{:?}", world.kinds(&run).await);
    for run in [&kid, &fork] {
        assert_eq!(run.status().await.unwrap(), Status::Cancelled);
    }
    assert_eq!(world.effects(), 1, "undone once");
}

/// Has a child beside a question that comes after a first step or a wait.
async fn beside(process: &Process, question: &'static str, ran: &Ran) -> Result<WorkflowOutcome<String>, Error> {
    let ran = ran.clone();
    let driven = process.workflow(|cx| async move {
        let beside = async {
            cx.step("first").compute(|| async { Ok(()) }).await?;
            let asked = cx.step("ask").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift);
            Ok::<_, Error>(asked.await?.into_output())
        };
        let kid = cx.child("kid", move |cx: WorkflowContext| async move {
            let once = move || async move {
                for _ in 0..200 {
                    tokio::task::yield_now().await;
                }
                Ok(ran.once())
            };
            cx.step("pay").tool_json("pay", FIVE).await?;
            Ok(cx.step("only").once(once).await?)
        });
        let (kid, asked) = cx.join(kid, beside).await;
        kid?;
        cx.signal::<()>("end").await?;
        Ok(asked?)
    });
    driven.await
}

#[tokio::test]
async fn a_workflow_with_a_child_that_a_fork_would_start_again_is_not_moved() {
    let (world, model, ran) = (world(), echo(), Ran::default());
    beside(&world.asking(&model), "how much", &ran).await.unwrap();
    let run = world.process().run("r").await;
    let before = world.kinds(&run).await;
    for _ in 0..2 {
        let refused = beside(&world.asking(&model), "how many", &ran).await.unwrap_err();
        assert_eq!(refused.code(), "artana::tied");
        assert!(refused.to_string().contains("r/kid"), "{refused}");
    }
    assert_eq!(code(run.fork_at("ask", "by-hand", "ann").await.map(drop)), "artana::tied");
    assert_eq!((world.effects(), ran.times(), model.calls()), (1, 1, 1));
    assert_eq!(world.kinds(&run).await, before, "nothing was written");
    // Asked as before, it goes on.
    run.signal("end", "ann", &()).await.unwrap();
    assert_eq!(done(beside(&world.asking(&model), "how much", &ran).await), "re: how much");
}

#[tokio::test]
async fn a_child_that_ended_before_the_question_is_shared() {
    let (world, model) = (world(), echo());
    let asks = async |question: &'static str| {
        let driven = world.asking(&model).workflow(|cx| async move {
            let kid = cx.child("kid", |cx: WorkflowContext| async move {
                cx.step("pay").tool_json("pay", FIVE).await?;
                Ok(7)
            });
            let kid = kid.await?;
            let asked = cx.step("ask").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift);
            let said = asked.await?.into_output();
            cx.signal::<()>("end").await?;
            Ok((kid, said))
        });
        driven.await
    };
    asks("how much").await.unwrap();
    asks("how many").await.unwrap();
    let run = world.process().run("r").await;
    only_fork(&world.process().kernel, &run).await.signal("end", "ann", &()).await.unwrap();
    assert_eq!(done(asks("how many").await), (7, "re: how many".to_owned()));
    assert_eq!((world.effects(), run.status().await.unwrap()), (1, Status::Completed));
}

#[tokio::test]
async fn an_effect_under_way_beside_a_question_ties_the_workflow_to_its_run() {
    let (world, model, ran) = (world(), echo(), Ran::default());
    let asks = async |question: &'static str| {
        let ran = ran.clone();
        let driven = world.asking(&model).workflow(|cx| async move {
            let beside = async {
                cx.step("first").compute(|| async { Ok(()) }).await?;
                let asked = cx.step("ask").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift);
                Ok::<_, Error>(asked.await?.into_output())
            };
            let once = move || async move {
                for _ in 0..200 {
                    tokio::task::yield_now().await;
                }
                Ok(ran.once())
            };
            let (once, asked) = cx.join(cx.step("only").once(once), beside).await;
            once?;
            cx.signal::<()>("end").await?;
            Ok(asked?)
        });
        driven.await
    };
    asks("how much").await.unwrap();
    assert_eq!(code(asks("how many").await.map(drop)), "artana::tied");
    assert_eq!(ran.times(), 1);
}

#[tokio::test]
async fn code_that_knows_more_than_the_fork_begins_anew_there() {
    let (world, model, ran) = (world(), echo(), Ran::default());
    let asks = async |question: &'static str| {
        let ran = ran.clone();
        let driven = world.asking(&model).workflow(|cx| async move {
            let asked = cx.step("ask").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift);
            let (asked, beside) =
                cx.join(asked, cx.step("beside").compute(move || async move { Ok(ran.once()) })).await;
            cx.signal::<()>("end").await?;
            Ok((asked?.into_output(), beside?))
        });
        driven.await
    };
    asks("how much").await.unwrap();
    let mut left = asks("how many").await;
    if let Err(Error::Moved { .. }) = left {
        left = asks("how many").await;
    }
    assert!(matches!(left, Ok(WorkflowOutcome::Waiting(_))), "{left:?}");
    let run = world.process().run("r").await;
    only_fork(&world.process().kernel, &run).await.signal("end", "ann", &()).await.unwrap();
    assert_eq!(done(asks("how many").await), ("re: how many".to_owned(), ran.times()));
}

#[tokio::test]
async fn a_fork_that_is_left_in_the_middle_is_free_for_others_at_once() {
    let (world, model) = (world(), echo());
    let asks = |process: &Process, question: &'static str, hangs: bool| {
        process.workflow(move |cx: WorkflowContext| async move {
            let asked = cx.step("ask").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift);
            let said = asked.await?.into_output();
            cx.step("b").compute(|| async { Ok(()) }).await?;
            let last = move || async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                Ok(())
            };
            cx.step("c").compute(last).await?;
            Ok(said)
        })
    };
    let one = world.asking(&model);
    for question in ["how much", "how many"] {
        tokio::select! {
            biased;
            _ = asks(&one, question, true) => unreachable!("it hangs"),
            () = world.settle() => {}
        }
        world.settle().await;
    }
    assert_eq!(done(asks(&world.asking(&model), "how many", false).await), "re: how many");
}

#[tokio::test]
async fn a_question_that_changes_again_moves_the_rest_on_and_all_end_together() {
    let (world, model) = (world(), echo());
    let asks = async |question: &'static str| {
        let driven = world.asking(&model).workflow(|cx| async move {
            let asked = cx.step("ask").model(ONE).prompt(question).replay(ReplayPolicy::ForkOnDrift);
            let said = asked.await?.into_output();
            cx.signal::<()>("end").await?;
            Ok(said)
        });
        driven.await
    };
    let mut last = RunId::parse("r").unwrap();
    for question in ["how much", "how many", "how few"] {
        let Ok(WorkflowOutcome::Waiting(awaited)) = asks(question).await else { panic!("it waits") };
        last = awaited.run.run;
    }
    world.process().run(last.as_str()).await.signal("end", "ann", &()).await.unwrap();
    assert_eq!(done(asks("how few").await), "re: how few");
    let (process, mut run) = (world.process(), world.process().run("r").await);
    loop {
        assert_eq!(run.status().await.unwrap(), Status::Completed);
        world.verify(&run).await;
        if run.id() == last.as_str() {
            break;
        }
        run = only_fork(&process.kernel, &run).await;
    }
}
