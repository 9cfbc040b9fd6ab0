//! Money as checked integers of nano-dollars. No float ever holds an amount.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in nano-dollars: 1 US dollar is 1,000,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(u64);

/// Why an amount was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// The result does not fit into 64 bits of nano-dollars.
    #[error("the amount is larger than {} can hold", stringify!(Usd))]
    Overflow,
    /// The text is not a decimal amount with at most nine decimals.
    #[error("an amount is written like 12.50, with at most nine decimals")]
    NotAnAmount,
}

impl MoneyError {
    /// Returns the stable code of every refused amount.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "artana::invalid_amount"
    }
}

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);
    const NANOS: u64 = 1_000_000_000;

    /// Wraps nano-dollars.
    #[must_use]
    pub const fn nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns an amount of whole dollars; the largest amount there is if they do not fit.
    #[must_use]
    pub const fn dollars(dollars: u64) -> Self {
        Self(dollars.saturating_mul(Self::NANOS))
    }

    /// Returns an amount of whole cents; the largest amount there is if they do not fit.
    #[must_use]
    pub const fn cents(cents: u64) -> Self {
        Self(cents.saturating_mul(Self::NANOS / 100))
    }

    /// Returns the nano-dollars.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Adds two amounts.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] when the sum does not fit.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// Multiplies a price for one million units by a number of units, rounded up to a nano-dollar.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] when the product does not fit.
    pub fn per_million(self, units: u64) -> Result<Self, MoneyError> {
        let nanos = (u128::from(self.0) * u128::from(units)).div_ceil(1_000_000);
        u64::try_from(nanos).map(Self).map_err(|_| MoneyError::Overflow)
    }

    /// Reads a decimal amount of dollars such as `12.50`.
    ///
    /// # Errors
    ///
    /// [`MoneyError::NotAnAmount`] for anything but digits with an optional point and one to nine
    /// decimals, [`MoneyError::Overflow`] when it does not fit.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 9 {
            return Err(MoneyError::NotAnAmount);
        }
        let overflow = |_| MoneyError::Overflow;
        let dollars: u64 = whole.parse().map_err(overflow)?;
        let nanos: u64 = format!("{decimals:0<9}").parse().map_err(overflow)?;
        dollars.checked_mul(Self::NANOS).and_then(|d| d.checked_add(nanos)).map(Self).ok_or(MoneyError::Overflow)
    }
}

impl fmt::Display for Usd {
    /// Writes dollars with at least two decimals and no more than are needed: `$0.50`, `$0.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:09}", self.0 % Self::NANOS);
        let kept = decimals.trim_end_matches('0').len().max(2);
        write!(f, "${}.{}", self.0 / Self::NANOS, &decimals[..kept])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, nanos, printed) in
            [("1", 1_000_000_000, "$1.00"), ("0.5", 500_000_000, "$0.50"), ("12.000001", 12_000_001_000, "$12.000001")]
        {
            assert_eq!(Usd::parse(text), Ok(Usd(nanos)));
            assert_eq!(Usd(nanos).to_string(), printed);
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1.0000000001", "١"] {
            assert_eq!(Usd::parse(text), Err(MoneyError::NotAnAmount), "{text}");
        }
        assert_eq!(Usd::parse("18446744074"), Err(MoneyError::Overflow));
    }

    #[test]
    fn sums_are_checked_and_prices_round_up_once() {
        assert_eq!(Usd(u64::MAX).plus(Usd(1)), Err(MoneyError::Overflow));
        assert_eq!(Usd(1).per_million(1), Ok(Usd(1)));
        assert_eq!(Usd::dollars(3).per_million(1_000), Ok(Usd(3_000_000)));
        assert_eq!(Usd(u64::MAX).per_million(u64::MAX), Err(MoneyError::Overflow));
    }
}
