//! What the store makes of the file it is pointed at.

use std::time::Duration;

use artana_core::Seq;
use artana_ports::{AppendError, DueQuery, EventStore, StoreError};
use artana_store_sqlite::{SqliteStore, Synchronous};

use crate::support::{LIFE, batch, born, filled, head, place, run, tamper};

#[tokio::test]
async fn a_missing_file_is_not_made_unless_asked() {
    let (folder, path) = place();
    for options in [SqliteStore::options().create(false), SqliteStore::options().read_only(true)] {
        assert!(matches!(options.open(&path).await, Err(StoreError::Missing { .. })));
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn what_is_no_store_is_refused_and_left_alone() {
    let (folder, path) = place();
    let foreign = folder.path().join("foreign.db");
    tamper(&foreign, "CREATE TABLE events (a); INSERT INTO events VALUES (1);");
    let marked = folder.path().join("marked.db");
    tamper(&marked, "PRAGMA application_id = 0x41727461; PRAGMA user_version = 1; CREATE TABLE events (a);");
    std::fs::write(&path, "not a database, but long enough to be taken for one at a first look".repeat(20))
        .expect("a file");
    for place in [&path, &foreign, &marked, &folder.path().to_owned()] {
        let before = std::fs::read(place).ok();
        for options in [SqliteStore::options(), SqliteStore::options().read_only(true)] {
            let refused = options.open(place).await;
            assert!(matches!(refused, Err(StoreError::NotAStore { .. })), "{}: {refused:?}", place.display());
        }
        assert!(std::fs::read(place).ok() == before, "{} was written to", place.display());
    }
}

#[tokio::test]
async fn an_empty_file_is_a_store_only_if_one_may_be_made() {
    let (_folder, path) = place();
    std::fs::write(&path, "").expect("a file");
    assert!(matches!(SqliteStore::options().create(false).open(&path).await, Err(StoreError::NotAStore { .. })));
    assert_eq!(std::fs::metadata(&path).expect("a file").len(), 0);
    SqliteStore::open(&path).await.expect("a store");
}

#[tokio::test]
async fn a_creation_that_was_cut_short_is_completed() {
    let (_folder, path) = place();
    tamper(&path, "PRAGMA journal_mode = WAL");
    assert_ne!(std::fs::metadata(&path).expect("a file").len(), 0);
    let store = SqliteStore::open(&path).await.expect("a store");
    filled(&store, &run("r"), 1).await;
}

#[tokio::test]
async fn a_path_is_a_path_whatever_it_looks_like() {
    let (folder, _) = place();
    for name in [":memory:", "file:x?mode=memory", "with space#?%41"] {
        let path = folder.path().join(name);
        let store = SqliteStore::open(&path).await.expect("a store");
        filled(&store, &run("r"), 1).await;
        store.close().await.expect("closes");
        assert!(path.is_file(), "{name}");
        let store = SqliteStore::options().read_only(true).open(&path).await.expect("a store");
        assert_eq!(store.head(&run("r")).await.expect("a head"), Some(head(1)), "{name}");
    }
}

#[tokio::test]
async fn a_newer_schema_can_be_read_and_not_written() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.expect("a store");
    filled(&store, &run("r"), 2).await;
    store.close().await.expect("closes");
    tamper(&path, "PRAGMA user_version = 99; ALTER TABLE runs ADD COLUMN news TEXT; CREATE TABLE later (a INTEGER);");

    let refused = SqliteStore::open(&path).await;
    assert!(matches!(refused, Err(StoreError::TooNew { found: 99, .. })), "{refused:?}");
    let store = SqliteStore::options().read_only(true).open(&path).await.expect("a store");
    assert_eq!(store.read(&run("r"), Seq::ZERO, 10).await.expect("rows").len(), 2);
    assert!(store.view(&run("r")).await.expect("a row").is_some());
}

#[tokio::test]
async fn reading_only_makes_no_file_and_writes_nothing() {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).await.expect("a store");
    filled(&store, &run("r"), 2).await;
    store.close().await.expect("closes");

    let reader = SqliteStore::options().read_only(true).open(&path).await.expect("a store");
    assert_eq!(reader.head(&run("r")).await.expect("a head"), Some(head(2)));
    assert!(matches!(
        reader.append(batch(&run("r"), Some(head(2)))).await,
        Err(AppendError::Store(StoreError::ReadOnly))
    ));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "one file lies in the folder");
    assert_eq!(reader.info().durability, "read only");

    // Somebody opens the file and writes: what was read at rest is not taken for the truth any longer.
    let store = SqliteStore::open(&path).await.expect("a store");
    store.append(batch(&run("r"), Some(head(2)))).await.expect("an append");
    assert_eq!(reader.head(&run("r")).await.expect("a head"), Some(head(3)));
    store.append(batch(&run("r"), Some(head(3)))).await.expect("an append");
    assert_eq!(reader.head(&run("r")).await.expect("a head"), Some(head(4)));
}

#[tokio::test]
async fn the_durability_is_what_was_asked_for_and_is_told() {
    let (_folder, path) = place();
    for (level, told) in [
        (Synchronous::Full, "wal, synchronous=full"),
        (Synchronous::Normal, "wal, synchronous=normal"),
        (Synchronous::Off, "wal, synchronous=off"),
        (Synchronous::Extra, "wal, synchronous=extra"),
    ] {
        let store = SqliteStore::options().synchronous(level).open(&path).await.expect("a store");
        let info = store.info();
        assert_eq!((info.kind, info.durability.as_str()), ("sqlite", told));
        assert!(info.facts.contains(&("schema", "2".into())), "{info:?}");
    }
}

#[tokio::test]
async fn triggers_and_views_in_a_file_do_nothing() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.expect("a store");
    filled(&store, &run("r"), 1).await;
    store.close().await.expect("closes");
    tamper(&path, "CREATE TRIGGER thief AFTER INSERT ON events BEGIN DELETE FROM events; END;");
    let store = SqliteStore::open(&path).await.expect("a store");
    store.append(batch(&run("r"), Some(head(1)))).await.expect("an append");
    assert_eq!(store.read(&run("r"), Seq::ZERO, 10).await.expect("rows").len(), 2);
}

#[tokio::test]
async fn a_file_held_by_somebody_else_is_busy() {
    let (_folder, path) = place();
    let options = SqliteStore::options().busy_timeout(Duration::from_millis(20));
    let store = options.open(&path).await.expect("a store");
    let other = rusqlite::Connection::open(&path).expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let refused = store.append(batch(&run("r"), None)).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Busy { .. }))), "{refused:?}");
    other.execute_batch("ROLLBACK").expect("the lock is let go");
    store.append(batch(&run("r"), None)).await.expect("an append");
}

#[tokio::test]
async fn debug_shows_no_key() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.expect("a store");
    filled(&store, &run("r"), 1).await;
    let shown = format!("{store:?} {:?}", store.run_key(&run("r")).await.expect("a key"));
    assert!(!shown.contains("0101") && !shown.contains("1, 1, 1"), "{shown}");
}

#[tokio::test]
async fn whoever_asks_in_vain_what_is_due_waits_for_nobody_who_writes() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.expect("a store");
    born(&store).await;
    let other = rusqlite::Connection::open(&path).expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    assert!(store.take_due(&DueQuery::all(LIFE, 9)).await.expect("an answer").is_empty());
}
