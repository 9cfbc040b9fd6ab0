//! What the doctor finds.

use artana_ports::{EventStore, Finding, Severity};
use artana_store_sqlite::{SqliteStore, Synchronous};

use crate::support::{filled, place, run, tamper};

async fn examined(sql: &str) -> Vec<Finding> {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.expect("a store");
    let key = artana_core::TenantKey::from_bytes([3; 32]);
    store.tenant_key(&run("a").tenant, Some(key)).await.expect("a key");
    filled(&store, &run("a"), 2).await;
    store.close().await.expect("closes");
    tamper(&path, sql);
    SqliteStore::open(&path).await.expect("a store").doctor().await.expect("findings")
}

#[tokio::test]
async fn a_healthy_store_is_fine() {
    let findings = examined("").await;
    assert!(matches!(&findings[..], [Finding { severity: Severity::Fine, .. }]), "{findings:?}");
}

#[tokio::test]
async fn rows_that_belong_to_nothing_are_named_by_table_and_key() {
    for (sql, table, words) in [
        ("UPDATE runs SET run = 'moved'", "events", r#""a" of tenant "acme" has events, but no row in runs"#),
        ("UPDATE runs SET run = 'moved'", "runs", r#""moved" of tenant "acme" has a head that is none of its events"#),
        ("UPDATE events SET seq = -2 WHERE seq = 1", "events", "before sequence 1"),
        ("UPDATE runs SET head_seq = 1", "events", "after its head"),
        ("UPDATE run_keys SET root = 'x'", "run_keys", r#""x" of tenant "acme" has a key"#),
        ("UPDATE run_keys SET root = 'x'", "runs", "has no key in run_keys"),
        ("UPDATE vault SET tenant = 'other'", "vault", r#""a" of tenant "other" has content"#),
        ("UPDATE tenant_keys SET tenant = 'other'", "tenant_keys", r#"tenant "acme" has runs, but no key"#),
    ] {
        let findings = examined(sql).await;
        let named =
            findings.iter().any(|f| f.severity > Severity::Fine && f.subject == table && f.message.contains(words));
        assert!(named, "{sql}: {findings:?}");
    }
}

#[tokio::test]
async fn weak_settings_are_noticed_and_ended_lives_told() {
    let (_folder, path) = place();
    let store = SqliteStore::options().synchronous(Synchronous::Off).open(&path).await.expect("a store");
    crate::support::born(&store).await;
    store.retire(crate::support::LIFE).await.expect("retired");
    let findings = store.doctor().await.expect("findings");
    let subjects: Vec<_> = findings.iter().map(|f| (f.severity, f.subject.as_str())).collect();
    let told = [(Severity::Fine, "file"), (Severity::Fine, "heartbeats"), (Severity::Notice, "durability")];
    assert_eq!(subjects, told);
}
