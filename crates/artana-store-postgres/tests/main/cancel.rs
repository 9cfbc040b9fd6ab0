//! Callers that go away in the middle of an append, at every message of it, and runtimes that end there: the batch is
//! there whole or not at all, the same batch can be sent again, and no transaction is left open.

use std::{future::Future, sync::Arc, task::Poll, time::Duration};

use artana_core::Record;
use artana_ports::{AppendError, EventStore, StoreError};
use artana_store_postgres::PostgresStore;

use crate::{
    chain::{Chain, Sent, send},
    proxy::{Act, Passed, Plan, Proxy, Way, socket},
    support::{batch, database, head, nothing_is_open, options, run, run_of, sessions, stranger, until, waiting},
};

const LOCK_RUN: &str = "BEGIN; SELECT FROM artana.runs WHERE run = 'held' FOR UPDATE";

/// The messages of an append whose statement is not prepared yet.
const MESSAGES: Passed = Passed { to_server: 6, to_store: 8 };

fn holds() -> impl Iterator<Item = Plan> {
    let ways = [(Way::ToServer, MESSAGES.to_server), (Way::ToStore, MESSAGES.to_store)];
    ways.into_iter().flat_map(|(way, count)| (0..count).map(move |nth| Plan { way, nth, act: Act::Hold }))
}

/// Sends a batch again, checks that it is there whole and once, and says whether it was there before.
async fn settled(store: &PostgresStore, chain: &Chain, sent: &artana_ports::Append) -> bool {
    let before: Vec<Record> = chain.verified(store).await;
    assert!(before.is_empty() || before == sent.events, "a batch was split: {before:?}");
    assert_ne!(send(store, sent).await.expect("it is told what became of it"), Sent::Beaten);
    assert_eq!(chain.verified(store).await, sent.events);
    !before.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_at_any_message_splits_nothing() {
    let database = database!();
    let Some(socket) = socket(&database) else { return };
    let direct = options(&database).await.expect("a store");
    let mut dropped = 0;
    for plan in holds() {
        let proxy = Proxy::before(&socket).await;
        let store = proxy.options(&database).pool(1..=1).await.expect("a store");
        let chain = Chain::new(&format!("{plan:?}"));
        let sent = chain.batch();
        proxy.plan(plan);
        tokio::select! {
            answer = store.append(sent.clone()) => panic!("an answer before its message: {answer:?}"),
            () = proxy.reached() => dropped += 1,
        }
        proxy.release();
        // What was sent goes on without its caller.
        until("the batch is there", async || direct.head(&chain.run).await.expect("a head").is_some()).await;
        assert!(settled(&store, &chain, &sent).await);
    }
    assert_eq!(dropped, 14);
    nothing_is_open(&stranger(&database).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_that_ends_at_any_message_splits_nothing() {
    let database = Arc::new(database!());
    let Some(socket) = socket(&database) else { return };
    let direct = options(&database).await.expect("a store");
    direct.head(&run("none")).await.expect("no head");
    let (stranger, mut before, mut after) = (stranger(&database).await, 0, 0);
    for plan in holds() {
        let proxy = Arc::new(Proxy::before(&socket).await);
        let chain = Chain::new(&format!("{plan:?}"));
        let sent = chain.batch();
        let (options, other, batch) = (proxy.options(&database).pool(1..=1), Arc::clone(&proxy), sent.clone());
        let ended = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let store = options.await.expect("a store");
                other.plan(plan);
                tokio::select! {
                    answer = store.append(batch) => panic!("an answer before its message: {answer:?}"),
                    () = other.reached() => {}
                }
            });
            // Everything under way in it ends here.
            drop(runtime);
        });
        ended.await.expect("no panic");
        proxy.release();
        drop(proxy);
        // What had come to the server is carried out before its session ends; the other store has one of its own.
        sessions(&stranger, 1).await;
        if settled(&direct, &chain, &sent).await { after += 1 } else { before += 1 }
    }
    println!("{before} were cut off before they committed, {after} after");
    assert!(before > 0 && after > 0 && before + after == 14, "{before} {after}");
    nothing_is_open(&stranger).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_while_it_waits_for_a_place_sends_nothing() {
    let database = database!();
    let store = Arc::new(options(&database).pool(1..=2).await.expect("a store"));
    store.append(batch(&run("held"), None)).await.expect("an append");
    let stranger = stranger(&database).await;
    stranger.batch_execute(LOCK_RUN).await.expect("a lock");
    let held = tokio::spawn({
        let (store, batch) = (Arc::clone(&store), batch(&run("held"), Some(head(1))));
        async move { store.append(batch).await }
    });
    waiting(&stranger, 1).await;
    // The tenant's only lane is taken: this one waits for it, and is dropped at its first wait.
    let mut waits = Box::pin(store.append(batch(&run("another"), None)));
    let first = std::future::poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await;
    assert!(first, "there was no place");
    drop(waits);
    store.append(batch(&run_of("b", "r"), None)).await.expect("another tenant has a place");
    stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
    held.await.expect("no panic").expect("an append");
    assert_eq!(store.head(&run("another")).await.expect("no head"), None);
    store.append(batch(&run("another"), None)).await.expect("the place is free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_at_a_frozen_row_are_told_in_time_and_others_do_not_notice() {
    const TASKS: usize = 500;
    let database = database!();
    // A connection that waits for the row does so for longer than anybody waits for a connection.
    let timely = options(&database).pool(1..=4).lock_timeout(Duration::from_secs(3)).wait(Duration::from_secs(1));
    let store = Arc::new(timely.await.expect("a store"));
    store.append(batch(&run("held"), None)).await.expect("an append");
    let stranger = stranger(&database).await;
    stranger.batch_execute(LOCK_RUN).await.expect("a lock");
    let begun = std::time::Instant::now();
    let send = |_| {
        let (store, batch) = (Arc::clone(&store), batch(&run("held"), Some(head(1))));
        tokio::spawn(async move { store.append(batch).await })
    };
    let held: Vec<_> = (0..TASKS).map(send).collect();
    waiting(&stranger, 2).await;
    let (other, mut expected) = (run_of("another", "r"), None);
    for _ in 0..20 {
        let appended = store.append(batch(&other, expected)).await.expect("another tenant writes");
        expected = Some(appended.head);
    }
    for task in held {
        let busy = task.await.expect("no panic").expect_err("a locked row");
        assert!(matches!(busy, AppendError::Store(StoreError::Busy { .. })), "{busy}");
    }
    let took = begun.elapsed();
    println!("{TASKS} were told after {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    nothing_is_open(&stranger).await;
    stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
    store.append(batch(&run("held"), Some(head(1)))).await.expect("nothing was written");
}
