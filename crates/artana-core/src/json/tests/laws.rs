//! Laws over generated documents, damaged documents and noise.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::super::{JsonErrorKind, canonicalize, diff, parse, to_canonical};
use super::float;

/// Any value of the profile of a few levels, special characters and numbers more often than fair.
fn document() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-c]{0,3}", any::<String>(), r#"[\x00-\x1f"\\/~\x7f\u{2028}\u{ffff}\u{10ffff}é]{0,8}"#,];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(float),
        prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(1e21), Just(1e-7)].prop_map(float),
        text.clone().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((text.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The bytes of a document with one of them replaced, removed or doubled.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\u0-.eE d8".as_slice())];
    (document(), any::<prop::sample::Index>(), byte, 0..3).prop_map(|(value, index, byte, how)| {
        let mut bytes = to_canonical(&value).expect("a generated value is in the profile");
        let at = index.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, byte),
        }
        bytes
    })
}

/// The same value with every object's members put in the other order.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(reversed).collect()),
        Value::Object(members) => {
            let mut other: Vec<_> = members.iter().map(|(key, value)| (key.clone(), reversed(value))).collect();
            other.reverse();
            Value::Object(Map::from_iter(other))
        }
        leaf => leaf.clone(),
    }
}

/// Whether `serde_json` read the same, but for the spelling of floats, which it rounds differently.
fn agrees(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(_)) if ours.is_f64() => true,
        (Value::Number(ours), Value::Number(theirs)) => {
            ours == theirs || ours.as_u64() == Some(0) && theirs.as_f64() == Some(0.0)
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| agrees(a, b))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len() && ours.iter().all(|(key, a)| theirs.get(key).is_some_and(|b| agrees(a, b)))
        }
        _ => ours == theirs,
    }
}

/// Our reader accepts less than `serde_json`, only for the profile's reasons, and reads the same.
fn check_against_serde_json(bytes: &[u8]) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_slice::<Value>(bytes);
    match (parse(bytes), theirs) {
        (Ok(ours), Ok(theirs)) => prop_assert!(agrees(&ours, &theirs)),
        (Ok(_), Err(error)) => prop_assert!(false, "only we accept: {error}"),
        (Err(error), Ok(_)) => prop_assert!(
            matches!(
                error.kind(),
                JsonErrorKind::DuplicateKey
                    | JsonErrorKind::IntegerOutOfRange
                    | JsonErrorKind::FloatOutOfRange
                    | JsonErrorKind::TooDeep
            ),
            "only we refuse: {error}"
        ),
        (Err(error), Err(_)) => prop_assert!(error.offset() <= bytes.len()),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn canonical_bytes_read_back_as_the_value(value in document()) {
        let bytes = to_canonical(&value).expect("a generated value is in the profile");
        let read = parse(&bytes).expect("canonical bytes are JSON");
        prop_assert_eq!(diff(&value, &read), vec![]);
        prop_assert_eq!(read, value);
    }

    #[test]
    fn canonical_bytes_are_a_fixed_point(value in document()) {
        let bytes = to_canonical(&value).expect("a generated value is in the profile");
        prop_assert_eq!(canonicalize(&bytes), Ok(bytes));
    }

    #[test]
    fn neither_order_nor_space_changes_the_bytes(value in document()) {
        let bytes = to_canonical(&value).expect("a generated value is in the profile");
        let reversed = reversed(&value);
        prop_assert_eq!(to_canonical(&reversed), Ok(bytes.clone()));
        let pretty = serde_json::to_vec_pretty(&reversed).expect("a value is JSON");
        prop_assert_eq!(canonicalize(&pretty), Ok(bytes));
    }

    #[test]
    fn no_difference_means_the_same_bytes(before in document(), after in document()) {
        let same_bytes = to_canonical(&before) == to_canonical(&after);
        prop_assert_eq!(diff(&before, &after).is_empty(), same_bytes);
    }

    #[test]
    fn a_named_difference_is_really_there(before in document(), after in document()) {
        for one in diff(&before, &after) {
            prop_assert_eq!(before.pointer(&one.pointer), one.before.as_ref());
            prop_assert_eq!(after.pointer(&one.pointer), one.after.as_ref());
        }
    }

    #[test]
    fn floats_read_as_the_nearest_double(float in any::<f64>()) {
        prop_assume!(float.is_finite());
        let read = parse(format!("[{float:?}]").as_bytes()).expect("a float is JSON");
        prop_assert_eq!(read[0].as_f64().map(f64::to_bits), Some(float.to_bits()));
    }

    #[test]
    fn documents_read_as_serde_json_reads_them(value in document()) {
        check_against_serde_json(&serde_json::to_vec(&value).expect("a value is JSON"))?;
    }

    #[test]
    fn damaged_documents_are_judged_as_serde_json_judges_them(bytes in damaged()) {
        check_against_serde_json(&bytes)?;
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_against_serde_json(&bytes)?;
    }

    #[test]
    fn noise_of_json_characters_never_panics(
        text in r#"[\[\]{}:,"\\u0-9a-fA-F+\-.eEntrlsé \n\t]{0,60}"#,
    ) {
        check_against_serde_json(text.as_bytes())?;
    }
}
