//! A session that finds another process at its run: it waits for one that is dead, and is kept out by one that lives.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use artana_core::Status;
use artana_harness::{
    HarnessContext, IncrementalTaskHarness, IncrementalTasks, Progress, Result, TaskUnit, WhenFenced,
};
use artana_ports::Clock;
use tokio::sync::Notify;

use crate::world::{Migration, TTL, World, kinds, life, tenant, three, world};

/// Comes back from a task, after its step, when it is told to.
struct Held<'a>(&'a Migration, Arc<Notify>);

impl IncrementalTasks for Held<'_> {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(three())
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        self.0.work_on(cx, task).await?;
        self.1.notified().await;
        Ok(())
    }
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, a little at a time, until something has ended, and says how much passed.
async fn pass_time<T>(world: &World, future: impl Future<Output = T>) -> (T, Duration) {
    let began = world.clock.elapsed();
    let mut future = pin!(future);
    loop {
        tokio::select! {
            biased;
            ended = &mut future => return (ended, world.clock.elapsed() - began),
            () = settle() => world.clock.advance(TTL / 100),
        }
        assert!(world.clock.elapsed() - began < TTL * 3, "it waits for longer than anything takes");
    }
}

/// A process that dies inside its first task.
fn dies(world: &World, work: &Migration) {
    life(async {
        let kernel = world.process();
        let (harness, acme) = (IncrementalTaskHarness::new(&kernel, Held(work, Arc::default())), tenant());
        tokio::select! {
            biased;
            _ = harness.run(&acme, "m") => panic!("it hangs"),
            () = settle() => {}
        }
        std::mem::forget(kernel);
    });
}

#[test]
fn what_a_crash_cut_goes_on_by_itself_once_its_process_counts_as_dead() {
    let (world, work) = (world(), Migration::default());
    dies(&world, &work);
    assert_eq!(work.worked(), ["backup"]);
    let next = work.same_world();
    life(async {
        let kernel = world.process();
        let harness = IncrementalTaskHarness::new(&kernel, &next);
        let (progress, waited) = pass_time(&world, harness.run(&tenant(), "m")).await;
        assert_eq!(progress.unwrap().done, 1);
        assert!(waited > Duration::ZERO && waited <= TTL + TTL / 10, "{waited:?}");
        assert_eq!(next.effects.load(std::sync::atomic::Ordering::SeqCst), 1, "its step was answered");
    });
}

#[test]
fn whoever_does_not_want_to_wait_is_refused_at_once() {
    let (world, work) = (world(), Migration::default());
    dies(&world, &work);
    life(async {
        let kernel = world.process();
        let harness = IncrementalTaskHarness::new(&kernel, &work).when_fenced(WhenFenced::Refuse);
        assert_eq!(harness.run(&tenant(), "m").await.unwrap_err().code(), "artana::fenced");
    });
}

/// Has one process inside a task while another one asks for a session, and lets time pass until that one has an answer.
async fn beside<T>(
    world: &World,
    work: &Migration,
    asks: impl AsyncFnOnce(&World, &Notify) -> T,
) -> (T, std::result::Result<Progress, artana_harness::Error>) {
    let (one, goes_on) = (world.process(), Arc::new(Notify::new()));
    let harness = IncrementalTaskHarness::new(&one, Held(work, Arc::clone(&goes_on)));
    let acme = tenant();
    tokio::join!(
        async {
            settle().await;
            let asked = asks(world, &goes_on).await;
            goes_on.notify_one();
            asked
        },
        harness.run(&acme, "m"),
    )
}

#[tokio::test]
async fn a_process_that_lives_keeps_others_out_and_they_hear_of_it_after_a_time_to_live() {
    let (world, work, mine) = (world(), Migration::default(), Migration::default());
    let ((refused, waited), worked) = beside(&world, &work, async |world, _| {
        let other = world.process();
        let harness = IncrementalTaskHarness::new(&other, &mine);
        pass_time(world, harness.run(&tenant(), "m")).await
    })
    .await;
    assert_eq!(refused.unwrap_err().code(), "artana::fenced");
    assert!(waited >= TTL && waited <= TTL + TTL / 5, "{waited:?}");
    assert_eq!((worked.unwrap().done, mine.worked().len()), (1, 0), "and it is none the worse for it");
}

#[tokio::test]
async fn whoever_waits_goes_on_as_soon_as_the_other_has_slept() {
    let (world, work) = (world(), Migration::default());
    let mine = work.same_world();
    let ((progress, waited), _) = beside(&world, &work, async |world, goes_on| {
        let other = world.process();
        let harness = IncrementalTaskHarness::new(&other, &mine);
        let acme = tenant();
        let mut waits = pin!(harness.run(&acme, "m"));
        tokio::select! {
            biased;
            _ = &mut waits => panic!("the other one works"),
            () = settle() => goes_on.notify_one(),
        }
        pass_time(world, waits).await
    })
    .await;
    assert_eq!((progress.unwrap().done, mine.worked()), (2, vec!["migrate".to_owned()]));
    assert!(waited <= TTL / 10, "{waited:?}");
}

#[tokio::test]
async fn whoever_waits_for_the_last_session_is_answered_from_the_ledger() {
    let (world, work) = (world(), Migration::default());
    let mine = work.same_world();
    let kernel = world.process();
    for _ in 0..2 {
        IncrementalTaskHarness::new(&kernel, &work).run(&tenant(), "m").await.unwrap();
    }
    let ((progress, _), _) = beside(&world, &work, async |world, goes_on| {
        let other = world.process();
        goes_on.notify_one();
        let harness = IncrementalTaskHarness::new(&other, &mine);
        pass_time(world, harness.run(&tenant(), "m")).await
    })
    .await;
    assert_eq!((progress.unwrap().status, mine.worked().len()), (Status::Completed, 0));
}

#[test]
fn whoever_gives_up_waiting_has_recorded_nothing_and_keeps_nobody_out() {
    let (world, work) = (world(), Migration::default());
    dies(&world, &work);
    life(async {
        let kernel = world.process();
        let run = kernel.open_run(&tenant(), "m").await.unwrap();
        let before = kinds(&run).await;
        let (harness, acme) = (IncrementalTaskHarness::new(&kernel, &work), tenant());
        tokio::select! {
            biased;
            _ = harness.run(&acme, "m") => panic!("nobody lets it in yet"),
            () = settle() => {}
        }
        assert_eq!(kinds(&run).await, before);
        world.bury();
        assert_eq!(harness.run(&tenant(), "m").await.unwrap().done, 1);
    });
}
