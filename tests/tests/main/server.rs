//! The server of Postgres is killed again and again while processes drive workflows on it. Nobody restarts a process
//! or tells it anything: when the server is back they go on, nothing is lost, and no effect happens twice.

use std::time::{Duration, Instant};

use crate::{
    flows::{HOPELESS, starts, until},
    office::{Office, is_over},
    process::{Scene, Worker},
};

const WORKERS: usize = 3;
/// Kills of the server; every other one is a stop that finishes nothing.
const KILLS: usize = 12;
/// Lines of the diary before each kill: enough for every process to be in the middle of something.
const LINES: u64 = 40;
/// What a line has at least.
const LINE: u64 = 20;
const ORDERS: u64 = 90;
/// Within ten seconds everybody should be at work again; a busy machine has three times as long.
const RECOVERED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn processes_outlast_their_server_being_killed() {
    let Some(scene) = Scene::on_its_own_server() else { return };
    let (enqueue, written) = (format!("enqueue=0..{ORDERS}"), || scene.diary().bytes().expect("a diary"));
    let mut workers = vec![starts(&scene, 0, &["flows=4", "ttl=20000", &enqueue])];
    workers[0].hear_of("works");
    workers.extend((1..WORKERS).map(|_| starts(&scene, 0, &["flows=4", "ttl=20000"])));
    workers[1..].iter_mut().for_each(|worker| drop(worker.hear_of("works")));
    let mut took = Vec::new();
    for kill in 0..KILLS {
        let before = written();
        until("the processes are at work", async || written() >= before + LINES * LINE).await;
        if kill % 2 == 0 {
            scene.server().kill()
        } else {
            scene.server().stop()
        }
        assert!(workers.iter_mut().all(|worker| !worker.is_dead()), "a process went with the server");
        scene.server().start_again();
        let (back, before) = (Instant::now(), written());
        until("the processes go on", async || written() > before).await;
        took.push(back.elapsed());
    }
    let resolved = ended(&scene, workers).await;
    took.sort();
    println!("{} kills of the server; at work again after {took:?}; {resolved} doubts", took.len());
    assert_eq!(took.len(), KILLS);
    assert!(took.iter().all(|took| *took < RECOVERED), "{took:?}");
    assert_eq!(resolved, 0, "no process died, so nothing is in doubt");
}

/// Lets the processes bring everything to its end and stop, and judges it. Returns how many doubts a person resolved.
async fn ended(scene: &Scene, mut workers: Vec<Worker>) -> usize {
    let office = Office::open(scene, 0).await;
    let (mut resolved, begun) = (0, Instant::now());
    loop {
        resolved += office.resolve().await;
        let mut left = office.runs().await;
        left.retain(|_, status| !is_over(*status));
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < HOPELESS, "these runs do not end: {left:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    workers.iter_mut().for_each(|worker| worker.tell("stop"));
    workers.into_iter().for_each(|worker| drop(worker.end()));
    office.agrees(ORDERS).await;
    office.close().await;
    resolved
}
