//! Migrations: who makes them, who refuses what, and what becomes of one that is cut short.

use std::path::Path;

use artana_conformance::sample::{enqueued, only_reads};
use artana_core::Seq;
use artana_ports::{EventStore, StoreError};
use artana_store_sqlite::SqliteStore;

use crate::support::{batch, born, filled, head, place, run, tamper};

/// The newest schema.
const NEWEST: u32 = 2;
/// A store of schema 1.
const FIRST: &str = include_str!("../../migrations/0001_ledger.sql");

/// A row of an older store.
const ROW: &str = "INSERT INTO tenant_keys (tenant, key) VALUES ('acme', zeroblob(32))";

fn first(path: &Path) {
    tamper(path, FIRST);
    tamper(path, ROW);
}

#[tokio::test]
async fn an_older_store_is_refused_until_it_is_migrated_and_keeps_its_rows() {
    let (folder, path) = place();
    first(&path);
    let before = std::fs::read(&path).expect("a file");
    let options = || SqliteStore::options().migrate_on_open(false);
    for options in [options(), options().read_only(true)] {
        let old = options.open(&path).await.expect_err("an older schema");
        assert!(matches!(old, StoreError::TooOld { found: 1, known: NEWEST }), "{old}");
        assert!(old.code() == "artana::store_too_old" && old.to_string().contains("artana store migrate"), "{old}");
    }
    let planned = options().pending(&path).await.expect("a plan");
    assert_eq!((planned.from, planned.to, planned.migrations), (1, NEWEST, vec!["0002_coordination"]));
    assert_eq!(std::fs::read(&path).expect("a file"), before, "looking changes nothing");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);

    let migrated = options().migrate(&path).await.expect("a migration");
    assert_eq!((migrated.from, migrated.migrations), (1, vec!["0002_coordination"]));
    assert!(options().migrate(&path).await.expect("nothing to do").migrations.is_empty());
    let store = options().open(&path).await.expect("a store");
    let key = store.tenant_key(&run("r").tenant, None).await.expect("an answer");
    assert_eq!(key.map(|key| *key.expose()), Some([0; 32]));
    filled(&store, &run("r"), 1).await;
}

#[tokio::test]
async fn opening_brings_an_older_store_up_to_date_unless_told_not_to() {
    let (_folder, path) = place();
    first(&path);
    let store = SqliteStore::options().create(false).open(&path).await.expect("a store");
    filled(&store, &run("r"), 1).await;
}

#[tokio::test]
async fn nothing_is_made_where_nothing_may_be_migrated() {
    let (folder, path) = place();
    let options = || SqliteStore::options().migrate_on_open(false);
    assert!(matches!(options().open(&path).await, Err(StoreError::Missing { .. })));
    let planned = options().pending(&path).await.expect("a plan");
    assert_eq!((planned.from, planned.migrations.len()), (0, NEWEST as usize));
    assert!(matches!(options().create(false).migrate(&path).await, Err(StoreError::Missing { .. })));
    assert!(matches!(options().create(false).pending(&path).await, Err(StoreError::Missing { .. })));
    assert!(matches!(options().read_only(true).migrate(&path).await, Err(StoreError::ReadOnly)));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    options().migrate(&path).await.expect("a store is made");
    options().open(&path).await.expect("a store that is there");
}

#[tokio::test]
async fn what_is_no_store_or_newer_is_not_migrated() {
    let (folder, path) = place();
    let foreign = folder.path().join("foreign.db");
    tamper(&foreign, "CREATE TABLE events (a)");
    SqliteStore::options().migrate(&path).await.expect("a store");
    tamper(&path, "PRAGMA user_version = 99");
    for pending in [true, false] {
        let done = |place: &Path| {
            let (options, place) = (SqliteStore::options(), place.to_owned());
            async move { if pending { options.pending(place).await } else { options.migrate(place).await } }
        };
        assert!(matches!(done(&foreign).await, Err(StoreError::NotAStore { .. })));
        assert!(matches!(done(folder.path()).await, Err(StoreError::NotAStore { .. })));
        assert!(matches!(done(&path).await, Err(StoreError::TooNew { found: 99, known: NEWEST })));
    }
}

#[tokio::test]
async fn a_store_that_a_newer_version_migrates_meanwhile_reads_and_writes_nothing() {
    let (_folder, path) = place();
    let (store, run) = (SqliteStore::open(&path).await.expect("a store"), run("r"));
    born(&store).await;
    filled(&store, &run, 2).await;
    enqueued(&store, &run, Some(head(2))).await;
    tamper(&path, "BEGIN; ALTER TABLE runs ADD COLUMN news TEXT; PRAGMA user_version = 99; COMMIT");
    only_reads(&store, &run, 2).await;
    // What no longer fits is not taken for damage.
    tamper(&path, "ALTER TABLE runs RENAME COLUMN drifts TO drift_count");
    let newer = store.view(&run).await.expect_err("a column has gone");
    assert!(matches!(newer, StoreError::TooNew { found: 99, known: NEWEST }), "{newer}");
    assert_eq!(store.read(&run, Seq::ZERO, 9).await.expect("rows").len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_openers_of_a_missing_file_make_one_store() {
    let (_folder, path) = place();
    let openers: Vec<_> = (0..32).map(|_| tokio::spawn(SqliteStore::open(path.clone()))).collect();
    let mut stores = Vec::new();
    for opener in openers {
        stores.push(opener.await.expect("no panic").expect("a store"));
    }
    let run = run("r");
    filled(&stores[0], &run, 2).await;
    assert_eq!(stores[31].head(&run).await.expect("a head"), Some(head(2)));
    stores[31].append(batch(&run, Some(head(2)))).await.expect("an append");
}

#[cfg(feature = "failpoints")]
mod killed {
    //! A process that is killed before each statement of a migration, before its commit and after it.

    use std::{
        process::Command,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
    };

    use super::*;

    const FILE: &str = "ARTANA_TEST_MIGRATED";
    const AT: &str = "ARTANA_TEST_KILLED_AT";

    /// What the process does that is killed: it migrates, and dies at a point.
    async fn migrates(path: &Path) {
        let at: usize = std::env::var(AT).expect("a point").parse().expect("a number");
        let passed = AtomicUsize::new(0);
        let hook = move |_| {
            if passed.fetch_add(1, SeqCst) == at {
                std::process::abort();
            }
        };
        SqliteStore::options().migration_failpoint(Arc::new(hook)).migrate(path).await.expect("a migration");
    }

    /// Migrates in a process of its own, and says whether it came to the end.
    fn survives(path: &Path, at: usize) -> bool {
        let mut child = Command::new(std::env::current_exe().expect("this binary"));
        child.args(["migrate::killed::a_migration_that_is_killed_anywhere_is_made_by_the_next", "--exact"]);
        child.env(FILE, path).env(AT, at.to_string());
        child.output().expect("a process").status.success()
    }

    /// Kills a migration at each of its points in turn, and returns how many there are.
    async fn at_each_point(prepare: fn(&Path), from: u32) -> usize {
        for at in 0.. {
            let (_folder, path) = place();
            prepare(&path);
            if survives(&path, at) {
                return at;
            }
            let planned = SqliteStore::options().pending(&path).await.expect("a plan");
            // The last point comes after the commit.
            assert!(planned.from == from || planned.migrations.is_empty(), "{at}: {planned:?}");
            let migrated = SqliteStore::options().migrate(&path).await.expect("the next makes it");
            assert_eq!((migrated.from, migrated.to), (planned.from, NEWEST), "{at}");
            let store = SqliteStore::options().migrate_on_open(false).open(&path).await.expect("a store");
            filled(&store, &run("r"), 1).await;
            let findings = store.doctor().await.expect("findings");
            assert!(findings.iter().all(|finding| finding.severity < artana_ports::Severity::Broken), "{findings:?}");
        }
        unreachable!("a migration ends")
    }

    #[tokio::test]
    async fn a_migration_that_is_killed_anywhere_is_made_by_the_next() {
        if let Some(path) = std::env::var_os(FILE) {
            return migrates(Path::new(&path)).await;
        }
        let all = at_each_point(|_| {}, 0).await;
        let second = at_each_point(first, 1).await;
        assert!(all > second && second > 6, "{all} points, and {second} of the second migration");
    }
}
