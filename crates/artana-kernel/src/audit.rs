//! Verification of a run where it is stored: chain, vocabulary, head, keys, content, claims, view.
//! It looks at the store as it is, never at what this process remembers.

use std::collections::{HashSet, VecDeque};

use artana_core::{
    ContentRef, Digest, EventId, Head, Record, RunId, RunKey, RunRef, Seq, Tenant,
    limits::{MAX_CONTENT_BATCH, MAX_FORK_DEPTH, MAX_KEY_BATCH, MAX_PAGE_EVENTS},
    verify::{BreakKind, ChainBreak, Ledger, Stored, check_content, check_holder, genesis_of},
};
use artana_ports::{EventStore, Listed};

use crate::{Error, Kernel, Run, load::root_of};

/// How far a verification's word goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// The ledger contradicts nothing that is stored with it. Nothing kept elsewhere was asked,
    /// so a full rewrite or an old copy by the database's owner would go unseen.
    InternallyConsistent,
    /// The ledger is broken.
    Broken,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InternallyConsistent => "internally consistent, not anchored",
            Self::Broken => "broken",
        })
    }
}

/// Whether derived rows were rebuilt and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "they were or they were not")]
pub enum Views {
    /// They were, and agree.
    Checked,
    /// They were not: the run holds something a newer version wrote, or is broken before that.
    NotChecked,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// The run.
    pub run: RunRef,
    /// How far the word goes.
    pub level: Level,
    /// The end of the chain as far as it holds.
    pub head: Option<Head>,
    /// How many events hold.
    pub events: u64,
    /// The runs it shares events with, root first, each up to where the next one leaves it.
    pub ancestors: Vec<RunRef>,
    /// How many references to content were checked.
    pub content: u64,
    /// Whether derived rows were compared.
    pub views: Views,
    /// The ancestor whose events are broken, where it is not the run itself.
    pub broken_in: Option<RunRef>,
    /// The first break.
    pub first_break: Option<ChainBreak>,
}

impl VerifyReport {
    /// Returns whether nothing is broken.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.first_break.is_none()
    }
}

impl Run {
    /// Verifies the run where it is stored.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]: a store that does not answer is unavailable, never invalid. A break is no error.
    pub async fn verify(&self) -> Result<VerifyReport, Error> {
        self.journal.shared.open()?;
        verify(&*self.journal.shared.store, self.name()).await
    }
}

impl Kernel {
    /// Verifies a run without opening it, so that a broken one can be verified too.
    ///
    /// # Errors
    ///
    /// [`Error::RunNotFound`]; [`Error::Store`].
    pub async fn verify(&self, tenant: &Tenant, id: &str) -> Result<VerifyReport, Error> {
        self.0.open()?;
        let run = RunRef::new(tenant.id()?.clone(), RunId::parse(id)?);
        verify(&*self.0.store, &run).await
    }
}

pub(crate) async fn verify(store: &dyn EventStore, run: &RunRef) -> Result<VerifyReport, Error> {
    let mut audit = Audit::new(run.clone());
    let found = audit.family(store, run).await?;
    let (views, first_break) = match found {
        Ok(views) => (views, None),
        Err(found) => (Views::NotChecked, Some(found)),
    };
    // A fork whose ancestors' chains are broken was not looked at itself.
    let looked_at = audit.ledger.genesis().is_none_or(|genesis| genesis.run == *run);
    let head = audit.ledger.head().filter(|_| looked_at);
    Ok(VerifyReport {
        run: run.clone(),
        level: if first_break.is_some() { Level::Broken } else { Level::InternallyConsistent },
        head,
        events: head.map_or(0, |head| head.seq.get()),
        ancestors: audit.ancestors,
        content: audit.content,
        views,
        broken_in: audit.broken_in,
        first_break,
    })
}

/// A verification under way. A break in the chain goes before one in content, wherever they are.
struct Audit {
    ledger: Ledger,
    ancestors: Vec<RunRef>,
    broken_in: Option<RunRef>,
    content: u64,
    /// The first break in content, and the run whose event refers to it.
    later: Option<(RunRef, ChainBreak)>,
    /// The first event that does not hold what it has to hold, and its run.
    unheld: Option<(RunRef, ChainBreak)>,
    /// Digests that were checked, up to a bound; beyond it some are checked again.
    seen: HashSet<(Digest, u64)>,
}

const MAX_SEEN: usize = 1_000_000;

type Checked<T> = Result<Result<T, ChainBreak>, Error>;

macro_rules! sound {
    ($checked:expr) => {
        match $checked {
            Ok(value) => value,
            Err(broken) => return Ok(Err(broken)),
        }
    };
}

impl Audit {
    fn new(run: RunRef) -> Self {
        Self {
            ledger: Ledger::new(run),
            ancestors: Vec::new(),
            broken_in: None,
            content: 0,
            later: None,
            unheld: None,
            seen: HashSet::new(),
        }
    }

    /// Verifies the events a run shares with its ancestors, from the root down, and then the run.
    async fn family(&mut self, store: &dyn EventStore, run: &RunRef) -> Checked<Views> {
        let lineage = lineage(store, run).await?;
        let mut parent = None;
        for (ancestor, cut) in lineage {
            self.ledger = Ledger::fork(ancestor.clone(), parent.take());
            self.ancestors.push(ancestor.clone());
            let checked = self.shared(store, &ancestor, cut).await?;
            if let Err(broken) = checked {
                self.broken_in = Some(ancestor);
                return Ok(Err(broken));
            }
            parent = std::mem::replace(&mut self.ledger, Ledger::new(ancestor)).into_state();
        }
        self.ledger = Ledger::fork(run.clone(), parent);
        self.run(store, run).await
    }

    /// Verifies an ancestor up to its cut: chain, vocabulary, key, and the content it refers to.
    async fn shared(&mut self, store: &dyn EventStore, run: &RunRef, cut: Seq) -> Checked<()> {
        let mut key = None;
        loop {
            let after = self.ledger.head().map_or(Seq::ZERO, |head| head.seq);
            let due = u32::try_from(cut.get().saturating_sub(after.get())).unwrap_or(MAX_PAGE_EVENTS);
            if due == 0 {
                break;
            }
            let page = store.read(run, after, due.min(MAX_PAGE_EVENTS)).await?;
            if page.is_empty() {
                return Ok(Err(ChainBreak::new(BreakKind::HeadMismatch, after.next(), cut, "no event")));
            }
            sound!(self.push_page(store, &mut key, page).await?);
        }
        sound!(self.ledger.check_key(key.flatten().as_ref()));
        Ok(self.lineage())
    }

    /// A fork that cannot be folded after the ancestors that were read goes on from something else.
    fn lineage(&self) -> Result<(), ChainBreak> {
        let forked = self.ledger.genesis().is_some_and(|genesis| genesis.parent.is_some());
        if forked && self.ledger.state().is_none() {
            let expected = "a genesis after the events before it";
            return Err(ChainBreak::new(BreakKind::GenesisMismatch, Seq::new(1), expected, "another lineage"));
        }
        Ok(())
    }

    /// A run may move on while it is verified. Each round reads to the end and then compares with a
    /// head that was read after it; a head further on is a break only once a round has read nothing new.
    async fn run(&mut self, store: &dyn EventStore, run: &RunRef) -> Checked<Views> {
        let (mut key, mut again) = (None, false);
        loop {
            let before = self.ledger.head();
            sound!(self.read_on(store, run, &mut key).await?);
            let end = self.ledger.head();
            let head = store.head(run).await?;
            if end.is_none() && head.is_none() {
                return Err(Error::RunNotFound { run: run.clone() });
            }
            let grew = before != end || (before.is_none() && !again);
            again = true;
            if grew && moved_on(head, end) {
                continue;
            }
            sound!(self.ledger.finish(head.as_ref()));
            sound!(self.lineage());
            let view = store.view(run).await?;
            if grew && moved_on(head_of(view.as_ref()), end) {
                continue;
            }
            return self.conclude(store, run, key, view).await;
        }
    }

    async fn read_on(&mut self, store: &dyn EventStore, run: &RunRef, key: &mut Option<Option<RunKey>>) -> Checked<()> {
        loop {
            let after = self.ledger.head().map_or(Seq::ZERO, |head| head.seq);
            let page = store.read(run, after, MAX_PAGE_EVENTS).await?;
            let full = page.len() == MAX_PAGE_EVENTS as usize;
            sound!(self.push_page(store, key, page).await?);
            if !full {
                return Ok(Ok(()));
            }
        }
    }

    async fn push_page(
        &mut self,
        store: &dyn EventStore,
        key: &mut Option<Option<RunKey>>,
        page: Vec<Record>,
    ) -> Checked<()> {
        let (mut wanted, mut held) = (Vec::new(), Vec::new());
        for record in &page {
            let (found, key) = sound!(self.ledger.push_with_key(record));
            wanted.extend(found.into_iter().map(|reference| (record.seq, reference)));
            held.extend(key.map(|key| Held { seq: record.seq, key, by: record.event_id }));
        }
        self.check_page(store, key, wanted).await?;
        self.check_held(store, &held).await?;
        Ok(Ok(()))
    }

    async fn conclude(
        &mut self,
        store: &dyn EventStore,
        run: &RunRef,
        key: Option<Option<RunKey>>,
        view: Option<Listed>,
    ) -> Checked<Views> {
        sound!(self.ledger.check_key(key.flatten().as_ref()));
        let tenant_key = store.tenant_key(&run.tenant, None).await?;
        sound!(self.ledger.check_tenant_key(tenant_key.map(|key| key.id())));
        // Of derived rows only what this build can rebuild is judged.
        let rebuilt = self.ledger.state().is_some_and(|state| state.foreign().is_none());
        let unheld = self.unheld.take().filter(|_| rebuilt);
        if let Some((holder, broken)) = self.later.take().or(unheld) {
            self.broken_in = Some(holder).filter(|holder| holder != run);
            return Ok(Err(broken));
        }
        Ok(self.check_view(view))
    }

    fn check_view(&self, view: Option<Listed>) -> Result<Views, ChainBreak> {
        let at = self.ledger.head().map_or(Seq::ZERO, |head| head.seq);
        let broken = |found: String| Err(ChainBreak::new(BreakKind::ViewMismatch, at, "the run's row", found));
        match view {
            Some(Listed::View(view)) => {
                let checked = self.ledger.check_view(&view)?;
                Ok(if checked.is_some() { Views::Checked } else { Views::NotChecked })
            }
            Some(Listed::Broken { why, .. }) => broken(why),
            None => broken("none".into()),
        }
    }

    /// Asks who holds what a page's events have to hold, and keeps the first break for later. Whatever an event
    /// claims is claimed in its own append and never given back, so a run that moves on makes no difference.
    async fn check_held(&mut self, store: &dyn EventStore, held: &[Held]) -> Result<(), Error> {
        let Some(genesis) = self.ledger.genesis() else { return Ok(()) };
        if self.unheld.is_some() {
            return Ok(());
        }
        for batch in held.chunks(MAX_KEY_BATCH) {
            let keys: Vec<String> = batch.iter().map(|held| held.key.clone()).collect();
            let stored = store.holders(&genesis.run.tenant, &keys).await?;
            let stored = stored.into_iter().chain(std::iter::repeat(None));
            let broken = batch.iter().zip(stored).find_map(|(held, by)| check_holder(held.seq, held.by, by).err());
            if let Some(broken) = broken {
                self.unheld = Some((genesis.run.clone(), broken));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Checks the content a page refers to and keeps the first break for later.
    async fn check_page(
        &mut self,
        store: &dyn EventStore,
        key: &mut Option<Option<RunKey>>,
        mut wanted: Vec<(Seq, ContentRef)>,
    ) -> Result<(), Error> {
        let Some(genesis) = self.ledger.genesis() else { return Ok(()) };
        let (root, run) = (root_of(genesis), genesis.run.clone());
        if key.is_none() {
            *key = Some(store.run_key(&root).await?);
        }
        let Some(Some(key)) = key else { return Ok(()) };
        if self.later.is_some() {
            return Ok(());
        }
        let digester = key.digester();
        wanted.retain(|(_, reference)| !self.seen.contains(&(reference.digest, reference.len)));
        for batch in wanted.chunks(MAX_CONTENT_BATCH) {
            let digests: Vec<Digest> = batch.iter().map(|(_, reference)| reference.digest).collect();
            let stored = store.content(&root, &digests).await?;
            for ((seq, reference), stored) in batch.iter().zip(&stored) {
                let verified: Vec<&RunRef> = self.ancestors.iter().chain([&run]).collect();
                let erased = erased(store, &verified, reference, stored).await?;
                let checked = check_content(*seq, reference, stored, |b| digester.digest(b), |_, _| erased);
                self.content += 1;
                if let Err(broken) = checked {
                    self.later = Some((run.clone(), broken));
                    return Ok(());
                }
                if self.seen.len() < MAX_SEEN {
                    self.seen.insert((reference.digest, reference.len));
                }
            }
        }
        Ok(())
    }
}

/// A unique key, and the event that has to hold it.
struct Held {
    seq: Seq,
    key: String,
    by: EventId,
}

fn head_of(view: Option<&Listed>) -> Option<Head> {
    match view {
        Some(Listed::View(view)) => Some(view.head),
        _ => None,
    }
}

fn moved_on(head: Option<Head>, end: Option<Head>) -> bool {
    head.is_some_and(|head| end.is_none_or(|end| head.seq > end.seq))
}

/// Returns the ancestors of a run, root first, each with the last event that is shared. A first event that
/// cannot be read, or does not hang from what it says, has none to show; the verification of its run will say so.
async fn lineage(store: &dyn EventStore, run: &RunRef) -> Result<VecDeque<(RunRef, Seq)>, Error> {
    let mut lineage = VecDeque::new();
    let mut next = run.clone();
    while lineage.len() <= MAX_FORK_DEPTH {
        let first = store.read(&next, Seq::ZERO, 1).await?;
        let Some(first) = first.first() else { break };
        let genesis = genesis_of(&next, first).filter(|genesis| genesis.hash() == first.prev_hash);
        let Some(link) = genesis.and_then(|genesis| genesis.parent) else { break };
        next = RunRef::new(run.tenant.clone(), link.run);
        lineage.push_front((next.clone(), link.seq));
    }
    Ok(lineage)
}

/// Asks the event a tombstone names whether it lists the digest. Only an event of the runs being
/// verified counts, because their chains are checked along with everything else.
async fn erased(
    store: &dyn EventStore,
    verified: &[&RunRef],
    reference: &ContentRef,
    stored: &Stored,
) -> Result<bool, Error> {
    let Stored::Erased { run, seq } = stored else { return Ok(false) };
    let Some(verified) = verified.iter().find(|verified| run == verified.run.as_str()) else { return Ok(false) };
    let before = Seq::new(seq.get().saturating_sub(1));
    let rows = store.read(verified, before, 1).await?;
    let Some(row) = rows.first().filter(|row| row.seq == *seq) else { return Ok(false) };
    let listed = artana_core::json::parse(&row.payload).ok().and_then(|payload| {
        let digests = payload.get("digests")?.as_array()?;
        Some(digests.iter().any(|digest| digest.as_str() == Some(&reference.digest.to_string())))
    });
    Ok(row.kind.as_str() == Some("content_erased") && listed.unwrap_or(false))
}
