//! What a listing of runs asks for, and what comes back. A filter looks at one row alone; which rows
//! there are, and their order, is the store's.

use artana_core::{LabelKey, RunId, RunView, Status, TenantId, Timestamp};

/// Which runs to list. A run is listed if it passes every filter that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunQuery {
    /// Whose runs.
    pub tenant: TenantId,
    /// Only runs in one of these statuses; all, if empty.
    pub statuses: Vec<Status>,
    /// Only runs with this label.
    pub label: Option<(LabelKey, String)>,
    /// Only forks of this run.
    pub parent: Option<RunId>,
    /// Only runs that drifted, or only those that did not.
    pub drift: Option<Drifted>,
    /// Only runs that started within this time.
    pub started: TimeRange,
    /// Only runs after this one, in the order of their ids' bytes.
    pub after: Option<RunId>,
    /// At most so many, and at most [`artana_core::limits::MAX_PAGE_RUNS`].
    pub limit: u32,
}

/// Whether an ask of a run ever differed from what was recorded and the run went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a run drifted or it did not")]
pub enum Drifted {
    /// At least once.
    Yes,
    /// Never.
    No,
}

/// A stretch of time. The default has neither a beginning nor an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// Its first instant.
    pub from: Option<Timestamp>,
    /// The first instant after it. One that does not lie after the beginning leaves nothing between.
    pub until: Option<Timestamp>,
}

impl RunQuery {
    /// Asks for all runs of a tenant, a page at a time.
    #[must_use]
    pub fn all(tenant: TenantId) -> Self {
        Self {
            tenant,
            statuses: Vec::new(),
            label: None,
            parent: None,
            drift: None,
            started: TimeRange::default(),
            after: None,
            limit: u32::MAX,
        }
    }

    /// Returns whether a row passes all filters. Tenant, place and size of the page are not filters.
    #[must_use]
    pub fn admits(&self, view: &RunView) -> bool {
        let parent = |wanted: &RunId| view.parent.as_ref().is_some_and(|link| link.run == *wanted);
        (self.statuses.is_empty() || self.statuses.contains(&view.status))
            && self.label.as_ref().is_none_or(|(key, value)| view.labels.get(key) == Some(value))
            && self.parent.as_ref().is_none_or(parent)
            && self.drift.is_none_or(|wanted| wanted == Drifted::of(view))
            && self.started.contains(view.started_at)
    }
}

impl Drifted {
    /// Says it of a run by its row.
    #[must_use]
    pub fn of(view: &RunView) -> Self {
        if view.drifts > 0 { Self::Yes } else { Self::No }
    }
}

impl TimeRange {
    /// Returns whether an instant lies within.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// A run's row, or what can be said of a row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a row can be read or not")]
#[expect(clippy::large_enum_variant, reason = "nearly every row can be read")]
pub enum Listed {
    /// The row.
    View(RunView),
    /// The row is damaged. One broken run never hides the healthy ones, and no filter hides it.
    Broken {
        /// The run's id as far as it can be read.
        run: String,
        /// What is wrong with the row.
        why: String,
    },
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub items: Vec<Listed>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<RunId>,
}
