//! `store migrate`, by real processes on both kinds of store.

use std::process::{Child, Command, Stdio};

use artana_testkit::postgres::Database;
use insta::assert_snapshot;

use crate::support::{BINARY, Done, World};

/// Many processes that start at once.
const PROCESSES: usize = 32;

/// Has all of them migrate one store at once, and returns how many say that they did it.
fn migrated_by(address: &str) -> usize {
    let start = |_| -> Child {
        let mut command = Command::new(BINARY);
        command.args(["--store", address, "store", "migrate", "--json"]).stdout(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<Child> = (0..PROCESSES).map(start).collect();
    let said = children.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    });
    said.filter(|said| said["from"] == 0 && !said["applied"].as_array().unwrap().is_empty()).count()
}

#[test]
fn thirty_two_processes_that_migrate_a_missing_file_make_one_store() {
    let world = World::empty();
    assert_eq!(migrated_by(&format!("sqlite://{}", world.ledger().display())), 1);
    assert_eq!(world.artana("store doctor").code, 0);
}

#[test]
fn thirty_two_processes_that_migrate_an_empty_database_make_one_store() {
    let Some(database) = Database::fresh() else { return };
    assert_eq!(migrated_by(database.url()), 1);
    assert_eq!(World::empty().run(["--store", database.url(), "store", "doctor"]).code, 0);
}

#[test]
fn a_migration_says_what_it_does_before_and_after() {
    let world = World::empty();
    assert_snapshot!("migrate_check", world.told("store migrate --check"));
    assert_eq!(world.files(), Vec::<std::path::PathBuf>::new(), "looking makes nothing");
    assert_snapshot!("migrate_check_json", world.told("store migrate --check --json"));
    assert_snapshot!("migrate", world.told("store migrate --pretty"));
    assert_snapshot!("migrate_again", world.told("store migrate --pretty"));
    assert_snapshot!("migrate_again_json", world.told("store migrate --json"));
    assert_eq!(world.artana("store migrate --check").code, 0);
    assert_snapshot!("help_migrate", world.told("store migrate --help"));
}

#[test]
fn a_database_is_migrated_from_a_shell() {
    let Some(database) = Database::fresh() else { return };
    let world = World::empty();
    let artana =
        |line: &str| -> Done { world.run(["--store", database.url()].into_iter().chain(line.split_whitespace())) };
    let checked = artana("store migrate --check");
    assert!(checked.code == 1 && checked.out.starts_with("from\t0\nto\t3\npending\t[\"0001_ledger\""), "{checked:?}");
    assert_eq!(artana("run list").code, 5);
    assert_eq!(artana("store migrate").code, 0);
    assert_eq!(artana("store migrate --check").code, 0);
    assert_eq!(artana("run list").code, 0);
    database.run("INSERT INTO artana.migrations (version) VALUES (99)");
    let refused = artana("run cancel x --by a --reason b --json");
    assert!(refused.code == 5 && refused.err.contains("artana::store_too_new"), "{refused:?}");
    assert_eq!(artana("run list").code, 0, "it reads");
}

#[test]
fn an_older_binary_reads_and_verifies_a_newer_ledger_and_writes_nothing() {
    let world = World::furnished();
    newer(&world);
    for line in ["run list", "run verify-ledger paid", "run explain paid", "store info", "store doctor"] {
        assert_eq!(world.artana(line).code, 0, "{line}");
    }
    for line in ["run cancel open --by a --reason b", "store migrate", "store migrate --check"] {
        let refused = world.artana(line);
        assert!(refused.code == 5 && refused.err.contains("artana::store_too_new"), "{line}: {refused:?}");
        assert!(refused.err.contains("next: "), "{refused:?}");
    }
}

/// Writes another schema number into the ledger's file, as a newer version would: it stands at byte 60.
fn newer(world: &World) {
    let mut bytes = std::fs::read(world.ledger()).unwrap();
    assert_eq!(bytes[60..64], [0, 0, 0, 2]);
    bytes[63] = 99;
    std::fs::write(world.ledger(), bytes).unwrap();
}
