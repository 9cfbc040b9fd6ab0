//! Names and ids as types that cannot be mixed up.
//!
//! Text is checked once, where it enters: 1 to 256 bytes of UTF-8 without control characters.
//! Nothing here makes an id; random bytes and clock readings come as arguments.
//!
//! ```compile_fail
//! let run = artana_core::RunId::parse("invoice-1").unwrap();
//! let step: artana_core::StepKey = run; // a run id is not a step key
//! ```

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Digest, limits::MAX_ID_BYTES};

/// Why a name was refused. It never repeats the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty.
    #[error("a {what} must not be empty")]
    Empty {
        /// What was being named.
        what: &'static str,
    },
    /// The text is longer than [`MAX_ID_BYTES`].
    #[error("a {what} has at most {MAX_ID_BYTES} bytes; this one has {len}")]
    TooLong {
        /// What was being named.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// The text holds a control character.
    #[error("a {what} must not contain control characters; there is one at byte {at}")]
    Control {
        /// What was being named.
        what: &'static str,
        /// Byte offset of the character.
        at: usize,
    },
    /// An id of 16 bytes is not written as a hyphenated UUID in lower case.
    #[error("a {what} is written as a lower-case UUID with hyphens")]
    NotUuid {
        /// What was being named.
        what: &'static str,
    },
}

impl IdError {
    /// Returns the stable code of every refused name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "artana::invalid_id"
    }
}

fn checked(what: &'static str, text: &str) -> Result<Arc<str>, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong { what, len: text.len() });
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(IdError::Control { what, at }),
        None => Ok(text.into()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            #[doc = concat!("Checks and wraps the text of a ", $what, ".")]
            ///
            /// # Errors
            ///
            /// [`IdError`] when the text is empty, longer than 256 bytes or holds a control character.
            pub fn parse(text: impl AsRef<str>) -> Result<Self, IdError> {
                checked($what, text.as_ref()).map(Self)
            }

            /// Borrows the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Shares the text without copying it.
            #[must_use]
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(text).map_err(de::Error::custom)
            }
        }
    };
}

text_id!(
    /// The name of a tenant: everything in a store belongs to one.
    TenantId, "tenant id"
);
text_id!(
    /// The name of a run, unique within its tenant.
    RunId, "run id"
);
text_id!(
    /// The full key of a step within its run; scopes are its `/`-separated prefixes.
    StepKey, "step key"
);
text_id!(
    /// The name of a tool.
    ToolName, "tool name"
);
text_id!(
    /// The version a tool's author gives its behaviour.
    ToolVersion, "tool version"
);
text_id!(
    /// A model, as `provider/model`.
    ModelId, "model id"
);
text_id!(
    /// What an application calls an artifact, a type of summary, a checkpoint or a note's topic.
    Name, "name"
);
text_id!(
    /// A capability such as `payments:charge`.
    Capability, "capability"
);
text_id!(
    /// Who acted from outside a run's own process: an operator, a scheduler, a webhook.
    Actor, "actor"
);
text_id!(
    /// The key of a run's label.
    LabelKey, "label key"
);

impl ModelId {
    /// Returns the provider, read off the id; the whole id where it names none.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(provider, _)| provider)
    }
}

impl StepKey {
    /// Returns the key of `name` inside this scope: `collect` and `page-3` give `collect/page-3`.
    ///
    /// # Errors
    ///
    /// [`IdError`] when the joined key is too long or `name` is not fit for a key.
    pub fn join(&self, name: &str) -> Result<Self, IdError> {
        checked("step key", name)?;
        Self::parse(format!("{}/{name}", self.0))
    }

    /// Returns the enclosing scope, read off the key.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(scope, _)| scope)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Wraps 16 bytes in the order of RFC 9562.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Borrows the bytes in the order of RFC 9562.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            #[doc = concat!("Reads a ", $what, " written as a lower-case UUID.")]
            ///
            /// # Errors
            ///
            /// [`IdError::NotUuid`] for any other spelling.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                parse_uuid(text).map(Self).ok_or(IdError::NotUuid { what: $what })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

uuid_id!(
    /// The id of an event: a UUID version 7, made before the append.
    EventId, "event id"
);
uuid_id!(
    /// The event id of a request, by which every later event names it.
    RequestId, "request id"
);
uuid_id!(
    /// One life of one process, kept alive by a heartbeat.
    IncarnationId, "incarnation id"
);

impl EventId {
    /// Makes a UUID version 7 (RFC 9562, section 5.7) of a time in milliseconds and random bytes.
    #[must_use]
    pub fn v7(millis: u64, random: [u8; 10]) -> Self {
        Self(uuid_v7(millis, random))
    }
}

impl IncarnationId {
    /// Makes a UUID version 7 of a time in milliseconds and random bytes.
    #[must_use]
    pub fn v7(millis: u64, random: [u8; 10]) -> Self {
        Self(uuid_v7(millis, random))
    }
}

impl From<EventId> for RequestId {
    fn from(id: EventId) -> Self {
        Self(id.0)
    }
}

impl From<RequestId> for EventId {
    fn from(id: RequestId) -> Self {
        Self(id.0)
    }
}

fn uuid_v7(millis: u64, random: [u8; 10]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes
}

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 || HYPHENS.iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut digits = [0; 32];
    let mut filled = 0;
    for (at, &byte) in text.iter().enumerate() {
        if !HYPHENS.contains(&at) {
            digits[filled] = byte;
            filled += 1;
        }
    }
    let mut bytes = [0; 16];
    crate::digest::from_hex(&digits, &mut bytes).ok()?;
    Some(bytes)
}

fn write_uuid(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

/// A run's full name: run ids are unique per tenant only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RunRef {
    /// The tenant that owns the run.
    pub tenant: TenantId,
    /// The run's id within the tenant.
    pub run: RunId,
}

impl RunRef {
    /// Joins a tenant and a run id.
    #[must_use]
    pub fn new(tenant: TenantId, run: RunId) -> Self {
        Self { tenant, run }
    }

    /// Returns the idempotency key of a tool step of this run; see [`crate::effect_key`].
    #[must_use]
    pub fn effect_key(&self, step: &StepKey, tool: &ToolName) -> Digest {
        crate::effect_key(self, step, tool)
    }
}

impl fmt::Display for RunRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be_a_name() {
        assert_eq!(RunId::parse(""), Err(IdError::Empty { what: "run id" }));
        assert_eq!(RunId::parse("x".repeat(257)), Err(IdError::TooLong { what: "run id", len: 257 }));
        for text in ["a\nb", "a\u{7f}b", "a\u{85}b", "a\0b"] {
            assert_eq!(RunId::parse(text), Err(IdError::Control { what: "run id", at: 1 }));
        }
        assert_eq!(RunId::parse("\n").map_err(|e| e.code()), Err("artana::invalid_id"));
    }

    #[test]
    fn keeps_every_other_name_byte_for_byte() {
        for text in ["x", "naïve/α😀", "'; drop table runs; --", "e\u{301}", "\u{e9}", &"x".repeat(256)] {
            assert_eq!(StepKey::parse(text).expect("a fit name").as_str(), text);
        }
    }

    #[test]
    fn scopes_are_prefixes() {
        let scope = StepKey::parse("collect").expect("fit");
        let step = scope.join("page-3").expect("fit");
        assert_eq!((step.as_str(), step.parent(), scope.parent()), ("collect/page-3", Some("collect"), None));
        assert!(scope.join("").is_err());
        assert!(StepKey::parse("x".repeat(256)).expect("fit").join("y").is_err());
    }

    #[test]
    fn uuids_are_read_as_they_are_written() {
        let id = EventId::v7(0x0192_0000_0000, [0xff; 10]);
        assert_eq!(id.to_string(), "01920000-0000-7fff-bfff-ffffffffffff");
        assert_eq!(EventId::parse(&id.to_string()), Ok(id));
        for text in [
            "",
            "01920000-0000-7FFF-bfff-ffffffffffff",
            "0192000000007fffbfffffffffffffff0000",
            "g1920000-0000-7fff-bfff-ffffffffffff",
        ] {
            assert!(EventId::parse(text).is_err(), "{text}");
        }
    }
}
