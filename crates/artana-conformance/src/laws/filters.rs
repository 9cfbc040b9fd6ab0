//! Laws of listings with filters: each lets through the runs it speaks of, they go together, and pages
//! under them lose and repeat nothing.

use artana_core::{ChainHash, LabelKey, ParentLink, RunView, Seq, Status, Timestamp};
use artana_ports::{Drifted, RunQuery, TimeRange};

use super::listing::{create, list, query, walk};
use crate::{
    Breach, Law, Trial,
    law::{Kept, ensure_eq, laws},
    writer::{AT, run_id},
};

pub(super) const LAWS: &[Law] = laws! {
    "views/status_filters": "A listing of some statuses has the runs in them alone." => by_status;
    "views/label_filters": "A listing of a label has the runs with that key and value alone." => by_label;
    "views/parent_filters": "A listing of a parent has its forks alone." => by_parent;
    "views/drift_filters": "A listing of runs that drifted, or did not, has those alone." => by_drift;
    "views/time_filters": "A listing of a time has the runs that started from its beginning until before its end alone."
        => by_start;
    "views/filters_go_together": "A listing with several filters has the runs that pass them all." => together;
    "views/filtered_pages_make_the_whole": "Pages under filters give every run that passes once, full but for the last."
        => pages;
};

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
        create(t, run, |view| view.parent = parent.map(link)).await?;
    }
    let found = list(t, RunQuery { parent: Some(run_id("a")), ..query() }).await?;
    ensure_eq!(found, ["b", "d"], "the forks of a");
    Ok(())
}

/// Links to an event of a run.
fn link(parent: &str) -> ParentLink {
    ParentLink { hash: ChainHash::from_bytes([1; 32]), run: run_id(parent), seq: Seq::new(1) }
}

async fn by_drift(t: &Trial) -> Kept {
    for (run, drifts) in [("a", 0), ("b", 1), ("c", 0), ("d", u64::from(u32::MAX) + 1), ("e", 0)] {
        create(t, run, |view| view.drifts = drifts).await?;
    }
    for (drift, expected) in [
        (Some(Drifted::Yes), &["b", "d"][..]),
        (Some(Drifted::No), &["a", "c", "e"]),
        (None, &["a", "b", "c", "d", "e"]),
    ] {
        let found = list(t, RunQuery { drift, ..query() }).await?;
        ensure_eq!(found, expected, "the runs that drifted: {drift:?}");
    }
    Ok(())
}

/// Every run was last moved at one time, which is no run's start.
async fn by_start(t: &Trial) -> Kept {
    let late = AT.as_micros() + 1_000_500;
    for (run, micros) in [("a", -2_000_000), ("b", -1), ("c", 0), ("d", 1), ("e", late), ("f", late + 1)] {
        create(t, run, |view| view.started_at = Timestamp::from_micros(micros)).await?;
    }
    for (from, until, expected) in [
        (None, None, "abcdef"),
        (Some(0), None, "cdef"),
        (None, Some(0), "ab"),
        (Some(0), Some(1), "c"),
        (Some(-1), Some(1), "bc"),
        (Some(1), Some(late), "d"),
        (Some(late), Some(late + 1), "e"),
        (Some(late + 1), None, "f"),
        (Some(late + 2), None, ""),
        (None, Some(-2_000_000), ""),
        (Some(0), Some(0), ""),
        (Some(1), Some(0), ""),
    ] {
        let started = TimeRange { from: from.map(Timestamp::from_micros), until: until.map(Timestamp::from_micros) };
        let found = list(t, RunQuery { started, ..query() }).await?;
        ensure_eq!(found.concat(), expected, "the runs that started from {from:?} until {until:?}");
    }
    Ok(())
}

/// A filter, and what makes a row that passes all of them one that fails this one alone.
struct Filter {
    set: fn(&mut RunQuery),
    fail: fn(&mut RunView),
}

const FILTERS: [Filter; 6] = [
    Filter { set: |query| query.statuses = vec![Status::Failed], fail: |view| view.status = Status::Completed },
    Filter { set: |query| query.label = Some((label("team"), "x".to_owned())), fail: |view| view.labels.clear() },
    Filter { set: |query| query.parent = Some(run_id("p")), fail: |view| view.parent = Some(link("q")) },
    Filter { set: |query| query.drift = Some(Drifted::Yes), fail: |view| view.drifts = 0 },
    Filter { set: |query| query.started.from = Some(AT), fail: |view| view.started_at = Timestamp::from_micros(0) },
    Filter { set: |query| query.started.until = Some(later()), fail: |view| view.started_at = later() },
];

/// The two ends of a time, which by themselves are one filter.
const TIME: usize = 0b11_0000;

fn later() -> Timestamp {
    Timestamp::from_micros(2 * AT.as_micros())
}

/// Makes a row that passes every filter.
fn pass(view: &mut RunView) {
    view.status = Status::Failed;
    view.labels.insert(label("team"), "x".to_owned());
    view.parent = Some(link("p"));
    view.drifts = 1;
}

/// Sets the filters whose bit is set.
fn filtered(bits: usize) -> RunQuery {
    let mut query = query();
    let chosen = FILTERS.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
    chosen.for_each(|(_, filter)| (filter.set)(&mut query));
    query
}

async fn together(t: &Trial) -> Kept {
    const NAMES: [&str; FILTERS.len()] = ["a", "c", "e", "g", "i", "k"];
    for (run, filter) in NAMES.iter().zip(FILTERS) {
        create(t, run, |view| {
            pass(view);
            (filter.fail)(view);
        })
        .await?;
    }
    create(t, "h", pass).await?;
    let several = |bits: &usize| bits.count_ones() > 1 && *bits != TIME;
    for bits in (0..1 << FILTERS.len()).filter(several) {
        let fails = |at: &usize| bits & (1 << at) != 0;
        let mut expected: Vec<&str> = (0..NAMES.len()).filter(|at| !fails(at)).map(|at| NAMES[at]).collect();
        expected.push("h");
        expected.sort_unstable();
        ensure_eq!(list(t, filtered(bits)).await?, expected, "the runs under the filters {bits:#b}");
    }
    Ok(())
}

async fn pages(t: &Trial) -> Kept {
    let passing = ["b", "c", "e", "f", "i"];
    for run in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"] {
        let passes = passing.contains(&run);
        create(t, run, |view| {
            pass(view);
            if !passes {
                FILTERS[..5].iter().for_each(|filter| (filter.fail)(view));
            }
        })
        .await?;
    }
    // A run that starts before a time does not start after it: the end alone would let all through.
    for bits in [0b1, 0b10, 0b100, 0b1000, 0b1_0000, 0b11_1111, 0b11_1000, 0b1_1011] {
        for limit in [1, 2, 3, 4, 5, 6] {
            let walked = walk(t, RunQuery { limit, ..filtered(bits) }, &passing).await;
            walked.map_err(|why| Breach::new(format!("under the filters {bits:#b}: {why}")))?;
        }
    }
    Ok(())
}
