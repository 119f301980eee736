//! Dates, spans and sizes as the language writes them, against a given clock and zone.
//!
//! A date names the time from its start to its end: a year, a month, a day, a minute or a
//! second. A span (`7d`, `2w`, `3m`, `1y`, `12h`, `30min`, `10s`) names how long ago: the
//! whole day that lies so far back for units of a day or more, else that very second.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

/// What relative dates are relative to.
#[derive(Debug, Clone)]
pub struct Context {
    /// The present.
    pub now: Timestamp,
    /// The zone in which days begin.
    pub zone: TimeZone,
}

/// A stretch of time, from its first instant until before its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first instant; `None` goes back for ever.
    pub from: Option<Timestamp>,
    /// The first instant that is too late; `None` goes on for ever.
    pub until: Option<Timestamp>,
}

impl TimeRange {
    /// Whether the instant lies in it.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= instant)
            && self.until.is_none_or(|until| instant < until)
    }
}

/// What a date or span names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// For a span, the instant exactly so long ago; for a date, its start.
    pub exact: Timestamp,
}

/// Reads a date or span: `2026`, `2026-03`, `2026-03-31`, `2026-03-31T12:30`, with seconds,
/// with `Z` or `+01:00`; `now`, `today`, `yesterday`; or a span. `None` for anything else.
pub fn moment(text: &str, context: &Context) -> Option<Moment> {
    let today = context.now.to_zoned(context.zone.clone()).date();
    match text {
        "now" => Some(second(context.now)),
        "today" => days(today, today, context),
        "yesterday" => {
            let yesterday = today.yesterday().ok()?;
            days(yesterday, yesterday, context)
        }
        _ => span(text, context).or_else(|| date(text, context)),
    }
}

/// Reads `A..B`, `A..`, `..B`, or one date: everything from the start of A to the end of B.
/// `None` when it is none of these, or ends before it begins.
pub fn range(text: &str, context: &Context) -> Option<TimeRange> {
    let Some((first, last)) = text.split_once("..") else {
        let one = moment(text, context)?;
        return Some(TimeRange { from: Some(one.start), until: Some(one.end) });
    };
    if first.is_empty() && last.is_empty() {
        return None;
    }
    let bound = |text: &str| match text {
        "" => Some(None),
        _ => moment(text, context).map(Some),
    };
    let from = bound(first)?.map(|moment| moment.start);
    let until = bound(last)?.map(|moment| moment.end);
    match (from, until) {
        (Some(from), Some(until)) if from >= until => None,
        _ => Some(TimeRange { from, until }),
    }
}

fn second(instant: Timestamp) -> Moment {
    let end = instant.checked_add(jiff::SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
    Moment { start: instant, end, exact: instant }
}

/// The days from the first to the last, both included.
fn days(first: Date, last: Date, context: &Context) -> Option<Moment> {
    let start = first.to_zoned(context.zone.clone()).ok()?.timestamp();
    let end = match last.tomorrow() {
        Ok(next) => next.to_zoned(context.zone.clone()).ok()?.timestamp(),
        Err(_) => Timestamp::MAX,
    };
    Some(Moment { start, end, exact: start })
}

fn span(text: &str, context: &Context) -> Option<Moment> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: i64 = number.parse().ok()?;
    let span = Span::new();
    let (span, whole_days) = match unit {
        "s" => (span.try_seconds(number), false),
        "min" => (span.try_minutes(number), false),
        "h" => (span.try_hours(number), false),
        "d" => (span.try_days(number), true),
        "w" => (span.try_weeks(number), true),
        "m" => (span.try_months(number), true),
        "y" => (span.try_years(number), true),
        _ => return None,
    };
    let then = context.now.to_zoned(context.zone.clone()).checked_sub(span.ok()?).ok()?;
    if whole_days {
        let day = days(then.date(), then.date(), context)?;
        Some(Moment { exact: then.timestamp(), ..day })
    } else {
        Some(second(then.timestamp()))
    }
}

fn date(text: &str, context: &Context) -> Option<Moment> {
    let (day, time) = match text.split_once(['T', 't']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let mut pieces = day.split('-');
    let year = i16::try_from(digits(pieces.next()?, 4)?).ok()?;
    let month = pieces.next().map(|piece| digits(piece, 2)).map_or(Some(None), |n| n.map(Some))?;
    let day = pieces.next().map(|piece| digits(piece, 2)).map_or(Some(None), |n| n.map(Some))?;
    if pieces.next().is_some() || (time.is_some() && day.is_none()) {
        return None;
    }
    let small = |number: Option<u32>| number.map_or(Some(1), |n| i8::try_from(n).ok());
    let first = Date::new(year, small(month)?, small(day)?).ok()?;
    match (month, day, time) {
        (_, _, Some(time)) => time_of(first, time, context),
        (_, Some(_), None) => days(first, first, context),
        (Some(_), None, None) => days(first, first.last_of_month(), context),
        (None, _, None) => days(first, Date::new(year, 12, 31).ok()?, context),
    }
}

/// A number of so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|octet| octet.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// `HH:MM` or `HH:MM:SS`, and `Z` or an offset.
fn time_of(day: Date, time: &str, context: &Context) -> Option<Moment> {
    let zone_at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let mut pieces = clock.split(':');
    let number = |piece: &str| digits(piece, 2).and_then(|n| i8::try_from(n).ok());
    let hour = number(pieces.next()?)?;
    let minute = number(pieces.next()?)?;
    let seconds = pieces.next().map(number).map_or(Some(None), |n| n.map(Some))?;
    if pieces.next().is_some() {
        return None;
    }
    let civil: DateTime = {
        let day = (day.year(), day.month(), day.day());
        DateTime::new(day.0, day.1, day.2, hour, minute, seconds.unwrap_or(0), 0).ok()?
    };
    let start = match zone {
        "" => civil.to_zoned(context.zone.clone()).ok()?.timestamp(),
        "Z" | "z" => Offset::UTC.to_timestamp(civil).ok()?,
        _ => offset(zone)?.to_timestamp(civil).ok()?,
    };
    let length = if seconds.is_some() { 1 } else { 60 };
    let end = start.checked_add(jiff::SignedDuration::from_secs(length)).ok()?;
    Some(Moment { start, end, exact: start })
}

/// `+01:00` or `-0930`.
fn offset(text: &str) -> Option<Offset> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let number = text.get(1..)?.replace(':', "");
    let hours = i32::try_from(digits(number.get(..2)?, 2)?).ok()?;
    let minutes = i32::try_from(digits(number.get(2..)?, 2)?).ok()?;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// Reads a size in octets: a number, perhaps with `k`, `M`, `G` or `T` (powers of 1024, any
/// case, `B` or `iB` behind it allowed). `None` for anything else, or more than 2^64.
pub fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn context() -> Context {
        Context {
            now: "2026-03-31T10:30:00Z".parse().unwrap(),
            zone: TimeZone::fixed(Offset::constant(2)),
        }
    }

    fn show(text: &str) -> String {
        match range(text, &context()) {
            Some(TimeRange { from, until }) => {
                let bound = |instant: Option<Timestamp>| {
                    instant.map_or_else(|| "-".to_owned(), |instant| instant.to_string())
                };
                format!("{} {}", bound(from), bound(until))
            }
            None => "none".to_owned(),
        }
    }

    #[test]
    fn dates_in_the_zone() {
        assert_eq!(show("2026"), "2025-12-31T22:00:00Z 2026-12-31T22:00:00Z");
        assert_eq!(show("2026-02"), "2026-01-31T22:00:00Z 2026-02-28T22:00:00Z");
        assert_eq!(show("2026-02-28"), "2026-02-27T22:00:00Z 2026-02-28T22:00:00Z");
        assert_eq!(show("2026-02-28T12:30"), "2026-02-28T10:30:00Z 2026-02-28T10:31:00Z");
        assert_eq!(show("2026-02-28T12:30:05Z"), "2026-02-28T12:30:05Z 2026-02-28T12:30:06Z");
        assert_eq!(show("2026-02-28T12:30-01:00"), "2026-02-28T13:30:00Z 2026-02-28T13:31:00Z");
        assert_eq!(show("2026-01..2026-03"), "2025-12-31T22:00:00Z 2026-03-31T22:00:00Z");
        assert_eq!(show("..2025"), "- 2025-12-31T22:00:00Z");
        assert_eq!(show("yesterday.."), "2026-03-29T22:00:00Z -");
    }

    #[test]
    fn spans_back_from_now() {
        assert_eq!(show("today"), "2026-03-30T22:00:00Z 2026-03-31T22:00:00Z");
        assert_eq!(show("7d"), "2026-03-23T22:00:00Z 2026-03-24T22:00:00Z");
        assert_eq!(show("1m"), "2026-02-27T22:00:00Z 2026-02-28T22:00:00Z");
        assert_eq!(show("2h"), "2026-03-31T08:30:00Z 2026-03-31T08:30:01Z");
        let week = moment("1w", &context()).unwrap();
        assert_eq!(week.exact.to_string(), "2026-03-24T10:30:00Z");
        assert_eq!(moment("1y", &context()).unwrap().exact.to_string(), "2025-03-31T10:30:00Z");
    }

    #[test]
    fn days_follow_summer_time() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let context = Context { now: "2026-03-30T10:00:00Z".parse().unwrap(), zone };
        let day = moment("2026-03-29", &context).unwrap();
        assert_eq!(day.end.as_second() - day.start.as_second(), 23 * 3600);
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "..",
            "x",
            "26",
            "2026-13",
            "2026-02-30",
            "2026-1",
            "7",
            "7x",
            "d",
            "-7d",
            "2026T10:00",
            "2026-01-01T25:00",
            "2026-01-01T10",
            "2026-03..2026-01",
            "999999999999999999999d",
            "99999999y",
            "2026-01-01T10:00+1",
        ] {
            assert_eq!(show(text), "none", "{text}");
        }
        assert_ne!(show("9999"), "none");
    }

    #[test]
    fn sizes() {
        assert_eq!(size("1M"), Some(1_048_576));
        assert_eq!(size("10k"), Some(10_240));
        assert_eq!(size("3GiB"), Some(3 << 30));
        assert_eq!(size("0"), Some(0));
        assert_eq!(size("7b"), Some(7));
        for text in ["", "M", "1.5M", "1X", "99999999999T", "-1", "1kk"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "[0-9a-zT:+.-]{0,24}|\\PC{0,8}") {
            range(&text, &context());
            size(&text);
        }
    }
}
