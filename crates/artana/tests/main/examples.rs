//! Runs the examples and checks what they prove.

#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/chapter3_step1.rs"]
pub(crate) mod chapter3_step1;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/chapter3_step7.rs"]
pub(crate) mod chapter3_step7;
#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/hello.rs"]
mod hello;

use artana::{Level, core::export};

#[tokio::test]
async fn a_lost_reply_is_reconciled_to_one_charge() {
    let folder = tempfile::tempdir().unwrap();
    let proof = chapter3_step1::run(&folder.path().join("a.db")).await.unwrap();
    assert_eq!(proof.first, Some("artana::reconciliation_required"));
    assert_eq!((proof.charges, proof.calls), (1, 1), "the probe found the charge; nothing charged again");
    assert!(proof.one_key, "the provider was asked under the step's key");
    assert!(proof.replayed && proof.verified, "{proof:?}");
}

#[tokio::test]
async fn an_audit_sees_every_event_and_names_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let proof = chapter3_step7::run(&folder.path().join("a.db")).await.unwrap();
    let pair = ["tool_requested", "tool_completed"];
    let expected = [&["run_started"], &pair[..], &pair[..], &["run_finished"]].concat();
    assert_eq!(proof.kinds, expected);
    assert_eq!(proof.level, Level::InternallyConsistent);
    assert_eq!(proof.exported, export::Level::Consistent);
    assert_eq!(proof.tampered.as_deref(), Some("HashMismatch at sequence 4"));
}

#[tokio::test]
async fn hello_is_answered_from_the_ledger_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    assert_eq!(hello::hello(&path).await.unwrap(), "receipt for 1200 cents (from the ledger: false)");
    assert_eq!(hello::hello(&path).await.unwrap(), "receipt for 1200 cents (from the ledger: true)");
}
