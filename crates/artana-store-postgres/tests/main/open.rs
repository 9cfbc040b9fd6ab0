//! Opening: who makes the schema, who refuses what, and what many at once come to.

use artana_core::Seq;
use artana_ports::{EventStore, StoreError};
use artana_store_postgres::{Durability, PostgresStore};
use artana_testkit::postgres::OwnServer;

use crate::support::{batch, database, filled, head, opened, options, run, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_openers_of_an_empty_database_make_one_store() {
    let database = database!();
    let openers: Vec<_> = (0..32).map(|_| tokio::spawn(options(&database).pool(1..=1).open())).collect();
    let mut stores = Vec::new();
    for opener in openers {
        stores.push(opener.await.expect("no panic").expect("a store"));
    }
    assert_eq!(database.run("SELECT count(*), max(version) FROM artana.migrations"), "3|3");
    let run = run("r");
    filled(&stores[0], &run, 2).await;
    assert_eq!(stores[31].head(&run).await.expect("a head"), Some(head(2)));
}

#[tokio::test]
async fn opening_changes_nothing_unless_asked() {
    let database = database!();
    let missing = options(&database).migrate_on_open(false).await.expect_err("nothing is there");
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    let missing = options(&database).read_only(true).await.expect_err("nothing is there");
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    assert_eq!(database.run("SELECT count(*) FROM pg_namespace WHERE nspname = 'artana'"), "0");
    opened(&database).await.close().await.expect("closes");
    options(&database).migrate_on_open(false).await.expect("a store that is there");
}

#[tokio::test]
async fn a_newer_schema_is_read_and_not_written() {
    let database = database!();
    let (first, run) = (opened(&database).await, run("r"));
    filled(&first, &run, 2).await;
    database.run("INSERT INTO artana.migrations (version) VALUES (99)");
    let refused = options(&database).await.expect_err("a newer schema");
    assert!(matches!(refused, StoreError::TooNew { found: 99, known: 3 }), "{refused}");
    let reader = options(&database).read_only(true).await.expect("a reader");
    assert_eq!(reader.read(&run, Seq::ZERO, 9).await.expect("rows").len(), 2);
    assert!(reader.append(batch(&run, Some(head(2)))).await.is_err());
}

#[tokio::test]
async fn what_is_no_store_is_left_alone() {
    let database = database!();
    database.run("CREATE SCHEMA artana; CREATE TABLE artana.things (n int)");
    let refused = options(&database).await.expect_err("another application's schema");
    assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused}");
    let nowhere = options(&database).database("no_such_database").await.expect_err("no database");
    assert!(matches!(&nowhere, StoreError::Missing { place } if place.ends_with("/no_such_database")), "{nowhere}");
    let nobody = PostgresStore::connect("postgres://artana:secret@127.0.0.1:1/x").await.expect_err("no server");
    assert!(matches!(&nobody, StoreError::Unavailable { .. }) && !nobody.to_string().contains("secret"), "{nobody}");
}

#[tokio::test]
async fn a_store_shares_a_database_with_an_application() {
    let database = database!();
    database.run("CREATE TABLE events (n int); CREATE TABLE runs (n int); CREATE SCHEMA artana");
    let run = run("r");
    filled(&opened(&database).await, &run, 2).await;
    assert_eq!(database.run("SELECT count(*) FROM public.events"), "0");
    assert_eq!(database.run("SELECT count(*) FROM artana.events"), "2");
}

#[tokio::test]
async fn a_server_that_promises_less_than_asked_is_refused_before_anything_is_made() {
    // Its settings are changed, which no other test may notice.
    let Some(server) = OwnServer::start(&[], &[]) else { return };
    let asked = |durability| PostgresStore::connect(server.url()).durability(durability);
    let weak = asked(Durability::default()).await.expect_err("a server that does not wait for the disk");
    assert_eq!(weak.code(), "artana::store_too_weak");
    assert!(weak.to_string().contains("a power cut: the server has fsync=off, full_page_writes=off"), "{weak}");
    assert_eq!(server.run("SELECT count(*) FROM pg_namespace WHERE nspname = 'artana'"), "0");
    asked(Durability::AsTheServer).await.expect("a store").close().await.expect("closes");
    asked(Durability::PowerCut).read_only(true).await.expect("a reader asks for nothing");

    for setting in ["fsync", "full_page_writes"] {
        server.run(&format!("ALTER SYSTEM SET {setting} = on"));
    }
    server.run("SELECT pg_reload_conf()");
    let settings = "SELECT current_setting('fsync') || current_setting('full_page_writes')";
    until("the server has read its settings", || async { server.run(settings) == "onon" }).await;
    let store = asked(Durability::PowerCut).await.expect("a server that waits for the disk");
    assert_eq!(store.info().durability, "synchronous_commit=on, fsync=on, full_page_writes=on");
    let weak = asked(Durability::Standby).await.expect_err("there is no standby");
    assert!(weak.to_string().contains("the loss of the server: the server has synchronous_standby_names=''"), "{weak}");
    server.run("ALTER DATABASE postgres SET synchronous_commit = off");
    let weak = asked(Durability::PowerCut).await.expect_err("commits that are not waited for");
    assert!(weak.to_string().contains("synchronous_commit=off"), "{weak}");
}
