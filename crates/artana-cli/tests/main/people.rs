//! What people say to runs: each verb in a pipe, for a person and as JSON, recorded with who, and what is refused.
//! Snapshots: a change here is a change for users.

use artana_core::event::Body;
use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{World, charge, kernel, runtime, tenant};

/// The open pauses of a run, as explain names them.
fn tickets(world: &World, run: &str) -> Vec<String> {
    let told: Value = serde_json::from_str(&world.artana(&format!("run explain {run} --json")).out).unwrap();
    let blockers = told["blockers"].as_array().unwrap();
    blockers.iter().filter_map(|blocker| blocker["ticket"].as_str().map(str::to_owned)).collect()
}

/// What a run's ledger says of its pauses: which came, which were lifted, by whom and whether with words.
fn recorded(world: &World, run: &str) -> Vec<(&'static str, String, bool)> {
    runtime().block_on(async {
        let kernel = kernel(&world.ledger(), &charge(Ok("paid"))).await;
        let mut events = kernel.open_run(&tenant(), run).await.unwrap().events();
        let mut found = Vec::new();
        while let Some(event) = events.try_next().await.unwrap() {
            match event.body() {
                Body::Paused(paused) => {
                    let said = paused.reason.is_some() || paused.metadata.is_some();
                    found.push(("paused", paused.by.as_ref().unwrap().to_string(), said));
                }
                Body::Resumed(resumed) => found.push(("resumed", resumed.by.to_string(), resumed.input.is_some())),
                _ => {}
            }
        }
        kernel.close().await.unwrap();
        found
    })
}

fn entries(told: &[(&'static str, &str, bool)]) -> Vec<(&'static str, String, bool)> {
    told.iter().map(|(what, by, said)| (*what, (*by).to_owned(), *said)).collect()
}

#[test]
fn a_person_pauses_and_resumes() {
    let world = World::furnished();
    let all = |name: &str, line: &str| assert_snapshot!(name.to_owned(), world.told(line));
    all("pause", "run pause open --by ann --reason hold-on");
    all("pause_json", "run pause open --by bob --json");
    all("status_paused", "run status open");
    all("resume_pretty", "run resume open --by cyd --pretty");
    all("resume_nothing", "run resume open --by cyd");
    all("pause_pretty", "run pause open --by ann --pretty");
    all("resume_json", "run resume open --by cyd --json");
    let lifted = ("resumed", "cyd", false);
    let first = [("paused", "ann", true), ("paused", "bob", false), lifted, lifted];
    assert_eq!(recorded(&world, "open"), entries(&[&first[..], &[("paused", "ann", false), lifted]].concat()));
    assert_eq!(world.artana("run verify-ledger open").code, 0);
}

#[test]
fn a_name_blocks_until_it_is_unblocked() {
    let world = World::furnished();
    let all = |name: &str, line: &str| assert_snapshot!(name.to_owned(), world.told(line));
    all("block", r#"run block open audit --by ann --metadata {"case":7}"#);
    all("block_again", "run block open audit --by bob");
    all("block_json", "run block open review --by bob --json");
    all("resume_leaves_blocks", "run resume open --by cyd");
    all("unblock", "run unblock open audit --by cyd --metadata \"fine\"");
    all("unblock_nothing_json", "run unblock open audit --by cyd --json");
    all("unblock_pretty", "run unblock open review --by cyd --pretty");
    assert_eq!(world.artana("run status open").code, 0);
    let blocked = [("paused", "ann", true), ("paused", "bob", false)];
    let lifted = [("resumed", "cyd", true), ("resumed", "cyd", false)];
    assert_eq!(recorded(&world, "open"), entries(&[blocked, lifted].concat()));
    assert_eq!(world.artana("run verify-ledger open").code, 0);
}

#[test]
fn code_that_paused_is_told_what_a_person_says() {
    let world = World::programmed();
    let ticket = tickets(&world, "asks").remove(0);
    assert_snapshot!("resume_unanswered", world.told("run resume asks --by ann"));
    assert_snapshot!("resume_unanswered_json", world.told("run resume asks --by ann --json"));
    assert_eq!(world.artana("run pause asks --by op").code, 0);
    assert_snapshot!("resume_leaves_questions", world.told("run resume asks --by op"));
    let told = world.told(&format!("run resume asks --by ann --ticket {ticket} --input 42"));
    assert_snapshot!("resume_with", told);
    assert_snapshot!("resume_twice", world.told(&format!("run resume asks --by ann --ticket {ticket} --input 42")));
    assert!(world.artana("run steps asks").out.contains("\tpause\t-\t-\tresumed\t"));
    let outcome = runtime().block_on(world.asks_again());
    assert_eq!(outcome, Some(42), "the code reads it");
    assert_eq!(world.artana("run status asks").code, 0);
}

#[test]
fn a_signal_is_sent_in_somebodys_name() {
    let world = World::programmed();
    let all = |name: &str, line: &str| assert_snapshot!(name.to_owned(), world.told(line));
    all("signal", "run signal waits go --by ann --value 2");
    all("signal_unawaited_json", "run signal waits other --by ann --json");
    all("signal_pretty", "run signal waits-for-child/part go --by bob --value [1] --pretty");
    let steps = world.artana("run steps waits").out;
    assert_eq!(steps.lines().filter(|line| line.contains("\tsignal\t-\t-\treceived\t")).count(), 3, "{steps}");
}

#[test]
fn what_is_refused_leaves_the_ledger_as_it_was() {
    let world = World::furnished();
    let before = world.artana("run events open").out;
    let unknown = "018f4d6e-7b1a-7c3d-9e5f-0123456789ab";
    for (line, code) in [
        ("run pause paid --by ann".to_owned(), 1),
        ("run block paid audit --by ann".into(), 1),
        ("run signal paid go --by ann".into(), 1),
        ("run resume paid --by ann".into(), 4),
        ("run resume open --by ann".into(), 4),
        (format!("run resume open --by ann --ticket {unknown}"), 4),
        ("run unblock open audit --by ann".into(), 4),
        ("run pause never --by ann".into(), 4),
        ("run signal theirs go --by ann".into(), 4),
        ("run progress never".into(), 4),
        ("run resume open --by ann --ticket 7".into(), 2),
        ("run resume open --by ann --input 1".into(), 2),
        (format!("run resume open --by ann --ticket {unknown} --input {{no"), 2),
        ("run signal open go --by ann --value {canary".into(), 2),
        ("run signal open go --by ann --value {\"a\":1,\"a\":2}".into(), 2),
        ("run block open audit --by ann --metadata canary".into(), 2),
        ("run pause open".into(), 2),
        ("run resume open".into(), 2),
        ("run signal open go".into(), 2),
        ("run block open audit".into(), 2),
    ] {
        for format in ["", " --json"] {
            let done = world.artana(&format!("{line}{format}"));
            assert_eq!(done.code, code, "{line}{format}: {done:?}");
            assert!(!done.err.contains("canary"), "{done:?}");
        }
    }
    assert_eq!(world.artana("run events open").out, before);
    assert_snapshot!("refused_bad_json", world.told("run signal open go --by ann --value {canary --json"));
    assert_snapshot!("refused_ended", world.told("run pause paid --by ann"));
    assert_snapshot!("refused_no_pause", world.told(&format!("run resume open --by ann --ticket {unknown}")));
}

#[test]
fn progress_follows_a_run_until_it_ends() {
    let world = World::furnished();
    let ended = world.artana("run progress paid --follow");
    assert_eq!((ended.code, ended.out.as_str()), (0, "paid\tcompleted\t-\t-\t-\t-\t[]\t-\t-\t1\t1\t[]\n"));
    let doubt = world.artana("run progress doubt --json");
    assert!(doubt.code == 3 && doubt.out.ends_with("\"waits_for\":[\"doubt\"]}\n"), "{doubt:?}");
    let mut command = world.command(["run", "progress", "open", "--follow", "--json"]);
    let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    assert_eq!(world.artana("run pause open --by ann").code, 0);
    assert_eq!(world.artana("run cancel open --by ann --reason enough").code, 0);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["status"], "cancelled", "{text}");
}

#[test]
fn shells_complete_the_verbs() {
    let world = World::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = world.artana(&format!("completions {shell}")).out;
        for word in ["pause", "resume", "unblock", "signal", "progress", "worker", "park-after"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}
