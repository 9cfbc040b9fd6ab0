//! Documents outside the profile: each refused with its kind, at its byte.

use serde_json::{Map, Value};

use super::super::{JsonErrorKind as Kind, MAX_BYTES, MAX_DEPTH, parse, to_canonical};
use super::nested;

fn check(document: impl AsRef<[u8]>, kind: Kind, offset: usize) {
    let document = document.as_ref();
    let shown = String::from_utf8_lossy(&document[..document.len().min(40)]);
    let error = parse(document).expect_err(&shown);
    assert_eq!((error.kind(), error.offset()), (kind, offset), "of {shown}");
}

#[test]
fn duplicate_keys_in_any_spelling_and_at_any_depth() {
    check(r#"{"a":1,"a":2}"#, Kind::DuplicateKey, 7);
    check(r#"{"a":1,"\u0061":1}"#, Kind::DuplicateKey, 7);
    check(r#"[{"b":{"":1,"c":2,"":1}}]"#, Kind::DuplicateKey, 18);
    check(r#"{"a":1,"a"#, Kind::UnexpectedEnd, 9);
}

#[test]
fn a_duplicate_at_the_end_of_a_huge_object() {
    let members: Vec<String> = (0..200_000).map(|key| format!("\"{key}\":0")).collect();
    let document = format!("{{{},\"777\":1}}", members.join(","));
    check(&document, Kind::DuplicateKey, document.len() - 8);
}

#[test]
fn lone_surrogates_in_every_form() {
    check(r#""\ud800""#, Kind::LoneSurrogate, 1);
    check(r#""\uDBFF""#, Kind::LoneSurrogate, 1);
    check(r#""\udc00""#, Kind::LoneSurrogate, 1);
    check(r#""\uDFFF\uD800""#, Kind::LoneSurrogate, 1);
    check(r#""ab\ud800c""#, Kind::LoneSurrogate, 3);
    check(r#""\ud800\n""#, Kind::LoneSurrogate, 1);
    check(r#""\ud800\ud800""#, Kind::LoneSurrogate, 1);
    check(r#""\ud800\u0041""#, Kind::LoneSurrogate, 1);
    check(r#""\ud83d\ude00\ude00""#, Kind::LoneSurrogate, 13);
    check(r#"{"\ud800":1}"#, Kind::LoneSurrogate, 2);
    check(r#""\ud800\u00""#, Kind::InvalidEscape, 7);
    check(r#""\ud800"#, Kind::LoneSurrogate, 1);
    check(b"\"\xed\xa0\x80\"", Kind::InvalidUtf8, 1);
    check(b"\"\xed\xa0\xbd\xed\xb8\x80\"", Kind::InvalidUtf8, 1);
}

#[test]
fn bytes_that_are_not_utf_8() {
    check(b"\"\xc0\xaf\"", Kind::InvalidUtf8, 1);
    check(b"\"\xe0\x80\xaf\"", Kind::InvalidUtf8, 1);
    check(b"\"\xf0\x80\x80\xaf\"", Kind::InvalidUtf8, 1);
    check(b"\"\xf4\x90\x80\x80\"", Kind::InvalidUtf8, 1);
    check(b"\"\xf8\x88\x80\x80\x80\"", Kind::InvalidUtf8, 1);
    check(b"\"a\x80\"", Kind::InvalidUtf8, 2);
    check(b"\"\xe2\x82", Kind::InvalidUtf8, 1);
    check(b"1 \xff", Kind::InvalidUtf8, 2);
    check(b"\xff\xfe1\x00", Kind::InvalidUtf8, 0);
    check("\u{feff}1", Kind::ByteOrderMark, 0);
    check(" \u{feff}1", Kind::UnexpectedByte, 1);
}

#[test]
fn control_characters_and_escapes() {
    for control in 0..0x20u8 {
        check([b'"', b'a', control, b'"'], Kind::ControlCharacter, 2);
    }
    check("\"\\\n\"", Kind::InvalidEscape, 1);
    check(r#""\x41""#, Kind::InvalidEscape, 1);
    check(r#""\U0041""#, Kind::InvalidEscape, 1);
    check(r#""\é""#, Kind::InvalidEscape, 1);
    check(r#""\u+041""#, Kind::InvalidEscape, 1);
    check(r#""\u00g0""#, Kind::InvalidEscape, 1);
    check(r#""\u00é""#, Kind::InvalidEscape, 1);
    check(r#""\u004"#, Kind::UnexpectedEnd, 6);
    check(r#""\"#, Kind::UnexpectedEnd, 2);
    check(r#""abc"#, Kind::UnexpectedEnd, 4);
}

#[test]
fn numbers_that_json_does_not_know() {
    check("01", Kind::InvalidNumber, 1);
    check("-01", Kind::InvalidNumber, 2);
    check("00.5", Kind::InvalidNumber, 1);
    check("1.", Kind::InvalidNumber, 2);
    check("1.e5", Kind::InvalidNumber, 2);
    check("1e", Kind::InvalidNumber, 2);
    check("1e+", Kind::InvalidNumber, 3);
    check("1e-x", Kind::InvalidNumber, 3);
    check("-", Kind::InvalidNumber, 1);
    check("--1", Kind::InvalidNumber, 1);
    check("-Infinity", Kind::InvalidNumber, 1);
    check("+1", Kind::UnexpectedByte, 0);
    check(".5", Kind::UnexpectedByte, 0);
    check("[NaN]", Kind::UnexpectedByte, 1);
    check("Infinity", Kind::UnexpectedByte, 0);
    check("0x10", Kind::TrailingBytes, 1);
    check("1_000", Kind::TrailingBytes, 1);
}

#[test]
fn numbers_out_of_range() {
    check("18446744073709551616", Kind::IntegerOutOfRange, 0);
    check("[0,-9223372036854775809]", Kind::IntegerOutOfRange, 3);
    check("9".repeat(1_000_000), Kind::IntegerOutOfRange, 0);
    check("1e400", Kind::FloatOutOfRange, 0);
    check("-1e400", Kind::FloatOutOfRange, 0);
    check("1.8e308", Kind::FloatOutOfRange, 0);
    check(format!("1e{}", "9".repeat(1_000_000)), Kind::FloatOutOfRange, 0);
    check(format!("{}.0", "9".repeat(1_000_000)), Kind::FloatOutOfRange, 0);
}

#[test]
fn the_ends_of_the_integers_stay_exact() {
    let ends = b"[18446744073709551615,9223372036854775808,-9223372036854775808,-0]";
    let ends = parse(ends).expect("64 bits");
    assert_eq!(ends[0].as_u64(), Some(u64::MAX));
    assert_eq!(ends[1].as_u64(), Some(1 << 63));
    assert_eq!(ends[2].as_i64(), Some(i64::MIN));
    assert_eq!(ends[3].as_u64(), Some(0));
}

#[test]
fn structures_that_are_cut_short_or_go_on() {
    check("", Kind::UnexpectedEnd, 0);
    check(" \n", Kind::UnexpectedEnd, 2);
    check("tru", Kind::UnexpectedEnd, 3);
    check("True", Kind::UnexpectedByte, 0);
    check("nul!", Kind::UnexpectedByte, 3);
    check("nulll", Kind::TrailingBytes, 4);
    check("[1,]", Kind::UnexpectedByte, 3);
    check("[,1]", Kind::UnexpectedByte, 1);
    check("[1 2]", Kind::UnexpectedByte, 3);
    check("[1}", Kind::UnexpectedByte, 2);
    check("[1", Kind::UnexpectedEnd, 2);
    check("{", Kind::UnexpectedEnd, 1);
    check(r#"{"a":1,}"#, Kind::UnexpectedByte, 7);
    check(r#"{"a"1}"#, Kind::UnexpectedByte, 4);
    check(r#"{"a":}"#, Kind::UnexpectedByte, 5);
    check("{a:1}", Kind::UnexpectedByte, 1);
    check("{1:1}", Kind::UnexpectedByte, 1);
    check("'a'", Kind::UnexpectedByte, 0);
    check("1 2", Kind::TrailingBytes, 2);
    check("{}{}", Kind::TrailingBytes, 2);
    check("1\0", Kind::TrailingBytes, 1);
    check("1\u{a0}", Kind::TrailingBytes, 1);
    check("[1 /* one */]", Kind::UnexpectedByte, 3);
}

#[test]
fn more_bytes_than_the_limit_without_looking_at_one() {
    check(vec![0xff; MAX_BYTES + 1], Kind::TooLarge, MAX_BYTES);
    check(vec![b' '; 50 << 20], Kind::TooLarge, MAX_BYTES);
}

#[test]
fn depth_counts_the_outermost_value_as_one() {
    let brackets = |open: &str, depth: usize, close: &str| open.repeat(depth) + &close.repeat(depth);
    parse(brackets("[", MAX_DEPTH, "]").as_bytes()).expect("64 levels");
    check(brackets("[", MAX_DEPTH + 1, "]"), Kind::TooDeep, MAX_DEPTH);
    parse(format!("{}0{}", "[".repeat(63), "]".repeat(63)).as_bytes()).expect("64 levels");
    check(format!("{}0{}", "[".repeat(64), "]".repeat(64)), Kind::TooDeep, 64);
    check(format!("{}0{}", r#"{"":"#.repeat(64), "}".repeat(64)), Kind::TooDeep, 256);
}

#[test]
fn depth_bombs() {
    check("[".repeat(MAX_BYTES), Kind::TooDeep, MAX_DEPTH);
    check(r#"{"a":"#.repeat(1_000_000), Kind::TooDeep, 5 * MAX_DEPTH);
    check(r#"[{"a":"#.repeat(1_000_000), Kind::TooDeep, 3 * MAX_DEPTH);
}

#[test]
fn the_writer_holds_the_limit_of_depth_too() {
    to_canonical(&nested(MAX_DEPTH)).expect("64 levels");
    let error = to_canonical(&nested(MAX_DEPTH + 1)).expect_err("65 levels");
    assert_eq!((error.kind(), error.offset()), (Kind::TooDeep, MAX_DEPTH));
    let member = Map::from_iter([("a".to_owned(), nested(MAX_DEPTH))]);
    let error = to_canonical(&Value::Object(member)).expect_err("65 levels");
    assert_eq!(error.kind(), Kind::TooDeep);
}

#[test]
fn no_error_quotes_the_document() {
    for document in [
        r#"{"hunter2":1,"hunter2":2}"#,
        r#"{"hunter2" hunter2}"#,
        r#""hunter2\ud800""#,
        "hunter2",
        r#""hunter2"hunter2"#,
    ] {
        let error = parse(document.as_bytes()).expect_err(document);
        assert!(!format!("{error} {error:?} {}", error.code()).contains("hunter2"));
    }
}
