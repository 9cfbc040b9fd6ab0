//! Framing: the one way in which fields become bytes before they are hashed.
//!
//! A frame is a sequence of fields `tag u8 ‖ length u64 little-endian ‖ bytes` whose tags never
//! descend. An absent field is omitted; an empty one has length 0. Nothing here decides what is hashed.

/// The tags of all fields. Domains that were added later have tags from `0x20`.
pub mod tag {
    #![expect(missing_docs, reason = "each tag is named after the field it marks; docs/format.md has the table")]
    pub const DOMAIN: u8 = 0x00;
    pub const TENANT: u8 = 0x01;
    pub const RUN: u8 = 0x02;
    pub const SEQ: u8 = 0x03;
    pub const EVENT_ID: u8 = 0x04;
    pub const KIND: u8 = 0x05;
    pub const STEP: u8 = 0x06;
    pub const AT: u8 = 0x07;
    pub const PAYLOAD: u8 = 0x08;
    pub const PREV_HASH: u8 = 0x09;
    pub const BODY: u8 = 0x0a;
    pub const ROOT_RUN: u8 = 0x0b;
    pub const PARENT_RUN: u8 = 0x0c;
    pub const PARENT_SEQ: u8 = 0x0d;
    pub const PARENT_HASH: u8 = 0x0e;
    pub const KEY_ID: u8 = 0x0f;
    pub const ROLE: u8 = 0x10;
    pub const PART: u8 = 0x11;
    pub const TYPE: u8 = 0x12;
    pub const CALL_ID: u8 = 0x13;
    pub const NAME: u8 = 0x14;
    pub const CONTENT: u8 = 0x15;
    pub const TURN_ROOT: u8 = 0x16;
    pub const MESSAGE: u8 = 0x17;
    pub const HASH: u8 = 0x18;
    pub const LEN: u8 = 0x19;
    pub const CODEC: u8 = 0x1a;
    pub const TOOL: u8 = 0x1b;
    pub const MODEL: u8 = 0x20;
    pub const ASKED_ROOT: u8 = 0x21;
    pub const INPUT_ITEMS: u8 = 0x22;
    pub const API_MODE: u8 = 0x23;
    pub const REASONING_EFFORT: u8 = 0x24;
    pub const VERBOSITY: u8 = 0x25;
    pub const PREVIOUS_RESPONSE: u8 = 0x26;
    pub const SAMPLING: u8 = 0x27;
    pub const TOOLS: u8 = 0x28;
    pub const OUTPUT_SCHEMA: u8 = 0x29;
    pub const FINGERPRINT: u8 = 0x2a;
    pub const ATTEMPT: u8 = 0x2b;
}

/// A frame under construction.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    bytes: Vec<u8>,
    last: u8,
}

impl Frame {
    /// Starts a frame without a domain.
    #[must_use]
    pub fn bare() -> Self {
        Self::default()
    }

    /// Starts a frame with its domain, such as `artana/1 event`.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self::bare().field(tag::DOMAIN, domain.as_bytes())
    }

    /// Empties the frame for another use and starts it with `domain`.
    #[must_use]
    pub fn restart(mut self, domain: &str) -> Self {
        self.bytes.clear();
        self.last = 0;
        self.field(tag::DOMAIN, domain.as_bytes())
    }

    /// Adds a field.
    ///
    /// # Panics
    ///
    /// When `tag` is smaller than the one before it: the order of fields is fixed by the format.
    #[must_use]
    pub fn field(mut self, tag: u8, bytes: &[u8]) -> Self {
        assert!(tag >= self.last, "tags of a frame never descend");
        self.last = tag;
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Adds a field if it is present.
    #[must_use]
    pub fn maybe(self, tag: u8, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.field(tag, bytes),
            None => self,
        }
    }

    /// Borrows the framed bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Hashes the framed bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.bytes).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_empty_differ() {
        let frame = || Frame::new("d");
        assert_ne!(frame().maybe(tag::STEP, None).as_bytes(), frame().field(tag::STEP, b"").as_bytes());
    }

    #[test]
    fn a_separator_inside_a_field_changes_the_frame() {
        let two =
            |a: &str, b: &str| Frame::new("d").field(tag::TENANT, a.as_bytes()).field(tag::RUN, b.as_bytes()).hash();
        assert_ne!(two("a/b", "c"), two("a", "b/c"));
    }

    #[test]
    #[should_panic(expected = "never descend")]
    fn tags_never_descend() {
        let _ = Frame::new("d").field(tag::RUN, b"").field(tag::TENANT, b"");
    }
}
