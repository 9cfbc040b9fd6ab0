//! Leases that many race for, by appending and from a queue, each on a clock of its own that is wrong in its own way:
//! whoever has an old epoch appends nothing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use artana_core::{EventId, IncarnationId, Queued, Timestamp};
use artana_ports::{Append, AppendError, Authority, BeatError, Clock, DueQuery, Epoch, EventStore, Heartbeat, Release};
use artana_store_postgres::PostgresStore;
use async_trait::async_trait;

use crate::{
    chain::{Chain, new_life},
    support::{database, options},
};

const WORKERS: usize = 16;
/// How often each of them tries to take the lease.
const ROUNDS: usize = 2000;
/// Shorter than most of the skews, so that a worker takes others for dead that live.
const TTL: Duration = Duration::from_millis(100);
/// What passes with each look, and by how much neighbours are off, in microseconds.
const TICK: i64 = 3_000;
const OFF: i64 = 50_000;

/// A clock on which time passes with each look of anybody, which is off, and which jumps to and fro.
#[derive(Debug)]
struct Skewed {
    offset: i64,
    looks: Arc<AtomicI64>,
}

#[async_trait]
impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        let look = self.looks.fetch_add(1, SeqCst);
        let jump = look * 7_919 % 50_000;
        Timestamp::from_micros(1_700_000_000_000_000 + look * TICK + self.offset * OFF + jump)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}

/// Who wrote what that was accepted: the first event of each batch, with the epoch it was written under.
type Accepted = Arc<Mutex<HashMap<EventId, Epoch>>>;

/// What one worker saw.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    granted: usize,
    from_queue: usize,
    driven: usize,
    fenced: usize,
    lapsed: usize,
}

struct Racer {
    store: PostgresStore,
    chain: Chain,
    accepted: Accepted,
    seen: Seen,
    /// Whether it takes the run from its queue, which leaves the head where it is.
    from_queue: bool,
}

impl Racer {
    /// Takes the lease, drives with it, and comes back with it later, round after round.
    async fn races(mut self) -> Seen {
        let mut life = self.begins().await;
        for round in 0..ROUNDS {
            let lapsed = self.seen.lapsed;
            let granted = match self.from_queue {
                true => self.takes(life).await,
                false => self.sends(self.batch(Authority::TakeLease(life))).await,
            };
            if let Some(epoch) = granted {
                self.seen.granted += 1;
                self.drives(epoch, round % 3 == 0).await;
            }
            if self.seen.lapsed > lapsed {
                life = self.begins().await;
            }
        }
        self.seen
    }

    async fn begins(&self) -> IncarnationId {
        let life = new_life();
        self.store.beat(Heartbeat { incarnation: life, ttl: TTL, first: true }).await.expect("a life");
        life
    }

    /// Takes the run from its queue, where it is always due.
    async fn takes(&mut self, life: IncarnationId) -> Option<Epoch> {
        let query = DueQuery { driving: Some(BTreeSet::new()), ..DueQuery::all(life, 1) };
        match self.store.take_due(&query).await {
            Ok(taken) => {
                let leased = taken.first()?;
                self.seen.from_queue += 1;
                self.chain.head = Some(leased.head);
                return Some(leased.epoch);
            }
            Err(BeatError::Lapsed) => self.seen.lapsed += 1,
            Err(error) => panic!("{error}"),
        }
        None
    }

    /// Returns the next batch, which leaves the run due.
    fn batch(&self, authority: Authority) -> Append {
        let mut batch = Append { authority, ..self.chain.batch() };
        batch.view.queued = Some(Queued { queue: "q".into(), priority: 0, due_at: Timestamp::from_micros(1) });
        batch
    }

    async fn drives(&mut self, epoch: Epoch, gives_back: bool) {
        let releases = if gives_back { vec![Release::Lease] } else { Vec::new() };
        for releases in [Vec::new(), releases] {
            let drive = Append { releases, ..self.batch(Authority::Driver(epoch)) };
            self.seen.driven += usize::from(self.sends(drive).await.is_some());
            tokio::task::yield_now().await;
        }
        // Whoever comes back knows the head; only its epoch may be old.
        self.looks().await;
        self.sends(self.batch(Authority::Driver(epoch))).await;
    }

    async fn looks(&mut self) {
        self.chain.head = self.store.head(&self.chain.run).await.expect("a head");
    }

    /// Sends a batch; `None` if somebody else was first, holds the lease, or is taken to.
    async fn sends(&mut self, batch: Append) -> Option<Epoch> {
        let event = batch.events[0].event_id;
        let own = match batch.authority {
            Authority::Driver(epoch) => Some(epoch),
            _ => None,
        };
        match self.store.append(batch).await {
            Ok(appended) => {
                let epoch = appended.epoch.or(own).expect("one was granted or is used");
                self.accepted.lock().expect("nobody panics").insert(event, epoch);
                self.chain.head = Some(appended.head);
                return Some(epoch);
            }
            Err(AppendError::Fenced { by }) => {
                assert!(own.is_none_or(|own| by.epoch > own), "{by:?} fenced {own:?}");
                self.seen.fenced += usize::from(own.is_some());
            }
            Err(AppendError::Lapsed) => self.seen.lapsed += 1,
            Err(AppendError::Conflict { actual }) => self.chain.head = actual,
            Err(error) => panic!("{error}"),
        }
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_append_with_an_old_epoch_is_accepted_whatever_the_clocks_say() {
    let database = database!();
    let (accepted, looks) = (Accepted::default(), Arc::new(AtomicI64::new(0)));
    let mut racers = Vec::new();
    for number in 0..WORKERS {
        let clock = Skewed { offset: number as i64 - 8, looks: Arc::clone(&looks) };
        let store = options(&database).pool(1..=1).clock(Arc::new(clock)).await.expect("a store");
        let chain = Chain::new("a run of all");
        let (accepted, from_queue) = (Arc::clone(&accepted), number % 4 == 0);
        let racer = Racer { store, chain, accepted, seen: Seen::default(), from_queue };
        racers.push(tokio::spawn(racer.races()));
    }
    let mut all = Seen::default();
    for racer in racers {
        let seen = racer.await.expect("no panic");
        all.granted += seen.granted;
        all.from_queue += seen.from_queue;
        all.driven += seen.driven;
        all.fenced += seen.fenced;
        all.lapsed += seen.lapsed;
    }
    let records = Chain::new("a run of all").verified(&options(&database).await.expect("a store")).await;
    let accepted = accepted.lock().expect("nobody panics");
    let epochs: Vec<_> = records.iter().step_by(2).map(|record| accepted[&record.event_id]).collect();
    assert_eq!(epochs.len(), accepted.len(), "what was accepted is there, and nothing else");
    assert!(epochs.is_sorted(), "an append was accepted after a higher epoch was granted");
    println!("{} rounds: {all:?}", WORKERS * ROUNDS);
    assert!(all.granted > 1_000 && all.from_queue > 100 && all.driven > 1_000, "{all:?}");
    assert!(all.fenced > 300 && all.lapsed > 3_000, "{all:?}");
}
