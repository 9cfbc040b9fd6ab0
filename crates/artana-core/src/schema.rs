//! JSON Schemas as what they demand, without what they say about themselves: a better comment or another name
//! of a type makes no other schema. Pure; it judges no value.

use serde_json::{Map, Value};

/// What a schema says of itself and demands of nobody.
const ANNOTATIONS: [&str; 6] = ["$comment", "$schema", "deprecated", "description", "examples", "title"];
/// Keywords whose value is a schema by each name.
const BY_NAME: [&str; 5] = ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];
/// Keywords whose value is data, whatever it looks like.
const DATA: [&str; 4] = ["const", "default", "enum", "required"];

/// Returns a schema without its annotations, those of the schemas in it included.
#[must_use]
pub fn demands(schema: &Value) -> Value {
    match schema {
        Value::Object(keywords) => {
            let kept = keywords.iter().filter(|(keyword, _)| !ANNOTATIONS.contains(&keyword.as_str()));
            Value::Object(kept.map(|(keyword, value)| (keyword.clone(), demanded(keyword, value))).collect())
        }
        Value::Array(schemas) => schemas.iter().map(demands).collect(),
        other => other.clone(),
    }
}

fn demanded(keyword: &str, value: &Value) -> Value {
    match value {
        Value::Object(named) if BY_NAME.contains(&keyword) => {
            Value::Object(named.iter().map(|(name, schema)| (name.clone(), demands(schema))).collect::<Map<_, _>>())
        }
        value if DATA.contains(&keyword) => value.clone(),
        value => demands(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_about_a_schema_go_and_what_it_demands_stays() {
        let schema = json!({
            "$schema": "x", "title": "T", "description": "d", "type": "object", "required": ["title"],
            "properties": {
                "title": {"type": "string", "description": "d", "default": {"title": 1}},
                "list": {"type": "array", "items": {"title": "U", "$ref": "#/$defs/U"}}
            },
            "$defs": {"U": {"oneOf": [{"const": {"title": "kept"}, "description": "d"}, {"enum": [{"title": 1}]}]}}
        });
        let demanded = json!({
            "type": "object", "required": ["title"],
            "properties": {
                "title": {"type": "string", "default": {"title": 1}},
                "list": {"type": "array", "items": {"$ref": "#/$defs/U"}}
            },
            "$defs": {"U": {"oneOf": [{"const": {"title": "kept"}}, {"enum": [{"title": 1}]}]}}
        });
        assert_eq!(demands(&schema), demanded);
    }
}
