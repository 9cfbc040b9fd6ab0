//! A harness under a worker: a workflow whose steps run a session each. Another worker goes on where one died.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use artana_core::Status;
use artana_harness::{HarnessContext, IncrementalTaskHarness, IncrementalTasks, Result, TaskUnit};
use artana_kernel::{Failure, Kernel, Run, Worker, WorkflowContext};

use crate::world::{Migration, TTL, World, life, tenant, three, world};

/// The tasks in one process, which may never come back from one.
#[derive(Clone)]
struct Shared {
    work: Arc<Migration>,
    hangs_at: Option<&'static str>,
}

impl IncrementalTasks for Shared {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(three())
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        (&*self.work).work_on(cx, task).await?;
        if self.hangs_at == Some(task.id()) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

async fn sessions(cx: WorkflowContext, kernel: Kernel, shared: Shared) -> Result<u64, Failure> {
    let mut session = 1;
    loop {
        let (kernel, shared) = (kernel.clone(), shared.clone());
        let lived = cx.step(format!("session-{session}")).compute(move || async move {
            let harness = IncrementalTaskHarness::new(&kernel, shared);
            Ok(harness.run(&tenant(), "work").await?.status.is_finished())
        });
        match lived.await {
            Ok(true) => return Ok(session),
            Ok(false) => {}
            Err(_) => cx.sleep(format!("rest-{session}"), Duration::from_secs(1)).await?,
        }
        session += 1;
    }
}

fn process(world: &World, shared: &Shared) -> Kernel {
    let kernel = world.process();
    let (own, shared) = (kernel.clone(), shared.clone());
    let code = move |cx: WorkflowContext, (): ()| sessions(cx, own.clone(), shared.clone());
    kernel.register("sessions", code).expect("a free name");
    kernel
}

async fn ended(run: Run) {
    while run.status().await.is_ok_and(|status| !status.is_finished()) {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, a little at a time, for as long as something takes.
async fn pass_time(world: &World, taking: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = taking => {}
        () = async {
            for _ in 0..2_000 {
                for _ in 0..50 { tokio::task::yield_now().await }
                world.clock.advance(TTL / 50);
            }
        } => panic!("it takes too long"),
    }
}

#[test]
fn a_worker_goes_on_with_the_session_of_one_that_died() {
    let world = world();
    let work = Arc::new(Migration::default());
    life(async {
        let shared = Shared { work: Arc::clone(&work), hangs_at: Some("migrate") };
        let kernel = process(&world, &shared);
        kernel.enqueue(&tenant(), "sessions", &()).id("w").await.unwrap();
        let worker = Worker::new(&kernel);
        let inside = async {
            while work.worked().len() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            ended = worker.run_until(std::future::pending::<()>()) => panic!("it works: {ended:?}"),
            () = pass_time(&world, inside) => {}
        }
        std::mem::forget(kernel);
    });
    assert_eq!(work.worked(), ["backup", "migrate"]);
    let next = Arc::new(work.same_world());
    life(async {
        let kernel = process(&world, &Shared { work: Arc::clone(&next), hangs_at: None });
        let run = kernel.open_run(&tenant(), "w").await.unwrap();
        let worker = Worker::new(&kernel);
        pass_time(&world, async { worker.run_until(ended(run.clone())).await.unwrap() }).await;
        assert_eq!(run.status().await.unwrap(), Status::Completed);
        let harness = kernel.open_run(&tenant(), "work").await.unwrap();
        assert_eq!(harness.progress().await.unwrap().percent(), Some(100));
    });
    assert_eq!(next.worked(), ["migrate", "verify"]);
    assert_eq!(next.effects.load(Ordering::SeqCst), 3, "what was done answered from the ledger");
}
