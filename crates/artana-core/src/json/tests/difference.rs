//! What differs, and where.

use serde_json::{Value, json};

use super::super::{Difference, MAX_DEPTH, diff};
use super::{float, nested};
use crate::limits::MAX_DIFFERENCES;

fn check(before: Value, after: Value, pointers: &[&str]) -> Vec<Difference> {
    let found = diff(&before, &after);
    let named: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(named, pointers);
    found
}

#[test]
fn equal_values_have_no_difference() {
    check(json!({"a": [1, {"b": null}]}), json!({"a": [1, {"b": null}]}), &[]);
    check(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}), &[]);
}

#[test]
fn the_smallest_place_is_named_with_both_values() {
    let found = check(json!({"a": {"b": [1, 2]}}), json!({"a": {"b": [1, 3]}}), &["/a/b/1"]);
    assert_eq!((&found[0].before, &found[0].after), (&Some(json!(2)), &Some(json!(3))));
}

#[test]
fn what_came_and_what_went_has_one_side() {
    let found = check(json!({"a": null, "c": [1]}), json!({"b": 0, "c": [1, 2]}), &["/a", "/b", "/c/1"]);
    assert_eq!((&found[0].before, &found[0].after), (&Some(Value::Null), &None));
    assert_eq!((&found[1].before, &found[1].after), (&None, &Some(json!(0))));
    check(json!([1, 2, 3]), json!([1]), &["/1", "/2"]);
}

#[test]
fn another_type_differs_as_a_whole() {
    check(json!({}), json!([]), &[""]);
    check(json!({"a": {"b": 1}}), json!({"a": "b"}), &["/a"]);
    check(json!(null), json!(false), &[""]);
    check(json!("1"), json!(1), &[""]);
}

#[test]
fn numbers_compare_by_kind_and_value() {
    check(json!(1), float(1.0), &[""]);
    check(float(0.0), float(-0.0), &[""]);
    check(json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), &[""]);
    check(json!(u64::MAX), json!(-1), &[""]);
    check(json!(7_u64), json!(7_i64), &[]);
    check(float(0.1), float(0.1), &[]);
}

#[test]
fn pointers_escape_and_sort_keys_by_their_bytes() {
    check(
        json!({"😀": 1, "\u{ffff}": 1, "a/b": 1, "m~n": 1, "": 1, "10": 1, "9": 1}),
        json!({}),
        &["/", "/10", "/9", "/a~1b", "/m~0n", "/\u{ffff}", "/😀"],
    );
}

#[test]
fn at_most_the_first_64_are_named() {
    let found = diff(&json!(vec![0; 1000]), &json!(vec![1; 1000]));
    assert_eq!(found.len(), MAX_DIFFERENCES);
    assert_eq!(found[63].pointer, "/63");
}

#[test]
fn what_lies_below_the_limit_of_depth_counts_as_different() {
    assert_eq!(diff(&nested(MAX_DEPTH), &nested(MAX_DEPTH)), vec![]);
    for (before, after) in [(MAX_DEPTH + 1, MAX_DEPTH + 1), (500, 501)] {
        let found = diff(&nested(before), &nested(after));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pointer, "/0".repeat(MAX_DEPTH - 1));
    }
}
