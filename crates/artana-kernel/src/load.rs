//! Reads a run's rows, checks their chain and folds them. Reads only.

use std::{future::poll_fn, task::Poll};

use artana_core::{
    Digest, Event, Genesis, Head, Record, RunKey, RunRef, RunState, Seq,
    limits::MAX_PAGE_EVENTS,
    verify::{BreakKind, Chain, ChainBreak, Stored, genesis_of},
};
use artana_ports::EventStore;

use crate::Error;

/// Loads a run, or says that there is none. The recorded head is compared with the last event.
pub(crate) async fn load(store: &dyn EventStore, run: &RunRef) -> Result<RunState, Error> {
    let head = store.head(run).await?;
    let page = store.read(run, Seq::ZERO, MAX_PAGE_EVENTS).await?;
    let Some(first) = page.first() else {
        return Err(match head {
            None => Error::RunNotFound { run: run.clone() },
            Some(head) => {
                let gone = ChainBreak::new(BreakKind::HeadMismatch, Seq::new(1), head.seq, "no event");
                Error::damaged(run, gone)
            }
        });
    };
    let genesis = genesis_in(run, first)?;
    let mut chain = Chain::new(&genesis);
    chain.push(first).map_err(|found| Error::damaged(run, found))?;
    let full = page.len() == MAX_PAGE_EVENTS as usize;
    let mut rows = page.into_iter();
    let first = decode(run, rows.next().expect("the page has a first row"))?;
    let mut state = RunState::start(run, &first).map_err(|e| undecodable(run, Seq::new(1), &e))?;
    extend(run, &mut chain, &mut state, rows)?;
    if full {
        read_on(store, run, &mut chain, &mut state).await?;
    }
    check_head(store, run, &mut chain, &mut state, head).await?;
    Ok(state)
}

/// Reads and folds what follows a chain's head. Each page is on its way while the one before is folded.
async fn read_on(store: &dyn EventStore, run: &RunRef, chain: &mut Chain, state: &mut RunState) -> Result<(), Error> {
    let mut page = store.read(run, chain.head().seq, MAX_PAGE_EVENTS).await?;
    while page.len() == MAX_PAGE_EVENTS as usize {
        let last = page.last().expect("a full page has a last row").seq;
        let mut next = store.read(run, last, MAX_PAGE_EVENTS);
        let begun = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await;
        extend(run, chain, state, page)?;
        page = match begun {
            Poll::Ready(page) => page?,
            Poll::Pending => next.await?,
        };
    }
    extend(run, chain, state, page)
}

/// Checks and folds the rows after a chain's head.
pub(crate) fn extend(
    run: &RunRef,
    chain: &mut Chain,
    state: &mut RunState,
    rows: impl IntoIterator<Item = Record>,
) -> Result<(), Error> {
    for row in rows {
        chain.push(&row).map_err(|found| Error::damaged(run, found))?;
        let event = decode(run, row)?;
        state.apply(&event).map_err(|e| undecodable(run, event.seq(), &e))?;
    }
    Ok(())
}

/// Others may append between the reads, so a head ahead of the fold is read up to, and one behind is a break.
async fn check_head(
    store: &dyn EventStore,
    run: &RunRef,
    chain: &mut Chain,
    state: &mut RunState,
    stored: Option<Head>,
) -> Result<(), Error> {
    let mut stored = stored;
    if stored != Some(chain.head()) {
        stored = store.head(run).await?;
        read_on(store, run, chain, state).await?;
    }
    let behind = stored.is_some_and(|stored| stored.seq < chain.head().seq);
    if behind && stored != store.head(run).await? {
        return Ok(());
    }
    chain.finish(stored.as_ref()).map(drop).map_err(|found| Error::damaged(run, found))
}

fn genesis_in(run: &RunRef, first: &Record) -> Result<Genesis, Error> {
    if first.seq != Seq::new(1) {
        return Err(Error::damaged(run, ChainBreak::new(BreakKind::Gap, Seq::new(1), 1, first.seq)));
    }
    genesis_of(run, first).ok_or_else(|| {
        let none = ChainBreak::new(BreakKind::GenesisMismatch, Seq::new(1), "the genesis in the first payload", "none");
        Error::damaged(run, none)
    })
}

pub(crate) fn decode(run: &RunRef, row: Record) -> Result<Event, Error> {
    let seq = row.seq;
    Event::decode(row).map_err(|e| undecodable(run, seq, &e))
}

fn undecodable(run: &RunRef, seq: Seq, why: &dyn std::fmt::Display) -> Error {
    Error::damaged(run, ChainBreak::new(BreakKind::Undecodable, seq, "an event that may follow", why))
}

/// Reads the key of a run's family and checks that it is the key the run names.
pub(crate) async fn family_key(store: &dyn EventStore, genesis: &Genesis) -> Result<RunKey, Error> {
    let key = store.run_key(&root_of(genesis)).await?;
    match key {
        Some(key) if key.id() == genesis.key_id => Ok(key),
        other => {
            let found = other.map_or_else(|| "none".into(), |key| key.id().to_string());
            let broken = ChainBreak::new(BreakKind::KeyMismatch, Seq::new(1), genesis.key_id, found);
            Err(Error::damaged(&genesis.run, broken))
        }
    }
}

/// Names the run under which a family's content is kept.
pub(crate) fn root_of(genesis: &Genesis) -> RunRef {
    RunRef::new(genesis.run.tenant.clone(), genesis.root.clone())
}

/// Reads one piece of content; `None` where it was erased.
pub(crate) async fn content(
    store: &dyn EventStore,
    genesis: &Genesis,
    digest: Digest,
    seq: Seq,
) -> Result<Option<Vec<u8>>, Error> {
    let found = store.content(&root_of(genesis), &[digest]).await?.into_iter().next();
    let broken = |kind, what: &str| Err(Error::damaged(&genesis.run, ChainBreak::new(kind, seq, digest, what)));
    match found {
        Some(Stored::Bytes(bytes)) => Ok(Some(bytes)),
        Some(Stored::Erased { .. }) => Ok(None),
        Some(Stored::Unreadable) => broken(BreakKind::ContentMismatch, "a row of an unknown encoding"),
        Some(Stored::Missing) | None => broken(BreakKind::ContentMissing, "no row"),
    }
}
