//! Simulated time passes only when told to, and seeded bytes depend on the seed alone.

use std::{sync::Arc, time::Duration};

use artana_core::Timestamp;
use artana_ports::{Clock, Entropy};
use artana_testkit::{SeededEntropy, SimClock};
use tokio::sync::mpsc;

const SECOND: Duration = Duration::from_secs(1);

/// Lets other tasks run until so many sleep.
async fn until_asleep(clock: &SimClock, sleepers: usize) {
    while clock.sleepers() != sleepers {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn sleepers_wake_in_the_order_of_their_times() {
    let clock = SimClock::new();
    let (sender, mut woken) = mpsc::unbounded_channel();
    for (at, seconds) in [3, 1, 2, 1].into_iter().enumerate() {
        let (sleeper, sender) = (clock.clone(), sender.clone());
        tokio::spawn(async move {
            sleeper.sleep(SECOND * seconds).await;
            sender.send((seconds, at)).unwrap();
        });
        until_asleep(&clock, at + 1).await;
    }
    clock.advance(SECOND * 2);
    for expected in [(1, 1), (1, 3), (2, 2)] {
        assert_eq!(woken.recv().await, Some(expected));
    }
    assert!(woken.try_recv().is_err());
    clock.advance(SECOND);
    assert_eq!(woken.recv().await, Some((3, 0)));
}

#[tokio::test]
async fn a_dropped_sleeper_is_forgotten() {
    let clock = SimClock::new();
    let sleeper = tokio::spawn({
        let clock = clock.clone();
        async move { clock.sleep(SECOND).await }
    });
    until_asleep(&clock, 1).await;
    sleeper.abort();
    until_asleep(&clock, 0).await;
    clock.advance(SECOND);
}

#[tokio::test]
async fn a_clock_may_advance_itself() {
    let clock = SimClock::new().auto_advance(true);
    let start = clock.now();
    clock.sleep(SECOND * 3600).await;
    assert_eq!((clock.now(), clock.elapsed()), (start.after(SECOND * 3600), SECOND * 3600));
}

#[test]
fn the_time_of_day_jumps_alone() {
    let clock = SimClock::new();
    let start = clock.now();
    clock.jump(-5);
    assert_eq!((clock.now(), clock.elapsed()), (Timestamp::from_micros(start.as_micros() - 5), Duration::ZERO));
    clock.set(Timestamp::from_micros(7));
    clock.advance(Duration::from_micros(1));
    assert_eq!((clock.now().as_micros(), clock.elapsed()), (8, Duration::from_micros(1)));
}

#[test]
fn a_seed_decides_the_bytes() {
    let bytes = |seed| {
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(seed));
        let mut bytes = [0; 20];
        entropy.fill(&mut bytes);
        bytes
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
    // The first number of SplitMix64 from the seed 0, as published with the algorithm.
    assert_eq!(SeededEntropy::new(0).next_u64(), 0xe220_a839_7b1d_cdaf);
}
