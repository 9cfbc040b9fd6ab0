//! Stores that count rates badly, or are late by a microsecond.

use artana_core::Timestamp;
use artana_ports::{Append, AppendError, Appended, Claim, ClaimDenied, Rate};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "claims/rate_fills_a_window": "Lets one more into a window." => OneMore;
    "claims/rate_windows_are_fixed": "Has windows of a thousand times their length." => LongWindows;
    "claims/rate_counts_amounts": "Counts one less than an amount above one." => CountsLess;
    "claims/rate_denied_counts_nothing": "Counts what it denied." => CountsTheDenied;
    "claims/rate_outlives_a_clock_that_steps_back": "Begins to count anew when the clock stepped back." => CountsAnew;
    "claims/not_after_is_the_last_instant": "Denies a latest instant at that instant." => OneInstantEarly;
};

/// Changes the rates of a batch.
fn counting(mut batch: Append, change: impl Fn(&mut Rate)) -> Append {
    for claim in &mut batch.claims {
        if let Claim::Rate(rate) = claim {
            change(rate);
        }
    }
    batch
}

#[derive(Debug, Default)]
struct OneMore;

#[async_trait]
impl Mischief for OneMore {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        at.store.append(counting(batch, |rate| rate.limit += 1)).await
    }
}

#[derive(Debug, Default)]
struct LongWindows;

#[async_trait]
impl Mischief for LongWindows {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        at.store.append(counting(batch, |rate| rate.window *= 1000)).await
    }
}

#[derive(Debug, Default)]
struct CountsLess;

#[async_trait]
impl Mischief for CountsLess {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        at.store.append(counting(batch, |rate| rate.amount -= u64::from(rate.amount > 1))).await
    }
}

#[derive(Debug, Default)]
struct CountsTheDenied(Notes<Option<(Timestamp, u64)>>);

#[async_trait]
impl Mischief for CountsTheDenied {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let denied = self.0.with(|denied| denied.filter(|(then, _)| *then == at.now)).map_or(0, |(_, amount)| amount);
        let batch = counting(batch, |rate| rate.limit = rate.limit.saturating_sub(denied));
        let answer = at.store.append(batch.clone()).await;
        if let (Err(AppendError::Denied(_)), Some(Claim::Rate(rate))) = (&answer, batch.claims.first()) {
            self.0.with(|denied| denied.replace((at.now, rate.amount)));
        }
        answer
    }
}

/// Keeps the latest time of an append, and counts under another key whenever it is before that.
#[derive(Debug, Default)]
struct CountsAnew(Notes<Option<Timestamp>>);

#[async_trait]
impl Mischief for CountsAnew {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let latest = self.0.with(|latest| *latest.insert(latest.map_or(at.now, |latest| latest.max(at.now))));
        let stepped_back = at.now < latest;
        let batch = counting(batch, |rate| rate.key.push_str(if stepped_back { " anew" } else { "" }));
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct OneInstantEarly;

#[async_trait]
impl Mischief for OneInstantEarly {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if batch.claims.contains(&Claim::NotAfter(at.now)) {
            return Err(ClaimDenied::NotAfter.into());
        }
        at.store.append(batch).await
    }
}
