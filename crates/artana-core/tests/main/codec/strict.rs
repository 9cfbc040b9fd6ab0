//! What a payload does not say is not guessed: a damaged one is refused, or says exactly what stands in it.

use artana_core::{Draft, Event, event::*, json};
use serde_json::{Map, Value, json};

use crate::support::{History, whole};

fn read(kind: &str, payload: &[u8]) -> Result<Body, DecodeError> {
    let history = History::start("t", "r");
    let event = history.sealed(Some("s"), |step| Draft::raw(kind, step, payload.to_vec()).expect("small"));
    Event::decode(event.into_record()).map(|event| event.body().clone())
}

fn written(body: &Body) -> Value {
    let history = History::start("t", "r");
    let event = history.sealed(Some("s"), |step| Draft::new(step, body.clone()).expect("small"));
    json::parse(&event.record().payload).expect("canonical JSON")
}

/// The payloads of all bodies there are samples of.
fn payloads() -> impl Iterator<Item = (&'static str, Value)> {
    whole::bodies().into_iter().chain(whole::others()).map(|body| (body.kind(), written(&body)))
}

/// Every place in a value, as a pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, inner)| places(inner, &format!("{at}/{key}"), found)),
        Value::Array(items) => {
            (0..).zip(items).for_each(|(n, inner): (usize, _)| places(inner, &format!("{at}/{n}"), found))
        }
        _ => {}
    }
}

fn all_places(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    places(value, "", &mut found);
    found.retain(|place| !place.is_empty());
    found
}

/// Whether a place is a key of an object, and not an item of a list.
fn is_key(value: &Value, place: &str) -> bool {
    let (parent, _) = place.rsplit_once('/').expect("a place inside");
    value.pointer(parent).is_some_and(Value::is_object)
}

fn without(value: &Value, place: &str) -> Value {
    let mut changed = value.clone();
    let (parent, key) = place.rsplit_once('/').expect("a place inside");
    match changed.pointer_mut(parent).expect("it is there") {
        Value::Object(fields) => drop(fields.remove(key)),
        Value::Array(items) => drop(items.remove(key.parse().expect("an index"))),
        _ => panic!("a container"),
    }
    changed
}

fn with(value: &Value, place: &str, put: Value) -> Value {
    let mut changed = value.clone();
    *changed.pointer_mut(place).expect("it is there") = put;
    changed
}

/// Reads a changed payload: it is refused, or what was read is written as one of `same`.
fn judged(kind: &str, changed: &Value, same: &[&Value]) -> Option<Body> {
    let read = read(kind, changed.to_string().as_bytes()).ok()?;
    let again = written(&read);
    assert!(same.contains(&&again), "{kind}: {changed} was read as {again}");
    Some(read)
}

/// What `run_started` may leave out, and has always been written.
const DEFAULTS: [&str; 4] = ["/capabilities", "/flags", "/labels", "/limits"];

#[test]
fn a_key_that_is_missing_is_optional_or_refused() {
    let mut refused = 0;
    for (kind, payload) in payloads() {
        for place in all_places(&payload).into_iter().filter(|place| is_key(&payload, place)) {
            if kind == "run_started" && DEFAULTS.contains(&place.as_str()) {
                continue;
            }
            let changed = without(&payload, &place);
            // A choice whose only key is gone says nothing.
            refused += usize::from(judged(kind, &changed, &[&changed]).is_none());
        }
    }
    assert!(refused > 200, "{refused}");
}

/// A list is not tried in place of an object: by the order of its keys it can be read as one.
#[test]
fn a_value_of_another_shape_is_refused_or_is_no_value() {
    let others = [Value::Null, json!("x"), json!(0), json!(-1), json!(true), json!([]), json!({}), json!(0.5)];
    let mut refused = 0;
    for (kind, payload) in payloads() {
        for place in all_places(&payload) {
            for other in &others {
                let changed = with(&payload, &place, other.clone());
                let absent = without(&payload, &place);
                refused += usize::from(judged(kind, &changed, &[&changed, &absent]).is_none());
            }
        }
    }
    assert!(refused > 2000, "{refused}");
}

/// A later version may add keys; where the format closes an object, it may not.
#[test]
fn a_key_that_is_unknown_is_ignored_or_refused() {
    let mut ignored = 0;
    for (kind, payload) in payloads() {
        let mut objects = all_places(&payload);
        objects.push(String::new());
        objects.retain(|place| payload.pointer(place).is_some_and(Value::is_object));
        for place in objects {
            let mut changed = payload.clone();
            let object: &mut Map<String, Value> =
                changed.pointer_mut(&place).and_then(Value::as_object_mut).expect("an object");
            object.insert("from_the_future".into(), json!(1));
            // Labels are the application's own keys, and a number is no label.
            ignored += usize::from(judged(kind, &changed, &[&payload]).is_some());
        }
    }
    assert!(ignored >= whole::bodies().len() + whole::others().len(), "{ignored}: at least each payload itself");
}

#[test]
fn a_payload_is_an_object() {
    assert_eq!(read("run_finished", br#"{"outcome":"completed"}"#).map(|body| body.kind()), Ok("run_finished"));
    for payload in [r#"["completed"]"#, r#""completed""#, "null", "", " "] {
        assert_eq!(read("run_finished", payload.as_bytes()), Err(DecodeError::Payload), "{payload}");
    }
}

const HEAD: &str = r#""elapsed_us":2,"request":"01010101-0101-0101-0101-010101010101""#;
const TOOL: &str = r#""outcome":{"unknown":{"cause":"timeout"}}"#;
const MODEL: &str = r#""model":{"abandoned":"not_sent"}"#;

fn late(rest: &str) -> Result<&'static str, DecodeError> {
    match read("late_outcome", format!("{{{HEAD}{rest}}}").as_bytes())? {
        Body::LateOutcome(LateOutcome { what: Late::Tool(_), .. }) => Ok("tool"),
        Body::LateOutcome(LateOutcome { what: Late::Model(_), .. }) => Ok("model"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_late_outcome_is_a_tools_or_a_models_and_never_both() {
    assert_eq!(late(&format!(",{TOOL}")), Ok("tool"));
    assert_eq!(late(&format!(",{MODEL}")), Ok("model"));
    assert_eq!(late(&format!(r#","human":{{}},{MODEL},"more":[1]"#)), Ok("model"));
    let bad = [
        String::new(),
        format!(",{TOOL},{MODEL}"),
        format!(",{MODEL},{TOOL}"),
        format!(",{TOOL},{TOOL}"),
        format!(",{MODEL},{MODEL}"),
        format!(r#",{TOOL},"elapsed_us":2"#),
        format!(r#","outcome":null,{MODEL}"#),
        format!(r#","model":null,{TOOL}"#),
        r#","outcome":null"#.into(),
        r#","human":{"unknown":{"cause":"timeout"}}"#.into(),
        r#","model":{"unknown":{"cause":"timeout"}}"#.into(),
        r#","outcome":{"abandoned":"not_sent"}"#.into(),
        r#","model":{"abandoned":"not_sent","completed":{}}"#.into(),
        r#","model":{"abandoned":"elsewhere"}"#.into(),
        r#","model":{"abandoned":{"not_sent":null},"x":1}"#.into(),
        r#","model":{}"#.into(),
        r#","model":"abandoned""#.into(),
        r#","what":{"model":{"abandoned":"not_sent"}}"#.into(),
    ];
    for rest in bad {
        assert_eq!(late(&rest), Err(DecodeError::Payload), "{rest}");
    }
}

#[test]
fn a_repeated_key_is_refused() {
    for (kind, payload) in payloads() {
        let fields = payload.as_object().expect("an object");
        for (key, value) in fields {
            let text = payload.to_string();
            let twice = format!("{{{}:{value},{}", json!(key), &text[1..]);
            assert_eq!(read(kind, twice.as_bytes()), Err(DecodeError::Payload), "{kind}: {key}");
        }
    }
}
