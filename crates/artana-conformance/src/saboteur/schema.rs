//! Stores that do not notice that the schema is a newer one, or that notice too well.

use artana_core::{Head, IncarnationId, Record, RunRef, Seq, TenantId, TenantKey, Timestamp};
use artana_ports::{Append, AppendError, Appended, BeatError, DueQuery, Heartbeat, Leased, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene, pretend},
    sabotages,
};
use crate::writer::new_incarnation;

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "schema/newer_is_not_written": "Appends to a newer schema." => Appends;
    "schema/newer_is_not_written": "Beats on a newer schema." => Beats;
    "schema/newer_is_not_written": "Retires on a newer schema." => Retires;
    "schema/newer_is_not_written": "Takes due runs of a newer schema." => Takes;
    "schema/newer_is_not_written": "Keeps a tenant's key in a newer schema." => KeepsTheKey;
    "schema/newer_is_not_written": "Announces followers in a newer schema." => Announces;
    "schema/newer_is_read": "Reads nothing of a newer schema." => ReadsNothing;
};

#[derive(Debug, Default)]
struct Appends;

#[async_trait]
impl Mischief for Appends {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::Store(StoreError::TooNew { .. })) => pretend(&batch),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct Beats;

#[async_trait]
impl Mischief for Beats {
    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        match at.store.beat(beat).await {
            Err(BeatError::Store(StoreError::TooNew { .. })) => Ok(at.now.after(beat.ttl)),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct Retires;

#[async_trait]
impl Mischief for Retires {
    async fn retire(&self, at: Scene<'_>, incarnation: IncarnationId) -> Result<(), StoreError> {
        match at.store.retire(incarnation).await {
            Err(StoreError::TooNew { .. }) => Ok(()),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct Takes;

#[async_trait]
impl Mischief for Takes {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        match at.store.take_due(query).await {
            Err(BeatError::Store(StoreError::TooNew { .. })) => Ok(Vec::new()),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct KeepsTheKey;

#[async_trait]
impl Mischief for KeepsTheKey {
    async fn tenant_key(
        &self,
        at: Scene<'_>,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        match at.store.tenant_key(tenant, candidate.clone()).await {
            Err(StoreError::TooNew { .. }) => Ok(candidate),
            answer => answer,
        }
    }
}

/// Writes down who follows, whatever the schema.
#[derive(Debug, Default)]
struct Announces(Notes<u64>);

#[async_trait]
impl Mischief for Announces {
    async fn follow(&self, at: Scene<'_>, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        self.0.with(|followed| *followed += 1);
        at.store.follow(run, after).await
    }

    fn stored(&self, honest: String) -> String {
        self.0.with(|followed| format!("{honest}, followed {followed}"))
    }
}

#[derive(Debug, Default)]
struct ReadsNothing;

#[async_trait]
impl Mischief for ReadsNothing {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        // Nobody has this life, so that its end changes nothing.
        match at.store.retire(new_incarnation()).await {
            Err(newer @ StoreError::TooNew { .. }) => Err(newer),
            _ => at.store.read(run, after, limit).await,
        }
    }
}
