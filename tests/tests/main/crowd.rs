//! Several processes at one run at once: one effect for a step that all of them take, one answer for
//! all, and a sequence without gaps when each takes its own.

use std::collections::BTreeSet;

use artana_tests::work::TENANT;

use crate::{
    oracle::{Acknowledged, Judge, effect_key, note},
    process::{Scene, Worker},
};

const PROCESSES: usize = 4;

/// Lets processes begin at the same moment, each with its steps, and returns what they said.
fn together(scene: &Scene, steps: impl Fn(usize) -> String) -> Vec<Vec<String>> {
    let start = |n| scene.worker(0, &["crowd=run", &format!("step={}", steps(n))]);
    let mut workers: Vec<Worker> = (0..PROCESSES).map(start).collect();
    for worker in &mut workers {
        worker.hear_of("ready");
    }
    for worker in &mut workers {
        worker.tell("go");
    }
    workers.into_iter().map(Worker::end).collect()
}

fn answers(said: &[String]) -> Vec<&String> {
    said.iter().filter(|line| line.starts_with("ack ")).collect()
}

/// Checks that the book has exactly the charges of these steps, each once.
fn charged(scene: &Scene, steps: impl Iterator<Item = String>) {
    let mut book: Vec<String> = scene.book().into_iter().map(|entry| entry.key).collect();
    let mut keys: Vec<String> = steps.map(|step| effect_key(TENANT, "run", &step, "charge")).collect();
    book.sort();
    keys.sort();
    assert_eq!(book, keys);
}

#[tokio::test]
async fn processes_on_one_step_cause_one_effect_and_get_one_answer() {
    on_one_step(Scene::new()).await;
}

pub(crate) async fn on_one_step(scene: Scene) {
    const STEPS: usize = 12;
    let steps: Vec<String> = (0..STEPS).map(|n| format!("pay/{n}")).collect();
    let said = together(&scene, |_| steps.join(","));
    let all: BTreeSet<Vec<&String>> = said.iter().map(|said| answers(said)).collect();
    assert_eq!(all.len(), 1, "all processes get the same answers: {said:?}");
    assert_eq!(all.first().map(Vec::len), Some(STEPS));
    charged(&scene, steps.into_iter());
    let judge = Judge::open(&scene).await;
    let mut acknowledged = Acknowledged::new();
    said.iter().for_each(|said| note(said, &mut acknowledged));
    assert_eq!(judge.holds(&acknowledged).await, [1 + 2 * STEPS as u64]);
    judge.close().await;
}

/// One process has made its call and not yet recorded what came of it when the others arrive.
#[tokio::test]
async fn processes_wait_for_the_one_that_is_at_the_step() {
    wait_at_the_step(Scene::new()).await;
}

pub(crate) async fn wait_at_the_step(scene: Scene) {
    let arguments = ["crowd=run", "step=pay"];
    let mut first = scene.worker(0, &[&arguments[..], &["park=called"]].concat());
    first.hear_of("ready");
    first.tell("go");
    first.hear_of("parked");
    let mut others: Vec<Worker> = (1..PROCESSES).map(|_| scene.worker(0, &arguments)).collect();
    for other in &mut others {
        other.hear_of("ready");
        other.tell("go");
        other.hear_of("waits pay");
    }
    first.tell("go on");
    let said = first.end();
    for other in others {
        assert_eq!(answers(&other.end()), answers(&said));
    }
    charged(&scene, ["pay".to_owned()].into_iter());
    let judge = Judge::open(&scene).await;
    assert_eq!(judge.verifies("run").await, 3);
    judge.close().await;
}

#[tokio::test]
async fn processes_on_many_steps_leave_one_sequence_without_gaps() {
    on_many_steps(Scene::new()).await;
}

pub(crate) async fn on_many_steps(scene: Scene) {
    const EACH: usize = 15;
    let steps = |n| (0..EACH).map(move |i| format!("worker-{n}/{i}"));
    let said = together(&scene, |n| steps(n).collect::<Vec<_>>().join(","));
    charged(&scene, (0..PROCESSES).flat_map(steps));
    let judge = Judge::open(&scene).await;
    let mut acknowledged = Acknowledged::new();
    said.iter().for_each(|said| note(said, &mut acknowledged));
    assert_eq!(acknowledged["run"].len(), PROCESSES * EACH);
    assert_eq!(judge.holds(&acknowledged).await, [1 + 2 * (PROCESSES * EACH) as u64]);
    judge.close().await;
}
