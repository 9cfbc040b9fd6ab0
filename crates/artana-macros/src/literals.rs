//! Durations, sizes and names as they are written in an attribute. Each is read here, while the program
//! is compiled, and what does not fit is said at the place of the literal.

use crate::limits::{MAX_CONTENT_BYTES, MAX_ID_BYTES, MAX_TOOL_DAYS};

const DURATION: &str = "a duration is a whole number and one of us, ms, s, m, h, d, such as \"30s\"";
const SIZE: &str = "a size is a number of bytes, or a whole number and one of B, KiB, MiB, such as \"64KiB\"";

/// Reads a duration that may be nothing, in microseconds.
pub(crate) fn wait(text: &str) -> Result<u64, String> {
    let micros = |unit: &str| match unit {
        "us" => Some(1),
        "ms" => Some(1_000),
        "s" => Some(1_000_000),
        "m" => Some(60_000_000),
        "h" => Some(3_600_000_000),
        "d" => Some(86_400_000_000),
        _ => None,
    };
    let longest = MAX_TOOL_DAYS * 86_400_000_000;
    let micros = number(text, micros, DURATION)?;
    micros.filter(|micros| *micros <= longest).ok_or(format!("a duration is at most {MAX_TOOL_DAYS} days"))
}

/// Reads a duration that is something, in microseconds.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    match wait(text)? {
        0 => Err("a duration of nothing gives the tool no time".to_owned()),
        micros => Ok(micros),
    }
}

/// Reads a size, in bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let bytes = |unit: &str| match unit {
        "B" => Some(1),
        "KiB" => Some(1024),
        "MiB" => Some(1024 * 1024),
        _ => None,
    };
    bounded(number(text, bytes, SIZE)?)
}

/// Holds a number of bytes to the bounds of a result.
pub(crate) fn bounded(bytes: Option<u64>) -> Result<u64, String> {
    bytes
        .filter(|bytes| (1..=MAX_CONTENT_BYTES).contains(bytes))
        .ok_or(format!("a result has at least 1 byte and at most {MAX_CONTENT_BYTES}"))
}

/// Reads a whole number and its unit; `Ok(None)` when their product is beyond all bounds.
fn number(text: &str, unit: impl Fn(&str) -> Option<u64>, expected: &str) -> Result<Option<u64>, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let unit = unit(rest.trim_start_matches(' ')).filter(|_| !digits.is_empty()).ok_or(expected)?;
    Ok(digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)))
}

/// Holds a name, a version or a capability to what the ledger takes.
pub(crate) fn id(what: &str, text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if text.len() > MAX_ID_BYTES {
        return Err(format!("{what} has {} bytes, and at most {MAX_ID_BYTES} are allowed", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} holds a control character"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use artana_core::{Capability, ToolName, ToolVersion};

    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let day = 86_400_000_000;
        let cases = [("1us", 1), ("100ms", 100_000), ("30s", 30_000_000), ("2m", 120_000_000)];
        for (text, micros) in
            cases.into_iter().chain([("24h", day), ("1d", day), ("3650d", 3650 * day), ("1 s", 1_000_000)])
        {
            assert_eq!(duration(text), Ok(micros), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_what_one_is() {
        for text in
            ["", "s", "30", "30 ", "-1s", "1.5s", "1h30m", "30sec", "30S", " 30s", "30s ", "٣s", "0x10s", "1_000s"]
        {
            assert_eq!(wait(text), Err(DURATION.to_owned()), "{text}");
        }
    }

    #[test]
    fn durations_have_bounds() {
        for text in ["3651d", "87601h", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(wait(text), Err("a duration is at most 3650 days".to_owned()), "{text}");
        }
        assert_eq!(wait("0s"), Ok(0));
        assert!(duration("0s").unwrap_err().contains("nothing"));
    }

    #[test]
    fn sizes_are_a_number_and_a_unit() {
        let cases = [("1B", 1), ("64KiB", 64 * 1024), ("1MiB", 1024 * 1024), ("16 MiB", 16 * 1024 * 1024)];
        for (text, bytes) in cases {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "1", "1MB", "1kib", "MiB", "1GiB", "1.5MiB"] {
            assert_eq!(size(text), Err(SIZE.to_owned()), "{text}");
        }
        for text in ["0B", "17MiB", "16777217B", "18446744073709551615MiB"] {
            assert!(size(text).unwrap_err().contains("at most 16777216"), "{text}");
        }
    }

    #[test]
    fn an_id_fits_here_when_it_fits_in_the_core() {
        let (fits, long) = ("é".repeat(128), "é".repeat(128) + "x");
        for text in ["", "a", "payments:charge", "a b", "a\nb", "a\u{85}b", "\u{7f}", "a\u{200b}b", &fits, &long] {
            let here = id("a name", text).is_ok();
            let there =
                [ToolName::parse(text).is_ok(), ToolVersion::parse(text).is_ok(), Capability::parse(text).is_ok()];
            assert_eq!(there, [here; 3], "{text:?}");
        }
    }
}
