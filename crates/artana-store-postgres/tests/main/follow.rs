//! Followers hear of what other handles append, and ask by themselves where nothing can be heard.

use std::sync::Arc;

use artana_conformance::ManualClock;
use artana_core::Seq;
use artana_ports::EventStore;

use crate::support::{batch, database, filled, head, opened, options, run, stranger, until};

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
