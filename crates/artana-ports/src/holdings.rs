//! All that the runs of a tenant have claimed, and how a batch changes it. Plain values: where they are kept is the
//! store's, and one that looks up single rows has the rules for those in `claims`.

use std::collections::BTreeMap;

use artana_core::{EventId, Timestamp};

use crate::{Account, Append, Claim, ClaimDenied, Release, Window};

/// What the runs of a tenant have claimed and not given back: all of it, or as much as a batch names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holdings {
    /// Accounts by their keys.
    pub accounts: BTreeMap<String, Account>,
    /// What is reserved, by account and holder.
    pub reserved: BTreeMap<(String, EventId), u64>,
    /// Who holds each unique key.
    pub unique: BTreeMap<String, EventId>,
    /// Windows by the keys of their rates and their lengths in microseconds.
    pub rates: BTreeMap<(String, i64), Window>,
}

impl Holdings {
    /// Gives back what a batch releases, makes its claims, and returns what is claimed then.
    ///
    /// # Errors
    ///
    /// [`ClaimDenied`] for a claim that does not hold. Of several, a store may name any.
    pub fn after(mut self, batch: &Append, now: Timestamp) -> Result<Self, ClaimDenied> {
        batch.releases.iter().for_each(|release| self.release(release));
        batch.claims.iter().try_for_each(|claim| self.claim(claim, now))?;
        Ok(self)
    }

    fn release(&mut self, release: &Release) {
        match release {
            Release::Reserve { account, holder, spent } => {
                if let Some(held) = self.reserved.remove(&(account.clone(), *holder)) {
                    let account = self.accounts.entry(account.clone()).or_default();
                    *account = account.settle(held, *spent);
                }
            }
            Release::Unique { key, holder } => {
                if self.unique.get(key) == Some(holder) {
                    self.unique.remove(key);
                }
            }
            // It is of the run's own row.
            Release::Lease => {}
        }
    }

    fn claim(&mut self, claim: &Claim, now: Timestamp) -> Result<(), ClaimDenied> {
        match claim {
            Claim::Reserve(reserve) => {
                let account = self.accounts.entry(reserve.account.clone()).or_default();
                *account = account.reserve(reserve)?;
                let held = self.reserved.entry((reserve.account.clone(), reserve.holder)).or_default();
                *held = held.saturating_add(reserve.amount);
            }
            Claim::Unique { key, holder } => {
                let by = *self.unique.entry(key.clone()).or_insert(*holder);
                if by != *holder {
                    return Err(ClaimDenied::Unique { key: key.clone(), holder: by });
                }
            }
            Claim::Rate(rate) => {
                let window = self.rates.entry((rate.key.clone(), rate.micros())).or_default();
                *window = rate.count(*window, now)?;
            }
            Claim::NotAfter(latest) if now > *latest => return Err(ClaimDenied::NotAfter),
            Claim::NotAfter(_) => {}
        }
        Ok(())
    }
}
