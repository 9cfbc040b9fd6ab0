//! The one error of the JSON reader and writer: what is wrong, and at which byte. Must not carry or
//! quote the document, keys included: it may hold secrets, and errors end in logs.

use std::fmt;

/// A document outside the profile: what is wrong with it and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct JsonError {
    kind: JsonErrorKind,
    offset: usize,
}

impl JsonError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> JsonErrorKind {
        self.kind
    }

    /// Where: the offset of the offending byte in the document that was read, or the number of bytes
    /// already written when the writer refused the value.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The stable code of [`JsonError::kind`].
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// More than [`MAX_BYTES`](super::MAX_BYTES) bytes.
    TooLarge,
    /// More than [`MAX_DEPTH`](super::MAX_DEPTH) levels.
    TooDeep,
    /// A byte order mark before the value.
    ByteOrderMark,
    /// Not UTF-8: overlong forms, encoded surrogates and cut sequences included.
    InvalidUtf8,
    /// A byte that can't stand here.
    UnexpectedByte,
    /// The document ends inside a value.
    UnexpectedEnd,
    /// Something other than white space after the value.
    TrailingBytes,
    /// A key that its object already has.
    DuplicateKey,
    /// A control character inside a string that is not escaped.
    ControlCharacter,
    /// A backslash followed by something that is not an escape.
    InvalidEscape,
    /// Half of a surrogate pair without the other.
    LoneSurrogate,
    /// A number that JSON doesn't know: a leading zero, or no digit where one must stand.
    InvalidNumber,
    /// A number without point or exponent outside both `i64` and `u64`.
    IntegerOutOfRange,
    /// A number with point or exponent too large for an `f64`.
    FloatOutOfRange,
}

impl JsonErrorKind {
    /// The stable code, part of the public interface.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "artana::json_too_large",
            Self::TooDeep => "artana::json_too_deep",
            Self::ByteOrderMark => "artana::json_byte_order_mark",
            Self::InvalidUtf8 => "artana::json_invalid_utf8",
            Self::UnexpectedByte => "artana::json_unexpected_byte",
            Self::UnexpectedEnd => "artana::json_unexpected_end",
            Self::TrailingBytes => "artana::json_trailing_bytes",
            Self::DuplicateKey => "artana::json_duplicate_key",
            Self::ControlCharacter => "artana::json_control_character",
            Self::InvalidEscape => "artana::json_invalid_escape",
            Self::LoneSurrogate => "artana::json_lone_surrogate",
            Self::InvalidNumber => "artana::json_invalid_number",
            Self::IntegerOutOfRange => "artana::json_integer_out_of_range",
            Self::FloatOutOfRange => "artana::json_float_out_of_range",
        }
    }

    /// The error of this kind at a byte.
    pub(super) const fn at(self, offset: usize) -> JsonError {
        JsonError { kind: self, offset }
    }
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "JSON is larger than 16 MiB",
            Self::TooDeep => "JSON is nested deeper than 64 levels",
            Self::ByteOrderMark => "JSON starts with a byte order mark; send plain UTF-8",
            Self::InvalidUtf8 => "JSON is not valid UTF-8",
            Self::UnexpectedByte => "JSON has an unexpected byte",
            Self::UnexpectedEnd => "JSON ends inside a value",
            Self::TrailingBytes => "JSON goes on after its value",
            Self::DuplicateKey => "JSON object repeats a key",
            Self::ControlCharacter => "JSON string has an unescaped control character",
            Self::InvalidEscape => "JSON string has an invalid escape",
            Self::LoneSurrogate => "JSON string escapes half of a surrogate pair",
            Self::InvalidNumber => "JSON has a malformed number",
            Self::IntegerOutOfRange => "JSON integer is outside 64 bits, signed and unsigned; send it as a string",
            Self::FloatOutOfRange => "JSON number is too large for a double; send it as a string",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_BYTES, MAX_DEPTH};
    use super::JsonErrorKind;

    #[test]
    fn the_text_names_the_limits_in_force() {
        assert_eq!(MAX_BYTES, 16 << 20);
        assert_eq!(MAX_DEPTH, 64);
    }

    #[test]
    fn the_text_says_what_and_where() {
        let error = JsonErrorKind::DuplicateKey.at(12);
        assert_eq!(error.to_string(), "JSON object repeats a key at byte 12");
        assert_eq!(error.code(), "artana::json_duplicate_key");
    }
}
