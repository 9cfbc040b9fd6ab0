//! Stores whose listings leave out, mix up or make up.

use std::collections::BTreeMap;

use artana_core::{LabelKey, RunId, RunRef, RunView, Timestamp};
use artana_ports::{Listed, Page, RunQuery, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    filters::filters,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "views/row_is_what_was_appended": "Lets no run have started before 1970." => StartsLate;
    "views/last_batch_wins": "Keeps the labels that it first saw in a run's row." => RemembersLabels;
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
struct StartsLate;

#[async_trait]
impl Mischief for StartsLate {
    async fn view(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        Ok(at.store.view(run).await?.map(|listed| match listed {
            Listed::View(row) => {
                Listed::View(RunView { started_at: row.started_at.max(Timestamp::from_micros(0)), ..row })
            }
            broken @ Listed::Broken { .. } => broken,
        }))
    }
}

#[derive(Debug, Default)]
struct RemembersLabels(Notes<BTreeMap<RunRef, BTreeMap<LabelKey, String>>>);

#[async_trait]
impl Mischief for RemembersLabels {
    async fn view(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        Ok(at.store.view(run).await?.map(|listed| match listed {
            Listed::View(row) => {
                let labels = self.0.with(|labels| labels.entry(run.clone()).or_insert(row.labels).clone());
                Listed::View(RunView { labels, ..row })
            }
            broken @ Listed::Broken { .. } => broken,
        }))
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
