//! A follower is told of moves because appends know that the run is followed. What becomes of one that could not say
//! so, and where the server forgot it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use artana_conformance::ManualClock;
use artana_core::{Seq, Timestamp};
use artana_ports::{Clock, EventStore};
use artana_store_postgres::{Durability, PostgresOptions, PostgresStore};
use artana_testkit::postgres::OwnServer;
use async_trait::async_trait;

use crate::support::{batch, database, filled, head, opened, options, run, stranger, until};

const LISTENS: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
                       AND query = 'LISTEN artana' AND state = 'idle')";

/// A clock on which every wait is over at once, and is remembered.
#[derive(Debug, Default)]
struct Waits(Mutex<Vec<Duration>>);

impl Waits {
    fn taken(&self) -> Vec<Duration> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

#[async_trait]
impl Clock for Waits {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, duration: Duration) {
        self.0.lock().expect("no panic").push(duration);
        tokio::task::yield_now().await;
    }
}

/// Follows a run that does not move until listening has begun, and says how long the follower waits from then on.
async fn longest_wait(options: PostgresOptions, url: &str) -> Duration {
    let waits = Arc::new(Waits::default());
    let store = Arc::new(options.clock(Arc::clone(&waits) as Arc<dyn Clock>).await.expect("a store"));
    let following = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.follow(&run("r"), Seq::new(1)).await }
    });
    let (stranger, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    until("it listens", || async { stranger.query_one(LISTENS, &[]).await.expect("an answer").get(0) }).await;
    // The first ones began before it listened, and each is at most twice the one before.
    waits.taken();
    let longest = Mutex::new((0, Duration::ZERO));
    until("it has asked often", || async {
        let taken = waits.taken();
        let mut longest = longest.lock().expect("no panic");
        longest.0 += taken.len();
        longest.1 = taken.into_iter().fold(longest.1, Duration::max);
        longest.0 > 30
    })
    .await;
    following.abort();
    longest.into_inner().expect("no panic").1
}

#[tokio::test]
async fn a_follower_that_could_not_announce_itself_asks_often_although_it_listens() {
    let database = database!();
    filled(&opened(&database).await, &run("r"), 1).await;
    let role = format!("reader_{}", database.name());
    database.run(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA artana TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA artana TO {role}"
    ));
    let told = longest_wait(options(&database), database.url()).await;
    assert_eq!(told, Duration::from_secs(5), "one that will be told");
    until("its connections have ended", async || {
        let client = stranger(&database).await;
        !client.query_one(LISTENS, &[]).await.expect("an answer").get::<_, bool>(0)
    })
    .await;
    let untold = longest_wait(options(&database).user(&role), database.url()).await;
    assert_eq!(untold, Duration::from_millis(500), "one that will not");
    database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
async fn a_follower_announces_itself_again_to_a_server_that_forgot_it() {
    let Some(server) = OwnServer::start(&[], &[]) else { return };
    let open = || PostgresStore::connect(server.url()).durability(Durability::AsTheServer).pool(1..=1);
    filled(&open().await.expect("a store"), &run("r"), 1).await;
    // On a clock that stands still nobody asks by himself a second time.
    let follower = Arc::new(open().clock(Arc::new(ManualClock::default())).await.expect("a store"));
    let following = tokio::spawn({
        let follower = Arc::clone(&follower);
        async move { follower.follow(&run("r"), Seq::new(1)).await }
    });
    let announced = async || server.run(LISTENS) == "t" && server.run("SELECT count(*) FROM artana.followed") == "1";
    until("it is announced", announced).await;
    server.stop();
    server.start_again();
    until("it is announced to a server that forgot it", announced).await;
    let writer = open().await.expect("a store");
    writer.append(batch(&run("r"), Some(head(1)))).await.expect("an append");
    assert_eq!(following.await.expect("no panic").expect("it was told"), head(2));
}
