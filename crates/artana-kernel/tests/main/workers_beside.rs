//! Children beside a parent that is busy, paused, ending, or being left, and beside many others.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use artana_core::Status;
use artana_kernel::{Either, Failure, Kernel, Worker, WorkflowContext};
use artana_ports::Clock;
use tokio::sync::Notify;

use crate::{
    workers::work_until,
    workflow::{Ran, seconds},
    world::{World, code, tenant, world},
};

/// A step that is under way until it is let go.
#[derive(Debug, Clone, Default)]
struct Gate {
    inside: Ran,
    opens: Arc<Notify>,
}

impl Gate {
    async fn passes(self) -> Result<(), Failure> {
        self.inside.once();
        self.opens.notified().await;
        Ok(())
    }

    async fn is_entered(&self) {
        while self.inside.times() == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// A parent with a child of two steps: one stays at a gate, the other one counts.
fn gated(kernel: &Kernel, gate: &Gate, ran: &Ran) {
    let (gate, ran) = (gate.clone(), ran.clone());
    let code = move |cx: WorkflowContext, (): ()| {
        let (gate, ran) = (gate.clone(), ran.clone());
        async move {
            let child = move |cx: WorkflowContext| async move {
                cx.step("a").once(move || gate.passes()).await?;
                Ok(cx.step("b").compute(move || async move { Ok(ran.once()) }).await?)
            };
            Ok(cx.child("kid", child).await?)
        }
    };
    kernel.register("gated", code).unwrap();
}

#[tokio::test]
async fn a_child_that_works_begins_nothing_more_once_its_parent_is_paused_or_cancelled() {
    for cancelled in [false, true] {
        let (world, gate, ran) = (world(), Gate::default(), Ran::default());
        let (process, person) = (world.process(), world.process());
        gated(&process.kernel, &gate, &ran);
        let run = process.kernel.enqueue(&tenant(), "gated", &()).id("r").await.unwrap();
        let theirs = person.kernel.open_run(&tenant(), "r").await.unwrap();
        let worker = Worker::new(&process.kernel);
        let stops = async {
            gate.is_entered().await;
            if cancelled {
                theirs.cancel("ann", "enough").await.unwrap();
            } else {
                theirs.pause("ann", "a look at it").await.unwrap();
            }
            world.settle().await;
            gate.opens.notify_one();
            while worker.stats().driving > 0 {
                tokio::task::yield_now().await;
            }
        };
        world.pass_time(worker.run_until(stops)).await.unwrap();
        let child = process.kernel.open_run(&tenant(), "r/kid").await.unwrap();
        assert_eq!((ran.times(), worker.stats().errors), (0, 0));
        if cancelled {
            assert_eq!((run.status().await.unwrap(), child.status().await.unwrap()), {
                (Status::Cancelled, Status::Cancelled)
            });
        } else {
            theirs.resume("ann").await.unwrap();
            work_until(&world, &worker, &run, Status::Completed).await;
            assert_eq!((ran.times(), gate.inside.times()), (1, 1));
        }
        world.verify(&child).await;
    }
}

/// The children's time comes, and neither they nor anybody else waits for what their parent is busy with.
#[tokio::test]
async fn a_childs_time_comes_beside_a_busy_parent_and_takes_nobodys_place() {
    let (world, gate, woke) = (world(), Gate::default(), Ran::default());
    let process = world.process();
    let (inside, counts) = (gate.clone(), woke.clone());
    let code = move |cx: WorkflowContext, (): ()| {
        let (gate, woke) = (inside.clone(), counts.clone());
        async move {
            let kids = cx.join_all((0..4).map(|n| {
                let woke = woke.clone();
                cx.child(format!("kid{n}"), move |cx: WorkflowContext| async move {
                    cx.sleep("nap", seconds(5)).await?;
                    Ok(cx.step("woke").compute(move || async move { Ok(woke.once()) }).await?)
                })
            }));
            let long = cx.step("long").compute(move || gate.passes());
            let (kids, long) = cx.join(kids, long).await;
            kids.into_iter().try_for_each(|kid| kid.map(drop))?;
            Ok(long?)
        }
    };
    process.kernel.register("busy", code).unwrap();
    process.kernel.register("other", |_: WorkflowContext, (): ()| async { Ok(()) }).unwrap();
    let run = process.kernel.enqueue(&tenant(), "busy", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel).concurrency(4);
    let looks = async {
        Clock::sleep(&world.clock, seconds(60)).await;
        let other = process.kernel.enqueue(&tenant(), "other", &()).id("o").await.unwrap();
        Clock::sleep(&world.clock, seconds(60)).await;
        assert_eq!((woke.times(), other.status().await.unwrap()), (4, Status::Completed));
        gate.opens.notify_one();
        while run.status().await.unwrap() != Status::Completed {
            tokio::task::yield_now().await;
        }
    };
    world.pass_time(worker.run_until(looks)).await.unwrap();
    assert_eq!((worker.stats().errors, gate.inside.times()), (0, 1));
}

/// What a child beside it waits for is no reason for other processes to run its code.
#[tokio::test]
async fn a_busy_parents_code_runs_in_one_process() {
    let (world, gate, replays) = (world(), Gate::default(), Ran::default());
    let processes = [world.process(), world.process(), world.process()];
    for process in &processes {
        let (gate, replays) = (gate.clone(), replays.clone());
        let code = move |cx: WorkflowContext, (): ()| {
            let gate = gate.clone();
            replays.once();
            async move {
                let kid = cx.child("kid", |cx: WorkflowContext| async move { Ok(cx.sleep("nap", seconds(5)).await?) });
                let long = cx.step("long").compute(move || gate.passes());
                let (kid, long) = cx.join(kid, long).await;
                kid?;
                Ok(long?)
            }
        };
        process.kernel.register("busy", code).unwrap();
    }
    let run = processes[0].kernel.enqueue(&tenant(), "busy", &()).id("r").await.unwrap();
    let workers = processes.each_ref().map(|process| Worker::new(&process.kernel).concurrency(1));
    let ten_minutes = || Clock::sleep(&world.clock, seconds(600));
    let [first, second, third] = &workers;
    let work = async {
        tokio::join!(first.run_until(ten_minutes()), second.run_until(ten_minutes()), async {
            let opens = async {
                ten_minutes().await;
                gate.opens.notify_one();
            };
            third.run_until(opens).await
        })
    };
    let ended = world.pass_time(work).await;
    ended.0.and(ended.1).and(ended.2).unwrap();
    assert_eq!((gate.inside.times(), replays.times()), (1, 1));
    assert_eq!(run.status().await.unwrap(), Status::Completed);
}

#[tokio::test]
async fn draining_lets_a_step_end_beside_a_child_that_is_left() {
    let (world, short, long) = (world(), Gate::default(), Gate::default());
    let process = world.process();
    let gates = (short.clone(), long.clone());
    let code = move |cx: WorkflowContext, (): ()| {
        let (short, long) = gates.clone();
        async move {
            let one = cx.child("one", move |cx: WorkflowContext| async move {
                cx.step("a").once(move || short.passes()).await?;
                Ok(cx.step("b").compute(|| async { Ok(()) }).await?)
            });
            let two = cx.child("two", move |cx: WorkflowContext| async move {
                Ok(cx.step("a").once(move || long.passes()).await?)
            });
            let (one, two) = cx.join(one, two).await;
            one?;
            Ok(two?)
        }
    };
    process.kernel.register("two", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "two", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    let stop = async {
        short.is_entered().await;
        long.is_entered().await;
    };
    let opens = async {
        while !worker.stats().draining {
            tokio::task::yield_now().await;
        }
        short.opens.notify_one();
        world.settle().await;
        assert_eq!(worker.stats().driving, 1, "a step is under way");
        long.opens.notify_one();
    };
    let (ended, ()) = world.pass_time(async { tokio::join!(worker.run_until(stop), opens) }).await;
    ended.unwrap();
    assert_eq!((worker.stats().errors, run.status().await.unwrap()), (0, Status::Running));
    work_until(&world, &worker, &run, Status::Completed).await;
    assert_eq!((short.inside.times(), long.inside.times()), (1, 1));
}

/// Returns how often children's code runs, and how many appends are tried, where one wakes after the other.
async fn many(world: &World, kids: u64) -> (u64, usize) {
    let (process, ran) = (world.process(), Ran::default());
    let counts = ran.clone();
    let code = move |cx: WorkflowContext, (): ()| {
        let ran = counts.clone();
        async move {
            let all = (0..kids).map(|n| {
                let ran = ran.clone();
                cx.child(format!("kid{n}"), move |cx: WorkflowContext| async move {
                    ran.once();
                    Ok(cx.sleep("nap", seconds(100 + 10 * n)).await?)
                })
            });
            Ok(cx.join_all(all).await.into_iter().try_for_each(|kid| kid.map(drop))?)
        }
    };
    process.kernel.register("many", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "many", &()).id("r").await.unwrap();
    work_until(world, &Worker::new(&process.kernel), &run, Status::Completed).await;
    (ran.times(), process.faults.points().iter().filter(|point| point.name == "append.before").count())
}

/// Each child's code runs until it waits, and once more when its time has come, however many others wait.
#[tokio::test]
async fn a_child_that_waits_costs_nothing_when_another_one_wakes() {
    let (few, lots) = (many(&world(), 10).await, many(&world(), 40).await);
    assert_eq!((few.0, lots.0), (20, 80));
    assert!(lots.1 <= 4 * few.1, "appends: {} for ten, {} for forty", few.1, lots.1);
}

#[tokio::test]
async fn a_child_is_driven_by_its_parents_code_and_by_no_other() {
    let process = world().process();
    let parent = process.workflow(|cx| async move {
        Ok(cx.child("kid", |cx: WorkflowContext| async move { Ok(cx.sleep("nap", seconds(60)).await?) }).await?)
    });
    parent.await.unwrap();
    let driven = process.kernel.workflow(&tenant(), "r/kid", |_| async { Ok(()) }).await;
    assert_eq!(code(driven), "artana::not_that_workflow");
}

/// A clock that counts who waits for it.
#[derive(Debug, Clone)]
struct Counting(artana_testkit::SimClock, Arc<AtomicU64>);

#[async_trait::async_trait]
impl Clock for Counting {
    fn now(&self) -> artana_core::Timestamp {
        self.0.now()
    }

    fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: std::time::Duration) {
        self.1.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Clock::sleep(&self.0, duration).await;
    }
}

#[tokio::test]
async fn a_limit_that_passes_in_an_ending_run_keeps_nobody_busy() {
    let (world, gate, sleeps) = (world(), Gate::default(), Arc::new(AtomicU64::new(0)));
    let counting = Counting(world.clock.clone(), Arc::clone(&sleeps));
    let process = world.process_with(|builder, _| builder.clock(Arc::new(counting)));
    let inside = gate.clone();
    let driven = tokio::spawn(process.workflow(|cx| async move {
        let step = cx.step("long").once(move || inside.passes());
        cx.race(step, cx.sleep("limit", seconds(60))).await;
        Ok(())
    }));
    gate.is_entered().await;
    let run = process.kernel.open_run(&tenant(), "r").await.unwrap();
    let cancelling = tokio::spawn(async move { run.cancel("ann", "enough").await });
    for _ in 0..7 {
        world.settle().await;
        world.clock.advance(seconds(10));
    }
    world.settle().await;
    let before = sleeps.load(Ordering::SeqCst);
    world.settle().await;
    assert_eq!(sleeps.load(Ordering::SeqCst), before);
    gate.opens.notify_one();
    assert_eq!(code(driven.await.unwrap()), "artana::ended");
    cancelling.await.unwrap().unwrap();
}

/// A child's own question is one of the things that it waits for, and not the end of its waiting.
#[tokio::test]
async fn a_child_that_asks_a_person_for_a_while_goes_on_when_that_is_over() {
    let world = world();
    let process = world.process();
    let code = |cx: WorkflowContext, (): ()| async move {
        let asks = |cx: WorkflowContext| async move {
            match cx.race(cx.pause::<()>("ask", "now?"), cx.sleep("limit", seconds(600))).await {
                Either::Left(said) => said.map(drop)?,
                Either::Right(late) => late?,
            }
            Ok(())
        };
        Ok(cx.child("kid", asks).await?)
    };
    process.kernel.register("asks", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "asks", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    work_until(&world, &worker, &run, Status::Completed).await;
    assert!(worker.stats().taken <= 4, "{:?}", worker.stats());
}

/// What it gave up ends too, and its parent hears of its own end in time.
#[tokio::test]
async fn a_child_ends_with_a_child_of_its_own_that_lost_a_race_beside_a_busy_run() {
    let (world, gate) = (world(), Gate::default());
    let process = world.process();
    let inside = gate.clone();
    let code = move |cx: WorkflowContext, (): ()| {
        let gate = inside.clone();
        async move {
            let kid = cx.child("kid", |cx: WorkflowContext| async move {
                let grand = |cx: WorkflowContext| async move { Ok(cx.signal::<()>("never").await?) };
                match cx.race(cx.child("grand", grand), cx.sleep("limit", seconds(5))).await {
                    Either::Left(said) => said?,
                    Either::Right(late) => late?,
                }
                Ok(())
            });
            match cx.race(kid, cx.step("long").compute(move || gate.passes())).await {
                Either::Left(kid) => kid.map(|()| true),
                Either::Right(long) => long.map(|()| false),
            }
            .map_err(Into::into)
        }
    };
    process.kernel.register("busy", code).unwrap();
    let run = process.kernel.enqueue(&tenant(), "busy", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    let ends = async {
        Clock::sleep(&world.clock, seconds(60)).await;
        for (child, status) in [("r/kid", Status::Completed), ("r/kid/grand", Status::Cancelled)] {
            let child = process.kernel.open_run(&tenant(), child).await.unwrap();
            assert_eq!(child.status().await.unwrap(), status);
        }
        gate.opens.notify_one();
        while run.status().await.unwrap() != Status::Completed {
            tokio::task::yield_now().await;
        }
    };
    world.pass_time(worker.run_until(ends)).await.unwrap();
}

#[tokio::test]
async fn children_that_wait_keep_no_step_from_beginning() {
    let (world, gate, ran) = (world(), Gate::default(), Ran::default());
    let process = world.process();
    let (inside, counts) = (gate.clone(), ran.clone());
    let code = move |cx: WorkflowContext, (): ()| {
        let (gate, ran) = (inside.clone(), counts.clone());
        async move {
            let waits = |cx: WorkflowContext| async move { Ok(cx.signal::<()>("go").await?) };
            let kids = cx.join_all((0..64).map(|n| cx.child(format!("kid{n}"), waits)));
            let long = cx.step("long").compute(move || gate.passes());
            let short = cx.step("short").compute(move || async move { Ok(ran.once()) });
            let (_, (long, short)) = cx.join(kids, cx.join(long, short)).await;
            long?;
            Ok(short?)
        }
    };
    process.kernel.register("many", code).unwrap();
    process.kernel.enqueue(&tenant(), "many", &()).id("r").await.unwrap();
    let worker = Worker::new(&process.kernel);
    let begins = async {
        Clock::sleep(&world.clock, seconds(60)).await;
        assert_eq!((gate.inside.times(), ran.times()), (1, 1));
        gate.opens.notify_one();
    };
    world.pass_time(worker.run_until(begins)).await.unwrap();
}
