//! The server is killed and started again while many write. What was acknowledged is there, nothing is there twice, and
//! the same store goes on by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use artana_core::{EventId, Record};
use artana_ports::{Append, AppendError, Claim, EventStore, Reserve, StoreError};
use artana_store_postgres::{Durability, PostgresStore};
use artana_testkit::postgres::OwnServer;

use crate::{
    chain::{Chain, Sent, new_life, send},
    support::until,
};

const WRITERS: usize = 8;
/// Every other one is a stop that finishes nothing.
const KILLS: usize = 12;
/// Batches that each writer has had acknowledged before each kill.
const BATCHES: usize = 12;
/// Within so long after the server's return everybody writes again.
const RECOVERED: Duration = Duration::from_secs(10);

/// Somebody who writes one run, whatever happens, until he is told to stop.
struct Writer {
    store: Arc<PostgresStore>,
    chain: Chain,
    holder: EventId,
    acknowledged: Arc<[AtomicUsize; WRITERS]>,
    stop: Arc<AtomicBool>,
}

/// What a writer knows at the end.
#[derive(Default)]
struct Known {
    events: Vec<Record>,
    doubts: usize,
    failed: usize,
}

impl Writer {
    async fn writes(mut self, number: usize) -> (Chain, Known) {
        let mut known = Known::default();
        while !self.stop.load(SeqCst) {
            let batch = self.batch();
            self.sends(&batch, &mut known).await;
            self.chain.head = Some(batch.view.head);
            known.events.extend(batch.events);
            self.acknowledged[number].fetch_add(1, SeqCst);
        }
        (self.chain, known)
    }

    /// Every batch takes one of what all writers share.
    fn batch(&self) -> Append {
        let part = Reserve { account: "all".into(), limit: 1 << 40, amount: 1, holder: self.holder };
        Append { claims: vec![Claim::Reserve(part)], ..self.chain.batch() }
    }

    /// Sends a batch for as long as it takes.
    async fn sends(&self, batch: &Append, known: &mut Known) {
        match self.store.append(batch.clone()).await {
            Ok(_) => return,
            Err(AppendError::Ambiguous) => known.doubts += 1,
            Err(_) => {}
        }
        loop {
            match send(&*self.store, batch).await {
                Ok(sent) => return assert_ne!(sent, Sent::Beaten, "nobody else writes this run"),
                Err(StoreError::Unavailable { .. } | StoreError::Busy { .. }) => {
                    known.failed += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => panic!("a server that is down was told as something else: {error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_loses_nothing_that_was_acknowledged() {
    let Some(server) = OwnServer::start(&[], &[]) else { return };
    let store = Arc::new(
        PostgresStore::connect(server.url()).durability(Durability::AsTheServer).pool(1..=6).await.expect("a store"),
    );
    let acknowledged: Arc<[AtomicUsize; WRITERS]> = Arc::default();
    let stop: Arc<AtomicBool> = Arc::default();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            let (chain, holder) = (Chain::new(&number.to_string()), EventId::from_bytes(*new_life().as_bytes()));
            let writer = Writer { store, chain, holder, acknowledged: Arc::clone(&acknowledged), stop };
            tokio::spawn(writer.writes(number))
        })
        .collect();
    let counts = || acknowledged.each_ref().map(|count| count.load(SeqCst));
    let all_wrote = async |more: usize| {
        let before = counts();
        let so = || async { counts().iter().zip(before).all(|(now, before)| *now >= before + more) };
        until("all write", so).await;
    };
    let mut took = Vec::new();
    for kill in 0..KILLS {
        all_wrote(BATCHES).await;
        tokio::task::block_in_place(|| if kill % 2 == 0 { server.kill() } else { server.stop() });
        // After a kill, those who serve connections go on until they notice.
        match store.head(&Chain::new("0").run).await {
            Err(StoreError::Unavailable { .. }) => {}
            Ok(_) if kill % 2 == 0 => {}
            told => panic!("a server that is down answered {told:?}"),
        }
        tokio::task::block_in_place(|| server.start_again());
        let back = Instant::now();
        all_wrote(1).await;
        took.push(back.elapsed());
    }
    stop.store(true, SeqCst);
    let (mut batches, mut doubts, mut failed) = (0, 0, 0);
    for writer in writers {
        let (chain, known) = writer.await.expect("no panic");
        assert_eq!(chain.verified(&*store).await, known.events, "what was acknowledged, once and in order");
        batches += known.events.len() / 2;
        doubts += known.doubts;
        failed += known.failed;
    }
    let reserved = server.run("SELECT reserved, (SELECT sum(amount) FROM artana.reservations) FROM artana.accounts");
    assert_eq!(reserved, format!("{batches}|{batches}"), "what was claimed is claimed once");
    took.sort();
    println!(
        "{} kills, {batches} batches, {doubts} doubts, {failed} failures; all write again after {took:?}",
        took.len()
    );
    assert_eq!(took.len(), KILLS);
    assert!(took.iter().all(|took| *took < RECOVERED), "{took:?}");
    assert!(doubts > 0, "no kill came while a batch was under way");
}
