//! Checks key and content lines against what the events refer to and what they erased.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Break,
    frame::hex,
    strict::{self, Fields, References},
};

type Digest = [u8; 32];

/// What the events want of the vault, and what was found of it.
#[derive(Default)]
pub(super) struct Vault {
    /// By digest and length: the first reference as run and sequence, and whether its row was found.
    wanted: BTreeMap<(Digest, u64), (usize, u64, bool)>,
    /// Run, sequence, and the digest erased; none for the key.
    erased: BTreeSet<(String, u64, Option<Digest>)>,
    content_key: Option<[u8; 32]>,
    key_seen: bool,
    content_seen: bool,
    digested: u64,
    key_broken: Option<Break>,
    row_broken: Option<(usize, Break)>,
}

enum Kept<T> {
    There(T),
    Erased(String, u64),
}

impl Vault {
    pub(super) fn begun(&self) -> bool {
        self.key_seen || self.content_seen
    }

    pub(super) fn refer(&mut self, run: usize, seq: u64, references: &References) {
        for reference in references {
            self.wanted.entry(*reference).or_insert((run, seq, false));
        }
    }

    pub(super) fn note_erasure(&mut self, run: &str, seq: u64, payload: &[u8]) {
        let Some(payload) = strict::parse(payload) else { return };
        for digest in payload["digests"].as_array().into_iter().flatten().filter_map(Value::as_str).filter_map(hex) {
            self.erased.insert((run.into(), seq, Some(digest)));
        }
        if payload["key"] == true {
            self.erased.insert((run.into(), seq, None));
        }
    }

    pub(super) fn key(&mut self, mut fields: Fields, name: (&str, &str), named: Option<[u8; 32]>) -> Option<()> {
        let owner = (fields.take_name("tenant")?, fields.take_name("root")?);
        let key = kept(&mut fields, |fields| fields.take_hash("run_key"), "run_key")?;
        fields.end()?;
        self.key_seen = true;
        self.key_broken = foreign(&owner, name).or_else(|| match key {
            Kept::There(key) if Some(blake3::derive_key("artana/1 run key id", &key)) == named => {
                self.content_key = Some(blake3::derive_key("artana/1 content", &key));
                None
            }
            Kept::Erased(run, seq) if self.erased.contains(&(run.clone(), seq, None)) => None,
            // A chain without even a genesis is broken before its key can be.
            _ => named.map(|_| ("KeyMismatch", 1)),
        });
        Some(())
    }

    pub(super) fn content(&mut self, mut fields: Fields, name: (&str, &str)) -> Option<()> {
        let owner = (fields.take_name("tenant")?, fields.take_name("root")?);
        let row = (fields.take_hash("digest")?, fields.take_u64("len")?);
        let bytes = kept(&mut fields, |fields| fields.take_base64("bytes"), "bytes")?;
        fields.end()?;
        self.content_seen = true;
        let (run, seq) = self.wanted.get(&row).map_or((0, 0), |(run, seq, _)| (*run, *seq));
        let (fits, found) = match bytes {
            Kept::There(bytes) => (self.fits(row, &bytes), true),
            Kept::Erased(run, seq) => (true, self.erased.contains(&(run, seq, Some(row.0)))),
        };
        let mismatch = (!fits).then_some(("ContentMismatch", seq));
        match foreign(&owner, name).or(mismatch) {
            Some(broken) => drop(self.row_broken.get_or_insert((run, broken))),
            None => {
                if let Some(wanted) = self.wanted.get_mut(&row) {
                    wanted.2 = found;
                }
            }
        }
        Some(())
    }

    fn fits(&mut self, (digest, len): (Digest, u64), bytes: &[u8]) -> bool {
        let Some(key) = self.content_key else { return len == bytes.len() as u64 };
        self.digested += 1;
        len == bytes.len() as u64 && *blake3::keyed_hash(&key, bytes).as_bytes() == digest
    }

    /// Returns how many pieces were digested, or the first break with the run it belongs to.
    pub(super) fn finish(self) -> Result<u64, (usize, Break)> {
        if let Some(broken) = self.key_broken {
            return Err((0, broken));
        }
        if let Some(broken) = self.row_broken {
            return Err(broken);
        }
        let missing = self.wanted.values().filter(|(.., found)| !found).min();
        match missing.filter(|_| self.content_seen) {
            Some(&(run, seq, _)) => Err((run, ("ContentMissing", seq))),
            None => Ok(self.digested),
        }
    }
}

/// Exactly one of the value and `erased` stands in a line.
fn kept<T>(fields: &mut Fields, value: impl Fn(&mut Fields) -> Option<T>, key: &str) -> Option<Kept<T>> {
    if fields.text(key).is_some() {
        return value(fields).map(Kept::There);
    }
    let mut by = Fields::of(fields.take("erased")?)?;
    let erased = Kept::Erased(by.take_name("run")?, by.take_u64("seq")?);
    by.end()?;
    Some(erased)
}

fn foreign(owner: &(String, String), name: (&str, &str)) -> Option<Break> {
    if owner.0 != name.0 {
        return Some(("TenantChanged", 0));
    }
    (owner.1 != name.1).then_some(("ForeignRun", 0))
}
