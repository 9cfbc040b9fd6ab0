//! Stores whose listings leave out, mix up or make up.

use std::collections::BTreeMap;

use artana_core::{RunId, RunRef, RunView};
use artana_ports::{Listed, Page, RunQuery, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "views/row_is_what_was_appended": "Forgets which step failed." => ForgetsAField;
    "views/last_batch_wins": "Answers the first row it was asked for, for ever." => RemembersTheRow;
    "views/listing_is_in_byte_order": "Lists runs as people sort names." => SortsLikePeople;
    "views/pages_make_the_whole": "Announces another page after every full one." => AlwaysOneMorePage;
    "views/page_is_bounded": "Lists every run there is." => UnboundedPages;
    "views/status_filters": "Lists runs in any status." => AnyStatus;
    "views/label_filters": "Lists runs with any label." => AnyLabel;
    "views/parent_filters": "Lists forks of any run." => AnyParent;
    "views/filters_go_together": "Applies the first of several filters." => OneFilter;
};

fn name(item: &Listed) -> &str {
    match item {
        Listed::View(row) => row.run.run.as_str(),
        Listed::Broken { run, .. } => run,
    }
}

#[derive(Debug, Default)]
struct ForgetsAField;

#[async_trait]
impl Mischief for ForgetsAField {
    async fn view(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        Ok(at.store.view(run).await?.map(|listed| match listed {
            Listed::View(row) => Listed::View(RunView { failed_step: None, ..row }),
            broken @ Listed::Broken { .. } => broken,
        }))
    }
}

#[derive(Debug, Default)]
struct RemembersTheRow(Notes<BTreeMap<RunRef, Listed>>);

#[async_trait]
impl Mischief for RemembersTheRow {
    async fn view(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        let row = at.store.view(run).await?;
        Ok(row.map(|row| self.0.with(|rows| rows.entry(run.clone()).or_insert(row).clone())))
    }
}

#[derive(Debug, Default)]
struct SortsLikePeople;

#[async_trait]
impl Mischief for SortsLikePeople {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut page = at.store.runs(query).await?;
        page.items.sort_by_key(|item| name(item).to_lowercase());
        Ok(page)
    }
}

#[derive(Debug, Default)]
struct AlwaysOneMorePage;

#[async_trait]
impl Mischief for AlwaysOneMorePage {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut page = at.store.runs(query).await?;
        if page.items.len() == query.limit as usize {
            page.next = page.items.last().and_then(|last| RunId::parse(name(last)).ok());
        }
        Ok(page)
    }
}

#[derive(Debug, Default)]
struct UnboundedPages;

#[async_trait]
impl Mischief for UnboundedPages {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut page = at.store.runs(query).await?;
        while page.next.is_some() && page.items.len() < query.limit as usize {
            let more = at.store.runs(&RunQuery { after: page.next.clone(), ..query.clone() }).await?;
            page.items.extend(more.items);
            page.next = more.next;
        }
        Ok(page)
    }
}

#[derive(Debug, Default)]
struct AnyStatus;

#[async_trait]
impl Mischief for AnyStatus {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut query = query.clone();
        if query.label.is_none() {
            query.statuses.clear();
        }
        at.store.runs(&query).await
    }
}

#[derive(Debug, Default)]
struct AnyLabel;

#[async_trait]
impl Mischief for AnyLabel {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut query = query.clone();
        if query.statuses.is_empty() {
            query.label = None;
        }
        at.store.runs(&query).await
    }
}

#[derive(Debug, Default)]
struct AnyParent;

#[async_trait]
impl Mischief for AnyParent {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        at.store.runs(&RunQuery { parent: None, ..query.clone() }).await
    }
}

#[derive(Debug, Default)]
struct OneFilter;

#[async_trait]
impl Mischief for OneFilter {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut query = query.clone();
        if !query.statuses.is_empty() {
            query.label = None;
        }
        at.store.runs(&query).await
    }
}
