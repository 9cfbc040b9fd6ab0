//! The content that a run's events refer to: what it is called, and how it is read.

use artana_core::{
    Content, ContentRef, ContentType, Digest, Seq,
    limits::MAX_CONTENT_BATCH,
    verify::{BreakKind, ChainBreak},
};

use super::Journal;
use crate::{Error, load};

impl Journal {
    /// Makes content of bytes: what the vault gets, and what a payload says.
    pub(crate) fn content(&self, kind: ContentType, bytes: Vec<u8>) -> (ContentRef, Content) {
        let digest = self.digester.digest(&bytes);
        (ContentRef { digest, len: bytes.len() as u64, kind }, Content { digest, bytes })
    }

    /// Names bytes as content without keeping them.
    pub(crate) fn reference(&self, kind: ContentType, bytes: &[u8]) -> ContentRef {
        ContentRef { digest: self.digester.digest(bytes), len: bytes.len() as u64, kind }
    }

    /// Reads several pieces of content; `None` where one of them was erased.
    pub(crate) async fn read_contents(&self, wanted: &[ContentRef]) -> Result<Option<Vec<Vec<u8>>>, Error> {
        let mut read = Vec::with_capacity(wanted.len());
        for batch in wanted.chunks(MAX_CONTENT_BATCH) {
            for (wanted, found) in batch.iter().zip(load::contents(&*self.shared.store, &self.genesis, batch).await?) {
                let Some(bytes) = found else { return Ok(None) };
                read.push(self.checked(wanted, bytes, Seq::ZERO)?);
            }
        }
        Ok(Some(read))
    }

    /// Reads what is there of several pieces of content; what is not is found out by whoever needs it.
    pub(crate) async fn read_ahead(&self, wanted: &[ContentRef]) -> Result<Vec<(Digest, Vec<u8>)>, Error> {
        let found = load::contents(&*self.shared.store, &self.genesis, wanted).await?;
        let there = wanted.iter().zip(found).filter_map(|(wanted, found)| Some((wanted, found?)));
        there.map(|(wanted, bytes)| Ok((wanted.digest, self.checked(wanted, bytes, Seq::ZERO)?))).collect()
    }

    fn checked(&self, wanted: &ContentRef, bytes: Vec<u8>, seq: Seq) -> Result<Vec<u8>, Error> {
        if self.digester.digest(&bytes) == wanted.digest {
            return Ok(bytes);
        }
        let damage = ChainBreak::new(BreakKind::ContentMismatch, seq, wanted.digest, "other bytes");
        Err(Error::damaged(&self.run, damage))
    }

    /// Reads a piece of content an event refers to; `None` where it was erased.
    pub(crate) async fn read_content(&self, wanted: &ContentRef, seq: Seq) -> Result<Option<Vec<u8>>, Error> {
        let found = load::content(&*self.shared.store, &self.genesis, wanted.digest, seq).await?;
        found.map(|bytes| self.checked(wanted, bytes, seq)).transpose()
    }
}
