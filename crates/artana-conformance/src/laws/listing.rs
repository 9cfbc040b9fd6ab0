//! Laws of runs' rows: each is what its last batch said, and listings have them all, in order and in pages.

use std::collections::BTreeMap;

use artana_core::{
    ChainHash, LabelKey, ParentLink, Queued, RunView, Seq, Status, StepKey, Timestamp, limits::MAX_PAGE_RUNS,
};
use artana_ports::{Append, Listed, RunQuery};

use crate::{
    Breach, Law, Trial,
    law::{Kept, ensure, ensure_eq, laws},
    writer::{Writer, run_id, tenant_id},
};

pub(super) const LAWS: &[Law] = laws! {
    "views/row_is_what_was_appended": "A run's row comes back field by field as its batch brought it." => exact;
    "views/last_batch_wins": "A run's row is its last batch's." => last;
    "views/listing_is_in_byte_order": "A listing is in the order of the ids' bytes." => order;
    "views/pages_make_the_whole": "Pages of a listing give every run once, full but for the last one, which says so."
        => pages;
    "views/page_is_bounded": "A page of a listing has no more rows than the format's largest." => bounded;
};

/// Returns a row in which every field says something.
fn full_view(view: RunView) -> RunView {
    let label = |key: &str, value: &str| (LabelKey::parse(key).expect("a fit name"), value.to_owned());
    let step = |key: &str| Some(StepKey::parse(key).expect("a fit name"));
    RunView {
        root: run_id("the root"),
        parent: Some(ParentLink { hash: ChainHash::from_bytes([3; 32]), run: run_id("the parent"), seq: Seq::new(9) }),
        status: Status::NeedsReconciliation,
        started_at: Timestamp::from_micros(-1),
        updated_at: Timestamp::from_micros(1_700_000_000_123_457),
        steps: u64::from(u32::MAX) + 1,
        pending: 2,
        unknown: 3,
        drifts: u64::from(u32::MAX) + 2,
        last_step: step("collect/page-3 \u{e9}"),
        failed_step: step("charge'"),
        labels: BTreeMap::from([label("team", "billing"), label("k\u{301}", "'%\u{1f600}"), label("empty", "")]),
        queued: Some(Queued { queue: "a queue".to_owned(), priority: i64::MIN, due_at: Timestamp::from_micros(5) }),
        ..view
    }
}

async fn exact(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.view = full_view(writer.view);
    let batch = Append { run_key: None, ..writer.batch(2) };
    let sent = Some(Listed::View(batch.view.clone()));
    writer.send(&*t.store, batch).await?;
    ensure_eq!(t.store.view(&writer.run).await?, sent, "the row");
    Ok(())
}

async fn last(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let plain = writer.view.clone();
    // What moves in a row; its name, its lineage and its start stay.
    let full =
        RunView { root: plain.root.clone(), parent: None, started_at: plain.started_at, ..full_view(plain.clone()) };
    for (batch, view) in [plain.clone(), full, plain].into_iter().enumerate() {
        writer.view = view;
        writer.write(&*t.store, 1).await?;
        let found = t.store.view(&writer.run).await?;
        ensure_eq!(found, Some(Listed::View(writer.batch(0).view)), "the row after batch {batch}");
    }
    Ok(())
}

/// Creates a run whose row was changed.
pub(super) async fn create(t: &Trial, run: &str, change: impl FnOnce(&mut RunView)) -> Kept {
    let mut writer = Writer::new("t", run);
    change(&mut writer.view);
    writer.write(&*t.store, 1).await?;
    Ok(())
}

/// Asks for all runs of the tenant.
pub(super) fn query() -> RunQuery {
    RunQuery::all(tenant_id("t"))
}

/// Returns the ids of listed runs.
pub(super) fn names(items: &[Listed]) -> Result<Vec<String>, Breach> {
    let name = |item: &Listed| match item {
        Listed::View(view) => Ok(view.run.run.to_string()),
        Listed::Broken { run, why } => Err(Breach::new(format!("the row of {run} is broken: {why}"))),
    };
    items.iter().map(name).collect()
}

/// Lists the first page.
pub(super) async fn list(t: &Trial, query: RunQuery) -> Result<Vec<String>, Breach> {
    names(&t.store.runs(&query).await?.items)
}

async fn order(t: &Trial) -> Kept {
    let expected = ["10", "9", "B", "Z", "a", "b", "cafe\u{301}", "caf\u{e9}", "z", "\u{df}", "\u{1f600}"];
    for at in [5, 0, 8, 3, 10, 1, 7, 2, 9, 4, 6] {
        create(t, expected[at], |_| ()).await?;
    }
    ensure_eq!(list(t, query()).await?, expected, "the order of the listing");
    Ok(())
}

async fn pages(t: &Trial) -> Kept {
    let runs = ["a", "b", "c", "d", "e", "f"];
    for run in runs {
        create(t, run, |_| ()).await?;
    }
    for limit in [1, 2, 4, 6] {
        walk(t, RunQuery { limit, ..query() }, &runs).await?;
    }
    Ok(())
}

/// Reads page after page, which must give these runs: full pages but for the last, which says so.
pub(super) async fn walk(t: &Trial, mut query: RunQuery, runs: &[&str]) -> Kept {
    let limit = query.limit as usize;
    let mut seen: Vec<String> = Vec::new();
    loop {
        let page = t.store.runs(&query).await?;
        let items = page.items.len();
        seen.extend(names(&page.items)?);
        ensure!(items <= limit, "{items} rows under a limit of {limit}");
        ensure!(seen.len() <= runs.len(), "more rows than there are: {seen:?}");
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
        ensure!(items == limit, "a page of {items} rows before the last, under a limit of {limit}");
        ensure!(seen.len() < runs.len(), "a next page after the last row");
    }
    ensure_eq!(seen, runs, "the rows of all pages of {limit}");
    Ok(())
}

async fn bounded(t: &Trial) -> Kept {
    for run in 0..=MAX_PAGE_RUNS {
        create(t, &format!("run {run}"), |_| ()).await?;
    }
    let page = t.store.runs(&query()).await?;
    ensure_eq!(page.items.len(), MAX_PAGE_RUNS as usize, "rows without a limit");
    ensure!(page.next.is_some(), "no next page before the last row");
    Ok(())
}
