//! What follows the `+OK` of CAPA, LIST, UIDL, RETR and TOP: lines up to one with a single dot.
//!
//! RFC 1939 section 3. Bodies stream through [`Decoder`] and [`Encoder`]; listings are read and
//! written line by line.

pub use crate::base::dot::{Decoder, Encoder, LineEnds, Pushed};

use super::Unencodable;
use crate::base::decode::{Decoded, Malformed, Result};
use crate::base::limits;

/// One line of a multi-line response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// The line without its line end and without a stuffed dot.
    Text(&'a [u8]),
    /// The lone dot.
    End,
}

impl<'a> Line<'a> {
    /// Reads one line at the start of a growing buffer.
    ///
    /// # Errors
    /// [`Malformed`] above [`limits::LINE_OCTETS`].
    pub fn decode(octets: &'a [u8]) -> Result<Self> {
        let Some(at) = memchr::memchr(b'\n', octets) else {
            return match octets.len() {
                0..limits::LINE_OCTETS => Ok(Decoded::More),
                offset => Err(Malformed { offset, expected: "CRLF" }),
            };
        };
        let text = octets[..at].strip_suffix(b"\r").unwrap_or(&octets[..at]);
        let value = match text {
            b"." => Line::End,
            [b'.', stuffed @ ..] => Line::Text(stuffed),
            text => Line::Text(text),
        };
        Ok(Decoded::Done { value, used: at + 1 })
    }

    /// Appends the line with its CRLF, its leading dot doubled.
    ///
    /// # Errors
    /// [`Unencodable`] when the text holds CR, LF or NUL.
    pub fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        match self {
            Line::End => out.push(b'.'),
            Line::Text(text) => {
                if memchr::memchr3(b'\r', b'\n', 0, text).is_some() {
                    return Err(Unencodable { what: "line" });
                }
                if text.first() == Some(&b'.') {
                    out.push(b'.');
                }
                out.extend_from_slice(text);
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_listing_of_the_rfc_is_read() {
        let mut rest = &b"1 120\r\n2 200\n..x\r\n\r\n.\r\n+OK"[..];
        let mut lines = Vec::new();
        loop {
            match Line::decode(rest) {
                Ok(Decoded::Done { value: Line::Text(text), used }) => {
                    lines.push(text);
                    rest = &rest[used..];
                }
                Ok(Decoded::Done { value: Line::End, used }) => {
                    rest = &rest[used..];
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(lines, [&b"1 120"[..], b"2 200", b".x", b""]);
        assert_eq!(rest, b"+OK");
        assert!(Line::decode(&vec![b'x'; limits::LINE_OCTETS]).is_err());
        assert!(Line::Text(b"a\r\n.").encode(&mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[.a ä]{0,9}") {
            for value in [Line::Text(text.as_bytes()), Line::End] {
                let mut wire = Vec::new();
                value.encode(&mut wire).unwrap();
                for end in 0..wire.len() {
                    prop_assert_eq!(Line::decode(&wire[..end]), Ok(Decoded::More));
                }
                prop_assert_eq!(Line::decode(&wire), Ok(Decoded::Done { value, used: wire.len() }));
            }
        }
    }
}
