//! What a server promises is judged on every new connection, which may lead to another server than the last.

use artana_ports::{AppendError, EventStore, StoreError};
use artana_store_postgres::{Durability, PostgresStore};
use artana_testkit::postgres::OwnServer;

use crate::{
    proxy::{Proxy, socket},
    support::{batch, database, filled, head, run, until},
};

const STRONG: [(&str, &str); 2] = [("fsync", "on"), ("full_page_writes", "on")];

#[tokio::test]
async fn a_server_found_after_a_failover_that_promises_less_is_refused() {
    let (Some(one), Some(two)) = (OwnServer::start(&STRONG, &[]), OwnServer::start(&[], &[])) else { return };
    let address = format!("postgres://artana@127.0.0.1:{},127.0.0.1:{}/postgres", one.port(), two.port());
    let store = PostgresStore::connect(address).durability(Durability::PowerCut).pool(2..=2).await.expect("a store");
    filled(&store, &run("r"), 1).await;
    let weak = PostgresStore::connect(two.url()).durability(Durability::AsTheServer).await.expect("a store there, too");
    filled(&weak, &run("r"), 1).await;
    one.kill();

    let append = async || store.append(batch(&run("r"), Some(head(1)))).await;
    let is_weak = |error: &AppendError| matches!(error, AppendError::Store(StoreError::TooWeak { .. }));
    until("it is found", async || append().await.is_err_and(|error| is_weak(&error))).await;
    let refused = append().await.expect_err("it is refused again");
    assert!(refused.to_string().contains("fsync=off, full_page_writes=off"), "{refused}");
    assert!(matches!(store.head(&run("r")).await, Err(StoreError::TooWeak { .. })));
    assert_eq!(weak.head(&run("r")).await.expect("a head"), Some(head(1)), "nothing was written");

    for (setting, value) in STRONG {
        two.run(&format!("ALTER SYSTEM SET {setting} = {value}"));
    }
    two.run("SELECT pg_reload_conf()");
    until("it promises enough", async || append().await.is_ok()).await;
}

#[tokio::test]
async fn judging_a_server_takes_one_round_trip() {
    let database = database!();
    let Some(socket) = socket(&database) else { return };
    let proxy = Proxy::before(&socket).await;
    let refused = proxy.options(&database).durability(Durability::Standby).await.expect_err("there is no standby");
    assert!(matches!(refused, StoreError::TooWeak { .. }), "{refused}");
    assert_eq!(proxy.round_trips(), 2, "whether it takes writes, and what it promises");
}
