//! Conversations: how messages are named by digests, and whole conversations by one root.
//! Words stay content; a message holds references only. Nothing here talks to a model.

use serde::{Deserialize, Serialize};

use crate::{ContentRef, Digest, Frame, tag};

/// Who a message is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the format closes this vocabulary for good")]
pub enum Role {
    /// The application, above all others.
    System,
    /// The application, where a provider tells the two apart.
    Developer,
    /// A person.
    User,
    /// A model.
    Assistant,
    /// A tool.
    Tool,
}

impl Role {
    /// Returns the role as it is stored and hashed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// What a part of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the format closes this vocabulary for good")]
pub enum PartType {
    /// Text.
    Text,
    /// A picture.
    Image,
    /// A file.
    File,
    /// A model asks for a tool.
    ToolCall,
    /// A tool answers.
    ToolResult,
    /// A model's reasoning.
    Reasoning,
}

impl PartType {
    /// Returns the type as it is stored and hashed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::File => "file",
            Self::ToolCall => "tool_call",
            Self::ToolResult => "tool_result",
            Self::Reasoning => "reasoning",
        }
    }
}

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The provider's id of a tool call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<ContentRef>,
    /// What was said.
    pub content: ContentRef,
    /// The name of the tool or file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<ContentRef>,
    /// What the part is.
    #[serde(rename = "type")]
    pub kind: PartType,
}

impl Part {
    fn frame(&self) -> Frame {
        let bytes = |reference: &Option<ContentRef>| reference.map(|found| *found.digest.as_bytes());
        Frame::bare()
            .field(tag::TYPE, self.kind.as_str().as_bytes())
            .maybe(tag::CALL_ID, bytes(&self.call_id).as_ref().map(<[u8; 32]>::as_slice))
            .maybe(tag::NAME, bytes(&self.name).as_ref().map(<[u8; 32]>::as_slice))
            .field(tag::CONTENT, self.content.digest.as_bytes())
    }
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// Who it is from.
    pub role: Role,
}

impl Message {
    /// Returns the digest that names the message. The lengths and types of its content are not part of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let start = Frame::new("artana/1 message").field(tag::ROLE, self.role.as_str().as_bytes());
        let frame = self.parts.iter().fold(start, |frame, part| frame.field(tag::PART, part.frame().as_bytes()));
        Digest::from_bytes(frame.hash())
    }
}

/// The root of the empty conversation: 32 zero bytes.
pub const EMPTY_ROOT: Digest = Digest::from_bytes([0; 32]);

/// Returns the root of the conversation that has `message` after those of `root`.
#[must_use]
pub fn turn_root(root: &Digest, message: &Digest) -> Digest {
    let frame =
        Frame::new("artana/1 turn").field(tag::TURN_ROOT, root.as_bytes()).field(tag::MESSAGE, message.as_bytes());
    Digest::from_bytes(frame.hash())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ContentType;

    fn part(kind: PartType, byte: u8) -> Part {
        let content = ContentRef { digest: Digest::from_bytes([byte; 32]), len: 1, kind: ContentType::Text };
        Part { call_id: None, content, name: None, kind }
    }

    #[test]
    fn role_order_and_optional_names_all_count() {
        let (a, b) = (part(PartType::Text, 1), part(PartType::Text, 2));
        let message = |role, parts: &[Part]| Message { parts: parts.to_vec(), role }.digest();
        let digest = message(Role::User, &[a, b]);
        assert_ne!(digest, message(Role::User, &[b, a]));
        assert_ne!(digest, message(Role::Tool, &[a, b]));
        let called = Part { call_id: Some(b.content), ..a };
        let named = Part { name: Some(b.content), ..a };
        assert_ne!(message(Role::User, &[called]), message(Role::User, &[named]));
    }

    #[test]
    fn names_are_hashed_as_they_are_stored() {
        let json = |kind: PartType| serde_json::to_value(kind).expect("a unit variant");
        for kind in [PartType::Text, PartType::Image, PartType::File, PartType::ToolCall, PartType::ToolResult] {
            assert_eq!(json(kind), kind.as_str());
        }
        assert_eq!(json(PartType::Reasoning), "reasoning");
        for role in [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool] {
            assert_eq!(serde_json::to_value(role).expect("a unit variant"), role.as_str());
        }
    }
}
