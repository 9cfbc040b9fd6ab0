//! Races that nothing decides but what the statements compare and lock: somebody else moves a row between the look at it
//! and the write. Each is set up so that the other one surely comes in between.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use artana_core::{Head, IncarnationId, Queued, RunRef, Seq, Timestamp};
use artana_ports::{
    Append, AppendError, Appended, Authority, DueQuery, Epoch, EventStore, Heartbeat, Leased, Owner, Release,
};
use artana_store_postgres::PostgresStore;
use artana_testkit::postgres::Database;
use tokio_postgres::Client;

use crate::{
    chain::new_life,
    support::{LIFE, batch, born, database, going_on, head, next, opened, options, run, stranger, until, waiting},
};

/// Appends the first event of a run, which is due from this microsecond of 1970 on.
async fn queued(store: &PostgresStore, name: &str, due: i64) -> RunRef {
    let mut first = batch(&run(name), None);
    first.view.queued = Some(Queued { queue: "q".into(), priority: 1, due_at: Timestamp::from_micros(due) });
    store.append(first).await.expect("a due run");
    run(name)
}

async fn lives(store: &PostgresStore) -> IncarnationId {
    let incarnation = new_life();
    store.beat(Heartbeat { incarnation, ttl: Duration::from_secs(300), first: true }).await.expect("a life");
    incarnation
}

async fn takes(store: &PostgresStore, taker: IncarnationId, limit: u32) -> Vec<Leased> {
    store.take_due(&DueQuery::all(taker, limit)).await.expect("what is due")
}

fn names(taken: &[Leased]) -> Vec<&RunRef> {
    taken.iter().map(|leased| &leased.run).collect()
}

/// Ends one life and takes what is due for another one, in a transaction that stays open.
async fn taking(stranger: &Client, taker: IncarnationId, dies: Option<IncarnationId>) {
    let hex = |life: IncarnationId| life.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    stranger.batch_execute("BEGIN").await.expect("a transaction");
    if let Some(dies) = dies {
        let end =
            format!("UPDATE artana.heartbeats SET expires_at = 1, ttl = 1 WHERE incarnation = '\\x{}'", hex(dies));
        assert_eq!(stranger.execute(&end, &[]).await.expect("a life ends"), 1);
    }
    let take = format!(
        "SELECT run FROM artana.take_due(99, '\\x{}', NULL, '{{q}}', '{{}}', '{{}}', NULL, NULL, 1)",
        hex(taker)
    );
    assert_eq!(stranger.query(&take, &[]).await.expect("what is due").len(), 1);
}

/// Has somebody append to a run while it is being taken from under him, and returns who was told to hold it.
async fn late(database: &Database, authority: impl FnOnce(IncarnationId, Epoch) -> Authority) -> Owner {
    let (store, stranger) = (Arc::new(opened(database).await), stranger(database).await);
    born(&store).await;
    let run = queued(&store, "r", 1).await;
    let late = lives(&store).await;
    let (authority, driver) = match authority(late, Epoch::new(1)) {
        driver @ Authority::Driver(_) => {
            assert_eq!(takes(&store, late, 1).await[0].epoch, Epoch::new(1));
            (driver, Some(late))
        }
        other => (other, None),
    };
    let expected = store.head(&run).await.expect("a head");
    taking(&stranger, LIFE, driver).await;
    let sent = tokio::spawn({
        let (store, batch) = (Arc::clone(&store), Append { authority, ..batch(&run, expected) });
        async move { store.append(batch).await }
    });
    waiting(&stranger, 1).await;
    stranger.batch_execute("COMMIT").await.expect("the other one has it");
    let fenced = sent.await.expect("no panic").expect_err("somebody else holds the lease");
    assert_eq!(store.head(&run).await.expect("a head"), expected, "nothing was written");
    let AppendError::Fenced { by } = fenced else { panic!("{fenced}") };
    by
}

/// Whoever takes a run that is due raises its epoch and leaves its head where it is: the head alone shows nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_whose_run_is_taken_while_it_appends_is_fenced() {
    let by = late(&database!(), |_, epoch| Authority::Driver(epoch)).await;
    assert_eq!(by, Owner { incarnation: LIFE, epoch: Epoch::new(2) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_a_lease_that_another_one_takes_meanwhile_is_fenced() {
    let by = late(&database!(), |late, _| Authority::TakeLease(late)).await;
    assert_eq!(by, Owner { incarnation: LIFE, epoch: Epoch::new(1) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_step_of_a_run_that_is_taken_meanwhile_is_fenced() {
    let by = late(&database!(), |late, _| Authority::Plain(late)).await;
    assert_eq!(by, Owner { incarnation: LIFE, epoch: Epoch::new(1) });
}

#[tokio::test]
async fn whoever_goes_on_with_a_run_has_seen_all_of_its_head() {
    let database = database!();
    let store = opened(&database).await;
    for run in going_on(&store).await {
        let (actual, elsewhere) = (head(1), head(2));
        let wrong = [Head { hash: elsewhere.hash, ..actual }, Head { seq: elsewhere.seq, ..actual }];
        for wrong in wrong {
            let refused = store.append(next(&run, wrong)).await;
            let conflict = matches!(refused, Err(AppendError::Conflict { actual: Some(it) }) if it == actual);
            assert!(conflict, "{:?}: {refused:?}", run.1);
        }
        assert_eq!(store.read(&run.0, Seq::ZERO, 9).await.expect("rows").len(), 1, "nothing was written");
    }
}

/// How long a life lasts that ends while its append waits: long enough to send one, however busy the machine is.
const ENOUGH: Duration = Duration::from_secs(10);

/// Longer than anybody looks whether something is so.
const PATIENCE: Duration = Duration::from_secs(120);

/// Has whoever drives a run, or makes a plain step of it, wait for its row until that one's life would have ended, and
/// says what became of the append. Nobody has moved the row meanwhile: only the clock says whether it may be written.
async fn waits(database: &Database, drives: bool, beats_meanwhile: bool) -> Result<Appended, AppendError> {
    let patient = options(database).lock_timeout(PATIENCE).statement_timeout(PATIENCE);
    let (store, stranger) = (Arc::new(patient.await.expect("a store")), stranger(database).await);
    let (life, run, ttl) = (new_life(), run("r"), ENOUGH);
    store.beat(Heartbeat { incarnation: life, ttl, first: true }).await.expect("a life");
    let releases = if drives { Vec::new() } else { vec![Release::Lease] };
    let first = Append { authority: Authority::TakeLease(life), releases, ..batch(&run, None) };
    store.append(first).await.expect("a run");
    let authority = if drives { Authority::Driver(Epoch::new(1)) } else { Authority::Plain(life) };
    stranger.batch_execute("BEGIN; SELECT FROM artana.runs FOR UPDATE").await.expect("a lock");
    let sent = tokio::spawn({
        let (store, batch) = (Arc::clone(&store), Append { authority, ..batch(&run, Some(head(1))) });
        async move { store.append(batch).await }
    });
    waiting(&stranger, 1).await;
    assert_eq!(store.alive(&[life]).await.expect("an answer"), [true], "it was sent in time");
    let ends = "SELECT expires_at FROM artana.heartbeats";
    let ends: i64 = stranger.query_one(ends, &[]).await.expect("a heartbeat").get(0);
    if beats_meanwhile {
        let ttl = Duration::from_secs(300);
        store.beat(Heartbeat { incarnation: life, ttl, first: false }).await.expect("it lives on");
    }
    let over = "SELECT artana.clock(NULL) > $1";
    until("the first heartbeat has run out", async || {
        stranger.query_one(over, &[&ends]).await.expect("an answer").get(0)
    })
    .await;
    stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
    let answer = sent.await.expect("no panic");
    let written = if answer.is_ok() { head(2) } else { head(1) };
    assert_eq!(store.head(&run).await.expect("a head"), Some(written), "it is as it was answered");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_row_past_the_end_of_its_life_writes_nothing() {
    let (plain, driven) = (database!(), database!());
    let (plain, driven) = tokio::join!(waits(&plain, false, false), waits(&driven, true, false));
    for refused in [plain, driven] {
        assert!(matches!(refused, Err(AppendError::Lapsed)), "{refused:?}");
    }
}

/// What was seen of a life before the wait says nothing about it afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_row_and_lives_on_writes() {
    let (plain, driven) = (database!(), database!());
    let (plain, driven) = tokio::join!(waits(&plain, false, true), waits(&driven, true, true));
    for written in [plain, driven] {
        assert_eq!(written.expect("a life that went on").head, head(2));
    }
}

#[tokio::test]
async fn a_due_run_that_somebody_has_locked_is_passed_over() {
    let database = database!();
    let store = opened(&database).await;
    born(&store).await;
    let (first, second) = (queued(&store, "first", 1).await, queued(&store, "second", 2).await);
    let stranger = stranger(&database).await;
    stranger.batch_execute("BEGIN; SELECT FROM artana.runs WHERE run = 'first' FOR UPDATE").await.expect("a lock");
    assert_eq!(names(&takes(&store, LIFE, 1).await), [&second]);
    stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
    assert_eq!(names(&takes(&store, LIFE, 9).await), [&first]);
}

/// Holds up whoever takes the run `first`, between its look at what is due and its taking of the next one.
const HOLD_UP: &str = "
CREATE FUNCTION public.held_up() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(5); RETURN new; END $$;
CREATE TRIGGER held_up BEFORE UPDATE ON artana.runs FOR EACH ROW WHEN (new.run = 'first')
    EXECUTE FUNCTION public.held_up()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_taken_after_the_look_at_it_is_not_taken_again() {
    let database = database!();
    let store = Arc::new(opened(&database).await);
    let (one, another) = (lives(&store).await, lives(&store).await);
    let (first, second) = (queued(&store, "first", 1).await, queued(&store, "second", 2).await);
    let stranger = stranger(&database).await;
    stranger.batch_execute(HOLD_UP).await.expect("a trigger");
    stranger.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(5)").await.expect("a lock");
    let held_up = tokio::spawn({
        let store = Arc::clone(&store);
        async move { takes(&store, one, 9).await }
    });
    waiting(&stranger, 1).await;
    assert_eq!(names(&takes(&store, another, 9).await), [&second]);
    stranger.batch_execute("COMMIT").await.expect("the lock is free");
    assert_eq!(names(&held_up.await.expect("no panic")), [&first], "it had seen both as free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_takers_of_many_due_runs_get_each_run_once() {
    const TAKERS: usize = 8;
    const RUNS: usize = 200;
    let database = database!();
    let store = Arc::new(options(&database).pool(TAKERS..=TAKERS).await.expect("a store"));
    for nth in 0..RUNS {
        queued(&store, &format!("run {nth}"), 1).await;
    }
    let start = Arc::new(tokio::sync::Barrier::new(TAKERS));
    let taking = |_| {
        let (store, start) = (Arc::clone(&store), Arc::clone(&start));
        tokio::spawn(async move {
            let (taker, mut all) = (lives(&store).await, Vec::new());
            start.wait().await;
            loop {
                // What others are taking is passed over, and theirs afterwards: nothing left is nothing due.
                let taken = takes(&store, taker, 40).await;
                if taken.is_empty() {
                    return all;
                }
                all.extend(taken);
            }
        })
    };
    let takers: Vec<_> = (0..TAKERS).map(taking).collect();
    let mut granted = BTreeMap::<RunRef, usize>::new();
    for taker in takers {
        for leased in taker.await.expect("no panic") {
            assert_eq!(leased.epoch, Epoch::new(1), "{} was granted before", leased.run.run);
            *granted.entry(leased.run).or_default() += 1;
        }
    }
    assert!(granted.values().all(|times| *times == 1), "{granted:?}");
    assert_eq!(granted.len(), RUNS, "every run was granted");
}
