//! Stores that count money badly, or hold keys for the wrong one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use artana_core::{EventId, TenantId};
use artana_ports::{Append, AppendError, Appended, Claim, ClaimDenied, Release, Reserve, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};
use crate::writer::new_event_id;

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "claims/reserves_keep_the_limit": "Lets an account go one above its limit." => OneTooMany;
    "claims/settled_counts": "Forgets two of what was spent." => ForgetsChange;
    "claims/settling_frees_the_rest": "Counts what was reserved as spent." => KeepsTheRest;
    "claims/overrun_counts": "Counts no more as spent than was reserved." => CapsOverruns;
    "claims/overdrawn_denies_all": "Lets a reservation of nothing pass by the account." => GrantsNothing;
    "claims/a_holder_holds_all_it_reserved": "Gives back what a holder reserved first, and keeps the rest." => KeepsTheSecond;
    "claims/settling_twice_counts_once": "Counts what is settled twice twice." => SettlesTwice;
    "claims/amounts_do_not_wrap": "Takes an amount too large for its column for nothing." => WrapsAmounts;
    "claims/limit_may_be_raised": "Keeps the lowest limit an account was claimed against." => LowestLimitStays;
    "claims/batch_counts_itself": "Counts one reservation of a batch." => CountsTheLast;
    "claims/budget_survives_a_crowd": "Counts the reservations of each run alone." => AccountPerRun;
    "claims/unique_has_one_holder": "Names the claimant as the holder of a key." => NamesTheClaimant;
    "claims/unique_crosses_runs": "Holds a key for one run alone." => KeyPerRun;
    "claims/unique_is_held_again": "Denies a key to its own holder." => DeniesTheHolder;
    "claims/unique_is_freed": "Frees no key that nobody waits for." => NeverFrees;
    "claims/unique_is_freed_by_its_holder": "Frees a key whoever asks." => FreesForAnyone;
    "claims/releases_come_first": "Checks a batch's claims before it gives anything back." => ClaimsFirst;
};

/// Changes the reservations of a batch.
fn reserving(mut batch: Append, change: impl Fn(&mut Reserve)) -> Append {
    for claim in &mut batch.claims {
        if let Claim::Reserve(reserve) = claim {
            change(reserve);
        }
    }
    batch
}

/// Changes what a batch says was spent.
fn settling(mut batch: Append, change: impl Fn(EventId, u64) -> u64) -> Append {
    for release in &mut batch.releases {
        if let Release::Reserve { holder, spent, .. } = release {
            *spent = change(*holder, *spent);
        }
    }
    batch
}

/// How much each holder reserved.
#[derive(Debug, Default)]
struct Held(Notes<BTreeMap<EventId, u64>>);

impl Held {
    fn note(&self, batch: &Append) {
        for claim in &batch.claims {
            if let Claim::Reserve(Reserve { holder, amount, .. }) = claim {
                self.0.with(|held| held.insert(*holder, *amount));
            }
        }
    }

    fn of(&self, holder: EventId) -> u64 {
        self.0.with(|held| held.get(&holder).copied().unwrap_or(0))
    }

    fn forget(&self, holder: EventId) -> Option<u64> {
        self.0.with(|held| held.remove(&holder))
    }
}

#[derive(Debug, Default)]
struct OneTooMany;

#[async_trait]
impl Mischief for OneTooMany {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        at.store.append(reserving(batch, |claim| claim.limit = claim.limit.saturating_add(1))).await
    }
}

#[derive(Debug, Default)]
struct ForgetsChange;

#[async_trait]
impl Mischief for ForgetsChange {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        at.store.append(settling(batch, |_, spent| spent.saturating_sub(2))).await
    }
}

#[derive(Debug, Default)]
struct KeepsTheRest(Held);

#[async_trait]
impl Mischief for KeepsTheRest {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.note(&batch);
        at.store.append(settling(batch, |holder, spent| spent.max(self.0.of(holder)))).await
    }
}

#[derive(Debug, Default)]
struct CapsOverruns(Held);

#[async_trait]
impl Mischief for CapsOverruns {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.note(&batch);
        at.store.append(settling(batch, |holder, spent| spent.min(self.0.of(holder)))).await
    }
}

#[derive(Debug, Default)]
struct GrantsNothing;

#[async_trait]
impl Mischief for GrantsNothing {
    async fn append(&self, at: Scene<'_>, mut batch: Append) -> Result<Appended, AppendError> {
        batch.claims.retain(|claim| !matches!(claim, Claim::Reserve(reserve) if reserve.amount == 0));
        at.store.append(batch).await
    }
}

/// Reserves for somebody else when a holder has reserved before.
#[derive(Debug, Default)]
struct KeepsTheSecond(Notes<BTreeSet<(TenantId, String, EventId)>>);

#[async_trait]
impl Mischief for KeepsTheSecond {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let tenant = batch.run.tenant.clone();
        let place = |reserve: &Reserve| (tenant.clone(), reserve.account.clone(), reserve.holder);
        let sent = reserving(batch.clone(), |reserve| {
            if self.0.with(|held| held.contains(&place(reserve))) {
                reserve.holder = new_event_id();
            }
        });
        let answer = at.store.append(sent).await;
        if answer.is_ok() {
            let places = batch.claims.iter().filter_map(|claim| match claim {
                Claim::Reserve(reserve) => Some(place(reserve)),
                _ => None,
            });
            self.0.with(|held| held.extend(places));
        }
        answer
    }
}

#[derive(Debug, Default)]
struct SettlesTwice {
    held: Held,
    extra: Notes<u64>,
}

#[async_trait]
impl Mischief for SettlesTwice {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.held.note(&batch);
        let batch = settling(batch, |holder, spent| {
            if self.held.forget(holder).is_none() {
                self.extra.with(|extra| *extra += spent);
            }
            spent
        });
        let extra = self.extra.with(|extra| *extra);
        at.store.append(reserving(batch, |claim| claim.limit = claim.limit.saturating_sub(extra))).await
    }
}

#[derive(Debug, Default)]
struct WrapsAmounts;

#[async_trait]
impl Mischief for WrapsAmounts {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let fits = |amount| i64::try_from(amount).is_ok_and(|amount| amount < i64::MAX);
        at.store
            .append(reserving(batch, |claim| claim.amount = if fits(claim.amount) { claim.amount } else { 0 }))
            .await
    }
}

#[derive(Debug, Default)]
struct LowestLimitStays(Notes<BTreeMap<String, u64>>);

#[async_trait]
impl Mischief for LowestLimitStays {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let lowest = |claim: &mut Reserve| {
            claim.limit = self.0.with(|limits| {
                let limit = limits.entry(claim.account.clone()).or_insert(claim.limit);
                *limit = claim.limit.min(*limit);
                *limit
            });
        };
        at.store.append(reserving(batch, lowest)).await
    }
}

#[derive(Debug, Default)]
struct CountsTheLast;

#[async_trait]
impl Mischief for CountsTheLast {
    async fn append(&self, at: Scene<'_>, mut batch: Append) -> Result<Appended, AppendError> {
        let last = batch.claims.iter().rposition(|claim| matches!(claim, Claim::Reserve(_)));
        let mut at_claim = 0..;
        batch.claims.retain(|claim| at_claim.next() == last || !matches!(claim, Claim::Reserve(_)));
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct AccountPerRun;

#[async_trait]
impl Mischief for AccountPerRun {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let suffix = format!(" of {}", batch.run.run);
        let mut batch = reserving(batch, |claim| claim.account.push_str(&suffix));
        for release in &mut batch.releases {
            if let Release::Reserve { account, .. } = release {
                account.push_str(&suffix);
            }
        }
        match at.store.append(batch).await {
            Err(AppendError::Denied(ClaimDenied::Reserve { account, left, limit })) => {
                let account = account.trim_end_matches(&suffix).to_owned();
                Err(ClaimDenied::Reserve { account, left, limit }.into())
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct NamesTheClaimant;

#[async_trait]
impl Mischief for NamesTheClaimant {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let claimant = batch.claims.iter().find_map(|claim| match claim {
            Claim::Unique { holder, .. } => Some(*holder),
            Claim::Reserve(_) | Claim::Rate(_) | Claim::NotAfter(_) => None,
        });
        match at.store.append(batch).await {
            Err(AppendError::Denied(ClaimDenied::Unique { key, holder })) => {
                Err(ClaimDenied::Unique { key, holder: claimant.unwrap_or(holder) }.into())
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct KeyPerRun(Notes<BTreeSet<String>>);

#[async_trait]
impl Mischief for KeyPerRun {
    async fn append(&self, at: Scene<'_>, mut batch: Append) -> Result<Appended, AppendError> {
        let suffix = format!(" of {}", batch.run.run);
        self.0.with(|suffixes| suffixes.insert(suffix.clone()));
        for claim in &mut batch.claims {
            if let Claim::Unique { key, .. } = claim {
                key.push_str(&suffix);
            }
        }
        for release in &mut batch.releases {
            if let Release::Unique { key, .. } = release {
                key.push_str(&suffix);
            }
        }
        match at.store.append(batch).await {
            Err(AppendError::Denied(ClaimDenied::Unique { key, holder })) => {
                Err(ClaimDenied::Unique { key: key.trim_end_matches(&suffix).to_owned(), holder }.into())
            }
            answer => answer,
        }
    }

    async fn holders(
        &self,
        at: Scene<'_>,
        tenant: &TenantId,
        keys: &[String],
    ) -> Result<Vec<Option<EventId>>, StoreError> {
        let mut held = vec![None; keys.len()];
        for suffix in self.0.with(|suffixes| suffixes.clone()) {
            let keys: Vec<String> = keys.iter().map(|key| format!("{key}{suffix}")).collect();
            for (mine, theirs) in held.iter_mut().zip(at.store.holders(tenant, &keys).await?) {
                *mine = mine.or(theirs);
            }
        }
        Ok(held)
    }
}

#[derive(Debug, Default)]
struct DeniesTheHolder(Notes<BTreeSet<(String, EventId)>>);

#[async_trait]
impl Mischief for DeniesTheHolder {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        for claim in &batch.claims {
            let Claim::Unique { key, holder } = claim else { continue };
            if self.0.with(|seen| !seen.insert((key.clone(), *holder))) {
                return Err(ClaimDenied::Unique { key: key.clone(), holder: *holder }.into());
            }
        }
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct NeverFrees;

#[async_trait]
impl Mischief for NeverFrees {
    async fn append(&self, at: Scene<'_>, mut batch: Append) -> Result<Appended, AppendError> {
        if batch.claims.is_empty() {
            batch.releases.retain(|release| !matches!(release, Release::Unique { .. }));
        }
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct FreesForAnyone(Notes<BTreeMap<String, EventId>>);

#[async_trait]
impl Mischief for FreesForAnyone {
    async fn append(&self, at: Scene<'_>, mut batch: Append) -> Result<Appended, AppendError> {
        for claim in &batch.claims {
            if let Claim::Unique { key, holder } = claim {
                self.0.with(|holders| holders.entry(key.clone()).or_insert(*holder).to_owned());
            }
        }
        for release in &mut batch.releases {
            if let Release::Unique { key, holder } = release {
                *holder = self.0.with(|holders| holders.remove(key)).unwrap_or(*holder);
            }
        }
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct ClaimsFirst;

#[async_trait]
impl Mischief for ClaimsFirst {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        for release in &batch.releases {
            let Release::Unique { key, holder } = release else { continue };
            let claimed = |claim: &Claim| matches!(claim, Claim::Unique { key: wanted, .. } if wanted == key);
            if batch.claims.iter().any(claimed) {
                return Err(ClaimDenied::Unique { key: key.clone(), holder: *holder }.into());
            }
        }
        at.store.append(batch).await
    }
}
