//! Messages between their two forms: words as callers and providers have them, and structure with content in
//! the vault. Bytes are kept as they are.

use std::borrow::Cow;

use artana_core::{
    Content, ContentRef, ContentType,
    conversation::{self, PartType},
    json,
};
use artana_ports::{Media, Message, Part, Source, ToolUse};
use serde_json::{Value, json};

use crate::{Error, journal::Journal};

/// Turns words into references, and keeps the words if they are wanted.
pub(crate) struct Encoder<'a> {
    journal: &'a Journal,
    content: Option<Vec<Content>>,
}

impl<'a> Encoder<'a> {
    /// Only names the words.
    pub(crate) fn naming(journal: &'a Journal) -> Self {
        Self { journal, content: None }
    }

    /// Keeps the words too.
    pub(crate) fn keeping(journal: &'a Journal) -> Self {
        Self { journal, content: Some(Vec::new()) }
    }

    pub(crate) fn into_content(self) -> Vec<Content> {
        self.content.unwrap_or_default()
    }

    pub(crate) fn put<'b>(&mut self, kind: ContentType, bytes: impl Into<Cow<'b, [u8]>>) -> ContentRef {
        let bytes = bytes.into();
        let reference = self.journal.reference(kind, &bytes);
        if let Some(content) = &mut self.content {
            content.push(Content { digest: reference.digest, bytes: bytes.into_owned() });
        }
        reference
    }

    pub(crate) fn text(&mut self, text: &str) -> ContentRef {
        self.put(ContentType::Text, text.as_bytes())
    }

    /// What should be JSON is kept as it is, and called JSON only if it is.
    fn document(&mut self, text: &str) -> ContentRef {
        let kind = if json::parse(text.as_bytes()).is_ok() { ContentType::Json } else { ContentType::Text };
        self.put(kind, text.as_bytes())
    }

    pub(crate) fn message(&mut self, message: &Message) -> conversation::Message {
        conversation::Message { parts: message.parts.iter().map(|part| self.part(part)).collect(), role: message.role }
    }

    pub(crate) fn part(&mut self, part: &Part) -> conversation::Part {
        let plain = |kind, content| conversation::Part { call_id: None, content, name: None, kind };
        match part {
            Part::Text(text) => plain(PartType::Text, self.text(text)),
            Part::Reasoning(text) => plain(PartType::Reasoning, self.text(text)),
            Part::Image(media) => {
                let name = Some(self.text(&media.media_type));
                conversation::Part { name, ..plain(PartType::Image, self.source(&media.source)) }
            }
            Part::File { name, media } => {
                let name = match name {
                    Some(name) => self.text(&format!("{}\n{name}", media.media_type)),
                    None => self.text(&media.media_type),
                };
                conversation::Part { name: Some(name), ..plain(PartType::File, self.source(&media.source)) }
            }
            Part::ToolCall(call) => conversation::Part {
                call_id: Some(self.text(&call.call_id)),
                name: Some(self.text(&call.name)),
                ..plain(PartType::ToolCall, self.document(&call.args))
            },
            Part::ToolResult { call_id, content } => conversation::Part {
                call_id: Some(self.text(call_id)),
                ..plain(PartType::ToolResult, self.document(content))
            },
        }
    }

    fn source(&mut self, source: &Source) -> ContentRef {
        match source {
            Source::Bytes(bytes) => self.put(ContentType::Bytes, bytes.as_slice()),
            Source::Url(url) => self.text(url),
        }
    }
}

/// Reads the words of parts; `None` where some were erased.
pub(crate) async fn read_parts(journal: &Journal, parts: &[conversation::Part]) -> Result<Option<Vec<Part>>, Error> {
    let references: Vec<ContentRef> =
        parts.iter().flat_map(|part| [Some(part.content), part.call_id, part.name]).flatten().collect();
    let Some(mut words) = journal.read_contents(&references).await? else { return Ok(None) };
    let mut words = words.drain(..);
    let mut read = Vec::with_capacity(parts.len());
    for part in parts {
        let content = words.next().unwrap_or_default();
        let mut text = |reference: Option<ContentRef>| {
            reference.and_then(|_| words.next()).map_or_else(String::new, |bytes| lossy(&bytes))
        };
        let (call_id, name) = (text(part.call_id), text(part.name));
        read.push(part_of(part, content, call_id, name));
    }
    Ok(Some(read))
}

fn part_of(part: &conversation::Part, content: Vec<u8>, call_id: String, name: String) -> Part {
    let source = |content: Vec<u8>| match part.content.kind {
        ContentType::Bytes => Source::Bytes(content),
        ContentType::Text | ContentType::Json => Source::Url(lossy(&content)),
    };
    match part.kind {
        PartType::Text => Part::Text(lossy(&content)),
        PartType::Reasoning => Part::Reasoning(lossy(&content)),
        PartType::Image => Part::Image(Media { media_type: name, source: source(content) }),
        PartType::File => {
            let (media_type, file) = match name.split_once('\n') {
                Some((media_type, file)) => (media_type.to_owned(), Some(file.to_owned())),
                None => (name, None),
            };
            Part::File { name: file, media: Media { media_type, source: source(content) } }
        }
        PartType::ToolCall => Part::ToolCall(ToolUse { call_id, name, args: lossy(&content) }),
        PartType::ToolResult => Part::ToolResult { call_id, content: lossy(&content) },
    }
}

/// Reads the words of a message; `None` where some were erased.
pub(crate) async fn read_message(journal: &Journal, message: &conversation::Message) -> Result<Option<Message>, Error> {
    let parts = read_parts(journal, &message.parts).await?;
    Ok(parts.map(|parts| Message { role: message.role, parts }))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a message as JSON, the form in which asks are compared and shown. Bytes are named by their length
/// and their digest, which `encoded` has.
pub(crate) fn message_json(message: &Message, encoded: &conversation::Message) -> Value {
    let parts: Vec<Value> =
        message.parts.iter().zip(&encoded.parts).map(|(part, encoded)| part_json(part, encoded)).collect();
    json!({ "parts": parts, "role": message.role.as_str() })
}

fn part_json(part: &Part, encoded: &conversation::Part) -> Value {
    let source = |media: &Media| match &media.source {
        Source::Url(url) => json!({ "url": url }),
        Source::Bytes(bytes) => json!({ "digest": encoded.content.digest.to_string(), "len": bytes.len() }),
    };
    match part {
        Part::Text(text) => json!({ "text": text, "type": "text" }),
        Part::Reasoning(text) => json!({ "text": text, "type": "reasoning" }),
        Part::Image(media) => json!({ "media_type": media.media_type, "source": source(media), "type": "image" }),
        Part::File { name, media } => {
            json!({ "media_type": media.media_type, "name": name, "source": source(media), "type": "file" })
        }
        Part::ToolCall(ToolUse { call_id, name, args }) => {
            json!({ "args": args, "call_id": call_id, "name": name, "type": "tool_call" })
        }
        Part::ToolResult { call_id, content } => {
            json!({ "call_id": call_id, "content": content, "type": "tool_result" })
        }
    }
}
