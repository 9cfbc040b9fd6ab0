//! Canonical JSON, profile `artana-json-1`: a strict reader, the one writer whose bytes are hashed,
//! and a comparison that names what differs. Must not print or hash anything through `serde_json`'s
//! own writer, and must give the same answer whichever features `serde_json` was built with.
//!
//! The profile: UTF-8 without a byte order mark and without white space; objects sorted by the UTF-8
//! bytes of their keys, each key once; a number without point or exponent is an integer in
//! `i64 ∪ u64`, any other prints as ECMAScript's `Number::toString` does, with `.0` added where
//! neither point nor exponent results (of two shortest spellings equally near the value, the one that
//! ends in an even digit); `-0` is the integer 0 and `-0.0` stays a float; the escapes
//! `\" \\ \b \f \n \r \t`, other control characters `\u00xx` in lower case, and nothing else; at
//! most [`MAX_DEPTH`] levels and [`MAX_BYTES`] bytes.
//!
//! # Example
//!
//! ```
//! let canonical = artana_core::json::canonicalize(br#"{"b": 1.50, "a": 9007199254740993}"#)?;
//! assert_eq!(canonical, br#"{"a":9007199254740993,"b":1.5}"#);
//! # Ok::<(), artana_core::json::JsonError>(())
//! ```

mod diff;
mod error;
mod number;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use diff::{Difference, diff};
pub use error::{JsonError, JsonErrorKind};
pub use read::parse;
pub use write::{canonicalize, to_canonical};

/// The most bytes of one document, read or written: a document is content of the ledger.
pub const MAX_BYTES: usize = crate::limits::MAX_CONTENT_BYTES;

/// The most levels of one document, the outermost value being level 1.
pub const MAX_DEPTH: usize = crate::limits::MAX_JSON_DEPTH;
