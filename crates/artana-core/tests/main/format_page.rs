//! The format page names every kind, every payload key, every tag, every break and every bound the code has.

use std::collections::BTreeSet;

use artana_core::{event::Body, export::MAX_LINE_BYTES, json, limits, verify::BreakKind};
use serde_json::Value;

use crate::support::whole;

const PAGE: &str = include_str!("../../../../docs/format.md");

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            found.insert(key.clone());
            keys(inner, found);
        }),
        Value::Array(items) => items.iter().for_each(|inner| keys(inner, found)),
        _ => {}
    }
}

/// A word stands on the page as code or as a JSON key.
fn names(word: &str) -> bool {
    [format!("`{word}`"), format!("\"{word}\""), format!("`\"{word}\"`")].iter().any(|spelt| PAGE.contains(spelt))
}

#[test]
fn every_kind_and_every_key_of_its_payload() {
    let pinned: Vec<Value> = serde_json::from_str(include_str!("golden/kinds.json")).expect("JSON");
    assert_eq!(pinned.len(), whole::bodies().len());
    for event in pinned {
        let mut words: BTreeSet<String> = [event["kind"].as_str().expect("a kind").to_owned()].into();
        keys(&json::parse(event["payload"].as_str().expect("a payload").as_bytes()).expect("JSON"), &mut words);
        // Labels are the application's own words.
        for word in words.iter().filter(|word| *word != "team") {
            assert!(names(word), "docs/format.md does not name `{word}` of {}", event["kind"]);
        }
    }
    for kind in Body::KINDS {
        assert!(PAGE.contains(&format!("**`{kind}`**")), "docs/format.md has no paragraph on {kind}");
    }
}

#[test]
fn every_break() {
    use BreakKind::*;
    let kinds = [
        Gap,
        PrevMismatch,
        HashMismatch,
        GenesisMismatch,
        ForeignRun,
        TenantChanged,
        HeadMismatch,
        Undecodable,
        ViewMismatch,
        ContentMismatch,
        ContentMissing,
        KeyMismatch,
    ];
    for kind in kinds {
        assert!(names(&kind.to_string()), "docs/format.md does not name {kind}");
    }
}

#[test]
fn every_bound() {
    assert_eq!(MAX_LINE_BYTES, 22_376_792);
    assert!(PAGE.contains("22,376,792"));
    let mib = 1024 * 1024;
    assert_eq!((limits::MAX_PAYLOAD_BYTES, limits::MAX_CONTENT_BYTES), (64 * 1024, 16 * mib));
    assert_eq!((limits::MAX_APPEND_EVENTS, limits::MAX_APPEND_BYTES), (256, 32 * mib));
    assert_eq!((limits::MAX_RUN_EVENTS, limits::MAX_FORK_DEPTH, limits::MAX_ID_BYTES), (10_000_000, 16, 256));
    let rows =
        ["payload | 64 KiB", "content | 16 MiB", "256 events, 32 MiB", "10 million events", "16 levels", "256 bytes"];
    assert!(rows.iter().all(|row| PAGE.contains(row)));
}

#[test]
fn every_tag() {
    for tag in 0..=artana_core::tag::TOOL {
        assert!(PAGE.contains(&format!("| `0x{tag:02x}` |")), "docs/format.md has no tag 0x{tag:02x}");
    }
}
