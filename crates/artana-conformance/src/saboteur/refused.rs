//! Stores that leave something of what they refuse, or refuse in another order.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use artana_core::{Digest, EventId, Record, RunRef, Seq, limits::MAX_APPEND_EVENTS, verify::Stored};
use artana_ports::{
    Append, AppendError, Appended, Authority, Claim, ClaimDenied, Epoch, Listed, Owner, Release, StoreError, TooLarge,
};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene, pretend},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "append/denied_leaves_no_events": "Keeps the events of a denied batch." => LeavesEvents;
    "append/denied_leaves_no_content": "Keeps the content of a denied batch." => LeavesContent;
    "append/denied_leaves_no_view": "Keeps the row of a denied batch." => LeavesTheRow;
    "append/denied_leaves_no_claims": "Keeps the unique keys of a denied batch." => LeavesClaims;
    "append/denied_releases_nothing": "Gives back what a denied batch would have given back." => ReleasesAnyway;
    "append/denied_takes_no_lease": "Takes the lease with a denied batch." => TakesTheLeaseAnyway;
    "append/conflict_leaves_no_content": "Keeps the content of a batch that conflicts." => LeavesContentOfConflicts;
    "append/bounds_are_kept": "Takes any number of claims." => CountsNoClaims;
    "append/largest_is_taken": "Refuses a batch of exactly the largest size." => RefusesTheLargest;
    "append/bounds_come_before_head": "Compares heads before it looks at bounds." => HeadBeforeBounds;
    "append/head_comes_before_authority": "Looks at heartbeats before it compares heads." => AuthorityBeforeHead;
    "append/authority_comes_before_claims": "Checks claims before it looks at heartbeats." => ClaimsBeforeAuthority;
};

/// Returns the first unique key a batch claims, and for whom.
fn unique_key(batch: &Append) -> Option<(String, EventId)> {
    batch.claims.iter().find_map(|claim| match claim {
        Claim::Unique { key, holder } => Some((key.clone(), *holder)),
        Claim::Reserve(_) | Claim::Rate(_) | Claim::NotAfter(_) => None,
    })
}

/// Answers what is missing with what was left behind.
fn with_leftovers(left: &BTreeMap<Digest, Vec<u8>>, stored: Vec<Stored>, digests: &[Digest]) -> Vec<Stored> {
    let left = |digest| left.get(digest).cloned().map_or(Stored::Missing, Stored::Bytes);
    let answer = |(stored, digest)| if stored == Stored::Missing { left(digest) } else { stored };
    stored.into_iter().zip(digests).map(answer).collect()
}

#[derive(Debug, Default)]
struct LeavesEvents(Notes<BTreeMap<RunRef, Vec<Record>>>);

#[async_trait]
impl Mischief for LeavesEvents {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let answer = at.store.append(batch.clone()).await;
        if matches!(answer, Err(AppendError::Denied(_))) {
            self.0.with(|left| left.insert(batch.run, batch.events));
        }
        answer
    }

    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut rows = at.store.read(run, after, limit).await?;
        rows.extend(self.0.with(|left| left.get(run).cloned()).unwrap_or_default());
        Ok(rows)
    }
}

#[derive(Debug, Default)]
struct LeavesContent(Notes<BTreeMap<Digest, Vec<u8>>>);

#[async_trait]
impl Mischief for LeavesContent {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let answer = at.store.append(batch.clone()).await;
        if matches!(answer, Err(AppendError::Denied(_))) {
            self.0.with(|left| left.extend(batch.content.into_iter().map(|piece| (piece.digest, piece.bytes))));
        }
        answer
    }

    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let stored = at.store.content(root, digests).await?;
        Ok(self.0.with(|left| with_leftovers(left, stored, digests)))
    }
}

#[derive(Debug, Default)]
struct LeavesTheRow(Notes<BTreeMap<RunRef, Listed>>);

#[async_trait]
impl Mischief for LeavesTheRow {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let answer = at.store.append(batch.clone()).await;
        if matches!(answer, Err(AppendError::Denied(_))) {
            self.0.with(|left| left.insert(batch.run, Listed::View(batch.view)));
        }
        answer
    }

    async fn view(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        match self.0.with(|left| left.get(run).cloned()) {
            Some(left) => Ok(Some(left)),
            None => at.store.view(run).await,
        }
    }
}

#[derive(Debug, Default)]
struct LeavesClaims(Notes<BTreeMap<String, EventId>>);

#[async_trait]
impl Mischief for LeavesClaims {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if let Some((key, holder)) = unique_key(&batch)
            && let Some(left) = self.0.with(|left| left.get(&key).copied()).filter(|left| *left != holder)
        {
            return Err(ClaimDenied::Unique { key, holder: left }.into());
        }
        let answer = at.store.append(batch.clone()).await;
        if let (Err(AppendError::Denied(_)), Some((key, holder))) = (&answer, unique_key(&batch)) {
            self.0.with(|left| left.insert(key, holder));
        }
        answer
    }
}

#[derive(Debug, Default)]
struct ReleasesAnyway(Notes<BTreeSet<String>>);

#[async_trait]
impl Mischief for ReleasesAnyway {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let answer = at.store.append(batch.clone()).await;
        let Err(AppendError::Denied(_)) = &answer else { return answer };
        for release in &batch.releases {
            if let Release::Unique { key, .. } = release {
                self.0.with(|freed| freed.insert(key.clone()));
            }
        }
        let freed = unique_key(&batch).is_some_and(|(key, _)| self.0.with(|freed| freed.contains(&key)));
        if freed { pretend(&batch) } else { answer }
    }
}

#[derive(Debug, Default)]
struct TakesTheLeaseAnyway(Notes<BTreeMap<RunRef, Owner>>);

#[async_trait]
impl Mischief for TakesTheLeaseAnyway {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if let (Authority::Plain(_), Some(by)) = (&batch.authority, self.0.with(|taken| taken.get(&batch.run).copied()))
        {
            return Err(AppendError::Fenced { by });
        }
        let answer = at.store.append(batch.clone()).await;
        if let (Err(AppendError::Denied(_)), Authority::TakeLease(incarnation)) = (&answer, batch.authority) {
            self.0.with(|taken| taken.insert(batch.run, Owner { incarnation, epoch: Epoch::new(1) }));
        }
        answer
    }
}

#[derive(Debug, Default)]
struct LeavesContentOfConflicts(Notes<BTreeMap<Digest, Vec<u8>>>);

#[async_trait]
impl Mischief for LeavesContentOfConflicts {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let answer = at.store.append(batch.clone()).await;
        if matches!(answer, Err(AppendError::Conflict { .. })) {
            self.0.with(|left| left.extend(batch.content.into_iter().map(|piece| (piece.digest, piece.bytes))));
        }
        answer
    }

    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let stored = at.store.content(root, digests).await?;
        Ok(self.0.with(|left| with_leftovers(left, stored, digests)))
    }
}

#[derive(Debug, Default)]
struct CountsNoClaims;

#[async_trait]
impl Mischief for CountsNoClaims {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::TooLarge(bound)) if bound.what.contains("claims") => pretend(&batch),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct RefusesTheLargest;

#[async_trait]
impl Mischief for RefusesTheLargest {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let len = batch.events.len();
        if len == MAX_APPEND_EVENTS {
            return Err(TooLarge { what: "events in an append", len, max: MAX_APPEND_EVENTS - 1 }.into());
        }
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct HeadBeforeBounds;

#[async_trait]
impl Mischief for HeadBeforeBounds {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let actual = at.store.head(&batch.run).await?;
        let expected = batch.expected;
        match at.store.append(batch).await {
            Err(AppendError::TooLarge(_)) if actual != expected => Err(AppendError::Conflict { actual }),
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct AuthorityBeforeHead;

#[async_trait]
impl Mischief for AuthorityBeforeHead {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let authority = batch.authority.clone();
        match (at.store.append(batch).await, authority) {
            (Err(AppendError::Conflict { .. }), Authority::Plain(sender)) if !at.alive(sender).await? => {
                Err(AppendError::Lapsed)
            }
            (answer, _) => answer,
        }
    }
}

#[derive(Debug, Default)]
struct ClaimsBeforeAuthority;

#[async_trait]
impl Mischief for ClaimsBeforeAuthority {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let denied = batch.claims.iter().any(|claim| matches!(claim, Claim::NotAfter(latest) if at.now > *latest));
        match at.store.append(batch).await {
            Err(AppendError::Lapsed) if denied => Err(ClaimDenied::NotAfter.into()),
            answer => answer,
        }
    }
}
