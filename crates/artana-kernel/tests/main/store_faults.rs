//! A store that loses replies, is away, or holds what a newer version wrote.

use std::sync::Arc;

use artana_core::{EventId, Record, Seq, Status};
use artana_ports::{Append, Authority, EventStore};
use artana_testkit::fault::{Action, Faults};

use crate::world::{Process, World, call, code, tenant, world};

#[tokio::test]
async fn a_lost_reply_of_an_append_is_recorded_once() {
    // The second and third append are the request and the outcome; with `look` there is but one.
    for (tool, nth) in [("mail", 1), ("mail", 2), ("look", 1)] {
        let world = world();
        let process = world.process();
        let run = process.run("r").await;
        fail_nth(&process, "append.after", nth);
        world.pass_time(call(&run, "a", tool)).await.unwrap();
        assert_eq!(world.kinds(&run).await, ["tool_requested", "tool_completed"]);
        assert_eq!(world.effects() as u64 + world.looks(), 1);
        world.verify(&run).await;
    }
}

/// Fails the nth point of a name from now on.
fn fail_nth(process: &Process, name: &'static str, nth: usize) {
    self::nth(&process.faults, name, nth, Action::Fail);
}

/// Plans what goes wrong at the nth point of a name from now on.
pub(crate) fn nth(faults: &Faults, name: &'static str, nth: usize, action: Action) {
    if nth == 1 {
        return faults.plan(name, action);
    }
    let later = faults.clone();
    faults.plan(name, Action::Hook(Arc::new(move |_| self::nth(&later, name, nth - 1, action.clone()))));
}

#[tokio::test]
async fn lost_replies_of_starting_and_ending_are_recorded_once() {
    let world = world();
    let process = world.process();
    process.faults.plan("append.after", Action::Fail);
    let run = world.pass_time(process.kernel.start_run(&tenant(), "r")).await.unwrap();
    process.faults.plan("append.after", Action::Fail);
    world.pass_time(run.finish()).await.unwrap();
    assert_eq!(world.kinds(&run).await, ["run_finished"]);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_store_that_is_away_after_a_lost_reply_says_nothing_about_a_start() {
    let world = world();
    let process = world.process();
    let faults = process.faults.clone();
    process.faults.plan("append.after", Action::Fail);
    let then_away = Action::Hook(Arc::new(move |_| faults.plan("append.before", Action::Fail)));
    process.faults.plan("append.before", then_away);
    let run = world.pass_time(process.kernel.start_run(&tenant(), "r")).await.unwrap();
    world.verify(&run).await;
}

#[tokio::test]
async fn a_lost_reply_is_told_from_a_conflict_with_somebody_else() {
    let world = world();
    let (first, second) = (world.process(), world.process());
    let (run, elsewhere) = (first.run("r").await, second.run("r").await);
    first.faults.plan("append.after", Action::Fail);
    let task = tokio::spawn(async move { call(&run, "a", "mail").await.map(drop) });
    world.settle().await;
    call(&elsewhere, "b", "mail").await.unwrap();
    world.pass_time(task).await.unwrap().unwrap();
    assert_eq!((world.effects(), world.kinds(&elsewhere).await.len()), (2, 4));
    world.verify(&elsewhere).await;
}

#[tokio::test]
async fn a_conflict_is_decided_again() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    for nth in [1, 2] {
        let step = format!("s{nth}");
        match nth {
            1 => process.faults.plan("append.before", Action::Conflict),
            _ => {
                let faults = process.faults.clone();
                let next = Action::Hook(Arc::new(move |_| faults.plan("append.before", Action::Conflict)));
                process.faults.plan("append.before", next);
            }
        }
        call(&run, &step, "mail").await.unwrap();
    }
    assert_eq!((world.effects(), world.kinds(&run).await.len()), (2, 4));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_store_that_is_away_before_the_effect_is_an_error_and_nothing_happens() {
    for (point, tool) in [("append.before", "mail"), ("beat.before", "mail"), ("append.before", "look")] {
        let world = world();
        let process = world.process();
        let run = process.run("r").await;
        process.faults.plan(point, Action::Fail);
        let refused = call(&run, "a", tool).await.unwrap_err();
        assert_eq!(refused.code(), "artana::store_unavailable");
        assert_eq!(world.effects(), 0);
        assert!(world.kinds(&run).await.is_empty());
        call(&run, "a", tool).await.unwrap();
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn an_outcome_waits_for_the_store_to_come_back() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    let faults = process.faults.clone();
    let away = Action::Hook(Arc::new(move |_| {
        for _ in 0..20 {
            faults.plan("append.before", Action::Fail);
        }
    }));
    process.faults.plan("tool.call.after", away);
    let answer = world.pass_time(call(&run, "a", "mail")).await.unwrap();
    assert!(!answer.is_replayed());
    assert_eq!(world.kinds(&run).await, ["tool_requested", "tool_completed"]);
    assert_eq!(world.effects(), 1);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_unavailable_never_invalid() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    process.faults.plan("read.after", Action::Fail);
    assert_eq!(code(run.verify().await), "artana::store_unavailable");
    process.faults.plan("read.before", Action::Fail);
    assert_eq!(code(run.events().try_next().await), "artana::store_unavailable");
    world.verify(&run).await;
}

/// Appends an event of a kind that this version does not know.
async fn append_foreign(world: &World, run: &artana_kernel::Run) {
    append_past(world, run, "newer", |row| {
        row.event_id = EventId::from_bytes([7; 16]);
        row.kind = "tea_served".into();
    })
    .await;
}

/// Appends past the kernel: the last row once more with an empty payload and what `change` makes of it.
pub(crate) async fn append_past(world: &World, run: &artana_kernel::Run, who: &str, change: impl FnOnce(&mut Record)) {
    let last = world.store.read(run.name(), Seq::ZERO, 1024).await.unwrap().pop().unwrap();
    let mut row = last.clone();
    (row.seq, row.prev_hash, row.payload) = (last.seq.next(), last.hash, b"{}".to_vec());
    change(&mut row);
    row.hash = row.computed_hash(&row.prev_hash);
    let mut view = run.view().await.unwrap();
    (view.head, view.updated_at) = (row.head(), row.at);
    let append = Append {
        run: run.name().clone(),
        expected: Some(last.head()),
        authority: Authority::Outside(artana_core::Actor::parse(who).unwrap()),
        events: vec![row],
        content: Vec::new(),
        claims: Vec::new(),
        releases: Vec::new(),
        view,
        run_key: None,
    };
    world.store.append(append).await.unwrap();
}

#[tokio::test]
async fn a_run_of_a_newer_version_is_read_and_verified_but_not_driven() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    call(&run, "a", "mail").await.unwrap();
    append_foreign(&world, &run).await;
    let other = world.process();
    for run in [run, other.run("r").await] {
        assert_eq!(code(call(&run, "b", "mail").await), "artana::format_too_new");
        assert_eq!(code(run.finish().await), "artana::format_too_new");
        assert_eq!(code(run.cancel("ann", "x").await), "artana::format_too_new");
        assert_eq!(run.status().await.unwrap(), Status::Running);
        assert_eq!(world.events(&run).await.last().unwrap().kind(), "tea_served");
        world.verify(&run).await;
    }
    assert_eq!(world.effects(), 1);
}

#[tokio::test]
async fn events_come_in_pages_checked_against_their_chain() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    for n in 0..600 {
        call(&run, &format!("s{n}"), "mail").await.unwrap();
    }
    let reads = world.counts().reads;
    let events = world.events(&run).await;
    assert_eq!((events.len(), world.counts().reads - reads), (1201, 2));
    assert!((1..).zip(&events).all(|(n, event)| event.seq() == Seq::new(n)));
    let mut tail = run.events_after(Seq::new(1199));
    assert_eq!(tail.try_next().await.unwrap().map(|event| event.seq()), Some(Seq::new(1200)));
    assert_eq!(tail.try_next().await.unwrap().map(|event| event.seq()), Some(Seq::new(1201)));
    assert!(tail.try_next().await.unwrap().is_none());
    assert!(run.events_after(Seq::new(5000)).try_next().await.unwrap().is_none());
    let report = run.verify().await.unwrap();
    assert_eq!((report.first_break, report.events), (None, 1201));
}
