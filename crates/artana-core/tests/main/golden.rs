//! Pinned payloads and hashes: one of each event kind this build writes with all its optional keys, and others
//! with none. A released format never changes them.

use artana_core::{Draft, Event, EventId, Genesis, Head, RunKey, Seq, Stamp, Timestamp, event::Body, seal};
use serde_json::{Value, json};

use crate::support::{named, step, whole};

const PINNED: &str = include_str!("golden/kinds.json");
const OTHERS: &str = include_str!("golden/others.json");
/// Cut out of the pins as they stood before there were workflows, and never written again.
const BEFORE_WORKFLOWS: &str = include_str!("golden/before_workflows.json");

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

fn check(found: &[Value], pinned: &str) {
    let pinned: Vec<Value> = serde_json::from_str(pinned).expect("the pins are JSON");
    for (found, pinned) in found.iter().zip(&pinned) {
        assert_eq!(found, pinned, "the bytes of a kind changed");
    }
    assert_eq!(found.len(), pinned.len(), "{}", serde_json::to_string_pretty(&found).expect("JSON"));
}

#[test]
fn every_kind_is_written_as_it_always_was() {
    let found: Vec<Value> = whole::bodies().into_iter().map(|body| shown(&sealed(body))).collect();
    check(&found, PINNED);
    let kinds: Vec<&str> = found.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, Body::KINDS);
}

#[test]
fn what_no_workflow_asked_is_written_as_before_there_were_any() {
    let found: Vec<Value> = whole::before_workflows().into_iter().map(|body| shown(&sealed(body))).collect();
    check(&found, BEFORE_WORKFLOWS);
}

/// Among them a tool request as it was before a fork could want an effect for itself.
#[test]
fn what_has_no_value_is_left_out() {
    let found: Vec<Value> = whole::others().into_iter().map(|body| shown(&sealed(body))).collect();
    check(&found, OTHERS);
    let before =
        r#"{"digest":"942ff046bfa27104d09fe171a2d4ffe90562036c19fbfb670ded42605f064ee7","len":12,"type":"json"}"#;
    assert!(
        found[6]["payload"].as_str().expect("a payload").starts_with(&format!(r#"{{"args":{before},"attempt":1,"#))
    );
    assert_eq!(found[6]["hash"], "201ef12a350b0be41d93fdbe35a946df0dcb643fa7f631859d23c67dd9080f40");
}
