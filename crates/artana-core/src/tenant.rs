//! Tenants: who owns runs, what they may do and how much. Checks are pure comparisons.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Capability, IdError, LabelKey, TenantId, Usd,
    limits::{MAX_CAPABILITIES, MAX_LABELS},
};

/// The limits of a tenant. An absent limit limits nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Money, in nano-dollars, more than zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Usd>,
    /// Model calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_calls: Option<u64>,
    /// Input and output tokens together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Tool calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
    /// Wall time, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_us: Option<u64>,
}

/// What a tenant asks for beyond what a run was bound to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exceeded {
    /// A capability the run was not started with.
    #[error("the capability {0}")]
    Capability(Capability),
    /// A limit above the bound one; its name.
    #[error("a higher limit of {0}")]
    Limit(&'static str),
}

/// Why a tenant's description is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// A name is not fit.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A budget of nothing: leave the budget out instead.
    #[error("a budget must be more than zero; leave it out for a tenant without one")]
    EmptyBudget,
    /// More names than a run's first payload should carry.
    #[error("a tenant has at most {max} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        max: usize,
    },
}

impl TenantError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Id(id) => id.code(),
            Self::EmptyBudget | Self::TooMany { .. } => "artana::invalid_tenant",
        }
    }
}

/// A tenant as the application describes it: id, capabilities, limits and labels for its new runs.
///
/// The first unfit name is kept and reported by [`Tenant::id`], so that a chain of calls needs no `?`.
#[derive(Debug, Clone)]
pub struct Tenant {
    id: Result<TenantId, TenantError>,
    capabilities: BTreeSet<Capability>,
    limits: Limits,
    labels: BTreeMap<LabelKey, String>,
}

impl Tenant {
    /// Names a tenant.
    #[must_use]
    pub fn new(id: impl AsRef<str>) -> Self {
        let id = TenantId::parse(id).map_err(TenantError::from);
        Self { id, capabilities: BTreeSet::new(), limits: Limits::default(), labels: BTreeMap::new() }
    }

    /// Sets the most its runs may spend, each.
    #[must_use]
    pub fn budget(mut self, budget: Usd) -> Self {
        if budget == Usd::ZERO {
            self.refuse(TenantError::EmptyBudget);
        }
        self.limits.budget = Some(budget);
        self
    }

    /// Replaces all limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        match limits.budget {
            Some(budget) => self.budget(budget),
            None => self,
        }
    }

    /// Sets the longest a run may take.
    #[must_use]
    pub fn wall_time(mut self, limit: Duration) -> Self {
        self.limits.wall_us = Some(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
        self
    }

    /// Adds a capability such as `payments:charge`.
    #[must_use]
    pub fn capability(mut self, capability: impl AsRef<str>) -> Self {
        match Capability::parse(capability) {
            Ok(_) if self.capabilities.len() == MAX_CAPABILITIES => {
                self.refuse(TenantError::TooMany { what: "capabilities", max: MAX_CAPABILITIES });
            }
            Ok(capability) => drop(self.capabilities.insert(capability)),
            Err(unfit) => self.refuse(unfit.into()),
        }
        self
    }

    /// Adds a label that its new runs will carry.
    #[must_use]
    pub fn label(mut self, key: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let pair = LabelKey::parse(key).and_then(|key| LabelKey::parse(value).map(|value| (key, value)));
        match pair {
            Ok(_) if self.labels.len() == MAX_LABELS => {
                self.refuse(TenantError::TooMany { what: "labels", max: MAX_LABELS });
            }
            Ok((key, value)) => drop(self.labels.insert(key, value.as_str().into())),
            Err(unfit) => self.refuse(unfit.into()),
        }
        self
    }

    fn refuse(&mut self, error: TenantError) {
        if self.id.is_ok() {
            self.id = Err(error);
        }
    }

    /// Returns the checked id.
    ///
    /// # Errors
    ///
    /// The first [`TenantError`] of the description.
    pub fn id(&self) -> Result<&TenantId, TenantError> {
        self.id.as_ref().map_err(Clone::clone)
    }

    /// Borrows the capabilities.
    #[must_use]
    pub fn capabilities(&self) -> &BTreeSet<Capability> {
        &self.capabilities
    }

    /// Returns the limits.
    #[must_use]
    pub fn bounds(&self) -> Limits {
        self.limits
    }

    /// Borrows the labels.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<LabelKey, String> {
        &self.labels
    }

    /// Returns the first thing this tenant asks for beyond what a run was bound to.
    #[must_use]
    pub fn exceeds(&self, bound: &BTreeSet<Capability>, limits: &Limits) -> Option<Exceeded> {
        if let Some(capability) = self.capabilities.difference(bound).next() {
            return Some(Exceeded::Capability(capability.clone()));
        }
        let money = |limits: &Limits| limits.budget.map(Usd::as_nanos);
        let pairs = [
            ("budget", money(&self.limits), money(limits)),
            ("model calls", self.limits.model_calls, limits.model_calls),
            ("tokens", self.limits.tokens, limits.tokens),
            ("tool calls", self.limits.tool_calls, limits.tool_calls),
            ("wall time", self.limits.wall_us, limits.wall_us),
        ];
        let above = |asked: Option<u64>, bound: Option<u64>| asked.zip(bound).is_some_and(|(a, b)| a > b);
        pairs.into_iter().find(|&(_, asked, bound)| above(asked, bound)).map(|(name, ..)| Exceeded::Limit(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_problem_is_reported() {
        assert_eq!(Tenant::new("t").budget(Usd::ZERO).capability("").id().err(), Some(TenantError::EmptyBudget));
        assert_eq!(Tenant::new("a\nb").id().map_err(|e| e.code()).err(), Some("artana::invalid_id"));
        assert!(Tenant::new("t").budget(Usd::cents(1)).label("team", "billing").id().is_ok());
    }

    #[test]
    fn more_than_bound_is_named_and_less_is_fine() {
        let bound = Tenant::new("t").capability("a").budget(Usd::dollars(1));
        let over = |tenant: Tenant| tenant.exceeds(bound.capabilities(), &bound.bounds());
        assert_eq!(over(Tenant::new("t").capability("a")), None);
        assert_eq!(over(Tenant::new("t").budget(Usd::cents(1))), None);
        assert_eq!(over(Tenant::new("t").budget(Usd::dollars(2))), Some(Exceeded::Limit("budget")));
        assert!(matches!(over(Tenant::new("t").capability("b")), Some(Exceeded::Capability(_))));
    }
}
