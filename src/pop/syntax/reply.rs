//! Status lines: `+OK`, `-ERR` and the `+ ` of AUTH.
//!
//! RFC 1939 section 3, response codes by RFC 2449 section 8 and RFC 3206, RFC 6856 section 3.1.1.
//! The lines behind the first of a multi-line response are [`super::multiline`]'s.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Unencodable, base64, line};
use crate::base::decode::{Decoded, Malformed, Result};

/// One status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+OK text`
    Ok(Text),
    /// `-ERR text`
    Err(Text),
    /// `+ base64`: a challenge, decoded.
    Continue(Vec<u8>),
}

/// What stands behind the status indicator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(Vec<u8>);

impl Reply {
    /// Reads one status line at the start of a growing buffer, the indicator in any case.
    ///
    /// ```text
    /// response = ("+OK" / "-ERR") [SP [resp-code-text]] CRLF
    /// continue = "+" SP [base64] CRLF
    /// ```
    ///
    /// # Errors
    /// [`Malformed`] for any other line.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        let Decoded::Done { value, used } = line(octets)? else {
            return Ok(Decoded::More);
        };
        let end = value.iter().position(|octet| *octet == b' ').unwrap_or(value.len());
        let text = value.get(end + 1..).unwrap_or_default();
        let value = match &value[..end] {
            ok if ok.eq_ignore_ascii_case(b"+OK") => Self::Ok(Text(text.to_vec())),
            error if error.eq_ignore_ascii_case(b"-ERR") => Self::Err(Text(text.to_vec())),
            b"+" => Self::Continue(base64(text.trim_ascii(), end + 1)?),
            _ => return Err(Malformed { offset: 0, expected: "+OK or -ERR" }),
        };
        Ok(Decoded::Done { value, used })
    }

    /// Appends the line with its CRLF.
    ///
    /// # Errors
    /// [`Unencodable`] when the text holds CR, LF or NUL.
    pub fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        let (indicator, text) = match self {
            Self::Ok(text) => ("+OK", text),
            Self::Err(text) => ("-ERR", text),
            Self::Continue(octets) => {
                out.extend_from_slice(format!("+ {}\r\n", STANDARD.encode(octets)).as_bytes());
                return Ok(());
            }
        };
        if memchr::memchr3(b'\r', b'\n', 0, &text.0).is_some() {
            return Err(Unencodable { what: "reply text" });
        }
        out.extend_from_slice(indicator.as_bytes());
        if !text.0.is_empty() {
            out.push(b' ');
            out.extend_from_slice(&text.0);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// `+OK` with a text.
    pub fn ok(text: &str) -> Self {
        Self::Ok(Text(text.as_bytes().to_vec()))
    }

    /// `-ERR` with a text; a response code stands at its start in brackets.
    pub fn err(text: &str) -> Self {
        Self::Err(Text(text.as_bytes().to_vec()))
    }

    /// Whether it is `+OK`.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }
}

impl Text {
    /// The octets as they came, response code included.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The response code without its brackets, as `IN-USE` or `SYS/TEMP`.
    ///
    /// ```text
    /// resp-code = "[" resp-level *("/" resp-level) "]"
    /// ```
    pub fn code(&self) -> Option<&str> {
        let end = memchr::memchr(b']', &self.0)?;
        let code = std::str::from_utf8(self.0[..end].strip_prefix(b"[")?).ok()?;
        let is_code = !code.is_empty() && code.bytes().all(|octet| matches!(octet, 0x21..=0x7e));
        is_code.then_some(code)
    }

    /// Whether the response code is `code`, in any case, or begins with it and a slash.
    pub fn has_code(&self, code: &str) -> bool {
        self.code().is_some_and(|found| {
            found.get(..code.len()).is_some_and(|start| start.eq_ignore_ascii_case(code))
                && matches!(found.as_bytes().get(code.len()), None | Some(b'/'))
        })
    }

    /// The timestamp of a greeting, angle brackets included, with which APOP is possible.
    ///
    /// RFC 1939 section 7: `timestamp` is a msg-id, `<` local part `@` domain `>`.
    pub fn timestamp(&self) -> Option<&[u8]> {
        let start = memchr::memchr(b'<', &self.0)?;
        let end = start + memchr::memchr(b'>', &self.0[start..])?;
        let timestamp = &self.0[start..=end];
        let is_whole = timestamp.contains(&b'@') && timestamp.iter().all(u8::is_ascii_graphic);
        is_whole.then_some(timestamp)
    }

    /// The two numbers of STAT, or of `LIST n`: messages and octets, message and octets.
    pub fn numbers(&self) -> Option<(u32, u64)> {
        numbers(&self.0)
    }

    /// The message-number and unique-id of `UIDL n`.
    pub fn unique_id(&self) -> Option<(u32, &[u8])> {
        unique_id(&self.0)
    }
}

/// A scan listing: a message-number and its size in octets, and perhaps more behind it.
pub fn numbers(line: &[u8]) -> Option<(u32, u64)> {
    let mut words = line.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    Some((number(words.next()?)?, number(words.next()?)?))
}

/// A unique-id listing: a message-number and 1 to 70 octets; longer ones, and ones with blanks
/// inside, do occur and are given whole.
pub fn unique_id(line: &[u8]) -> Option<(u32, &[u8])> {
    let line = line.trim_ascii();
    let at = memchr::memchr(b' ', line)?;
    let id = line[at..].trim_ascii_start();
    Some((number(&line[..at])?, id)).filter(|(_, id)| !id.is_empty())
}

fn number<N: std::str::FromStr>(word: &[u8]) -> Option<N> {
    let is_number = word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word).ok().filter(|_| is_number)?.parse().ok()
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
        match self {
            Self::Ok(text) => write!(f, "+OK {text}"),
            Self::Err(text) => write!(f, "-ERR {text}"),
            Self::Continue(_) => f.write_str("+"),
        }
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

    fn text(octets: &[u8]) -> Text {
        match reply(octets) {
            Reply::Ok(text) | Reply::Err(text) => text,
            Reply::Continue(_) => panic!("no text"),
        }
    }

    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        let greeting = text(b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n");
        assert_eq!(greeting.timestamp(), Some(&b"<1896.697170952@dbc.mtview.ca.us>"[..]));
        assert_eq!(text(b"+OK 2 320\r\n").numbers(), Some((2, 320)));
        assert_eq!(
            text(b"+OK 2 QhdPYR:00WBw1Ph7x7\r\n").unique_id(),
            Some((2, &b"QhdPYR:00WBw1Ph7x7"[..]))
        );
        let busy = text(b"-ERR [IN-USE] Do you have another POP session running?\r\n");
        assert_eq!(busy.code(), Some("IN-USE"));
        let down = text(b"-ERR [sys/temp] mail store down\r\n");
        assert!(down.has_code("SYS") && down.has_code("SYS/TEMP") && !down.has_code("SYS/PERM"));
        assert!(!text(b"-ERR [SYSTEM] x\r\n").has_code("SYS"));
        assert_eq!(reply(b"+ \r\n"), Reply::Continue(Vec::new()));
        assert_eq!(reply(b"+ AQ==\r\n"), Reply::Continue(vec![1]));
        assert_eq!(reply(b"+OK\n"), Reply::ok(""));
    }

    #[test]
    fn odd_texts_have_no_code_and_no_timestamp() {
        for odd in ["[] x", "[a b] x", "[IN-USE", "x [IN-USE]", ""] {
            assert_eq!(Text(odd.into()).code(), None, "{odd}");
        }
        for odd in ["<a>", "<a b@c>", "a@b", "<a@b", "> <"] {
            assert_eq!(Text(odd.into()).timestamp(), None, "{odd}");
        }
        assert_eq!(numbers(b"1"), None);
        assert_eq!(numbers(b"1 2 extra"), Some((1, 2)));
        assert_eq!(unique_id(b"1 "), None);
        assert_eq!(unique_id(b"+1 a"), None);
    }

    #[test]
    fn what_is_no_status_line_is_refused() {
        for line in [&b"OK\r\n"[..], b"+OKAY\r\n", b"* OK\r\n", b"\r\n", b"+ !\r\n"] {
            assert!(Reply::decode(line).is_err());
        }
        assert!(Reply::ok("a\r\n-ERR b").encode(&mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[ -~ä]{0,40}", octets: Vec<u8>, which in 0..3) {
            let value = match which {
                0 => Reply::ok(&text),
                1 => Reply::err(&text),
                _ => Reply::Continue(octets),
            };
            let mut wire = Vec::new();
            value.encode(&mut wire).unwrap();
            for end in 0..wire.len() {
                prop_assert_eq!(Reply::decode(&wire[..end]), Ok(Decoded::More));
            }
            prop_assert_eq!(Reply::decode(&wire), Ok(Decoded::Done { value, used: wire.len() }));
        }
    }
}
