//! Pages of a tenant's runs, in the order of their ids' bytes. Only reads.

use std::ops::Bound;

use artana_core::{RunId, RunView, limits::MAX_PAGE_RUNS};
use artana_ports::{Listed, Page, RunQuery};

use super::data::Data;

/// Returns the page a query asks for.
pub(super) fn page(data: &Data, query: &RunQuery) -> Page {
    let limit = query.limit.min(MAX_PAGE_RUNS) as usize;
    let start = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let tenant = data.tenants.get(&query.tenant);
    let after = tenant.into_iter().flat_map(|tenant| tenant.runs.range::<RunId, _>((start, Bound::Unbounded)));
    let mut views = after.map(|(_, run)| &run.view).filter(|view| query.admits(view));

    let items: Vec<&RunView> = views.by_ref().take(limit).collect();
    let next = views.next().and_then(|_| items.last()).map(|last| last.run.run.clone());
    Page { items: items.into_iter().cloned().map(Listed::View).collect(), next }
}
