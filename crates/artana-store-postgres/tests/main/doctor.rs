//! What the doctor finds.

use artana_ports::{EventStore, Finding, Severity};
use artana_testkit::postgres::Database;

use crate::support::{LIFE, born, database, filled, opened, run};

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
