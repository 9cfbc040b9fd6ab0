//! How a closure's result becomes bytes and is read again.

use artana_core::{ContentType, json};
use serde::{Serialize, de::DeserializeOwned};

/// Writes and reads the result of a closure. The ledger keeps the bytes; whoever asks again gets what they read as.
pub trait StepCodec<T>: Clone + Send + Sync + 'static {
    /// Says what the bytes are.
    const CONTENT: ContentType;

    /// Writes a result.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without any word of it.
    fn encode(&self, value: &T) -> Result<Vec<u8>, String>;

    /// Reads a result.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes, without any word of them.
    fn decode(&self, bytes: &[u8]) -> Result<T, String>;
}

/// Canonical JSON, which is what results are kept as unless told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl<T: Serialize + DeserializeOwned> StepCodec<T> for Json {
    const CONTENT: ContentType = ContentType::Json;

    fn encode(&self, value: &T) -> Result<Vec<u8>, String> {
        to_json(value)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, String> {
        from_json(bytes)
    }
}

/// Writes a value as canonical JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    let value = serde_json::to_value(value).map_err(|_| "it cannot be written as JSON".to_owned())?;
    json::to_canonical(&value).map_err(|error| error.to_string())
}

/// Reads a value from JSON, strictly, and says what serde disliked without its message, which may quote values.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let value = json::parse(bytes).map_err(|error| error.to_string())?;
    serde_json::from_value(value).map_err(|error| format!("{:?} error", error.classify()))
}
