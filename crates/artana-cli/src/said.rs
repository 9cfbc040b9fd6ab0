//! What a person says to a run, read strictly. What cannot be read is refused without a word of it.

use artana_core::json;
use serde_json::Value;

use crate::failure::Failure;

/// Reads the JSON of an option; nothing is `null`.
pub(crate) fn value(option: &str, text: Option<&str>) -> Result<Value, Failure> {
    let Some(text) = text else { return Ok(Value::Null) };
    json::parse(text.as_bytes()).map_err(|error| Failure::usage(format!("{option} takes JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_strictly_and_not_repeated() {
        assert_eq!(value("--value", None).ok(), Some(Value::Null));
        assert_eq!(value("--value", Some(r#"{"a":1}"#)).ok(), Some(serde_json::json!({"a": 1})));
        for text in ["{canary", r#"{"canary":1,"canary":2}"#, "canary", "", "1 canary", "1.0e999"] {
            let refused = value("--value", Some(text)).unwrap_err().to_string();
            assert!(refused.contains("--value takes JSON") && !refused.contains("canary"), "{text}: {refused}");
        }
    }
}
