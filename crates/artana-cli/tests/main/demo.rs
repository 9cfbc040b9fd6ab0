//! The demonstration, recounted by somebody who does not believe it.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::Stdio,
};

use artana_core::{
    RunId, RunRef, StepKey, TenantId, ToolName,
    event::{Body, Resolution},
    export::{self, Line},
};
use serde_json::Value;

use crate::support::World;

/// The entries of the provider's book.
fn book(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("book.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn key() -> String {
    let run = RunRef::new(TenantId::parse("default").unwrap(), RunId::parse("invoice-1042").unwrap());
    let (step, tool) = (StepKey::parse("charge_step").unwrap(), ToolName::parse("charge_credit_card").unwrap());
    artana_core::effect_key(&run, &step, &tool).to_string()
}

/// What the events of a run say, read from its export.
fn bodies(world: &World, store: &str) -> Vec<Body> {
    let done = world.run(["--store", store, "run", "export", "invoice-1042"]);
    let report = export::verify(done.out.lines()).unwrap();
    assert_eq!(report.first_break(), None);
    let events = done.out.lines().filter_map(|line| match Line::parse(line.as_bytes()).unwrap() {
        Line::Event(record) => Some(artana_core::Event::decode(record).unwrap().body().clone()),
        _ => None,
    });
    events.collect()
}

#[test]
fn json_is_one_line_with_the_promised_keys() {
    let world = World::empty();
    let done = world.artana("demo --json");
    let line = r#"{"kills":1,"charges":1,"outcome":"reconciled","ledger_ok":true,"tamper_seq":2}"#;
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (0, format!("{line}\n").as_str(), ""));
    assert!(world.files().is_empty(), "nothing is left behind: {:?}", world.files());
}

#[test]
fn book_and_ledger_agree_on_one_charge() {
    let world = World::empty();
    let done = world.artana("demo --keep kept");
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains(&key()), "the key is printed: {}", done.out);
    assert!(done.out.contains("killed with SIGKILL"));
    let entries = book(&world.folder.path().join("kept"));
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["key"], key().as_str());

    let bodies = bodies(&world, "sqlite://kept/ledger.db");
    let requests = bodies.iter().filter(|body| matches!(body, Body::ToolRequested(_))).count();
    let landed = bodies.iter().filter(|body| match body {
        Body::ToolResolved(resolved) => matches!(resolved.outcome, Resolution::Succeeded(_)),
        _ => false,
    });
    assert_eq!((requests, landed.count()), (1, 1));
    assert!(matches!(bodies.last(), Some(Body::RunFinished(_))));

    let tampered = world.artana("--store sqlite://kept/tampered.db run verify-ledger invoice-1042 --json");
    let report: Value = serde_json::from_str(&tampered.out).unwrap();
    assert_eq!((tampered.code, &report["break_seq"]), (1, &2.into()));
    assert_eq!(world.artana("--store sqlite://kept/ledger.db run verify-ledger --all").code, 0);
}

#[test]
fn what_is_kept_is_never_overwritten() {
    let world = World::empty();
    fs::create_dir(world.folder.path().join("full")).unwrap();
    fs::write(world.folder.path().join("full/ledger.db"), "mine").unwrap();
    assert_eq!(world.artana("demo --keep full").code, 2);
    assert_eq!(fs::read_to_string(world.folder.path().join("full/ledger.db")).unwrap(), "mine");
}

#[test]
fn an_unfit_tenant_is_refused_before_anything_is_made() {
    let world = World::empty();
    assert_eq!(world.run(["--tenant", "", "demo", "--keep", "kept"]).code, 2);
    assert!(world.files().is_empty());
}

#[test]
fn without_reconciliation_a_person_goes_on() {
    let world = World::empty();
    let done = world.artana("demo --no-reconcile --keep kept");
    assert_eq!(done.code, 3, "{done:?}");
    for told in ["recorded:", "why nothing is guessed:", "ways out:", "--succeeded", "--failed", &key()] {
        assert!(done.out.contains(told), "{told}: {}", done.out);
    }
    let store = ["--store", "sqlite://kept/ledger.db"];
    let status = world.run(store.into_iter().chain(["run", "status", "invoice-1042"]));
    assert_eq!(status.code, 3, "{status:?}");

    let entry = book(&world.folder.path().join("kept"))[0].to_string();
    let resolve = ["run", "resolve", "invoice-1042", "--step", "charge_step", "--succeeded", &entry];
    let by = ["--by", "ann", "--reason", "it is in the provider's book"];
    let resolved = world.run(store.into_iter().chain(resolve).chain(by));
    assert_eq!(resolved.code, 0, "{resolved:?}");
    let steps = world.run(store.into_iter().chain(["run", "steps", "invoice-1042"]));
    assert!(steps.out.contains("\tsucceeded\t1\t"), "{steps:?}");
    assert_eq!(world.run(store.into_iter().chain(["run", "verify-ledger", "--all"])).code, 0);
}

#[test]
fn an_unknown_outcome_is_told_in_json_too() {
    let world = World::empty();
    let done = world.artana("demo --no-reconcile --keep kept --json");
    let line = r#"{"kills":1,"charges":1,"outcome":"unknown","ledger_ok":true,"tamper_seq":null}"#;
    assert_eq!((done.code, done.out.trim_end()), (3, line));
}

/// Every helper holds the standard error it was given, so its end is the end of all of them.
#[test]
fn no_helper_outlives_a_demonstration_that_is_killed() {
    let world = World::empty();
    let mut command = world.command(["demo", "--keep", "kept"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("payment provider"), "a helper runs");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
}
