//! The published vectors of the profile, computed by an independent implementation.

use serde_json::Value;

use super::super::{JsonErrorKind, MAX_BYTES, canonicalize, parse};

fn vectors(section: &str) -> Vec<Value> {
    let file = include_bytes!("../../../tests/vectors.json");
    let mut file = parse(file).expect("the vectors are JSON");
    let Value::Array(vectors) = file[section].take() else {
        panic!("the vectors have a list `{section}`");
    };
    assert!(!vectors.is_empty(), "`{section}` pins something");
    vectors
}

fn text(vector: &Value) -> &str {
    vector.as_str().expect("the vector is a text")
}

#[test]
fn every_published_document_has_its_canonical_bytes() {
    for vector in vectors("canonical_json") {
        let (document, canonical) = (text(&vector["in"]), text(&vector["out"]));
        let written = canonicalize(document.as_bytes()).expect("the vector is in the profile");
        assert_eq!(String::from_utf8_lossy(&written), canonical, "of {document}");
        assert_eq!(canonicalize(&written).as_ref(), Ok(&written), "a fixed point");
    }
}

#[test]
fn every_published_refusal_is_refused() {
    for vector in vectors("canonical_json_refused") {
        parse(text(&vector).as_bytes()).expect_err(text(&vector));
    }
}

fn check(document: &str, canonical: &str) {
    let written = canonicalize(document.as_bytes()).expect("the document is in the profile");
    assert_eq!(String::from_utf8_lossy(&written), canonical);
}

#[test]
fn spellings_of_one_value_have_one_form() {
    check(" [ 1 , 2 ] \r\n\t", "[1,2]");
    check(r#"{"\u0062":1,"a":2}"#, r#"{"a":2,"b":1}"#);
    check(r#""\u00e9\/\u002F""#, "\"é//\"");
    check("[1E2,1e+2,100.0,1000e-1]", "[100.0,100.0,100.0,100.0]");
    check("[-0,-0.0,0e9,-0E-9]", "[0,-0.0,0.0,-0.0]");
    check("[1e-400,-1e-400]", "[0.0,-0.0]");
    check("{}", "{}");
    check("[[],{}]", "[[],{}]");
    check(r#"{"":{"":""}}"#, r#"{"":{"":""}}"#);
}

#[test]
fn keys_sort_by_their_bytes_and_not_by_utf_16_or_escapes() {
    check(
        r#"{"\uD83D\uDE00":0,"\uffff":1,"aa":2,"a":3,"":4,"B":5,"\n":6,"a\u0000":7}"#,
        "{\"\":4,\"\\n\":6,\"B\":5,\"a\":3,\"a\\u0000\":7,\"aa\":2,\"\u{ffff}\":1,\"😀\":0}",
    );
}

#[test]
fn only_what_must_be_escaped_is() {
    for code in 0..0x20u8 {
        let expect = match code {
            8 => r#""\b""#.to_owned(),
            9 => r#""\t""#.to_owned(),
            10 => r#""\n""#.to_owned(),
            12 => r#""\f""#.to_owned(),
            13 => r#""\r""#.to_owned(),
            _ => format!(r#""\u{code:04x}""#),
        };
        check(&format!(r#""\u{code:04X}""#), &expect);
    }
    check("\"\u{7f}\u{80}\u{2028}\u{2029}\u{feff}\u{ffff}\"", "\"\u{7f}\u{80}\u{2028}\u{2029}\u{feff}\u{ffff}\"");
}

#[test]
fn the_writer_holds_the_limit_of_bytes_too() {
    let long = "1e20,".repeat(1 << 20);
    let document = format!("[{long}0]");
    assert!(document.len() < MAX_BYTES);
    let error = canonicalize(document.as_bytes()).expect_err("23 bytes for every 5");
    assert_eq!(error.kind(), JsonErrorKind::TooLarge);
}

#[test]
fn a_document_of_exactly_the_limit_is_read_and_written() {
    let document = format!("\"{}\"", "x".repeat(MAX_BYTES - 2));
    let written = canonicalize(document.as_bytes()).expect("the limit itself is allowed");
    assert_eq!(written, document.as_bytes());
}
