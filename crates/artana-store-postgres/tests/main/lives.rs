//! Lives on the server's own clock, and what becomes of them when the server was down.

use artana_core::IncarnationId;
use artana_ports::{BeatError, EventStore};
use artana_store_postgres::{Durability, PostgresStore};
use artana_testkit::postgres::OwnServer;

use crate::support::{LIFE, born, database, opened};

#[tokio::test]
async fn nobody_is_dead_sooner_than_one_time_to_live_after_the_server_came_up() {
    // A server that came up just now.
    let Some(server) = OwnServer::start(&[], &[]) else { return };
    let store = PostgresStore::connect(server.url()).durability(Durability::AsTheServer).await.expect("a store");
    // Three whose heartbeats ran out a moment ago, while nobody could renew them: one that had five minutes, one
    // that had a millisecond, and one that was ended.
    server.run(
        "INSERT INTO artana.heartbeats VALUES \
         ('\\x01010101010101010101010101010101', artana.clock(NULL) - 1, 300000000), \
         ('\\x02020202020202020202020202020202', artana.clock(NULL) - 1, 1000), \
         ('\\x03030303030303030303030303030303', -artana.clock(NULL), 300000000)",
    );
    // Long ago, and the server has only just come back: whoever is born now forgets nobody who lives.
    server.run("UPDATE artana.heartbeats SET expires_at = 1 WHERE ttl = 300000000 AND expires_at > 0");
    born(&store).await;
    let [long, short, ended] = [1, 2, 3].map(|byte| IncarnationId::from_bytes([byte; 16]));
    let alive = store.alive(&[long, short, ended]).await.expect("an answer");
    assert_eq!(alive, [true, false, false]);
    let beat =
        |incarnation| artana_ports::Heartbeat { incarnation, ttl: std::time::Duration::from_secs(1), first: false };
    store.beat(beat(long)).await.expect("it goes on");
    assert!(matches!(store.beat(beat(short)).await, Err(BeatError::Lapsed)));
    assert!(matches!(store.beat(beat(ended)).await, Err(BeatError::Lapsed)));
}

#[tokio::test]
async fn a_life_lasts_on_the_servers_clock() {
    let database = database!();
    let store = opened(&database).await;
    born(&store).await;
    assert_eq!(store.alive(&[LIFE]).await.expect("an answer"), [true]);
    let off = "SELECT abs(extract(epoch FROM clock_timestamp()) + 60 - expires_at / 1e6) < 60 FROM artana.heartbeats";
    assert_eq!(database.run(off), "t");
    store.retire(LIFE).await.expect("retired");
    assert_eq!(store.alive(&[LIFE]).await.expect("an answer"), [false]);
}
