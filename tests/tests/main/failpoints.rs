//! A worker stays at each point in turn, before and after every call of a port and at every named point
//! inside the store's writer, and is killed there; another one finishes its work. A worker that has to
//! find out what became of its predecessor's call is killed at each point as well. Nothing waits for time:
//! each successor's clock runs ahead by more than a life.

use std::collections::BTreeSet;

use artana_store_sqlite::FAILPOINTS;

use crate::{
    oracle::{Acknowledged, Judge, note},
    process::Scene,
};

const DRIVE: &str = "drive=run";

/// A point as a recording worker tells of it: `port 3 append.before` or `inner 7 sqlite.after_begin`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Point {
    kind: String,
    n: usize,
    name: String,
}

impl Point {
    fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        let mut next = || words.next().expect("three words").to_owned();
        Self { kind: next(), n: next().parse().expect("a number"), name: next() }
    }

    fn park(&self) -> String {
        format!("park={}:{}", self.kind, self.n)
    }
}

/// Has a worker stay at a point and kills it there. Returns what it had said.
fn killed_at(scene: &Scene, generation: usize, point: &Point) -> Vec<String> {
    let mut worker = scene.worker(generation, &[DRIVE, &point.park()]);
    let at = worker.hear_of("parked");
    assert_eq!(Point::parse(&at), *point, "the same work passes the same points");
    worker.kill()
}

/// Lists the points a worker passes on its way to the end.
fn points(scene: &Scene, generation: usize) -> Vec<Point> {
    let said = scene.worker(generation, &[DRIVE, "points=record"]).end();
    said.iter().filter_map(|line| line.strip_prefix("passed ")).map(Point::parse).collect()
}

/// Lets a last worker finish, and judges.
async fn finished(scene: &Scene, generation: usize, said: &[String]) {
    let mut acknowledged = Acknowledged::new();
    note(said, &mut acknowledged);
    let judge = Judge::open(scene).await;
    judge.holds(&acknowledged).await;
    judge.close().await;
    let answers = scene.worker(generation, &[DRIVE]).end();
    for line in said.iter().filter(|line| line.starts_with("ack ")) {
        assert!(answers.contains(line), "a successor answers alike: {line}");
    }
    let judge = Judge::open(scene).await;
    judge.finished("run").await;
    judge.book_agrees(["run".to_owned()], None);
    judge.close().await;
}

async fn every_point(kind: &str) {
    let all = points(&Scene::new(), 0);
    let points: Vec<&Point> = all.iter().filter(|point| point.kind == kind).collect();
    assert!(points.len() > 20, "{points:?}");
    for point in points {
        let scene = Scene::new();
        let said = killed_at(&scene, 0, point);
        finished(&scene, 1, &said).await;
    }
}

#[tokio::test]
async fn a_worker_killed_before_and_after_every_call_of_a_port_is_succeeded() {
    every_point("port").await;
}

#[tokio::test]
async fn a_worker_killed_at_every_point_inside_the_store_is_succeeded() {
    every_point("inner").await;
}

#[test]
fn a_recording_worker_passes_every_named_point_of_the_store() {
    let passed = points(&Scene::new(), 0);
    let inner: BTreeSet<&str> = passed.iter().filter(|point| point.kind == "inner").map(|p| &*p.name).collect();
    assert_eq!(inner, FAILPOINTS.into_iter().collect());
}

/// A worker dies around the `nth` call of a tool; its successor dies at each point until it has left
/// the step behind, which is before its own call number `until`.
async fn every_point_of_a_successor(nth: usize, call: &str, until: usize) {
    let first = points(&Scene::new(), 0);
    let death = first.iter().filter(|point| point.name == call).nth(nth - 1).expect("such a call");
    let scene = Scene::new();
    killed_at(&scene, 0, death);
    let seconds = points(&scene, 1);
    let calls = seconds.iter().filter(|point| point.name == "tool.call.before");
    let end = calls.map(|point| point.n).nth(until - 1).expect("a later call");
    for point in seconds.iter().filter(|point| point.kind == "port" && point.n < end) {
        let scene = Scene::new();
        let mut said = killed_at(&scene, 0, death);
        said.extend(killed_at(&scene, 1, point));
        finished(&scene, 2, &said).await;
    }
}

/// A worker is held up after its call for longer than a life. Its successor takes it for dead, finds the
/// charge and finishes; when the first one goes on, it adds what it knows and gets the same answers.
#[tokio::test]
async fn a_worker_that_was_taken_for_dead_comes_back_to_a_finished_run() {
    let points = points(&Scene::new(), 0);
    let called = points.iter().filter(|point| point.name == "tool.call.after").nth(1).expect("a charge");
    let scene = Scene::new();
    let mut first = scene.worker(0, &[DRIVE, &called.park()]);
    first.hear_of("parked");
    let answers = scene.worker(1, &[DRIVE]).end();
    let judge = Judge::open(&scene).await;
    let before = judge.verifies("run").await;
    first.tell("go on");
    let late = first.end();
    assert!(answers.iter().all(|line| late.contains(line)), "{answers:?} {late:?}");
    assert_eq!(judge.verifies("run").await, before + 1, "the late outcome is kept as evidence");
    judge.finished("run").await;
    judge.book_agrees(["run".to_owned()], None);
    judge.close().await;
}

#[tokio::test]
async fn a_worker_killed_while_it_asks_about_a_charge_that_landed_is_succeeded() {
    every_point_of_a_successor(2, "tool.call.after", 1).await;
}

#[tokio::test]
async fn a_worker_killed_while_it_asks_about_a_charge_that_did_not_land_is_succeeded() {
    every_point_of_a_successor(2, "tool.call.before", 2).await;
}

#[tokio::test]
async fn a_worker_killed_while_it_calls_again_with_the_same_key_is_succeeded() {
    every_point_of_a_successor(3, "tool.call.after", 2).await;
}
