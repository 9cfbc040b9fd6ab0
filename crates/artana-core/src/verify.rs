//! Verification: names the first break of a ledger. It hashes what is stored, it never re-serialises,
//! and a kind it does not know still verifies.

use std::fmt;

use serde::Deserialize;

use crate::{
    ContentRef, Event, EventId, Frame, Genesis, Head, KeyId, Record, RunKey, RunRef, RunState, RunView, Seq,
    content::references,
    decide::held_key,
    event::{Body, GenesisFields},
    json,
};

/// What kind of break was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakKind {
    /// A sequence is missing, repeated or out of order.
    Gap,
    /// A row does not name the hash before it.
    PrevMismatch,
    /// A row's hash is not the hash of its fields.
    HashMismatch,
    /// The chain does not hang from its run's genesis.
    GenesisMismatch,
    /// A row belongs to another run.
    ForeignRun,
    /// A row belongs to another tenant.
    TenantChanged,
    /// The last row is not the recorded head.
    HeadMismatch,
    /// A row does not say what its kind should.
    Undecodable,
    /// A derived row is not what the events add up to.
    ViewMismatch,
    /// Content is not what its digest or length says.
    ContentMismatch,
    /// Content is gone and was not erased.
    ContentMissing,
    /// A key is gone, or is not the key the run names.
    KeyMismatch,
}

impl fmt::Display for BreakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// The first place where a ledger is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at sequence {seq}: expected {expected}, found {found}")]
pub struct ChainBreak {
    /// What kind of break it is.
    pub kind: BreakKind,
    /// The sequence it was found at; 0 for rows without one.
    pub seq: Seq,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl ChainBreak {
    /// Describes a break.
    pub fn new(kind: BreakKind, seq: Seq, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self { kind, seq, expected: expected.to_string(), found: found.to_string() }
    }
}

/// Verifies the chain of a run whose genesis is known, up to its last record. No JSON is parsed.
///
/// # Errors
///
/// The first [`ChainBreak`].
pub fn verify<'a>(genesis: &Genesis, records: impl IntoIterator<Item = &'a Record>) -> Result<Head, ChainBreak> {
    let mut chain = Chain::new(genesis);
    records.into_iter().try_for_each(|record| chain.push(record))?;
    Ok(chain.head)
}

/// Verifies a chain record by record.
#[derive(Debug, Clone)]
pub struct Chain {
    run: RunRef,
    head: Head,
    scratch: Frame,
}

impl Chain {
    /// Starts before the first record of a run.
    #[must_use]
    pub fn new(genesis: &Genesis) -> Self {
        Self::resume(genesis.run.clone(), Head { seq: Seq::ZERO, hash: genesis.hash() })
    }

    /// Goes on after a head that was verified before.
    #[must_use]
    pub fn resume(run: RunRef, head: Head) -> Self {
        Self { run, head, scratch: Frame::bare() }
    }

    /// Checks the next record.
    ///
    /// # Errors
    ///
    /// The [`ChainBreak`] at this record.
    pub fn push(&mut self, record: &Record) -> Result<(), ChainBreak> {
        let due = self.head.seq.next();
        let broken = |kind, expected: &dyn fmt::Display, found: &dyn fmt::Display| {
            Err(ChainBreak::new(kind, due, expected, found))
        };
        if *record.tenant != *self.run.tenant.as_str() {
            return broken(BreakKind::TenantChanged, &self.run.tenant, &record.tenant);
        }
        if *record.run != *self.run.run.as_str() {
            return broken(BreakKind::ForeignRun, &self.run.run, &record.run);
        }
        if record.seq != due {
            return broken(BreakKind::Gap, &due, &record.seq);
        }
        if record.prev_hash != self.head.hash {
            let first = due == Seq::new(1);
            let kind = if first { BreakKind::GenesisMismatch } else { BreakKind::PrevMismatch };
            return broken(kind, &self.head.hash, &record.prev_hash);
        }
        let computed = record.hash_with(&self.head.hash, &mut self.scratch);
        if record.hash != computed {
            return broken(BreakKind::HashMismatch, &computed, &record.hash);
        }
        self.head = record.head();
        Ok(())
    }

    /// Returns the head of what was checked so far.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Compares the end of the chain with the head kept beside it.
    ///
    /// # Errors
    ///
    /// `HeadMismatch` at the first sequence that is missing, or at the last one there is.
    pub fn finish(&self, stored: Option<&Head>) -> Result<Head, ChainBreak> {
        let shown = |head: &Head| format!("{} {}", head.seq, head.hash);
        match stored {
            Some(stored) if *stored == self.head => Ok(self.head),
            Some(stored) => {
                let cut = stored.seq > self.head.seq;
                let at = if cut { self.head.seq.next() } else { self.head.seq };
                Err(ChainBreak::new(BreakKind::HeadMismatch, at, shown(stored), shown(&self.head)))
            }
            None => Err(ChainBreak::new(BreakKind::HeadMismatch, self.head.seq, "a head row", "none")),
        }
    }
}

/// What a ledger's content was checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "content is there, was erased, or is missing")]
pub enum Stored {
    /// The plaintext.
    Bytes(Vec<u8>),
    /// A tombstone naming the event that erased it.
    Erased {
        /// The run whose event it is.
        run: String,
        /// The event's sequence.
        seq: Seq,
    },
    /// The row cannot be read: its codec or its seal is not one of the format's.
    Unreadable,
    /// No row.
    Missing,
}

/// Verifies a whole ledger: chain, vocabulary, fold, and the content its payloads refer to.
#[derive(Debug, Clone)]
pub struct Ledger {
    run: RunRef,
    chain: Option<Chain>,
    begun: Option<(Genesis, KeyId)>,
    parent: Option<RunState>,
    state: Option<RunState>,
    opaque: bool,
}

impl Ledger {
    /// Starts before the first record.
    #[must_use]
    pub fn new(run: RunRef) -> Self {
        Self { run, chain: None, begun: None, parent: None, state: None, opaque: false }
    }

    /// Starts before the first record of a fork, after the events it shares with its ancestors. Without them
    /// only the fork's own chain and vocabulary can be checked, not what its events add up to.
    #[must_use]
    pub fn fork(run: RunRef, parent: Option<RunState>) -> Self {
        Self { parent, ..Self::new(run) }
    }

    /// Checks the next record and returns the content it refers to.
    ///
    /// The genesis is recomputed from the first payload and the run's own name.
    ///
    /// # Errors
    ///
    /// The [`ChainBreak`] at this record.
    pub fn push(&mut self, record: &Record) -> Result<Vec<ContentRef>, ChainBreak> {
        self.push_with_key(record).map(|(content, _)| content)
    }

    /// Like [`Self::push`], and returns the unique key that the event has to hold as well, if it has to hold one.
    ///
    /// # Errors
    ///
    /// The [`ChainBreak`] at this record.
    pub fn push_with_key(&mut self, record: &Record) -> Result<(Vec<ContentRef>, Option<String>), ChainBreak> {
        let chain = match &mut self.chain {
            Some(chain) => chain,
            None => self.chain.insert(first_chain(&self.run, record)?),
        };
        chain.push(record)?;
        let undecodable =
            |why: &dyn fmt::Display| ChainBreak::new(BreakKind::Undecodable, record.seq, "a payload of its kind", why);
        let payload = json::parse(&record.payload).map_err(|e| undecodable(&e))?;
        if !payload.is_object() {
            return Err(undecodable(&"a payload that is no object"));
        }
        let found = references(&payload).map_err(|e| undecodable(&e))?;
        let event = Event::decode(record.clone()).map_err(|e| undecodable(&e))?;
        let known = self.state.as_ref().filter(|_| !self.opaque);
        let key = known.and_then(|before| held_key(before, event.step(), event.body()));
        self.fold(&event).map_err(|e| undecodable(&e))?;
        Ok((found, key))
    }

    fn fold(&mut self, event: &Event) -> Result<(), crate::FoldError> {
        match &mut self.state {
            None if self.opaque => {}
            None => self.begin(event)?,
            Some(_) if self.opaque => {}
            Some(state) => state.apply(event)?,
        }
        // After a kind or flag this build does not know, rules may hold that it does not know either.
        self.opaque = self.state.as_ref().is_none_or(|state| state.foreign().is_some());
        Ok(())
    }

    /// A fork without its ancestors, or after others than its own, cannot be folded. Who knows the ancestors
    /// compares the lineage.
    fn begin(&mut self, first: &Event) -> Result<(), crate::FoldError> {
        let started = match first.body() {
            Body::RunStarted(started) => Some(started),
            _ => None,
        };
        self.begun = started.map(|started| (started.genesis.of(&self.run), started.tenant_key_id));
        match RunState::start(&self.run, first, self.parent.take().as_ref()) {
            Ok(state) => self.state = Some(state),
            Err(crate::FoldError::Parent) => {}
            Err(refused) => return Err(refused),
        }
        Ok(())
    }

    /// Checks the key the content is to be digested with.
    ///
    /// # Errors
    ///
    /// `KeyMismatch` when there is none or it is another one.
    pub fn check_key(&self, key: Option<&RunKey>) -> Result<(), ChainBreak> {
        let Some((genesis, _)) = &self.begun else { return Ok(()) };
        key_matches(genesis.key_id, key.map(RunKey::id), "run key")
    }

    /// Checks the tenant's key.
    ///
    /// # Errors
    ///
    /// `KeyMismatch` when there is none or it is another one.
    pub fn check_tenant_key(&self, id: Option<KeyId>) -> Result<(), ChainBreak> {
        let Some((_, tenant_key)) = &self.begun else { return Ok(()) };
        key_matches(*tenant_key, id, "tenant key")
    }

    /// Compares the end of the chain with the head kept beside it.
    ///
    /// # Errors
    ///
    /// `HeadMismatch`.
    pub fn finish(&self, stored: Option<&Head>) -> Result<Head, ChainBreak> {
        match &self.chain {
            Some(chain) => chain.finish(stored),
            None => Err(ChainBreak::new(BreakKind::HeadMismatch, Seq::new(1), "at least one event", "none")),
        }
    }

    /// Compares a stored view with the fold. `None` means that this build cannot rebuild views of this run.
    ///
    /// # Errors
    ///
    /// `ViewMismatch`.
    pub fn check_view(&self, stored: &RunView) -> Result<Option<()>, ChainBreak> {
        let Some(state) = self.state.as_ref().filter(|_| !self.opaque) else { return Ok(None) };
        let rebuilt = state.view();
        if rebuilt == *stored {
            return Ok(Some(()));
        }
        let field = differing_field(&rebuilt, stored);
        Err(ChainBreak::new(BreakKind::ViewMismatch, stored.head.seq, format!("{field} as folded"), "another value"))
    }

    /// Borrows what the run's chain hangs from, once its first event was checked.
    #[must_use]
    pub fn genesis(&self) -> Option<&Genesis> {
        self.begun.as_ref().map(|(genesis, _)| genesis)
    }

    /// Gives up what was folded, for a fork to go on from; `None` where it cannot be folded.
    #[must_use]
    pub fn into_state(mut self) -> Option<RunState> {
        self.take_state()
    }

    /// Like [`Self::into_state`], where nothing but the chain is asked of the ledger afterwards.
    pub(crate) fn take_state(&mut self) -> Option<RunState> {
        let opaque = std::mem::replace(&mut self.opaque, true);
        self.state.take().filter(|_| !opaque)
    }

    /// Borrows what was folded so far.
    #[must_use]
    pub fn state(&self) -> Option<&RunState> {
        self.state.as_ref()
    }

    /// Returns the head of what was checked so far.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.chain.as_ref().map(Chain::head)
    }
}

/// Checks a piece of content against the reference an event holds.
///
/// An erased row needs the event that erased it, so `erased_by` says whether that event lists the digest.
///
/// # Errors
///
/// `ContentMismatch` or `ContentMissing`.
pub fn check_content(
    seq: Seq,
    wanted: &ContentRef,
    stored: &Stored,
    digest: impl Fn(&[u8]) -> crate::Digest,
    erased_by: impl Fn(&str, Seq) -> bool,
) -> Result<(), ChainBreak> {
    let missing = |found: &str| Err(ChainBreak::new(BreakKind::ContentMissing, seq, wanted.digest, found));
    let mismatch = |found: &dyn fmt::Display| {
        Err(ChainBreak::new(
            BreakKind::ContentMismatch,
            seq,
            format!("{} of {} bytes", wanted.digest, wanted.len),
            found,
        ))
    };
    match stored {
        Stored::Missing => missing("no row"),
        Stored::Erased { run, seq } if erased_by(run, *seq) => Ok(()),
        Stored::Erased { .. } => missing("a tombstone that no event accounts for"),
        Stored::Unreadable => mismatch(&"a row of an unknown encoding"),
        Stored::Bytes(bytes) => {
            let found = digest(bytes);
            if found != wanted.digest || bytes.len() as u64 != wanted.len {
                return mismatch(&format!("{found} of {} bytes", bytes.len()));
            }
            Ok(())
        }
    }
}

/// Checks that a unique key is held by the event that has to hold it.
///
/// # Errors
///
/// `ViewMismatch`.
pub fn check_holder(seq: Seq, wanted: EventId, stored: Option<EventId>) -> Result<(), ChainBreak> {
    if stored == Some(wanted) {
        return Ok(());
    }
    let found = stored.map_or_else(|| "none".to_owned(), |holder| format!("one held by {holder}"));
    Err(ChainBreak::new(BreakKind::ViewMismatch, seq, format!("a claim held by {wanted}"), found))
}

fn first_chain(run: &RunRef, record: &Record) -> Result<Chain, ChainBreak> {
    // The row's own place comes first: a first row that is not sequence 1 is a gap, whatever it holds.
    let placed = Chain::resume(run.clone(), Head { seq: Seq::ZERO, hash: record.prev_hash });
    let misplaced =
        *record.tenant != *run.tenant.as_str() || *record.run != *run.run.as_str() || record.seq != Seq::new(1);
    if misplaced {
        return Ok(placed);
    }
    let genesis = genesis_of(run, record).ok_or_else(|| {
        ChainBreak::new(BreakKind::GenesisMismatch, Seq::new(1), "the genesis in the first payload", "none")
    })?;
    Ok(Chain::new(&genesis))
}

/// Reads the genesis out of a run's first record, if it holds one that a run can have.
#[must_use]
pub fn genesis_of(run: &RunRef, record: &Record) -> Option<Genesis> {
    if record.kind.as_bytes() != b"run_started" {
        return None;
    }
    let payload = json::parse(&record.payload).ok()?;
    let fields = payload.get("genesis").filter(|fields| fields.is_object())?;
    if fields.get("parent").is_some_and(serde_json::Value::is_array) {
        return None;
    }
    let genesis = GenesisFields::deserialize(fields).ok()?.of(run);
    // A run is its own root exactly where it has no parent.
    ((genesis.root == genesis.run.run) == genesis.parent.is_none()).then_some(genesis)
}

fn key_matches(named: KeyId, stored: Option<KeyId>, what: &str) -> Result<(), ChainBreak> {
    match stored {
        Some(id) if id == named => Ok(()),
        Some(id) => Err(ChainBreak::new(BreakKind::KeyMismatch, Seq::new(1), format!("the {what} {named}"), id)),
        None => Err(ChainBreak::new(BreakKind::KeyMismatch, Seq::new(1), format!("the {what} {named}"), "none")),
    }
}

fn differing_field(a: &RunView, b: &RunView) -> &'static str {
    let fields = [
        (a.run != b.run, "run"),
        (a.root != b.root, "root"),
        (a.parent != b.parent, "parent"),
        (a.status != b.status, "status"),
        (a.head != b.head, "head"),
        (a.started_at != b.started_at, "started_at"),
        (a.updated_at != b.updated_at, "updated_at"),
        (a.steps != b.steps, "steps"),
        (a.pending != b.pending, "pending"),
        (a.unknown != b.unknown, "unknown"),
        (a.drifts != b.drifts, "drifts"),
        (a.last_step != b.last_step, "last_step"),
        (a.failed_step != b.failed_step, "failed_step"),
        (a.labels != b.labels, "labels"),
    ];
    fields.into_iter().find(|(differs, _)| *differs).map_or("queued", |(_, name)| name)
}
