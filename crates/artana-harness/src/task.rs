//! Tasks as the application names them, and how it says that one is done. Nothing here is recorded by itself.

use serde::Serialize;
use serde_json::{Value, json};

use crate::Result;

/// One task of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskUnit {
    id: String,
    title: String,
}

impl TaskUnit {
    /// Names a task: by an id, which stands in clear in step keys and in the ledger, and by a title for people.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into() }
    }

    /// Borrows the id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Borrows the title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }
}

/// How it was verified that a task is done. It is recorded with the task.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification(Value);

impl Verification {
    /// Nobody looked further: the work returned without an error.
    #[must_use]
    pub fn worked() -> Self {
        Self(json!({ "by": "work_on returned Ok" }))
    }

    /// Somebody looked, and this is what they saw.
    ///
    /// # Errors
    ///
    /// What cannot be written as JSON.
    pub fn evidence<T: Serialize>(seen: &T) -> Result<Self> {
        Ok(Self(serde_json::to_value(seen)?))
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}
