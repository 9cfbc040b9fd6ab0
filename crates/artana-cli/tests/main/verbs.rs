//! What each verb prints, in a pipe and as JSON. Snapshots: a change here is a change for users.

use insta::assert_snapshot;

use crate::support::{SECRET, World};

const VERBS: [(&str, &str); 11] = [
    ("list", "run list"),
    ("list_of_a_status", "run list --status failed --status completed"),
    ("status", "run status paid"),
    ("status_in_doubt", "run status doubt"),
    ("events", "run events paid"),
    ("tail", "run tail doubt -n 2"),
    ("verify", "run verify-ledger paid"),
    ("verify_all", "run verify-ledger --all"),
    ("doctor", "store doctor"),
    ("not_found", "run status nobody"),
    ("reconcile", "run reconcile doubt --step charge"),
];

#[test]
fn every_verb_in_a_pipe_and_as_json() {
    let world = World::furnished();
    for (name, line) in VERBS {
        assert_snapshot!(name, world.told(line));
        assert_snapshot!(format!("{name}_json"), world.told(&format!("{line} --json")));
    }
}

#[test]
fn verbs_that_write() {
    let world = World::furnished();
    let resolve = "run resolve doubt --step charge --succeeded {\"id\":1} --by ann --reason seen";
    assert_snapshot!("resolve", world.told(resolve));
    assert_snapshot!("resolve_again_json", world.told(&format!("{resolve} --json")));
    assert_snapshot!("cancel", world.told("run cancel open --by ann --reason enough"));
    assert_snapshot!("cancel_json", world.told("run cancel doubt --by ann --reason enough --json"));
    assert_eq!(world.artana("run verify-ledger --all").code, 0);
}

#[test]
fn help_says_what_can_be_typed() {
    let world = World::empty();
    for (name, line) in [
        ("help", "--help"),
        ("help_run", "run --help"),
        ("help_list", "run list --help"),
        ("help_resolve", "run resolve --help"),
    ] {
        assert_snapshot!(name, world.told(line));
    }
}

#[test]
fn the_store_is_described() {
    let world = World::furnished();
    let told = world.artana("store info --json").out;
    let info: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(info["kind"], "sqlite");
    assert_eq!(info["path"], world.ledger().canonicalize().unwrap().to_str().unwrap());
    let lines = world.artana("store info").out;
    assert!(lines.starts_with("kind\tsqlite\ndurability\tread only\n"), "{lines}");
}

#[test]
fn no_argument_result_or_reason_is_printed() {
    let world = World::furnished();
    for (_, line) in VERBS {
        for line in [line.to_owned(), format!("{line} --json")] {
            let done = world.artana(&line);
            assert!(!done.out.contains(SECRET) && !done.err.contains(SECRET), "{line}: {done:?}");
        }
    }
}

#[test]
fn an_export_verifies_with_the_core_alone() {
    let world = World::furnished();
    let done = world.artana("run export paid");
    let report = artana_core::export::verify(done.out.lines()).unwrap();
    assert_eq!((done.code, report.first_break(), report.runs[0].events), (0, None, 4));
    assert!(!done.out.contains(SECRET));
    let done = world.artana("run export paid --content --keys -o paid.jsonl");
    assert_eq!((done.code, done.out.as_str()), (0, ""));
    let file = std::fs::read_to_string(world.folder.path().join("paid.jsonl")).unwrap();
    let report = artana_core::export::verify(file.lines()).unwrap();
    assert!(report.first_break().is_none());
    assert!(matches!(report.runs[0].content, artana_core::export::ContentCheck::Checked { pieces: 2, .. }));
    assert_eq!(world.files().len(), 2, "nothing besides the ledger and the export: {:?}", world.files());
}
