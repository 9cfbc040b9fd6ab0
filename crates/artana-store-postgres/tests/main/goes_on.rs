//! Whoever goes on with a run has a statement of its own: it writes what the one for everything writes.

use std::collections::BTreeMap;

use artana_core::{IncarnationId, LabelKey, Queued, Seq, Status, StepKey, Timestamp, verify::Stored};
use artana_ports::{Append, Authority, Epoch, EventStore, Heartbeat, Listed, Release};

use crate::{
    chain::{Chain, new_life},
    scenarios::TTL,
    support::{content, database, opened},
};

/// Goes on with a run by a batch in which no two values are alike, under an authority that a life has.
async fn written(store: &impl EventStore, name: &str, authority: impl Fn(IncarnationId) -> Authority) {
    let (mut chain, life) = (Chain::new(name), new_life());
    store.beat(Heartbeat { incarnation: life, ttl: TTL, first: true }).await.expect("a life");
    let authority = authority(life);
    let mut first = Append { authority: Authority::TakeLease(life), ..chain.batch() };
    if matches!(authority, Authority::Plain(_)) {
        first.releases.push(Release::Lease);
    }
    let begun = first.view.clone();
    chain.head = Some(store.append(first).await.expect("a lease").head);

    let mut batch = Append { authority, ..chain.batch() };
    batch.content.extend(["z", "a", "m"].map(|word| content(&format!("{word} of {name}"))));
    batch.view.status = Status::Paused;
    batch.view.updated_at = Timestamp::from_micros(91);
    (batch.view.steps, batch.view.pending, batch.view.unknown, batch.view.drifts) = (92, 93, 94, 95);
    batch.view.last_step = Some(StepKey::parse("last").expect("a key"));
    batch.view.failed_step = Some(StepKey::parse("failed").expect("a key"));
    batch.view.labels = BTreeMap::from([(LabelKey::parse("label").expect("a key"), "value".to_owned())]);
    batch.view.queued = Some(Queued { queue: "queue".into(), priority: 96, due_at: Timestamp::from_micros(i64::MAX) });
    let sent = batch.clone();
    store.append(batch).await.expect("an append");

    let rows = store.read(&chain.run, Seq::new(2), 9).await.expect("rows");
    assert_eq!(rows, sent.events, "{name}");
    let view = store.view(&chain.run).await.expect("a row");
    assert_eq!((sent.view.started_at, sent.view.parent.clone()), (begun.started_at, begun.parent));
    assert_eq!(view, Some(Listed::View(sent.view)), "{name}");
    for content in sent.content {
        let found = store.content(&chain.run, &[content.digest]).await.expect("content");
        assert_eq!(found, [Stored::Bytes(content.bytes)], "{name}");
    }
    chain.verified(store).await;
}

#[tokio::test]
async fn what_is_written_is_what_was_sent_whoever_goes_on() {
    let database = database!();
    let store = opened(&database).await;
    written(&store, "outside", |_| Chain::new("x").batch().authority).await;
    written(&store, "plain", Authority::Plain).await;
    written(&store, "driven", |_| Authority::Driver(Epoch::new(1))).await;
}
