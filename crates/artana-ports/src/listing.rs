//! What a listing of runs asks for, and what comes back: filters, which look at one row alone, and pages. Which rows
//! there are, and their order, is the store's.

use std::ops::ControlFlow;

use artana_core::{LabelKey, RunId, RunView, Status, TenantId, Timestamp, limits::MAX_PAGE_RUNS};

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

    /// Returns the page that is asked for, of all rows of the tenant in the order of their ids' bytes. Only a store whose
    /// rows can all be read has them as views; others fill [`Pages`].
    #[must_use]
    pub fn page<'v>(&self, views: impl IntoIterator<Item = &'v RunView>) -> Page {
        let after = |view: &&RunView| self.after.as_ref().is_none_or(|after| view.run.run > *after);
        let mut pages = Pages::new(self);
        // Pages filter as well; only what is admitted is worth a copy.
        for view in views.into_iter().filter(after).filter(|view| self.admits(view)) {
            if pages.add(Listed::View(view.clone())).is_break() {
                break;
            }
        }
        pages.page()
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

/// Fills a page of a list from rows that come in the order of their names. Broken rows come whatever the filters, and
/// count only if a page can go on after them.
#[derive(Debug)]
pub struct Pages<'q> {
    query: &'q RunQuery,
    limit: usize,
    counted: usize,
    last: Option<RunId>,
    page: Page,
}

impl<'q> Pages<'q> {
    /// Begins a page.
    #[must_use]
    pub fn new(query: &'q RunQuery) -> Self {
        let limit = query.limit.min(MAX_PAGE_RUNS) as usize;
        Self { query, limit, counted: 0, last: None, page: Page { items: Vec::new(), next: None } }
    }

    /// Returns how many rows the page holds at most.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Adds the next row, if it is asked for. It breaks when the page is full and there is more.
    pub fn add(&mut self, item: Listed) -> ControlFlow<()> {
        if matches!(&item, Listed::View(view) if !self.query.admits(view)) {
            return ControlFlow::Continue(());
        }
        if self.counted == self.limit {
            self.page.next = self.last.take();
            return ControlFlow::Break(());
        }
        if let Some(run) = name_of(&item) {
            self.counted += 1;
            self.last = Some(run);
        }
        self.page.items.push(item);
        ControlFlow::Continue(())
    }

    /// Returns the page.
    #[must_use]
    pub fn page(self) -> Page {
        self.page
    }
}

fn name_of(item: &Listed) -> Option<RunId> {
    match item {
        Listed::View(view) => Some(view.run.run.clone()),
        Listed::Broken { run, .. } => RunId::parse(run).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills a page of two with rows of these names; says where the next one begins.
    fn next(names: &[&str]) -> Option<RunId> {
        let query = RunQuery { limit: 2, ..RunQuery::all(TenantId::parse("t").expect("a name")) };
        let mut pages = Pages::new(&query);
        for name in names {
            let broken = Listed::Broken { run: (*name).to_owned(), why: "it is damaged".to_owned() };
            if pages.add(broken).is_break() {
                break;
            }
        }
        pages.page().next
    }

    #[test]
    fn a_page_ends_where_there_is_more() {
        assert_eq!(next(&["a", "b"]), None);
        assert_eq!(next(&["a", "b", "c"]), RunId::parse("b").ok());
    }

    #[test]
    fn a_row_that_cannot_be_named_ends_no_page() {
        assert_eq!(next(&["a", "", "b"]), None);
        assert_eq!(next(&["a", "", "b", "c"]), RunId::parse("b").ok());
    }
}
