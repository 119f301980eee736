//! Replies: three digits, perhaps an enhanced status code, and text.
//!
//! RFC 5321 section 4.2; enhanced status codes by RFC 3463 and RFC 2034. What a code means for a
//! command is decided by who sent the command.

use std::fmt;

use super::{Unencodable, line};
use crate::base::decode::{Decoded, Malformed, Result};
use crate::base::limits;

/// One reply, whole: its code and every line of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    /// The lines, joined by LF, which no line can hold.
    text: Vec<u8>,
}

/// An enhanced status code, `class.subject.detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnhancedCode {
    /// 2, 4 or 5.
    pub class: u8,
    /// 0 to 999: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// 0 to 999.
    pub detail: u16,
}

impl Reply {
    /// A reply of `text`, one line per line of it.
    pub fn new(code: u16, text: &str) -> Self {
        Self { code, text: text.as_bytes().to_vec() }
    }

    /// A reply with `enhanced` at the start of every line (RFC 2034 section 4).
    pub fn enhanced(code: u16, enhanced: (u8, u16, u16), text: &str) -> Self {
        let (class, subject, detail) = enhanced;
        let prefix = EnhancedCode { class, subject, detail };
        let mut lines = String::with_capacity(text.len() + 8);
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                lines.push('\n');
            }
            lines.push_str(&format!("{prefix} {line}"));
        }
        Self { code, text: lines.into_bytes() }
    }

    /// The code of the last line, 100 to 599.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The text of each line behind its code, undecoded; a bare `250` is one empty line.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split(|octet| *octet == b'\n')
    }

    /// The enhanced status code at the start of the last line, if it has one.
    pub fn enhanced_code(&self) -> Option<EnhancedCode> {
        EnhancedCode::split(self.lines().last()?).map(|(code, _)| code)
    }

    /// The text for people: without enhanced codes, lines joined by spaces, and what is not
    /// UTF-8 replaced.
    pub fn text(&self) -> String {
        let lines: Vec<_> = self
            .lines()
            .map(|line| EnhancedCode::split(line).map_or(line, |(_, rest)| rest))
            .map(String::from_utf8_lossy)
            .collect();
        lines.join(" ")
    }

    /// 2yz: done.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3yz: go on.
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4yz: may work later.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5yz: will not work.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// Reads one whole reply at the start of a growing buffer.
    ///
    /// ```text
    /// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
    /// ```
    ///
    /// Read too: text of any octets and up to [`limits::LINE_OCTETS`] a line, LF as line end,
    /// and lines whose codes differ, of which the last decides.
    ///
    /// # Errors
    /// [`Malformed`] for a line without a code, and above [`limits::REPLY_LINES`] lines.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        let mut text = Vec::new();
        let mut used = 0;
        for number in 0..limits::REPLY_LINES {
            let at = used;
            let line = line(&octets[at..])
                .map_err(|malformed| Malformed { offset: at + malformed.offset, ..malformed })?;
            let Decoded::Done { value, used: taken } = line else {
                return Ok(Decoded::More);
            };
            used += taken;
            let code = code(value).map_err(|fault| Malformed { offset: at + fault, ..CODE })?;
            if number > 0 {
                text.push(b'\n');
            }
            text.extend_from_slice(value.get(4..).unwrap_or_default());
            match value.get(3) {
                Some(b'-') => {}
                None | Some(b' ') => {
                    return Ok(Decoded::Done { value: Self { code, text }, used });
                }
                Some(_) => {
                    return Err(Malformed { offset: at + 3, expected: "SP or \"-\"" });
                }
            }
        }
        Err(Malformed { offset: used, expected: "a reply of fewer lines" })
    }

    /// Appends the reply. A space follows the code even where there is no text, as RFC 5321
    /// section 4.2 advises.
    ///
    /// # Errors
    /// [`Unencodable`] when the text holds CR or NUL, or the code is none.
    pub fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        if memchr::memchr2(b'\r', 0, &self.text).is_some() {
            return Err(Unencodable { what: "reply text" });
        }
        if !(100..600).contains(&self.code) {
            return Err(Unencodable { what: "reply code" });
        }
        let digit = |divisor| b'0' + (self.code / divisor % 10) as u8;
        let code = [digit(100), digit(10), digit(1)];
        let mut lines = self.lines().peekable();
        while let Some(line) = lines.next() {
            out.extend_from_slice(&code);
            out.push(if lines.peek().is_some() { b'-' } else { b' ' });
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

const CODE: Malformed = Malformed { offset: 0, expected: "a reply code of three digits" };

/// The code at the start of a line, or the offset of what is none.
fn code(line: &[u8]) -> std::result::Result<u16, usize> {
    let mut code = 0;
    for at in 0..3 {
        match line.get(at) {
            Some(digit @ b'0'..=b'9') if at > 0 || matches!(digit, b'1'..=b'5') => {
                code = code * 10 + u16::from(digit - b'0');
            }
            _ => return Err(at),
        }
    }
    Ok(code)
}

/// The code and the text as a person reads them, on one line.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for line in self.lines().filter(|line| !line.is_empty()) {
            write!(f, " {}", String::from_utf8_lossy(line))?;
        }
        Ok(())
    }
}

impl EnhancedCode {
    /// Reads a code at the start of a line of text, and gives what follows behind its space.
    ///
    /// ```text
    /// status-code = class "." subject "." detail
    /// class       = "2"/"4"/"5"
    /// subject     = 1*3digit
    /// detail      = 1*3digit
    /// ```
    pub fn split(line: &[u8]) -> Option<(Self, &[u8])> {
        let end = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
        let code = std::str::from_utf8(&line[..end]).ok()?.parse().ok()?;
        Some((code, line.get(end + 1..).unwrap_or_default()))
    }
}

impl std::str::FromStr for EnhancedCode {
    type Err = Malformed;

    fn from_str(text: &str) -> std::result::Result<Self, Malformed> {
        let number = |part: &str| {
            let is_number =
                (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        };
        let mut parts = text.split('.');
        let read = (|| {
            let class = parts.next().filter(|class| matches!(*class, "2" | "4" | "5"))?;
            let subject = number(parts.next()?)?;
            let detail = number(parts.next()?)?;
            let class = class.as_bytes()[0] - b'0';
            parts.next().is_none().then_some(Self { class, subject, detail })
        })();
        read.ok_or(Malformed { offset: 0, expected: "class.subject.detail" })
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
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
        let read = reply(b"250-First line\r\n250-Second line\r\n250-234 Text beginning with numbers\r\n250 The last line\r\n");
        assert_eq!(read.code(), 250);
        assert_eq!(read.lines().count(), 4);
        assert_eq!(read.lines().nth(2), Some(&b"234 Text beginning with numbers"[..]));
        let read = reply(b"550-5.1.1 Mailbox \"nosuchuser\"\r\n550 5.1.1 does not exist\r\n");
        assert_eq!(read.enhanced_code(), Some(EnhancedCode { class: 5, subject: 1, detail: 1 }));
        assert_eq!(read.text(), "Mailbox \"nosuchuser\" does not exist");
        assert!(read.is_permanent() && !read.is_transient());
    }

    #[test]
    fn what_real_servers_send_is_read() {
        assert_eq!(reply(b"250\r\n"), Reply::new(250, ""));
        assert_eq!(reply(b"250 \n").code(), 250);
        assert_eq!(reply(b"250-\r\n250\r\n").lines().count(), 2);
        assert_eq!(reply(b"451-4.3.0 a\r\n554 5.0.0 b\r\n").code(), 554);
        let long = [b"250 ".to_vec(), vec![b'x'; 5000], b"\r\n".to_vec()].concat();
        assert_eq!(reply(&long).lines().next().map(<[u8]>::len), Some(5000));
        assert_eq!(reply(b"250 \xe4\xff\r\n").lines().next(), Some(&b"\xe4\xff"[..]));
    }

    #[test]
    fn what_is_no_reply_is_refused_where_it_stands() {
        for (octets, offset) in [
            (&b"OK\r\n"[..], 0),
            (b"25\r\n", 2),
            (b"250OK\r\n", 3),
            (b"250-a\r\nb\r\n", 7),
            (b"650 x\r\n", 0),
            (b"250 a\rb\r\n", 5),
            (b"250 a\0b\r\n", 5),
        ] {
            assert_eq!(Reply::decode(octets).map_err(|fault| fault.offset), Err(offset));
        }
        let endless = b"250-x\r\n".repeat(limits::REPLY_LINES + 1);
        assert!(Reply::decode(&endless).is_err());
        assert!(Reply::decode(&vec![b'2'; limits::LINE_OCTETS]).is_err());
    }

    #[test]
    fn enhanced_codes_stand_on_every_line() {
        let mut wire = Vec::new();
        Reply::enhanced(452, (4, 5, 3), "too many\nrecipients").encode(&mut wire).unwrap();
        assert_eq!(wire, b"452-4.5.3 too many\r\n452 4.5.3 recipients\r\n");
        for not_one in ["2.0", "3.0.0", "2.0.0.0", "2.1000.0", "2..0", "2.+1.0", ""] {
            assert!(not_one.parse::<EnhancedCode>().is_err(), "{not_one}");
        }
        assert!(Reply::new(250, "a\rb").encode(&mut Vec::new()).is_err());
        assert!(Reply::new(20, "a").encode(&mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(code in 200u16..600, text in "[ -~\t\nä]{0,60}") {
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
