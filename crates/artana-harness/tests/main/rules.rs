//! What may be done with tasks, asked of the kernel's sessions directly.

use artana_core::{Name, event::Phase};
use artana_kernel::{Driving, Error as KernelError, Kernel};
use serde_json::json;

use crate::world::{kinds, tenant, world};

fn name(name: &str) -> Name {
    Name::parse(name).expect("fit")
}

fn tasks(ids: &[&str]) -> Vec<(Name, String)> {
    ids.iter().map(|id| (name(id), format!("Title of {id}"))).collect()
}

async fn awake(kernel: &Kernel) -> Driving {
    let driving = kernel.drive(&tenant(), "r").await.expect("sound");
    driving.begin_session(&name("test")).await.expect("sound");
    driving
}

/// Says why a task was refused.
fn why<T: std::fmt::Debug>(refused: Result<T, KernelError>) -> String {
    match refused.expect_err("it is refused") {
        KernelError::TaskRefused { task, why, .. } => format!("{task}: {why}"),
        other => other.code().to_owned(),
    }
}

#[tokio::test]
async fn ids_stand_once_and_no_task_is_taken_back() {
    let world = world();
    let kernel = world.process();
    let driving = awake(&kernel).await;
    assert_eq!(why(driving.define_tasks(&tasks(&["a", "a"])).await), "a: its id stands twice in the definition");
    driving.define_tasks(&tasks(&["a", "b"])).await.unwrap();
    let before = kinds(driving.run()).await.len();
    driving.define_tasks(&tasks(&["b", "a"])).await.unwrap();
    assert_eq!(kinds(driving.run()).await.len(), before, "the same tasks again write nothing");
    assert_eq!(
        why(driving.define_tasks(&tasks(&["a"])).await),
        "b: it is defined already, and no task is ever taken back"
    );
    driving.define_tasks(&tasks(&["a", "b", "c"])).await.unwrap();
    let ids: Vec<String> = driving.run().tasks().await.unwrap().into_iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(ids, ["a", "b", "c"], "what turned out to be needed comes last");
    assert_eq!(driving.title(&name("c")).await.unwrap().as_deref(), Some("Title of c"));
}

#[tokio::test]
async fn one_task_is_in_progress_and_what_is_done_stays_done() {
    let world = world();
    let kernel = world.process();
    let driving = awake(&kernel).await;
    driving.define_tasks(&tasks(&["a", "b"])).await.unwrap();
    assert_eq!(why(driving.complete(&name("a"), &json!(1)).await), "a: it is not in progress");
    assert_eq!(why(driving.put_back(&name("a"), "no").await), "a: it is not in progress");
    assert_eq!(why(driving.take_up(&name("x")).await), "x: there is no such task");
    driving.take_up(&name("a")).await.unwrap();
    driving.take_up(&name("a")).await.unwrap();
    assert_eq!(why(driving.take_up(&name("b")).await), "b: another task is in progress");
    let unclean = driving.end_session().await.unwrap_err();
    assert!(matches!(&unclean, KernelError::Unclean { task: Some(task), .. } if task.as_str() == "a"), "{unclean}");
    assert!(unclean.to_string().contains("task a is in progress"), "{unclean}");
    driving.complete(&name("a"), &json!("seen")).await.unwrap();
    assert_eq!(why(driving.take_up(&name("a")).await), "a: it is done");
    driving.end_session().await.unwrap();
}

#[tokio::test]
async fn nothing_moves_outside_a_session_or_in_a_run_that_is_paused() {
    let world = world();
    let kernel = world.process();
    let driving = awake(&kernel).await;
    driving.define_tasks(&tasks(&["a"])).await.unwrap();
    driving.end_session().await.unwrap();
    assert_eq!(why(driving.take_up(&name("a")).await), "artana::session_over");
    driving.begin_session(&name("test")).await.unwrap();
    driving.take_up(&name("a")).await.unwrap();
    driving.run().pause("ann", "wait").await.unwrap();
    assert_eq!(why(driving.complete(&name("a"), &json!(1)).await), "artana::not_running");
    assert_eq!(why(driving.put_back(&name("a"), "no").await), "artana::not_running");
    assert_eq!(why(driving.define_tasks(&tasks(&["a", "b"])).await), "artana::not_running");
    // What became of the session can be said all the same.
    driving.fail_session(Phase::Work, "paused").await.unwrap();
    driving.run().cancel("ann", "enough").await.unwrap();
    assert_eq!(why(driving.take_up(&name("a")).await), "artana::ended");
}

#[tokio::test]
async fn whoever_has_left_may_do_nothing_more() {
    let world = world();
    let (kernel, other) = (world.process(), world.process());
    let driving = awake(&kernel).await;
    let fenced = other.drive(&tenant(), "r").await.unwrap().begin_session(&name("other")).await;
    assert!(matches!(fenced, Err(KernelError::Fenced { .. })), "{fenced:?}");
    let run = driving.run().clone();
    driving.leave().await.unwrap();
    let late = run.step("late").compute(|| async { Ok(1) }).await;
    assert!(matches!(late, Err(KernelError::LeaseLost { .. })), "{late:?}");
    other.drive(&tenant(), "r").await.unwrap().begin_session(&name("other")).await.unwrap();
}

#[tokio::test]
async fn many_tasks_are_defined_in_one_append_and_too_many_are_refused() {
    let world = world();
    let kernel = world.process();
    let driving = awake(&kernel).await;
    let ids: Vec<String> = (0..10_001).map(|n| format!("task-{n}")).collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let appends = world.store.counts().appends;
    driving.define_tasks(&tasks(&all[..1000])).await.unwrap();
    assert_eq!(world.store.counts().appends, appends + 1);
    assert_eq!(why(driving.define_tasks(&tasks(&all)).await), "task-10000: the run has as many tasks as it may have");
    assert_eq!(driving.run().tasks().await.unwrap().len(), 1000);
}
