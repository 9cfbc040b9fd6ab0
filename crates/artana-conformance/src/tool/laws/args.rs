//! Laws of arguments: what fits is taken, what does not is refused, and nothing happens meanwhile.

use serde_json::{Number, Value, json};

use crate::{
    Law,
    law::{Kept, ensure, ensure_eq, laws},
    tool::ToolTrial,
};

pub(super) const LAWS: &[Law<ToolTrial>] = laws! {
    "args/good_ones_are_taken": "Arguments that the tool takes pass their check." => taken;
    "args/unknown_keys_are_refused": "A key that is no field of the arguments is refused." => unknown;
    "args/unknown_keys_inside_are_refused": "A key that is no field of an object in the arguments is refused." => inside;
    "args/missing_keys_are_refused": "Arguments without a key that the schema requires are refused." => missing;
    "args/nothing_is_coerced": "A value of another type is refused, however alike it looks." => coerced;
    "args/lists_are_no_objects": "A list of the values of an object is no object." => lists;
    "args/something_else_is_refused": "Arguments that are no object are refused." => something_else;
    "args/refusals_quote_nothing": "A refusal names places and types, and quotes no value." => quotes;
    "args/checking_does_nothing": "Checking arguments has no effect outside." => nothing;
};

/// A key that no tool has a field for.
pub(in crate::tool) const UNKNOWN_KEY: &str = "artana_conformance";
/// What no message may hold.
const CANARY: &str = "canary-7f3a";

/// Lists the JSON pointers of all values in a value, its own being empty.
fn places(value: &Value) -> Vec<String> {
    let inside = |key: String, value: &Value| -> Vec<String> {
        let key = key.replace('~', "~0").replace('/', "~1");
        places(value).into_iter().map(|place| format!("/{key}{place}")).collect()
    };
    let mut all = vec![String::new()];
    match value {
        Value::Object(fields) => all.extend(fields.iter().flat_map(|(key, value)| inside(key.clone(), value))),
        Value::Array(items) => all.extend(items.iter().enumerate().flat_map(|(n, value)| inside(n.to_string(), value))),
        _ => {}
    }
    all
}

/// Makes bad arguments: for each place, those with what `change` makes of the value there in its stead.
fn changed(args: &Value, change: impl Fn(&Value) -> Vec<Value>) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for place in places(args) {
        for value in change(args.pointer(&place).expect("a place in the arguments")) {
            let mut bad = args.clone();
            *bad.pointer_mut(&place).expect("a place in the arguments") = value;
            all.push((place.clone(), bad));
        }
    }
    all
}

/// Checks that arguments are refused, and that there were some.
fn refused(t: &ToolTrial, bad: &[(String, Value)], what: &str) -> Kept {
    ensure!(!bad.is_empty(), "the bench's arguments have no place for {what}");
    for (place, args) in bad {
        ensure!(t.tool.check_args(args).is_err(), "{what} at {place:?} is taken");
    }
    Ok(())
}

fn with_unknown_key(value: &Value) -> Vec<Value> {
    let Value::Object(fields) = value else { return Vec::new() };
    let mut fields = fields.clone();
    fields.insert(UNKNOWN_KEY.into(), CANARY.into());
    vec![Value::Object(fields)]
}

/// Returns values of another type that a lenient reader takes for this one.
fn alike(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(number) => {
            let half = number.as_f64().and_then(|number| Number::from_f64(number + 0.5)).map(Value::Number);
            let mut all = vec![json!(number.to_string()), json!([number]), json!(true)];
            all.extend(half.filter(|_| !number.is_f64()));
            all
        }
        Value::String(text) => vec![json!([text]), json!(7), json!(false)],
        Value::Bool(truth) => vec![json!(truth.to_string()), json!(u8::from(*truth)), json!([truth])],
        Value::Object(_) => vec![json!([value]), json!(value.to_string())],
        Value::Array(items) => vec![json!(value.to_string()), items.first().cloned().unwrap_or(json!(0))],
        Value::Null => Vec::new(),
    }
}

/// Returns the values of an object in every order, as far as it has few.
fn listed(value: &Value) -> Vec<Value> {
    let Value::Object(fields) = value else { return Vec::new() };
    let values: Vec<Value> = fields.values().cloned().collect();
    if values.len() > 5 {
        return vec![values.into()];
    }
    orders(&values).into_iter().map(Value::from).collect()
}

fn orders(values: &[Value]) -> Vec<Vec<Value>> {
    if values.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for at in 0..values.len() {
        let mut rest = values.to_vec();
        let first = rest.remove(at);
        all.extend(orders(&rest).into_iter().map(|rest| [vec![first.clone()], rest].concat()));
    }
    all
}

async fn taken(t: &ToolTrial) -> Kept {
    let args = t.bench.args();
    ensure!(args.len() > 1 && args[0] != args[1], "the bench has no two arguments that differ");
    for (n, args) in args.iter().enumerate() {
        ensure_eq!(t.tool.check_args(args).err().map(|e| e.problem), None, "the bench's arguments number {n}");
    }
    Ok(())
}

async fn unknown(t: &ToolTrial) -> Kept {
    let bad = changed(&t.args(), with_unknown_key);
    let outside: Vec<_> = bad.into_iter().filter(|(place, _)| place.is_empty()).collect();
    refused(t, &outside, "an unknown key")
}

async fn inside(t: &ToolTrial) -> Kept {
    let bad = changed(&t.args(), with_unknown_key);
    let inside: Vec<_> = bad.into_iter().filter(|(place, _)| !place.is_empty()).collect();
    refused(t, &inside, "an unknown key")
}

async fn missing(t: &ToolTrial) -> Kept {
    let schema = &t.tool.spec().args_schema;
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let without = |key: &str| {
        let mut args = t.args();
        args.as_object_mut()?.remove(key)?;
        Some((key.to_owned(), args))
    };
    let bad: Vec<_> = required.filter_map(without).collect();
    refused(t, &bad, "a missing key")
}

async fn coerced(t: &ToolTrial) -> Kept {
    let bad = changed(&t.args(), alike);
    // What is alike to the whole is the business of other laws.
    let inside: Vec<_> = bad.into_iter().filter(|(place, _)| !place.is_empty()).collect();
    refused(t, &inside, "a value of another type")
}

async fn lists(t: &ToolTrial) -> Kept {
    refused(t, &changed(&t.args(), listed), "a list for an object")
}

async fn something_else(t: &ToolTrial) -> Kept {
    let bad = [json!(null), json!([]), json!("{}"), json!(0), json!(true)];
    refused(t, &bad.map(|args| (String::new(), args)), "something else")
}

async fn quotes(t: &ToolTrial) -> Kept {
    let canary = |value: &Value| match value {
        Value::Number(_) | Value::Bool(_) => vec![json!(CANARY)],
        Value::Object(_) => with_unknown_key(value),
        _ => Vec::new(),
    };
    for (place, args) in changed(&t.args(), canary) {
        if let Err(refused) = t.tool.check_args(&args) {
            ensure!(!refused.problem.contains(CANARY), "the refusal of {place:?} quotes a value: {}", refused.problem);
        }
    }
    Ok(())
}

async fn nothing(t: &ToolTrial) -> Kept {
    for args in t.bench.args().iter().chain([&json!(null)]) {
        let _ = t.tool.check_args(args);
    }
    tokio::task::yield_now().await;
    ensure_eq!(t.bench.effects(), Vec::<String>::new(), "the effects of checking arguments");
    Ok(())
}
