//! Changes one byte of an event in a copy of a ledger's file, behind the store's back. It reads no
//! format: it looks for the event's own bytes and leaves all others alone.

use std::{fs, io, path::Path};

use artana_core::Event;

/// What in the payload is changed, and into what: the first attempt becomes the ninth.
const BEFORE: &[u8] = b"\"attempt\":1";
const AFTER: u8 = b'9';

/// Copies `ledger` to `copy` and changes one byte of `event` there.
///
/// # Errors
///
/// [`io::Error`] when a file fails, or the event's bytes are not in the file exactly once.
pub(super) fn tamper(ledger: &Path, copy: &Path, event: &Event) -> io::Result<()> {
    let mut bytes = fs::read(ledger)?;
    let at = byte_of(&bytes, &event.record().payload).ok_or(io::ErrorKind::NotFound)?;
    bytes[at] = AFTER;
    fs::write(copy, bytes)
}

/// Finds the last byte of [`BEFORE`] in the file, by all of the payload that stands before it.
fn byte_of(file: &[u8], payload: &[u8]) -> Option<usize> {
    let end = places(payload, BEFORE).next()? + BEFORE.len();
    let mut found = places(file, &payload[..end]);
    let first = found.next()?;
    found.next().is_none().then_some(first + end - 1)
}

fn places<'a>(hay: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    hay.windows(needle.len()).enumerate().filter(move |(_, window)| *window == needle).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_is_found_once_or_not_at_all() {
        let payload = br#"{"args":"abc","attempt":1,"effect":2}"#;
        let file = [b"....".as_slice(), payload, b"...."].concat();
        let at = byte_of(&file, payload).expect("the payload is in the file");
        assert_eq!(file[at], b'1');
        assert_eq!(byte_of(&[file.clone(), file].concat(), payload), None);
        assert_eq!(byte_of(b"nothing", payload), None);
    }
}
