//! How far the work has come: percent, what it is at, and how long the rest takes.

use std::time::Duration;

use artana_core::{Name, Status};
use artana_harness::{HarnessContext, IncrementalTaskHarness, IncrementalTasks, Result, TaskUnit};
use artana_testkit::SimClock;

use crate::world::{Migration, failing, tenant, three, world};

/// Tasks of which each takes ten seconds.
struct Slow(SimClock);

impl IncrementalTasks for Slow {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(three())
    }

    async fn work_on(&self, _: &HarnessContext, _: &TaskUnit) -> Result<()> {
        self.0.advance(Duration::from_secs(10));
        Ok(())
    }
}

#[tokio::test]
async fn percent_is_rounded_down_and_the_rest_is_reckoned_from_what_is_done() {
    let world = world();
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, Slow(world.clock.clone()));
    let shown = |progress: artana_harness::Progress| {
        let current = progress.current.as_ref().map(|current| current.to_string());
        (progress.percent(), current.unwrap_or_default(), progress.eta.map(|eta| eta.as_secs()))
    };
    kernel.start_run(&tenant(), "r").await.unwrap();
    assert_eq!(shown(harness.progress(&tenant(), "r").await.unwrap()), (None, String::new(), None));
    let one = harness.run(&tenant(), "r").await.unwrap();
    assert_eq!(shown(one), (Some(33), "migrate".into(), Some(20)));
    let two = harness.run(&tenant(), "r").await.unwrap();
    assert_eq!(shown(two), (Some(66), "verify".into(), Some(10)));
    let three = harness.run(&tenant(), "r").await.unwrap();
    let completed: Vec<String> = three.completed.iter().map(Name::to_string).collect();
    assert_eq!(completed, ["backup", "migrate", "verify"]);
    assert_eq!(shown(three), (Some(100), String::new(), None), "a run that has ended is at nothing");
    kernel.start_run(&tenant(), "given up").await.unwrap();
    harness.run(&tenant(), "given up").await.unwrap();
    kernel.open_run(&tenant(), "given up").await.unwrap().cancel("ann", "enough").await.unwrap();
    let given_up = harness.progress(&tenant(), "given up").await.unwrap();
    assert_eq!(shown(given_up), (Some(33), String::new(), None));
}

#[tokio::test]
async fn there_is_no_reckoning_before_anything_is_done() {
    let (world, work) = (world(), Migration::default().fate("backup", failing));
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, &work);
    harness.run(&tenant(), "r").await.unwrap_err();
    let progress = harness.progress(&tenant(), "r").await.unwrap();
    assert_eq!((progress.percent(), progress.eta), (Some(0), None));
    assert_eq!(progress.current.as_ref().map(Name::as_str), Some("backup"));
}

#[tokio::test]
async fn whoever_watches_sees_each_change_and_the_end() {
    let (world, work) = (world(), Migration::default());
    let kernel = world.process();
    kernel.start_run(&tenant(), "r").await.unwrap();
    let harness = IncrementalTaskHarness::new(&kernel, &work);
    let mut watch = harness.watch_progress(&tenant(), "r").await.unwrap();
    let watching = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(progress) = watch.next().await.unwrap() {
            seen.push((progress.done, progress.status));
        }
        seen
    });
    for _ in 0..3 {
        harness.run(&tenant(), "r").await.unwrap();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    let seen = watching.await.unwrap();
    assert_eq!(seen.first(), Some(&(0, Status::Running)));
    assert_eq!(seen.last(), Some(&(3, Status::Completed)));
    for done in 0..3 {
        assert!(seen.iter().any(|(seen, _)| *seen == done), "{seen:?}");
    }
    assert!(seen.is_sorted_by_key(|(done, _)| *done), "{seen:?}");
}
