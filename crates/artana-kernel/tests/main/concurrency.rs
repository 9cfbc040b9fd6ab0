//! Many tasks and many processes on one run: one effect each, keys of their own, one contiguous ledger.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use artana_kernel::Error;
use artana_testkit::fault::{Action, Spot};
use tokio::task::JoinSet;

use crate::world::{World, call, code, tenant, world};

const MANY: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_on_one_step_cause_one_effect() {
    for tool in ["look", "pay", "mail"] {
        let world = world();
        let process = world.process();
        let run = process.run("r").await;
        let mut tasks = JoinSet::new();
        for _ in 0..MANY {
            let run = run.clone();
            tasks.spawn(
                async move { call(&run, "a", tool).await.map(|answer| (answer.raw().to_vec(), answer.request())) },
            );
        }
        let answers = tasks.join_all().await.into_iter().collect::<Result<BTreeSet<_>, _>>().unwrap();
        assert_eq!(answers.len(), 1, "{tool}: all get the same answer");
        assert_eq!(world.effects() as u64 + world.looks(), 1, "{tool}");
        assert_eq!(world.kinds(&run).await, ["tool_requested", "tool_completed"]);
        world.verify(&run).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_steps_at_once_have_keys_of_their_own() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    let mut tasks = JoinSet::new();
    for n in 0..MANY {
        let run = run.clone();
        tasks.spawn(async move { call(&run, &format!("s{n}"), "mail").await.map(drop) });
    }
    tasks.join_all().await.into_iter().collect::<Result<(), _>>().unwrap();
    let keys: BTreeSet<_> = world.provider.book().into_iter().map(|entry| entry.key).collect();
    assert_eq!((world.effects(), keys.len()), (MANY, MANY));
    assert_eq!(world.kinds(&run).await.len(), 2 * MANY);
    world.verify(&run).await;
}

#[tokio::test]
async fn steps_at_once_leave_in_few_appends() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    let clock = Arc::new(world.clock.clone());
    process.faults.plan(Spot::Every("append.before"), Action::Delay(clock, Duration::from_millis(1)));
    let before = world.counts().appends;
    let mut tasks = JoinSet::new();
    for n in 0..MANY {
        let run = run.clone();
        tasks.spawn(async move { call(&run, &format!("s{n}"), "mail").await.map(drop) });
    }
    world.pass_time(tasks.join_all()).await.into_iter().collect::<Result<(), _>>().unwrap();
    let appends = world.counts().appends - before;
    assert!(appends <= 6, "{appends} appends for {MANY} steps");
    world.verify(&run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_on_one_step_cause_one_effect() {
    for tool in ["pay", "mail"] {
        let world = world();
        world.process().run("r").await;
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let process = world.process();
            tasks.spawn(async move {
                let run = process.run("r").await;
                call(&run, "a", tool).await.map(|answer| answer.request())
            });
        }
        let mut requests = BTreeSet::new();
        for answer in tasks.join_all().await {
            match answer {
                Ok(request) => drop(requests.insert(request)),
                Err(Error::InFlight { .. }) => {}
                Err(other) => panic!("{tool}: {other}"),
            }
        }
        assert_eq!((requests.len(), world.effects()), (1, 1), "{tool}");
        world.verify(&world.process().run("r").await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_on_many_steps_share_one_ledger() {
    let world = world();
    world.process().run("r").await;
    let mut tasks = JoinSet::new();
    for p in 0..4 {
        let process = world.process();
        tasks.spawn(async move {
            let run = process.run("r").await;
            for n in 0..10 {
                call(&run, &format!("p{p}-{n}"), "mail").await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let run = world.process().run("r").await;
    assert_eq!((world.effects(), world.kinds(&run).await.len()), (40, 80));
    world.verify(&run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_starters_one_wins() {
    let world = world();
    let kernels: Vec<_> = (0..8).map(|_| world.process().kernel).collect();
    let mut starters = JoinSet::new();
    for kernel in kernels.clone() {
        starters.spawn(async move { kernel.start_run(&tenant(), "r").await.map(drop) });
    }
    let results = starters.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    results.into_iter().filter(Result::is_err).for_each(|lost| assert_eq!(code(lost), "artana::run_exists"));

    let mut openers = JoinSet::new();
    for kernel in kernels {
        openers.spawn(async move { kernel.run(&tenant(), "another").await.map(drop) });
    }
    openers.join_all().await.into_iter().collect::<Result<(), _>>().unwrap();
    only_started(&world, "r").await;
    only_started(&world, "another").await;
}

async fn only_started(world: &World, id: &str) {
    let run = world.process().run(id).await;
    let kinds: Vec<_> = world.events(&run).await.iter().map(|event| event.kind().to_owned()).collect();
    assert_eq!(kinds, ["run_started"]);
    world.verify(&run).await;
}

#[tokio::test]
async fn other_processes_see_a_living_owner_and_then_its_answer() {
    let world = world();
    let (first, second) = (world.process(), world.process());
    let run = first.run("r").await;
    let clock: Arc<dyn artana_ports::Clock> = Arc::new(world.clock.clone());
    first.faults.plan("tool.call.before", Action::Delay(clock, crate::world::TTL / 3));
    let task = tokio::spawn(async move { call(&run, "a", "mail").await.map(|answer| answer.request()) });
    world.settle().await;
    let elsewhere = second.run("r").await;
    assert_eq!(code(call(&elsewhere, "a", "mail").await), "artana::in_flight");
    let request = world.pass_time(task).await.unwrap().unwrap();
    let answer = call(&elsewhere, "a", "mail").await.unwrap();
    assert!(answer.is_replayed() && answer.request() == request);
}

#[tokio::test]
async fn callers_in_the_same_process_wait_for_the_call_under_way() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    let clock = Arc::new(world.clock.clone());
    process.faults.plan("tool.call.after", Action::Delay(clock, crate::world::TTL / 3));
    let ask = |run: artana_kernel::Run| async move { call(&run, "a", "mail").await.map(|answer| answer.request()) };
    let first = tokio::spawn(ask(run.clone()));
    world.settle().await;
    let second = tokio::spawn(ask(run.clone()));
    world.settle().await;
    assert!(!second.is_finished());
    let first = world.pass_time(first).await.unwrap().unwrap();
    assert_eq!((second.await.unwrap().unwrap(), world.effects()), (first, 1));
}
