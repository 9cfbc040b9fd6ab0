//! Damaged columns: each is passed on as it is, or named; none is a panic, and none hides the others.

use artana_core::{LabelKey, Seq, Status, Timestamp, verify::Stored};
use artana_ports::{AppendError, Drifted, EventStore, Listed, RunQuery, StoreError};
use artana_store_sqlite::SqliteStore;

use crate::support::{batch, digest, filled, head, place, run, tamper};

/// A store of the runs `a`, `b` and `c`, damaged by a statement while it was closed.
async fn damaged(sql: &str) -> (tempfile::TempDir, SqliteStore) {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).await.expect("a store");
    for name in ["a", "b", "c"] {
        filled(&store, &run(name), 3).await;
    }
    store.close().await.expect("closes");
    tamper(&path, sql);
    (folder, SqliteStore::open(&path).await.expect("a store"))
}

#[tokio::test]
async fn damaged_event_columns_come_back_as_they_are() {
    for (sql, differs) in [
        ("UPDATE events SET kind = CAST(x'ff6f' AS TEXT) WHERE run = 'b' AND seq = 2", true),
        ("UPDATE events SET step = CAST(x'80' AS TEXT) WHERE run = 'b' AND seq = 2", true),
        ("UPDATE events SET step = NULL WHERE run = 'b' AND seq = 2", true),
        ("UPDATE events SET at = -9223372036854775808 WHERE run = 'b' AND seq = 2", true),
        ("UPDATE events SET payload = x'' WHERE run = 'b' AND seq = 2", true),
        ("UPDATE events SET hash = zeroblob(32) WHERE run = 'b' AND seq = 2", true),
        ("UPDATE events SET hash = zeroblob(32) WHERE run = 'a' AND seq = 2", false),
    ] {
        let (_folder, store) = damaged(sql).await;
        let rows = store.read(&run("b"), Seq::ZERO, 10).await.expect("rows");
        assert_eq!(rows.len(), 3, "{sql}");
        assert_eq!(rows[1] != batch(&run("b"), Some(head(1))).events[0], differs, "{sql}");
    }
}

#[tokio::test]
async fn a_moved_row_leaves_a_gap() {
    for to in ["seq = -5", "seq = 4611686018427387906", "run = 'x'", "tenant = 'other'"] {
        let (_folder, store) = damaged(&format!("UPDATE events SET {to} WHERE run = 'b' AND seq = 2")).await;
        let rows = store.read(&run("b"), Seq::ZERO, 10).await.expect("rows");
        assert_ne!(rows.get(1).map(|row| row.seq), Some(Seq::new(2)), "{to}");
    }
}

#[tokio::test]
async fn a_value_no_row_can_hold_is_named_with_its_sequence() {
    let (_folder, store) = damaged("UPDATE events SET prev_hash = x'00' WHERE run = 'b' AND seq = 2").await;
    let Err(StoreError::Damaged { reason }) = store.read(&run("b"), Seq::ZERO, 10).await else {
        panic!("a short hash is damage")
    };
    assert!(reason.contains("acme/b at sequence 2: prev_hash"), "{reason}");
}

#[tokio::test]
async fn a_damaged_run_is_listed_as_broken_beside_the_others() {
    for to in [
        "root = CAST(x'ff' AS TEXT)",
        "root = ''",
        "status = 'runninh'",
        "head_hash = x'00'",
        "steps = -1",
        "pending = -1",
        "unknown = -9223372036854775808",
        "drifts = -1",
        "last_step = CAST(x'ff' AS TEXT)",
        "failed_step = ''",
        "parent_run = 'a'",
        "parent_seq = 1",
        "queue = 'q'",
        "due_at = 1",
        "labels = '{\"team\": \"blue\"}'",
        "labels = '{\"team\":'",
        "labels = '[]'",
        "labels = CAST(x'ff' AS TEXT)",
    ] {
        let (_folder, store) = damaged(&format!("UPDATE runs SET {to} WHERE run = 'b'")).await;
        let mut query = RunQuery::all(run("a").tenant);
        query.limit = 1;
        let mut seen = Vec::new();
        loop {
            let page = store.runs(&query).await.expect("a page");
            seen.extend(page.items);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert!(
            matches!(&seen[..], [Listed::View(_), Listed::Broken { run, .. }, Listed::View(_)] if run == "b"),
            "{to}: {seen:?}"
        );
        assert!(matches!(store.view(&run("b")).await, Ok(Some(Listed::Broken { .. }))), "{to}");
    }
}

#[tokio::test]
async fn no_filter_hides_a_damaged_run() {
    let (_folder, store) = damaged("UPDATE runs SET status = 'runninh' WHERE run = 'b'").await;
    let filters: [fn(&mut RunQuery); 5] = [
        |query| query.statuses = vec![Status::Failed],
        |query| query.label = Some((LabelKey::parse("team").expect("a name"), "red".to_owned())),
        |query| query.parent = Some(run("x").run),
        |query| query.drift = Some(Drifted::Yes),
        |query| query.started.until = Some(Timestamp::from_micros(0)),
    ];
    for (at, filter) in filters.into_iter().enumerate() {
        let mut query = RunQuery::all(run("a").tenant);
        filter(&mut query);
        let page = store.runs(&query).await.expect("a page");
        assert!(matches!(&page.items[..], [Listed::Broken { run, .. }] if run == "b"), "filter {at}: {page:?}");
    }
}

#[tokio::test]
async fn a_run_whose_name_cannot_be_read_hides_no_other() {
    let (_folder, store) = damaged("UPDATE runs SET run = CAST(x'62ff0a' AS TEXT) WHERE run = 'b'").await;
    let mut query = RunQuery::all(run("a").tenant);
    query.limit = 1;
    let first = store.runs(&query).await.expect("a page");
    assert!(matches!(&first.items[..], [Listed::View(view)] if view.run == run("a")), "{first:?}");
    query.after = first.next;
    let second = store.runs(&query).await.expect("a page");
    assert!(
        matches!(&second.items[..], [Listed::Broken { .. }, Listed::View(view)] if view.run == run("c")),
        "{second:?}"
    );
    assert_eq!(store.head(&run("b")).await.expect("no such run"), None);
}

#[tokio::test]
async fn a_damaged_head_never_matches() {
    let (_folder, store) = damaged("UPDATE runs SET head_seq = -3 WHERE run = 'b'").await;
    let found = store.head(&run("b")).await.expect("a head").expect("a head");
    assert_eq!(found.seq, Seq::new(-3_i64 as u64));
    let refused = store.append(batch(&run("b"), Some(head(3)))).await;
    assert!(matches!(refused, Err(AppendError::Conflict { actual: Some(actual) }) if actual == found));

    let (_folder, store) = damaged("UPDATE runs SET head_hash = x'0102' WHERE run = 'b'").await;
    assert!(matches!(store.head(&run("b")).await, Err(StoreError::Damaged { .. })));
    let refused = store.append(batch(&run("b"), Some(head(3)))).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Damaged { .. }))));
    store.append(batch(&run("c"), Some(head(3)))).await.expect("other runs go on");
}

#[tokio::test]
async fn a_head_cut_back_is_never_written_over() {
    let hash = head(2).hash;
    let sql = format!("UPDATE runs SET head_seq = 2, head_hash = x'{hash}' WHERE run = 'b'");
    let (_folder, store) = damaged(&sql).await;
    let refused = store.append(batch(&run("b"), Some(head(2)))).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Damaged { .. }))), "{refused:?}");
    let (_folder, store) = damaged("DELETE FROM runs WHERE run = 'b'").await;
    let refused = store.append(batch(&run("b"), None)).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Damaged { .. }))), "{refused:?}");
}

#[tokio::test]
async fn vault_rows_are_content_tombstones_or_unreadable() {
    let words = digest("words 2");
    for (to, expected) in [
        ("codec = 1", Stored::Unreadable),
        ("seal = 3", Stored::Unreadable),
        ("len = -7", Stored::Unreadable),
        ("bytes = x'00'", Stored::Unreadable),
        ("bytes = x'776f7264732033'", Stored::Bytes(b"words 3".to_vec())),
        ("bytes = NULL", Stored::Missing),
        ("bytes = NULL, erased_run = 'b', erased_seq = 9", Stored::Erased { run: "b".into(), seq: Seq::new(9) }),
        (
            "bytes = NULL, erased_run = 'b', erased_seq = -1",
            Stored::Erased { run: "b".into(), seq: Seq::new(u64::MAX) },
        ),
        ("root = 'x'", Stored::Missing),
    ] {
        let (_folder, store) =
            damaged(&format!("UPDATE vault SET {to} WHERE root = 'b' AND digest = x'{words}'")).await;
        assert_eq!(store.content(&run("b"), &[words]).await.expect("answers"), [expected], "{to}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_none() {
    for to in ["key = x'01'", "key = NULL", "wrap_id = 'k'", "root = 'x'"] {
        let (_folder, store) = damaged(&format!("UPDATE run_keys SET {to} WHERE root = 'b'")).await;
        assert_eq!(store.run_key(&run("b")).await.expect("an answer"), None, "{to}");
        assert!(store.run_key(&run("c")).await.expect("an answer").is_some());
    }
}
