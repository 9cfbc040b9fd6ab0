//! Pauses, blocks and what lifts them, and signals before, while and after they are waited for.

use artana_core::Status;
use artana_kernel::{Either, Error, Run, Ticket, Worker, WorkflowContext, WorkflowOutcome};

use super::{
    Ran,
    asks::Ask::{Compute, Pause, Signal},
    done, seconds,
};
use crate::{
    workers::works,
    world::{Process, code, tenant, world},
};

fn paused<T: std::fmt::Debug>(outcome: Result<WorkflowOutcome<T>, Error>) -> Ticket {
    let Ok(WorkflowOutcome::Paused(ticket)) = outcome else { panic!("{outcome:?}") };
    ticket
}

#[tokio::test]
async fn a_run_is_paused_while_any_pause_is_open() {
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    let asks = [Compute("a"), Signal("go"), Compute("b")];
    process.asks(&asks, &ran).await.unwrap();
    let run = world.process().run("r").await;
    run.signal("go", "ann", &()).await.unwrap();
    let first = run.pause("ann", "once").await.unwrap();
    world.clock.advance(seconds(1));
    let second = run.pause("bob", "twice").await.unwrap();
    world.clock.advance(seconds(1));
    let blocked = run.block("audit", "ann", &"why").await.unwrap();
    assert_eq!(run.block("audit", "bob", &"another reason").await.unwrap(), blocked, "it is blocked already");
    let open: Vec<Ticket> = run.pauses().await.unwrap().into_iter().map(|(ticket, _)| ticket).collect();
    assert_eq!(open, [first.clone(), second.clone(), blocked.clone()]);
    assert_eq!(paused(process.asks(&asks, &ran).await), first);

    run.resume_with(first.id, "ann", &()).await.unwrap();
    assert_eq!(code(run.resume_with(first.id, "ann", &()).await), "artana::no_pause");
    assert_eq!(paused(process.asks(&asks, &ran).await), second);
    run.resume("ann").await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::Paused, "a block is lifted by its name");
    assert_eq!(code(run.resume("ann").await), "artana::no_pause");
    assert_eq!(code(run.unblock("another", "ann").await), "artana::no_pause");
    assert_eq!((paused(process.asks(&asks, &ran).await), ran.times()), (blocked, 1));
    run.unblock("audit", "ann").await.unwrap();
    assert_eq!(code(run.unblock("audit", "ann").await), "artana::no_pause");
    done(process.asks(&asks, &ran).await);
    assert_eq!(ran.times(), 2);
    for refused in [code(run.pause("ann", "late").await), code(run.block("audit", "ann", &()).await)] {
        assert_eq!(refused, "artana::ended");
    }
    assert_eq!(code(run.signal("go", "ann", &()).await), "artana::ended");
    world.verify(&run).await;
}

/// A workflow that asks two people at once.
async fn asks_two(process: Process) -> Result<WorkflowOutcome<(String, Option<u32>)>, Error> {
    let asked = process.workflow(|cx| async move {
        let (a, b) = cx.join(cx.pause::<String>("first", "yes?"), cx.pause::<Option<u32>>("second", "how many?")).await;
        Ok((a?, b?))
    });
    asked.await
}

async fn by_step(run: &Run, step: &str) -> Ticket {
    let mut open = run.pauses().await.unwrap().into_iter().map(|(ticket, _)| ticket);
    open.find(|ticket| ticket.step.as_ref().is_some_and(|key| key.as_str() == step)).unwrap()
}

#[tokio::test]
async fn each_of_several_pauses_is_told_what_its_own_ticket_was_told() {
    for order in [["first", "second"], ["second", "first"]] {
        let world = world();
        paused(asks_two(world.process()).await);
        let run = world.process().run("r").await;
        assert_eq!(run.pauses().await.unwrap().len(), 2);
        for step in order {
            let ticket = by_step(&run, step).await;
            let lifted = match step {
                "first" => run.resume_with(ticket.id, "ann", &"yes").await,
                _ => run.resume_with(ticket.id, "ann", &7).await,
            };
            lifted.unwrap();
            if step == order[0] {
                paused(asks_two(world.process()).await);
            }
        }
        for _ in 0..2 {
            assert_eq!(done(asks_two(world.process()).await), ("yes".to_owned(), Some(7)));
        }
    }
}

/// Whoever lifts what an operator stopped says nothing of what the code asks.
#[tokio::test]
async fn resuming_a_run_answers_none_of_its_own_questions() {
    let (world, ran) = (world(), Ran::default());
    let asks = [Pause("approve"), Compute("send")];
    let ticket = paused(world.process().asks(&asks, &ran).await);
    let run = world.process().run("r").await;
    let Err(Error::Unanswered(_, asked)) = run.resume("op").await else { panic!("only its code asks") };
    assert_eq!(asked, std::slice::from_ref(&ticket));
    assert_eq!(code(run.resume("op").await), "artana::unanswered");
    run.pause("op", "maintenance").await.unwrap();
    run.block("audit", "op", &()).await.unwrap();
    run.resume("op").await.unwrap();
    run.unblock("audit", "op").await.unwrap();
    assert_eq!(paused(world.process().asks(&asks, &ran).await), ticket);
    assert_eq!((ran.times(), code(run.resume("op").await)), (0, "artana::unanswered"));
    run.resume_with(ticket.id, "ann", &()).await.unwrap();
    done(world.process().asks(&asks, &ran).await);
    assert_eq!((ran.times(), code(run.resume("op").await)), (1, "artana::no_pause"));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_pause_lifted_without_a_word_tells_nothing() {
    let world = world();
    let asks = |process: Process| async move {
        process.workflow(|cx| async move { Ok(cx.pause::<Option<String>>("approve", "yes?").await?) }).await
    };
    let ticket = paused(asks(world.process()).await);
    world.process().run("r").await.resume_with(ticket.id, "ann", &()).await.unwrap();
    assert_eq!(done(asks(world.process()).await), None);
}

/// Why a run's only open pause was begun.
async fn reason(run: &Run) -> String {
    let [(_, pause)] = run.pauses().await.unwrap().try_into().unwrap();
    String::from_utf8(run.content(&pause.reason.unwrap()).await.unwrap().unwrap()).unwrap()
}

#[tokio::test]
async fn who_says_what_cannot_be_read_is_asked_once_more() {
    let world = world();
    let asks = || {
        world.process().workflow(|cx| async move {
            // Code that swallows it goes another way than it would have gone, so it does not get to see it.
            let said = cx.pause::<u64>("approve", "how many?").await.unwrap_or_default();
            cx.step("note").compute(|| async { Ok(()) }).await?;
            Ok(said)
        })
    };
    let mut ticket = paused(asks().await);
    let run = world.process().run("r").await;
    for words in ["4200 cents", "many"] {
        run.resume_with(ticket.id, "ann", &words).await.unwrap();
        let again = paused(asks().await);
        assert_eq!(again.step, ticket.step);
        assert_ne!(again.id, ticket.id, "the ticket of the first question is used up");
        assert_eq!(code(run.resume_with(ticket.id, "ann", &1).await), "artana::no_pause");
        assert_eq!(paused(asks().await), again);
        assert_eq!(reason(&run).await, "how many? (what was said before cannot be read as u64)");
        ticket = again;
    }
    run.resume_with(ticket.id, "ann", &()).await.unwrap();
    let ticket = paused(asks().await);
    run.resume_with(ticket.id, "ann", &4200).await.unwrap();
    for _ in 0..2 {
        assert_eq!(done(asks().await), 4200);
    }
    world.verify(&run).await;
}

#[tokio::test]
async fn a_worker_does_not_park_a_run_because_somebody_said_what_cannot_be_read() {
    let world = world();
    let process = world.process();
    let code = |cx: WorkflowContext, (): ()| async move { Ok(cx.pause::<u64>("approve", "how many?").await?) };
    process.kernel.register("asks", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "asks", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    assert!(works(&world, &worker, &run, Status::Paused, 60).await);
    let [(ticket, _)] = run.pauses().await.unwrap().try_into().unwrap();
    run.resume_with(ticket.id, "ann", &"many").await.unwrap();
    assert!(works(&world, &worker, &run, Status::Paused, 60).await);
    let [(again, _)] = run.pauses().await.unwrap().try_into().unwrap();
    assert!(again.id != ticket.id && again.step == ticket.step, "{again:?}");
    run.resume_with(again.id, "ann", &7).await.unwrap();
    assert!(works(&world, &worker, &run, Status::Completed, 60).await);
    assert_eq!(worker.stats().parked, 0);
}

/// Nobody is asked again what code could read before, and may have gone on from.
#[tokio::test]
async fn words_that_were_read_once_stay_what_they_are() {
    let world = world();
    let reads = || {
        world.process().workflow(|cx| async move {
            let said = cx.pause::<String>("approve", "how many?").await?;
            cx.step("note").compute(|| async { Ok(()) }).await?;
            cx.signal::<()>("end").await?;
            Ok(said)
        })
    };
    let ticket = paused(reads().await);
    let run = world.process().run("r").await;
    run.resume_with(ticket.id, "ann", &"many").await.unwrap();
    assert!(matches!(reads().await, Ok(WorkflowOutcome::Waiting(_))));
    let before = world.kinds(&run).await;
    let changed = world.process().workflow(|cx| async move { Ok(cx.pause::<u32>("approve", "how many?").await?) });
    let told = changed.await;
    let Err(Error::Said { problem, .. }) = &told else { panic!("{told:?}") };
    assert!(!problem.contains("many"));
    assert_eq!(world.kinds(&run).await, before);
    run.signal("end", "ann", &()).await.unwrap();
    assert_eq!(done(reads().await), "many");
}

#[tokio::test]
async fn words_that_cannot_be_read_win_no_race() {
    let world = world();
    let racing = || {
        world.process().workflow(|cx| async move {
            let won = cx.race(cx.pause::<u64>("approve", "how many?"), cx.sleep("limit", seconds(60))).await;
            cx.signal::<()>("end").await?;
            Ok(match won {
                Either::Left(said) => Some(said?),
                Either::Right(late) => late.map(|()| None)?,
            })
        })
    };
    let ticket = paused(racing().await);
    let run = world.process().run("r").await;
    run.resume_with(ticket.id, "ann", &"many").await.unwrap();
    paused(racing().await);
    world.clock.advance(seconds(61));
    for _ in 0..2 {
        assert!(matches!(racing().await, Ok(WorkflowOutcome::Waiting(_))));
    }
    run.signal("end", "ann", &()).await.unwrap();
    assert_eq!(done(racing().await), None);
    world.verify(&run).await;
}

#[tokio::test]
async fn signals_are_kept_until_they_are_waited_for() {
    let world = world();
    let (process, ran) = (world.process(), Ran::default());
    process.asks(&[Signal("start")], &ran).await.unwrap();
    let run = process.run("r").await;
    for n in 1..=3_u32 {
        run.signal("n", "ann", &n).await.unwrap();
    }
    run.signal("start", "ann", &()).await.unwrap();
    let received = || async {
        let process = world.process();
        process
            .workflow(|cx| async move {
                cx.signal::<()>("start").await?;
                let (first, second) = cx.join(cx.signal::<u32>("n"), cx.signal::<u32>("n")).await;
                cx.sleep("nap", seconds(1)).await?;
                Ok([first?, second?, cx.signal::<u32>("n").await?])
            })
            .await
    };
    assert!(matches!(received().await, Ok(WorkflowOutcome::Sleeping(_))));
    world.clock.advance(seconds(2));
    assert_eq!(done(received().await), [1, 2, 3]);
}

#[tokio::test]
async fn who_loses_a_race_takes_no_signal_away() {
    let world = world();
    let racing = |process: Process| async move {
        process
            .workflow(|cx| async move {
                let mut got = Vec::new();
                for round in 0..3 {
                    match cx.race(cx.signal::<u32>("n"), cx.sleep(format!("limit {round}"), seconds(10))).await {
                        Either::Left(n) => got.push(n?),
                        Either::Right(late) => late.map(|()| got.push(0))?,
                    }
                }
                got.push(cx.signal::<u32>("n").await?);
                Ok(got)
            })
            .await
    };
    assert!(matches!(racing(world.process()).await, Ok(WorkflowOutcome::Sleeping(_))));
    world.clock.advance(seconds(11));
    assert!(matches!(racing(world.process()).await, Ok(WorkflowOutcome::Sleeping(_))));
    let run = world.process().run("r").await;
    run.signal("n", "ann", &1).await.unwrap();
    assert!(matches!(racing(world.process()).await, Ok(WorkflowOutcome::Sleeping(_))));
    world.clock.advance(seconds(11));
    let left = racing(world.process()).await;
    assert!(matches!(left, Ok(WorkflowOutcome::Waiting(_))), "{left:?}");
    run.signal("n", "ann", &2).await.unwrap();
    for _ in 0..2 {
        assert_eq!(done(racing(world.process()).await), [0, 1, 0, 2]);
    }
    world.verify(&run).await;
}

#[tokio::test]
async fn a_pause_that_lost_a_race_is_lifted_and_nothing_waits_for_a_person() {
    let world = world();
    let racing = |process: Process| async move {
        process
            .workflow(|cx| async move {
                let won = cx.race(cx.pause::<()>("approve", "now?"), cx.sleep("limit", seconds(10))).await;
                assert!(matches!(won, Either::Right(Ok(()))));
                Ok(cx.signal::<u32>("n").await?)
            })
            .await
    };
    let ticket = paused(racing(world.process()).await);
    world.clock.advance(seconds(11));
    assert!(matches!(racing(world.process()).await, Ok(WorkflowOutcome::Waiting(_))));
    let run = world.process().run("r").await;
    assert_eq!(run.pauses().await.unwrap(), []);
    assert_eq!(code(run.resume_with(ticket.id, "ann", &()).await), "artana::no_pause");
    run.signal("n", "ann", &5).await.unwrap();
    assert_eq!(done(racing(world.process()).await), 5);
}

#[tokio::test]
async fn a_signal_from_outside_reaches_a_workflow_while_it_works() {
    let world = world();
    let (process, outside, clock) = (world.process(), world.process(), world.clock.clone());
    let driving = tokio::spawn(async move {
        process
            .workflow(|cx| async move {
                let slow = cx.step("slow").compute(move || async move {
                    artana_ports::Clock::sleep(&clock, seconds(30)).await;
                    Ok(())
                });
                let told = async {
                    let told = cx.signal::<u32>("n").await?;
                    cx.step("told").compute(move || async move { Ok(told) }).await
                };
                let (slow, told) = cx.join(slow, told).await;
                slow?;
                Ok(told?)
            })
            .await
    });
    world.settle().await;
    let run = outside.run("r").await;
    run.signal("n", "ann", &4).await.unwrap();
    world.settle().await;
    assert!(world.kinds(&run).await.contains(&"step_completed".to_owned()), "it did not wait for the slow step");
    assert_eq!(done(world.pass_time(driving).await.unwrap()), 4);
}

/// What says nothing is kept as nothing.
#[tokio::test]
async fn pauses_without_words_hold_none() {
    let world = world();
    let run = world.process().run("r").await;
    run.pause("ann", "").await.unwrap();
    run.block("audit", "ann", &()).await.unwrap();
    run.block("review", "ann", &"seen").await.unwrap();
    let open = run.pauses().await.unwrap();
    let said = |pause: &artana_core::Pause| (pause.block.is_some(), pause.reason.is_some(), pause.metadata.is_some());
    let mut words: Vec<_> = open.iter().map(|(_, pause)| said(pause)).collect();
    words.sort_unstable();
    assert_eq!(words, [(false, false, false), (true, false, false), (true, false, true)]);
    let plain = open.iter().find(|(_, pause)| pause.block.is_none()).unwrap();
    run.resume_with(plain.0.id, "ann", &()).await.unwrap();
    run.unblock("audit", "ann").await.unwrap();
    run.unblock_with("review", "ann", &"fine").await.unwrap();
    let (mut told, mut events) = (Vec::new(), run.events());
    while let Some(event) = events.try_next().await.unwrap() {
        if let artana_core::event::Body::Resumed(resumed) = event.body() {
            told.push(resumed.input.is_some());
        }
    }
    assert_eq!(told, [false, false, true]);
    world.verify(&run).await;
}
