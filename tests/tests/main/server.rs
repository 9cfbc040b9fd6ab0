//! The server of Postgres is killed again and again while processes drive workflows on it, and processes are killed as
//! well. Nobody restarts a process that lives or tells it anything: when the server is back each of them goes on,
//! nothing is lost, and no effect happens twice.

use std::time::{Duration, Instant};

use artana_core::Status;
use artana_tests::flow::{ORDER, SUM};

use crate::{
    flows::{starts, until},
    office::Office,
    process::{Scene, Worker},
};

const WORKERS: usize = 3;
/// Runs that nobody has begun, at least, before each kill, so that each process has work after it. What the dead had is
/// not to be had soon: a server that comes back lets everybody live for a while.
const LEFT: usize = 30;
/// Lines of the diary that each process writes before each kill: enough to be in the middle of something.
const LINES: usize = 4;
/// Lines that each process writes after the server's return: more than it may have under way at once, which it could
/// write without a server.
const LINES_SINCE: usize = 20;
/// Within so long after the server's return each process is at work again.
const RECOVERED: Duration = Duration::from_secs(10);

/// Processes at work on a server that is killed.
struct Hall<'s> {
    scene: &'s Scene,
    workers: Vec<Worker>,
    arguments: [&'static str; 2],
    orders: u64,
    /// How long each process took to be at work again, each time.
    took: Vec<Duration>,
}

impl<'s> Hall<'s> {
    /// Starts the processes.
    fn at_work(scene: &'s Scene, ttl: &'static str) -> Self {
        let mut hall = Self { scene, workers: Vec::new(), arguments: ["flows=4", ttl], orders: 0, took: Vec::new() };
        // The first one makes the store.
        (0..WORKERS).for_each(|_| hall.starts());
        hall
    }

    fn starts(&mut self) {
        let mut worker = starts(self.scene, 0, &self.arguments);
        worker.hear_of("works");
        self.workers.push(worker);
    }

    /// Enqueues orders until there is enough to do.
    async fn enqueues(&mut self) {
        let office = Office::open(self.scene, 0).await;
        let mut left = office.runs().await.into_values().filter(|status| *status == Status::Queued).count();
        while left < LEFT {
            for name in [ORDER, SUM] {
                office.enqueue(name, self.orders).await;
                left += 1;
            }
            self.orders += 1;
        }
        office.close().await;
    }

    /// Counts the lines of each process.
    fn lines(&self) -> Vec<usize> {
        let lines = self.scene.diary().processes().expect("a diary");
        self.workers.iter().map(|worker| lines.get(&worker.number()).copied().unwrap_or(0)).collect()
    }

    /// Waits until each process is in the middle of something.
    async fn works(&mut self) {
        self.enqueues().await;
        let before = self.lines();
        let so = async || self.lines().iter().zip(&before).all(|(now, before)| *now >= before + LINES);
        until("each process is at work", so).await;
    }

    fn kill_server(&self, nth: usize) {
        // Every other time it is stopped, which finishes nothing either.
        if nth.is_multiple_of(2) { self.scene.server().kill() } else { self.scene.server().stop() }
    }

    /// Starts the server again, and waits until each process is at work again.
    async fn recovers(&mut self) {
        assert!(self.workers.iter_mut().all(|worker| !worker.is_dead()), "a process went with the server");
        self.scene.server().start_again();
        let (back, before) = (Instant::now(), self.lines());
        let mut took = vec![None; before.len()];
        until("each process goes on", async || {
            for (nth, now) in self.lines().into_iter().enumerate() {
                if now >= before[nth] + LINES_SINCE && took[nth].is_none() {
                    took[nth] = Some(back.elapsed());
                }
            }
            assert!(back.elapsed() < RECOVERED, "these are at work again: {took:?}");
            took.iter().all(Option::is_some)
        })
        .await;
        self.took.extend(took.into_iter().flatten());
    }

    /// Kills the process that has been there for the longest time.
    fn kill_worker(&mut self) {
        self.workers.remove(0).kill();
    }

    /// Lets the processes bring everything to its end and stop, and judges it. Returns how many doubts a person
    /// resolved.
    async fn ends(mut self) -> usize {
        self.took.sort();
        println!("at work again after {:?}", self.took);
        let office = Office::open(self.scene, 0).await;
        let resolved = office.settles().await;
        self.workers.iter_mut().for_each(|worker| worker.tell("stop"));
        self.workers.into_iter().for_each(|worker| drop(worker.end()));
        office.agrees(self.orders).await;
        office.close().await;
        resolved
    }
}

#[tokio::test]
async fn processes_outlast_their_server_being_killed() {
    const KILLS: usize = 20;
    let Some(scene) = Scene::on_its_own_server() else { return };
    let mut hall = Hall::at_work(&scene, "ttl=20000");
    for kill in 0..KILLS {
        hall.works().await;
        hall.kill_server(kill);
        hall.recovers().await;
    }
    assert_eq!(hall.took.len(), KILLS * WORKERS);
    assert_eq!(hall.ends().await, 0, "no process died, so nothing is in doubt");
}

/// A process dies before each kill of the server, or while the server is down; the others go on unaided, and another
/// one comes to them.
#[tokio::test]
async fn processes_killed_along_with_their_server_lose_nothing_and_repeat_nothing() {
    const KILLS: usize = 12;
    let Some(scene) = Scene::on_its_own_server() else { return };
    let mut hall = Hall::at_work(&scene, "ttl=3000");
    for kill in 0..KILLS {
        hall.works().await;
        if kill % 4 < 2 {
            hall.kill_worker();
            hall.kill_server(kill);
        } else {
            hall.kill_server(kill);
            hall.kill_worker();
        }
        hall.recovers().await;
        hall.starts();
    }
    assert_eq!(hall.took.len(), KILLS * (WORKERS - 1));
    let resolved = hall.ends().await;
    let taken_over = scene.runs_of("driver_changed").len();
    println!("{taken_over} runs taken over, {resolved} doubts resolved by a person");
    assert!(taken_over >= KILLS, "few processes died while they drove a run");
}
