//! Stores whose vault loses, mixes up or invents.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use artana_core::{Digest, RunKey, RunRef, TenantId, TenantKey, verify::Stored};
use artana_ports::{Append, AppendError, Appended, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "content/bytes_are_exact": "Takes an empty piece for a missing one." => EmptyIsMissing;
    "content/answers_in_order": "Answers in the order of the digests' bytes." => SortsAnswers;
    "content/first_bytes_stay": "Replaces content that is already there." => LastBytesWin;
    "content/belongs_to_the_family": "Answers a fork's content under the fork itself." => ForksHaveCopies;
    "content/many_at_once": "Answers at most 255 digests." => AnswersTooFew;
    "keys/run_key_comes_with_the_first_batch": "Keeps run keys as ASCII." => KeysAreText;
    "keys/asking_makes_none": "Invents a tenant's key when asked for it." => InventsAKey;
    "keys/first_candidate_stays": "Answers the last candidate when asked without one." => LastCandidateStays;
    "keys/one_candidate_wins": "Answers each of many candidates at once with itself." => EachGetsItsOwn;
};

#[derive(Debug, Default)]
struct EmptyIsMissing;

#[async_trait]
impl Mischief for EmptyIsMissing {
    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let stored = at.store.content(root, digests).await?;
        Ok(stored
            .into_iter()
            .map(|piece| if piece == Stored::Bytes(Vec::new()) { Stored::Missing } else { piece })
            .collect())
    }
}

#[derive(Debug, Default)]
struct SortsAnswers;

#[async_trait]
impl Mischief for SortsAnswers {
    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let mut sorted = digests.to_vec();
        sorted.sort();
        at.store.content(root, &sorted).await
    }
}

#[derive(Debug, Default)]
struct LastBytesWin(Notes<BTreeMap<Digest, Vec<u8>>>);

#[async_trait]
impl Mischief for LastBytesWin {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let pieces = batch.content.clone();
        let answer = at.store.append(batch).await;
        if answer.is_ok() {
            self.0.with(|last| last.extend(pieces.into_iter().map(|piece| (piece.digest, piece.bytes))));
        }
        answer
    }

    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let stored = at.store.content(root, digests).await?;
        let last = |digest| self.0.with(|last| last.get(digest).cloned());
        let answer = |(stored, digest)| match (stored, last(digest)) {
            (Stored::Bytes(_), Some(bytes)) => Stored::Bytes(bytes),
            (stored, _) => stored,
        };
        Ok(stored.into_iter().zip(digests).map(answer).collect())
    }
}

#[derive(Debug, Default)]
struct ForksHaveCopies(Notes<BTreeMap<RunRef, RunRef>>);

#[async_trait]
impl Mischief for ForksHaveCopies {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let root = RunRef::new(batch.run.tenant.clone(), batch.view.root.clone());
        self.0.with(|roots| roots.insert(batch.run.clone(), root));
        at.store.append(batch).await
    }

    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let family = self.0.with(|roots| roots.get(root).cloned());
        at.store.content(family.as_ref().unwrap_or(root), digests).await
    }
}

#[derive(Debug, Default)]
struct AnswersTooFew;

#[async_trait]
impl Mischief for AnswersTooFew {
    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        at.store.content(root, &digests[..digests.len().min(255)]).await
    }
}

#[derive(Debug, Default)]
struct KeysAreText;

#[async_trait]
impl Mischief for KeysAreText {
    async fn run_key(&self, at: Scene<'_>, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        let ascii = |byte: u8| if byte.is_ascii() { byte } else { b'?' };
        Ok(at.store.run_key(root).await?.map(|key| RunKey::from_bytes(key.expose().map(ascii))))
    }
}

#[derive(Debug, Default)]
struct InventsAKey;

#[async_trait]
impl Mischief for InventsAKey {
    async fn tenant_key(
        &self,
        at: Scene<'_>,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        let key = at.store.tenant_key(tenant, candidate).await?;
        Ok(key.or(Some(TenantKey::from_bytes([0; 32]))))
    }
}

#[derive(Debug, Default)]
struct LastCandidateStays(Notes<Option<TenantKey>>);

#[async_trait]
impl Mischief for LastCandidateStays {
    async fn tenant_key(
        &self,
        at: Scene<'_>,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        let asked = candidate.is_none();
        if let Some(candidate) = &candidate {
            self.0.with(|last| last.replace(candidate.clone()));
        }
        let key = at.store.tenant_key(tenant, candidate).await?;
        Ok(key.map(|key| self.0.with(|last| last.clone().filter(|_| asked).unwrap_or(key))))
    }
}

#[derive(Debug, Default)]
struct EachGetsItsOwn(AtomicUsize);

#[async_trait]
impl Mischief for EachGetsItsOwn {
    async fn tenant_key(
        &self,
        at: Scene<'_>,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let crowded = self.0.load(Ordering::SeqCst) > 1;
        let key = at.store.tenant_key(tenant, candidate.clone()).await;
        self.0.fetch_sub(1, Ordering::SeqCst);
        Ok(candidate.filter(|_| crowded).or(key?))
    }
}
