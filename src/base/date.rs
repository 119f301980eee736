//! Dates as messages write them: the header's date-time (RFC 5322 sections 3.3 and 4.3), and
//! asctime for the From_ lines of an mbox (RFC 4155 appendix A).
//!
//! Headers are read with much tolerance, since a message without a date sorts nowhere. There
//! is no clock and no table of time zones here: an offset from UTC is all that mail ever says.
//! IMAP's own dates are in `imap::syntax::date`.

use crate::base::limits;

/// An instant with the offset at which its writer lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Zoned {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Seconds east of UTC; 0 also where the writer did not tell.
    pub offset_seconds: i32,
}

/// A day of the calendar, in no time zone; ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

/// Octets that are no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at octet {offset} of a date")]
pub struct Error {
    /// The first octet that does not fit, from the start of what was given.
    pub offset: usize,
    /// What should stand there.
    pub expected: &'static str,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const DAY_SECONDS: i64 = 86_400;

/// The largest offset that four digits can say, 99:59, in minutes.
const OFFSET_MINUTES: i32 = 99 * 60 + 59;

impl Zoned {
    /// An instant in UTC.
    pub fn utc(seconds: i64) -> Self {
        Self { seconds, offset_seconds: 0 }
    }

    /// The day on the writer's calendar. Years outside 0 to 9999 become the nearest of them.
    pub fn day(self) -> Day {
        Fields::of(self).date
    }

    /// Reads the date-time of a header field, with comments, folding and the obsolete forms
    /// of RFC 5322 section 4.3. Also read: a wrong or misspelt day of the week, months in
    /// full, `-` between the parts of the date, one digit in place of two, hour 24, a
    /// missing zone (UTC), `+hh:mm`, words behind the zone, and asctime. A zone of letters
    /// that RFC 5322 does not name is UTC (section 4.3).
    ///
    /// # Errors
    /// [`Error`] where this gives no instant of the years 0 to 9999.
    pub fn parse_message(octets: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor { octets, at: 0 };
        cursor.cfws()?;
        if cursor.peek().is_some_and(|b| b.is_ascii_alphabetic()) {
            cursor.word();
            cursor.skip_if(b'.');
            cursor.cfws()?;
            cursor.skip_if(b',');
            cursor.cfws()?;
            if cursor.peek().is_some_and(|b| b.is_ascii_alphabetic()) {
                return Self::parse_asctime(octets);
            }
        }
        let day_at = cursor.at;
        let day = cursor.digits(1, 2, "a day of the month")?;
        cursor.date_separator()?;
        let month = cursor.month()?;
        cursor.skip_if(b'.');
        cursor.date_separator()?;
        let year = cursor.obsolete_year()?;
        cursor.cfws()?;
        let date = Day::at(day_at, year, month, day)?;
        let time = cursor.time_of_day()?;
        cursor.cfws()?;
        let offset_seconds = cursor.zone()?.unwrap_or(0);
        match cursor.peek() {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'(') => {}
            Some(_) => return Err(cursor.error("the end behind the zone")),
        }
        Ok(Self::of(date, time, offset_seconds))
    }

    /// Writes a header's date-time: `Fri, 21 Nov 1997 09:55:06 -0600`. Years outside 0 to
    /// 9999 become the nearest of them, offsets are cut to minutes.
    pub fn message(self) -> String {
        let f = Fields::of(self);
        format!(
            "{}, {} {} {:04} {:02}:{:02}:{:02} {}",
            WEEKDAYS[f.weekday],
            f.date.day,
            f.date.month_name(),
            f.date.year,
            f.hour,
            f.minute,
            f.second,
            f.zone
        )
    }

    /// Reads asctime as From_ lines have it, `Sat Jan  3 01:05:34 1996`, in UTC. Also read:
    /// no seconds, and a zone before or behind the year.
    ///
    /// # Errors
    /// [`Error`] with the place; blanks around the date are no error.
    pub fn parse_asctime(octets: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor { octets, at: 0 };
        cursor.blanks();
        if cursor.word().is_empty() {
            return Err(cursor.error("a day of the week"));
        }
        cursor.skip_if(b',');
        cursor.blanks();
        let month = cursor.month()?;
        cursor.blanks();
        let day_at = cursor.at;
        let day = cursor.digits(1, 2, "a day of the month")?;
        cursor.blanks();
        let time = cursor.time_of_day()?;
        cursor.blanks();
        let mut offset = cursor.zone()?;
        cursor.blanks();
        let year = cursor.digits(4, 4, "a year of four digits")?;
        cursor.blanks();
        if offset.is_none() {
            offset = cursor.zone()?;
            cursor.blanks();
        }
        cursor.end()?;
        Ok(Self::of(Day::at(day_at, year, month, day)?, time, offset.unwrap_or(0)))
    }

    /// Writes asctime in UTC, whatever the offset, as RFC 4155 wants it in From_ lines.
    /// Limits as in [`Zoned::message`].
    pub fn asctime(self) -> String {
        let f = Fields::of(Self::utc(self.seconds));
        format!(
            "{} {} {:>2} {:02}:{:02}:{:02} {:04}",
            WEEKDAYS[f.weekday],
            f.date.month_name(),
            f.date.day,
            f.hour,
            f.minute,
            f.second,
            f.date.year
        )
    }

    fn of(date: Day, second_of_day: i64, offset_seconds: i32) -> Self {
        let local = date.days() * DAY_SECONDS + second_of_day;
        Self { seconds: local - i64::from(offset_seconds), offset_seconds }
    }
}

impl Day {
    /// The first day that can be said, in the year 0.
    pub const MIN: Day = Day { year: 0, month: 1, day: 1 };
    /// The last day that can be said, in the year 9999.
    pub const MAX: Day = Day { year: 9999, month: 12, day: 31 };

    /// A day, from its month (1 to 12) and day (from 1); `None` if there is none such.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let length = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            _ => return None,
        };
        ((1..=length).contains(&day) && year <= 9999).then_some(Self { year, month, day })
    }

    /// The year, 0 to 9999.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    pub fn day(self) -> u8 {
        self.day
    }

    /// The instant at which it begins where clocks are `offset_seconds` east of UTC, in
    /// seconds since 1970-01-01T00:00:00Z.
    pub fn start(self, offset_seconds: i32) -> i64 {
        self.days() * DAY_SECONDS - i64::from(offset_seconds)
    }

    fn month_name(self) -> &'static str {
        MONTHS[usize::from(self.month) - 1]
    }

    /// A day read at `offset`, or the error that names the place.
    fn at(offset: usize, year: i64, month: u8, day: i64) -> Result<Self, Error> {
        let checked = || Self::new(u16::try_from(year).ok()?, month, u8::try_from(day).ok()?);
        checked().ok_or(Error { offset, expected: "a day that the month has" })
    }

    /// Days since 1970-01-01, counted in years that begin in March, so that a leap day is
    /// the last of its year.
    fn days(self) -> i64 {
        let month = i64::from(self.month);
        let year = i64::from(self.year) - i64::from(month <= 2);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(self.day) - 1;
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
            - EPOCH
    }

    /// The opposite of [`Day::days`], with days outside the limits put on them.
    fn of_days(days: i64) -> Self {
        let days = days.clamp(Self::MIN.days(), Self::MAX.days()) + EPOCH;
        let (era, day_of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / (ERA - 1)) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        // All three are within their types because of the clamp above.
        Self { year: year as u16, month: month as u8, day: day as u8 }
    }
}

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

/// Days in 400 years.
const ERA: i64 = 146_097;

/// What is written of an instant.
struct Fields {
    date: Day,
    weekday: usize,
    hour: i64,
    minute: i64,
    second: i64,
    zone: String,
}

impl Fields {
    fn of(zoned: Zoned) -> Self {
        let minutes = (zoned.offset_seconds / 60).clamp(-OFFSET_MINUTES, OFFSET_MINUTES);
        let local = zoned
            .seconds
            .saturating_add(i64::from(minutes) * 60)
            .clamp(Day::MIN.start(0), Day::MAX.start(0) + DAY_SECONDS - 1);
        let (days, second) = (local.div_euclid(DAY_SECONDS), local.rem_euclid(DAY_SECONDS));
        let sign = if minutes < 0 { '-' } else { '+' };
        let zone = format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60);
        Self {
            date: Day::of_days(days),
            // 1970-01-01 was a Thursday.
            weekday: (days + 3).rem_euclid(7) as usize,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            zone,
        }
    }
}

struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    fn error(&self, expected: &'static str) -> Error {
        Error { offset: self.at, expected }
    }

    fn skip_if(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, octet: u8, expected: &'static str) -> Result<(), Error> {
        if self.skip_if(octet) { Ok(()) } else { Err(self.error(expected)) }
    }

    fn end(&self) -> Result<(), Error> {
        if self.at == self.octets.len() { Ok(()) } else { Err(self.error("the end")) }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// `CFWS`: blanks, line breaks and nested comments (RFC 5322 section 3.2.2).
    fn cfws(&mut self) -> Result<(), Error> {
        let mut depth = 0;
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => {}
                Some(b'(') if depth == limits::NESTING => {
                    return Err(self.error("comments nested less deeply"));
                }
                Some(b'(') => depth += 1,
                Some(b')') if depth > 0 => depth -= 1,
                Some(b'\\') if depth > 0 => self.at += usize::from(self.at + 1 < self.octets.len()),
                Some(_) if depth > 0 => {}
                None if depth > 0 => return Err(self.error("the end of a comment")),
                _ => return Ok(()),
            }
            self.at += 1;
        }
    }

    /// The letters that come next, perhaps none.
    fn word(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphabetic()) {
            self.at += 1;
        }
        &self.octets[start..self.at]
    }

    /// A number of `least` to `most` digits; at most 18, so that it fits.
    fn digits(&mut self, least: usize, most: usize, expected: &'static str) -> Result<i64, Error> {
        let start = self.at;
        let mut number = 0;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            if self.at - start == most {
                break;
            }
            number = number * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        if self.at - start < least {
            return Err(Error { offset: start, expected });
        }
        Ok(number)
    }

    /// 1 to 12, from the first three letters of a word.
    fn month(&mut self) -> Result<u8, Error> {
        let offset = self.at;
        let word = self.word();
        let number = (1u8..).zip(MONTHS).find(|(_, name)| {
            word.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
        });
        number.map(|(number, _)| number).ok_or(Error { offset, expected: "a month" })
    }

    /// What stands between day, month and year of a header: CFWS, and the `-` of some.
    fn date_separator(&mut self) -> Result<(), Error> {
        self.cfws()?;
        self.skip_if(b'-');
        self.cfws()
    }

    /// A year of two digits or more (RFC 5322 section 4.3): below 50 in this century, other
    /// two and all three digits counted from 1900.
    fn obsolete_year(&mut self) -> Result<i64, Error> {
        let start = self.at;
        let year = self.digits(2, 5, "a year")?;
        Ok(match self.at - start {
            2 if year < 50 => 2000 + year,
            2 | 3 => 1900 + year,
            _ => year,
        })
    }

    /// `hour ":" minute [ ":" second ]` in seconds; 24:00:00 is the end of the day, and a
    /// leap second is the first of the next minute.
    fn time_of_day(&mut self) -> Result<i64, Error> {
        let start = self.at;
        let hour = self.digits(1, 2, "an hour")?;
        self.cfws()?;
        self.expect(b':', "a colon")?;
        self.cfws()?;
        let minute = self.digits(1, 2, "a minute")?;
        let behind = self.at;
        self.cfws()?;
        let second = if self.skip_if(b':') {
            self.cfws()?;
            self.digits(1, 2, "a second")?
        } else {
            self.at = behind;
            0
        };
        let within = hour < 24 && minute < 60 && second <= 60;
        if within || (hour, minute, second) == (24, 0, 0) {
            Ok(hour * 3600 + minute * 60 + second)
        } else {
            Err(Error { offset: start, expected: "a time from 00:00:00 to 23:59:60" })
        }
    }

    /// Any zone that mail has, in seconds east; `None`, and nothing taken, if there is none.
    fn zone(&mut self) -> Result<Option<i32>, Error> {
        let word = self.word();
        if word.is_empty() {
            return self.numeric_zone();
        }
        // `GMT+0100`: the number tells.
        if let Some(offset) = self.numeric_zone()? {
            return Ok(Some(offset));
        }
        let hours = match word.to_ascii_uppercase().as_slice() {
            b"EDT" => -4,
            b"EST" | b"CDT" => -5,
            b"CST" | b"MDT" => -6,
            b"MST" | b"PDT" => -7,
            b"PST" => -8,
            _ => 0,
        };
        Ok(Some(hours * 3600))
    }

    /// `( "+" / "-" ) 4DIGIT`, also with a colon in the middle.
    fn numeric_zone(&mut self) -> Result<Option<i32>, Error> {
        let sign = match self.peek() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Ok(None),
        };
        let start = self.at;
        let malformed = Error { offset: start, expected: "a zone of four digits" };
        self.at += 1;
        let hours = self.digits(2, 2, malformed.expected)?;
        self.skip_if(b':');
        let minutes = self.digits(2, 2, malformed.expected)?;
        match i32::try_from(hours * 60 + minutes) {
            Ok(total) if minutes < 60 => Ok(Some(sign * total * 60)),
            _ => Err(malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(text: &str) -> Result<(i64, i32), Error> {
        Zoned::parse_message(text.as_bytes()).map(|z| (z.seconds, z.offset_seconds))
    }

    #[test]
    fn rfc_5322_appendix_a() {
        for (text, want) in [
            ("Fri, 21 Nov 1997 09:55:06 -0600", (880_127_706, -21_600)),
            ("Tue, 1 Jul 2003 10:52:37 +0200", (1_057_049_557, 7200)),
            ("Thu, 13 Feb 1969 23:32:54 -0330", (-27_723_426, -12_600)),
            // Appendix A.5: comments and folding everywhere.
            (
                "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               \
                 -0330 (Newfoundland Time)",
                (-27_723_480, -12_600),
            ),
            // Appendix A.6.2: obsolete date.
            ("21 Nov 97 09:55:06 GMT", (880_106_106, 0)),
            // Appendix A.6.3: obsolete white space and comments.
            ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", (880_127_706, -21_600)),
        ] {
            assert_eq!(message(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn headers_are_read_with_tolerance() {
        let want = Ok((1_795_410_369, 3600));
        for text in [
            "Mon, 23 Nov 2026 06:06:09 +0100",
            "23 Nov 2026 06:06:09 +0100",
            "Sun, 23 Nov 2026 06:06:09 +0100",
            "mon,23 NOV 26 6:6:9 +0100",
            "Mon., 23 November 2026 06:06:09 +01:00",
            "Monday, 23-Nov-126 06:06:09 GMT+0100",
            " \t(a (nested \\) comment)) Mon, 23 Nov 2026 06:06:09 +0100 (CET) and more",
        ] {
            assert_eq!(message(text), want, "{text}");
        }
        assert_eq!(message("Mon, 23 Nov 2026 05:06:09"), Ok((1_795_410_369, 0)));
        assert_eq!(message("Mon Nov 23 05:06:09 2026"), Ok((1_795_410_369, 0)));
        assert_eq!(message("Mon, 23 Nov 2026 05:06:09 Z"), Ok((1_795_410_369, 0)));
        assert_eq!(message("Mon, 23 Nov 2026 00:06:09 est"), Ok((1_795_410_369, -18_000)));
        assert_eq!(message("Mon, 23 Nov 2026 24:00 +0000"), message("24 Nov 2026 00:00 UT"));
        assert_eq!(message("31 Dec 2016 23:59:60 +0000"), message("1 Jan 2017 00:00:00 +0000"));
        assert_eq!(message("1 Jan 49 0:00 UT"), message("1 Jan 2049 0:00 UT"));
        assert_eq!(message("1 Jan 50 0:00 UT"), message("1 Jan 1950 0:00 UT"));
    }

    #[test]
    fn header_mistakes_carry_their_place() {
        for (text, offset) in [
            ("", 0),
            ("yesterday", 9),
            ("Mon, 30 Feb 2026 05:06:09 +0000", 5),
            ("Mon, 0 Nov 2026 05:06:09 +0000", 5),
            ("Mon, 23 Nox 2026 05:06:09 +0000", 8),
            ("Mon, 23 Nov 2 05:06:09 +0000", 12),
            ("Mon, 23 Nov 12026 05:06:09 +0000", 5),
            ("Mon, 23 Nov 2026 25:06:09 +0000", 17),
            ("Mon, 23 Nov 2026 05-06", 19),
            ("Mon, 23 Nov 2026 05:06:09 +0060", 26),
            ("Mon, 23 Nov 2026 05:06:09 +00", 29),
            ("Mon, 23 Nov 2026 05:06:09 +00001", 31),
            ("Mon, 23 (Nov", 12),
        ] {
            assert_eq!(message(text).map_err(|e| e.offset), Err(offset), "{text}");
        }
        let deep = "(".repeat(limits::NESTING + 1);
        assert_eq!(message(&deep).map_err(|e| e.offset), Err(limits::NESTING));
    }

    #[test]
    fn days_begin_where_clocks_say_so() {
        let day = Day::new(1994, 2, 1).expect("a date");
        assert_eq!((day.year(), day.month(), day.day()), (1994, 2, 1));
        assert_eq!(day.start(0), 760_060_800);
        assert_eq!(day.start(3600), 760_057_200);
        assert_eq!(Day::new(1994, 2, 29), None);
    }

    #[test]
    fn from_lines() {
        let zoned = Zoned::utc(820_631_134);
        assert_eq!(zoned.asctime(), "Wed Jan  3 01:05:34 1996");
        for text in [
            "Wed Jan  3 01:05:34 1996",
            "Wed Jan 3 01:05:34 1996",
            "Wed Jan  3 01:05:34 GMT 1996",
            "Wed Jan  3 02:05:34 1996 +0100",
        ] {
            let read = Zoned::parse_asctime(text.as_bytes()).map(|z| z.seconds);
            assert_eq!(read, Ok(820_631_134), "{text}");
        }
        assert!(Zoned::parse_asctime(b"Wed Jan  3 01:05:34 96").is_err());
        assert!(Zoned::parse_asctime(b"Wed Jan  3 01:05:34 1996 from a").is_err());
    }

    #[test]
    fn instants_beyond_the_calendar_are_put_on_its_edge() {
        assert_eq!(Zoned::utc(i64::MAX).asctime(), "Fri Dec 31 23:59:59 9999");
        assert_eq!(Zoned::utc(i64::MIN).day(), Day::MIN);
        let far = Zoned { seconds: 0, offset_seconds: i32::MAX };
        assert!(far.message().ends_with(" +9959"), "{}", far.message());
    }

    proptest! {
        #[test]
        fn the_calendar_is_jiffs(days in -719_528i64..=2_932_896) {
            let day = Day::of_days(days);
            prop_assert_eq!(day.days(), days);
            let date = jiff::civil::date(day.year as i16, day.month as i8, day.day as i8);
            let epoch = jiff::civil::date(1970, 1, 1);
            let span = epoch.until(date).expect("both are within jiff's calendar");
            prop_assert_eq!(i64::from(span.get_days()), days);
            let weekday = Fields::of(Zoned::utc(days * DAY_SECONDS)).weekday;
            prop_assert_eq!(weekday as i8, date.weekday().to_monday_zero_offset());
        }

        #[test]
        fn what_is_written_is_read_back(
            seconds in -60_000_000_000i64..250_000_000_000,
            minutes in -5999i32..=5999,
        ) {
            let zoned = Zoned { seconds, offset_seconds: minutes * 60 };
            prop_assert_eq!(Zoned::parse_message(zoned.message().as_bytes()), Ok(zoned));
            let utc = Zoned::utc(seconds);
            prop_assert_eq!(Zoned::parse_asctime(zoned.asctime().as_bytes()), Ok(utc));
            let day = zoned.day();
            let start = day.start(zoned.offset_seconds);
            prop_assert!((start..start + DAY_SECONDS).contains(&seconds));
        }

        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..60), text in "[0-9A-Za-z :,+()-]{0,40}") {
            for octets in [octets.as_slice(), text.as_bytes()] {
                for result in [
                    Zoned::parse_message(octets),
                    Zoned::parse_asctime(octets),
                ] {
                    if let Err(error) = result {
                        prop_assert!(error.offset <= octets.len());
                    }
                }
            }
        }
    }
}
