//! Stores that name the wrong holder of a unique key.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use artana_core::{EventId, TenantId, limits::MAX_KEY_BATCH};
use artana_ports::{Append, AppendError, Appended, Claim, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "holders/answers_in_order": "Answers in the order of the keys." => SortsKeys;
    "holders/unknown_is_nobodys": "Finds keys whatever their case." => IgnoresCase;
    "holders/released_is_nobodys": "Names the last holder of a key that is free." => NamesTheLastHolder;
    "holders/claimed_again_is_the_holders": "Forgets who holds a key that is claimed again by its holder." => ForgetsTheLoyal;
    "holders/denied_claimant_holds_nothing": "Names the last one who claimed a key." => NamesTheLastClaimant;
    "holders/many_at_once": "Answers one key fewer than the bound." => AnswersTooFew;
    "holders/belong_to_a_tenant": "Names the holder of another tenant's key." => SharesHolders;
};

type Holders = Vec<Option<EventId>>;

/// Returns the unique keys a batch claims, each with its tenant and its claimant.
fn claimed(batch: &Append) -> Vec<((TenantId, String), EventId)> {
    let unique = |claim: &Claim| match claim {
        Claim::Unique { key, holder } => Some(((batch.run.tenant.clone(), key.clone()), *holder)),
        Claim::Reserve(_) | Claim::Rate(_) | Claim::NotAfter(_) => None,
    };
    batch.claims.iter().filter_map(unique).collect()
}

#[derive(Debug, Default)]
struct SortsKeys;

#[async_trait]
impl Mischief for SortsKeys {
    async fn holders(&self, at: Scene<'_>, tenant: &TenantId, keys: &[String]) -> Result<Holders, StoreError> {
        let mut sorted = keys.to_vec();
        sorted.sort();
        at.store.holders(tenant, &sorted).await
    }
}

#[derive(Debug, Default)]
struct IgnoresCase;

#[async_trait]
impl Mischief for IgnoresCase {
    async fn holders(&self, at: Scene<'_>, tenant: &TenantId, keys: &[String]) -> Result<Holders, StoreError> {
        let small: Vec<String> = keys.iter().map(|key| key.to_lowercase()).collect();
        at.store.holders(tenant, &small).await
    }
}

#[derive(Debug, Default)]
struct NamesTheLastHolder(Notes<BTreeMap<(TenantId, String), EventId>>);

#[async_trait]
impl Mischief for NamesTheLastHolder {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let claimed = claimed(&batch);
        let appended = at.store.append(batch).await?;
        self.0.with(|last| last.extend(claimed));
        Ok(appended)
    }

    async fn holders(&self, at: Scene<'_>, tenant: &TenantId, keys: &[String]) -> Result<Holders, StoreError> {
        let held = at.store.holders(tenant, keys).await?;
        let last = |key: &String| self.0.with(|last| last.get(&(tenant.clone(), key.clone())).copied());
        Ok(held.into_iter().zip(keys).map(|(held, key)| held.or_else(|| last(key))).collect())
    }
}

#[derive(Debug, Default)]
struct ForgetsTheLoyal {
    seen: Notes<BTreeSet<((TenantId, String), EventId)>>,
    forgotten: Notes<BTreeSet<(TenantId, String)>>,
}

#[async_trait]
impl Mischief for ForgetsTheLoyal {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        for claim in claimed(&batch) {
            if self.seen.with(|seen| !seen.insert(claim.clone())) {
                self.forgotten.with(|forgotten| forgotten.insert(claim.0));
            }
        }
        at.store.append(batch).await
    }

    async fn holders(&self, at: Scene<'_>, tenant: &TenantId, keys: &[String]) -> Result<Holders, StoreError> {
        let held = at.store.holders(tenant, keys).await?;
        let known = |key: &String| self.forgotten.with(|forgotten| !forgotten.contains(&(tenant.clone(), key.clone())));
        Ok(held.into_iter().zip(keys).map(|(held, key)| held.filter(|_| known(key))).collect())
    }
}

#[derive(Debug, Default)]
struct NamesTheLastClaimant(Notes<BTreeMap<(TenantId, String), EventId>>);

#[async_trait]
impl Mischief for NamesTheLastClaimant {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.with(|last| last.extend(claimed(&batch)));
        at.store.append(batch).await
    }

    async fn holders(&self, at: Scene<'_>, tenant: &TenantId, keys: &[String]) -> Result<Holders, StoreError> {
        let held = at.store.holders(tenant, keys).await?;
        let last = |key: &String| self.0.with(|last| last.get(&(tenant.clone(), key.clone())).copied());
        Ok(held.into_iter().zip(keys).map(|(held, key)| held.and_then(|held| last(key).or(Some(held)))).collect())
    }
}

#[derive(Debug, Default)]
struct AnswersTooFew;

#[async_trait]
impl Mischief for AnswersTooFew {
    async fn holders(&self, at: Scene<'_>, tenant: &TenantId, keys: &[String]) -> Result<Holders, StoreError> {
        let few = keys.len().min(MAX_KEY_BATCH - 1);
        at.store.holders(tenant, &keys[..few]).await
    }
}

#[derive(Debug, Default)]
struct SharesHolders(Notes<BTreeSet<TenantId>>);

#[async_trait]
impl Mischief for SharesHolders {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.with(|tenants| tenants.insert(batch.run.tenant.clone()));
        at.store.append(batch).await
    }

    async fn holders(&self, at: Scene<'_>, tenant: &TenantId, keys: &[String]) -> Result<Holders, StoreError> {
        let mut held = at.store.holders(tenant, keys).await?;
        for other in self.0.with(|tenants| tenants.clone()) {
            for (mine, theirs) in held.iter_mut().zip(at.store.holders(&other, keys).await?) {
                *mine = mine.or(theirs);
            }
        }
        Ok(held)
    }
}
