//! The exit codes, and what stays untouched when a command fails.

use std::{fs, process::Command};

use crate::support::{BINARY, World};

fn codes(world: &World, cases: &[(&str, i32)]) {
    for (line, code) in cases {
        let done = world.artana(line);
        assert_eq!(done.code, *code, "{line}: {done:?}");
    }
}

#[test]
fn fine_is_zero() {
    let world = World::furnished();
    codes(
        &world,
        &[
            ("run list", 0),
            ("run status paid", 0),
            ("--help", 0),
            ("--version", 0),
            ("store doctor", 0),
            ("store doctor --strict", 0),
        ],
    );
}

#[test]
fn invalid_or_failed_is_one() {
    let world = World::furnished();
    codes(
        &world,
        &[
            ("run status failed", 1),
            ("run explain failed", 1),
            ("run diff paid doubt", 1),
            ("run cancel paid --by a --reason b", 1),
            ("run resolve paid --step charge --failed --by a --reason b", 1),
        ],
    );
}

#[test]
fn usage_is_two() {
    let world = World::furnished();
    codes(
        &world,
        &[
            ("", 2),
            ("run", 2),
            ("run verify-ledger", 2),
            ("run verify-ledger paid --all", 2),
            ("run list --status happy", 2),
            ("run list --pretty --json", 2),
            ("run cost --tree", 2),
            ("run cost --since yesterday", 2),
            ("run cost --since 2026-11-25 --until 2026-11-25", 2),
            ("run diff paid", 2),
            ("run resolve doubt --step charge --by a --reason b", 2),
            ("run resolve doubt --step charge --failed --succeeded 1 --by a --reason b", 2),
            ("run resolve doubt --step charge --succeeded {not --by a --reason b", 2),
            ("--store artana.db run list", 2),
            ("--store mysql://u:secret@h/d run list", 2),
        ],
    );
    assert_eq!(world.run(["run", "status", "a\nb"]).code, 2);
}

#[test]
fn needs_a_human_is_three() {
    let world = World::furnished();
    codes(&world, &[("run status doubt", 3), ("run explain doubt", 3), ("run reconcile doubt --step charge", 3)]);
}

#[test]
fn not_found_is_four_and_nothing_is_told_of_others() {
    let world = World::furnished();
    for verb in [
        "status",
        "explain",
        "events",
        "tail",
        "steps",
        "artifacts",
        "summaries",
        "cost",
        "tree",
        "diff paid",
        "verify-ledger",
        "verify",
        "export",
        "fork --at charge --by ann",
    ] {
        let foreign = world.artana(&format!("run {verb} theirs"));
        let never = world.artana(&format!("run {verb} never"));
        assert_eq!((foreign.code, never.code), (4, 4), "{verb}");
        assert_eq!(foreign.err.replace("theirs", "never"), never.err, "{verb}");
        if !verb.contains(' ') {
            assert!(world.artana(&format!("--tenant other run {verb} theirs")).code == 0, "{verb}");
        }
    }
    codes(&world, &[("run resolve paid --step no --failed --by a --reason b", 4), ("run reconcile paid --step no", 4)]);
}

/// Which tenants there are is told nobody; which one was looked at is.
#[test]
fn whoever_finds_nothing_is_told_which_tenant_was_looked_at() {
    let world = World::furnished();
    let other = "only tenant nobody was looked at; --tenant NAME or ARTANA_TENANT names another";
    for line in ["run list", "run verify --all"] {
        let done = world.artana(&format!("{line} --tenant nobody"));
        assert_eq!((done.code, done.out.as_str()), (0, ""), "{done:?}");
        assert!(done.err.contains(other) && !done.err.contains("default"), "{done:?}");
        let done = world.artana(&format!("{line} --tenant nobody --json"));
        assert_eq!((done.out.as_str(), done.err.as_str()), ("", ""));
    }
    let done = world.artana("run explain paid --tenant nobody");
    assert!(done.code == 4 && done.err.contains(other), "{done:?}");
}

#[test]
fn verify_is_short_for_verify_ledger() {
    let world = World::furnished();
    for rest in ["paid", "--all", "paid --json", ""] {
        let (long, short) = (format!("run verify-ledger {rest}"), format!("run verify {rest}"));
        let (long, short) = (world.artana(&long), world.artana(&short));
        assert_eq!((long.code, long.out), (short.code, short.out), "{rest}");
    }
}

#[test]
fn a_missing_store_is_five_and_stays_missing() {
    let world = World::empty();
    for line in [
        "run list",
        "run status paid",
        "run verify-ledger --all",
        "run explain paid",
        "run cost",
        "run diff paid paid",
        "run fork paid --at charge --by a",
        "run export paid -o x",
        "run cancel paid --by a --reason b",
        "run resolve paid --step s --failed --by a --reason b",
        "store info",
        "store doctor",
        "--store sqlite://folder/none.db run list",
    ] {
        let done = world.artana(line);
        assert_eq!((done.code, done.out.as_str()), (5, ""), "{line}: {done:?}");
        assert_eq!(world.files(), Vec::<std::path::PathBuf>::new(), "{line}");
    }
}

#[test]
fn what_is_not_a_store_is_five_and_left_as_it_is() {
    let world = World::empty();
    fs::write(world.ledger(), "a letter, not a ledger").unwrap();
    codes(&world, &[("run list", 5), ("run cancel paid --by a --reason b", 5)]);
    assert_eq!(fs::read_to_string(world.ledger()).unwrap(), "a letter, not a ledger");
    assert_eq!(world.files().len(), 1);
}

#[test]
fn a_server_that_is_not_there_is_five_and_the_password_is_kept() {
    let world = World::empty();
    for format in ["", " --json"] {
        let done = world.artana(&format!("--store postgres://u:hunter2@127.0.0.1:1/d run list{format}"));
        assert_eq!(done.code, 5);
        assert!(done.err.contains("the server cannot be reached") && !done.err.contains("hunter2"), "{done:?}");
    }
    let help = Command::new(BINARY).arg("--help").env("ARTANA_STORE", "postgres://u:hunter2@h/d").output().unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("hunter2"));
}

#[test]
fn store_and_tenant_come_from_the_environment_too() {
    let world = World::furnished();
    fs::rename(world.ledger(), world.folder.path().join("moved.db")).unwrap();
    let mut command = world.command(["run", "list"]);
    let output = command.env("ARTANA_STORE", "sqlite://moved.db").env("ARTANA_TENANT", "other").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("theirs\trunning\t"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn errors_are_one_json_object_with_a_code() {
    let world = World::furnished();
    for (line, code) in [
        ("run status nobody", "artana::run_not_found"),
        ("run resolve paid --step charge --failed --by a --reason b", "artana::not_in_doubt"),
        ("run verify-ledger", "artana::usage"),
        ("--store sqlite://none.db run list", "artana::store_missing"),
    ] {
        let done = world.artana(&format!("{line} --json"));
        let error: serde_json::Value = serde_json::from_str(&done.err).unwrap();
        assert_eq!(error["code"], code, "{line}");
        assert_eq!(error["exit"], done.code, "{line}");
        assert_eq!(done.err.lines().count(), 1, "{line}");
        assert_eq!(done.out, "", "{line}");
    }
}
