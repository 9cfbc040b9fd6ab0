//! Five hundred kills at random moments. After each one the file opens, verifies, holds what was
//! acknowledged, and the provider's book has no second effect. The moments are drawn from a seed, which a
//! failure prints and `ARTANA_KILL_SEED` sets.

use std::{
    hint,
    time::{Duration, Instant},
};

use artana_testkit::SeededEntropy;

use crate::{
    oracle::{Acknowledged, Judge, note},
    process::Scene,
};

/// Kills of each test here; there are four.
const KILLS: usize = 125;
/// Lines a worker may say before it is killed: those of about two runs.
const MOST_LINES: u64 = 14;
/// Longest delay after the last line: several steps.
const MOST_DELAY: Duration = Duration::from_micros(8_000);
/// Longest delay of a worker that is not listened to: the time to start and open the file.
const MOST_START: Duration = Duration::from_micros(60_000);

/// The seed of all draws; printed if the test fails.
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn given() -> Self {
        let given = std::env::var("ARTANA_KILL_SEED").ok();
        Self(given.map_or(20_240_601, |text| text.parse().expect("a number")))
    }

    /// Returns the seed of one test among several.
    pub(crate) fn moved(&self, shard: u64) -> u64 {
        self.0.wrapping_add(shard)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the moments were drawn with ARTANA_KILL_SEED={}", self.0);
        }
    }
}

pub(crate) fn busy(delay: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < delay {
        hint::spin_loop();
    }
}

pub(crate) fn up_to(random: &SeededEntropy, most: Duration) -> Duration {
    let micros = u64::try_from(most.as_micros()).expect("a short time");
    Duration::from_micros(random.next_u64() % (micros + 1))
}

/// Starts a worker on the run `current` and those after it, and kills it at a random moment.
fn killed(scene: &Scene, generation: usize, current: u64, random: &SeededEntropy) -> Vec<String> {
    let mut worker = scene.worker(generation, &[&format!("series={current}")]);
    let lines = random.next_u64() % (MOST_LINES + 1);
    for _ in 0..lines {
        worker.hear().expect("a worker goes on for ever");
    }
    busy(up_to(random, if lines == 0 { MOST_START } else { MOST_DELAY }));
    worker.kill()
}

/// Returns the first run that no line says is done.
fn unfinished(said: &[String], current: u64) -> u64 {
    let done = said.iter().filter_map(|line| line.strip_prefix("done run-")).next_back();
    done.map_or(current, |n| n.parse::<u64>().expect("a number") + 1)
}

pub(crate) async fn random_kills(scene: Scene, shard: u64, kills: usize) {
    let seed = Seed::given();
    let random = SeededEntropy::new(seed.moved(shard));
    let (mut current, mut all) = (0, Acknowledged::new());
    for generation in 0..kills {
        let said = killed(&scene, generation, current, &random);
        let mut acknowledged = Acknowledged::new();
        note(&said, &mut acknowledged);
        note(&said, &mut all);
        let before = current;
        current = unfinished(&said, current);
        let judge = Judge::open(&scene).await;
        judge.holds(&acknowledged).await;
        for n in before..=current {
            judge.tolerates(&format!("run-{n}")).await;
        }
        judge.book_agrees((0..current).map(|n| format!("run-{n}")), Some(&format!("run-{current}")));
        judge.close().await;
    }
    all.entry(format!("run-{current}")).or_default();
    scene.worker(kills, &[&format!("drive=run-{current}")]).end();
    let judge = Judge::open(&scene).await;
    judge.holds(&all).await;
    for n in 0..=current {
        judge.finished(&format!("run-{n}")).await;
    }
    judge.book_agrees((0..=current).map(|n| format!("run-{n}")), None);
    judge.close().await;
    assert!(!scene.runs_of("tool_resolved").is_empty(), "no kill came between a call and its outcome");
    assert!(current as usize > kills / 4, "the workers got far enough for the kills to mean something: {current}");
}

#[tokio::test]
async fn random_kills_lose_nothing_and_repeat_nothing_1() {
    random_kills(Scene::new(), 1, KILLS).await;
}

#[tokio::test]
async fn random_kills_lose_nothing_and_repeat_nothing_2() {
    random_kills(Scene::new(), 2, KILLS).await;
}

#[tokio::test]
async fn random_kills_lose_nothing_and_repeat_nothing_3() {
    random_kills(Scene::new(), 3, KILLS).await;
}

#[tokio::test]
async fn random_kills_lose_nothing_and_repeat_nothing_4() {
    random_kills(Scene::new(), 4, KILLS).await;
}
