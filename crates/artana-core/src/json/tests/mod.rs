//! Tests of the profile through its public door: pinned vectors, refusals, laws over generated
//! documents. Each runs with and without `serde_json/preserve_order`.

mod difference;
mod laws;
mod refusals;
mod vectors;

use serde_json::{Number, Value};

/// A float, whatever features `serde_json` was built with.
fn float(float: f64) -> Value {
    Value::Number(Number::from_f64(float).expect("the test's float is finite"))
}

/// A value inside as many arrays as make `depth` levels.
fn nested(depth: usize) -> Value {
    (1..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}
