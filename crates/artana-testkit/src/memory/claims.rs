//! What crosses the runs of a tenant: accounts, unique keys, rates. Times come as arguments.

use std::collections::BTreeMap;

use artana_core::{EventId, Timestamp};
use artana_ports::{Claim, ClaimDenied, Release, Reserve};

/// The claims of one tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    accounts: BTreeMap<String, Account>,
    unique: BTreeMap<String, EventId>,
    rates: BTreeMap<(String, u128), Bucket>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    settled: u64,
    held: BTreeMap<EventId, u64>,
}

/// The count of the window that was last counted in.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    number: i128,
    count: u64,
}

impl Claims {
    /// Makes a claim, or leaves everything as it is.
    pub(super) fn claim(&mut self, claim: &Claim, now: Timestamp) -> Result<(), ClaimDenied> {
        match claim {
            Claim::Reserve(reserve) => self.reserve(reserve),
            Claim::Unique { key, holder } => self.hold(key, *holder),
            Claim::Rate { key, window, limit, amount } => {
                let window = window.as_micros().max(1);
                let number = i128::from(now.as_micros()).div_euclid(i128::try_from(window).unwrap_or(i128::MAX));
                self.count(key, (window, number), *limit, *amount)
            }
            Claim::NotAfter(latest) if now > *latest => Err(ClaimDenied::NotAfter),
            Claim::NotAfter(_) => Ok(()),
        }
    }

    fn reserve(&mut self, claim: &Reserve) -> Result<(), ClaimDenied> {
        let account = self.accounts.get(&claim.account).cloned().unwrap_or_default();
        let used = account.held.values().fold(account.settled, |sum, held| sum.saturating_add(*held));
        let left = claim.limit.saturating_sub(used);
        if used > claim.limit || claim.amount > left {
            return Err(ClaimDenied::Reserve { account: claim.account.clone(), left, limit: claim.limit });
        }
        let held = &mut self.accounts.entry(claim.account.clone()).or_default().held;
        *held.entry(claim.holder).or_default() += claim.amount;
        Ok(())
    }

    fn hold(&mut self, key: &str, holder: EventId) -> Result<(), ClaimDenied> {
        let held_by = *self.unique.entry(key.to_owned()).or_insert(holder);
        if held_by == holder { Ok(()) } else { Err(ClaimDenied::Unique { key: key.to_owned(), holder: held_by }) }
    }

    pub(super) fn holder(&self, key: &str) -> Option<EventId> {
        self.unique.get(key).copied()
    }

    fn count(&mut self, key: &str, (window, number): (u128, i128), limit: u64, amount: u64) -> Result<(), ClaimDenied> {
        let bucket = self.rates.entry((key.to_owned(), window)).or_default();
        let before = if bucket.number == number { bucket.count } else { 0 };
        match before.checked_add(amount).filter(|&count| count <= limit) {
            Some(count) => *bucket = Bucket { number, count },
            None => return Err(ClaimDenied::Rate { key: key.to_owned(), limit }),
        }
        Ok(())
    }

    /// Gives something back; what is not held stays as it is.
    pub(super) fn release(&mut self, release: &Release) {
        match release {
            Release::Reserve { account, holder, spent } => {
                let account = self.accounts.get_mut(account);
                if let Some(account) = account.filter(|account| account.held.contains_key(holder)) {
                    account.held.remove(holder);
                    account.settled = account.settled.saturating_add(*spent);
                }
            }
            Release::Unique { key, holder } => {
                if self.unique.get(key) == Some(holder) {
                    self.unique.remove(key);
                }
            }
            Release::Lease => {}
        }
    }
}
