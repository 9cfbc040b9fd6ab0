//! What `run progress` and `run explain` say of work in tasks and sessions: what was done and what is open, where a
//! process died, and of work that does not go on no promise.

use std::{
    thread,
    time::{Duration, Instant},
};

use artana::harness::{HarnessContext, IncrementalTaskHarness, IncrementalTasks, Result, TaskUnit};
use artana_core::StepKey;
use artana_kernel::{DEFAULT_TIME_TO_LIVE, Failure, Kernel};
use artana_store_sqlite::SqliteStore;
use serde_json::Value;

use crate::support::{World, runtime, tenant};

/// What becomes of the second of three tasks.
#[derive(Clone, Copy)]
enum Second {
    IsInDoubt,
    Hangs,
    /// After its step it never comes back.
    IsLeft,
    IsDone,
}

impl IncrementalTasks for Second {
    async fn define_tasks(&self, _cx: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(["backup", "migrate", "check"].map(|id| TaskUnit::new(id, id)).into())
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        let (is_second, second) = (task.id() == "migrate", *self);
        let work = move || async move {
            match second {
                Second::IsInDoubt if is_second => Err(Failure::unknown("the line went dead")),
                Second::Hangs if is_second => std::future::pending().await,
                _ => Ok(1_u64),
            }
        };
        cx.step("work").once(work).await?;
        match second {
            Second::IsLeft if is_second => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

async fn session(world: &World, second: Second) {
    session_of(world, second, DEFAULT_TIME_TO_LIVE).await;
}

async fn session_of(world: &World, second: Second, time_to_live: Duration) {
    let store = SqliteStore::open(world.ledger()).await.unwrap();
    let kernel = Kernel::builder(store).time_to_live(time_to_live).build().unwrap();
    let harness = IncrementalTaskHarness::new(&kernel, second).drain();
    // How it ends is what is looked at.
    harness.run(&tenant(), "migration").await.ok();
    kernel.close().await.unwrap();
}

fn progress(world: &World) -> (Value, String) {
    let told = serde_json::from_str(&world.artana("run progress migration --json").out).unwrap();
    (told, world.artana("run progress migration --pretty").out)
}

#[test]
fn nothing_is_reckoned_of_work_that_is_in_doubt() {
    let world = World::empty();
    runtime().block_on(session(&world, Second::IsInDoubt));
    let (told, page) = progress(&world);
    assert_eq!((&told["percent"], &told["eta_us"]), (&33.into(), &Value::Null), "{told}");
    assert_eq!((&told["steps"], &told["steps_done"]), (&2.into(), &1.into()), "{told}");
    assert!(page.contains("33%, 1 of 3 tasks done\n") && page.contains("2 begun, 1 of them done\n"), "{page}");
    assert!(!page.contains("eta") && page.contains("in doubt"), "{page}");
}

#[test]
fn nothing_is_reckoned_of_work_that_hangs_and_its_process_only_counts_as_alive() {
    let world = World::empty();
    let hangs = runtime();
    thread::scope(|scope| {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (hangs, world) = (&hangs, &world);
        scope.spawn(move || {
            hangs.block_on(async {
                tokio::select! {
                    () = session(world, Second::Hangs) => {}
                    _ = stopped => {}
                }
            });
        });
        let begun = Instant::now();
        while !world.artana("run progress migration").out.contains("\tmigrate\t")
            || !progress(world).0["eta_us"].is_null()
            || !world.artana("run steps migration").out.contains("task/migrate/work")
        {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", progress(world));
            thread::sleep(Duration::from_millis(20));
        }
        let told = world.artana("run explain migration").out;
        let alive = "under way: code that must not run twice. Its process counts as alive until its last heartbeat is \
                     too old: if it has died, that shows within 15 seconds";
        assert!(told.contains(alive), "{told}");
        stop.send(()).unwrap();
    });
}

/// Runs a session, and leaves it after a step of its second task, as a process that is killed does.
fn killed(world: &World) {
    runtime().block_on(async {
        let looking = Kernel::builder(SqliteStore::open(world.ledger()).await.unwrap()).build().unwrap();
        let key = StepKey::parse("task/migrate/work").unwrap();
        let is_done = async || {
            let Ok(run) = looking.open_run(&tenant(), "migration").await else { return false };
            run.latest(|state| state.step(&key).is_some_and(|step| step.answered().is_some())).await.unwrap()
        };
        tokio::select! {
            () = session_of(world, Second::IsLeft, Duration::from_secs(1)) => panic!("it is left"),
            () = async {
                while !is_done().await {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            } => {}
        }
    });
}

#[test]
fn a_finished_run_tells_its_tasks_its_sessions_and_where_a_process_died_and_is_at_nothing() {
    let world = World::empty();
    killed(&world);
    let begun = Instant::now();
    let explain = || -> Value { serde_json::from_str(&world.artana("run explain migration --json").out).unwrap() };
    let open = loop {
        let told = explain();
        if told["work"]["died"][0].is_object() {
            break told;
        }
        assert!(told["work"]["awake"].is_object(), "{told}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{told}");
        thread::sleep(Duration::from_millis(20));
    };
    let work = &open["work"];
    assert_eq!(
        (&work["done"], &work["in_progress"], &work["pending"]),
        (&["backup"].into(), &"migrate".into(), &["check"].into())
    );
    let died = &work["died"][0];
    let place = (&died["session"], &died["task"], &died["step"]);
    assert_eq!(place, (&1.into(), &"migrate".into(), &"task/migrate/work".into()), "{died}");
    let page = world.artana("run explain migration").out;
    assert!(page.contains("\t3 tasks: done backup; in progress migrate; open check.\n"), "{page}");

    runtime().block_on(session(&world, Second::IsDone));
    let (told, page) = progress(&world);
    assert_eq!((&told["status"], &told["percent"]), (&"completed".into(), &100.into()), "{told}");
    assert_eq!((&told["current"], &told["eta_us"]), (&Value::Null, &Value::Null), "{told}");
    assert!(!page.contains("current") && !page.contains("eta"), "{page}");
    let page = world.artana("run explain migration").out;
    assert!(page.contains("\t3 tasks: done backup, migrate, check.\n"), "{page}");
    assert!(page.contains("\tWorked on in 2 sessions.\n"), "{page}");
    let process = died["process"].as_str().unwrap();
    let cut = format!(
        "\tSession 1 did not end: process {process} died, or dropped it, in task migrate, at step task/migrate/work, at "
    );
    assert!(page.contains(&cut), "{page}");
    assert_eq!(explain()["work"]["awake"], Value::Null);
}
