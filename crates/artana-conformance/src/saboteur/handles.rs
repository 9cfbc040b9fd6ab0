//! Stores whose handles do not share what they should.

use artana_core::{Digest, Head, IncarnationId, Record, RunRef, Seq, verify::Stored};
use artana_ports::{Append, AppendError, Appended, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene, pretend},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "handles/share_events": "Reads nothing through another handle." => OwnEvents;
    "handles/share_heads": "Takes a stale batch through another handle." => OwnHeads;
    "handles/share_content": "Finds no content through another handle." => OwnContent;
    "handles/share_claims": "Holds no key against another handle." => OwnClaims;
    "handles/share_leases": "Fences nobody who comes through another handle." => OwnLeases;
    "handles/share_lives": "Sees nobody live through another handle." => OwnLives;
    "handles/wake_each_other": "Wakes nobody who follows through another handle." => OwnFollowers;
    "handles/close_alone": "Closes all handles with one." => ClosesAll;
};

#[derive(Debug, Default)]
struct OwnEvents;

#[async_trait]
impl Mischief for OwnEvents {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        if at.elsewhere() { Ok(Vec::new()) } else { at.store.read(run, after, limit).await }
    }
}

#[derive(Debug, Default)]
struct OwnHeads;

#[async_trait]
impl Mischief for OwnHeads {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::Conflict { .. }) if at.elsewhere() => pretend(&batch),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct OwnContent;

#[async_trait]
impl Mischief for OwnContent {
    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let stored = at.store.content(root, digests).await?;
        Ok(if at.elsewhere() { vec![Stored::Missing; digests.len()] } else { stored })
    }
}

#[derive(Debug, Default)]
struct OwnClaims;

#[async_trait]
impl Mischief for OwnClaims {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::Denied(_)) if at.elsewhere() => pretend(&batch),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct OwnLeases;

#[async_trait]
impl Mischief for OwnLeases {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::Fenced { .. }) if at.elsewhere() => at.force(batch).await,
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct OwnLives;

#[async_trait]
impl Mischief for OwnLives {
    async fn alive(&self, at: Scene<'_>, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        let alive = at.store.alive(incarnations).await?;
        Ok(alive.into_iter().map(|alive| alive && !at.elsewhere()).collect())
    }
}

#[derive(Debug, Default)]
struct OwnFollowers;

#[async_trait]
impl Mischief for OwnFollowers {
    async fn follow(&self, at: Scene<'_>, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        if at.elsewhere() { std::future::pending().await } else { at.store.follow(run, after).await }
    }
}

#[derive(Debug, Default)]
struct ClosesAll(Notes<bool>);

#[async_trait]
impl Mischief for ClosesAll {
    async fn close(&self, at: Scene<'_>) -> Result<(), StoreError> {
        self.0.with(|closed| *closed = true);
        at.store.close().await
    }

    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if at.elsewhere() && self.0.with(|closed| *closed) {
            return Err(StoreError::Closed.into());
        }
        at.store.append(batch).await
    }
}
