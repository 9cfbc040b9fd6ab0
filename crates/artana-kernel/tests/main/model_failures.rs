//! How questions fail: panics, deadlines, rate limits, providers; what is asked again, when, and what stays recorded.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use artana_core::{
    Seq, Status, Timestamp,
    event::{ModelCategory, ModelOutcome},
};
use artana_kernel::{Error, ModelFailed, ModelReply, Run};
use artana_ports::{Clock, EventStore, ModelAnswer, ModelError};
use artana_testkit::ScriptedModel;

use crate::{
    asking::{ask, asked, asking},
    world::{Process, World, call, code, world},
};

/// When a model was asked, cycle by cycle.
type Times = Arc<Mutex<Vec<Timestamp>>>;

/// A model that answers as told, call by call, and then well.
fn scripted(world: &World, answers: Vec<ModelError>) -> (ScriptedModel, Times) {
    let (times, clock) = (Times::default(), world.clock.clone());
    let (seen, answers) = (Arc::clone(&times), Mutex::new(answers.into_iter()));
    let model = ScriptedModel::function(move |_, _| {
        seen.lock().unwrap().push(clock.now());
        answers.lock().unwrap().next().map_or_else(|| Ok(ModelAnswer::text("fine").usage(2, 1)), Err)
    });
    (model, times)
}

fn waits(times: &Times) -> Vec<Duration> {
    let times = times.lock().unwrap();
    let between = |pair: &[Timestamp]| Duration::from_micros((pair[1].as_micros() - pair[0].as_micros()) as u64);
    times.windows(2).map(between).collect()
}

fn failed(answer: Result<ModelReply<String>, Error>) -> Box<ModelFailed> {
    match answer {
        Err(Error::ModelFailed(failed)) => failed,
        other => panic!("no failure: {:?}", other.map(ModelReply::into_output)),
    }
}

/// Asks again here and elsewhere, and expects the same error with the same fields and nothing new.
async fn same_failure(world: &World, model: &ScriptedModel, run: &Run, expected: &ModelFailed) {
    let (events, calls) = (world.events(run).await.len(), model.calls());
    let elsewhere = world.asking(model).run("r").await;
    for run in [run, run, &elsewhere] {
        assert_eq!(&*failed(ask(run, "a", "hi").await), expected);
    }
    assert_eq!((world.events(run).await.len(), model.calls()), (events, calls));
    world.verify(run).await;
}

#[tokio::test]
async fn a_panic_of_the_adapter_is_internal_and_not_tried_again() {
    let world = world();
    let model = ScriptedModel::function(|_, _| panic!("on purpose"));
    let process = world.asking(&model);
    let run = process.run("r").await;
    let failure = failed(asked(&run, "a", "hi").transient_retries(3).await);
    assert_eq!((failure.category, failure.cycles, failure.status), (ModelCategory::Internal, 1, None));
    assert!(!failure.message.contains("on purpose"));
    same_failure(&world, &model, &run, &failure).await;
    assert_eq!(run.view().await.unwrap().failed_step.unwrap().as_str(), "a");
    call(&run, "b", "mail").await.unwrap();
    assert_eq!(run.view().await.unwrap().failed_step, None);
}

#[tokio::test]
async fn a_deadline_is_a_timeout_to_the_millisecond() {
    let world = world();
    let model = ScriptedModel::text("too late").slow_by(Arc::new(world.clock.clone()), Duration::from_secs(3600));
    let process = world.asking(&model);
    let run = process.run("r").await;
    let task = asking(&world, asked(&run, "a", "hi").timeout(Duration::from_millis(100))).await;
    world.clock.advance(Duration::from_millis(99));
    world.settle().await;
    assert!(!task.is_finished());
    world.clock.advance(Duration::from_millis(1));
    world.settle().await;
    assert!(task.is_finished());
    let failure = failed(task.await.unwrap());
    assert_eq!((failure.category, failure.cycles), (ModelCategory::Timeout, 1));
    let [ModelOutcome::Failed(recorded)] = &world.terminals(&run).await[..] else { panic!("one end") };
    assert_eq!((recorded.category, recorded.again), (ModelCategory::Timeout, false));
    same_failure(&world, &model, &run, &failure).await;
    assert_eq!(run.latest(|state| state.costs().total().elapsed_us).await.unwrap(), 100_000);
}

#[tokio::test]
async fn a_timeout_is_tried_again_if_asked_for() {
    let world = world();
    let model = ScriptedModel::text("slow").slow_by(Arc::new(world.clock.clone()), Duration::from_secs(60));
    let process = world.asking(&model);
    let run = process.run("r").await;
    let timeout = Duration::from_secs(2);
    let failure = failed(world.pass_time(asked(&run, "a", "hi").timeout(timeout).transient_retries(2)).await);
    assert_eq!((failure.category, failure.cycles, model.calls()), (ModelCategory::Timeout, 3, 3));
    let again = world.pass_time(asked(&run, "a", "hi").timeout(timeout * 100).retry_failed()).await.unwrap();
    assert_eq!((again.cycles(), again.output().as_str()), (4, "slow"));
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_long_as_the_provider_says() {
    let world = world();
    let limited = || ModelError::http(429, "slow down").retry_after(Duration::from_secs(30));
    let (model, times) = scripted(&world, vec![limited(), limited()]);
    let process = world.asking(&model);
    let run = process.run("r").await;
    let answer = world.pass_time(asked(&run, "a", "hi").transient_retries(2)).await.unwrap();
    assert_eq!((answer.cycles(), answer.output().as_str()), (3, "fine"));
    let around = Duration::from_secs(30)..Duration::from_secs(32);
    assert!(waits(&times).iter().all(|wait| around.contains(wait)), "{:?}", waits(&times));
    let kinds = world.kinds(&run).await;
    assert_eq!(kinds, ["model_requested", "model_terminal"].repeat(3));
    let ends = world.terminals(&run).await;
    for end in &ends[..2] {
        let ModelOutcome::Failed(failure) = end else { panic!("{end:?}") };
        assert_eq!((failure.status, failure.retry_after_us, failure.again), (Some(429), Some(30_000_000), true));
    }
    assert_eq!(ask(&run, "a", "hi").await.unwrap().cycles(), 3);
    world.verify(&run).await;
}

#[tokio::test]
async fn failures_that_may_pass_are_waited_for_longer_each_time() {
    let world = world();
    let passing = [500, 503, 504, 408].map(|status| ModelError::http(status, "busy"));
    let broken = ModelError::new(ModelCategory::Network, "gone");
    let (model, times) = scripted(&world, passing.into_iter().chain([broken]).collect());
    let process = world.asking(&model);
    let run = process.run("r").await;
    let answer = world.pass_time(asked(&run, "a", "hi").transient_retries(9)).await.unwrap();
    assert_eq!(answer.cycles(), 6);
    let least = [500, 1000, 2000, 4000, 8000].map(Duration::from_millis);
    let waits = waits(&times);
    let close = |(wait, least): (&Duration, Duration)| (least..least + Duration::from_secs(2)).contains(wait);
    assert!(waits.iter().zip(least).all(close), "{waits:?}");
}

#[tokio::test]
async fn failures_that_stay_are_final_whatever_is_allowed() {
    let stay = [400, 401, 404, 422].map(|status| (ModelError::http(status, "no"), ModelCategory::Provider4xx));
    let others =
        [ModelCategory::Internal, ModelCategory::Cancelled, ModelCategory::Policy, ModelCategory::InvalidOutput];
    let others = others.map(|category| (ModelError::new(category, "no"), category));
    for (error, category) in stay.into_iter().chain(others) {
        let world = world();
        let expected = ModelError { request_id: Some("req_1".into()), ..error };
        let (model, _) = scripted(&world, vec![expected.clone()]);
        let process = world.asking(&model);
        let run = process.run("r").await;
        let failure = failed(asked(&run, "a", "hi").transient_retries(5).retries(0).await);
        assert_eq!((failure.category, failure.status, failure.cycles), (category, expected.status, 1));
        assert_eq!((failure.message.as_str(), failure.provider_request.as_deref()), ("no", Some("req_1")));
        same_failure(&world, &model, &run, &failure).await;
    }
}

#[tokio::test]
async fn failures_that_pass_are_final_unless_further_tries_are_asked_for() {
    let world = world();
    let (model, _) = scripted(&world, vec![ModelError::http(503, "busy"), ModelError::http(503, "still busy")]);
    let process = world.asking(&model);
    let run = process.run("r").await;
    let failure = failed(ask(&run, "a", "hi").await);
    assert_eq!((failure.category, failure.cycles), (ModelCategory::Provider5xx, 1));
    same_failure(&world, &model, &run, &failure).await;
    let failure = failed(asked(&run, "a", "hi").retry_failed().await);
    assert_eq!((failure.message.as_str(), failure.cycles), ("still busy", 2));
    same_failure(&world, &model, &run, &failure).await;
    let before = world.store.read(run.name(), Seq::ZERO, 100).await.unwrap();
    let answer = asked(&run, "a", "hi").retry_failed().await.unwrap();
    assert_eq!((answer.cycles(), answer.is_replayed()), (3, false));
    let after = world.store.read(run.name(), Seq::ZERO, 100).await.unwrap();
    assert_eq!(after[..before.len()], before[..], "what failed stays recorded");
    assert!(asked(&run, "a", "hi").retry_failed().await.unwrap().is_replayed(), "a success is not tried again");
    assert_eq!(model.calls(), 3);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_step_whose_tries_are_used_up_has_as_many_again_when_it_is_wanted_again() {
    let world = world();
    let (model, _) = scripted(&world, vec![ModelError::http(503, "busy"); 5]);
    let process = world.asking(&model);
    let run = process.run("r").await;
    let call = || asked(&run, "a", "hi").transient_retries(1);
    assert_eq!(failed(world.pass_time(call()).await).cycles, 2);
    assert_eq!(failed(world.pass_time(call()).await).cycles, 2);
    assert_eq!(failed(world.pass_time(call().retry_failed()).await).cycles, 4);
    assert_eq!(world.pass_time(call().retry_failed()).await.unwrap().cycles(), 6);
}

/// Begins a question whose provider is busy for an hour, and waits until it waits.
async fn waiting(world: &World) -> (Process, Run, tokio::task::JoinHandle<Result<ModelReply<String>, Error>>) {
    let (model, _) = scripted(world, vec![ModelError::http(429, "slow down").retry_after(Duration::from_secs(3600))]);
    let process = world.asking(&model);
    let run = process.run("r").await;
    let task = asking(world, asked(&run, "a", "hi").transient_retries(5)).await;
    assert_eq!((world.kinds(&run).await.len(), task.is_finished()), (2, false));
    (process, run, task)
}

#[tokio::test]
async fn a_cancelled_run_waits_for_no_further_try() {
    let world = world();
    let (_process, run, task) = waiting(&world).await;
    assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
    assert_eq!(code(task.await.unwrap()), "artana::not_running");
    assert_eq!(world.kinds(&run).await.last().unwrap(), "run_finished");
    world.verify(&run).await;
}

#[tokio::test]
async fn a_closing_kernel_waits_for_no_further_try_and_another_goes_on() {
    let world = world();
    let (process, _run, task) = waiting(&world).await;
    process.kernel.close().await.unwrap();
    assert_eq!(code(task.await.unwrap()), "artana::closed");
    let (model, _) = scripted(&world, vec![]);
    let run = world.asking(&model).run("r").await;
    let answer = ask(&run, "a", "hi").await.unwrap();
    assert_eq!((answer.cycles(), answer.output().as_str()), (2, "fine"));
}

#[tokio::test]
async fn a_question_under_way_when_its_run_is_cancelled_is_told_so_and_recorded() {
    for category in [ModelCategory::Cancelled, ModelCategory::RateLimited, ModelCategory::InvalidOutput] {
        under_way_when_cancelled(category).await;
    }
}

async fn under_way_when_cancelled(category: ModelCategory) {
    let world = world();
    let (clock, told) = (world.clock.clone(), Arc::new(Mutex::new(false)));
    let heard = Arc::clone(&told);
    let model = ScriptedModel::function(move |_, cx| {
        *heard.lock().unwrap() = cx.cancellation.is_cancelled();
        Err(ModelError::new(category, "given up"))
    });
    let model = model.slow_by(Arc::new(clock), Duration::from_secs(5));
    let process = world.asking(&model);
    let run = process.run("r").await;
    let task = asking(&world, asked(&run, "a", "hi").transient_retries(3).retries(3)).await;
    assert_eq!(world.pass_time(run.cancel("ann", "enough")).await.unwrap(), Status::Cancelled);
    assert_eq!(failed(task.await.unwrap()).category, category);
    let [ModelOutcome::Failed(recorded)] = &world.terminals(&run).await[..] else { panic!("one question was asked") };
    assert!(!recorded.again, "nobody is left to ask again");
    assert!(*told.lock().unwrap());
    assert_eq!(code(ask(&run, "b", "hi").await), "artana::not_running");
    assert_eq!(failed(ask(&run, "a", "hi").await).category, category);
    assert_eq!(code(asked(&run, "a", "hi").retry_failed().await), "artana::not_running");
    world.verify(&run).await;
}

/// Another process has had the failed step tried again; the ledger answers here too.
#[tokio::test]
async fn a_failure_that_another_process_had_tried_again_is_not_raised_any_more() {
    let world = world();
    let model =
        ScriptedModel::sequence([ScriptedModel::failing(ModelError::http(400, "no")), ScriptedModel::text("yes")]);
    let (here, there) = (world.asking(&model), world.asking(&model));
    let run = here.run("r").await;
    ask(&run, "a", "hi").await.unwrap_err();
    assert_eq!(asked(&there.run("r").await, "a", "hi").retry_failed().await.unwrap().output(), "yes");
    assert_eq!(ask(&run, "a", "hi").await.unwrap().output(), "yes");
    assert_eq!(model.calls(), 2);
}
