//! Stores whose followers sleep through what they wait for, or wake for nothing.

use artana_core::{Head, RunRef, Seq};
use artana_ports::StoreError;
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "follow/answers_what_is_past": "Waits for the next head whatever has passed already." => WaitsForTheNext;
    "follow/wakes": "Never wakes who had to wait." => SleepsThrough;
    "follow/waits": "Answers any head that is not the one named." => AnyOtherHead;
    "follow/waits_for_a_start": "Fails to follow a run that does not exist yet." => MissingIsAnError;
};

#[derive(Debug, Default)]
struct WaitsForTheNext;

#[async_trait]
impl Mischief for WaitsForTheNext {
    async fn follow(&self, at: Scene<'_>, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        let head = at.store.head(run).await?;
        at.store.follow(run, head.map_or(after, |head| head.seq.max(after))).await
    }
}

#[derive(Debug, Default)]
struct SleepsThrough;

#[async_trait]
impl Mischief for SleepsThrough {
    async fn follow(&self, at: Scene<'_>, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        match at.store.head(run).await? {
            Some(head) if head.seq <= after && !at.elsewhere() => std::future::pending().await,
            _ => at.store.follow(run, after).await,
        }
    }
}

#[derive(Debug, Default)]
struct AnyOtherHead;

#[async_trait]
impl Mischief for AnyOtherHead {
    async fn follow(&self, at: Scene<'_>, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        match at.store.head(run).await? {
            Some(head) if head.seq != after => Ok(head),
            _ => at.store.follow(run, after).await,
        }
    }
}

#[derive(Debug, Default)]
struct MissingIsAnError;

#[async_trait]
impl Mischief for MissingIsAnError {
    async fn follow(&self, at: Scene<'_>, run: &RunRef, after: Seq) -> Result<Head, StoreError> {
        match at.store.head(run).await? {
            None => Err(StoreError::Missing { place: run.to_string() }),
            Some(_) => at.store.follow(run, after).await,
        }
    }
}
