//! Responses: the initial line, three digits and a text, with the arguments that stand at the
//! text's start.
//!
//! RFC 3977 section 3.2 and 9.4.2, RFC 4643 section 3.4. The lines behind the first of a
//! multi-line response are [`crate::base::dot::Line`]'s and the other modules' here.

use std::fmt;

use super::range::number;
use super::{Unencodable, base64, is_message_id, line, to_base64};
use crate::base::date::Day;
use crate::base::decode::{Decoded, Malformed, Result};

/// One initial line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 100 to 599.
    pub code: u16,
    /// What stands behind it.
    pub text: Text,
}

/// The text of a response, its arguments first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(Vec<u8>);

/// What 211 says of a group (RFC 3977 section 6.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Articles, estimated.
    pub count: u64,
    /// The lowest number that may be there.
    pub low: u64,
    /// The highest number; below `low` in an empty group.
    pub high: u64,
    /// The group's name; empty where the server leaves it out.
    pub name: String,
}

impl Reply {
    /// A response with a text.
    pub fn new(code: u16, text: &str) -> Self {
        Self { code, text: Text(text.as_bytes().to_vec()) }
    }

    /// A SASL challenge (383) or the data of a success (283).
    pub fn sasl(code: u16, octets: &[u8]) -> Self {
        Self::new(code, &to_base64(octets))
    }

    /// Reads one line at the start of a growing buffer.
    ///
    /// ```text
    /// initial-response-line = 3DIGIT *(SP response-argument) [SP trailing-comment] CRLF
    /// ```
    ///
    /// # Errors
    /// [`Malformed`] for any other line.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        let Decoded::Done { value, used } = line(octets)? else {
            return Ok(Decoded::More);
        };
        let is_code = value.len() >= 3
            && (b'1'..=b'5').contains(&value[0])
            && value[1..3].iter().all(u8::is_ascii_digit);
        if !is_code {
            return Err(Malformed { offset: 0, expected: "a response code" });
        }
        let code = value[..3].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let text = match value.get(3) {
            None => &[][..],
            Some(b' ' | b'\t') => &value[4..],
            Some(_) => return Err(Malformed { offset: 3, expected: "SP" }),
        };
        Ok(Decoded::Done { value: Self { code, text: Text(text.to_vec()) }, used })
    }

    /// Appends the line with its CRLF.
    ///
    /// # Errors
    /// [`Unencodable`] when the text holds CR, LF or NUL, or the code has not three digits.
    pub fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        if !(100..600).contains(&self.code) {
            return Err(Unencodable { what: "response code" });
        }
        if memchr::memchr3(b'\r', b'\n', 0, &self.text.0).is_some() {
            return Err(Unencodable { what: "response text" });
        }
        out.extend_from_slice(self.code.to_string().as_bytes());
        if !self.text.0.is_empty() {
            out.push(b' ');
            out.extend_from_slice(&self.text.0);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Whether the command was done, or is going on (1xx, 2xx, 3xx).
    pub fn is_ok(&self) -> bool {
        self.code < 400
    }

    /// The group that 211 tells of.
    pub fn group(&self) -> Option<Group> {
        let mut words = self.text.words();
        let mut next = || words.next().and_then(number);
        let (count, low, high) = (next()?, next()?, next()?);
        let name = words.next().unwrap_or_default().to_owned();
        Some(Group { count, low, high, name })
    }

    /// The number and message-id of 220 to 223; the number is 0 for an article that was asked
    /// for by its message-id.
    pub fn article(&self) -> Option<(u64, &str)> {
        let mut words = self.text.words();
        let number = words.next().and_then(number)?;
        let id = words.next()?;
        is_message_id(id.as_bytes()).then_some((number, id))
    }

    /// The server's clock of 111, in seconds since 1970.
    pub fn date(&self) -> Option<i64> {
        timestamp(self.text.words().next()?)
    }

    /// The octets of a SASL challenge (383), or of 283.
    ///
    /// # Errors
    /// [`Malformed`] for what is no base64.
    pub fn challenge(&self) -> std::result::Result<Vec<u8>, Malformed> {
        base64(self.text.0.trim_ascii(), 4)
    }
}

impl Text {
    /// The octets as they came.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The words of the text up to the first that is not UTF-8.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0
            .split(|octet| matches!(octet, b' ' | b'\t'))
            .filter(|word| !word.is_empty())
            .map_while(|word| std::str::from_utf8(word).ok())
    }
}

/// `yyyymmddhhmmss` in UTC as seconds since 1970.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    if text.len() != 14 || !text.is_ascii() {
        return None;
    }
    let part = |at: usize, end: usize| number(&text[at..end]);
    let day = Day::new(
        u16::try_from(part(0, 4)?).ok()?,
        u8::try_from(part(4, 6)?).ok()?,
        u8::try_from(part(6, 8)?).ok()?,
    )?;
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    // A leap second is the next minute's first.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(day.start(0) + i64::try_from(hour * 3600 + minute * 60 + second).ok()?)
}

/// The text for people; what is not UTF-8 is replaced.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// The line for people.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(octets: &[u8]) -> Reply {
        match Reply::decode(octets) {
            Ok(Decoded::Done { value, used }) if used == octets.len() => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        let group = reply(b"211 1234 3000234 3002322 misc.test\r\n").group();
        let wanted =
            Group { count: 1234, low: 3_000_234, high: 3_002_322, name: "misc.test".into() };
        assert_eq!(group, Some(wanted));
        let listed = reply(b"211 2000 3000234 3002322 misc.test list follows\r\n").group();
        assert_eq!(listed.map(|group| group.name).as_deref(), Some("misc.test"));
        assert_eq!(
            reply(b"220 3000234 <45223423@example.com>\r\n").article(),
            Some((3_000_234, "<45223423@example.com>"))
        );
        assert_eq!(reply(b"223 0 <a@b> retrieved\r\n").article(), Some((0, "<a@b>")));
        assert_eq!(reply(b"111 19990623135624\r\n").date(), Some(930_146_184));
        assert_eq!(reply(b"383 =\r\n").challenge(), Ok(Vec::new()));
        let challenge = reply(b"383 bm9uY2U=\r\n").challenge();
        assert_eq!(challenge, Ok(b"nonce".to_vec()));
        assert_eq!(reply(b"205\r\n"), Reply::new(205, ""));
        assert!(!reply(b"480 Authentication required for command\r\n").is_ok());
        assert_eq!(reply(b"281 ok\n"), Reply::new(281, "ok"));
    }

    #[test]
    fn what_is_no_response_is_refused() {
        for line in [&b"\r\n"[..], b"20\r\n", b"2000 x\r\n", b"600 x\r\n", b"abc\r\n", b"+OK\r\n"] {
            assert!(Reply::decode(line).is_err(), "{line:?}");
        }
        assert!(Reply::new(200, "a\r\n205 b").encode(&mut Vec::new()).is_err());
        assert!(Reply::new(99, "").encode(&mut Vec::new()).is_err());
        for odd in ["111 1999062313562", "111 19991323135624", "111 19990623245624", "111 x"] {
            assert_eq!(reply(format!("{odd}\r\n").as_bytes()).date(), None, "{odd}");
        }
        assert_eq!(reply(b"211 1 2\r\n").group(), None);
        assert_eq!(reply(b"220 1 nothing\r\n").article(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[ -~ä]{0,40}", code in 100u16..600) {
            let value = Reply::new(code, &text);
            let mut wire = Vec::new();
            value.encode(&mut wire).unwrap();
            for end in 0..wire.len() {
                prop_assert_eq!(Reply::decode(&wire[..end]), Ok(Decoded::More));
            }
            prop_assert_eq!(Reply::decode(&wire), Ok(Decoded::Done { value, used: wire.len() }));
        }
    }
}
