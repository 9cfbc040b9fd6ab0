//! Names what differs between two JSON values, at the smallest place. Must not judge whether a
//! difference matters: callers compare arguments and requests and decide.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

use super::MAX_DEPTH;
use super::number::Exact;
use crate::limits::MAX_DIFFERENCES;

/// One place where two values differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The place, as a JSON pointer of RFC 6901; empty for the whole document.
    pub pointer: String,
    /// What stood there, if anything did.
    pub before: Option<Value>,
    /// What stands there now, if anything does.
    pub after: Option<Value>,
}

/// Lists where two values differ, each place as deep as it goes.
///
/// Objects are compared key by key and arrays index by index. Numbers are the same only with the same
/// kind and value: `1`, `1.0`, `0.0` and `-0.0` all differ, as their canonical bytes do. The list is
/// in the order of the canonical bytes: keys by their UTF-8 bytes, items by index.
///
/// At most [`MAX_DIFFERENCES`] are named, the first ones in that order; that many may mean more. The
/// comparison never goes below [`MAX_DEPTH`] levels, and neither does a document of the profile: what
/// lies deeper counts as different.
#[must_use]
pub fn diff(before: &Value, after: &Value) -> Vec<Difference> {
    let mut comparison = Comparison { pointer: String::new(), found: Vec::new() };
    comparison.values(Some(before), Some(after), 1);
    comparison.found
}

/// The place being compared, and what was found before it.
struct Comparison {
    pointer: String,
    found: Vec<Difference>,
}

impl Comparison {
    fn values(&mut self, before: Option<&Value>, after: Option<&Value>, depth: usize) {
        if self.found.len() == MAX_DIFFERENCES {
            return;
        }
        match (before, after) {
            (Some(Value::Object(b)), Some(Value::Object(a))) if depth < MAX_DEPTH => {
                self.objects(b, a, depth);
            }
            (Some(Value::Array(b)), Some(Value::Array(a))) if depth < MAX_DEPTH => {
                self.arrays(b, a, depth);
            }
            (Some(b), Some(a)) if same_leaf(b, a) => {}
            _ => self.differ(before, after),
        }
    }

    fn objects(&mut self, before: &Map<String, Value>, after: &Map<String, Value>, depth: usize) {
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let escaped = key.replace('~', "~0").replace('/', "~1");
            self.inside(&escaped, before.get(key), after.get(key), depth);
        }
    }

    fn arrays(&mut self, before: &[Value], after: &[Value], depth: usize) {
        for index in 0..before.len().max(after.len()) {
            self.inside(&index.to_string(), before.get(index), after.get(index), depth);
        }
    }

    fn inside(&mut self, token: &str, before: Option<&Value>, after: Option<&Value>, depth: usize) {
        let outside = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(token);
        self.values(before, after, depth + 1);
        self.pointer.truncate(outside);
    }

    fn differ(&mut self, before: Option<&Value>, after: Option<&Value>) {
        self.found.push(Difference { pointer: self.pointer.clone(), before: before.cloned(), after: after.cloned() });
    }
}

/// Whether two values that are not compared by their members are the same.
fn same_leaf(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(before), Value::Bool(after)) => before == after,
        (Value::Number(before), Value::Number(after)) => same_number(before, after),
        (Value::String(before), Value::String(after)) => before == after,
        (Value::Array(before), Value::Array(after)) => before.is_empty() && after.is_empty(),
        (Value::Object(before), Value::Object(after)) => before.is_empty() && after.is_empty(),
        _ => false,
    }
}

fn same_number(before: &Number, after: &Number) -> bool {
    match (Exact::of(before), Exact::of(after)) {
        (Some(before), Some(after)) => before.same(after),
        (None, None) => before == after,
        _ => false,
    }
}
