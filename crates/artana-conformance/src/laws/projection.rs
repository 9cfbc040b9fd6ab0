//! Laws of runs' rows beside the fold: what a listing shows is what the run's events add up to.

use std::collections::BTreeMap;

use artana_core::{RunId, RunView};
use artana_ports::{Listed, RunQuery};

use crate::{
    Law, Trial,
    history::{self, TENANT},
    law::{Kept, ensure_eq, laws},
    writer::tenant_id,
};

pub(super) const LAWS: &[Law] = laws! {
    "views/row_is_the_fold": "After every batch of histories that have every kind of event, a run's row is what the fold makes of its events, by itself and in the listing." => fold;
};

async fn fold(t: &Trial) -> Kept {
    let mut rows: BTreeMap<RunId, RunView> = BTreeMap::new();
    for batch in history::all().iter().flat_map(|history| &history.batches) {
        let folded = batch.view.clone();
        t.store.append(batch.clone()).await?;
        let row = t.store.view(&folded.run).await?;
        ensure_eq!(row, Some(Listed::View(folded.clone())), "the row beside the fold");
        rows.insert(folded.run.run.clone(), folded);
        let listed = t.store.runs(&RunQuery::all(tenant_id(TENANT))).await?.items;
        ensure_eq!(listed, rows.values().cloned().map(Listed::View).collect::<Vec<_>>(), "the listing beside the fold");
    }
    Ok(())
}
