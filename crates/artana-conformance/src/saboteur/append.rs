//! Stores that compare heads badly, or answer what did not happen.

use std::collections::BTreeSet;

use artana_core::{EventId, Head};
use artana_ports::{Append, AppendError, Appended};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene, pretend},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "append/new_run_must_be_new": "Starts a run that exists as if it did not." => NewRunAnyway;
    "append/stale_head_is_refused": "Takes a batch whose expected head is long past." => LongStaleHead;
    "append/hash_is_compared": "Compares the sequence of the expected head and not its hash." => SequenceAlone;
    "append/head_of_the_future_is_refused": "Takes a batch whose expected head has not come yet." => FutureHead;
    "append/missing_run_is_refused": "Takes a batch that expects a head of no run." => HeadOfNothing;
    "append/answers_the_new_head": "Answers the right sequence with the hash before it." => AnswersTheLinkBefore;
    "append/resend_settles_doubt": "Answers a batch sent again as if it committed now." => CommitsOnce;
    "append/contradiction_is_malformed": "Takes a batch that contradicts itself." => TakesContradictions;
};

#[derive(Debug, Default)]
struct NewRunAnyway;

#[async_trait]
impl Mischief for NewRunAnyway {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::Conflict { .. }) if batch.expected.is_none() => pretend(&batch),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct LongStaleHead;

#[async_trait]
impl Mischief for LongStaleHead {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let expected = batch.expected.map_or(0, |head| head.seq.get());
        match at.store.append(batch.clone()).await {
            Err(AppendError::Conflict { actual: Some(actual) }) if expected > 0 && actual.seq.get() > expected + 32 => {
                pretend(&batch)
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct SequenceAlone;

#[async_trait]
impl Mischief for SequenceAlone {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let expected = batch.expected.map(|head| head.seq);
        match at.store.append(batch.clone()).await {
            Err(AppendError::Conflict { actual: Some(actual) }) if Some(actual.seq) == expected => pretend(&batch),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct FutureHead;

#[async_trait]
impl Mischief for FutureHead {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let expected = batch.expected.map(|head| head.seq);
        match at.store.append(batch.clone()).await {
            Err(AppendError::Conflict { actual: Some(actual) }) if Some(actual.seq) < expected => pretend(&batch),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct HeadOfNothing;

#[async_trait]
impl Mischief for HeadOfNothing {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::Conflict { actual: None }) => pretend(&batch),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct AnswersTheLinkBefore;

#[async_trait]
impl Mischief for AnswersTheLinkBefore {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let before = batch.events.last().map(|record| record.prev_hash);
        let appended = at.store.append(batch).await?;
        let hash = before.unwrap_or(appended.head.hash);
        Ok(Appended { head: Head { hash, ..appended.head }, ..appended })
    }
}

#[derive(Debug, Default)]
struct CommitsOnce(Notes<BTreeSet<EventId>>);

#[async_trait]
impl Mischief for CommitsOnce {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let first = batch.events.first().map(|record| record.event_id);
        let answer = at.store.append(batch.clone()).await;
        let known =
            first.is_some_and(|id| self.0.with(|ids| if answer.is_ok() { !ids.insert(id) } else { ids.contains(&id) }));
        if known { pretend(&batch) } else { answer }
    }
}

#[derive(Debug, Default)]
struct TakesContradictions;

#[async_trait]
impl Mischief for TakesContradictions {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::Malformed(_)) => pretend(&batch),
            answer => answer,
        }
    }
}
