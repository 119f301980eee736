//! The language of NNTP: commands, responses, capabilities and the lines of multi-line
//! responses, each readable and writable by one type, so that the client and the server share
//! one grammar.
//!
//! RFC 3977 (NNTP), RFC 4642 (STARTTLS), RFC 4643 (AUTHINFO), RFC 6048 (LIST), RFC 8054
//! (COMPRESS), and XOVER and XHDR of RFC 2980, which clients still send. Nothing here reads or
//! writes a connection or keeps the state of a session; IHAVE and the streaming of RFC 4644 are
//! for servers among each other and are read as unknown.

pub mod capability;
pub mod command;
pub mod listing;
pub mod overview;
pub mod range;
pub mod reply;
pub mod wildmat;

use crate::base::decode::{Decoded, Malformed, Result};
use crate::base::limits;

/// A value that has no form on the wire: it holds CR, LF, NUL or another octet that the grammar
/// has no place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} holds a character that NNTP cannot carry")]
pub struct Unencodable {
    /// The part that was refused, in the RFC's words.
    pub what: &'static str,
}

/// The first whole line of a growing buffer without its CRLF (or LF, which people at a terminal
/// send), and the octets it took.
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

/// Decodes base64 that stands `offset` octets behind the start of its line; a lone `=` is
/// nothing (RFC 4643 section 2.4.2).
fn base64(text: &[u8], offset: usize) -> std::result::Result<Vec<u8>, Malformed> {
    use base64::Engine as _;
    if text == b"=" {
        return Ok(Vec::new());
    }
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => text.len(),
        };
        Malformed { offset: offset + at, expected: "base64" }
    })
}

/// The base64 of octets; of none a lone `=`.
fn to_base64(octets: &[u8]) -> String {
    use base64::Engine as _;
    match octets {
        [] => "=".to_owned(),
        octets => base64::engine::general_purpose::STANDARD.encode(octets),
    }
}

/// Whether it is a message-id: 3 to 250 printable octets in angle brackets, none of them `>`.
///
/// ```text
/// message-id = "<" 1*248A-NOTGT ">"
/// ```
pub fn is_message_id(text: &[u8]) -> bool {
    let Some(inner) = text.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")) else {
        return false;
    };
    (1..=248).contains(&inner.len())
        && inner.iter().all(|octet| (0x21..=0x7e).contains(octet) && *octet != b'>')
}

/// Whether it can be the name of a newsgroup: no blank, no control character, and nothing that a
/// wildmat gives a meaning.
///
/// ```text
/// newsgroup-name = 1*wildmat-exact
/// ```
pub fn is_newsgroup(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| wildmat::is_exact(char) && !char.is_control())
}
