//! The verb `worker`, in a program of one's own that is a process: it drives what is enqueued, and drains when it is
//! asked to end. Without code there is nothing to drive, and it says what to do.

#![cfg(unix)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Output, Stdio},
    thread,
    time::Duration,
};

use artana_core::Status;
use artana_kernel::{Kernel, WorkflowContext};
use artana_store_sqlite::SqliteStore;
use insta::assert_snapshot;

use crate::support::{World, runtime, tenant};

const LEDGER: &str = "ARTANA_TEST_LEDGER";
const LINE: &str = "ARTANA_TEST_LINE";

async fn open(ledger: &Path) -> Kernel {
    Kernel::builder(SqliteStore::open(ledger).await.unwrap()).build().unwrap()
}

/// A program with code of its own, as its users write it.
async fn program(ledger: &Path, line: &str) -> ExitCode {
    let kernel = open(ledger).await;
    let greet = |cx: WorkflowContext, name: String| async move {
        let greeting = format!("Hello {name}");
        Ok(cx.step("greet").compute(|| async { Ok(greeting) }).await?)
    };
    // It ends once somebody has put a file beside the ledger.
    let gate = ledger.with_extension("open");
    let slow = move |cx: WorkflowContext, _: ()| {
        let gate = gate.clone();
        async move { Ok(cx.step("wait").once(move || until(gate)).await?) }
    };
    kernel.register("greet", greet).unwrap();
    kernel.register("slow", slow).unwrap();
    artana_cli::main_with(kernel, line.split_whitespace()).await
}

async fn until(gate: PathBuf) -> Result<u32, artana_kernel::Failure> {
    while !gate.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(7)
}

/// Is nothing but the program, where the tests below start this binary as one.
#[test]
fn the_program() {
    let (Ok(ledger), Ok(line)) = (std::env::var(LEDGER), std::env::var(LINE)) else { return };
    let exit = runtime().block_on(program(ledger.as_ref(), &line));
    std::process::exit(if exit == ExitCode::SUCCESS { 0 } else { 9 });
}

/// Starts the program as a process.
fn start(world: &World, line: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "working::the_program", "--nocapture"]).env(LEDGER, world.ledger()).env(LINE, line);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn tell(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn ended(child: Child) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// Looks at the ledger until it fits.
fn eventually(world: &World, line: &str, fits: &str) {
    for _ in 0..2000 {
        if world.artana(line).out.contains(fits) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{line} never said {fits}");
}

fn enqueue(world: &World, name: &str, id: &str) {
    runtime().block_on(async {
        let kernel = open(&world.ledger()).await;
        let enqueue = kernel.enqueue(&tenant(), name, &(name == "greet").then_some("Ada")).id(id);
        assert_eq!(enqueue.await.unwrap().status().await.unwrap(), Status::Queued);
        kernel.close().await.unwrap();
    });
}

#[test]
fn a_worker_does_what_is_enqueued_and_drains_when_it_is_asked_to_end() {
    let world = World::empty();
    enqueue(&world, "greet", "hello");
    let child = start(&world, "app worker --concurrency 4 --per-tenant 3 --per-queue slow=1 --poll 50ms");
    eventually(&world, "run status hello", "status\tcompleted\n");
    enqueue(&world, "slow", "slow");
    eventually(&world, "run events slow", "\tstep_requested\twait\t");
    tell(&child, "-TERM");
    thread::sleep(Duration::from_millis(100));
    std::fs::write(world.ledger().with_extension("open"), "").unwrap();
    let (code, out, err) = ended(child);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("worker takes runs of greet, slow\n"), "{err}");
    assert!(out.contains("driving\t0\n") && out.contains("taken\t2\n") && out.contains("failed\t0\n"), "{out}");
    assert!(world.artana("run steps slow").out.contains("wait\tonce\t-\t-\tsucceeded\t1\t"), "the step ended");
    assert_eq!(world.artana("run verify-ledger --all").code, 0);
}

/// Two runs of a queue that takes one at a time: the second one waits for the first.
#[test]
fn a_worker_drives_as_many_of_a_queue_as_it_is_told() {
    let world = World::empty();
    for (name, id) in [("slow", "one"), ("slow", "two"), ("greet", "hello")] {
        enqueue(&world, name, id);
    }
    let child = start(&world, "app worker --per-queue slow=1 --per-queue greet=2 --poll 20ms");
    eventually(&world, "run events one", "\tstep_requested\twait\t");
    eventually(&world, "run status hello", "status\tcompleted\n");
    thread::sleep(Duration::from_millis(200));
    assert!(world.artana("run status two").out.contains("status\tqueued\n"));
    std::fs::write(world.ledger().with_extension("open"), "").unwrap();
    eventually(&world, "run status two", "status\tcompleted\n");
    tell(&child, "-TERM");
    assert_eq!(ended(child).0, Some(0));
    let exit = runtime().block_on(async {
        let kernel = open(&world.ledger()).await;
        kernel.register("greet", |_: WorkflowContext, (): ()| async { Ok(()) }).unwrap();
        artana_cli::main_with(kernel, ["app", "worker", "--poll", "0s"]).await
    });
    assert_eq!(exit, ExitCode::from(2), "it would ask without a pause");
}

#[test]
fn a_worker_that_is_asked_twice_ends_at_once() {
    let world = World::empty();
    enqueue(&world, "slow", "slow");
    let mut child = start(&world, "app worker --queue slow --json");
    eventually(&world, "run events slow", "\tstep_requested\twait\t");
    tell(&child, "-INT");
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "it drains, and a step is under way");
    // One that comes while the first is being heard is the same wish.
    while child.try_wait().unwrap().is_none() {
        tell(&child, "-TERM");
        thread::sleep(Duration::from_millis(100));
    }
    let (code, out, err) = ended(child);
    assert_eq!(code, Some(9), "{out}{err}");
    assert!(err.contains(r#"{"event":"begins","driving":0,"#), "{err}");
    assert!(err.contains("asked to end once more"), "{err}");
}

#[test]
fn without_code_there_is_nothing_to_work_on() {
    let world = World::furnished();
    assert_snapshot!("stock", world.told("worker --queue greet"));
    assert_snapshot!("stock_json", world.told("worker --json"));
    let wrong = ["concurrency 0", "park-after 0", "per-tenant x", "per-queue slow", "per-queue slow=0", "per-queue =1"];
    for wrong in wrong {
        assert_eq!(world.artana(&format!("worker --{wrong}")).code, 2, "{wrong}");
    }
    assert_eq!(world.artana("worker now").code, 2);
    let exit = runtime().block_on(async {
        let kernel = open(&world.ledger()).await;
        artana_cli::main_with(kernel, ["app", "worker"]).await
    });
    assert_eq!(exit, ExitCode::from(2));
}

/// Others may drive the same runs: the verbs of one program serve those that another one enqueued.
#[test]
fn what_a_person_resumes_a_worker_takes() {
    let world = World::empty();
    enqueue(&world, "greet", "hello");
    assert_eq!(world.artana("run pause hello --by ann").code, 0);
    let child = start(&world, "app worker");
    thread::sleep(Duration::from_millis(300));
    assert!(world.artana("run status hello").out.contains("status\tpaused\n"));
    assert_eq!(world.artana("run resume hello --by ann").code, 0);
    eventually(&world, "run status hello", "status\tcompleted\n");
    tell(&child, "-TERM");
    assert_eq!(ended(child).0, Some(0));
}
