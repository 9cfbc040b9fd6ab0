//! Names: those that contain separators never stand for one another, a run that is missing is not found,
//! and a database that is missing is not made.

use std::collections::BTreeSet;

use artana_core::verify::BreakKind;
use artana_kernel::ExportOptions;
use artana_ports::{EventStore, StoreError};
use artana_store_sqlite::SqliteStore;

use super::ledger::{Opened, image, tenant};
use crate::oracle::effect_key;

/// Tenants and runs that are one text when they are joined.
const ALIKE: [(&str, &str); 4] = [("a/b", "c"), ("a", "b/c"), ("a/b/c", "d"), ("a", "b/c/d")];

#[tokio::test]
async fn names_with_separators_are_different_runs_with_different_keys() {
    let opened = Opened::of(None).await;
    let mut keys = BTreeSet::new();
    for (owner, name) in ALIKE {
        let run = opened.kernel.start_run(&tenant(owner), name).await.expect("a run of its own");
        for step in ["d/e", "d", "e"] {
            run.step(step).tool_json("look", "1").await.expect("an answer");
            let key = run.step(step).idempotency_key("look").expect("a key");
            assert_eq!(key, effect_key(owner, name, step, "look"));
            keys.insert(key);
        }
    }
    assert_eq!(keys.len(), 3 * ALIKE.len());
    for (owner, name) in ALIKE {
        assert_eq!(opened.verdict(owner, name).await, None);
    }
}

#[tokio::test]
async fn rows_moved_between_names_that_look_alike_are_found() {
    for ((from_tenant, from), (to_tenant, to)) in [(ALIKE[0], ALIKE[1]), (ALIKE[2], ALIKE[3])] {
        let opened = Opened::of(None).await;
        let run = opened.kernel.start_run(&tenant(from_tenant), from).await.expect("a run");
        run.step("d").tool_json("look", "1").await.expect("an answer");
        let raw = opened.raw();
        for (table, column) in [("events", "run"), ("runs", "run"), ("vault", "root"), ("run_keys", "root")] {
            raw.execute(&format!("UPDATE {table} SET tenant = ?1, {column} = ?2"), [to_tenant, to]).expect("a move");
        }
        raw.execute("UPDATE runs SET root = ?1", [to]).expect("a move");
        raw.execute("UPDATE tenant_keys SET tenant = ?1", [to_tenant]).expect("a move");
        assert_eq!(opened.verdict(to_tenant, to).await, Some((BreakKind::GenesisMismatch, 1)));
    }
}

#[tokio::test]
async fn a_missing_run_is_not_found_whoever_asks() {
    let opened = Opened::of(Some(&image().await)).await;
    for (owner, name) in [("acme", "none"), ("beta", "other"), ("nobody", "main"), ("acme/main", "main")] {
        let (owner, kernel) = (tenant(owner), &opened.kernel);
        let codes = [
            kernel.verify(&owner, name).await.expect_err("no such run").code(),
            kernel.open_run(&owner, name).await.expect_err("no such run").code(),
            kernel.export(&owner, name, ExportOptions::default()).await.expect_err("no such run").code(),
        ];
        assert_eq!(codes, ["artana::run_not_found"; 3]);
    }
}

#[tokio::test]
async fn a_missing_database_is_named_and_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    for options in [SqliteStore::options().create(false), SqliteStore::options().read_only(true)] {
        match options.open(&path).await {
            Err(StoreError::Missing { .. }) => {}
            Err(error) => panic!("{error}"),
            Ok(store) => panic!("{:?}", store.info()),
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
