//! An address of several servers, one of which takes connections and never says anything.

use std::{cell::OnceCell, net::TcpListener, sync::Arc, time::Duration};

use artana_conformance::ManualClock;
use artana_core::Seq;
use artana_ports::{EventStore, StoreError};
use artana_store_postgres::{Durability, PostgresOptions, PostgresStore};
use artana_testkit::postgres::OwnServer;

use crate::support::{batch, filled, head, run, until};

/// How long a server is waited for. One that lives may take longer on a busy machine, and is then asked again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A server to which the system connects anybody, and which says nothing.
fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, port)
}

fn of(ports: [u16; 2]) -> PostgresOptions {
    let address = format!("postgres://artana@127.0.0.1:{},127.0.0.1:{}/postgres", ports[0], ports[1]);
    PostgresStore::connect(address).durability(Durability::AsTheServer).connect_timeout(PATIENCE).pool(1..=1)
}

#[tokio::test]
async fn a_silent_server_keeps_nobody_from_the_next_one() {
    let Some(server) = OwnServer::start(&[], &[]) else { return };
    let (_silent, silent) = silent();
    let clock = Arc::new(ManualClock::default());
    let options = of([silent, server.port()]).clock(clock);
    let opened = OnceCell::new();
    let opens = async || options.clone().await.is_ok_and(|store| opened.set(store).is_ok());
    until("the store is opened", opens).await;
    let store = Arc::new(opened.into_inner().expect("it is opened"));
    filled(&store, &run("r"), 1).await;
    // Whoever listens has a connection of his own. On a clock that stands still nobody asks by himself a second time.
    let following = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.follow(&run("r"), Seq::new(1)).await }
    });
    const LISTENS: &str = "SELECT (SELECT count(*) FROM artana.followed) = 1 AND \
        EXISTS (SELECT FROM pg_stat_activity WHERE query = 'LISTEN artana' AND state = 'idle')";
    until("the follower listens", || async { server.run(LISTENS) == "t" }).await;
    let another =
        of([server.port(), silent]).connect_timeout(PATIENCE * 60).await.expect("the one that lives is the first");
    another.append(batch(&run("r"), Some(head(1)))).await.expect("an append");
    assert_eq!(following.await.expect("no panic").expect("it was told"), head(2));
}

#[tokio::test]
async fn servers_that_are_all_silent_are_given_up_in_time() {
    let (one, two) = (silent(), silent());
    let options = of([one.1, two.1]).connect_timeout(Duration::from_millis(50));
    let refused = tokio::time::timeout(Duration::from_secs(60), options.open()).await.expect("it is given up");
    let refused = refused.expect_err("nobody answers");
    assert!(matches!(&refused, StoreError::Unavailable { reason } if reason.contains("in time")), "{refused}");
}
