//! Closing, dropping, and opening again.

use std::sync::Arc;

use artana_core::{Seq, verify::Stored};
use artana_ports::{AppendError, EventStore, Listed, StoreError};

use crate::support::{batch, content, database, digest, filled, head, nobody_is_in, opened, run, stranger, view};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_closing() {
    let database = database!();
    let run = run("r");
    let store = opened(&database).await;
    filled(&store, &run, 3).await;
    store.close().await.expect("closes");
    nobody_is_in(&stranger(&database).await).await;

    let store = opened(&database).await;
    assert_eq!(store.head(&run).await.expect("a head"), Some(head(3)));
    let records = store.read(&run, Seq::ZERO, 10).await.expect("rows");
    assert_eq!(
        records,
        (1..=3).map(|seq| batch(&run, (seq > 1).then(|| head(seq - 1))).events.remove(0)).collect::<Vec<_>>()
    );
    assert_eq!(store.view(&run).await.expect("a row"), Some(Listed::View(view(&run, head(3)))));
    let found = store.content(&run, &[digest("words 2"), digest("no words")]).await.expect("content");
    assert_eq!(found, [Stored::Bytes(content("words 2").bytes), Stored::Missing]);
}

#[tokio::test]
async fn a_dropped_store_is_a_crash_that_loses_nothing() {
    let database = database!();
    let run = run("r");
    let store = opened(&database).await;
    filled(&store, &run, 2).await;
    drop(store);
    let store = opened(&database).await;
    assert_eq!(store.head(&run).await.expect("a head"), Some(head(2)));
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let database = database!();
    let store = opened(&database).await;
    store.close().await.expect("closes");
    let run = run("r");
    assert!(matches!(store.append(batch(&run, None)).await, Err(AppendError::Store(StoreError::Closed))));
    assert!(matches!(store.head(&run).await, Err(StoreError::Closed)));
    assert!(matches!(store.follow(&run, Seq::ZERO).await, Err(StoreError::Closed)));
    assert!(matches!(store.close().await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn closing_finishes_what_was_sent_and_ends_those_who_follow() {
    let database = database!();
    let store = Arc::new(opened(&database).await);
    let (waits, writes) = (run("waits"), run("writes"));
    let follower = tokio::spawn({
        let (store, waits) = (Arc::clone(&store), waits.clone());
        async move { store.follow(&waits, Seq::ZERO).await }
    });
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.append(batch(&writes, None)).await }
    });
    // On one thread both tasks have sent what they send once this one goes on.
    tokio::task::yield_now().await;
    store.close().await.expect("closes");
    assert!(matches!(follower.await.expect("no panic"), Err(StoreError::Closed)));
    assert_eq!(writer.await.expect("no panic").expect("an append").head, head(1));
}

#[tokio::test]
async fn an_append_whose_caller_went_away_is_whole() {
    let database = database!();
    let store = opened(&database).await;
    let run = run("r");
    // The future is polled once, which sends the batch, and is then dropped.
    tokio::select! {
        biased;
        _ = store.append(batch(&run, None)) => {}
        () = std::future::ready(()) => {}
    }
    assert_eq!(store.follow(&run, Seq::ZERO).await.expect("a head"), head(1));
    store.append(batch(&run, Some(head(1)))).await.expect("the store is usable");
}
