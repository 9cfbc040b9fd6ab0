//! One pinned payload and hash per event kind this build writes. A released format never changes them.

use artana_core::{Draft, Event, EventId, Genesis, Head, RunKey, Seq, Stamp, Timestamp, event::Body, seal};
use serde_json::{Value, json};

use crate::support::{named, step, whole};

const PINNED: &str = include_str!("golden/kinds.json");

fn sealed(body: Body) -> Event {
    let genesis = Genesis::root(named("tenant", "run"), RunKey::from_bytes([7; 32]).id());
    let head = Head { seq: Seq::ZERO, hash: genesis.hash() };
    let stamp = Stamp { id: EventId::from_bytes([6; 16]), at: Timestamp::from_micros(1_767_225_600_000_000) };
    seal(&genesis.run, &head, Draft::new(Some(step("a/b")), body).expect("small"), stamp)
}

fn shown(event: &Event) -> Value {
    let payload = String::from_utf8(event.record().payload.clone()).expect("UTF-8");
    json!({ "hash": event.record().hash.to_string(), "kind": event.kind(), "payload": payload })
}

#[test]
fn every_kind_is_written_as_it_always_was() {
    let found: Vec<Value> = whole::bodies().into_iter().map(|body| shown(&sealed(body))).collect();
    let pinned: Vec<Value> = serde_json::from_str(PINNED).expect("the pins are JSON");
    for (found, pinned) in found.iter().zip(&pinned) {
        assert_eq!(found, pinned, "the bytes of a kind changed");
    }
    assert_eq!(found.len(), pinned.len(), "{}", serde_json::to_string_pretty(&found).expect("JSON"));
    let kinds: Vec<&str> = found.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, Body::KINDS);
}
