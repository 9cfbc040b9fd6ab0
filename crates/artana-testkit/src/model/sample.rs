//! Makes the smallest value that fits a JSON Schema, as far as schemas of Rust types go. The same schema gives
//! the same value.

use serde_json::{Map, Number, Value};

/// Deepest nesting that is followed; a schema that refers to itself ends here.
const MAX_DEPTH: usize = 16;

/// Returns the smallest value that fits `schema`.
pub(super) fn sample(schema: &Value) -> Value {
    value(schema, schema, 0)
}

fn value(root: &Value, schema: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        return root.pointer(pointer).map_or(Value::Null, |target| value(root, target, depth + 1));
    }
    if let Some(fixed) = schema.get("const").or_else(|| schema["enum"].get(0)) {
        return fixed.clone();
    }
    if let Some(choice) = ["oneOf", "anyOf"].iter().find_map(|word| schema[word].get(0)) {
        return value(root, choice, depth + 1);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return all(root, parts, depth);
    }
    match kind(schema) {
        "object" => object(root, schema, depth),
        "array" => array(root, schema, depth),
        "string" => "s".repeat(bound(schema, "minLength").max(1)).into(),
        "integer" => Value::Number(least(schema).unwrap_or_else(|| 0.into())),
        "number" => Value::Number(least(schema).or_else(|| Number::from_f64(0.5)).unwrap_or_else(|| 0.into())),
        "boolean" => true.into(),
        _ => Value::Null,
    }
}

/// Of several types the first counts.
fn kind(schema: &Value) -> &str {
    let named = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    named.unwrap_or(if schema.get("properties").is_some() { "object" } else { "null" })
}

fn object(root: &Value, schema: &Value, depth: usize) -> Value {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let of = |name: &str| (name.to_owned(), value(root, &schema["properties"][name], depth + 1));
    Value::Object(required.into_iter().map(of).collect())
}

fn array(root: &Value, schema: &Value, depth: usize) -> Value {
    if let Some(items) = schema["prefixItems"].as_array() {
        return items.iter().map(|item| value(root, item, depth + 1)).collect();
    }
    let item = value(root, &schema["items"], depth + 1);
    vec![item; bound(schema, "minItems")].into()
}

fn all(root: &Value, parts: &[Value], depth: usize) -> Value {
    let mut merged = Map::new();
    for part in parts {
        match value(root, part, depth + 1) {
            Value::Object(fields) => merged.extend(fields),
            other => return other,
        }
    }
    Value::Object(merged)
}

fn bound(schema: &Value, name: &str) -> usize {
    schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok()).unwrap_or(0)
}

fn least(schema: &Value) -> Option<Number> {
    schema["minimum"].as_number().cloned()
}
