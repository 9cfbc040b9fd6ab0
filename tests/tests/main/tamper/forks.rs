//! A fork stands and falls with the events it shares, and with no others of its parent.

use artana_core::{
    Seq,
    verify::BreakKind::{self, GenesisMismatch, HashMismatch, HeadMismatch},
};

use super::ledger::{EVENTS, FORK, Opened, RUN, TENANT, image, tenant};

async fn verdict(opened: &Opened) -> Option<(String, BreakKind, u64)> {
    let report = opened.kernel.verify(&tenant(TENANT), FORK).await.expect("a verdict");
    let found = report.first_break?;
    Some((report.broken_in.unwrap_or(report.run).run.to_string(), found.kind, found.seq.get()))
}

#[tokio::test]
async fn a_changed_event_is_found_by_whoever_shares_it() {
    let image = image().await;
    let whole = Opened::of(Some(&image)).await;
    let report = whole.kernel.verify(&tenant(TENANT), FORK).await.expect("a verdict");
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.ancestors.iter().map(|run| run.run.as_str()).collect::<Vec<_>>(), [RUN]);
    let fork = whole.kernel.open_run(&tenant(TENANT), FORK).await.expect("a fork");
    let cut = fork.parent().expect("a parent").seq;
    assert!(cut > Seq::new(1) && cut < Seq::new(EVENTS), "the fork shares some events and not all");
    for seq in 1..=EVENTS {
        let change = format!("UPDATE events SET at = at + 1 WHERE tenant = 'acme' AND run = 'main' AND seq = {seq}");
        let opened = Opened::tampered(Some(&image), |raw| raw.execute_batch(&change).expect("a change")).await;
        let shared = seq <= cut.get();
        assert_eq!(verdict(&opened).await, shared.then(|| (RUN.to_owned(), HashMismatch, seq)), "event {seq}");
        let by_export = shared.then(|| ("HashMismatch".to_owned(), seq));
        assert_eq!(opened.by_export(TENANT, FORK).await, [by_export.clone(), by_export], "event {seq}");
    }
}

#[tokio::test]
async fn a_parent_that_is_gone_or_another_is_named() {
    let image = image().await;
    for (change, expect) in [
        ("DELETE FROM events WHERE tenant = 'acme' AND run = 'main'", (RUN, HeadMismatch, 1)),
        ("DELETE FROM events WHERE tenant = 'acme' AND run = 'main' AND seq > 3", (RUN, HeadMismatch, 4)),
        ("DELETE FROM events WHERE tenant = 'acme' AND run = 'main~side'", (FORK, HeadMismatch, 1)),
        (
            "UPDATE events SET payload = CAST(replace(payload, '\"run\":\"main\"', '\"run\":\"othe\"') AS BLOB) \
             WHERE tenant = 'acme' AND run = 'main~side' AND seq = 1",
            (FORK, GenesisMismatch, 1),
        ),
    ] {
        let opened = Opened::tampered(Some(&image), |raw| raw.execute_batch(change).expect("a change")).await;
        let (run, kind, seq) = expect;
        assert_eq!(verdict(&opened).await, Some((run.to_owned(), kind, seq)), "{change}");
    }
}
