//! Verifies one export: a run with its ancestors, their key and the content they refer to.
//! Chains are checked as their events come, content as it comes; what is missing shows at the end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    Digest, Genesis, Head, KeyId, ParentLink, Record, RunId, RunState, Seq,
    digest::Digester,
    export::{ContentCheck, ContentLine, Erasure, Kept, KeyLine, LineError, RunLine, RunReport, Unchecked},
    json,
    verify::{BreakKind, ChainBreak, Ledger},
};

/// A run with its ancestors, root first.
#[derive(Debug)]
pub(super) struct Family {
    runs: Vec<Chained>,
    wanted: BTreeMap<(Digest, u64), Wanted>,
    /// What events of the export erased: content by its digest, the key by `None`.
    erased: BTreeSet<(RunId, Seq, Option<Digest>)>,
    vault: Vault,
}

/// One run's chain, as far as it was read.
#[derive(Debug)]
struct Chained {
    line: RunLine,
    ledger: Ledger,
    head: Option<Head>,
    events: u64,
    broken: Option<ChainBreak>,
}

/// A piece of content that an event refers to.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    run: usize,
    seq: Seq,
    found: Found,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    No,
    Plaintext,
    Tombstone,
}

/// What was read of keys and content.
#[derive(Debug, Default)]
struct Vault {
    key_seen: bool,
    content_seen: bool,
    digester: Option<Digester>,
    /// The first break of the key, and the first of a row of content with the run it belongs to.
    key_broken: Option<ChainBreak>,
    row_broken: Option<(usize, ChainBreak)>,
}

impl Family {
    pub(super) fn new(first: RunLine) -> Self {
        let runs = vec![Chained::new(first, None)];
        Self { runs, wanted: BTreeMap::new(), erased: BTreeSet::new(), vault: Vault::default() }
    }

    /// Returns whether the last run is an ancestor, so that its fork has to follow.
    pub(super) fn awaits_fork(&self) -> bool {
        self.runs.last().is_some_and(|run| run.line.head.is_none()) && !self.vault.begun()
    }

    pub(super) fn run(&mut self, fork: RunLine) {
        // Of a broken parent, as far as it held. A fork that hangs from another event is not folded after it.
        let parent = self.runs.last_mut().and_then(|parent| parent.ledger.take_state());
        self.runs.push(Chained::new(fork, parent));
    }

    pub(super) fn event(&mut self, record: &Record) -> Result<(), LineError> {
        if self.vault.begun() {
            return Err(LineError::Misplaced("events stand before the key and the content"));
        }
        let index = self.runs.len() - 1;
        let (run, ancestors) = self.runs.split_last_mut().expect("a family has a run from its beginning");
        if run.broken.is_some() {
            return Ok(());
        }
        let found = run.ledger.push(record).and_then(|found| run.lineage(ancestors.last()).map(|()| found));
        match found {
            Ok(found) => {
                run.events += 1;
                run.head = Some(record.head());
                for piece in found {
                    let first = Wanted { run: index, seq: record.seq, found: Found::No };
                    self.wanted.entry((piece.digest, piece.len)).or_insert(first);
                }
                self.note_erasures(record, index);
            }
            Err(broken) => run.broken = Some(broken),
        }
        Ok(())
    }

    fn note_erasures(&mut self, record: &Record, run: usize) {
        if record.kind.as_bytes() != b"content_erased" {
            return;
        }
        let Ok(payload) = json::parse(&record.payload) else { return };
        let place = |what| (self.runs[run].line.run.run.clone(), record.seq, what);
        let digests = payload["digests"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.erased.extend(digests.filter_map(|text| Digest::from_hex(text).ok()).map(|digest| place(Some(digest))));
        self.erased.extend((payload["key"] == Value::Bool(true)).then(|| place(None)));
    }

    pub(super) fn key(&mut self, line: &KeyLine) -> Result<(), LineError> {
        if self.vault.begun() {
            return Err(LineError::Misplaced("the key stands once, before the content"));
        }
        self.vault.key_seen = true;
        let checked = self.of_family(line.tenant.as_str(), &line.root).and_then(|()| match &line.key {
            Kept::There(key) => self.runs[0].ledger.check_key(Some(key)).map(|()| Some(key.digester())),
            Kept::Erased(by) if self.erases(by, None) => Ok(None),
            Kept::Erased(_) => Err(ChainBreak::new(BreakKind::KeyMismatch, Seq::new(1), "the run key", UNACCOUNTED)),
        });
        match checked {
            Ok(digester) => self.vault.digester = digester,
            Err(broken) => self.vault.key_broken = Some(broken),
        }
        Ok(())
    }

    pub(super) fn content(&mut self, line: &ContentLine) {
        self.vault.content_seen = true;
        let key = (line.digest, line.len);
        let (run, seq) = self.wanted.get(&key).map_or((0, Seq::ZERO), |wanted| (wanted.run, wanted.seq));
        match self.of_family(line.tenant.as_str(), &line.root).and_then(|()| self.row(line, seq)) {
            Ok(found) => {
                if let Some(wanted) = self.wanted.get_mut(&key) {
                    wanted.found = found;
                }
            }
            Err(broken) => drop(self.vault.row_broken.get_or_insert((run, broken))),
        }
    }

    /// Checks one row by itself. A tombstone without its event is no tombstone: the content is missing.
    fn row(&self, line: &ContentLine, seq: Seq) -> Result<Found, ChainBreak> {
        let bytes = match &line.bytes {
            Kept::There(bytes) => bytes,
            Kept::Erased(by) if self.erases(by, Some(line.digest)) => return Ok(Found::Tombstone),
            Kept::Erased(_) => return Ok(Found::No),
        };
        let digest = self.vault.digester.as_ref().map_or(line.digest, |digester| digester.digest(bytes));
        if digest != line.digest || bytes.len() as u64 != line.len {
            let expected = format!("{} of {} bytes", line.digest, line.len);
            let found = format!("{digest} of {} bytes", bytes.len());
            return Err(ChainBreak::new(BreakKind::ContentMismatch, seq, expected, found));
        }
        Ok(Found::Plaintext)
    }

    fn erases(&self, by: &Erasure, what: Option<Digest>) -> bool {
        self.erased.contains(&(by.run.clone(), by.seq, what))
    }

    fn of_family(&self, tenant: &str, root: &RunId) -> Result<(), ChainBreak> {
        let named = &self.runs[0].line.run;
        if tenant != named.tenant.as_str() {
            return Err(ChainBreak::new(BreakKind::TenantChanged, Seq::ZERO, &named.tenant, tenant));
        }
        if *root != named.run {
            return Err(ChainBreak::new(BreakKind::ForeignRun, Seq::ZERO, &named.run, root));
        }
        Ok(())
    }

    /// Ends the export. Content is judged only where every chain holds.
    pub(super) fn finish(mut self) -> Vec<RunReport> {
        for run in &mut self.runs {
            let ended = run.ended();
            run.broken = run.broken.take().or(ended);
        }
        // An ancestor's end is vouched for by its fork; an ancestor without one has no end.
        let forks = self.runs.len() - 1;
        for ancestor in &mut self.runs[..forks] {
            ancestor.broken = ancestor.broken.take().filter(|b| b.kind != BreakKind::HeadMismatch);
        }
        if self.runs.iter().all(|run| run.broken.is_none())
            && let Some((run, broken)) = self.content_break()
        {
            self.runs[run].broken = Some(broken);
        }
        let whole = self.runs.iter().all(|run| run.broken.is_none());
        let checks: Vec<_> = (0..self.runs.len()).map(|run| self.content_check(run, whole)).collect();
        self.runs.into_iter().zip(checks).map(|(run, content)| run.report(content)).collect()
    }

    fn content_break(&mut self) -> Option<(usize, ChainBreak)> {
        let key = self.vault.key_broken.take().map(|broken| (0, broken));
        key.or_else(|| self.vault.row_broken.take()).or_else(|| self.missing())
    }

    fn missing(&self) -> Option<(usize, ChainBreak)> {
        if !self.vault.content_seen {
            return None;
        }
        let lost = self.wanted.iter().filter(|(_, wanted)| wanted.found == Found::No);
        let ((digest, _), first) = lost.min_by_key(|(_, wanted)| (wanted.run, wanted.seq))?;
        Some((first.run, ChainBreak::new(BreakKind::ContentMissing, first.seq, digest, "neither content nor erasure")))
    }

    fn content_check(&self, run: usize, whole: bool) -> ContentCheck {
        let unchecked = match (&self.vault, whole) {
            (_, false) => Unchecked::Broken,
            (Vault { content_seen: false, .. }, true) => Unchecked::NotIncluded,
            (Vault { digester: None, .. }, true) => Unchecked::NoKey,
            (Vault { digester: Some(_), .. }, true) => return self.counted(run),
        };
        ContentCheck::NotChecked(unchecked)
    }

    fn counted(&self, run: usize) -> ContentCheck {
        let of_run = || self.wanted.values().filter(move |wanted| wanted.run == run);
        let erased = of_run().filter(|wanted| wanted.found == Found::Tombstone).count() as u64;
        ContentCheck::Checked { pieces: of_run().count() as u64, erased }
    }
}

const UNACCOUNTED: &str = "a tombstone that no event accounts for";

impl Vault {
    fn begun(&self) -> bool {
        self.key_seen || self.content_seen
    }
}

impl Chained {
    fn new(line: RunLine, parent: Option<RunState>) -> Self {
        let ledger = Ledger::fork(line.run.clone(), parent);
        Self { line, ledger, head: None, events: 0, broken: None }
    }

    fn key_id(&self) -> Option<KeyId> {
        self.ledger.genesis().map(|genesis| genesis.key_id)
    }

    /// Compares a run's genesis with what stands before it in the file. Says nothing after the first event.
    fn lineage(&self, parent: Option<&Self>) -> Result<(), ChainBreak> {
        if self.events > 0 {
            return Ok(());
        }
        let genesis = self.ledger.genesis().expect("the first event was checked");
        let broken = |kind, expected: &str, found: &str| Err(ChainBreak::new(kind, Seq::new(1), expected, found));
        let tenants = parent.map(|parent| (parent.line.run.tenant.as_str(), self.line.run.tenant.as_str()));
        if let Some((expected, found)) = tenants.filter(|(parent, fork)| parent != fork) {
            return broken(BreakKind::TenantChanged, expected, found);
        }
        let expected = match parent {
            Some(parent) => parent.fork_genesis(genesis),
            None => Some(Genesis::root(genesis.run.clone(), genesis.key_id)),
        };
        if expected.as_ref() != Some(genesis) {
            return broken(BreakKind::GenesisMismatch, "a genesis after the events before it", "another lineage");
        }
        Ok(())
    }

    fn fork_genesis(&self, fork: &Genesis) -> Option<Genesis> {
        let own = self.ledger.genesis()?;
        let Head { seq, hash } = self.head?;
        let parent = Some(ParentLink { hash, run: own.run.run.clone(), seq });
        Some(Genesis { run: fork.run.clone(), root: own.root.clone(), parent, key_id: self.key_id()? })
    }

    fn ended(&self) -> Option<ChainBreak> {
        self.ledger.finish(self.line.head.as_ref()).err()
    }

    fn report(self, content: ContentCheck) -> RunReport {
        let ancestor = self.line.head.is_none();
        RunReport { run: self.line.run, ancestor, head: self.head, events: self.events, content, broken: self.broken }
    }
}
