//! What the doctor finds.

use artana_conformance::sample::enqueued;
use artana_ports::{Append, Authority, DueQuery, EventStore, Finding, Severity};
use artana_store_postgres::{Durability, PostgresStore};
use artana_testkit::postgres::{Database, OwnServer};
use tokio_postgres::NoTls;

use crate::support::{LIFE, batch, born, database, filled, opened, run, until};

async fn examined(database: &Database, sql: &str) -> Vec<Finding> {
    let store = opened(database).await;
    let key = artana_core::TenantKey::from_bytes([3; 32]);
    store.tenant_key(&run("a").tenant, Some(key)).await.expect("a key");
    filled(&store, &run("a"), 2).await;
    database.run(sql);
    store.doctor().await.expect("findings")
}

/// What is not a setting of the server: the tests' own does not wait for the disk.
fn of_rows(findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().filter(|finding| finding.subject != "durability").collect()
}

#[tokio::test]
async fn a_healthy_store_is_fine() {
    let database = database!();
    let findings = examined(&database, "SELECT 1").await;
    assert!(findings.iter().all(|finding| finding.severity < Severity::Broken), "{findings:?}");
    assert_eq!(of_rows(findings).iter().filter(|finding| finding.severity > Severity::Fine).count(), 0);
}

#[tokio::test]
async fn rows_that_belong_to_nothing_are_named_by_table_and_key() {
    for (sql, table, words) in [
        ("UPDATE artana.runs SET run = 'moved'", "events", r#""a" of tenant "acme" has events, but no row in runs"#),
        (
            "UPDATE artana.runs SET run = 'moved'",
            "runs",
            r#""moved" of tenant "acme" has a head that is none of its events"#,
        ),
        ("UPDATE artana.events SET seq = -2 WHERE seq = 1", "events", "before sequence 1"),
        ("UPDATE artana.runs SET head_seq = 1", "events", "after its head"),
        ("UPDATE artana.run_keys SET root = 'x'", "run_keys", r#""x" of tenant "acme" has a key"#),
        ("UPDATE artana.run_keys SET root = 'x'", "runs", "has no key in run_keys"),
        ("UPDATE artana.vault SET tenant = 'other'", "vault", r#""a" of tenant "other" has content"#),
        ("UPDATE artana.tenant_keys SET tenant = 'other'", "tenant_keys", r#"tenant "acme" has runs, but no key"#),
    ] {
        let database = database!();
        let findings = examined(&database, sql).await;
        let named =
            findings.iter().any(|f| f.severity > Severity::Fine && f.subject == table && f.message.contains(words));
        assert!(named, "{sql}: {findings:?}");
    }
}

#[tokio::test]
async fn weak_settings_are_noticed_and_ended_lives_told() {
    let database = database!();
    let store = opened(&database).await;
    born(&store).await;
    store.retire(LIFE).await.expect("retired");
    let weak = database.run("SELECT count(*) FROM pg_settings WHERE name = 'fsync' AND setting = 'off'") == "1";
    let findings = store.doctor().await.expect("findings");
    let noticed = |subject: &str| {
        findings.iter().any(|finding| finding.severity == Severity::Notice && finding.subject == subject)
    };
    assert_eq!(noticed("durability"), weak, "{findings:?}");
    assert_eq!(told(&findings, "heartbeats").severity, Severity::Fine, "{findings:?}");
}

/// Counts the connections that the server shows to a store.
async fn connections(store: &PostgresStore) -> u64 {
    let findings = store.doctor().await.expect("findings");
    told(&findings, "connections").message.split(' ').next().expect("a word").parse().expect("a number")
}

#[tokio::test]
async fn connections_of_others_count_whoever_asks() {
    const OTHERS: u64 = 6;
    let Some(server) = OwnServer::start(&[], &[]) else { return };
    let owner = PostgresStore::connect(server.url()).durability(Durability::AsTheServer).await.expect("a store");
    server.run("CREATE ROLE plain LOGIN; GRANT USAGE ON SCHEMA artana TO plain");
    server.run("GRANT SELECT ON ALL TABLES IN SCHEMA artana TO plain");
    let options = PostgresStore::connect(server.url()).user("plain").read_only(true).pool(1..=1);
    let plain = options.await.expect("a store");
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.expect("a connection");
        others.push((client, tokio::spawn(connection)));
    }
    assert!(connections(&plain).await >= OTHERS && connections(&owner).await >= OTHERS);
}

#[tokio::test]
async fn a_server_that_no_longer_waits_for_the_standby_that_was_asked_for_is_noticed() {
    let Some(server) = OwnServer::start(&[("fsync", "on"), ("full_page_writes", "on")], &[]) else { return };
    let options = || PostgresStore::connect(server.url()).migrate_on_open(false);
    options().migrate().await.expect("a store is made");
    let told_to = |standbys: &str| {
        server.run(&format!("ALTER SYSTEM SET synchronous_standby_names = '{standbys}'"));
        server.run("SELECT pg_reload_conf()");
    };
    told_to("one");
    until("new sessions know the standby", async || server.run("SHOW synchronous_standby_names") == "one").await;
    let store = options().durability(Durability::Standby).await.expect("the server waits for a standby");
    let noticed = async || {
        let findings = store.doctor().await.expect("findings");
        findings.into_iter().any(|found| {
            found.severity == Severity::Notice && found.message.contains("lets the loss of the server take appends")
        })
    };
    assert!(!noticed().await);
    told_to("");
    until("the doctor notices", &noticed).await;
}

fn told<'f>(findings: &'f [Finding], subject: &str) -> &'f Finding {
    findings.iter().find(|finding| finding.subject == subject).expect("a finding")
}

#[tokio::test]
async fn leases_sizes_connections_and_the_round_trip_are_told() {
    let database = database!();
    let store = opened(&database).await;
    assert_eq!(told(&store.doctor().await.expect("findings"), "leases").message, "no run is held");
    born(&store).await;
    for name in ["a", "b"] {
        let held = Append { authority: Authority::TakeLease(LIFE), ..batch(&run(name), None) };
        store.append(held).await.expect("an append");
    }
    let moved = "UPDATE artana.runs SET updated_at = artana.clock(NULL) - CASE run WHEN 'b' THEN 90000000 ELSE 0 END";
    database.run(moved);
    let findings = store.doctor().await.expect("findings");
    let leases = &told(&findings, "leases").message;
    let words = r#" ago, is "b" of tenant "acme", and whoever holds it lives"#;
    assert!(leases.starts_with("2 held; the one that moved longest ago, 9") && leases.ends_with(words), "{leases}");
    store.retire(LIFE).await.expect("retired");
    let findings = store.doctor().await.expect("findings");
    assert!(told(&findings, "leases").message.contains("has died"), "{findings:?}");
    assert_eq!(told(&findings, "leases").severity, Severity::Fine, "nobody waits for a worker: {findings:?}");
    for subject in ["size", "connections", "round trip"] {
        assert_eq!(told(&findings, subject).severity, Severity::Fine, "{findings:?}");
    }
}

#[tokio::test]
async fn a_table_that_nobody_vacuums_is_noticed() {
    let database = database!();
    let store = opened(&database).await;
    database.run("ALTER TABLE artana.rates SET (autovacuum_enabled = off)");
    database.run(
        "INSERT INTO artana.rates SELECT 't', int4send(n), 1, 0, 0 FROM generate_series(1, 11000) AS n; \
         DELETE FROM artana.rates",
    );
    // The server counts what a session did some time after that ended.
    until("the server has counted the dead rows", || async {
        let findings = store.doctor().await.expect("findings");
        findings.iter().any(|found| {
            found.severity == Severity::Notice
                && found.subject == "bloat"
                && found.message.starts_with("rates holds 11000 ")
        })
    })
    .await;
}

#[tokio::test]
async fn due_runs_that_the_dead_hold_are_noticed() {
    let database = database!();
    let store = opened(&database).await;
    born(&store).await;
    for name in ["a", "b"] {
        enqueued(&store, &run(name), None).await;
    }
    assert_eq!(store.take_due(&DueQuery::all(LIFE, 2)).await.expect("leases").len(), 2);
    let noticed = async || {
        let findings = store.doctor().await.expect("findings").into_iter();
        let left = findings.filter(|found| found.severity == Severity::Notice && found.subject == "leases");
        left.map(|found| found.message).collect::<Vec<_>>()
    };
    assert_eq!(noticed().await, Vec::<String>::new(), "whoever holds them lives");
    store.retire(LIFE).await.expect("retired");
    let told = noticed().await;
    let words = r#"2 due and held by the dead; "a" of tenant "acme" has been due for "#;
    assert!(told.len() == 1 && told[0].starts_with(words), "{told:?}");
}

#[tokio::test]
async fn of_many_rows_that_belong_to_nothing_enough_are_named_and_more_are_said_to_be_there() {
    let database = database!();
    let strays = "INSERT INTO artana.vault (tenant, root, digest, len, codec, seal, bytes) \
                  SELECT 'acme', 'stray ' || n, decode(repeat('00', 32), 'hex'), 0, 0, 0, '' FROM generate_series(1, 150) AS n";
    let findings = examined(&database, strays).await;
    let named: Vec<_> = findings.iter().filter(|found| found.subject == "vault").collect();
    assert_eq!(named.len(), 101);
    assert_eq!(named[100].message, "more of the same: has content, but no row in runs");
}
