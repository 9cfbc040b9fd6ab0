//! The provider's book: a file that only grows, synced before anybody is told. It knows no ledger.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    payment::{ChargeArgs, Receipt},
    wire::write_line,
};

/// An entry of the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Charge {
    pub(super) key: String,
    pub(super) card: String,
    #[serde(flatten)]
    pub(super) receipt: Receipt,
}

/// The book as the provider has it open.
#[derive(Debug)]
pub(super) struct Book {
    file: File,
    charges: Vec<Charge>,
}

/// Whether a request changed the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    New,
    Before,
}

impl Book {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file, charges: read(path)? })
    }

    pub(super) fn find(&self, key: &str) -> Option<&Charge> {
        self.charges.iter().find(|charge| charge.key == key)
    }

    /// Charges, unless the key was charged before.
    pub(super) fn charge(&mut self, key: String, args: ChargeArgs) -> io::Result<(Charge, Entered)> {
        if let Some(charge) = self.find(&key) {
            return Ok((charge.clone(), Entered::Before));
        }
        let ChargeArgs { card, amount_cents, currency } = args;
        let charge_id = format!("ch_{:04}", self.charges.len() + 1);
        let charge = Charge { key, card, receipt: Receipt { charge_id, amount_cents, currency } };
        write_line(&mut self.file, &charge)?;
        self.file.sync_all()?;
        self.charges.push(charge.clone());
        Ok((charge, Entered::New))
    }
}

/// Reads a book as anybody can.
pub(super) fn read(path: &Path) -> io::Result<Vec<Charge>> {
    fs::read_to_string(path)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::payment::args;

    #[test]
    fn a_key_is_charged_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book.jsonl");
        let mut book = Book::open(&path).unwrap();
        let (first, entered) = book.charge("k".into(), args()).unwrap();
        assert_eq!(entered, Entered::New);
        let mut reopened = Book::open(&path).unwrap();
        assert_eq!(reopened.charge("k".into(), args()).unwrap(), (first.clone(), Entered::Before));
        assert_eq!(reopened.charge("l".into(), args()).unwrap().0.receipt.charge_id, "ch_0002");
        assert_eq!(read(&path).unwrap()[0], first);
    }
}
