//! One value drives many runs of many tenants at once, and mixes nothing.

use std::sync::Arc;

use artana_core::Tenant;
use artana_harness::{HarnessContext, IncrementalTaskHarness, IncrementalTasks, Result, TaskUnit};

use crate::world::world;

/// Writes down whose work it does, through the context alone.
struct Writing;

impl IncrementalTasks for Writing {
    async fn define_tasks(&self, cx: &HarnessContext) -> Result<Vec<TaskUnit>> {
        let owner = cx.tenant().id()?.as_str().to_owned();
        Ok((1..=3).map(|n| TaskUnit::new(format!("{owner}-{n}"), format!("Task {n} of {owner}"))).collect())
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        let owner = cx.tenant().id()?.as_str().to_owned();
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let id = task.id().to_owned();
        let said = cx.step("say").compute(move || async move { Ok(format!("{owner} did {id}")) }).await?;
        cx.run().set_artifact(task.id(), &said, 1).await?;
        Ok(())
    }
}

#[tokio::test]
async fn sixteen_runs_of_sixteen_tenants_at_once_do_not_mix() {
    let world = world();
    let kernel = world.process();
    let harness = Arc::new(IncrementalTaskHarness::new(&kernel, Writing));
    let tenants: Vec<String> = (0..16).map(|n| format!("tenant-{n}")).collect();
    let mut sessions = Vec::new();
    for tenant in tenants.clone() {
        let harness = Arc::clone(&harness);
        sessions.push(tokio::spawn(async move {
            let tenant = Tenant::new(tenant);
            let mut percents = Vec::new();
            for _ in 0..3 {
                percents.push(harness.run(&tenant, "r").await.unwrap().percent());
            }
            percents
        }));
    }
    for session in sessions {
        assert_eq!(session.await.unwrap(), [Some(33), Some(66), Some(100)]);
    }
    for tenant in tenants {
        let run = kernel.open_run(&Tenant::new(&tenant), "r").await.unwrap();
        let artifacts = run.artifacts().await.unwrap();
        let names: Vec<String> = artifacts.keys().map(ToString::to_string).collect();
        assert_eq!(names, [1, 2, 3].map(|n| format!("{tenant}-{n}")));
        for name in names {
            let said: String = run.artifact(&name).await.unwrap().unwrap();
            assert_eq!(said, format!("{tenant} did {name}"));
        }
        assert!(run.verify().await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn sessions_of_one_run_in_one_process_wait_for_each_other() {
    let world = world();
    let kernel = world.process();
    let harness = Arc::new(IncrementalTaskHarness::new(&kernel, Writing));
    let at_once: Vec<_> = (0..3)
        .map(|_| {
            let harness = Arc::clone(&harness);
            tokio::spawn(async move { harness.run(&Tenant::new("acme"), "r").await.unwrap().done })
        })
        .collect();
    let mut done = Vec::new();
    for session in at_once {
        done.push(session.await.unwrap());
    }
    done.sort_unstable();
    assert_eq!(done.last(), Some(&3), "each did one task: {done:?}");
}
