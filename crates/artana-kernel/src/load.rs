//! Reads a run's rows, checks their chain and folds them. Reads only.

use std::{future::poll_fn, task::Poll};

use artana_core::{
    ContentRef, Digest, Event, Genesis, Head, ParentLink, Record, RunKey, RunRef, RunState, Seq,
    limits::MAX_PAGE_EVENTS,
    verify::{BreakKind, Chain, ChainBreak, Stored, genesis_of},
};
use artana_ports::EventStore;

use crate::Error;

/// Loads a run, or says that there is none. The recorded head is compared with the last event.
pub(crate) async fn load(store: &dyn EventStore, run: &RunRef) -> Result<RunState, Error> {
    let head = store.head(run).await?;
    let (mut chain, mut state) = begin(store, run, head, MAX_PAGE_EVENTS).await?;
    if chain.head().seq.get() == u64::from(MAX_PAGE_EVENTS) {
        read_on(store, run, &mut chain, &mut state).await?;
    }
    check_head(store, run, &mut chain, &mut state, head).await?;
    Ok(state)
}

/// Loads a run up to a cut, as a fork sees it.
pub(crate) async fn load_to(store: &dyn EventStore, run: &RunRef, cut: Seq) -> Result<RunState, Error> {
    let head = store.head(run).await?;
    let first = u32::try_from(cut.get()).unwrap_or(MAX_PAGE_EVENTS).min(MAX_PAGE_EVENTS);
    let (mut chain, mut state) = begin(store, run, head, first).await?;
    while state.head().seq < cut {
        let due = cut.get() - state.head().seq.get();
        let limit = u32::try_from(due).unwrap_or(MAX_PAGE_EVENTS).min(MAX_PAGE_EVENTS);
        let page = store.read(run, state.head().seq, limit).await?;
        if page.is_empty() {
            let gone = ChainBreak::new(BreakKind::HeadMismatch, state.head().seq.next(), cut, "no event");
            return Err(Error::damaged(run, gone));
        }
        extend(run, &mut chain, &mut state, page)?;
    }
    Ok(state)
}

/// Reads a run from its beginning and shows each event with what stood before it.
pub(crate) async fn visit(
    store: &dyn EventStore,
    run: &RunRef,
    mut look: impl FnMut(&RunState, &Event),
) -> Result<RunState, Error> {
    let head = store.head(run).await?;
    let (mut chain, mut state) = begin(store, run, head, 1).await?;
    loop {
        let page = store.read(run, state.head().seq, MAX_PAGE_EVENTS).await?;
        if page.is_empty() {
            break;
        }
        for row in page {
            chain.push(&row).map_err(|found| Error::damaged(run, found))?;
            let event = decode(run, row)?;
            look(&state, &event);
            state.apply(&event).map_err(|e| undecodable(run, event.seq(), &e))?;
        }
    }
    check_head(store, run, &mut chain, &mut state, head).await?;
    Ok(state)
}

/// Reads the first `limit` events of a run and folds them; of a fork, after the events it shares.
async fn begin(
    store: &dyn EventStore,
    run: &RunRef,
    head: Option<Head>,
    limit: u32,
) -> Result<(Chain, RunState), Error> {
    let page = store.read(run, Seq::ZERO, limit).await?;
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
    let parent = match &genesis.parent {
        Some(link) => Some(shared(store, &genesis, link).await?),
        None => None,
    };
    let mut rows = page.into_iter();
    let first = decode(run, rows.next().expect("the page has a first row"))?;
    let mut state = RunState::start(run, &first, parent.as_ref()).map_err(|e| undecodable(run, Seq::new(1), &e))?;
    extend(run, &mut chain, &mut state, rows)?;
    Ok((chain, state))
}

/// Loads the events a fork shares with its parent.
async fn shared(store: &dyn EventStore, fork: &Genesis, link: &ParentLink) -> Result<RunState, Error> {
    let parent = RunRef::new(fork.run.tenant.clone(), link.run.clone());
    let state = match Box::pin(load_to(store, &parent, link.seq)).await {
        Err(Error::RunNotFound { .. }) => {
            let gone =
                ChainBreak::new(BreakKind::GenesisMismatch, Seq::new(1), format!("the parent {parent}"), "no run");
            return Err(Error::damaged(&fork.run, gone));
        }
        other => other?,
    };
    if state.head().hash != link.hash {
        let other = ChainBreak::new(BreakKind::GenesisMismatch, Seq::new(1), link.hash, state.head().hash);
        return Err(Error::damaged(&fork.run, other));
    }
    Ok(state)
}

/// Reads one event.
pub(crate) async fn event(store: &dyn EventStore, run: &RunRef, at: Seq) -> Result<Event, Error> {
    let rows = store.read(run, Seq::new(at.get().saturating_sub(1)), 1).await?;
    match rows.into_iter().next().filter(|row| row.seq == at) {
        Some(row) => decode(run, row),
        None => Err(Error::damaged(run, ChainBreak::new(BreakKind::Gap, at, at, "no event"))),
    }
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

/// Reads pieces of content, in order; `None` where one was erased.
pub(crate) async fn contents(
    store: &dyn EventStore,
    genesis: &Genesis,
    wanted: &[ContentRef],
) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let digests: Vec<Digest> = wanted.iter().map(|wanted| wanted.digest).collect();
    let found = store.content(&root_of(genesis), &digests).await?;
    let mut found = found.into_iter();
    let one = |digest: &Digest| there(genesis, *digest, Seq::ZERO, found.next());
    digests.iter().map(one).collect()
}

/// Reads one piece of content; `None` where it was erased.
pub(crate) async fn content(
    store: &dyn EventStore,
    genesis: &Genesis,
    digest: Digest,
    seq: Seq,
) -> Result<Option<Vec<u8>>, Error> {
    there(genesis, digest, seq, store.content(&root_of(genesis), &[digest]).await?.into_iter().next())
}

fn there(genesis: &Genesis, digest: Digest, seq: Seq, found: Option<Stored>) -> Result<Option<Vec<u8>>, Error> {
    let broken = |kind, what: &str| Err(Error::damaged(&genesis.run, ChainBreak::new(kind, seq, digest, what)));
    match found {
        Some(Stored::Bytes(bytes)) => Ok(Some(bytes)),
        Some(Stored::Erased { .. }) => Ok(None),
        Some(Stored::Unreadable) => broken(BreakKind::ContentMismatch, "a row of an unknown encoding"),
        Some(Stored::Missing) | None => broken(BreakKind::ContentMissing, "no row"),
    }
}
