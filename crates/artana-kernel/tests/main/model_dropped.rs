//! Who asked may go at any await: what was begun runs to its answer, which is recorded once.

use std::time::Duration;

use artana_core::decide::ReplayPolicy;
use artana_ports::ModelError;
use artana_testkit::{ScriptedModel, fault::Action};

use crate::{
    asking::{ask, asked, asking, echo, slowly},
    dropped::{POLLS, poll_and_drop},
    forks::forking,
    world::{code, world},
};

#[tokio::test]
async fn a_dropped_question_is_recorded_once() {
    for polls in 0..POLLS {
        let (world, model) = (world(), echo());
        let process = world.asking(&model);
        let run = process.run("r").await;
        poll_and_drop(asked(&run, "a", "hi").into_future(), polls).await;
        world.settle().await;
        let answer = ask(&run, "a", "hi").await.unwrap();
        assert_eq!((answer.is_replayed(), model.calls()), (polls > 0, 1), "after {polls} polls");
        assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal"]);
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_dropped_question_goes_on_through_corrections_and_waits() {
    for polls in [1, 2, 5, 9, POLLS] {
        let world = world();
        let model = ScriptedModel::sequence([
            ScriptedModel::text("no json"),
            ScriptedModel::failing(ModelError::http(503, "busy")),
            ScriptedModel::text("[1]"),
        ]);
        let process = world.asking(&model);
        let run = process.run("r").await;
        let call = || asked(&run, "a", "hi").output::<Vec<u8>>().transient_retries(1);
        poll_and_drop(call().into_future(), polls).await;
        let answer = world.pass_time(call()).await.unwrap();
        assert_eq!((answer.cycles(), answer.output(), model.calls()), (3, &vec![1], 3), "after {polls} polls");
        assert_eq!(world.kinds(&run).await.len(), 6);
    }
}

#[tokio::test]
async fn a_dropped_drift_is_recorded_at_most_once_and_a_dropped_fork_heals() {
    for polls in 0..POLLS {
        let (world, model) = (world(), echo());
        let process = world.asking(&model);
        let run = process.run("r").await;
        ask(&run, "a", "hi").await.unwrap();
        let drifting = || asked(&run, "a", "ho").replay(ReplayPolicy::AllowPromptDrift);
        poll_and_drop(drifting().into_future(), polls).await;
        world.settle().await;
        assert!(drifting().await.unwrap().is_replayed());
        assert_eq!(run.view().await.unwrap().drifts, 1, "after {polls} polls");

        poll_and_drop(forking(&run, "a", "hu").into_future(), polls).await;
        world.settle().await;
        assert_eq!(forking(&run, "a", "hu").await.unwrap().output(), "re: hu");
        assert_eq!((run.forks().await.unwrap().len(), model.calls()), (1, 2), "after {polls} polls");
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_closing_kernel_waits_for_the_question_under_way() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    slowly(&world, &process, "model.ask.after", Duration::from_secs(20));
    let task = asking(&world, asked(&run, "a", "hi")).await;
    let kernel = process.kernel.clone();
    let closing = tokio::spawn(async move { kernel.close().await });
    world.settle().await;
    assert!(!closing.is_finished() && !task.is_finished());
    assert_eq!(code(ask(&run, "b", "hi").await), "artana::closed");
    assert_eq!(world.pass_time(task).await.unwrap().unwrap().output(), "re: hi");
    closing.await.unwrap().unwrap();
    assert_eq!(code(ask(&run, "a", "hi").await), "artana::closed");
    let run = world.asking(&model).run("r").await;
    assert!(ask(&run, "a", "hi").await.unwrap().is_replayed());
    assert_eq!(model.calls(), 1);
}

/// The caller and its runtime are gone; the request is found to be nobody's and made again.
#[tokio::test]
async fn a_question_lost_with_its_runtime_is_asked_again_in_the_same_process() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    process.run("r").await;
    process.faults.plan("model.ask.before", Action::Delay(std::sync::Arc::new(world.clock.clone()), Duration::MAX));
    let kernel = process.kernel.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let run = kernel.open_run(&crate::world::tenant(), "r").await.unwrap();
            tokio::spawn(asked(&run, "a", "hi").into_future());
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        });
    })
    .join()
    .unwrap();
    let run = process.run("r").await;
    let answer = ask(&run, "a", "hi").await.unwrap();
    assert_eq!((answer.cycles(), answer.output().as_str()), (2, "re: hi"));
    assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal", "model_requested", "model_terminal"]);
    world.verify(&run).await;
}
