//! Who asks a model at which step: many callers, several processes, and processes that die or come back.

use std::{collections::BTreeSet, time::Duration};

use artana_core::{
    Status,
    decide::ReplayPolicy,
    event::{Abandoned, Body, Late, ModelOutcome},
};
use artana_kernel::{CostQuery, Error, Run};
use artana_testkit::{ScriptedModel, fault::Action};
use tokio::task::JoinSet;

use crate::{
    asking::{ask, asked, asking, echo, slowly},
    counted::spent,
    world::{Process, TTL, World, code, tenant, world},
};

async fn many_steps(world: &World, run: &Run, many: usize) {
    let mut tasks = JoinSet::new();
    for n in 0..many {
        let run = run.clone();
        tasks.spawn(async move { ask(&run, &format!("s{n}"), &format!("question {n}")).await.map(|a| (n, a)) });
    }
    for answered in tasks.join_all().await {
        let (n, answer) = answered.unwrap();
        assert_eq!(answer.output(), &format!("re: question {n}"));
    }
    world.verify(run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn steps_at_once_replay_their_own_answers() {
    for many in [2, 64] {
        let (world, model) = (world(), echo());
        let first = world.asking(&model);
        many_steps(&world, &first.run("r").await, many).await;
        let run = world.asking(&model).run("r").await;
        many_steps(&world, &run, many).await;
        assert_eq!((model.calls(), world.kinds(&run).await.len()), (many, 2 * many));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_on_one_step_ask_once() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let run = run.clone();
        tasks.spawn(async move {
            let answer = ask(&run, "a", "hi").await?;
            Ok::<_, Error>((answer.request(), answer.cycles(), answer.into_output()))
        });
    }
    let answers = tasks.join_all().await.into_iter().collect::<Result<BTreeSet<_>, _>>().unwrap();
    assert_eq!((answers.len(), model.calls()), (1, 1), "{answers:?}");
    assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal"]);
    world.verify(&run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_who_want_a_failed_step_again_begin_one_cycle() {
    let (world, model) = (
        world(),
        ScriptedModel::sequence([
            ScriptedModel::failing(artana_ports::ModelError::http(400, "no")),
            ScriptedModel::text("fine"),
        ]),
    );
    let process = world.asking(&model);
    let run = process.run("r").await;
    ask(&run, "a", "hi").await.unwrap_err();
    slowly(&world, &process, "model.ask.before", Duration::from_secs(1));
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let run = run.clone();
        tasks.spawn(async move { asked(&run, "a", "hi").retry_failed().await.map(|answer| answer.into_output()) });
    }
    let answers = world.pass_time(tasks.join_all()).await.into_iter().collect::<Result<BTreeSet<_>, _>>().unwrap();
    assert_eq!((answers.len(), model.calls()), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_different_asks_at_once_one_is_recorded_and_the_other_drifts() {
    for _ in 0..20 {
        let (world, model) = (world(), echo());
        let process = world.asking(&model);
        let run = process.run("r").await;
        let mut tasks = JoinSet::new();
        for n in 0..8 {
            let run = run.clone();
            tasks.spawn(async move { ask(&run, "a", &format!("question {n}")).await.map(|a| a.into_output()) });
        }
        let answers = tasks.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        let codes: BTreeSet<_> = answers.iter().filter_map(|a| a.as_ref().err()).map(Error::code).collect();
        assert_eq!((codes.into_iter().collect::<Vec<_>>(), model.calls()), (vec!["artana::drift"], 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_on_one_step_record_one_answer() {
    let (world, model) = (world(), echo());
    world.asking(&model).run("r").await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let process = world.asking(&model);
        tasks.spawn(async move {
            let run = process.run("r").await;
            ask(&run, "a", "hi").await.map(|answer| answer.request())
        });
    }
    let mut requests = BTreeSet::new();
    for answer in tasks.join_all().await {
        match answer {
            Ok(request) => drop(requests.insert(request)),
            Err(Error::InFlight { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((requests.len(), model.calls()), (1, 1));
}

#[tokio::test]
async fn a_living_owner_elsewhere_is_in_flight_and_then_its_answer_counts() {
    let (world, model) = (world(), echo());
    let (first, second) = (world.asking(&model), world.asking(&model));
    let (run, elsewhere) = (first.run("r").await, second.run("r").await);
    slowly(&world, &first, "model.ask.before", TTL / 3);
    let task = asking(&world, asked(&run, "a", "hi")).await;
    assert_eq!(code(ask(&elsewhere, "a", "hi").await), "artana::in_flight");
    assert_eq!(code(ask(&elsewhere, "a", "ho").await), "artana::drift");
    let allowed = asked(&elsewhere, "a", "ho").replay(ReplayPolicy::AllowPromptDrift);
    assert_eq!(code(allowed.await), "artana::in_flight");
    let request = world.pass_time(task).await.unwrap().unwrap().request();
    let answer = ask(&elsewhere, "a", "hi").await.unwrap();
    assert!(answer.is_replayed() && answer.request() == request);
    assert_eq!(model.calls(), 1);
}

/// Leaves a question under way by a process that died at a point, and lets it count as dead.
async fn dies_asking(world: &World, model: &ScriptedModel, point: &'static str) {
    let process = world.asking(model);
    let run = process.run("r").await;
    process.faults.plan(point, Action::Crash);
    tokio::spawn(asked(&run, "a", "hi").into_future());
    process.faults.crashed().await;
}

#[tokio::test]
async fn the_request_of_a_dead_process_is_closed_and_asked_again_in_one_append() {
    for point in ["model.ask.before", "model.ask.after"] {
        let (world, model) = (world(), echo().usage(3, 5));
        dies_asking(&world, &model, point).await;
        let process = world.asking(&model);
        let run = process.run("r").await;
        assert_eq!(code(ask(&run, "a", "hi").await), "artana::in_flight", "it does not count as dead yet");
        world.mourn();
        let counts = spent(&world, async {
            let answer = ask(&run, "a", "hi").await.unwrap();
            assert_eq!((answer.cycles(), answer.is_replayed()), (2, false));
        });
        let counts = counts.await;
        assert_eq!((counts.appends, counts.events), (2, 3), "abandoned and asked in one, then answered");
        let kinds = world.kinds(&run).await;
        assert_eq!(kinds, ["model_requested", "model_terminal", "model_requested", "model_terminal"]);
        let ends = world.terminals(&run).await;
        assert_eq!(ends[0], ModelOutcome::Abandoned(Abandoned::OwnerLost));
        let cost = process.kernel.cost(&CostQuery::tenant(&tenant())).await.unwrap().costs.total();
        assert_eq!((cost.calls, cost.abandoned, cost.failed, cost.usage.output), (2, 1, 0, 5));
        assert_eq!(run.status().await.unwrap(), Status::Running);
        run.finish().await.unwrap();
        world.verify(&run).await;
    }
}

/// A process is frozen while its model answers; another one takes the step over.
async fn frozen(
    world: &World,
    first: &Process,
) -> tokio::task::JoinHandle<Result<artana_kernel::ModelReply<String>, Error>> {
    slowly(world, first, "model.ask.after", Duration::from_secs(25));
    let task = asking(world, asked(&first.run("r").await, "a", "hi")).await;
    world.clock.advance(Duration::from_secs(20));
    task
}

#[tokio::test]
async fn the_answer_of_a_process_that_comes_back_is_evidence_and_is_charged() {
    for finished in [false, true] {
        let world = world();
        let model = ScriptedModel::sequence([ScriptedModel::text("late"), ScriptedModel::text("second")]).usage(10, 7);
        let (first, second) = (world.asking(&model), world.asking(&model));
        let task = frozen(&world, &first).await;
        let run = second.run("r").await;
        let answer = ask(&run, "a", "hi").await.unwrap();
        if finished {
            run.finish().await.unwrap();
        }
        assert_eq!((answer.output().as_str(), answer.cycles()), ("second", 2));
        let returned = world.pass_time(task).await.unwrap().unwrap();
        assert_eq!((returned.output().as_str(), returned.request()), ("second", answer.request()));
        let events = world.events(&run).await;
        let Body::LateOutcome(late) = events.last().unwrap().body() else { panic!("{events:?}") };
        assert!(matches!(&late.what, Late::Model(outcome) if matches!(**outcome, ModelOutcome::Completed(_))));
        assert_eq!(events[1].id().as_bytes(), late.request.as_bytes());
        for process in [&first, &second, &world.asking(&model)] {
            let again = ask(&process.run("r").await, "a", "hi").await.unwrap();
            assert_eq!((again.output().as_str(), again.request(), again.cycles()), ("second", answer.request(), 2));
        }
        let cost = second.kernel.cost(&CostQuery::run(&tenant(), "r")).await.unwrap().costs.total();
        assert_eq!((cost.calls, cost.usage.input, cost.usage.output, cost.abandoned), (2, 20, 14, 1));
        assert_eq!(model.calls(), 2);
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn an_answer_that_comes_late_does_not_end_the_cycle_under_way() {
    let world = world();
    let model = ScriptedModel::sequence([ScriptedModel::text("late"), ScriptedModel::text("second")]);
    let (first, second) = (world.asking(&model), world.asking(&model));
    let task = frozen(&world, &first).await;
    let run = second.run("r").await;
    slowly(&world, &second, "model.ask.before", Duration::from_secs(30));
    let other = asking(&world, asked(&run, "a", "hi")).await;
    assert_eq!(code(world.pass_time(task).await.unwrap()), "artana::in_flight");
    assert_eq!((world.kinds(&run).await.last().unwrap().as_str(), other.is_finished()), ("late_outcome", false));
    assert_eq!(world.pass_time(other).await.unwrap().unwrap().output(), "second");
    assert_eq!(ask(&run, "a", "hi").await.unwrap().output(), "second");
    world.verify(&run).await;
}

#[tokio::test]
async fn a_question_does_not_leave_after_the_heartbeat_ran_out() {
    for renewed in [true, false] {
        let (world, model) = (world(), echo());
        let process = world.asking(&model);
        let run = process.run("r").await;
        slowly(&world, &process, "append.after", TTL * 2);
        let task = asking(&world, asked(&run, "a", "hi")).await;
        if !renewed {
            process.faults.plan("beat.before", Action::Fail);
        }
        world.clock.advance(TTL * 2);
        assert_eq!(world.pass_time(task).await.unwrap().unwrap().cycles(), 2);
        assert_eq!(world.terminals(&run).await[0], ModelOutcome::Abandoned(Abandoned::NotSent));
        assert_eq!(model.calls(), 1);
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_question_that_never_left_and_was_closed_by_somebody_else_is_no_news() {
    let (world, model) = (world(), echo());
    let (first, second) = (world.asking(&model), world.asking(&model));
    let run = first.run("r").await;
    slowly(&world, &first, "append.after", TTL * 2);
    let task = asking(&world, asked(&run, "a", "hi")).await;
    world.clock.advance(TTL + Duration::from_secs(1));
    let elsewhere = second.run("r").await;
    ask(&elsewhere, "a", "hi").await.unwrap();
    assert!(world.pass_time(task).await.unwrap().unwrap().is_replayed());
    let kinds = world.kinds(&run).await;
    assert_eq!(kinds, ["model_requested", "model_terminal", "model_requested", "model_terminal"]);
    let cost = first.kernel.cost(&CostQuery::tenant(&tenant())).await.unwrap().costs.total();
    assert_eq!((cost.calls, cost.abandoned, model.calls()), (2, 1, 1));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_drifted_ask_over_a_dead_request_is_refused_or_asked_or_forked() {
    for policy in [ReplayPolicy::Strict, ReplayPolicy::AllowPromptDrift, ReplayPolicy::ForkOnDrift] {
        let (world, model) = (world(), echo());
        dies_asking(&world, &model, "model.ask.before").await;
        world.mourn();
        let process = world.asking(&model);
        let run = process.run("r").await;
        let asked_otherwise = asked(&run, "a", "ho").replay(policy).await;
        match policy {
            ReplayPolicy::Strict => assert_eq!(code(asked_otherwise), "artana::drift"),
            ReplayPolicy::AllowPromptDrift => {
                let answer = asked_otherwise.unwrap();
                assert_eq!((answer.output().as_str(), answer.cycles()), ("re: ho", 2));
                assert_eq!(code(ask(&run, "a", "hi").await), "artana::drift", "what was asked last counts");
                assert!(ask(&run, "a", "ho").await.unwrap().is_replayed());
            }
            ReplayPolicy::ForkOnDrift => {
                let answer = asked_otherwise.unwrap();
                assert_eq!((answer.output().as_str(), answer.cycles()), ("re: ho", 1));
                assert_ne!(answer.run().id(), "r");
                assert_eq!(ask(&run, "a", "hi").await.unwrap().cycles(), 2);
            }
        }
        world.verify(&run).await;
    }
}
