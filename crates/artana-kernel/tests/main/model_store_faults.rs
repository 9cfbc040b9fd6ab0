//! A store that loses replies, conflicts or is away, at every append and read of a model step.

use std::sync::Arc;

use artana_core::decide::ReplayPolicy;
use artana_testkit::fault::Action;

use crate::{
    asking::{ask, asked, asking, echo, slowly},
    store_faults::nth,
    world::{TTL, code, world},
};

#[tokio::test]
async fn a_lost_reply_is_recorded_once_and_asked_once() {
    for append in 1..=2 {
        let (world, model) = (world(), echo());
        let process = world.asking(&model);
        let run = process.run("r").await;
        nth(&process.faults, "append.after", append, Action::Fail);
        let answer = world.pass_time(ask(&run, "a", "hi")).await.unwrap();
        assert_eq!((answer.cycles(), answer.is_replayed(), model.calls()), (1, false, 1));
        assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal"]);
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_conflict_is_decided_again() {
    for append in 1..=2 {
        let (world, model) = (world(), echo());
        let process = world.asking(&model);
        let run = process.run("r").await;
        nth(&process.faults, "append.before", append, Action::Conflict);
        assert_eq!(ask(&run, "a", "hi").await.unwrap().cycles(), 1);
        assert_eq!((model.calls(), world.kinds(&run).await.len()), (1, 2));
        world.verify(&run).await;
    }
}

/// Somebody else appends between the decision here and the append.
#[tokio::test]
async fn an_answer_recorded_elsewhere_in_the_meantime_counts() {
    let (world, model) = (world(), echo());
    let (first, second) = (world.asking(&model), world.asking(&model));
    let (run, elsewhere) = (first.run("r").await, second.run("r").await);
    ask(&run, "warm", "up").await.unwrap();
    slowly(&world, &first, "append.before", TTL / 10);
    let task = asking(&world, asked(&run, "a", "hi")).await;
    let theirs = ask(&elsewhere, "a", "hi").await.unwrap();
    let ours = world.pass_time(task).await.unwrap().unwrap();
    assert_eq!((ours.is_replayed(), ours.request(), model.calls()), (true, theirs.request(), 2));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_store_that_is_away_before_the_question_is_an_error_and_nobody_is_asked() {
    for point in ["append.before", "beat.before"] {
        let (world, model) = (world(), echo());
        let process = world.asking(&model);
        let run = process.run("r").await;
        process.faults.plan(point, Action::Fail);
        assert_eq!(code(ask(&run, "a", "hi").await), "artana::store_unavailable");
        assert_eq!((model.calls(), world.kinds(&run).await.len()), (0, 0));
        assert_eq!(ask(&run, "a", "hi").await.unwrap().cycles(), 1);
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn an_answer_waits_for_the_store_to_come_back() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    let faults = process.faults.clone();
    let away = Action::Hook(Arc::new(move |_| (0..20).for_each(|_| faults.plan("append.before", Action::Fail))));
    process.faults.plan("model.ask.after", away);
    let answer = world.pass_time(ask(&run, "a", "hi")).await.unwrap();
    assert_eq!((answer.output().as_str(), answer.is_replayed(), model.calls()), ("re: hi", false, 1));
    assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal"]);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_replay_that_cannot_be_read_is_unavailable_and_nobody_is_asked() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    ask(&run, "a", "hi").await.unwrap();
    for point in ["content.before", "content.after"] {
        process.faults.plan(point, Action::Fail);
        assert_eq!(code(ask(&run, "a", "hi").await), "artana::store_unavailable", "{point}");
    }
    for point in ["read.before", "content.before"] {
        process.faults.plan(point, Action::Fail);
        assert_eq!(code(ask(&run, "a", "ho").await), "artana::store_unavailable", "{point}");
        process.faults.plan(point, Action::Fail);
        let drifting = asked(&run, "a", "ho").replay(ReplayPolicy::AllowPromptDrift).await;
        assert_eq!(code(drifting), "artana::store_unavailable", "{point}");
    }
    assert!(ask(&run, "a", "hi").await.unwrap().is_replayed());
    assert_eq!((model.calls(), world.kinds(&run).await.len()), (1, 2));
}

#[tokio::test]
async fn a_drift_whose_record_lost_its_reply_is_recorded_once() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    ask(&run, "a", "hi").await.unwrap();
    process.faults.plan("append.after", Action::Fail);
    let drifting = || asked(&run, "a", "ho").replay(ReplayPolicy::AllowPromptDrift);
    assert!(world.pass_time(drifting()).await.unwrap().is_replayed());
    assert!(drifting().await.unwrap().is_replayed());
    assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal", "drift_replayed"]);
    world.verify(&run).await;
}
