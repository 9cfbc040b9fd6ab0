//! The filters of a listing as they are typed, and durations. What cannot be read is refused with what would be right,
//! and without what was typed. Nothing here asks a store.

use std::time::Duration;

use artana_core::{LabelKey, RunId, Status, TenantId, Timestamp};
use artana_kernel::Error;
use artana_ports::{Drifted, RunQuery, TimeRange};
use jiff::{Span, SpanRelativeTo, civil::Date, tz::Offset};

use crate::{args::ListArgs, failure::Failure};

/// Reads which runs of a tenant to list.
pub(crate) fn query(tenant: TenantId, args: &ListArgs) -> Result<RunQuery, Failure> {
    Ok(RunQuery {
        statuses: args.status.iter().map(|text| status(text)).collect::<Result<_, _>>()?,
        label: args.label.as_deref().map(label).transpose()?,
        drift: args.drift.as_deref().map(drift).transpose()?,
        parent: args.parent.as_deref().map(RunId::parse).transpose().map_err(Error::from)?,
        started: range(args.since.as_deref(), args.until.as_deref())?,
        ..RunQuery::all(tenant)
    })
}

fn status(text: &str) -> Result<Status, Failure> {
    Status::parse(text).ok_or_else(|| {
        let known: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        Failure::usage(format!("there is no such status; there are {}", known.join(", ")))
    })
}

/// No run has a label without a value.
fn label(text: &str) -> Result<(LabelKey, String), Failure> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Ok((LabelKey::parse(key).map_err(Error::from)?, value.to_owned()))
        }
        _ => Err(Failure::usage("--label takes a key and a value, such as team=billing")),
    }
}

fn drift(text: &str) -> Result<Drifted, Failure> {
    match text {
        "yes" => Ok(Drifted::Yes),
        "no" => Ok(Drifted::No),
        _ => Err(Failure::usage("--drift takes yes or no")),
    }
}

/// Reads a duration of days, hours, minutes and seconds.
pub(crate) fn duration(option: &str, text: &str) -> Result<Duration, Failure> {
    let read = text.parse::<Span>().ok().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let read = read.and_then(|duration| Duration::try_from(duration).ok());
    read.ok_or_else(|| Failure::usage(format!("{option} takes a duration, such as 90s, 15m, 36h or 3d")))
}

/// Reads a time from one instant on and before another.
pub(crate) fn range(since: Option<&str>, until: Option<&str>) -> Result<TimeRange, Failure> {
    let read = |option: &str, text: Option<&str>| {
        let wrong = || {
            Failure::usage(format!(
                "{option} takes a time in RFC 3339, such as 2026-11-25T09:30:00Z, or a date, such as 2026-11-25"
            ))
        };
        text.map(|text| time(text).ok_or_else(wrong)).transpose()
    };
    let range = TimeRange { from: read("--since", since)?, until: read("--until", until)? };
    match range {
        TimeRange { from: Some(from), until: Some(until) } if until <= from => {
            Err(Failure::usage("--until takes a time after that of --since: nothing lies between them"))
        }
        _ => Ok(range),
    }
}

/// Reads an instant, or the beginning of a day in UTC.
fn time(text: &str) -> Option<Timestamp> {
    let instant = match text.parse::<Date>() {
        // A time without an offset would be read as its day.
        Ok(date) if date.to_string() == text => Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?,
        _ => text.parse::<jiff::Timestamp>().ok()?,
    };
    // Runs start at whole microseconds. The first one that is not before an instant stands for it.
    let micros = (instant.as_nanosecond() + 999).div_euclid(1000);
    i64::try_from(micros).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Option<i64> {
        time(text).map(Timestamp::as_micros)
    }

    #[test]
    fn a_date_begins_at_midnight_utc() {
        assert_eq!(micros("1970-01-02"), Some(86_400_000_000));
        assert_eq!(micros("1969-12-31"), Some(-86_400_000_000));
        assert_eq!(micros("2026-11-25"), micros("2026-11-25T00:00:00Z"));
    }

    #[test]
    fn a_time_is_exact_to_the_microsecond_and_has_an_offset() {
        assert_eq!(micros("1970-01-01T00:00:00.000001Z"), Some(1));
        assert_eq!(micros("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(micros("1969-12-31T23:59:59.999999Z"), Some(-1));
    }

    #[test]
    fn what_lies_between_two_microseconds_is_the_later_one() {
        assert_eq!(micros("1970-01-01T00:00:00.000000001Z"), Some(1));
        assert_eq!(micros("1970-01-01T00:00:00.000001000Z"), Some(1));
        assert_eq!(micros("1969-12-31T23:59:59.999999001Z"), Some(0));
    }

    #[test]
    fn a_time_without_an_offset_and_what_is_no_time_are_refused() {
        for text in [
            "2026-11-25T09:30:00",
            "2026-11-25 09:30",
            "2026-11-25T09:30",
            "20261125",
            "2026-11-31",
            "2026-11",
            "25.11.2026",
            "yesterday",
            "1764063000",
            "",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }
}
