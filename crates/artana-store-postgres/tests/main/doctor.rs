//! What the doctor finds.

use artana_ports::{Append, Authority, EventStore, Finding, Severity};
use artana_testkit::postgres::Database;

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
async fn weak_settings_and_ended_lives_are_noticed() {
    let database = database!();
    let store = opened(&database).await;
    born(&store).await;
    store.retire(LIFE).await.expect("retired");
    let weak = database.run("SELECT count(*) FROM pg_settings WHERE name = 'fsync' AND setting = 'off'") == "1";
    let findings = store.doctor().await.expect("findings");
    let noticed = |subject: &str| {
        findings.iter().any(|finding| finding.severity == Severity::Notice && finding.subject == subject)
    };
    assert!(noticed("heartbeats") && noticed("durability") == weak, "{findings:?}");
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
