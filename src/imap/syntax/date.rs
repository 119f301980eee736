//! Dates and times: `date-time` of INTERNALDATE and APPEND, `date` of SEARCH (RFC 9051
//! section 9).

use jiff::civil;
use jiff::tz::Offset;

use super::encode::Encoder;
use super::token::{Cursor, Fail, Parse};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment and the offset it was told with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub epoch_seconds: i64,
    /// Minutes east of Greenwich.
    pub offset_minutes: i16,
}

impl DateTime {
    /// The moment in universal time.
    pub fn utc(epoch_seconds: i64) -> Self {
        Self { epoch_seconds, offset_minutes: 0 }
    }

    fn from_civil(local: civil::DateTime, offset_minutes: i16) -> Option<Self> {
        let offset = Offset::from_seconds(i32::from(offset_minutes) * 60).ok()?;
        let timestamp = offset.to_timestamp(local).ok()?;
        Some(Self { epoch_seconds: timestamp.as_second(), offset_minutes })
    }

    /// Date and time as told, in its own offset; `None` where the calendar ends.
    pub fn civil(self) -> Option<civil::DateTime> {
        let offset = Offset::from_seconds(i32::from(self.offset_minutes) * 60).ok()?;
        let timestamp = jiff::Timestamp::from_second(self.epoch_seconds).ok()?;
        Some(offset.to_datetime(timestamp))
    }

    /// `date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE`
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Self> {
        let start = cursor.at();
        let strict = cursor.is_strict();
        let text = cursor.quoted()?;
        Self::from_text(&text, strict).ok_or(Fail::Bad { offset: start, expected: "date-time" })
    }

    /// Reads `17-Jul-1996 02:44:25 -0700`, and a leap second as the second before it. A day of
    /// one digit needs no space before it: npm's `imap` sends none. More is let through where
    /// `strict` is off.
    fn from_text(text: &[u8], strict: bool) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let short = text.as_bytes().get(1) == Some(&b'-');
        if strict && text.len() != 26 - usize::from(short) {
            return None;
        }
        let mut words = text.trim_ascii_start().split(' ').filter(|word| !word.is_empty());
        let date = date_from_text(words.next()?, 4)?;
        let mut time = words.next()?.split(':').map(two_digits);
        let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
        let zone = match words.next() {
            Some(zone) => zone_minutes(zone)?,
            None if strict => return None,
            None => 0,
        };
        if hour > 23 || minute > 59 || second > 60 || time.next().is_some() {
            return None;
        }
        let mut moment = Self::from_civil(date.at(hour, minute, 0, 0), zone)?;
        moment.epoch_seconds += i64::from(second.min(59));
        Some(moment)
    }

    pub(super) fn encode(self, out: &mut Encoder) {
        let Some(local) = self.civil().filter(|local| (0..=9999).contains(&local.year())) else {
            out.refuse("date-time");
            return;
        };
        let minutes = self.offset_minutes.unsigned_abs();
        let zone = format!(
            "{}{:02}{:02}",
            if self.offset_minutes < 0 { '-' } else { '+' },
            minutes / 60,
            minutes % 60
        );
        out.raw(format!(
            "\"{:>2}-{}-{:04} {:02}:{:02}:{:02} {zone}\"",
            local.day(),
            MONTHS[usize::from(local.month().unsigned_abs()) - 1],
            local.year(),
            local.hour(),
            local.minute(),
            local.second(),
        ));
    }
}

fn two_digits(text: &str) -> Option<i8> {
    let digits = text.len() <= 2 && !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `zone = ("+" / "-") 4DIGIT`
fn zone_minutes(zone: &str) -> Option<i16> {
    let (sign, digits) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return matches!(zone, "GMT" | "UTC" | "UT" | "Z").then_some(0),
    };
    if digits.len() != 4 || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let digits: i16 = digits.parse().ok()?;
    let (hours, minutes) = (digits / 100, digits % 100);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// `date-text = date-day "-" date-month "-" date-year`
fn date_from_text(text: &str, year_digits: usize) -> Option<civil::Date> {
    let mut parts = text.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some()
        || year.len() != year_digits
        || !year.bytes().all(|c| c.is_ascii_digit())
    {
        return None;
    }
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    civil::Date::new(year.parse().ok()?, month as i8 + 1, two_digits(day)?).ok()
}

/// `date = date-text / DQUOTE date-text DQUOTE`
pub(super) fn parse_date(cursor: &mut Cursor<'_>) -> Parse<civil::Date> {
    let start = cursor.at();
    let quoted = cursor.eat(b'"')?;
    let text_start = cursor.at();
    cursor.atom()?;
    let text = std::str::from_utf8(cursor.since(text_start)).ok();
    let date = text
        .and_then(|text| date_from_text(text, 4))
        .ok_or(Fail::Bad { offset: start, expected: "date" })?;
    if quoted {
        cursor.expect(b'"', "closing quote")?;
    }
    Ok(date)
}

pub(super) fn encode_date(date: civil::Date, out: &mut Encoder) {
    if date.year() < 0 {
        out.refuse("date");
    }
    let month = MONTHS[usize::from(date.month().unsigned_abs()) - 1];
    out.raw(format!("{}-{month}-{:04}", date.day(), date.year()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::syntax::encode::Literals;
    use crate::imap::syntax::token::Manner;

    fn text(moment: DateTime) -> String {
        let mut out = Encoder::new(Literals::Server, false);
        moment.encode(&mut out);
        String::from_utf8(out.finish().unwrap().octets).unwrap()
    }

    #[test]
    fn rfc_9051_examples() {
        let cases: [(&[u8], i64, i16); 3] = [
            (b"\"17-Jul-1996 02:44:25 -0700\"", 837_596_665, -420),
            (b"\" 7-Feb-1994 21:52:25 -0800\"", 760_686_745, -480),
            (b"\"01-Jan-1970 00:00:00 +0530\"", -19_800, 330),
        ];
        for (octets, epoch_seconds, offset_minutes) in cases {
            let mut cursor = Cursor::new(octets, Manner::Strict);
            let moment = DateTime::parse(&mut cursor).unwrap();
            assert_eq!(moment, DateTime { epoch_seconds, offset_minutes });
        }
        let moment = DateTime { epoch_seconds: 760_686_745, offset_minutes: -480 };
        assert_eq!(text(moment), "\" 7-Feb-1994 21:52:25 -0800\"");
    }

    #[test]
    fn what_is_no_date() {
        for bad in ["31-Feb-2020 00:00:00 +0000", "01-Jan-2020 24:00:00 +0000", "x", "1-2-3"] {
            assert_eq!(DateTime::from_text(bad.as_bytes(), false), None, "{bad}");
        }
        assert!(DateTime::from_text(b"1-Jan-2020 00:00:60 GMT", false).is_some());
    }
}
