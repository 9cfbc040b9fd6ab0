//! What `run progress` and `run explain` say of work that does not go on: nothing is promised of it.

use std::{
    thread,
    time::{Duration, Instant},
};

use artana::harness::{HarnessContext, IncrementalTaskHarness, IncrementalTasks, Result, TaskUnit};
use artana_kernel::{Failure, Kernel};
use artana_store_sqlite::SqliteStore;
use serde_json::Value;

use crate::support::{World, runtime, tenant};

/// What becomes of the second of three tasks.
#[derive(Clone, Copy)]
enum Second {
    IsInDoubt,
    Hangs,
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
        Ok(())
    }
}

async fn session(world: &World, second: Second) {
    let kernel = Kernel::builder(SqliteStore::open(world.ledger()).await.unwrap()).build().unwrap();
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
