//! Rows that are cut, swapped, copied, moved and forged. The kernel, the product's verifier of exports and
//! the independent one name the same break, wherever an export can show it.

use artana_core::verify::BreakKind;
use artana_kernel::Level;
use rusqlite::Connection;

use super::ledger::{EVENTS, OTHER, Opened, RUN, STRANGER, TENANT, image, tenant};

use BreakKind::{
    ContentMismatch, ContentMissing, Gap, GenesisMismatch, HashMismatch, HeadMismatch, KeyMismatch, PrevMismatch,
    ViewMismatch,
};

/// What is done to the file, the run it is judged by, and the break that is found.
type Case = (&'static str, (&'static str, &'static str), BreakKind, u64);

const MAIN: (&str, &str) = (TENANT, RUN);
const OTHERS: (&str, &str) = (TENANT, OTHER);
const STRANGERS: (&str, &str) = (STRANGER, RUN);

const CUT: [Case; 10] = [
    ("DELETE FROM events WHERE tenant = 'acme' AND run = 'main' AND seq = 81", MAIN, HeadMismatch, EVENTS),
    ("DELETE FROM events WHERE tenant = 'acme' AND run = 'main' AND seq > 59", MAIN, HeadMismatch, 60),
    ("DELETE FROM events WHERE tenant = 'acme' AND run = 'main' AND seq = 30", MAIN, Gap, 30),
    ("DELETE FROM events WHERE tenant = 'acme' AND run = 'main' AND seq = 1", MAIN, Gap, 1),
    ("DELETE FROM events WHERE tenant = 'acme' AND run = 'main'", MAIN, HeadMismatch, 1),
    ("DELETE FROM runs WHERE tenant = 'acme' AND run = 'main'", MAIN, HeadMismatch, EVENTS),
    (
        "UPDATE runs SET (head_seq, head_hash) = (SELECT seq, hash FROM events AS e WHERE e.tenant = 'acme' AND \
      e.run = 'main' AND e.seq = 80) WHERE tenant = 'acme' AND run = 'main'",
        MAIN,
        HeadMismatch,
        EVENTS,
    ),
    (
        "DELETE FROM events WHERE tenant = 'acme' AND run = 'main' AND seq > 60; \
      UPDATE runs SET (head_seq, head_hash) = (SELECT seq, hash FROM events AS e WHERE e.tenant = 'acme' AND \
      e.run = 'main' AND e.seq = 60) WHERE tenant = 'acme' AND run = 'main'",
        MAIN,
        ViewMismatch,
        60,
    ),
    ("DELETE FROM run_keys WHERE tenant = 'acme' AND root = 'main'", MAIN, KeyMismatch, 1),
    ("DELETE FROM tenant_keys WHERE tenant = 'acme'", MAIN, KeyMismatch, 1),
];

const MOVED: [Case; 9] = [
    (
        "UPDATE events SET seq = -1 WHERE tenant = 'acme' AND run = 'main' AND seq = 20; \
      UPDATE events SET seq = 20 WHERE tenant = 'acme' AND run = 'main' AND seq = 21; \
      UPDATE events SET seq = 21 WHERE tenant = 'acme' AND run = 'main' AND seq = -1",
        MAIN,
        PrevMismatch,
        20,
    ),
    (
        "INSERT INTO events SELECT tenant, run, 82, event_id, kind, step, at, payload, prev_hash, hash FROM events \
      WHERE tenant = 'acme' AND run = 'main' AND seq = 81",
        MAIN,
        PrevMismatch,
        82,
    ),
    (
        "DELETE FROM events WHERE tenant = 'acme' AND run = 'main' AND seq = 5; \
      UPDATE events SET run = 'main' WHERE tenant = 'acme' AND run = 'other' AND seq = 5",
        MAIN,
        PrevMismatch,
        5,
    ),
    (
        "DELETE FROM events WHERE tenant = 'acme' AND run = 'main' AND seq = 1; \
      UPDATE events SET run = 'main' WHERE tenant = 'acme' AND run = 'other' AND seq = 1",
        MAIN,
        GenesisMismatch,
        1,
    ),
    (
        "DELETE FROM events WHERE tenant = 'acme' AND run = 'main'; \
      UPDATE events SET run = 'main' WHERE tenant = 'acme' AND run = 'other'",
        MAIN,
        GenesisMismatch,
        1,
    ),
    (
        "DELETE FROM events WHERE tenant = 'beta' AND run = 'main' AND seq = 7; \
      UPDATE events SET tenant = 'beta' WHERE tenant = 'acme' AND run = 'main' AND seq = 7",
        STRANGERS,
        PrevMismatch,
        7,
    ),
    (
        "UPDATE events SET run = 'stolen' WHERE run = 'other'; UPDATE vault SET root = 'stolen' WHERE root = 'other'; \
      UPDATE runs SET run = 'stolen', root = 'stolen' WHERE run = 'other'; \
      UPDATE run_keys SET root = 'stolen' WHERE root = 'other'",
        (TENANT, "stolen"),
        GenesisMismatch,
        1,
    ),
    (
        "UPDATE events SET tenant = 'beta' WHERE run = 'other'; UPDATE vault SET tenant = 'beta' WHERE root = 'other'; \
      UPDATE runs SET tenant = 'beta' WHERE run = 'other'; \
      UPDATE run_keys SET tenant = 'beta' WHERE root = 'other'",
        (STRANGER, OTHER),
        GenesisMismatch,
        1,
    ),
    (
        "UPDATE vault SET root = 'main' WHERE tenant = 'acme' AND root = 'other' AND bytes = CAST('1' AS BLOB)",
        OTHERS,
        ContentMissing,
        2,
    ),
];

const FORGED: [Case; 12] = [
    (
        "UPDATE events SET payload = CAST(replace(CAST(payload AS TEXT), '\"attempt\":1', '\"attempt\":2') AS BLOB) \
      WHERE tenant = 'acme' AND run = 'main' AND seq = 4",
        MAIN,
        HashMismatch,
        4,
    ),
    ("UPDATE events SET kind = 'note' WHERE tenant = 'acme' AND run = 'main' AND seq = 9", MAIN, HashMismatch, 9),
    ("UPDATE events SET step = NULL WHERE tenant = 'acme' AND run = 'main' AND seq = 9", MAIN, HashMismatch, 9),
    ("UPDATE events SET step = '' WHERE tenant = 'acme' AND run = 'main' AND seq = 2", MAIN, HashMismatch, 2),
    ("UPDATE events SET payload = x'' WHERE tenant = 'acme' AND run = 'main' AND seq = 1", MAIN, GenesisMismatch, 1),
    ("UPDATE runs SET status = 'completed' WHERE tenant = 'acme' AND run = 'main'", MAIN, ViewMismatch, EVENTS),
    (
        "UPDATE runs SET queue = 'q', priority = 1, due_at = 1 WHERE tenant = 'acme' AND run = 'main'",
        MAIN,
        ViewMismatch,
        EVENTS,
    ),
    (
        "UPDATE run_keys SET key = (SELECT key FROM run_keys WHERE tenant = 'acme' AND root = 'other') \
      WHERE tenant = 'acme' AND root = 'main'",
        MAIN,
        KeyMismatch,
        1,
    ),
    (
        "UPDATE tenant_keys SET key = (SELECT key FROM tenant_keys WHERE tenant = 'beta') WHERE tenant = 'acme'",
        MAIN,
        KeyMismatch,
        1,
    ),
    (
        "UPDATE vault SET bytes = CAST('19' AS BLOB) WHERE tenant = 'acme' AND root = 'main' AND bytes = CAST('12' AS BLOB)",
        MAIN,
        ContentMismatch,
        10,
    ),
    (
        "UPDATE vault SET bytes = NULL, erased_run = 'main', erased_seq = 80 WHERE tenant = 'acme' AND root = 'main' \
      AND bytes = CAST('12' AS BLOB)",
        MAIN,
        ContentMissing,
        10,
    ),
    (
        "DELETE FROM vault WHERE tenant = 'acme' AND root = 'main' AND bytes = CAST('12' AS BLOB)",
        MAIN,
        ContentMissing,
        10,
    ),
];

fn tamper(sql: &str) -> impl FnOnce(&Connection) {
    move |raw| raw.execute_batch(sql).expect("a statement")
}

/// An export has no view, no tenant key, and nothing to say where the run's key is gone.
fn shows(sql: &str, kind: BreakKind) -> bool {
    kind != ViewMismatch && !(kind == KeyMismatch && (sql.contains("tenant_keys") || sql.starts_with("DELETE")))
}

async fn judge(cases: &[Case]) {
    let image = image().await;
    for (sql, run, kind, seq) in cases {
        let opened = Opened::tampered(Some(&image), tamper(sql)).await;
        assert_eq!(opened.verdict(run.0, run.1).await, Some((*kind, *seq)), "{sql}");
        let [product, independent] = opened.by_export(run.0, run.1).await;
        assert_eq!(product, independent, "{sql}");
        assert_eq!(product, shows(sql, *kind).then(|| (kind.to_string(), *seq)), "{sql}");
    }
}

#[tokio::test]
async fn a_whole_ledger_verifies_for_the_kernel_and_as_an_export() {
    let opened = Opened::of(Some(&image().await)).await;
    for (owner, run) in [MAIN, OTHERS, STRANGERS] {
        assert_eq!(opened.verdict(owner, run).await, None);
        assert_eq!(opened.by_export(owner, run).await, [None, None]);
    }
}

#[tokio::test]
async fn rows_that_are_cut_are_missed() {
    judge(&CUT).await;
}

#[tokio::test]
async fn rows_that_are_moved_are_found_where_they_were_put() {
    judge(&MOVED).await;
}

#[tokio::test]
async fn rows_that_are_forged_are_found() {
    judge(&FORGED).await;
}

#[tokio::test]
async fn a_broken_run_is_not_opened() {
    let image = image().await;
    for (sql, run, kind, seq) in CUT.iter().chain(&MOVED).take(7) {
        let opened = Opened::tampered(Some(&image), tamper(sql)).await;
        match opened.kernel.open_run(&tenant(run.0), run.1).await {
            Err(artana_kernel::Error::Damaged { found, .. }) => {
                assert_eq!((found.kind, found.seq.get()), (*kind, *seq), "{sql}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

/// The chain and its head row alone cannot tell a ledger from an older one: only an anchor kept elsewhere could.
#[tokio::test]
async fn a_cut_together_with_the_row_of_the_run_is_only_for_an_anchor_to_find() {
    let opened = Opened::of(None).await;
    let run = opened.kernel.start_run(&tenant(TENANT), RUN).await.expect("a run");
    run.step("one").tool_json("look", "1").await.expect("an answer");
    let raw = opened.raw();
    raw.execute_batch("CREATE TEMP TABLE older AS SELECT * FROM runs").expect("a copy");
    run.step("two").tool_json("look", "2").await.expect("an answer");
    run.finish().await.expect("an end");
    raw.execute_batch("DELETE FROM events WHERE seq > 3; DELETE FROM runs; INSERT INTO runs SELECT * FROM older")
        .expect("a cut");
    let report = opened.kernel.verify(&tenant(TENANT), RUN).await.expect("a verdict");
    assert_eq!((report.first_break, report.level, report.events), (None, Level::InternallyConsistent, 3));
    assert_eq!(report.level.to_string(), "internally consistent, not anchored");
}
