//! Runs the examples for authors of adapters, and checks what they prove.

#[expect(dead_code, reason = "an example's main is what `cargo run --example` starts")]
#[path = "../../examples/custom_store.rs"]
mod custom_store;

#[tokio::test]
async fn a_store_of_ones_own_keeps_every_law() {
    let report = custom_store::judged().await;
    report.assert_all_passed();
    assert_eq!(report.judged.len(), artana_conformance::laws().len());
}
