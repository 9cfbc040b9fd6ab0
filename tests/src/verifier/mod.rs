//! An independent verifier of exported ledgers, written from `docs/format.md` alone.
//!
//! It shares no code with the product: it exists to show that the page is enough. It finds the first
//! break of each run; it is no example of speed, and keeps a whole export in memory.

mod frame;
mod strict;
#[cfg(test)]
mod tests;
mod vault;
#[cfg(test)]
mod vectors;

use serde_json::Value;

use frame::{Frame, hex};
use strict::{Fields, References};
use vault::Vault;

/// A break's kind as the page names it, and its sequence.
pub type Break = (&'static str, u64);

/// What was found of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The tenant.
    pub tenant: String,
    /// The run.
    pub run: String,
    /// How many events were verified.
    pub events: u64,
    /// The first break.
    pub broken: Option<Break>,
}

/// What was found of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The runs, in the order of the file.
    pub runs: Vec<Run>,
    /// How many pieces of content were digested and fit.
    pub content: u64,
}

impl Found {
    /// Returns the first break of the file, with its run.
    #[must_use]
    pub fn first_break(&self) -> Option<(&str, Break)> {
        self.runs.iter().find_map(|run| run.broken.map(|broken| (run.run.as_str(), broken)))
    }
}

/// Verifies an exported file.
///
/// # Errors
///
/// A sentence with the line's number when the file is not an export.
pub fn verify(file: &[u8]) -> Result<Found, String> {
    let mut found = Found::default();
    let mut family = Family::default();
    for (number, line) in (1..).zip(file.split(|byte| *byte == b'\n')) {
        if line.is_empty() {
            continue;
        }
        let fields = Fields::read(line).ok_or(format!("line {number} is not a JSON object"))?;
        if fields.text("line").as_deref() == Some("run") && !family.awaits_fork() {
            std::mem::take(&mut family).finish(&mut found);
        }
        family.line(fields).ok_or(format!("line {number} is not a line of an export, or out of place"))?;
    }
    if family.chains.is_empty() {
        return Err("the file holds no run".into());
    }
    family.finish(&mut found);
    Ok(found)
}

/// One export: a run with its ancestors, and their vault.
#[derive(Default)]
struct Family {
    chains: Vec<Chain>,
    vault: Vault,
}

/// What is known of a run so far.
struct Chain {
    found: Run,
    claimed_head: Option<(u64, [u8; 32])>,
    seq: u64,
    hash: [u8; 32],
    genesis: Option<Genesis>,
}

#[derive(Clone, PartialEq)]
struct Genesis {
    key_id: [u8; 32],
    root: String,
    parent: Option<(String, u64, [u8; 32])>,
}

struct Row {
    tenant: String,
    run: String,
    seq: u64,
    id: [u8; 16],
    kind: String,
    step: Option<String>,
    at: i64,
    payload: Vec<u8>,
    prev_hash: [u8; 32],
    hash: [u8; 32],
}

impl Family {
    fn awaits_fork(&self) -> bool {
        self.chains.last().is_some_and(|chain| chain.claimed_head.is_none()) && !self.vault.begun()
    }

    fn line(&mut self, mut fields: Fields) -> Option<()> {
        let kind = fields.take_text("line")?;
        match (kind.as_str(), self.chains.is_empty()) {
            ("run", _) => self.chains.push(Chain::read(fields)?),
            ("event", false) if !self.vault.begun() => self.event(&Row::read(fields)?),
            ("key", false) if !self.vault.begun() => {
                let (tenant, root) = self.name();
                self.vault.key(
                    fields,
                    (&tenant, &root),
                    self.chains[0].genesis.as_ref().map(|genesis| genesis.key_id),
                )?;
            }
            ("content", false) => {
                let (tenant, root) = self.name();
                self.vault.content(fields, (&tenant, &root))?;
            }
            _ => return None,
        }
        Some(())
    }

    fn name(&self) -> (String, String) {
        let first = &self.chains[0].found;
        (first.tenant.clone(), first.run.clone())
    }

    fn event(&mut self, row: &Row) {
        let index = self.chains.len() - 1;
        let (before, rest) = self.chains.split_at_mut(index);
        let chain = &mut rest[0];
        if chain.found.broken.is_some() {
            return;
        }
        match chain.check(row, before.last()) {
            Ok(references) => {
                chain.found.events += 1;
                self.vault.refer(index, row.seq, &references);
                if row.kind == "content_erased" {
                    self.vault.note_erasure(&row.run, row.seq, &row.payload);
                }
            }
            Err(broken) => chain.found.broken = Some(broken),
        }
    }

    fn finish(mut self, found: &mut Found) {
        let last = self.chains.len().wrapping_sub(1);
        for (index, chain) in self.chains.iter_mut().enumerate() {
            if chain.found.broken.is_none() && index == last {
                chain.found.broken = chain.head_break();
            }
        }
        if self.chains.iter().all(|chain| chain.found.broken.is_none()) {
            match self.vault.finish() {
                Ok(pieces) => found.content += pieces,
                Err((run, broken)) => self.chains[run].found.broken = Some(broken),
            }
        }
        found.runs.extend(self.chains.into_iter().map(|chain| chain.found));
    }
}

impl Chain {
    fn read(mut fields: Fields) -> Option<Self> {
        let format = fields.take_text("format")?;
        let found = Run { tenant: fields.take_name("tenant")?, run: fields.take_name("run")?, events: 0, broken: None };
        let claimed_head = match fields.take("head") {
            None => None,
            Some(head) => {
                let mut head = Fields::of(head)?;
                let claimed = (head.take_u64("seq")?, head.take_hash("hash")?);
                head.end()?;
                Some(claimed)
            }
        };
        fields.end()?;
        (format == "artana/1").then_some(Self { found, claimed_head, seq: 0, hash: [0; 32], genesis: None })
    }

    /// The checks of one event, in the order of the page.
    fn check(&mut self, row: &Row, parent: Option<&Self>) -> Result<References, Break> {
        let due = self.seq + 1;
        let fail = |kind| Err((kind, due));
        if row.tenant != self.found.tenant {
            return fail("TenantChanged");
        }
        if row.run != self.found.run {
            return fail("ForeignRun");
        }
        if row.seq != due {
            return fail("Gap");
        }
        let (genesis, previous) = match due {
            1 => {
                let genesis = Genesis::read(row).ok_or(("GenesisMismatch", 1))?;
                let hash = genesis.hash(row);
                (Some(genesis), hash)
            }
            _ => (self.genesis.take(), self.hash),
        };
        if row.prev_hash != previous {
            return fail(if due == 1 { "GenesisMismatch" } else { "PrevMismatch" });
        }
        if row.computed_hash() != row.hash {
            return fail("HashMismatch");
        }
        let Some(references) = strict::parse(&row.payload).and_then(|payload| strict::references(&payload)) else {
            return fail("Undecodable");
        };
        (self.seq, self.hash, self.genesis) = (due, row.hash, genesis);
        if due == 1 {
            self.lineage(parent)?;
        }
        Ok(references)
    }

    fn lineage(&self, parent: Option<&Self>) -> Result<(), Break> {
        let own = self.genesis.as_ref().ok_or(("GenesisMismatch", 1))?;
        let fits = match parent {
            None => own.parent.is_none(),
            Some(parent) if parent.found.tenant != self.found.tenant => return Err(("TenantChanged", 1)),
            // Only what held counts as an event before the fork.
            Some(parent) => {
                parent.found.events > 0 && {
                    let link = (parent.found.run.clone(), parent.found.events, parent.hash);
                    let same = |theirs: &Genesis| theirs.root == own.root && theirs.key_id == own.key_id;
                    own.parent.as_ref() == Some(&link) && parent.genesis.as_ref().is_some_and(same)
                }
            }
        };
        if fits { Ok(()) } else { Err(("GenesisMismatch", 1)) }
    }

    fn head_break(&self) -> Option<Break> {
        match self.claimed_head {
            _ if self.seq == 0 => Some(("HeadMismatch", 1)),
            Some((seq, hash)) if (seq, hash) == (self.seq, self.hash) => None,
            Some((seq, _)) if seq > self.seq => Some(("HeadMismatch", self.seq + 1)),
            _ => Some(("HeadMismatch", self.seq)),
        }
    }
}

impl Genesis {
    fn read(row: &Row) -> Option<Self> {
        if row.kind != "run_started" {
            return None;
        }
        let payload = strict::parse(&row.payload)?;
        let mut fields = Fields::of(payload.get("genesis")?.clone())?;
        let (key_id, root) = (fields.take_hash("key_id")?, fields.take_name("root")?);
        let parent = match fields.take("parent") {
            None | Some(Value::Null) => None,
            Some(parent) => {
                let mut parent = Fields::of(parent)?;
                Some((parent.take_name("run")?, parent.take_u64("seq")?, parent.take_hash("hash")?))
            }
        };
        ((root == row.run) == parent.is_none()).then_some(Self { key_id, root, parent })
    }

    fn hash(&self, row: &Row) -> [u8; 32] {
        let mut frame = Frame::new("artana/1 genesis");
        frame.field(0x01, row.tenant.as_bytes());
        frame.field(0x02, row.run.as_bytes());
        frame.field(0x0b, self.root.as_bytes());
        if let Some((run, seq, hash)) = &self.parent {
            frame.field(0x0c, run.as_bytes());
            frame.field(0x0d, &seq.to_le_bytes());
            frame.field(0x0e, hash);
        }
        frame.field(0x0f, &self.key_id);
        frame.hash()
    }
}

impl Row {
    fn read(mut fields: Fields) -> Option<Self> {
        let row = Self {
            tenant: fields.take_text("tenant")?,
            run: fields.take_text("run")?,
            seq: fields.take_u64("seq")?,
            id: hex(&uuid_digits(&fields.take_text("event_id")?)?)?,
            kind: fields.take_text("kind")?,
            step: match fields.take("step")? {
                Value::Null => None,
                Value::String(step) => Some(step),
                _ => return None,
            },
            at: fields.take("at")?.as_i64()?,
            payload: fields.take_base64("payload")?,
            prev_hash: fields.take_hash("prev_hash")?,
            hash: fields.take_hash("hash")?,
        };
        fields.end()?;
        Some(row)
    }

    fn computed_hash(&self) -> [u8; 32] {
        let mut body = Frame::new("artana/1 event");
        body.field(0x01, self.tenant.as_bytes());
        body.field(0x02, self.run.as_bytes());
        body.field(0x03, &self.seq.to_le_bytes());
        body.field(0x04, &self.id);
        body.field(0x05, self.kind.as_bytes());
        if let Some(step) = &self.step {
            body.field(0x06, step.as_bytes());
        }
        body.field(0x07, &self.at.to_le_bytes());
        body.field(0x08, &self.payload);
        let mut link = Frame::new("artana/1 link");
        link.field(0x09, &self.prev_hash);
        link.field(0x0a, &body.hash());
        link.hash()
    }
}

fn uuid_digits(text: &str) -> Option<String> {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    (groups == [8, 4, 4, 4, 12]).then(|| text.replace('-', ""))
}
