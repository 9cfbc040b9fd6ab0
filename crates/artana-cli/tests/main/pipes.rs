//! What comes out of files that were damaged or written in bad faith, and into pipes that close.

use std::process::Stdio;

use artana_core::{Tenant, ToolName};

use crate::support::{World, charge, kernel, runtime};

#[test]
fn a_broken_run_hides_no_healthy_one() {
    let world = World::furnished();
    world.replace(b"defaultopenopenrunning", b"defaultopenopenr\x1b[1mng");
    let done = world.artana("run list");
    assert_eq!(done.code, 1, "{done:?}");
    let runs: Vec<_> = done.out.lines().map(|line| line.split('\t').take(2).collect::<Vec<_>>()).collect();
    let expected = [["doubt", "needs_reconciliation"], ["failed", "failed"], ["open", "broken"], ["paid", "completed"]];
    assert_eq!(runs, expected);
    let done = world.artana("run verify-ledger --all");
    assert_eq!((done.code, done.out.lines().count()), (1, 4), "{done:?}");
    assert_eq!(done.out.lines().filter(|line| line.contains("\tbroken\t")).count(), 1, "{done:?}");
    assert_eq!(world.artana("run verify-ledger paid").code, 0);
    assert!(!done.out.contains('\u{1b}'));
}

#[test]
fn a_changed_event_is_named_at_its_sequence() {
    let world = World::furnished();
    world.replace(br#""outcome":"completed""#, br#""outcome":"cancelled""#);
    let done = world.artana("run verify-ledger paid --json");
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, &report["break"], &report["break_seq"]), (1, &"HashMismatch".into(), &4.into()));
    assert_ne!(report["expected"], report["found"]);
    let done = world.artana("run status paid");
    assert_eq!(done.code, 1);
    assert!(done.err.contains("artana::damaged") && done.err.contains("run verify-ledger paid"), "{done:?}");
    let done = world.artana("run events paid");
    assert_eq!(
        (done.code, done.out.lines().count()),
        (1, 4),
        "what is stored is shown, and that it is broken: {done:?}"
    );
    assert_eq!(world.artana("run export paid").code, 0, "a broken run can be handed to an auditor");
}

#[test]
fn control_characters_never_reach_a_terminal() {
    let world = World::furnished();
    world.replace(br#""attempt":1,"effect""#, b"\"attempt\":1,\"\x1b[31m\x07\"");
    for line in [
        "run events paid",
        "run status paid",
        "run explain paid",
        "run steps paid",
        "run cost",
        "run verify-ledger paid",
        "run verify-ledger --all",
    ] {
        for line in [line.to_owned(), format!("{line} --json"), format!("{line} --pretty")] {
            let done = world.artana(&line);
            let quiet = |text: &str| text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t');
            assert!(quiet(&done.out) && quiet(&done.err), "{line}: {done:?}");
        }
    }
}

#[test]
fn text_that_turns_direction_is_escaped() {
    let world = World::empty();
    let run = "innocent\u{202e}gnp.exe";
    runtime().block_on(async {
        let kernel = kernel(&world.ledger(), &charge(Ok("x"))).await;
        kernel.start_run(&Tenant::new("default"), run).await.unwrap();
        kernel.close().await.unwrap();
    });
    let done = world.artana("run list");
    assert!(done.out.starts_with("innocent\\u{202e}gnp.exe\trunning"), "{done:?}");
    let done = world.artana("run list --json");
    assert!(!done.out.contains('\u{202e}'));
    let listed: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(listed["run"], run);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let world = World::furnished();
    for line in [
        "run events paid",
        "run list",
        "run export paid",
        "run status paid --json",
        "run explain paid",
        "run explain paid --json",
        "run steps paid --pretty",
        "run cost paid",
        "run tree paid",
        "run diff paid paid",
        "run tail paid --follow",
        "--help",
    ] {
        let mut command = world.command(line.split_whitespace());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    }
}

#[test]
fn a_tool_name_is_what_the_key_is_made_of() {
    let world = World::furnished();
    let told = world.artana("run status doubt --json").out;
    let status: serde_json::Value = serde_json::from_str(&told).unwrap();
    let run = artana_core::RunRef::new(
        artana_core::TenantId::parse("default").unwrap(),
        artana_core::RunId::parse("doubt").unwrap(),
    );
    let step = artana_core::StepKey::parse("charge").unwrap();
    let key = artana_core::effect_key(&run, &step, &ToolName::parse("charge_credit_card").unwrap());
    assert_eq!(status["in_doubt"][0]["recorded"]["idempotency_key"], key.to_string());
}
