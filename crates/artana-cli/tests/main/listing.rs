//! What `run list` finds under each filter, and which filters it refuses. The runs are written past the kernel,
//! so that their rows and times are given.

use artana_core::{
    Actor, ChainHash, Draft, EventId, Genesis, Head, LabelKey, ParentLink, RunId, RunKey, RunRef, RunView, Seq, Stamp,
    Status, StepKey, TenantId, Timestamp, seal,
};
use artana_ports::{Append, Authority, EventStore};
use artana_store_sqlite::SqliteStore;
use insta::assert_snapshot;

use crate::support::{World, runtime};

const FILTERS: [&str; 17] = [
    "",
    "--status failed --status completed",
    "--label team=billing",
    "--label rule=a=b",
    "--label team=bill",
    "--drift yes",
    "--drift no",
    "--parent audit",
    "--parent nobody",
    "--since 2026-11-25",
    "--until 2026-11-25",
    "--since 2026-11-25 --until 2026-11-26",
    "--since 2026-11-25T10:30:00+01:00",
    "--since 2026-11-25T09:30:00.000001Z --until 2026-11-26T00:00:00.000001Z",
    "--until 2026-11-25T09:30:00Z --drift no",
    "--status running --label team=billing --parent audit --drift yes --since 2026-11-26 --until 2026-11-27",
    "--status running --label team=billing --parent audit --drift no --since 2026-11-26 --until 2026-11-27",
];

const REFUSED: [&str; 15] = [
    "--status happy",
    "--label team",
    "--label =billing",
    "--label team=",
    "--label team=a --label team=b",
    "--drift maybe",
    "--drift YES",
    "--drift",
    "--parent",
    "--since yesterday",
    "--since 2026-11-31",
    "--since 2026-11-25T09:30:00",
    "--until 1764063000",
    "--since 2026-11-25 --until 2026-11-25",
    "--since 2026-11-26 --until 2026-11-25T23:59:59Z",
];

/// What happened to a run: its id, when it started in microseconds after 2026-11-25T00:00:00Z, and its row.
type Told = (&'static str, i64, fn(&mut RunView));

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

const RUNS: [Told; 5] = [
    ("audit", 0, |view| {
        view.status = Status::Failed;
        (view.steps, view.drifts) = (4, 2);
        view.last_step = Some(StepKey::parse("collect/page-3").unwrap());
        label(view, "team", "billing");
    }),
    ("audit-fork-1", 570 * MINUTE, |view| {
        view.parent = Some(fork_of("audit"));
        label(view, "team", "sales");
        label(view, "rule", "a=b");
    }),
    ("audit-fork-2", DAY, |view| {
        view.parent = Some(fork_of("audit"));
        view.drifts = 1;
        label(view, "team", "billing");
    }),
    ("before", -1, |view| view.status = Status::Completed),
    ("later", 2 * DAY + 1, |view| {
        view.status = Status::NeedsReconciliation;
        (view.steps, view.unknown) = (2, 1);
    }),
];

fn label(view: &mut RunView, key: &str, value: &str) {
    view.labels.insert(LabelKey::parse(key).unwrap(), value.to_owned());
}

fn fork_of(run: &str) -> ParentLink {
    ParentLink { run: RunId::parse(run).unwrap(), seq: Seq::new(1), hash: ChainHash::from_bytes([7; 32]) }
}

/// A batch that starts a run with a row of its own.
fn batch((run, at, tell): Told) -> Append {
    let run = RunRef::new(TenantId::parse("default").unwrap(), RunId::parse(run).unwrap());
    let (key, at) = (RunKey::from_bytes([1; 32]), Timestamp::from_micros(1_795_564_800_000_000 + at));
    let before = Head { seq: Seq::ZERO, hash: Genesis::root(run.clone(), key.id()).hash() };
    let draft = Draft::raw("noted", None, b"{}".to_vec()).unwrap();
    let record = seal(&run, &before, draft, Stamp { id: EventId::v7(1, [1; 10]), at }).into_record();
    let mut view = RunView {
        run: run.clone(),
        root: run.run.clone(),
        parent: None,
        status: Status::Running,
        head: record.head(),
        started_at: at,
        updated_at: Timestamp::from_micros(at.as_micros() + MINUTE),
        steps: 0,
        pending: 0,
        unknown: 0,
        drifts: 0,
        last_step: None,
        failed_step: None,
        labels: Default::default(),
        queued: None,
    };
    tell(&mut view);
    Append {
        run,
        expected: None,
        authority: Authority::Outside(Actor::parse("test").unwrap()),
        events: vec![record],
        content: Vec::new(),
        claims: Vec::new(),
        releases: Vec::new(),
        view,
        run_key: Some(key),
    }
}

fn world() -> World {
    let world = World::empty();
    runtime().block_on(async {
        let store = SqliteStore::open(world.ledger()).await.unwrap();
        for run in RUNS {
            store.append(batch(run)).await.unwrap();
        }
        store.close().await.unwrap();
    });
    world
}

/// What is said to each of these, nothing left out.
fn said(world: &World, filters: &[&str], format: &str) -> String {
    let each = filters.iter().map(|filter| {
        let line = ["run list", filter, format].join(" ").trim_end().replace("  ", " ");
        let done = world.artana(&line);
        format!("$ artana {line}\n{}{}= {}\n", done.out, done.err, done.code)
    });
    each.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_filter_in_a_pipe_and_as_json() {
    let world = world();
    assert_snapshot!("filters", said(&world, &FILTERS, ""));
    assert_snapshot!("filters_json", said(&world, &FILTERS, "--json"));
}

#[test]
fn every_refusal_says_what_would_be_right() {
    let world = world();
    assert_snapshot!("refused", said(&world, &REFUSED, ""));
    assert_snapshot!("refused_json", said(&world, &REFUSED, "--json"));
    for filter in REFUSED {
        let done = world.artana(&format!("run list {filter}"));
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{filter}: {done:?}");
    }
    let done = world.run(["run", "list", "--parent", "a\nb"]);
    assert_eq!(done.code, 2, "{done:?}");
    let done = world.run(["run", "list", "--label", "a\nb=c"]);
    assert_eq!(done.code, 2, "{done:?}");
}

/// What has no headings in a pipe has them in the help.
#[test]
fn the_help_names_the_columns_of_a_line_in_their_order() {
    let world = World::furnished();
    let help = world.artana("run list --help").out.split_whitespace().collect::<Vec<_>>().join(" ");
    let first = world.artana("run list --json").out.lines().next().unwrap().to_owned();
    let listed: serde_json::Value = serde_json::from_str(&first).unwrap();
    // The order of an object's keys is that of the text.
    let mut names: Vec<&str> = listed.as_object().unwrap().keys().map(String::as_str).collect();
    names.retain(|name| *name != "labels");
    names.sort_by_key(|name| first.find(&format!("\"{name}\":")));
    assert!(help.contains(&format!("in this order: {}.", names.join(", "))), "{names:?} {help}");
    let line = world.artana("run list").out.lines().next().unwrap().to_owned();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells.len(), names.len(), "nothing is a dash: {line}");
}
