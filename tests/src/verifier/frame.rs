//! Frames and hex, as the format page has them. Knows no ledger.

/// A frame under construction.
pub(super) struct Frame(Vec<u8>);

impl Frame {
    pub(super) fn new(domain: &str) -> Self {
        let mut frame = Self(Vec::new());
        frame.field(0x00, domain.as_bytes());
        frame
    }

    pub(super) fn field(&mut self, tag: u8, value: &[u8]) {
        self.0.push(tag);
        self.0.extend((value.len() as u64).to_le_bytes());
        self.0.extend(value);
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        blake3::hash(&self.0).into()
    }
}

/// Reads lower-case hex of exactly `N` bytes.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !lower || text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
