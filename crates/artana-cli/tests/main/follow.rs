//! `run tail --follow` beside a process that writes, and a refusal while that process lives.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
    sync::mpsc,
    thread,
};

use artana_kernel::{Kernel, tool};
use artana_ports::{ToolContext, ToolError};
use artana_store_sqlite::SqliteStore;

use crate::support::{World, charge, kernel, runtime, tenant};

#[test]
fn follow_shows_what_comes_and_ends_with_the_run() {
    let world = World::furnished();
    let mut command = world.command(["run", "tail", "open", "--follow", "-n", "1"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\trun_started\t"));
    runtime().block_on(async {
        let tool = charge(Ok("paid"));
        let kernel = kernel(&world.ledger(), &tool).await;
        let run = kernel.open_run(&tenant(), "open").await.unwrap();
        run.step("charge").tool(&tool, &"card".to_owned()).await.unwrap();
        run.finish().await.unwrap();
        kernel.close().await.unwrap();
    });
    let kinds: Vec<String> = lines.map(|line| line.unwrap().split('\t').nth(2).unwrap().to_owned()).collect();
    assert_eq!(kinds, ["tool_requested", "tool_completed", "run_finished"]);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_cursor_goes_on_after_what_was_seen() {
    let world = World::furnished();
    let seqs = |line: &str| {
        let out = world.artana(line).out;
        out.lines().map(|line| line.split('\t').next().unwrap().parse().unwrap()).collect::<Vec<u64>>()
    };
    assert_eq!(seqs("run tail paid --after 2"), [3, 4]);
    assert_eq!(seqs("run tail paid --after 2 --follow"), [3, 4], "an ended run is not waited for");
    assert_eq!(seqs("run tail paid --after 4 --follow"), [0; 0]);
    assert_eq!(seqs("run tail paid --after 0"), [1, 2, 3, 4]);
    assert_eq!(world.artana("run tail paid --after 1 -n 2").code, 2, "a cursor or a number of lines");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_quietly_after_a_whole_line() {
    let world = World::furnished();
    let mut command = world.command(["run", "tail", "open", "--follow", "--after", "0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("\trun_started\t") && line.ends_with('\n'), "{line}");
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((rest.as_str(), output.stderr.as_slice()), ("", &b""[..]));
    assert!(world.artana("run verify-ledger open").code == 0, "nothing was hurt");
}

/// The tool says when it has been called, and then waits until the test is over.
#[test]
fn a_call_under_way_is_not_resolved_over_its_owners_head() {
    let world = World::furnished();
    let (called, calls) = mpsc::channel();
    let (over, until) = tokio::sync::oneshot::channel::<()>();
    let ledger = world.ledger();
    let owner = thread::spawn(move || {
        runtime().block_on(async {
            let slow = tool("slow").side_effect().handler(move |_: u32, _cx: ToolContext| {
                called.send(()).unwrap();
                std::future::pending::<Result<u32, ToolError>>()
            });
            let store = SqliteStore::open(ledger).await.unwrap();
            let kernel = Kernel::builder(store).tool(slow.clone()).build().unwrap();
            let run = kernel.open_run(&tenant(), "open").await.unwrap();
            let step = run.step("slow");
            tokio::select! {
                _ = step.tool(&slow, &1) => unreachable!("the tool never answers"),
                _ = until => {}
            }
        });
    });
    calls.recv().unwrap();
    let done = world.artana("run resolve open --step slow --failed --by ann --reason guess");
    assert_eq!(done.code, 1, "{done:?}");
    for told in ["artana::owner_alive", "recorded:", "why nothing is guessed:", "ways out:", "run tail open --follow"] {
        assert!(done.err.contains(told), "{told}: {}", done.err);
    }
    over.send(()).unwrap();
    owner.join().unwrap();
}
