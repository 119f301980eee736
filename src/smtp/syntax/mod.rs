//! The language of SMTP and LMTP: commands, replies, paths, extensions and message data, each
//! readable and writable by one type, so that the client and the server share one grammar.
//!
//! RFC 5321 (SMTP), RFC 2033 (LMTP), RFC 6531 (UTF-8), and the extensions named in
//! [`parameter`] and [`ehlo`]. Nothing here reads or writes a connection, keeps the state of a
//! session, or knows what a sequence of commands means.

pub mod command;
pub mod data;
pub mod ehlo;
pub mod parameter;
pub mod path;
pub mod reply;

use crate::base::decode::{Decoded, Malformed, Result};
use crate::base::limits;

/// A value that has no form on the wire: it holds CR, LF, NUL or another octet that the grammar
/// has no place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} holds a character that SMTP cannot carry")]
pub struct Unencodable {
    /// The part that was refused, in the RFC's words.
    pub what: &'static str,
}

/// The first whole line of a growing buffer without its CRLF (or LF), and the octets it took.
///
/// RFC 5321 section 2.3.8 has no bare LF in commands and replies. It is taken as a line end here
/// because people type at test servers, and old servers reply so; message data is another
/// matter, see [`data`].
fn line(octets: &[u8]) -> Result<&[u8]> {
    match memchr::memchr(b'\n', octets) {
        Some(at) if at < limits::LINE_OCTETS => {
            let text = octets[..at].strip_suffix(b"\r").unwrap_or(&octets[..at]);
            match text.iter().position(|octet| matches!(octet, b'\r' | 0)) {
                Some(offset) => Err(Malformed { offset, expected: "no bare CR or NUL" }),
                None => Ok(Decoded::Done { value: text, used: at + 1 }),
            }
        }
        None if octets.len() < limits::LINE_OCTETS => Ok(Decoded::More),
        _ => Err(Malformed { offset: limits::LINE_OCTETS, expected: "CRLF" }),
    }
}

/// A place in one whole line, from which the grammars read.
#[derive(Debug, Clone, Copy)]
struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.octets[self.at..]
    }

    fn is_at_end(&self) -> bool {
        self.at == self.octets.len()
    }

    fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    fn error<T>(&self, expected: &'static str) -> std::result::Result<T, Malformed> {
        Err(Malformed { offset: self.at, expected })
    }

    /// Takes `octet` when it is next.
    fn eat(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, octet: u8, expected: &'static str) -> std::result::Result<(), Malformed> {
        if self.eat(octet) { Ok(()) } else { self.error(expected) }
    }

    /// Takes `word` when it is next, in any case.
    fn eat_word(&mut self, word: &str) -> bool {
        let found = self
            .rest()
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.at += word.len();
        }
        found
    }

    fn take_while(&mut self, mut is_in: impl FnMut(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().position(|octet| !is_in(*octet)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Takes octets while `is_in`, as text; `expected` is what is missing when there are none,
    /// or when they are not UTF-8.
    fn text_while(
        &mut self,
        is_in: impl FnMut(u8) -> bool,
        expected: &'static str,
    ) -> std::result::Result<&'a str, Malformed> {
        let offset = self.at;
        let taken = self.take_while(is_in);
        match std::str::from_utf8(taken) {
            Ok("") => Err(Malformed { offset, expected }),
            Ok(text) => Ok(text),
            Err(error) => {
                Err(Malformed { offset: offset + error.valid_up_to(), expected: "UTF-8" })
            }
        }
    }

    /// Takes a decimal number.
    fn number<N: std::str::FromStr>(
        &mut self,
        expected: &'static str,
    ) -> std::result::Result<N, Malformed> {
        let offset = self.at;
        let digits = self.text_while(|octet| octet.is_ascii_digit(), expected)?;
        digits.parse().map_err(|_| Malformed { offset, expected })
    }

    fn skip_blanks(&mut self) {
        self.take_while(|octet| matches!(octet, b' ' | b'\t'));
    }
}
