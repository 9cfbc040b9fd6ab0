//! Messages in words, as callers write them and providers get them. Values only.

pub use artana_core::conversation::Role;

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who it is from.
    pub role: Role,
    /// What was said.
    pub parts: Vec<Part>,
}

impl Message {
    /// Makes a message.
    pub fn new(role: Role, parts: impl IntoIterator<Item = Part>) -> Self {
        Self { role, parts: parts.into_iter().collect() }
    }

    /// Makes a text of the application, above all others.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, [Part::Text(text.into())])
    }

    /// Makes a text of the application, where a provider tells the two apart.
    pub fn developer(text: impl Into<String>) -> Self {
        Self::new(Role::Developer, [Part::Text(text.into())])
    }

    /// Makes a text of a person.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, [Part::Text(text.into())])
    }

    /// Makes a text of a model.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, [Part::Text(text.into())])
    }

    /// Makes a tool's answer to a call.
    pub fn tool_result(call_id: impl Into<String>, content: impl Into<String>) -> Self {
        Self::new(Role::Tool, [Part::ToolResult { call_id: call_id.into(), content: content.into() }])
    }
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the ledger format closes this vocabulary")]
pub enum Part {
    /// Text.
    Text(String),
    /// A picture.
    Image(Media),
    /// A file.
    File {
        /// Its name, if it has one.
        name: Option<String>,
        /// What is in it.
        media: Media,
    },
    /// A call the model asks for.
    ToolCall(ToolUse),
    /// A tool's answer to a call.
    ToolResult {
        /// The id of the call.
        call_id: String,
        /// The answer.
        content: String,
    },
    /// What the model thought, as far as the provider shows it.
    Reasoning(String),
}

/// A call a model asks for, as the model wrote it. Nothing of it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolUse {
    /// The provider's id of the call.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments, which should be JSON.
    pub args: String,
}

/// Bytes or a place where they are, and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// The media type, such as `image/png`.
    pub media_type: String,
    /// The bytes, or where they are.
    pub source: Source,
}

/// Where the bytes of a picture or a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the bytes are here or somewhere else")]
pub enum Source {
    /// Here.
    Bytes(Vec<u8>),
    /// At an address that the provider can read.
    Url(String),
}
