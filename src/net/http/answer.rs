//! Answers: head, framing and body, RFC 9112 sections 4, 6 and 7.

use super::{Error, Result, is_token_octet};
use crate::base::decode::{self, Decoded, Malformed};
use crate::base::limits;
use crate::net::Wire;

/// Octets of an answer's head: status line and header fields.
const HEAD_OCTETS: usize = limits::LINE_OCTETS;

/// Answers of the class 1yz that may come before the final one.
const INTERIM_ANSWERS: usize = 8;

pub(super) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
}

/// Status line and header fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub status: u16,
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// `status-line *( field-line CRLF ) CRLF`, RFC 9112 sections 4 and 5; a bare LF ends a line
    /// too (section 2.2). Folded fields are refused, as section 5.2 allows.
    pub fn decode(octets: &[u8]) -> decode::Result<Self> {
        let malformed = |offset, expected| Err(Malformed { offset, expected });
        let mut at = 0;
        let mut head: Option<Self> = None;
        loop {
            let Some(end) = memchr::memchr(b'\n', &octets[at..]).map(|end| at + end) else {
                return Ok(Decoded::More);
            };
            let line = &octets[at..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match &mut head {
                None => {
                    let Some(status) = status(line) else {
                        return malformed(at, "a status line of HTTP/1.0 or HTTP/1.1");
                    };
                    head = Some(Self { status, fields: Vec::new() });
                }
                Some(head) if line.is_empty() => {
                    let value = std::mem::replace(head, Self { status: 0, fields: Vec::new() });
                    return Ok(Decoded::Done { value, used: end + 1 });
                }
                Some(head) => {
                    let Some(colon) = memchr::memchr(b':', line) else {
                        return malformed(at, "a header field with its colon");
                    };
                    let (name, value) = (&line[..colon], &line[colon + 1..]);
                    if name.is_empty() || !name.iter().copied().all(is_token_octet) {
                        return malformed(at, "the name of a header field");
                    }
                    let value = value.trim_ascii();
                    if value.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t') {
                        return malformed(
                            at + colon + 1,
                            "a field value without control characters",
                        );
                    }
                    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                    head.fields.push((text(name), text(value)));
                }
            }
            at = end + 1;
        }
    }
}

fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, after) = rest.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(after.is_empty() || after[0] == b' ') {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    (100..600).contains(&number).then_some(number)
}

fn broken(malformed: &Malformed) -> Error {
    Error::Protocol(malformed.to_string())
}

/// Reads the head of the final answer.
pub(super) async fn read_head(wire: &mut Wire) -> Result<Head> {
    for _ in 0..INTERIM_ANSWERS {
        let head = loop {
            match Head::decode(wire.buffered()).map_err(|error| broken(&error))? {
                Decoded::Done { value, used } => {
                    wire.consume(used);
                    break value;
                }
                Decoded::More if wire.buffered().len() > HEAD_OCTETS => {
                    return Err(Error::TooLarge { limit: HEAD_OCTETS });
                }
                Decoded::More => {
                    wire.fill().await?;
                }
            }
        };
        if head.status >= 200 {
            return Ok(head);
        }
    }
    Err(Error::Protocol("it never comes to a final answer".into()))
}

/// How a body is framed, RFC 9112 section 6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    /// Up to the end of the connection.
    Close,
}

pub(super) fn framing(head: &Head) -> Result<Framing> {
    let all = |name: &'static str| {
        head.fields.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name))
    };
    if let Some((_, coding)) =
        all("Content-Encoding").find(|(_, value)| !value.eq_ignore_ascii_case("identity"))
    {
        return Err(Error::Protocol(format!(
            "an answer in the coding {coding:?} was not asked for"
        )));
    }
    if matches!(head.status, 204 | 304) {
        return Ok(Framing::Length(0));
    }
    let codings: Vec<&str> = all("Transfer-Encoding").map(|(_, value)| value.as_str()).collect();
    match codings[..] {
        [] => {}
        [only] if only.eq_ignore_ascii_case("chunked") => return Ok(Framing::Chunked),
        _ => return Err(Error::Protocol(format!("unknown transfer coding {codings:?}"))),
    }
    let mut lengths = all("Content-Length").map(|(_, value)| value.as_str());
    let Some(first) = lengths.next() else { return Ok(Framing::Close) };
    let is_number = !first.is_empty() && first.bytes().all(|octet| octet.is_ascii_digit());
    if !is_number || lengths.any(|other| other != first) {
        return Err(Error::Protocol(format!("no length in Content-Length {first:?}")));
    }
    // One that does not fit is too large in any case.
    Ok(Framing::Length(first.parse().unwrap_or(usize::MAX)))
}

pub(super) async fn read_body(wire: &mut Wire, head: &Head, limit: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    match framing(head)? {
        Framing::Length(length) if length > limit => return Err(Error::TooLarge { limit }),
        Framing::Length(length) => take(wire, length, &mut body).await?,
        Framing::Chunked => loop {
            let size = chunk_size(wire).await?;
            if size == 0 {
                trailer(wire).await?;
                break;
            }
            if size > limit - body.len() {
                return Err(Error::TooLarge { limit });
            }
            take(wire, size, &mut body).await?;
            let length = wire.line(2).await?;
            if !matches!(&wire.buffered()[..length], b"\r\n" | b"\n") {
                return Err(Error::Protocol("a chunk is longer than it said".into()));
            }
            wire.consume_body(length);
        },
        // Whoever cuts the connection would decide where the answer ends: RFC 9112 section 9.8.
        Framing::Close if wire.is_encrypted() => {
            return Err(Error::Protocol("the answer does not say how long it is".into()));
        }
        Framing::Close => loop {
            let held = wire.buffered().len();
            if held > limit - body.len() {
                return Err(Error::TooLarge { limit });
            }
            body.extend_from_slice(wire.buffered());
            wire.consume_body(held);
            match wire.fill().await {
                Ok(_) => {}
                Err(crate::net::Error::Closed) => break,
                Err(error) => return Err(error.into()),
            }
        },
    }
    Ok(body)
}

async fn take(wire: &mut Wire, length: usize, body: &mut Vec<u8>) -> Result<()> {
    let mut left = length;
    while left > 0 {
        if wire.buffered().is_empty() {
            wire.fill().await?;
        }
        let count = wire.buffered().len().min(left);
        body.extend_from_slice(&wire.buffered()[..count]);
        wire.consume_body(count);
        left -= count;
    }
    Ok(())
}

/// `chunk-size [ chunk-ext ] CRLF`, RFC 9112 section 7.1.
async fn chunk_size(wire: &mut Wire) -> Result<usize> {
    let length = wire.line(limits::LINE_OCTETS).await?;
    let line = wire.buffered()[..length].trim_ascii_end();
    let digits = line.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii_end();
    // Fifteen digits fit into an usize; no server of ours has a chunk that needs more.
    let size = std::str::from_utf8(digits)
        .ok()
        .filter(|text| (1..=15).contains(&text.len()))
        .filter(|text| text.bytes().all(|octet| octet.is_ascii_hexdigit()))
        .and_then(|text| usize::from_str_radix(text, 16).ok())
        .ok_or_else(|| Error::Protocol("a chunk without its size".into()))?;
    wire.consume_body(length);
    Ok(size)
}

async fn trailer(wire: &mut Wire) -> Result<()> {
    let mut octets = 0;
    loop {
        let length = wire.line(limits::LINE_OCTETS).await?;
        let is_last = matches!(&wire.buffered()[..length], b"\r\n" | b"\n");
        wire.consume_body(length);
        octets += length;
        if is_last {
            return Ok(());
        }
        if octets > HEAD_OCTETS {
            return Err(Error::TooLarge { limit: HEAD_OCTETS });
        }
    }
}
