//! Runs whose chains hold, written without a kernel: every batch is sealed onto the one before, so that what a fault
//! leaves behind can be verified.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use artana_core::{
    Actor, Draft, EventId, Genesis, Head, IncarnationId, Record, RunKey, RunRef, Seq, Stamp, StepKey, Timestamp, seal,
    verify::verify,
};
use artana_ports::{Append, AppendError, Authority, EventStore, StoreError};

use crate::support::{content, run, view};

/// What became of a batch that was sent until the store could say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It was acknowledged.
    Written,
    /// It stands, which was found by sending it again.
    Settled,
    /// Another batch was first.
    Beaten,
}

/// A run that is written batch by batch.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) run: RunRef,
    pub(crate) head: Option<Head>,
    genesis: Genesis,
}

fn key() -> RunKey {
    RunKey::from_bytes([1; 32])
}

fn unique() -> [u8; 16] {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    u128::from(COUNTER.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
}

/// Makes a life that nobody had.
pub(crate) fn new_life() -> IncarnationId {
    IncarnationId::from_bytes(unique())
}

impl Chain {
    /// A run that is not there yet.
    pub(crate) fn new(name: &str) -> Self {
        let run = run(name);
        Self { head: None, genesis: Genesis::root(run.clone(), key().id()), run }
    }

    /// Returns the next batch: two events, and content that no other batch has.
    pub(crate) fn batch(&self) -> Append {
        let mut head = self.head.unwrap_or(Head { seq: Seq::ZERO, hash: self.genesis.hash() });
        let mut events = Vec::new();
        for step in ["one", "two"] {
            let step = StepKey::parse(step).expect("a name");
            let draft = Draft::raw("note", Some(step), b"{}".to_vec()).expect("it fits");
            let stamp = Stamp { id: EventId::from_bytes(unique()), at: Timestamp::from_micros(7) };
            events.push(seal(&self.run, &head, draft, stamp).into_record());
            head = events[events.len() - 1].head();
        }
        Append {
            run: self.run.clone(),
            expected: self.head,
            authority: Authority::Outside(Actor::parse("tester").expect("a name")),
            content: vec![content(&format!("words of {}", events[0].event_id))],
            claims: Vec::new(),
            releases: Vec::new(),
            view: view(&self.run, head),
            events,
            run_key: self.head.is_none().then(key),
        }
    }

    /// Writes one more batch.
    pub(crate) async fn grow(&mut self, store: &dyn EventStore) {
        let batch = self.batch();
        self.head = Some(store.append(batch).await.expect("an append").head);
    }

    /// Reads the run, verifies it, and returns its events.
    pub(crate) async fn verified(&self, store: &dyn EventStore) -> Vec<Record> {
        let mut records = Vec::<Record>::new();
        loop {
            let after = records.last().map_or(Seq::ZERO, |record| record.seq);
            let page = store.read(&self.run, after, u32::MAX).await.expect("rows");
            if page.is_empty() {
                break;
            }
            records.extend(page);
        }
        let ids: BTreeSet<_> = records.iter().map(|record| *record.event_id.as_bytes()).collect();
        assert_eq!(ids.len(), records.len(), "an event is there twice");
        let head = store.head(&self.run).await.expect("a head");
        if records.is_empty() {
            assert_eq!(head, None, "a head without events");
        } else {
            assert_eq!(Some(verify(&self.genesis, &records).expect("a chain that holds")), head);
        }
        records
    }
}

/// Sends a batch as the kernel does: again and again, until the store says what became of it.
pub(crate) async fn send(store: &dyn EventStore, batch: &Append) -> Result<Sent, StoreError> {
    let mut doubtful = false;
    for _ in 0..20 {
        match store.append(batch.clone()).await {
            Ok(appended) => {
                assert_eq!(appended.head, batch.view.head);
                return Ok(if doubtful { Sent::Settled } else { Sent::Written });
            }
            Err(AppendError::Ambiguous) => doubtful = true,
            // A conflict tells the head. The row after the expected one tells whose it is.
            Err(AppendError::Conflict { actual }) => {
                let after = batch.expected.map_or(Seq::ZERO, |head| head.seq);
                let rows = store.read(&batch.run, after, 1).await?;
                let own = rows.first().map(|row| row.event_id) == Some(batch.events[0].event_id);
                assert!(!own || actual == Some(batch.view.head), "{actual:?}");
                return Ok(if own { Sent::Settled } else { Sent::Beaten });
            }
            Err(AppendError::Store(error)) => return Err(error),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("twenty times in doubt")
}
