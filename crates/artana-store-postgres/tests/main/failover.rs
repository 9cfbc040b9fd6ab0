//! An address of several servers: the one that takes writes is found, and found again.

use artana_ports::{EventStore, StoreError};
use artana_store_postgres::{Durability, PostgresOptions, PostgresStore};
use artana_testkit::postgres::OwnServer;

use crate::support::{batch, filled, head, run, until};

/// The address of two servers.
fn of_both(one: &OwnServer, two: &OwnServer) -> PostgresOptions {
    let (one, two) = (one.port(), two.port());
    let address = format!("postgres://artana@127.0.0.1:{one},127.0.0.1:{two}/postgres");
    PostgresStore::connect(address).durability(Durability::AsTheServer)
}

/// Makes a server refuse writes, as a standby does, or take them.
async fn writable(server: &OwnServer, yes: bool) {
    let (setting, shown) = if yes { ("off", "off") } else { ("on", "on") };
    server.run(&format!("ALTER SYSTEM SET default_transaction_read_only = {setting}"));
    server.run("SELECT pg_reload_conf()");
    until("the server has read its settings", || async { server.run("SHOW default_transaction_read_only") == shown })
        .await;
}

#[tokio::test]
async fn of_several_servers_the_one_that_takes_writes_is_found_and_found_again() {
    let (Some(one), Some(two)) = (OwnServer::start(&[], &[]), OwnServer::start(&[], &[])) else { return };
    writable(&one, false).await;
    let store = of_both(&one, &two).pool(2..=2).await.expect("a store");
    filled(&store, &run("r"), 1).await;
    assert_eq!(one.run("SELECT count(*) FROM pg_namespace WHERE nspname = 'artana'"), "0");
    assert_eq!(two.run("SELECT count(*) FROM artana.events"), "1");
    // The other one takes over. What was open on this one is told that it takes no writes, and is not used again.
    writable(&one, true).await;
    of_both(&one, &one).migrate().await.expect("a store there, too");
    writable(&two, false).await;
    two.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'artana'");
    until("a connection to the other one", || async { store.append(batch(&run("s"), None)).await.is_ok() }).await;
    assert_eq!(one.run("SELECT count(*) FROM artana.events"), "1");
    assert_eq!(store.head(&run("s")).await.expect("a head"), Some(head(1)));
}

#[tokio::test]
async fn only_readers_take_a_server_that_takes_no_writes() {
    let Some(server) = OwnServer::start(&[], &[]) else { return };
    let store = of_both(&server, &server).await.expect("a store");
    filled(&store, &run("r"), 1).await;
    writable(&server, false).await;
    let reader = of_both(&server, &server).read_only(true).await.expect("a reader");
    assert_eq!(reader.head(&run("r")).await.expect("a head"), Some(head(1)));
    let refused = of_both(&server, &server).await.expect_err("nobody takes writes");
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused}");
}
