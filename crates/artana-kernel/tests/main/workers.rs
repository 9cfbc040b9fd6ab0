//! Workers: they take what is due, go on with what was left or orphaned, park what gets nowhere, and drain.

use std::{sync::Arc, time::Duration};

use artana_core::{Status, Tenant, event::Body};
use artana_kernel::{Error, Failure, Kernel, Run, Worker, WorkflowContext};
use artana_ports::Clock;
use artana_testkit::fault::Action;
use tokio::sync::{Notify, Semaphore};

use crate::{
    workflow::{Ran, seconds},
    world::{FIVE, Process, World, tenant, world},
};

/// Works until a run stands as it should.
pub(crate) async fn work_until(world: &World, worker: &Worker, run: &Run, status: Status) {
    let stands = async {
        while run.status().await.unwrap() != status {
            tokio::task::yield_now().await;
        }
    };
    world.pass_time(worker.run_until(stands)).await.unwrap();
}

/// Works until the run has a status, at most so many seconds. Returns whether it came to that.
pub(crate) async fn works(world: &World, worker: &Worker, run: &Run, status: Status, limit: u64) -> bool {
    let stands = async {
        let is = async {
            while run.status().await.unwrap() != status {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { () = is => {}, () = world.clock.sleep(seconds(limit)) => {} }
    };
    world.pass_time(worker.run_until(stands)).await.unwrap();
    run.status().await.unwrap() == status
}

async fn finished(world: &World, worker: &Worker, runs: &[Run]) {
    for run in runs {
        work_until(world, worker, run, Status::Completed).await;
    }
}

fn pays(kernel: &Kernel) {
    let code = |cx: WorkflowContext, key: String| async move {
        Ok(cx.step(key).tool_json("pay", FIVE).await?.into_output()["charge"].to_string())
    };
    kernel.register("pays", code).unwrap();
}

#[tokio::test]
async fn an_enqueued_run_is_driven_to_its_end_by_a_worker_of_another_process() {
    let world = world();
    let enqueued = world.process().kernel.enqueue(&tenant(), "pays", &"a").id("r").await.unwrap();
    assert_eq!(enqueued.status().await.unwrap(), Status::Queued);
    let process = world.process();
    pays(&process.kernel);
    let worker = Worker::new(&process.kernel);
    finished(&world, &worker, std::slice::from_ref(&enqueued)).await;
    assert_eq!(world.effects(), 1);
    let stats = worker.stats();
    assert_eq!((stats.taken, stats.ended, stats.driving, stats.failed), (1, 1, 0, 0));
    world.verify(&enqueued).await;
}

#[tokio::test]
async fn a_delay_is_waited_for_and_a_higher_priority_goes_first() {
    let world = world();
    let process = world.process();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = Arc::clone(&order);
    let code = move |_: WorkflowContext, name: String| {
        noted.lock().unwrap().push(name);
        async { Ok(()) }
    };
    process.kernel.register("notes", code).unwrap();
    let enqueue = |name: &'static str| process.kernel.enqueue(&tenant(), "notes", &name).id(name);
    let mut runs = Vec::new();
    runs.push(enqueue("late").delay(seconds(3600)).priority(9).await.unwrap());
    runs.push(enqueue("low").priority(-1).await.unwrap());
    runs.push(enqueue("plain").await.unwrap());
    runs.push(enqueue("high").priority(5).await.unwrap());
    let before = process.kernel.clone();
    finished(&world, &Worker::new(&before).concurrency(1), &runs).await;
    assert_eq!(*order.lock().unwrap(), ["high", "plain", "low", "late"]);
}

#[tokio::test]
async fn what_sleeps_or_waits_goes_on_by_itself() {
    let world = world();
    let process = world.process();
    let code = |cx: WorkflowContext, (): ()| async move {
        cx.sleep("nap", seconds(7200)).await?;
        let said: u32 = cx.signal("go").await?;
        let approved: bool = cx.pause("approve", "really?").await?;
        Ok((said, approved))
    };
    process.kernel.register("patient", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "patient", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    work_until(&world, &worker, &run, Status::Sleeping).await;
    run.signal("go", "ann", &7).await.unwrap();
    work_until(&world, &worker, &run, Status::Paused).await;
    let (ticket, _) = run.pauses().await.unwrap().remove(0);
    run.resume_with(ticket.id, "ann", &true).await.unwrap();
    work_until(&world, &worker, &run, Status::Completed).await;
    world.verify(&run).await;
}

/// Kills a process at a point inside a tool call of a run it took from the queue.
async fn killed_at(world: &World, point: &'static str) {
    let process = world.process();
    pays(&process.kernel);
    process.faults.plan(point, Action::Crash);
    let worker = Worker::new(&process.kernel);
    let never = std::future::pending();
    let worked = async {
        tokio::select! {
            _ = world.pass_time(worker.run_until(never)) => {}
            _ = process.faults.crashed() => {}
        }
    };
    worked.await;
}

#[tokio::test]
async fn a_run_whose_process_died_is_taken_over_at_the_first_look_after_one_time_to_live() {
    // Workers look each second, and are told nothing of the death: some look just when the time is over, some later.
    let phases = [0, 1, 300, 999].map(Duration::from_millis);
    let points = ["append.before", "append.after", "tool.call.before"];
    for (point, phase) in points.into_iter().flat_map(|point| phases.map(|phase| (point, phase))) {
        let world = world();
        let run = world.process().kernel.enqueue(&tenant(), "pays", &"a").id("r").await.unwrap();
        killed_at(&world, point).await;
        let died_at = artana_ports::Clock::now(&world.clock);
        world.clock.advance(phase);
        let process = world.process();
        let code = |cx: WorkflowContext, key: String| async move {
            Ok(cx.step(key).reconcile_json("pay", FIVE).await?.into_output()["charge"].to_string())
        };
        process.kernel.register("pays", code).unwrap();
        let worker = Worker::new(&process.kernel);
        let takes_over = async {
            let mut stats = worker.stats();
            while stats.taken_over == 0 {
                stats = worker.changed(stats).await;
            }
        };
        world.pass_time(worker.run_until(takes_over)).await.unwrap();
        let took = artana_ports::Clock::now(&world.clock).since(died_at);
        assert_eq!(took, crate::world::TTL + phase, "{point}");
        work_until(&world, &worker, &run, Status::Completed).await;
        assert_eq!((world.effects(), worker.stats().taken_over), (1, 1), "{point}");
        let events = world.events(&run).await;
        let changed = events.iter().filter(|event| matches!(event.body(), Body::DriverChanged(_))).count();
        assert_eq!(changed, 1, "{point}: the evidence of the crash");
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn a_run_that_kills_its_workers_is_parked_with_the_evidence() {
    let world = world();
    let run = world.process().kernel.enqueue(&tenant(), "poison", &()).id("r").await.unwrap();
    for _ in 0..3 {
        let process = world.process();
        let (begun, poisoned) = (Arc::new(Notify::new()), world.clock.clone());
        let told = Arc::clone(&begun);
        let code = move |cx: WorkflowContext, (): ()| {
            let (told, _clock) = (Arc::clone(&told), poisoned.clone());
            async move {
                cx.step("bad")
                    .compute(move || async move {
                        told.notify_one();
                        std::future::pending::<()>().await;
                        Ok(())
                    })
                    .await?;
                Ok(())
            }
        };
        process.kernel.register("poison", code).unwrap();
        let worker = Worker::new(&process.kernel).park_after(3);
        tokio::select! {
            _ = world.pass_time(worker.run_until(std::future::pending())) => {}
            () = begun.notified() => {}
        }
        // The process is gone, and with it its heartbeat.
        drop((worker, process));
        world.mourn();
    }
    let process = world.process();
    process.kernel.register("poison", |_: WorkflowContext, (): ()| async { Ok(()) }).unwrap();
    let worker = Worker::new(&process.kernel).park_after(3);
    work_until(&world, &worker, &run, Status::Paused).await;
    assert_eq!(worker.stats().parked, 1);
    let pauses = run.pauses().await.unwrap();
    assert_eq!(pauses[0].1.died.len(), 3);
    run.resume("ann").await.unwrap();
    work_until(&world, &worker, &run, Status::Completed).await;
}

#[tokio::test]
async fn code_that_gets_nowhere_is_tried_again_and_parked_with_what_it_said() {
    let world = world();
    let process = world.process();
    let tried = Ran::default();
    let counted = tried.clone();
    let code = move |_: WorkflowContext, (): ()| {
        counted.once();
        async {
            std::future::pending::<()>().await;
            Ok(())
        }
    };
    process.kernel.register("stuck", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "stuck", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel).park_after(4);
    work_until(&world, &worker, &run, Status::Paused).await;
    assert_eq!((tried.times(), worker.stats().errors), (4, 4));
    let reason = run.pauses().await.unwrap()[0].1.reason.unwrap();
    let reason = String::from_utf8(run.content(&reason).await.unwrap().unwrap()).unwrap();
    assert!(reason.contains("waits for something that is not a step"), "{reason}");
}

#[tokio::test]
async fn a_failed_run_ends_and_a_doubt_waits_for_somebody() {
    let world = world();
    let process = world.process();
    let fails = |_: WorkflowContext, (): ()| async { Err::<(), _>(Failure::new("no")) };
    process.kernel.register("fails", fails).unwrap();
    let run = process.kernel.enqueue(&tenant(), "fails", &()).id("f").await.unwrap();
    let worker = Worker::new(&process.kernel);
    work_until(&world, &worker, &run, Status::Failed).await;
    assert_eq!((worker.stats().ended, worker.stats().failed), (1, 1));

    process.faults.plan("tool.call.after", Action::Fail);
    let doubts = |cx: WorkflowContext, (): ()| async move {
        cx.step("mail").tool_json("mail", FIVE).await?;
        Ok(())
    };
    process.kernel.register("doubts", doubts).unwrap();
    let run = process.kernel.enqueue(&tenant(), "doubts", &()).id("d").await.unwrap();
    work_until(&world, &worker, &run, Status::NeedsReconciliation).await;
    let taken = worker.stats().taken;
    let while_it_waits = async { artana_ports::Clock::sleep(&world.clock, seconds(600)).await };
    world.pass_time(worker.run_until(while_it_waits)).await.unwrap();
    assert_eq!(worker.stats().taken, taken, "nobody takes it until the doubt is cleared");
    let resolved = artana_kernel::Resolve::succeeded("ann", "{\"charge\":\"ch_1\"}", "seen at the provider");
    run.resolve("mail", resolved).await.unwrap();
    work_until(&world, &worker, &run, Status::Completed).await;
}

#[tokio::test]
async fn tenants_queues_and_the_worker_itself_have_their_limits() {
    let world = world();
    let process = world.process();
    let (gate, most) = (Arc::new(Semaphore::new(0)), Arc::new(std::sync::Mutex::new((0_usize, 0_usize))));
    let (held, seen) = (Arc::clone(&gate), Arc::clone(&most));
    let code = move |cx: WorkflowContext, (): ()| {
        let (held, seen) = (Arc::clone(&held), Arc::clone(&seen));
        async move {
            let waits = async move || {
                {
                    let mut seen = seen.lock().unwrap();
                    seen.0 += 1;
                    seen.1 = seen.1.max(seen.0);
                }
                held.acquire().await?.forget();
                seen.lock().unwrap().0 -= 1;
                Ok(())
            };
            cx.step("wait").compute(waits).await?;
            Ok(())
        }
    };
    process.kernel.register("waits", code).unwrap();
    type Limit = fn(Worker) -> Worker;
    let limits: [(Limit, usize); 3] =
        [(|w| w.concurrency(3), 3), (|w| w.per_tenant(2), 4), (|w| w.per_queue("waits", 5), 5)];
    for (n, (limit, expected)) in limits.into_iter().enumerate() {
        let mut runs = Vec::new();
        for tenant in ["one", "two"] {
            for at in 0..4 {
                let id = format!("{n} {at}");
                runs.push(process.kernel.enqueue(&Tenant::new(tenant), "waits", &()).id(id).await.unwrap());
            }
        }
        *most.lock().unwrap() = (0, 0);
        let worker = limit(Worker::new(&process.kernel));
        let work = async {
            let open = async {
                world.settle().await;
                gate.add_permits(runs.len());
                for run in &runs {
                    while run.status().await.unwrap() != Status::Completed {
                        tokio::task::yield_now().await;
                    }
                }
            };
            world.pass_time(worker.run_until(open)).await.unwrap();
        };
        work.await;
        assert_eq!(most.lock().unwrap().1, expected, "limit {n}");
    }
}

#[tokio::test]
async fn draining_lets_steps_end_and_leaves_the_rest_to_others() {
    let world = world();
    let process = world.process();
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (told, held) = (Arc::clone(&begun), Arc::clone(&gate));
    let second = Ran::default();
    let counted = second.clone();
    let code = move |cx: WorkflowContext, (): ()| {
        let (told, held, counted) = (Arc::clone(&told), Arc::clone(&held), counted.clone());
        async move {
            cx.step("first")
                .once(move || async move {
                    told.notify_one();
                    held.acquire().await?.forget();
                    Ok(())
                })
                .await?;
            cx.step("second").compute(move || async move { Ok(counted.once()) }).await?;
            Ok(())
        }
    };
    let register = |process: &Process| process.kernel.register("two", code.clone()).unwrap();
    register(&process);
    let run = process.kernel.enqueue(&tenant(), "two", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    let stop = async {
        begun.notified().await;
        gate.add_permits(1);
    };
    world.pass_time(worker.run_until(stop)).await.unwrap();
    assert_eq!((second.times(), worker.stats().left), (0, 1));
    assert_eq!(run.status().await.unwrap(), Status::Running);
    // The lease was given back, so that nobody waits for this process to die.
    let other = world.process();
    register(&other);
    let before = artana_ports::Clock::now(&world.clock);
    work_until(&world, &Worker::new(&other.kernel), &run, Status::Completed).await;
    assert!(artana_ports::Clock::now(&world.clock).since(before) < Duration::from_secs(3));
    assert_eq!(second.times(), 1);
}

#[tokio::test]
async fn asking_twice_makes_one_run() {
    let world = world();
    let process = world.process();
    pays(&process.kernel);
    let ask = || process.kernel.enqueue(&tenant(), "pays", &"a").deduplicate("invoice-7");
    let both = ask().id("another").await;
    assert!(matches!(both, Err(Error::InvalidValue { .. })), "one of them names the run");
    let (first, again) = (ask().await.unwrap(), ask().await.unwrap());
    assert_eq!((first.id(), again.id()), ("pays:invoice-7", "pays:invoice-7"));
    finished(&world, &Worker::new(&process.kernel), &[first]).await;
    assert_eq!(ask().await.unwrap().status().await.unwrap(), Status::Completed);
    assert_eq!(world.effects(), 1);
    let other = process.kernel.enqueue(&tenant(), "pays", &"a").id("pays:invoice-7").await;
    assert!(matches!(other, Err(Error::RunExists { .. })));
}

#[tokio::test]
async fn a_child_that_waits_is_gone_on_with_by_driving_its_parent() {
    let world = world();
    let process = world.process();
    let code = |cx: WorkflowContext, (): ()| async move {
        let said = cx.child("ask", |cx| async move { Ok(cx.signal::<u32>("answer").await?) }).await?;
        Ok(said + 1)
    };
    process.kernel.register("parent", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "parent", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    work_until(&world, &worker, &run, Status::Sleeping).await;
    let child = process.kernel.open_run(&tenant(), "r/ask").await.unwrap();
    assert_eq!(child.status().await.unwrap(), Status::Sleeping);
    child.signal("answer", "ann", &41).await.unwrap();
    work_until(&world, &worker, &run, Status::Completed).await;
    assert_eq!(child.status().await.unwrap(), Status::Completed);
    world.verify(&run).await;
    world.verify(&child).await;
}

#[tokio::test]
async fn ten_thousand_sleeping_runs_cost_an_idle_worker_two_queries_a_second_at_most() {
    let world = world();
    let process = world.process();
    let sleeps = |cx: WorkflowContext, (): ()| async move { Ok(cx.sleep("long", seconds(86_400 * 30)).await?) };
    process.kernel.register("sleeps", sleeps).unwrap();
    for n in 0..10_000 {
        process.kernel.enqueue(&tenant(), "sleeps", &()).id(format!("r{n}")).await.unwrap();
    }
    let worker = Worker::new(&process.kernel).concurrency(64);
    let all_asleep = async {
        while worker.stats().left < 10_000 {
            tokio::task::yield_now().await;
        }
    };
    world.pass_time(worker.run_until(all_asleep)).await.unwrap();
    let before = world.counts();
    let minute = artana_ports::Clock::sleep(&world.clock, seconds(60));
    world.pass_time(worker.run_until(minute)).await.unwrap();
    let after = world.counts();
    let asked = |counts: &artana_testkit::Counts| {
        let reads = counts.reads + counts.heads + counts.contents + counts.views + counts.listings;
        reads + counts.appends + counts.beats + counts.lookups + counts.takes + counts.follows + counts.keys
    };
    let queries = asked(&after) - asked(&before);
    assert!(queries <= 120, "{queries} queries in a minute");
}
