//! What crosses the runs of a tenant: claims, what gives them back, and the rules by which they are judged. The rules
//! take what a store keeps and return what it is to keep instead; nothing here looks anything up.

use std::time::Duration;

use artana_core::{EventId, Timestamp};

/// Something that crosses runs and must hold in the same transaction as the append.
/// Keys are scoped by the run's tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every store has to consider each claim")]
pub enum Claim {
    /// Part of a limited amount, held until released.
    Reserve(Reserve),
    /// A key that only one holder may have at a time. The same holder may claim it again.
    Unique {
        /// The key.
        key: String,
        /// The request that holds it.
        holder: EventId,
    },
    /// Part of what fits into a window of time.
    Rate(Rate),
    /// The store's clock must not have passed this instant.
    NotAfter(Timestamp),
}

/// A reservation: denied when `settled + reserved + amount` would exceed `limit`, and so for any amount, nothing
/// included, where more was spent than the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    /// The account's key.
    pub account: String,
    /// The most that may be settled and reserved together.
    pub limit: u64,
    /// How much to hold.
    pub amount: u64,
    /// The request that holds it.
    pub holder: EventId,
}

/// A rate: at most `limit` within one fixed window of the store's clock, counted from 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The key.
    pub key: String,
    /// The window's length; at least a microsecond.
    pub window: Duration,
    /// The most that fits into one window.
    pub limit: u64,
    /// How much this append counts.
    pub amount: u64,
}

/// What an append gives back. Releasing what is not held changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every store has to consider each release")]
pub enum Release {
    /// Turns a reservation into what was really spent, which may be more.
    Reserve {
        /// The account's key.
        account: String,
        /// The request that held it.
        holder: EventId,
        /// What was spent.
        spent: u64,
    },
    /// Frees a unique key.
    Unique {
        /// The key.
        key: String,
        /// The request that held it.
        holder: EventId,
    },
    /// Frees the run's lease; the epoch stays.
    Lease,
}

/// Which claim was denied and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimDenied {
    /// The account has too little left.
    #[error("account {account} has {left} left of {limit}")]
    Reserve {
        /// The account's key.
        account: String,
        /// What is left.
        left: u64,
        /// The limit that was claimed against.
        limit: u64,
    },
    /// Another request holds the key.
    #[error("key {key} is held by {holder}")]
    Unique {
        /// The key.
        key: String,
        /// Who holds it.
        holder: EventId,
    },
    /// The window is full.
    #[error("key {key} is at its limit of {limit} in this window")]
    Rate {
        /// The key.
        key: String,
        /// The limit.
        limit: u64,
    },
    /// The instant has passed on the store's clock.
    #[error("the claim's latest instant has passed")]
    NotAfter,
}

/// What a store keeps of an account. The default is that of one that nobody has reserved from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// What was spent for good.
    pub settled: u64,
    /// What all holders together hold.
    pub reserved: u64,
}

impl Account {
    /// Returns the account after a reservation, which its holder then holds besides what it held before.
    ///
    /// # Errors
    ///
    /// [`ClaimDenied::Reserve`] with what is left.
    pub fn reserve(self, claim: &Reserve) -> Result<Self, ClaimDenied> {
        let left = claim.limit.checked_sub(self.settled.saturating_add(self.reserved));
        match left {
            Some(left) if claim.amount <= left => {
                Ok(Self { reserved: self.reserved.saturating_add(claim.amount), ..self })
            }
            left => Err(ClaimDenied::Reserve {
                account: claim.account.clone(),
                left: left.unwrap_or(0),
                limit: claim.limit,
            }),
        }
    }

    /// Returns the account after a holder that held something gave it all back and spent something, which may be more.
    #[must_use]
    pub fn settle(self, held: u64, spent: u64) -> Self {
        Self { settled: self.settled.saturating_add(spent), reserved: self.reserved.saturating_sub(held) }
    }
}

/// What a store keeps of a rate, for each key and length of a window. The default has never been counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When the window begins that was last counted in.
    pub starts: Timestamp,
    /// How much was counted in it.
    pub counted: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { starts: Timestamp::from_micros(i64::MIN), counted: 0 }
    }
}

impl Rate {
    /// Returns the window's length in microseconds, at least one.
    #[must_use]
    pub fn micros(&self) -> i64 {
        i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX).max(1)
    }

    /// Counts in the window that is open, given the one that was counted in last, and returns it.
    ///
    /// A clock that went back counts on in the window it left: otherwise that window would count twice.
    ///
    /// # Errors
    ///
    /// [`ClaimDenied::Rate`] when more would be counted than the limit.
    pub fn count(&self, last: Window, now: Timestamp) -> Result<Window, ClaimDenied> {
        let since = now.as_micros().rem_euclid(self.micros());
        let starts = Timestamp::from_micros(now.as_micros().saturating_sub(since));
        let open = if last.starts < starts { Window { starts, counted: 0 } } else { last };
        match open.counted.checked_add(self.amount).filter(|counted| *counted <= self.limit) {
            Some(counted) => Ok(Window { counted, ..open }),
            None => Err(ClaimDenied::Rate { key: self.key.clone(), limit: self.limit }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reserve(settled: u64, reserved: u64, amount: u64) -> Result<u64, u64> {
        let holder = EventId::from_bytes([1; 16]);
        let claim = Reserve { account: "a".into(), limit: 10, amount, holder };
        match (Account { settled, reserved }).reserve(&claim) {
            Ok(after) => Ok(after.reserved),
            Err(ClaimDenied::Reserve { left, .. }) => Err(left),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn an_account_is_filled_to_its_limit_and_says_what_is_left() {
        assert_eq!(reserve(0, 0, 10), Ok(10));
        assert_eq!(reserve(3, 4, 3), Ok(7));
        assert_eq!(reserve(3, 4, 4), Err(3));
        assert_eq!(reserve(15, 0, 1), Err(0));
        assert_eq!(reserve(0, 5, u64::MAX), Err(5));
        assert_eq!(reserve(u64::MAX, u64::MAX, 1), Err(0));
    }

    #[test]
    fn an_account_that_is_overdrawn_denies_even_nothing() {
        assert_eq!(reserve(8, 2, 0), Ok(2));
        assert_eq!(reserve(9, 2, 0), Err(0));
        assert_eq!(reserve(u64::MAX, u64::MAX, 0), Err(0));
    }

    #[test]
    fn what_was_held_is_free_and_what_was_spent_stays() {
        let account = Account { settled: 5, reserved: 7 };
        assert_eq!(account.settle(4, 6), Account { settled: 11, reserved: 3 });
        assert_eq!(account.settle(8, u64::MAX), Account { settled: u64::MAX, reserved: 0 });
    }

    /// Counts three of ten in a window of 60 microseconds; says when it began and what is counted.
    fn count(last: Window, now: i64) -> Option<(i64, u64)> {
        let rate = Rate { key: "k".into(), window: Duration::from_micros(60), limit: 10, amount: 3 };
        rate.count(last, Timestamp::from_micros(now)).ok().map(|open| (open.starts.as_micros(), open.counted))
    }

    fn window(starts: i64, counted: u64) -> Window {
        Window { starts: Timestamp::from_micros(starts), counted }
    }

    #[test]
    fn a_window_begins_at_a_multiple_of_its_length_before_1970_too() {
        assert_eq!(count(Window::default(), 119), Some((60, 3)));
        assert_eq!(count(Window::default(), 120), Some((120, 3)));
        assert_eq!(count(Window::default(), -1), Some((-60, 3)));
        assert_eq!(count(Window::default(), -60), Some((-60, 3)));
    }

    #[test]
    fn a_window_takes_as_much_as_its_limit_and_the_next_one_again() {
        assert_eq!(count(window(60, 7), 119), Some((60, 10)));
        assert_eq!(count(window(60, 8), 119), None);
        assert_eq!(count(window(60, 8), 120), Some((120, 3)));
        assert_eq!(count(window(60, u64::MAX), 60), None);
    }

    #[test]
    fn a_clock_that_went_back_counts_on_in_the_window_it_left() {
        assert_eq!(count(window(60, 7), 10), Some((60, 10)));
        assert_eq!(count(window(60, 8), 10), None);
    }

    #[test]
    fn lengths_are_whole_microseconds() {
        let micros = |window| Rate { key: "k".into(), window, limit: 1, amount: 1 }.micros();
        assert_eq!(micros(Duration::ZERO), 1);
        assert_eq!(micros(Duration::from_millis(2)), 2000);
        assert_eq!(micros(Duration::MAX), i64::MAX);
    }
}
