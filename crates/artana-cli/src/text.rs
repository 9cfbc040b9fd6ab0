//! Text as it may be shown: without control characters, times in RFC 3339, words a shell takes as they are.
//! Nothing here writes anywhere.

use std::{fmt::Write as _, time::Duration};

use artana_core::Timestamp;
use serde::Serialize;

use crate::words::count;

/// Escapes what a terminal would obey and what would break a line: control characters, and those
/// that turn the direction of text.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if obeyed(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Writes a value as one line of JSON; what a terminal would obey is escaped inside its strings.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    escaped(&serde_json::to_string(value).expect("answers have string keys and no floats"))
}

/// Writes a value as lines of JSON for people, escaped in the same way.
pub(crate) fn json_lines(value: &impl Serialize) -> Vec<String> {
    let json = serde_json::to_string_pretty(value).expect("answers have string keys");
    json.lines().map(escaped).collect()
}

/// What a terminal would obey stands in JSON inside strings only.
fn escaped(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        if obeyed(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(line, "\\u{unit:04x}").expect("a string takes all that is written");
            }
        } else {
            line.push(c);
        }
    }
    line
}

/// Writes an instant in RFC 3339, in UTC. A damaged row may hold one no calendar knows.
pub(crate) fn time(at: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(at.as_micros()) {
        Ok(time) => format!("{time:.6}"),
        Err(_) => format!("{} microseconds after 1970", at.as_micros()),
    }
}

/// Writes an instant in UTC, exact to the second.
pub(crate) fn short_time(at: Timestamp) -> String {
    let second = at.as_micros().div_euclid(1_000_000);
    match jiff::Timestamp::from_second(second) {
        Ok(time) => time.to_string(),
        Err(_) => time(at),
    }
}

/// Writes the first whole second that is not before an instant.
pub(crate) fn short_time_after(at: Timestamp) -> String {
    short_time(at.after(Duration::from_micros(999_999)))
}

/// Breaks a text between its words into lines of so many characters. A word that is longer stays whole.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line from the beginning on");
        let room = width.saturating_sub(line.chars().count());
        if line.is_empty() {
            line.push_str(word);
        } else if word.chars().count() < room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.into());
        }
    }
    lines
}

/// Writes a duration for people: in seconds, or from an hour on in the two largest units.
pub(crate) fn took(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    let (days, hours, minutes) = (minutes / (24 * 60), minutes / 60 % 24, minutes % 60);
    let parts = match (days, hours) {
        (0, 0) => return format!("{duration:.1?}"),
        (0, _) => [(hours, "hour"), (minutes, "minute")],
        _ => [(days, "day"), (hours, "hour")],
    };
    let parts = parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| count(*number, unit));
    parts.collect::<Vec<_>>().join(" ")
}

/// Quotes a word for a shell where it needs it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,~".contains(c);
    if !word.is_empty() && !word.starts_with('~') && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_terminal_obeys_is_shown() {
        assert_eq!(shown("red \u{1b}[31m\u{7}\u{9b}\n\u{202e}"), "red \\u{1b}[31m\\u{7}\\u{9b}\\n\\u{202e}");
        assert_eq!(shown("plain ümläut"), "plain ümläut");
    }

    #[test]
    fn long_times_are_told_in_large_units() {
        let told = |seconds| took(Duration::from_secs(seconds));
        assert_eq!([told(62), told(3599), told(3600)], ["62.0s", "3599.0s", "1 hour"]);
        assert_eq!([told(7 * 3600 + 61), told(259_200)], ["7 hours 1 minute", "3 days"]);
        assert_eq!(told(86_400 + 2 * 3600 + 59), "1 day 2 hours");
    }

    #[test]
    fn json_stays_json() {
        let line = json_line(&"\u{1b}\u{9b}\u{202e}ü");
        assert_eq!(line, r#""\u001b\u009b\u202eü""#);
        assert_eq!(serde_json::from_str::<String>(&line).ok().as_deref(), Some("\u{1b}\u{9b}\u{202e}ü"));
        assert_eq!(json_lines(&["\u{9b}"]), ["[", "  \"\\u009b\"", "]"]);
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(Timestamp::from_micros(1_700_000_000_123_456)), "2023-11-14T22:13:20.123456Z");
        assert!(time(Timestamp::from_micros(i64::MAX)).contains("after 1970"));
    }

    #[test]
    fn short_times_are_exact_to_the_second() {
        assert_eq!(short_time(Timestamp::from_micros(1_700_000_000_999_999)), "2023-11-14T22:13:20Z");
        assert_eq!(short_time(Timestamp::from_micros(-1)), "1969-12-31T23:59:59Z");
        assert_eq!(short_time_after(Timestamp::from_micros(1_700_000_000_000_001)), "2023-11-14T22:13:21Z");
        assert_eq!(short_time_after(Timestamp::from_micros(1_700_000_000_000_000)), "2023-11-14T22:13:20Z");
        assert!(short_time(Timestamp::from_micros(i64::MIN)).contains("after 1970"));
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one extraordinary", 5), ["one", "extraordinary"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("run-1~2"), "run-1~2");
        assert_eq!(quoted("~home"), "'~home'");
        assert_eq!(quoted("it's {}"), r"'it'\''s {}'");
        assert_eq!(quoted(""), "''");
    }
}
