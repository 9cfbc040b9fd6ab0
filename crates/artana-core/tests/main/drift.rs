//! Drift: what differs between two asks is named exactly, by field, by the smallest place and by the span of a text.

mod mutations;

use std::collections::BTreeSet;

use artana_core::{
    ask::Field,
    drift::{Change, Drift, Span, Words},
    json,
    limits::{MAX_DIFFERENCES, MAX_DRIFT_TEXT},
};
use serde_json::{Value, json};

fn span(before: &str, after: &str, expect: (usize, &str, &str)) {
    let Span { at, before: was, after: is } = Span::between(before, after);
    assert_eq!((at, was, is), expect, "{before:?} became {after:?}");
}

#[test]
fn a_span_is_what_two_texts_do_not_share_at_their_ends() {
    span("", "", (0, "", ""));
    span("same", "same", (4, "", ""));
    span("", "all", (0, "", "all"));
    span("all", "", (0, "all", ""));
    span("one two three", "one 2 three", (4, "two", "2"));
    span("one two", "one two three", (7, "", " three"));
    span("two three", "one two three", (0, "", "one "));
    span("abc", "xyz", (0, "abc", "xyz"));
}

/// What is repeated is shared once: the beginning takes it first, and the end takes nothing twice.
#[test]
fn repeated_characters_are_shared_once() {
    span("aa", "aaa", (2, "", "a"));
    span("aaa", "aa", (2, "a", ""));
    span("abab", "ab", (2, "ab", ""));
    span("ab", "abab", (2, "", "ab"));
    span("aba", "a", (1, "ba", ""));
    span("xaay", "xay", (2, "a", ""));
}

/// Texts are cut between characters and counted in characters, also where the bytes around are the same.
#[test]
fn a_span_cuts_no_character() {
    span("😀", "😁", (0, "😀", "😁"));
    span("é", "è", (0, "é", "è"));
    span("naïve 😀!", "naïve 😁!", (6, "😀", "😁"));
    span("日本語", "日木語", (1, "本", "木"));
    span("Ā", "ŀ", (0, "Ā", "ŀ"));
    span("aé", "a\u{e9}\u{301}", (2, "", "\u{301}"));
}

fn words(fields: &[(Field, Value)]) -> Words {
    fields.iter().cloned().collect()
}

fn between(fields: &[Field], before: &[(Field, Value)], after: &[(Field, Value)]) -> Vec<Change> {
    Drift::between(&fields.iter().copied().collect(), &words(before), &words(after)).changes
}

fn change(field: Field, path: &str, before: Option<Value>, after: Option<Value>) -> Change {
    Change { field, path: path.into(), before, after }
}

#[test]
fn a_field_whose_words_are_gone_is_named_as_a_whole() {
    use Field::{OutputSchema, Sampling};
    let there = [(Sampling, json!({"temperature": 1}))];
    assert_eq!(between(&[Sampling], &[], &there), [change(Sampling, "", None, Some(there[0].1.clone()))]);
    assert_eq!(between(&[Sampling], &there, &[]), [change(Sampling, "", Some(there[0].1.clone()), None)]);
    assert_eq!(between(&[Sampling], &[], &[]), [change(Sampling, "", None, None)]);
    // What was not asked for is no value.
    let nothing = [(Sampling, Value::Null)];
    assert_eq!(between(&[Sampling], &nothing, &there), [change(Sampling, "", None, Some(there[0].1.clone()))]);
    assert_eq!(between(&[OutputSchema, Sampling], &there, &there).len(), 2, "digests differ, so both are named");
}

/// Fields that are not known to differ are not compared.
#[test]
fn only_what_is_known_to_differ_is_looked_at() {
    let (before, after) = ([(Field::Model, json!("a"))], [(Field::Model, json!("b"))]);
    assert_eq!(between(&[], &before, &after), []);
    assert_eq!(
        between(&[Field::Model], &before, &after),
        [change(Field::Model, "", Some(json!("a")), Some(json!("b")))]
    );
}

fn said(texts: &[&str]) -> (Field, Value) {
    (Field::Messages, texts.iter().map(|text| json!({"parts": [{"content": text}], "role": "user"})).collect())
}

fn paths(before: &[&str], after: &[&str]) -> Vec<String> {
    between(&[Field::Messages], &[said(before)], &[said(after)]).into_iter().map(|change| change.path).collect()
}

#[test]
fn one_message_more_or_less_is_named_as_that() {
    assert_eq!(paths(&["a", "b"], &["a", "x", "b"]), ["/1"]);
    assert_eq!(paths(&["a", "x", "b"], &["a", "b"]), ["/1"]);
    assert_eq!(paths(&["a"], &["a", "a"]), ["/1"]);
    assert_eq!(paths(&["a", "b"], &["b"]), ["/0"]);
    assert_eq!(paths(&[], &["a", "b"]), ["/0", "/1"]);
    assert_eq!(paths(&["a", "b", "c"], &["a", "x", "c"]), ["/1/parts/0/content"]);
    assert_eq!(paths(&["a", "b", "c"], &["a", "x"]), ["/1/parts/0/content", "/2"]);
}

/// A number of another kind is another number, also in a message that is equal otherwise.
#[test]
fn messages_are_compared_as_their_bytes_are() {
    let zero = |zero: f64| [(Field::Messages, json!([{"content": zero}, {"content": 1}]))];
    let found = between(&[Field::Messages], &zero(0.0), &zero(-0.0));
    assert_eq!(found.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["/0/content"]);
}

/// Every field that differs is named, however many places another one has.
#[test]
fn a_field_with_many_differences_leaves_room_for_the_others() {
    let many = |text: &str| said(&vec![text; 10_000]);
    let before = [many("a"), (Field::Model, json!("a")), (Field::Tools, json!({"t": 1}))];
    let after = [many("b"), (Field::Model, json!("b")), (Field::Tools, json!({"t": 2}))];
    let found = between(&[Field::Tools, Field::Messages, Field::Model], &before, &after);
    assert_eq!(found.len(), MAX_DIFFERENCES);
    let fields = Drift { changes: found.clone() }.fields();
    assert_eq!(fields, [Field::Model, Field::Messages, Field::Tools].into());
    assert_eq!(found[MAX_DIFFERENCES - 1], change(Field::Tools, "/t", Some(json!(1)), Some(json!(2))));
}

#[test]
fn a_drift_is_shown_without_words() {
    let secret = |word: &str| [(Field::Model, json!(word)), said(&[word])];
    let drift =
        Drift { changes: between(&[Field::Model, Field::Messages], &secret("canary"), &secret("other canary")) };
    assert_eq!(drift.to_string(), "model, messages at /0/parts/0/content");
    assert_eq!(Drift { changes: Vec::new() }.to_string(), "");
}

#[test]
fn the_differences_of_one_document_are_a_drift() {
    let found = json::diff(&json!({"a": 1, "b": [2]}), &json!({"a": 1, "b": [3], "c": 4}));
    let drift = Drift::of(Field::Args, found);
    let expect =
        [change(Field::Args, "/b/0", Some(json!(2)), Some(json!(3))), change(Field::Args, "/c", None, Some(json!(4)))];
    assert_eq!(drift.changes, expect);
    assert_eq!(drift.fields(), BTreeSet::from([Field::Args]));
}

#[test]
fn a_drift_is_written_with_its_spans() {
    let drift = Drift {
        changes: vec![
            change(Field::Model, "", Some(json!("p/old")), Some(json!("p/new"))),
            change(Field::Sampling, "/top~1p", None, Some(json!(0.5))),
            change(Field::Verbosity, "", Some(json!("low")), None),
            change(Field::Tools, "", None, None),
        ],
    };
    let expect = json!([
        {"field": "model", "path": "", "before": "p/old", "after": "p/new", "span": {"at": 2, "before": "old", "after": "new"}},
        {"field": "sampling", "path": "/top~1p", "after": 0.5},
        {"field": "verbosity", "path": "", "before": "low"},
        {"field": "tools", "path": ""},
    ]);
    assert_eq!(drift.to_json(), expect);
}

fn written(before: Value, after: Value) -> Value {
    Drift { changes: vec![change(Field::Args, "", Some(before), Some(after))] }.to_json()[0].take()
}

#[test]
fn long_texts_are_cut_between_characters_and_marked() {
    let fits = "é".repeat(MAX_DRIFT_TEXT);
    let found = written(json!(fits), json!(format!("{fits}😀")));
    assert_eq!(found["before"], json!(fits));
    assert_eq!(found["after"], json!(format!("{fits}…")));
    assert_eq!(found["span"], json!({"at": MAX_DRIFT_TEXT, "before": "", "after": "😀"}));
    // What is no text is shown as its JSON once it is long.
    let list = |items| json!(vec![1; items]);
    let found = written(list(511), list(512));
    assert_eq!(
        (found["before"].clone(), found["after"].as_str().map(|text| text.chars().count())),
        (list(511), Some(1025))
    );
    assert!(found["after"].as_str().is_some_and(|text| text.starts_with("[1,1,") && text.ends_with('…')));
    assert_eq!(found.get("span"), None);
}

/// The worst that can be asked: texts of characters whose escapes are longest, in a place with a name like that.
#[test]
fn a_written_drift_has_a_bound() {
    let nasty = |first: char| json!(format!("{first}{}", "\u{1}".repeat(1 << 12)));
    let path = format!("/{}", "\u{1}".repeat(1 << 12));
    let changes = vec![change(Field::PreviousResponseId, &path, Some(nasty('a')), Some(nasty('b'))); MAX_DIFFERENCES];
    let json = json::to_canonical(&Drift { changes }.to_json()).expect("canonical");
    assert!(json.len() < 2_000_000, "{}", json.len());
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let wide: Value = (0..1_000).map(|n| (format!("key {n}"), json!({"deep": "x".repeat(100)}))).collect();
    let changes = vec![change(Field::Tools, "", Some(deep), Some(wide)); MAX_DIFFERENCES];
    let found = Drift { changes }.to_json();
    let json = json::to_canonical(&found).expect("canonical");
    assert!(json.len() < 2_000_000, "{}", json.len());
    assert_eq!(found[0]["before"], json!("…"), "what is too deep for an ask");
}
