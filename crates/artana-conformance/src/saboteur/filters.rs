//! Stores whose filters let through what they should not, or that lose runs between filters and pages.
//! Each looks away where only another law would notice.

use artana_core::Timestamp;
use artana_ports::{Drifted, Listed, Page, RunQuery, StoreError, TimeRange};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "views/status_filters": "Lists runs in any status." => AnyStatus;
    "views/label_filters": "Lists runs with any label." => AnyLabel;
    "views/parent_filters": "Lists forks of any run." => AnyParent;
    "views/drift_filters": "Lists runs whether they drifted or not." => AnyDrift;
    "views/drift_filters": "Takes a run that drifted more than once for one that did not." => OnceOnly;
    "views/time_filters": "Lists runs of any time." => AnyTime;
    "views/time_filters": "Lists the runs that start at the end of a time." => WithTheEnd;
    "views/time_filters": "Leaves out the runs that start at the beginning of a time." => WithoutTheBeginning;
    "views/time_filters": "Compares times in milliseconds." => Milliseconds;
    "views/time_filters": "Looks at when a run last moved." => LastMoved;
    "views/filters_go_together": "Applies the first of several filters." => FirstFilter;
    "views/filters_go_together": "Applies all but the last of several filters." => AllButTheLast;
    "views/filtered_pages_make_the_whole": "Cuts a page before it filters." => CutsFirst;
    "views/filtered_pages_make_the_whole": "Begins a page after its first run." => SkipsAtTheBoundary;
};

/// How it is told that a query sets a filter, and how the filter is taken off.
struct Filter {
    is_set: fn(&RunQuery) -> bool,
    take_off: fn(&mut RunQuery),
}

const FILTERS: [Filter; 5] = [
    Filter { is_set: |query| !query.statuses.is_empty(), take_off: |query| query.statuses.clear() },
    Filter { is_set: |query| query.label.is_some(), take_off: |query| query.label = None },
    Filter { is_set: |query| query.parent.is_some(), take_off: |query| query.parent = None },
    Filter { is_set: |query| query.drift.is_some(), take_off: |query| query.drift = None },
    Filter {
        is_set: |query| query.started != TimeRange::default(),
        take_off: |query| query.started = TimeRange::default(),
    },
];

/// Returns the filters that a query sets.
fn set(query: &RunQuery) -> impl Iterator<Item = &'static Filter> {
    FILTERS.iter().filter(|filter| (filter.is_set)(query))
}

/// Counts the filters of a query.
pub(super) fn filters(query: &RunQuery) -> usize {
    set(query).count()
}

/// Returns whether a query is for all rows under one filter.
fn is_single(query: &RunQuery) -> bool {
    filters(query) == 1 && is_unpaged(query)
}

fn is_unpaged(query: &RunQuery) -> bool {
    query.after.is_none() && query.limit == u32::MAX
}

/// Takes a filter off where it is the only one.
async fn without(at: Scene<'_>, query: &RunQuery, filter: usize) -> Result<Page, StoreError> {
    let mut query = query.clone();
    if is_single(&query) {
        (FILTERS[filter].take_off)(&mut query);
    }
    at.store.runs(&query).await
}

/// Asks for another time where the time is the only filter.
async fn at_another_time(
    at: Scene<'_>,
    query: &RunQuery,
    change: impl FnOnce(TimeRange) -> TimeRange,
) -> Result<Page, StoreError> {
    let mut query = query.clone();
    if is_single(&query) {
        query.started = change(query.started);
    }
    at.store.runs(&query).await
}

fn next(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros() + 1)
}

#[derive(Debug, Default)]
struct AnyStatus;

#[async_trait]
impl Mischief for AnyStatus {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        without(at, query, 0).await
    }
}

#[derive(Debug, Default)]
struct AnyLabel;

#[async_trait]
impl Mischief for AnyLabel {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        without(at, query, 1).await
    }
}

#[derive(Debug, Default)]
struct AnyParent;

#[async_trait]
impl Mischief for AnyParent {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        without(at, query, 2).await
    }
}

#[derive(Debug, Default)]
struct AnyDrift;

#[async_trait]
impl Mischief for AnyDrift {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        without(at, query, 3).await
    }
}

#[derive(Debug, Default)]
struct OnceOnly;

#[async_trait]
impl Mischief for OnceOnly {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut page = at.store.runs(query).await?;
        if query.drift == Some(Drifted::Yes) && is_single(query) {
            page.items.retain(|item| matches!(item, Listed::View(row) if row.drifts == 1));
        }
        Ok(page)
    }
}

#[derive(Debug, Default)]
struct AnyTime;

#[async_trait]
impl Mischief for AnyTime {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        without(at, query, 4).await
    }
}

#[derive(Debug, Default)]
struct WithTheEnd;

#[async_trait]
impl Mischief for WithTheEnd {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        at_another_time(at, query, |time| TimeRange { until: time.until.map(next), ..time }).await
    }
}

#[derive(Debug, Default)]
struct WithoutTheBeginning;

#[async_trait]
impl Mischief for WithoutTheBeginning {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        at_another_time(at, query, |time| TimeRange { from: time.from.map(next), ..time }).await
    }
}

#[derive(Debug, Default)]
struct Milliseconds;

#[async_trait]
impl Mischief for Milliseconds {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let milli = |at: Timestamp| Timestamp::from_micros(at.as_micros().div_euclid(1000) * 1000);
        let whole = |time: TimeRange| TimeRange { from: time.from.map(milli), until: time.until.map(milli) };
        at_another_time(at, query, whole).await
    }
}

#[derive(Debug, Default)]
struct LastMoved;

#[async_trait]
impl Mischief for LastMoved {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        if query.started == TimeRange::default() || !is_single(query) {
            return at.store.runs(query).await;
        }
        let mut page = without(at, query, 4).await?;
        page.items.retain(|item| matches!(item, Listed::View(row) if query.started.contains(row.updated_at)));
        Ok(page)
    }
}

#[derive(Debug, Default)]
struct FirstFilter;

#[async_trait]
impl Mischief for FirstFilter {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut more = query.clone();
        if is_unpaged(query) {
            set(query).skip(1).for_each(|filter| (filter.take_off)(&mut more));
        }
        at.store.runs(&more).await
    }
}

#[derive(Debug, Default)]
struct AllButTheLast;

#[async_trait]
impl Mischief for AllButTheLast {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut more = query.clone();
        if is_unpaged(query) {
            set(query).skip(1).last().into_iter().for_each(|filter| (filter.take_off)(&mut more));
        }
        at.store.runs(&more).await
    }
}

#[derive(Debug, Default)]
struct CutsFirst;

#[async_trait]
impl Mischief for CutsFirst {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        if filters(query) == 0 || is_unpaged(query) {
            return at.store.runs(query).await;
        }
        let mut all = query.clone();
        set(query).for_each(|filter| (filter.take_off)(&mut all));
        let mut page = at.store.runs(&all).await?;
        page.items.retain(|item| matches!(item, Listed::View(row) if query.admits(row)));
        Ok(page)
    }
}

#[derive(Debug, Default)]
struct SkipsAtTheBoundary;

#[async_trait]
impl Mischief for SkipsAtTheBoundary {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut page = at.store.runs(query).await?;
        if let (Some(next), false) = (&page.next, filters(query) == 0) {
            let first = RunQuery { after: Some(next.clone()), limit: 1, ..query.clone() };
            page.next = at.store.runs(&first).await?.next;
        }
        Ok(page)
    }
}
