//! The language of POP3: commands, replies, capabilities and multi-line responses, each readable
//! and writable by one type, so that the client and the server share one grammar.
//!
//! RFC 1939 (POP3), RFC 2449 (CAPA and response codes), RFC 2595 (STLS), RFC 3206 (SYS and AUTH
//! codes), RFC 5034 (AUTH), RFC 6856 (UTF8 and LANG). Nothing here reads or writes a connection or
//! keeps the state of a session.

pub mod capability;
pub mod command;
pub mod multiline;
pub mod reply;

use crate::base::decode::{Decoded, Malformed, Result};
use crate::base::limits;

/// A value that has no form on the wire: it holds CR, LF, NUL or another octet that the grammar
/// has no place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} holds a character that POP3 cannot carry")]
pub struct Unencodable {
    /// The part that was refused, in the RFC's words.
    pub what: &'static str,
}

/// The first whole line of a growing buffer without its CRLF (or LF, which people at a terminal
/// and old servers send), and the octets it took.
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

/// Octets as text, or where they stop being UTF-8.
fn text(octets: &[u8], offset: usize) -> std::result::Result<&str, Malformed> {
    std::str::from_utf8(octets)
        .map_err(|error| Malformed { offset: offset + error.valid_up_to(), expected: "UTF-8" })
}

/// Decodes base64 that stands `offset` octets behind the start of its line.
fn base64(text: &[u8], offset: usize) -> std::result::Result<Vec<u8>, Malformed> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => text.len(),
        };
        Malformed { offset: offset + at, expected: "base64" }
    })
}
