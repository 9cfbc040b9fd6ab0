//! Laws of runs' rows: each is what its last batch said, and listings find them.

use std::collections::BTreeMap;

use artana_core::{
    ChainHash, LabelKey, ParentLink, Queued, RunId, RunView, Seq, Status, StepKey, Timestamp, limits::MAX_PAGE_RUNS,
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
    "views/pages_make_the_whole": "Pages of a listing give every run once, and the last one says so." => pages;
    "views/page_is_bounded": "A page of a listing has no more rows than the format's largest." => bounded;
    "views/status_filters": "A listing of some statuses has the runs in them alone." => by_status;
    "views/label_filters": "A listing of a label has the runs with that key and value alone." => by_label;
    "views/parent_filters": "A listing of a parent has its forks alone." => by_parent;
    "views/filters_go_together": "A listing with several filters has the runs that pass them all." => together;
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
    for steps in 1..4 {
        writer.view.steps = steps;
        writer.write(&*t.store, 1).await?;
        let found = t.store.view(&writer.run).await?;
        ensure_eq!(found, Some(Listed::View(writer.batch(0).view)), "the row after batch {steps}");
    }
    Ok(())
}

/// Creates a run whose row was changed.
async fn create(t: &Trial, run: &str, change: impl FnOnce(&mut RunView)) -> Kept {
    let mut writer = Writer::new("t", run);
    change(&mut writer.view);
    writer.write(&*t.store, 1).await?;
    Ok(())
}

fn query() -> RunQuery {
    RunQuery::all(tenant_id("t"))
}

fn names(items: &[Listed]) -> Result<Vec<String>, Breach> {
    let name = |item: &Listed| match item {
        Listed::View(view) => Ok(view.run.run.to_string()),
        Listed::Broken { run, why } => Err(Breach::new(format!("the row of {run} is broken: {why}"))),
    };
    items.iter().map(name).collect()
}

async fn list(t: &Trial, query: RunQuery) -> Result<Vec<String>, Breach> {
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
        let mut seen: Vec<String> = Vec::new();
        let mut after: Option<RunId> = None;
        loop {
            let page = t.store.runs(&RunQuery { after, limit, ..query() }).await?;
            ensure!(page.items.len() <= limit as usize, "{} rows under a limit of {limit}", page.items.len());
            seen.extend(names(&page.items)?);
            ensure!(seen.len() <= runs.len(), "more rows than there are: {seen:?}");
            after = page.next;
            if after.is_none() {
                break;
            }
            ensure!(seen.len() < runs.len(), "a next page after the last row");
        }
        ensure_eq!(seen, runs, "the rows of all pages of {limit}");
    }
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

async fn by_status(t: &Trial) -> Kept {
    for status in Status::ALL {
        create(t, status.as_str(), |view| view.status = status).await?;
    }
    for status in Status::ALL {
        let found = list(t, RunQuery { statuses: vec![status], ..query() }).await?;
        ensure_eq!(found, [status.as_str()], "the runs that are {status}");
    }
    let two = RunQuery { statuses: vec![Status::Paused, Status::Failed], ..query() };
    ensure_eq!(list(t, two).await?, ["failed", "paused"], "the runs in two statuses");
    Ok(())
}

fn label(key: &str) -> LabelKey {
    LabelKey::parse(key).expect("laws use fit names")
}

async fn by_label(t: &Trial) -> Kept {
    for (run, key, value) in
        [("a", "team", "billing"), ("b", "team", "sales"), ("c", "Team", "billing"), ("d", "x", "%"), ("e", "x", "y")]
    {
        create(t, run, |view| drop(view.labels.insert(label(key), value.to_owned()))).await?;
    }
    for (key, value, expected) in [("team", "billing", "a"), ("team", "sales", "b"), ("x", "%", "d")] {
        let found = list(t, RunQuery { label: Some((label(key), value.to_owned())), ..query() }).await?;
        ensure_eq!(found, [expected], "the runs with {key} = {value}");
    }
    let none = RunQuery { label: Some((label("team"), "bill".to_owned())), ..query() };
    ensure_eq!(list(t, none).await?.len(), 0, "the runs with the beginning of a label");
    Ok(())
}

async fn by_parent(t: &Trial) -> Kept {
    for (run, parent) in [("a", None), ("b", Some("a")), ("c", Some("b")), ("d", Some("a"))] {
        let link = |parent| ParentLink { hash: ChainHash::from_bytes([1; 32]), run: run_id(parent), seq: Seq::new(1) };
        create(t, run, |view| view.parent = parent.map(link)).await?;
    }
    let found = list(t, RunQuery { parent: Some(run_id("a")), ..query() }).await?;
    ensure_eq!(found, ["b", "d"], "the forks of a");
    Ok(())
}

async fn together(t: &Trial) -> Kept {
    for (run, status, team) in [
        ("a", Status::Failed, "x"),
        ("b", Status::Failed, "y"),
        ("c", Status::Running, "x"),
        ("d", Status::Failed, "x"),
        ("e", Status::Failed, "x"),
    ] {
        create(t, run, |view| {
            view.status = status;
            view.labels.insert(label("team"), team.to_owned());
        })
        .await?;
    }
    let both = RunQuery {
        statuses: vec![Status::Failed],
        label: Some((label("team"), "x".to_owned())),
        after: Some(run_id("a")),
        limit: 1,
        ..query()
    };
    let page = t.store.runs(&both).await?;
    ensure_eq!(names(&page.items)?, ["d"], "the first failed run of a team after the first");
    ensure_eq!(page.next, Some(run_id("d")), "where the next page begins");
    Ok(())
}
