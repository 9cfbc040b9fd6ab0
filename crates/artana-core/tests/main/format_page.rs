//! The format page names every kind, every payload key, every tag, every break and every bound the code has.

use std::collections::BTreeSet;

use artana_core::{
    ask::{ApiMode, Field, ReasoningEffort, Verbosity},
    event::{Abandoned, Body, FinishReason, ModelCategory},
    export::MAX_LINE_BYTES,
    json, limits, tag,
    verify::BreakKind,
};
use serde::Serialize;
use serde_json::Value;

use crate::support::whole;

const PAGE: &str = include_str!("../../../../docs/format.md");

/// The parts of a model ask that can differ.
const FIELDS: [Field; 10] = [
    Field::Model,
    Field::Messages,
    Field::InputItems,
    Field::ApiMode,
    Field::ReasoningEffort,
    Field::Verbosity,
    Field::PreviousResponseId,
    Field::Sampling,
    Field::Tools,
    Field::OutputSchema,
];

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
    let others: Vec<Value> = serde_json::from_str(include_str!("golden/others.json")).expect("JSON");
    for event in pinned.into_iter().chain(others) {
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
    assert_eq!((limits::MAX_FORKS, limits::MAX_OPEN_WAITS), (256, 1024));
    assert_eq!((limits::MAX_TASKS, limits::MAX_TASKS_AT_ONCE), (10_000, 64));
    let rows = [
        "payload | 64 KiB",
        "content | 16 MiB",
        "256 events, 32 MiB",
        "10 million events",
        "16 levels",
        "256 bytes",
        "forks of one run | 256",
        "pauses likewise | 1024",
        "tasks of one run | 10,000",
    ];
    assert!(rows.iter().all(|row| PAGE.contains(row)));
}

#[test]
fn every_tag() {
    for tag in (0..=tag::TOOL).chain(tag::MODEL..=tag::FINGERPRINT) {
        assert!(PAGE.contains(&format!("| `0x{tag:02x}` |")), "docs/format.md has no tag 0x{tag:02x}");
    }
}

/// Every word of a closed vocabulary of model asks and answers.
#[test]
fn every_word() {
    fn spelt<T: Serialize>(words: &[T]) -> Vec<Value> {
        words.iter().map(|word| serde_json::to_value(word).expect("a word")).collect()
    }
    use ModelCategory::{
        Cancelled, Internal, InvalidOutput, Network, Policy, Provider4xx, Provider5xx, RateLimited, Timeout,
    };
    let efforts = [
        ReasoningEffort::None,
        ReasoningEffort::Minimal,
        ReasoningEffort::Low,
        ReasoningEffort::Medium,
        ReasoningEffort::High,
        ReasoningEffort::ExtraHigh,
    ];
    let (modes, verbosities) =
        ([ApiMode::Auto, ApiMode::Responses, ApiMode::Chat], [Verbosity::Low, Verbosity::Medium, Verbosity::High]);
    let categories =
        [Timeout, Cancelled, RateLimited, Provider4xx, Provider5xx, Network, InvalidOutput, Policy, Internal];
    let reasons = [
        FinishReason::Stop,
        FinishReason::Length,
        FinishReason::ToolCalls,
        FinishReason::ContentFilter,
        FinishReason::Other,
    ];
    let abandoned = [Abandoned::OwnerLost, Abandoned::NotSent];
    // What is hashed or printed is spelt as it is stored.
    assert_eq!(spelt(&modes), modes.map(ApiMode::as_str));
    assert_eq!(spelt(&efforts), efforts.map(ReasoningEffort::as_str));
    assert_eq!(spelt(&verbosities), verbosities.map(Verbosity::as_str));
    assert_eq!(spelt(&categories), categories.map(ModelCategory::as_str));
    assert_eq!(spelt(&FIELDS), FIELDS.map(Field::as_str));
    let words = [spelt(&modes), spelt(&efforts), spelt(&verbosities), spelt(&categories), spelt(&reasons)].concat();
    for word in words.iter().chain(&spelt(&abandoned)).chain(&spelt(&FIELDS)) {
        assert!(names(word.as_str().expect("a word")), "docs/format.md does not name {word}");
    }
    let order: Vec<String> = FIELDS.iter().map(|field| format!("`{field}`")).collect();
    let listed = PAGE.replace('\n', " ").contains(&order.join(", "));
    assert!(listed && FIELDS.is_sorted(), "docs/format.md does not list the fields in their order");
}
