//! Stores whose listings leave out, mix up or make up.

use std::collections::BTreeMap;

use artana_core::{RunId, RunRef, RunView};
use artana_ports::{Listed, Page, RunQuery, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    filters::filters,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "views/row_is_what_was_appended": "Forgets where a fork leaves its parent." => ForgetsTheParent;
    "views/last_batch_wins": "Answers the first row it was asked for, for ever." => RemembersTheRow;
    "views/listing_is_in_byte_order": "Lists runs as people sort names." => SortsLikePeople;
    "views/pages_make_the_whole": "Announces another page after every full one." => AlwaysOneMorePage;
    "views/page_is_bounded": "Lists every run there is." => UnboundedPages;
};

fn name(item: &Listed) -> &str {
    match item {
        Listed::View(row) => row.run.run.as_str(),
        Listed::Broken { run, .. } => run,
    }
}

#[derive(Debug, Default)]
struct ForgetsTheParent;

#[async_trait]
impl Mischief for ForgetsTheParent {
    async fn view(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        Ok(at.store.view(run).await?.map(|listed| match listed {
            Listed::View(row) => Listed::View(RunView { parent: None, ..row }),
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
        if filters(query) == 0 && page.items.len() == query.limit as usize {
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
