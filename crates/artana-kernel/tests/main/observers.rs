//! Who looks on: observers after each commit, followers across processes, and the run as it was.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use artana_core::{Event, RunRef, Seq, Tenant};
use artana_kernel::{Follow, Kernel, Run};
use artana_ports::{EventStore, Observer, RunQuery};
use artana_testkit::fault::Action;
use tokio::task::JoinHandle;

use crate::{
    asking::{ask, asked, echo},
    forks::{fork, parent},
    store_faults::nth,
    world::{World, call, code, tenant, world},
};

/// Writes down what it is shown.
#[derive(Debug, Clone, Default)]
struct Diary(Arc<Mutex<Vec<(RunRef, Seq, String)>>>);

impl Observer for Diary {
    fn committed(&self, run: &RunRef, events: &[Event]) {
        assert!(!events.is_empty());
        let entries = events.iter().map(|event| (run.clone(), event.seq(), event.kind().to_owned()));
        self.0.lock().unwrap().extend(entries);
    }
}

impl Diary {
    /// Returns the kinds it was shown of each run, in order, and checks that none is missing.
    fn by_run(&self) -> BTreeMap<String, Vec<String>> {
        let mut by_run: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (run, seq, kind) in self.0.lock().unwrap().iter() {
            let kinds = by_run.entry(run.run.to_string()).or_default();
            kinds.push(kind.clone());
            assert_eq!(seq.get(), kinds.len() as u64, "each event of {run} once and in order");
        }
        by_run
    }
}

/// Panics at every commit.
#[derive(Debug, Clone, Default)]
struct Grumpy(Arc<AtomicUsize>);

impl Observer for Grumpy {
    fn committed(&self, _: &RunRef, _: &[Event]) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("on purpose");
    }
}

async fn all_kinds(world: &World, kernel: &Kernel, id: &str) -> Vec<String> {
    let run = kernel.open_run(&tenant(), id).await.unwrap();
    world.events(&run).await.iter().map(|event| event.kind().to_owned()).collect()
}

#[tokio::test]
async fn an_observer_sees_every_commit_of_its_process_in_order() {
    let (world, diary) = (world(), Diary::default());
    let process = world.asking_with(&echo(), |builder| builder.observer(diary.clone()).observer(Grumpy::default()));
    let run = parent(&process).await;
    for append in 1..=2 {
        nth(&process.faults, "append.after", append, Action::Fail);
        world.pass_time(call(&run, &format!("lost{append}"), "mail")).await.unwrap();
    }
    run.set_artifact("a", &1, 1).await.unwrap();
    run.note("n", &1).await.unwrap();
    asked(&run, "draft", "write better").replay(artana_core::decide::ReplayPolicy::AllowPromptDrift).await.unwrap();
    process.faults.plan("append.after", Action::Fail);
    let forking = asked(&run, "draft", "write better").replay(artana_core::decide::ReplayPolicy::ForkOnDrift);
    let child = world.pass_time(forking).await.unwrap().run().clone();
    call(&child, "own", "mail").await.unwrap();
    let wanted = run.fork_at("draft", "mine", "ann").await.unwrap();
    process.faults.plan("append.after", Action::Fail);
    world.pass_time(process.kernel.start_run(&tenant(), "other")).await.unwrap();
    run.cancel("ann", "enough").await.unwrap();
    let seen = diary.by_run();
    assert_eq!(seen.keys().collect::<Vec<_>>().len(), 4);
    for id in ["r", child.id(), wanted.id(), "other"] {
        assert_eq!(seen[id], all_kinds(&world, &process.kernel, id).await, "{id}");
    }
}

#[tokio::test]
async fn an_observer_is_not_shown_what_others_commit() {
    let (world, diary) = (world(), Diary::default());
    let process = world.asking_with(&echo(), |builder| builder.observer(diary.clone()));
    let run = process.run("r").await;
    let elsewhere = world.asking(&echo()).run("r").await;
    let before = diary.0.lock().unwrap().len();
    call(&elsewhere, "theirs", "mail").await.unwrap();
    ask(&elsewhere, "asked", "hi").await.unwrap();
    fork(&elsewhere, "asked", "ho").await;
    assert!(ask(&run, "asked", "hi").await.unwrap().is_replayed());
    assert_eq!(diary.0.lock().unwrap().len(), before);
}

#[tokio::test]
async fn an_observer_that_panics_harms_nobody() {
    let (world, grumpy, diary) = (world(), Grumpy::default(), Diary::default());
    let process = world.asking_with(&echo(), |builder| builder.observer(grumpy.clone()).observer(diary.clone()));
    let run = parent(&process).await;
    fork(&run, "draft", "write better").await;
    run.finish().await.unwrap();
    assert_eq!(diary.by_run()["r"], all_kinds(&world, &process.kernel, "r").await);
    assert!(grumpy.0.load(Ordering::SeqCst) >= 10);
    process.kernel.close().await.unwrap();
    world.verify(&world.asking(&echo()).run("r").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_of_steps_at_once_are_seen_in_order() {
    let (world, diary) = (world(), Diary::default());
    let process = world.asking_with(&echo(), |builder| builder.observer(diary.clone()));
    let run = process.run("r").await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32 {
        let run = run.clone();
        tasks.spawn(async move { ask(&run, &format!("s{n}"), "hi").await.map(drop) });
    }
    tasks.join_all().await.into_iter().collect::<Result<(), _>>().unwrap();
    assert_eq!(diary.by_run()["r"], all_kinds(&world, &process.kernel, "r").await);
}

/// Follows until so many events have come.
fn following(mut follow: Follow, many: usize) -> JoinHandle<Vec<Event>> {
    tokio::spawn(async move {
        let mut events = Vec::new();
        while events.len() < many {
            events.push(follow.next().await.unwrap().expect("it does not end"));
        }
        events
    })
}

#[tokio::test]
async fn a_follower_sees_every_event_of_whatever_process_from_its_cursor_on() {
    let world = world();
    let (first, second) = (world.asking(&echo()), world.asking(&echo()));
    let (run, elsewhere) = (first.run("r").await, second.run("r").await);
    let from_start = following(run.follow(Seq::ZERO), 9);
    let from_cursor = following(elsewhere.follow(Seq::new(3)), 6);
    for n in 0..4 {
        world.settle().await;
        let run: &Run = if n % 2 == 0 { &run } else { &elsewhere };
        ask(run, &format!("s{n}"), "hi").await.unwrap();
    }
    let rows = world.store.read(run.name(), Seq::ZERO, 100).await.unwrap();
    for (events, after) in [(from_start.await.unwrap(), 0), (from_cursor.await.unwrap(), 3)] {
        let seen: Vec<_> = events.iter().map(|event| event.record().clone()).collect();
        assert_eq!(seen, rows[after..]);
    }
    // The cursor of a follower that went away is where another one goes on.
    let mut follow = run.follow(Seq::ZERO);
    let cursor = follow.next().await.unwrap().unwrap().seq();
    drop(follow);
    assert_eq!(run.follow(cursor).next().await.unwrap().unwrap().seq(), cursor.next());
}

#[tokio::test]
async fn a_follower_loses_nothing_when_it_stops_waiting_and_goes_on() {
    let world = world();
    let process = world.asking(&echo());
    let run = process.run("r").await;
    let mut follow = run.follow(Seq::new(1));
    for n in 0..5 {
        crate::dropped::poll_and_drop(follow.next(), 10).await;
        ask(&run, &format!("s{n}"), "hi").await.unwrap();
        for expected in [2 + 2 * n, 3 + 2 * n] {
            assert_eq!(follow.next().await.unwrap().unwrap().seq(), Seq::new(expected));
        }
    }
}

#[tokio::test]
async fn a_follower_of_a_closed_kernel_or_a_store_that_is_away_ends_with_an_error() {
    let world = world();
    let process = world.asking(&echo());
    let run = process.run("r").await;
    process.faults.plan("read.before", Action::Fail);
    let mut follow = run.follow(Seq::ZERO);
    assert_eq!(code(follow.next().await), "artana::store_unavailable");
    assert!(follow.next().await.unwrap().is_none());
    let mut follow = run.follow(Seq::ZERO);
    follow.next().await.unwrap();
    process.kernel.close().await.unwrap();
    assert_eq!(code(follow.next().await), "artana::closed");
    assert_eq!(code(run.run_at(Seq::new(1)).await), "artana::closed");
}

#[tokio::test]
async fn a_follower_of_a_fork_sees_the_forks_own_events() {
    let world = world();
    let process = world.asking(&echo());
    let child = fork(&parent(&process).await, "draft", "write better").await;
    let events = following(child.follow(Seq::ZERO), 3).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind().to_owned()).collect();
    assert_eq!(kinds, ["run_started", "model_requested", "model_terminal"]);
}

#[tokio::test]
async fn a_run_keeps_its_labels_and_its_forks_have_them_too() {
    let world = world();
    let process = world.asking(&echo());
    let labelled = Tenant::new("acme").label("team", "billing").label("tier", "one");
    let run = process.kernel.run(&labelled, "r").await.unwrap();
    parent(&process).await;
    let child = fork(&run, "draft", "write better").await;
    process.kernel.run(&tenant().label("team", "sales"), "other").await.unwrap();
    let labels = |run: &Run| run.labels().into_iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
    for run in [&run, &child, &world.asking(&echo()).run("r").await] {
        assert_eq!(labels(run), ["team=billing", "tier=one"]);
    }
    let mut query = RunQuery::all(tenant().id().unwrap().clone());
    query.label = Some((artana_core::LabelKey::parse("team").unwrap(), "billing".into()));
    assert_eq!(process.kernel.runs(&query).await.unwrap().items.len(), 2);
    query.parent = Some(artana_core::RunId::parse("r").unwrap());
    assert_eq!(process.kernel.runs(&query).await.unwrap().items.len(), 1);
}
