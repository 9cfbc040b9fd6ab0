//! A task is done when its test says so, and in no other way.

use std::sync::{Arc, Mutex};

use artana_core::{
    TaskState,
    event::{Body, Move},
};
use artana_harness::{
    Committed, HarnessContext, Result, TaskUnit, TestDrivenContext, TestDrivenHarness, TestDrivenTasks, Verdict,
};
use artana_kernel::{Kernel, ToolRef, tool};
use serde_json::{Value, json};

use crate::world::{World, bodies, tenant, world};

const TEST: ToolRef<u64, Value> = ToolRef::new("run_tests");

/// Writes code whose quality is the attempt's number, and has it tested.
struct Coding {
    tasks: Vec<&'static str>,
    /// Keeps what committed one task, to pass it off as another's.
    cheats: bool,
    kept: Mutex<Option<Committed>>,
}

impl Coding {
    fn of(tasks: &[&'static str]) -> Self {
        Self { tasks: tasks.to_vec(), cheats: false, kept: Mutex::default() }
    }
}

impl TestDrivenTasks for Coding {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(self.tasks.iter().map(|id| TaskUnit::new(*id, format!("Write the {id}"))).collect())
    }

    async fn work_on(&self, cx: &TestDrivenContext, _: &TaskUnit) -> Result<Committed> {
        if self.cheats
            && let Some(kept) = self.kept.lock().expect("nobody panicked").take()
        {
            return Ok(kept);
        }
        let quality = cx.attempt();
        let written = cx.fresh("write").compute(move || async move { Ok(quality) }).await?;
        let committed = cx.verify_and_commit(TEST, &written, passed).await?;
        if self.cheats {
            *self.kept.lock().expect("nobody panicked") = Some(committed);
            return cx.verify_and_commit(TEST, &written, passed).await;
        }
        Ok(committed)
    }
}

fn passed(seen: &Value) -> Verdict {
    match seen["failed"].as_u64() {
        Some(0) => Verdict::Accepted,
        failed => Verdict::Refused(format!("{} tests failed", failed.unwrap_or(0))),
    }
}

/// Finds one failure less in each attempt: the third passes.
fn process(world: &World, tested: &Arc<Mutex<Vec<u64>>>) -> Kernel {
    let tested = Arc::clone(tested);
    let test = tool("run_tests").handler(move |quality: u64, _| {
        tested.lock().expect("nobody panicked").push(quality);
        async move { Ok(json!({ "failed": 3_u64.saturating_sub(quality) })) }
    });
    world.builder().tool(test).build().expect("sound")
}

#[tokio::test]
async fn a_refused_test_puts_the_task_back_and_the_next_attempt_tests_anew() {
    let (world, tested) = (world(), Arc::default());
    let kernel = process(&world, &tested);
    let harness = TestDrivenHarness::new(&kernel, Coding::of(&["parser"]));
    for failed in [2, 1] {
        let refused = harness.run(&tenant(), "r").await.unwrap_err();
        let said = refused.failure().unwrap().message();
        assert_eq!(said, format!("the test `run_tests` was refused: {failed} tests failed"));
        let run = kernel.open_run(&tenant(), "r").await.unwrap();
        assert!(matches!(run.tasks().await.unwrap()[0].1.state, TaskState::Pending { error: Some(_) }));
    }
    assert_eq!(harness.run(&tenant(), "r").await.unwrap().percent(), Some(100));
    assert_eq!(*tested.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn the_verification_names_the_test_and_its_step() {
    let (world, tested) = (world(), Arc::default());
    let kernel = process(&world, &tested);
    let harness = TestDrivenHarness::new(&kernel, Coding::of(&["parser"]));
    while harness.run(&tenant(), "r").await.is_err() {}
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    let done = bodies(&run).await.into_iter().find_map(|body| match body {
        Body::TaskMoved(moved) => match moved.to {
            Move::Done(verification) => Some(verification),
            _ => None,
        },
        _ => None,
    });
    let verification: Value = serde_json::from_slice(&run.content(&done.unwrap()).await.unwrap().unwrap()).unwrap();
    assert_eq!(verification, json!({ "by": "test", "step": "task/parser/test-1@3", "tool": "run_tests" }));
}

#[tokio::test]
async fn what_committed_one_task_commits_no_other() {
    let (world, tested) = (world(), Arc::default());
    let kernel = process(&world, &tested);
    let harness =
        TestDrivenHarness::new(&kernel, Coding { cheats: true, ..Coding::of(&["parser", "printer"]) }).drain();
    let mut said = Vec::new();
    for _ in 0..4 {
        let failed = harness.run(&tenant(), "r").await.unwrap_err();
        said.push(failed.failure().unwrap().message().to_owned());
    }
    assert_eq!(said[3], "the work on task printer returned what committed task parser");
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    let done: Vec<String> = run.progress().await.unwrap().completed.iter().map(ToString::to_string).collect();
    assert_eq!(done, ["parser"], "{said:?}");
}

#[tokio::test]
async fn a_drained_list_is_tested_task_by_task() {
    let (world, tested) = (world(), Arc::default());
    let kernel = process(&world, &tested);
    let harness = TestDrivenHarness::new(&kernel, Coding::of(&["parser", "printer"])).drain();
    let mut sessions = 0;
    loop {
        sessions += 1;
        match harness.run(&tenant(), "r").await {
            Ok(progress) => break assert_eq!(progress.percent(), Some(100)),
            Err(error) => assert_eq!(error.code(), "artana::harness_failed"),
        }
    }
    assert_eq!((sessions, tested.lock().unwrap().len()), (5, 6), "each task passes in its third attempt");
}
