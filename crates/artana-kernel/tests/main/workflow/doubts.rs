//! Doubts that a person clears while a process is at the run: they are answers, and nobody waits for them.

use std::sync::Arc;

use artana_core::Status;
use artana_kernel::{Failure, Resolve};
use artana_testkit::fault::Action;
use tokio::sync::Notify;

use super::seconds;
use crate::world::{tenant, world};

/// A person clears a doubt while the run is busy with something else, and it goes on without being called again.
#[tokio::test]
async fn a_doubt_that_is_cleared_while_another_step_runs_is_an_answer() {
    let (world, gate) = (world(), Arc::new(Notify::new()));
    let process = world.process();
    let opens = Arc::clone(&gate);
    let works = tokio::spawn(process.workflow(move |cx| async move {
        let doubtful = cx.step("a").once(|| async { Err::<u64, _>(Failure::new("who knows")) });
        let beside = cx.step("b").compute(move || async move {
            gate.notified().await;
            Ok(1_u64)
        });
        let (doubtful, beside) = cx.join(doubtful, beside).await;
        Ok(doubtful? + beside?)
    }));
    world.settle().await;
    let run = process.kernel.open_run(&tenant(), "r").await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::NeedsReconciliation);
    run.resolve("a", Resolve::succeeded("ann", "41", "the books have it")).await.unwrap();
    opens.notify_one();
    assert_eq!(works.await.unwrap().unwrap().completed(), Some(42));
}

/// What a race gave up is in doubt, and a person clears it at the moment at which the run is about to wait for that.
#[tokio::test]
async fn a_doubt_that_is_cleared_while_the_run_is_being_left_is_not_waited_for() {
    let (world, gate) = (world(), Arc::new(Notify::new()));
    let (process, person) = (world.process(), world.process());
    let (opens, clock) = (Arc::clone(&gate), world.clock.clone());
    let faults = process.faults.clone();
    let works = tokio::spawn(process.workflow(move |cx| async move {
        let doubtful = cx.step("a").once(|| async { Err::<(), _>(Failure::new("who knows")) });
        let beside = cx.step("b").compute(move || async move {
            gate.notified().await;
            Ok(())
        });
        cx.race(doubtful, beside).await;
        faults.plan("append.before", Action::Delay(Arc::new(clock), seconds(1)));
        Ok(7_u64)
    }));
    world.settle().await;
    opens.notify_one();
    world.settle().await;
    let run = person.kernel.open_run(&tenant(), "r").await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::NeedsReconciliation);
    run.resolve("a", Resolve::succeeded("ann", "null", "the books have it")).await.unwrap();
    assert_eq!(world.pass_time(works).await.unwrap().unwrap().completed(), Some(7));
    assert_eq!(world.kinds(&run).await.iter().filter(|kind| *kind == "wait_started").count(), 0);
}
