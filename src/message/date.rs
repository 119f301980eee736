//! Dates of messages: RFC 5322 section 3.3, the obsolete forms of section 4.3, and what
//! else is found in mail (asctime, ISO 8601, names of months in full, times without
//! seconds).
//!
//! Reading is lenient and looks at nothing but the value; it writes only the form of
//! RFC 5322.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Timestamp, Zoned};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Zones by name, in hours east of Greenwich (RFC 5322 section 4.3; the European ones and
/// JST are met in mail).
const ZONES: [(&str, i32); 18] = [
    ("ut", 0),
    ("gmt", 0),
    ("utc", 0),
    ("z", 0),
    ("wet", 0),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
    ("cet", 1),
    ("cest", 2),
    ("met", 1),
    ("eet", 2),
    ("jst", 9),
];

/// Tokens looked at; a date has no more.
const TOKENS: usize = 16;

/// The longest value that is looked at, in octets.
const VALUE_OCTETS: usize = 512;

/// The instant that the value of a Date field names. A missing or unknown zone counts as
/// UTC (RFC 5322 section 4.3: "-0000"); the day of the week is not looked at; a leap second
/// counts as the one before it, and 24:00 as the next day's 00:00. `None` when there is no
/// date in it.
pub fn parse(value: &[u8]) -> Option<Timestamp> {
    let value = &value[..value.len().min(VALUE_OCTETS)];
    let text = without_comments(value);
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let mut day = None;
    let mut month = None;
    let mut year = None;
    let mut time = None;
    let mut offset = None;
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    for word in words.filter(|word| !word.is_empty()).take(TOKENS) {
        if time.is_none() && word.contains(':') {
            let (clock, zone) = clock(word)?;
            time = Some(clock);
            offset = offset.or(zone);
        } else if time.is_some() && offset.is_none() && zone(word).is_some() {
            offset = zone(word);
        } else if let Some(found) = month_of(word) {
            month = month.or(Some(found));
        } else if word.contains('-') && month.is_none() {
            // "12-Nov-2001" as in IMAP, "2001-11-12" as in ISO 8601.
            let mut pieces = word.split('-');
            let (first, second, third) = (pieces.next()?, pieces.next()?, pieces.next()?);
            if first.len() == 4 {
                year = Some(number(first)?);
                month = Some(number(second)?);
                day = Some(number(third)?);
            } else {
                day = Some(number(first)?);
                month = Some(month_of(second)?);
                year = Some(full_year(third)?);
            }
        } else if let Some(value) = number(word) {
            if day.is_none() && word.len() <= 2 {
                day = Some(value);
            } else if year.is_none() {
                year = Some(full_year(word)?);
            }
        }
    }
    let (hour, minute, second) = time.unwrap_or((0, 0, 0));
    let (hour, next_day) = if hour == 24 { (0, true) } else { (hour, false) };
    let civil = DateTime::new(
        i16::try_from(year?).ok()?,
        i8::try_from(month?).ok()?,
        i8::try_from(day?).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second.min(59)).ok()?,
        0,
    )
    .ok()?;
    let civil = if next_day { civil.tomorrow().ok()? } else { civil };
    offset.unwrap_or(Offset::UTC).to_timestamp(civil).ok()
}

/// The instant as RFC 5322 writes it, in the zone that it carries:
/// `Fri, 21 Nov 1997 09:55:06 -0600`.
///
/// # Errors
/// The year is negative.
pub fn format(date: &Zoned) -> Result<String, jiff::Error> {
    jiff::fmt::rfc2822::to_string(date)
}

/// The value as text without its comments (RFC 5322 section 3.2.2), and without the blanks
/// that obsolete syntax allows around the colons of a time.
fn without_comments(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    let mut depth = 0_usize;
    let mut quoted = false;
    for &octet in value {
        if quoted {
            quoted = false;
            continue;
        }
        let shown = match octet {
            b'\\' => {
                quoted = true;
                continue;
            }
            b'(' => {
                depth += 1;
                b' '
            }
            b')' => {
                depth = depth.saturating_sub(1);
                continue;
            }
            _ if depth > 0 || !octet.is_ascii() => continue,
            _ if octet.is_ascii_whitespace() => b' ',
            _ => octet,
        };
        match shown {
            b' ' if out.ends_with([' ', ':']) => {}
            b':' => {
                out.truncate(out.trim_end().len());
                out.push(':');
            }
            _ => out.push(char::from(shown)),
        }
    }
    out
}

fn number(word: &str) -> Option<i32> {
    (!word.is_empty() && word.len() <= 4 && word.bytes().all(|octet| octet.is_ascii_digit()))
        .then(|| word.parse().ok())
        .flatten()
}

/// Years of two and three digits (RFC 5322 section 4.3).
fn full_year(word: &str) -> Option<i32> {
    let year = number(word)?;
    Some(match word.len() {
        2 if year < 50 => year + 2000,
        2 | 3 => year + 1900,
        _ => year,
    })
}

fn month_of(word: &str) -> Option<i32> {
    let start = word.get(..3)?.to_ascii_lowercase();
    if !word.bytes().all(|octet| octet.is_ascii_alphabetic() || octet == b'.') {
        return None;
    }
    MONTHS.iter().zip(1..).find(|(name, _)| **name == start).map(|(_, number)| number)
}

/// `hh:mm`, `hh:mm:ss`, with or without a fraction, and with a zone set close to it.
fn clock(word: &str) -> Option<((i32, i32, i32), Option<Offset>)> {
    let end = word
        .bytes()
        .position(|octet| !octet.is_ascii_digit() && octet != b':' && octet != b'.')
        .unwrap_or(word.len());
    let (time, zone_name) = word.split_at(end);
    let mut pieces = time.split(':');
    let hour = number(pieces.next()?)?;
    let minute = number(pieces.next()?)?;
    let second = match pieces.next() {
        Some(piece) => number(piece.split('.').next()?)?,
        None => 0,
    };
    (hour <= 24 && minute <= 59 && second <= 60).then(|| ((hour, minute, second), zone(zone_name)))
}

/// `+hhmm`, `-hh:mm`, or a name; one-letter military zones count as UTC, as RFC 5322
/// section 4.3 wants.
fn zone(word: &str) -> Option<Offset> {
    if let Some(digits) = word.strip_prefix(['+', '-']) {
        let digits = digits.replace(':', "");
        if digits.len() != 4 {
            return None;
        }
        let (hours, minutes) = (number(digits.get(..2)?)?, number(digits.get(2..)?)?);
        let seconds = hours * 3600 + minutes * 60;
        let signed = if word.starts_with('-') { -seconds } else { seconds };
        return Offset::from_seconds(signed).ok();
    }
    let name = word.to_ascii_lowercase();
    if name.len() == 1 && name.bytes().all(|octet| octet.is_ascii_alphabetic()) {
        return Some(Offset::UTC);
    }
    let hours = ZONES.iter().find(|(zone, _)| *zone == name).map(|(_, hours)| *hours)?;
    Offset::from_seconds(hours * 3600).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(value: &str) -> String {
        parse(value.as_bytes()).map_or_else(|| "none".to_owned(), |instant| instant.to_string())
    }

    #[test]
    fn dates_of_rfc_5322() {
        // Appendix A: ordinary, obsolete, with comments and folds.
        assert_eq!(read("Fri, 21 Nov 1997 09:55:06 -0600"), "1997-11-21T15:55:06Z");
        assert_eq!(read("21 Nov 97 09:55:06 GMT"), "1997-11-21T09:55:06Z");
        assert_eq!(read("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600"), "1997-11-21T15:55:06Z");
        assert_eq!(
            read(
                "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)"
            ),
            "1969-02-14T03:02:00Z"
        );
        assert_eq!(read("Tue, 1 Jul 2003 10:52:37 +0200"), "2003-07-01T08:52:37Z");
    }

    #[test]
    fn other_dates_that_are_met() {
        assert_eq!(read("Mon Jan  2 15:04:05 2006"), "2006-01-02T15:04:05Z");
        assert_eq!(read("Mon Jan  2 15:04:05 EST 2006"), "2006-01-02T20:04:05Z");
        assert_eq!(read("2006-01-02T15:04:05+01:00"), "2006-01-02T14:04:05Z");
        assert_eq!(read("2006-01-02 15:04:05 +0100"), "2006-01-02T14:04:05Z");
        assert_eq!(read(" 7-Feb-1994 21:52:25 -0800"), "1994-02-08T05:52:25Z");
        assert_eq!(read("31 December 1999 24:00 +0000"), "2000-01-01T00:00:00Z");
        assert_eq!(read("Sat, 31 Dec 2016 23:59:60 +0000"), "2016-12-31T23:59:59Z");
        assert_eq!(read("1 Jan 2020 10:00:00"), "2020-01-01T10:00:00Z");
        assert_eq!(read("1 Jan 120 10:00:00 A"), "2020-01-01T10:00:00Z");
        for no_date in ["", "yesterday", "32 Jan 2020 10:00:00", "1 Foo 2020 10:00", "99:99", "- -"]
        {
            assert_eq!(read(no_date), "none", "{no_date}");
        }
    }

    #[test]
    fn writing_is_read_back() {
        let instant = parse(b"Tue, 1 Jul 2003 10:52:37 +0200").unwrap();
        let zoned = instant.to_zoned(jiff::tz::TimeZone::fixed(Offset::constant(2)));
        assert_eq!(format(&zoned).unwrap(), "Tue, 1 Jul 2003 10:52:37 +0200");
    }

    proptest! {
        #[test]
        fn any_octets_are_taken(octets in prop::collection::vec(prop_oneof![
            Just(b' '), Just(b':'), Just(b'-'), Just(b'1'), Just(b'('), any::<u8>()], 0..60)) {
            parse(&octets);
        }

        #[test]
        fn every_second_returns(second in 0_i64..4_102_444_800) {
            let instant = Timestamp::from_second(second).unwrap();
            let text = format(&instant.to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
            prop_assert_eq!(parse(text.as_bytes()), Some(instant));
        }
    }
}
