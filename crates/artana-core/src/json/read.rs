//! Reads JSON strictly: one document, every doubt an error. Must not repair, guess or keep the last
//! of two keys; must not panic, overflow the stack or take more than linear time on any bytes.

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::error::{JsonError, JsonErrorKind};
use super::{MAX_BYTES, MAX_DEPTH};

/// Reads one document of RFC 8259 that has exactly one meaning in the profile.
///
/// White space, any order of keys, any spelling of a number and any valid escape are accepted;
/// [`canonicalize`](super::canonicalize) gives the profile's bytes. A float that is too small reads
/// as a zero of its sign.
///
/// # Errors
///
/// Refuses, naming the byte: more than [`MAX_BYTES`] (before looking at any), more than
/// [`MAX_DEPTH`] levels, a byte order mark, bytes that are not UTF-8, duplicate keys, lone
/// surrogates, unescaped control characters, integers outside `i64 ∪ u64`, numbers that overflow an
/// `f64`, anything after the value, and whatever else is not JSON.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonErrorKind::TooLarge.at(MAX_BYTES));
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err(JsonErrorKind::ByteOrderMark.at(0));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| JsonErrorKind::InvalidUtf8.at(error.valid_up_to()))?;
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(1)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(JsonErrorKind::TrailingBytes.at(reader.at)),
    }
}

/// A place in the text. `at` stands on a character boundary whenever text is cut out.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.skip_space();
        if depth > MAX_DEPTH {
            return Err(JsonErrorKind::TooDeep.at(self.at));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        let mut members = Map::new();
        if self.opens_empty(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            let key_at = self.at;
            let key = self.key()?;
            let Entry::Vacant(member) = members.entry(key) else {
                return Err(JsonErrorKind::DuplicateKey.at(key_at));
            };
            self.skip_space();
            self.expect(b':')?;
            member.insert(self.value(depth + 1)?);
            if !self.continues(b'}')? {
                return Ok(Value::Object(members));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        let mut items = Vec::new();
        if self.opens_empty(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if !self.continues(b']')? {
                return Ok(Value::Array(items));
            }
        }
    }

    /// Steps over the opening byte, and over the closing one if it follows.
    fn opens_empty(&mut self, close: u8) -> bool {
        self.at += 1;
        self.skip_space();
        self.take(close)
    }

    /// After a member or an item: whether a comma promises another, or the closing byte ends it.
    fn continues(&mut self, close: u8) -> Result<bool, JsonError> {
        self.skip_space();
        if self.take(b',') {
            return Ok(true);
        }
        self.expect(close)?;
        Ok(false)
    }

    fn key(&mut self) -> Result<String, JsonError> {
        match self.peek() {
            Some(b'"') => self.string(),
            _ => Err(self.unexpected()),
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let start = self.at;
            self.skip_plain();
            string.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err(JsonErrorKind::ControlCharacter.at(self.at)),
                None => return Err(self.unexpected()),
            }
        }
    }

    /// Stops at a quote, a backslash, a control character or the end.
    fn skip_plain(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..=0x1f));
        self.at += plain.unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let backslash = self.at;
        self.at += 1;
        let Some(letter) = self.peek() else {
            return Err(self.unexpected());
        };
        self.at += 1;
        match letter {
            b'"' | b'\\' | b'/' => Ok(char::from(letter)),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.code_point(backslash),
            _ => Err(JsonErrorKind::InvalidEscape.at(backslash)),
        }
    }

    /// The rest of a `\u` escape, and of the one after it for a pair of surrogates.
    fn code_point(&mut self, backslash: usize) -> Result<char, JsonError> {
        let first = self.code_unit(backslash)?;
        if let Some(plain) = char::from_u32(u32::from(first)) {
            return Ok(plain);
        }
        let second = self.at;
        if !self.text.as_bytes()[second..].starts_with(b"\\u") {
            return Err(JsonErrorKind::LoneSurrogate.at(backslash));
        }
        self.at += 2;
        let units = [first, self.code_unit(second)?];
        match char::decode_utf16(units).next() {
            Some(Ok(pair)) => Ok(pair),
            _ => Err(JsonErrorKind::LoneSurrogate.at(backslash)),
        }
    }

    fn code_unit(&mut self, backslash: usize) -> Result<u16, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(byte) = self.peek() else {
                return Err(self.unexpected());
            };
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                _ => return Err(JsonErrorKind::InvalidEscape.at(backslash)),
            };
            unit = unit << 4 | u16::from(digit);
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.at;
        let negative = self.take(b'-');
        self.integer_part()?;
        let whole = self.at;
        self.fraction_and_exponent()?;
        let spelling = &self.text[start..self.at];
        if self.at > whole {
            let float = spelling.parse().ok().and_then(Number::from_f64);
            return float.ok_or(JsonErrorKind::FloatOutOfRange.at(start));
        }
        let integer = match negative {
            false => spelling.parse::<u64>().map(Number::from),
            true => spelling.parse::<i64>().map(Number::from),
        };
        integer.map_err(|_| JsonErrorKind::IntegerOutOfRange.at(start))
    }

    /// A zero alone, or digits that don't start with one.
    fn integer_part(&mut self) -> Result<(), JsonError> {
        if !self.take(b'0') {
            return self.digits();
        }
        match self.peek() {
            Some(b'0'..=b'9') => Err(JsonErrorKind::InvalidNumber.at(self.at)),
            _ => Ok(()),
        }
    }

    fn fraction_and_exponent(&mut self) -> Result<(), JsonError> {
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            return Err(JsonErrorKind::InvalidNumber.at(start));
        }
        Ok(())
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(value)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if !self.take(byte) {
            return Err(self.unexpected());
        }
        Ok(())
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self) -> JsonError {
        match self.peek() {
            Some(_) => JsonErrorKind::UnexpectedByte.at(self.at),
            None => JsonErrorKind::UnexpectedEnd.at(self.at),
        }
    }
}
