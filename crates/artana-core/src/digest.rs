//! Digests, chain hashes and keys, and how each is derived. Keys come as arguments, never from a source.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Frame, RunRef, StepKey, ToolName, tag};

const CONTENT_CONTEXT: &str = "artana/1 content";
const RUN_KEY_ID_CONTEXT: &str = "artana/1 run key id";
const TENANT_KEY_ID_CONTEXT: &str = "artana/1 tenant key id";

/// Text that should be 64 lower-case hex digits is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an even number of lower-case hex digits of the right length")]
pub struct HexError;

pub(crate) fn from_hex(text: &[u8], out: &mut [u8]) -> Result<(), HexError> {
    if text.len() != out.len() * 2 {
        return Err(HexError);
    }
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(HexError),
    };
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(())
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 raw bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Borrows the 32 raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Reads 64 lower-case hex digits.
            ///
            /// # Errors
            ///
            /// [`HexError`] for any other text.
            pub fn from_hex(text: &str) -> Result<Self, HexError> {
                let mut bytes = [0; 32];
                from_hex(text.as_bytes(), &mut bytes)?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; 64];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
                    pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
                }
                f.write_str(std::str::from_utf8(&text).expect("hex digits are ASCII"))
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
                Self::from_hex(&text).map_err(de::Error::custom)
            }
        }
    };
}

hash_type!(
    /// The digest of a piece of content, of arguments or of a schema.
    Digest
);
hash_type!(
    /// A link of a run's hash chain.
    ChainHash
);
hash_type!(
    /// Names a key without revealing it, so that a lost or swapped key is told from tampered content.
    KeyId
);

macro_rules! key_type {
    ($(#[$doc:meta])* $name:ident, $context:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 random bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Borrows the secret bytes, for the vault and for exports that ask for them.
            #[must_use]
            pub const fn expose(&self) -> &[u8; 32] {
                &self.0
            }

            /// Returns the id under which ledgers name this key.
            #[must_use]
            pub fn id(&self) -> KeyId {
                KeyId(blake3::derive_key($context, &self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(id {})"), self.id())
            }
        }
    };
}

key_type!(
    /// The key of a fork family's content digests. It lives in the vault; `Debug` shows its id only.
    RunKey, RUN_KEY_ID_CONTEXT
);
key_type!(
    /// The key of digests that must be comparable across a tenant's runs.
    TenantKey, TENANT_KEY_ID_CONTEXT
);

impl RunKey {
    /// Returns the digest of a piece of content of this fork family.
    #[must_use]
    pub fn digest(&self, content: &[u8]) -> Digest {
        self.digester().digest(content)
    }

    /// Derives the content key once, for many digests.
    #[must_use]
    pub fn digester(&self) -> Digester {
        Digester(blake3::derive_key(CONTENT_CONTEXT, &self.0))
    }
}

/// Computes content digests of one fork family.
#[derive(Clone)]
pub struct Digester([u8; 32]);

impl Digester {
    /// Returns the digest of a piece of content.
    #[must_use]
    pub fn digest(&self, content: &[u8]) -> Digest {
        Digest(*blake3::keyed_hash(&self.0, content).as_bytes())
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester")
    }
}

impl Digest {
    /// Returns the unkeyed digest of a tool's argument schema in canonical form.
    ///
    /// A schema is the application's own text, not something a person or a model said.
    #[must_use]
    pub fn of_schema(canonical: &[u8]) -> Self {
        Self(*blake3::hash(canonical).as_bytes())
    }
}

/// Returns the idempotency key of a tool step: the same on every retry and reconciliation, and
/// independent of sequence, time, worker and lease. Written as 64 lower-case hex digits.
#[must_use]
pub fn effect_key(run: &RunRef, step: &StepKey, tool: &ToolName) -> Digest {
    let frame = Frame::new("artana/1 effect")
        .field(tag::TENANT, run.tenant.as_str().as_bytes())
        .field(tag::RUN, run.run.as_str().as_bytes())
        .field(tag::STEP, step.as_str().as_bytes())
        .field(tag::TOOL, tool.as_str().as_bytes());
    Digest(frame.hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_back_and_only_in_lower_case() {
        let digest = Digest([0xab; 32]);
        assert_eq!(Digest::from_hex(&digest.to_string()), Ok(digest));
        assert_eq!(Digest::from_hex(&"AB".repeat(32)), Err(HexError));
        assert_eq!(Digest::from_hex("ab"), Err(HexError));
    }

    #[test]
    fn keys_are_never_shown() {
        let key = RunKey::from_bytes([7; 32]);
        assert!(!format!("{key:?}").contains("0707"));
    }
}
