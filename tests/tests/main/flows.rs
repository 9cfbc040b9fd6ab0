//! Processes that drive workflows are killed at random moments, three at work on one file, and at points inside the
//! store and around the ports. Every run ends as it should, each effect happened once, what was to be done once was
//! done once, what was recorded never ran again, and every ledger verifies.
//!
//! Moments are drawn from a seed, which a failure prints and `ARTANA_KILL_SEED` sets.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use artana_core::Status;
use artana_tests::flow;

use crate::{
    kills::{Seed, busy, up_to},
    office::{Computed, HOPELESS, Office, again_by_death, is_over, never_again},
    process::{Scene, Worker},
};
use artana_testkit::SeededEntropy;

/// Processes at work at once.
const WORKERS: usize = 3;
/// Kills of each of the three tests with random moments.
const KILLS: usize = 84;
/// After so many kills of one process, all die together, and what they left is looked at.
const TOGETHER: usize = 6;
/// How long a process that says nothing counts as alive, in milliseconds.
const TTL: u64 = 150;
/// The same for those that nobody kills.
const LONG: u64 = 20_000;
/// Longest wait for a process to get anywhere before it is killed all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits for what surely comes.
pub(crate) async fn until(what: &str, mut come: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !come().await {
        assert!(begun.elapsed() < HOPELESS, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Starts a process that drives workflows.
pub(crate) fn starts(scene: &Scene, generation: usize, arguments: &[&str]) -> Worker {
    let file = |name: &str| scene.file(name).display().to_string();
    let (diary, cure) = (format!("diary={}", file("diary")), format!("cure={}", file("cure")));
    scene.worker(generation, &[&[diary.as_str(), cure.as_str()], arguments].concat())
}

/// Processes at work, and how many orders they were given.
struct Hall<'s> {
    scene: &'s Scene,
    random: SeededEntropy,
    workers: Vec<Worker>,
    kills: usize,
    orders: u64,
}

impl<'s> Hall<'s> {
    fn new(scene: &'s Scene, random: SeededEntropy) -> Self {
        let mut hall = Self { scene, random, workers: Vec::new(), kills: 0, orders: 8 };
        hall.fill();
        hall
    }

    /// Starts processes for those that died. Each enqueues what its predecessor may not have come to.
    fn fill(&mut self) {
        while self.workers.len() < WORKERS {
            let enqueue = format!("enqueue={}..{}", self.orders.saturating_sub(8), self.orders);
            self.workers.push(starts(self.scene, 0, &["flows=4", &format!("ttl={TTL}"), &enqueue]));
        }
    }

    /// Lets them work for a while: a few steps and a bit, or hardly at all.
    fn works(&self) {
        let steps = self.random.next_u64() % 12;
        if steps < 2 {
            return busy(up_to(&self.random, Duration::from_millis(60)));
        }
        // A line has about so many bytes.
        let grown = self.length() + steps * 30;
        let begun = Instant::now();
        while self.length() < grown && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        busy(up_to(&self.random, Duration::from_millis(8)));
    }

    fn length(&self) -> u64 {
        self.scene.diary().bytes().expect("a diary")
    }

    fn kill_one(&mut self) {
        let nth = usize::try_from(self.random.next_u64()).unwrap_or(0) % self.workers.len();
        self.workers.remove(nth).kill();
        self.kills += 1;
        self.orders += u64::from(self.kills.is_multiple_of(3));
    }

    fn kill_all(&mut self) {
        while !self.workers.is_empty() {
            self.kill_one();
        }
    }
}

/// Looks at what the dead left: what is recorded has not run again, and what is in doubt is resolved.
async fn looks(scene: &Scene, generation: u32, computed: &mut Computed) -> usize {
    let office = Office::open(scene, generation).await;
    let diary = office.diary();
    never_again(computed, &diary);
    // Nobody has met the last deaths yet.
    again_by_death(scene, &diary, 1);
    *computed = office.computed().await;
    let resolved = office.resolve().await;
    office.close().await;
    resolved
}

/// Has a process that nobody kills take everything to its end, and judges it. Returns how many doubts were left.
async fn ends(scene: &Scene, generation: usize, orders: u64, computed: &Computed) -> usize {
    let (enqueue, ttl) = (format!("enqueue=0..{orders}"), format!("ttl={LONG}"));
    let mut worker = starts(scene, generation, &["flows=8", &ttl, &enqueue]);
    worker.hear_of("works");
    let office = Office::open(scene, u32::try_from(generation).expect("a number")).await;
    let resolved = office.settles().await;
    worker.tell("stop");
    worker.end();
    let diary = office.diary();
    never_again(computed, &diary);
    println!("{} closures that computed were cut off and ran again", again_by_death(scene, &diary, 0));
    office.agrees(orders).await;
    office.close().await;
    resolved
}

pub(crate) async fn random_kills(scene: Scene, shard: u64, kills: usize) {
    let seed = Seed::given();
    let mut hall = Hall::new(&scene, SeededEntropy::new(seed.moved(shard)));
    let (mut computed, mut resolved) = (Computed::new(), 0);
    for round in 1.. {
        hall.works();
        if round % TOGETHER == 0 {
            hall.kill_all();
            resolved += looks(&scene, 0, &mut computed).await;
        } else {
            hall.kill_one();
        }
        if hall.kills >= kills {
            break;
        }
        hall.fill();
    }
    hall.kill_all();
    resolved += looks(&scene, 0, &mut computed).await;
    resolved += ends(&scene, 0, hall.orders, &computed).await;
    let taken_over = scene.runs_of("driver_changed").len();
    println!("{} kills, {taken_over} runs taken over, {resolved} doubts resolved by a person", hall.kills);
    assert!(taken_over >= KILLS / 4, "few kills came while a run was driven");
}

#[tokio::test]
async fn workers_killed_at_random_lose_no_workflow_and_repeat_no_effect_1() {
    random_kills(Scene::new(), 11, KILLS).await;
}

#[tokio::test]
async fn workers_killed_at_random_lose_no_workflow_and_repeat_no_effect_2() {
    random_kills(Scene::new(), 12, KILLS).await;
}

#[tokio::test]
async fn workers_killed_at_random_lose_no_workflow_and_repeat_no_effect_3() {
    random_kills(Scene::new(), 13, KILLS).await;
}

/// One process after the other stays at another point, and is killed there; each goes on with what its predecessors
/// left, and has an order of its own, so that it comes to its point. Nothing waits for time: each successor's clock
/// runs ahead by more than a life.
pub(crate) async fn killed_at_points(scene: Scene, kind: &str, points: Range<usize>, stride: usize) {
    const DEATHS: usize = 36;
    let mut computed = Computed::new();
    let ttl = format!("ttl={LONG}");
    for death in 0..DEATHS {
        let park = format!("park={kind}:{}", points.start + (death * stride) % points.len());
        let enqueue = format!("enqueue={death}..{}", death + 2);
        let mut worker = starts(&scene, death, &["flows=4", &ttl, &enqueue, &park]);
        worker.hear_of("parked");
        worker.kill();
        if death % 4 == 3 {
            looks(&scene, u32::try_from(death + 1).expect("a number"), &mut computed).await;
        }
    }
    let resolved = ends(&scene, DEATHS, DEATHS as u64 + 1, &computed).await;
    println!("{DEATHS} kills, {} runs taken over, {resolved} doubts at the end", scene.runs_of("driver_changed").len());
}

#[tokio::test]
async fn workers_killed_around_the_ports_lose_no_workflow_and_repeat_no_effect() {
    killed_at_points(Scene::new(), "port", 12..120, 3).await;
}

#[tokio::test]
async fn workers_killed_inside_the_store_lose_no_workflow_and_repeat_no_effect() {
    killed_at_points(Scene::new(), "inner", 40..130, 7).await;
}

/// A process is killed in the middle of a step, with another one at hand. How long it takes until that one is at the
/// step is told, not judged.
#[tokio::test]
async fn a_run_whose_process_was_killed_is_taken_over() {
    taken_over(Scene::new()).await;
}

pub(crate) async fn taken_over(scene: Scene) {
    const ROUNDS: u64 = 12;
    let office = Office::open(&scene, 0).await;
    let (cure, ttl) = (scene.file("cure"), format!("ttl={TTL}"));
    let start = || starts(&scene, 0, &["flows=4", &ttl]);
    let (mut first, mut took) = (start(), Vec::new());
    for n in 0..ROUNDS {
        let run = office.enqueue(flow::HELD, n).await;
        let held = ("compute".to_owned(), run.id().to_owned(), "held".to_owned());
        let times = || office.diary().get(&held).copied().unwrap_or(0);
        until("a process is at the step", async || times() > 0).await;
        let mut second = start();
        second.hear_of("works");
        let before = times();
        let killed = Instant::now();
        first.kill();
        // A process that had no turn for a life has lost the run already, and its death changes nothing.
        while times() == before && killed.elapsed() < PATIENCE * 5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.extend((times() > before).then(|| killed.elapsed()));
        fs::write(&cure, "").expect("a file");
        until("the run ends", async || is_over(run.status().await.expect("a status"))).await;
        fs::remove_file(&cure).expect("it was there");
        first = second;
    }
    first.kill();
    took.sort();
    println!("taken over after {took:?}, with a life of {TTL} ms");
    assert!(!took.is_empty(), "no run was taken over");
    let statuses = office.runs().await;
    assert!(statuses.values().all(|status| *status == Status::Completed), "{statuses:?}");
    office.close().await;
}

/// A run that kills whoever drives it stops after three of them, and goes on when a person lets it.
#[tokio::test]
async fn a_run_that_kills_its_processes_is_parked_and_the_others_end() {
    let scene = Scene::new();
    let office = Office::open(&scene, 0).await;
    let poison = office.enqueue(flow::POISON, 0).await;
    let others = [office.enqueue(flow::SUM, 0).await, office.enqueue(flow::SUM, 1).await];
    let start = || starts(&scene, 0, &["flows=1", &format!("ttl={TTL}"), "park_after=3"]);
    let (mut worker, mut deaths) = (start(), 0);
    until("it is parked and the others have ended", async || {
        if worker.is_dead() {
            (worker, deaths) = (start(), deaths + 1);
        }
        let parked = poison.latest(|state| state.pauses().len()).await.expect("a state") == 1;
        let mut ended = parked;
        for other in &others {
            ended &= is_over(other.status().await.expect("a status"));
        }
        ended
    })
    .await;
    let deadly = ("compute".to_owned(), poison.id().to_owned(), "deadly".to_owned());
    assert!((1..=3).contains(&deaths), "{deaths}");
    assert_eq!(office.diary().get(&deadly), Some(&deaths), "{deaths} processes died of it");
    fs::write(scene.file("cure"), "").expect("a file");
    poison.resume("ann").await.expect("a person lets it go on");
    until("it ends", async || is_over(poison.status().await.expect("a status"))).await;
    let ended: BTreeMap<_, _> = office.runs().await;
    assert!(ended.values().all(|status| *status == Status::Completed), "{ended:?}");
    worker.kill();
    office.close().await;
}
