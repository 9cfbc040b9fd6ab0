//! The verb `run enqueue`: a run is enqueued by the name of its code, which need not be there.

use std::{
    process::ExitCode,
    time::{Duration, SystemTime},
};

use artana_core::{Status, Tenant};
use artana_kernel::{Kernel, Worker, WorkflowContext};
use artana_store_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::support::{Done, World, runtime};

async fn own(world: &World) -> Kernel {
    let kernel = Kernel::builder(SqliteStore::open(world.ledger()).await.unwrap()).build().unwrap();
    let greet = |cx: WorkflowContext, name: String| async move {
        Ok(cx.step("greet").compute(|| async move { Ok(format!("Hello {name}")) }).await?)
    };
    kernel.register("greet", greet).unwrap();
    kernel
}

/// A store without a run in it.
fn world() -> World {
    let world = World::empty();
    runtime().block_on(async { own(&world).await.close().await.unwrap() });
    world
}

fn json_of(done: &Done) -> Value {
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{done:?}");
    serde_json::from_str(&done.out).unwrap()
}

#[test]
fn what_a_shell_enqueues_a_worker_drives() {
    let world = world();
    let done = world.artana("run enqueue greet --input \"Ada\" --id ada --priority -3 --tenant demo");
    assert_eq!(done.code, 0, "{done:?}");
    let said = "run\tada\ntenant\tdemo\nstatus\tqueued\nname\tgreet\nqueue\tgreet\npriority\t-3\ndue\t";
    assert!(done.out.starts_with(said) && done.out.contains("--tenant demo run explain ada\n"), "{done:?}");
    assert!(world.artana("run list --tenant demo").out.starts_with("ada\tqueued\t0\t"));
    runtime().block_on(async {
        let kernel = own(&world).await;
        let run = kernel.open_run(&Tenant::new("demo"), "ada").await.unwrap();
        let ended = async {
            while run.status().await.unwrap() != Status::Completed {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        Worker::new(&kernel).run_until(ended).await.unwrap();
        kernel.close().await.unwrap();
    });
    let told = world.artana("run steps ada --content --json --tenant demo").out;
    let step: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&step["step"], &step["told"]), (&json!("greet"), &json!("Hello Ada")));
}

#[test]
fn queue_and_delay_are_as_they_are_given() {
    let world = world();
    let before = SystemTime::now();
    let row = json_of(&world.artana("run enqueue greet --queue slow --delay 36h --json"));
    let due: String = row["due"].as_str().unwrap().into();
    let (early, late) = (later(before, 36 * 3600), later(SystemTime::now(), 36 * 3600));
    assert!(early <= due && due <= late, "{early} {due} {late}");
    assert_eq!((&row["queue"], &row["status"], &row["priority"]), (&json!("slow"), &json!("queued"), &json!(0)));
    assert_eq!(row["run"].as_str().map(str::len), Some(36), "an id is made: {row}");
    for delay in ["90", "soon", "-5m", "1month", ""] {
        let refused = world.run(["run", "enqueue", "greet", &format!("--delay={delay}")]);
        assert!(refused.code == 2 && refused.err.contains("--delay takes a duration"), "{delay}: {refused:?}");
    }
}

#[test]
fn asking_twice_from_a_shell_makes_one_run() {
    let world = world();
    let ask = || json_of(&world.artana("run enqueue greet --deduplicate invoice-7 --json"));
    let (first, again) = (ask(), ask());
    assert_eq!((first["run"].as_str(), &first), (Some("greet:invoice-7"), &again));
    assert_eq!(world.artana("run list").out.lines().count(), 1);
    let taken = world.artana("run enqueue greet --id greet:invoice-7");
    assert!(taken.code == 1 && taken.err.contains("name another id") && taken.err.contains("run explain"), "{taken:?}");
    assert_eq!(world.artana("run enqueue greet --id a --deduplicate b").code, 2);
}

#[test]
fn nothing_is_made_where_no_worker_looks() {
    let world = World::empty();
    let missing = world.artana("run enqueue greet");
    assert_eq!((missing.code, world.files().len()), (5, 0), "{missing:?}");
    let world = self::world();
    for line in ["run enqueue", "run enqueue greet --input {not", "run enqueue greet --priority high"] {
        assert_eq!(world.artana(line).code, 2, "{line}");
    }
    assert_eq!(world.run(["run", "enqueue", "a\nb"]).code, 2);
    assert_eq!(world.artana("run list").out, "");
}

/// A name may be mistyped, or be that of code in another program.
#[test]
fn a_program_enqueues_what_others_have_the_code_of() {
    let world = world();
    let enqueue = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        runtime().block_on(async { artana_cli::main_with(own(&world).await, words).await })
    };
    assert_eq!(enqueue("app run enqueue greet --id known"), ExitCode::SUCCESS);
    assert_eq!(enqueue("app run enqueue other --id unknown"), ExitCode::SUCCESS);
    assert!(world.artana("run explain unknown").out.contains("queue other"));
}

/// Writes an instant as the command line does, so that the two compare as text.
fn later(now: SystemTime, seconds: u64) -> String {
    let then = now + Duration::from_secs(seconds);
    format!("{:.6}", jiff::Timestamp::try_from(then).unwrap())
}
