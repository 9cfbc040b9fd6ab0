//! Followers hear of what other handles append, and ask by themselves where nothing can be heard.

use std::{sync::Arc, time::Duration};

use artana_conformance::ManualClock;
use artana_core::Seq;
use artana_ports::EventStore;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::support::{batch, database, filled, going_on, head, next, opened, options, run, stranger, until};

/// How long a message of the server may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_follower_is_told_by_the_server() {
    let database = database!();
    let writer = opened(&database).await;
    filled(&writer, &run("r"), 1).await;
    // On a clock that stands still nobody asks by himself a second time.
    let follower = Arc::new(options(&database).clock(Arc::new(ManualClock::default())).await.expect("a store"));
    let following = tokio::spawn({
        let follower = Arc::clone(&follower);
        async move { follower.follow(&run("r"), Seq::new(1)).await }
    });
    let stranger = stranger(&database).await;
    const READY: &str = "SELECT (SELECT count(*) FROM artana.followed) = 1 AND \
        EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN artana' \
        AND state = 'idle')";
    until("the follower listens", || async { stranger.query_one(READY, &[]).await.expect("an answer").get(0) }).await;
    writer.append(batch(&run("other"), None)).await.expect("an append");
    writer.append(batch(&run("r"), Some(head(1)))).await.expect("an append");
    assert_eq!(following.await.expect("no panic").expect("a head"), head(2));
}

#[tokio::test]
async fn whoever_goes_on_with_a_run_tells_its_followers() {
    let database = database!();
    let writer = opened(&database).await;
    let stranger = stranger(&database).await;
    let (listening, mut connection) = tokio_postgres::connect(database.url(), NoTls).await.expect("a connection");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(it) = message.expect("a message") {
                let _ = tell.send(it.payload().to_owned());
            }
        }
    });
    listening.batch_execute("LISTEN artana").await.expect("it listens");
    for run in going_on(&writer).await {
        let announce = "SELECT artana.announce(99, $1, $2, 60000000)";
        let (tenant, name) = (run.0.tenant.as_str(), run.0.run.as_str());
        stranger.execute(announce, &[&tenant, &name]).await.expect("it is followed");
        writer.append(next(&run, head(1))).await.expect("an append");
        let message = tokio::time::timeout(PATIENCE, told.recv()).await.expect("in time").expect("a message");
        assert_eq!(message, format!("{tenant}\n{name}"), "{:?}", run.1);
    }
}

#[tokio::test]
async fn a_follower_that_hears_nothing_asks() {
    let database = database!();
    let writer = opened(&database).await;
    filled(&writer, &run("r"), 1).await;
    let follower = options(&database).read_only(true).await.expect("a reader");
    let (one, two) = (run("r"), run("r"));
    let (followed, appended) =
        tokio::join!(follower.follow(&one, Seq::new(1)), writer.append(batch(&two, Some(head(1)))));
    assert_eq!((followed.expect("a head"), appended.expect("an append").head), (head(2), head(2)));
    assert_eq!(database.run("SELECT count(*) FROM artana.followed"), "0", "a reader announces nothing");
}
