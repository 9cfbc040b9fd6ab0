//! Export of a run as JSON Lines, for auditors: the exact stored bytes, ancestors first.
//! It reads the store as it is and leaves judgement to whoever verifies the lines.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use artana_core::{
    ContentRef, Digest, Genesis, Head, Record, RunId, RunRef, Seq, Tenant,
    content::references,
    export::{ContentLine, Erasure, Kept, KeyLine, Line, RunLine},
    json,
    limits::{MAX_FORK_DEPTH, MAX_PAGE_EVENTS},
    verify::{Stored, genesis_of},
};

use crate::{Error, Kernel, load::root_of, shared::Shared};

/// Pieces of content that are read from the vault at once.
const CONTENT_PAGE: usize = 16;

/// What an export contains besides the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// The content the events refer to, in clear.
    pub content: bool,
    /// The key of the content's digests. Whoever has it can test guesses of erased content.
    pub key: bool,
}

/// An export under way, line by line.
#[derive(Debug)]
pub struct Export {
    shared: Arc<Shared>,
    options: ExportOptions,
    runs: VecDeque<(RunRef, Option<Seq>)>,
    root: RunRef,
    lines: VecDeque<Line>,
    stage: Stage,
    wanted: VecDeque<ContentRef>,
    seen: HashSet<Digest>,
}

#[derive(Debug, Clone)]
enum Stage {
    NextRun,
    Events { run: RunRef, after: Seq, cut: Option<Seq> },
    Key,
    Content,
    Done,
}

impl Kernel {
    /// Begins the export of a run and of the ancestors it shares events with.
    ///
    /// # Errors
    ///
    /// [`Error::RunNotFound`]; [`Error::Store`].
    pub async fn export(&self, tenant: &Tenant, id: &str, options: ExportOptions) -> Result<Export, Error> {
        self.0.open()?;
        let run = RunRef::new(tenant.id()?.clone(), RunId::parse(id)?);
        let mut runs = VecDeque::from([(run.clone(), None)]);
        let mut root = run.clone();
        while let Some(genesis) = genesis(&self.0, &runs[0].0).await? {
            root = root_of(&genesis);
            let Some(parent) = genesis.parent.filter(|_| runs.len() <= MAX_FORK_DEPTH) else { break };
            runs.push_front((RunRef::new(run.tenant.clone(), parent.run), Some(parent.seq)));
        }
        Ok(Export {
            shared: Arc::clone(&self.0),
            options,
            runs,
            root,
            lines: VecDeque::new(),
            stage: Stage::NextRun,
            wanted: VecDeque::new(),
            seen: HashSet::new(),
        })
    }
}

/// A first event that cannot be read has no ancestors to show; the verifier of the lines will say so.
async fn genesis(shared: &Shared, run: &RunRef) -> Result<Option<Genesis>, Error> {
    let first = shared.store.read(run, Seq::ZERO, 1).await?;
    match first.first() {
        Some(first) => Ok(genesis_of(run, first)),
        None if shared.store.head(run).await?.is_some() => Ok(None),
        None => Err(Error::RunNotFound { run: run.clone() }),
    }
}

impl Export {
    /// Returns the next line, without its line feed; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn next_line(&mut self) -> Result<Option<String>, Error> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(line.to_json()));
            }
            self.stage = match self.stage.clone() {
                Stage::NextRun => self.next_run().await?,
                Stage::Events { run, after, cut } => self.events(run, after, cut).await?,
                Stage::Key => self.key().await?,
                Stage::Content => self.content().await?,
                Stage::Done => return Ok(None),
            };
        }
    }

    async fn next_run(&mut self) -> Result<Stage, Error> {
        let Some((run, cut)) = self.runs.pop_front() else { return Ok(Stage::Key) };
        let head: Option<Head> = if cut.is_some() { None } else { self.shared.store.head(&run).await? };
        let cut = cut.or(head.map(|head| head.seq));
        self.lines.push_back(Line::Run(RunLine { run: run.clone(), head }));
        Ok(Stage::Events { run, after: Seq::ZERO, cut })
    }

    async fn events(&mut self, run: RunRef, after: Seq, cut: Option<Seq>) -> Result<Stage, Error> {
        let mut page = self.shared.store.read(&run, after, MAX_PAGE_EVENTS).await?;
        let full = page.len() == MAX_PAGE_EVENTS as usize;
        let read = page.last().map(|last| last.seq);
        let cut = self.end(&run, cut, read).await?;
        page.retain(|row| cut.is_none_or(|cut| row.seq <= cut));
        if self.options.content {
            page.iter().for_each(|row| self.want(row));
        }
        let within = page.last().map(|last| last.seq) == read;
        self.lines.extend(page.into_iter().map(Line::Event));
        Ok(match read {
            Some(after) if full && within => Stage::Events { run, after, cut },
            _ => Stage::NextRun,
        })
    }

    /// What was appended after the head was read is left for another export. Rows after a head that has
    /// not moved since are no such append: they are shown, for whoever verifies the lines to name.
    async fn end(&self, run: &RunRef, cut: Option<Seq>, read: Option<Seq>) -> Result<Option<Seq>, Error> {
        let is_ancestor = !self.runs.is_empty();
        if is_ancestor || read <= cut {
            return Ok(cut);
        }
        let head = self.shared.store.head(run).await?;
        Ok(cut.filter(|_| head.map(|head| head.seq) >= read))
    }

    fn want(&mut self, row: &Record) {
        let found = json::parse(&row.payload).ok().and_then(|payload| references(&payload).ok());
        for reference in found.into_iter().flatten() {
            if self.seen.insert(reference.digest) {
                self.wanted.push_back(reference);
            }
        }
    }

    async fn key(&mut self) -> Result<Stage, Error> {
        if self.options.key
            && let Some(key) = self.shared.store.run_key(&self.root).await?
        {
            let (tenant, root) = (self.root.tenant.clone(), self.root.run.clone());
            self.lines.push_back(Line::Key(KeyLine { tenant, root, key: Kept::There(key) }));
        }
        Ok(Stage::Content)
    }

    /// A row that is missing has no line, which whoever verifies the export will name.
    async fn content(&mut self) -> Result<Stage, Error> {
        let batch: Vec<ContentRef> = self.wanted.drain(..self.wanted.len().min(CONTENT_PAGE)).collect();
        if batch.is_empty() {
            return Ok(Stage::Done);
        }
        let digests: Vec<Digest> = batch.iter().map(|reference| reference.digest).collect();
        let stored = self.shared.store.content(&self.root, &digests).await?;
        for (reference, stored) in batch.into_iter().zip(stored) {
            let bytes = match stored {
                Stored::Bytes(bytes) => Kept::There(bytes),
                Stored::Erased { run, seq } => match RunId::parse(run) {
                    Ok(run) => Kept::Erased(Erasure { run, seq }),
                    Err(_) => continue,
                },
                Stored::Unreadable | Stored::Missing => continue,
            };
            let (tenant, root) = (self.root.tenant.clone(), self.root.run.clone());
            let ContentRef { digest, len, .. } = reference;
            self.lines.push_back(Line::Content(ContentLine { tenant, root, digest, len, bytes }));
        }
        Ok(Stage::Content)
    }
}
