//! Through a message in one pass: header blocks, bodies, and the lines between parts.
//!
//! Lines end with CRLF or LF. The line end before a delimiter belongs to the delimiter (RFC 2046
//! section 5.1.1), so it is held back until the next line is known. Only a header block is held
//! in memory, and the start of a line that may become a delimiter.

use super::Error;
use super::transfer::Decoder;
use crate::message::headers::{self, is_blank};
use crate::message::structure::content::{ContentType, content_type};
use crate::message::transfer::Encoding;

/// A header block may have that many octets.
const HEADER_OCTETS: usize = 1024 * 1024;

/// Multiparts in multiparts.
const DEPTH: usize = 100;

/// Blanks that may follow a delimiter on its line.
const PADDING_OCTETS: usize = 100;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Other,
    /// Its parts follow.
    Multipart,
    /// A message follows, header first.
    Message,
}

/// A part as its header describes it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub kind: Kind,
    /// Below multipart/signed or multipart/encrypted.
    pub is_sealed: bool,
    /// Its encoding may be changed.
    pub is_encodable: bool,
    /// `Content-Transfer-Encoding: binary`
    pub is_binary: bool,
    /// 8bit or binary.
    pub is_wide: bool,
    /// It has no Content-Type.
    pub is_unlabelled: bool,
    pub decode: Decoder,
    content_type: ContentType,
}

impl Part {
    pub(super) fn essence(&self) -> String {
        self.content_type.essence()
    }
}

/// A stretch of the message.
pub(super) enum Piece<'a> {
    /// A header block with the empty line behind it, if it has one.
    Header { block: &'a [u8], part: &'a Part },
    /// Octets of a body; without `is_content`, text before, between and behind parts.
    Body { octets: &'a [u8], is_content: bool },
    /// A delimiter line with the line end before it.
    Delimiter(&'a [u8]),
}

type Sink<'a> = &'a mut dyn FnMut(Piece<'_>) -> Result<(), Error>;

#[derive(Debug)]
struct Open {
    boundary: Vec<u8>,
    is_sealed: bool,
    is_digest: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Content,
    Between,
}

#[derive(Debug)]
pub(super) struct Walker {
    open: Vec<Open>,
    state: State,
    header: Vec<u8>,
    /// The start of a line of which nothing has been given out.
    line: Vec<u8>,
    /// The line is none that could be a delimiter, and its start has been given out.
    is_mid_line: bool,
    /// The end of the line before.
    line_end: Vec<u8>,
}

impl Walker {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            state: State::Header,
            header: Vec::new(),
            line: Vec::new(),
            is_mid_line: false,
            line_end: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, mut octets: &[u8], sink: Sink<'_>) -> Result<(), Error> {
        while !octets.is_empty() {
            if self.state != State::Header && self.open.is_empty() {
                // No delimiter can come.
                self.release(sink)?;
                return sink(Piece::Body { octets, is_content: self.state == State::Content });
            }
            let end = memchr::memchr(b'\n', octets);
            let (taken, rest) = octets.split_at(end.map_or(octets.len(), |at| at + 1));
            octets = rest;
            if self.is_mid_line {
                self.body_line(taken, sink)?;
            } else if self.line.is_empty() && end.is_some() {
                self.whole_line(taken, sink)?;
            } else {
                self.line.extend_from_slice(taken);
                if end.is_some() {
                    let line = std::mem::take(&mut self.line);
                    self.whole_line(&line, sink)?;
                } else if self.state == State::Header {
                    if self.line.len() + self.header.len() > HEADER_OCTETS {
                        return Err(Error::TooLarge("a header of more than 1 MiB"));
                    }
                } else if self.line.len() > self.longest_delimiter() {
                    let line = std::mem::take(&mut self.line);
                    self.body_line(&line, sink)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.whole_line(&line, sink)?;
        }
        if self.state == State::Header && !self.header.is_empty() {
            self.end_header(sink)?;
        }
        self.release(sink)
    }

    fn longest_delimiter(&self) -> usize {
        let longest = self.open.iter().map(|open| open.boundary.len()).max().unwrap_or(0);
        longest + 4 + PADDING_OCTETS
    }

    fn whole_line(&mut self, line: &[u8], sink: Sink<'_>) -> Result<(), Error> {
        if let Some((level, is_last)) = self.delimiter(line) {
            if self.state == State::Header && !self.header.is_empty() {
                self.end_header(sink)?;
            }
            let mut delimiter = std::mem::take(&mut self.line_end);
            delimiter.extend_from_slice(line);
            self.open.truncate(if is_last { level } else { level + 1 });
            self.state = if is_last { State::Between } else { State::Header };
            return sink(Piece::Delimiter(&delimiter));
        }
        if self.state != State::Header {
            return self.body_line(line, sink);
        }
        if self.header.len() + line.len() > HEADER_OCTETS {
            return Err(Error::TooLarge("a header of more than 1 MiB"));
        }
        self.header.extend_from_slice(line);
        if headers::is_empty_line(line) { self.end_header(sink) } else { Ok(()) }
    }

    /// Octets of a body's line, perhaps with its end.
    fn body_line(&mut self, octets: &[u8], sink: Sink<'_>) -> Result<(), Error> {
        if self.is_mid_line && self.line_end == b"\r" && octets.starts_with(b"\n") {
            // A line end that came in two pieces.
            self.line_end.push(b'\n');
            self.is_mid_line = false;
            return Ok(());
        }
        self.release(sink)?;
        let content = headers::without_line_end(octets);
        let is_whole = content.len() < octets.len();
        let content = if is_whole { content } else { octets.strip_suffix(b"\r").unwrap_or(octets) };
        self.line_end.extend_from_slice(&octets[content.len()..]);
        self.is_mid_line = !is_whole;
        if content.is_empty() {
            return Ok(());
        }
        sink(Piece::Body { octets: content, is_content: self.state == State::Content })
    }

    /// Gives out the line end that was held back.
    fn release(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        if self.line_end.is_empty() {
            return Ok(());
        }
        let octets = std::mem::take(&mut self.line_end);
        sink(Piece::Body { octets: &octets, is_content: self.state == State::Content })
    }

    /// Which open multipart the line delimits, and whether it ends it.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let text = line.strip_prefix(b"--")?;
        let text = headers::without_line_end(text);
        let kept = text.iter().rposition(|octet| !is_blank(*octet)).map_or(0, |last| last + 1);
        let text = &text[..kept];
        self.open.iter().enumerate().rev().find_map(|(level, open)| {
            match text.strip_prefix(open.boundary.as_slice())? {
                b"" => Some((level, false)),
                b"--" => Some((level, true)),
                _ => None,
            }
        })
    }

    fn end_header(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        let block = std::mem::take(&mut self.header);
        let part = self.part(&block);
        self.state = match part.kind {
            Kind::Multipart => {
                let boundary = part.content_type.raw("boundary").unwrap_or_default().to_vec();
                let seals = ["signed", "encrypted"];
                let is_sealed = part.is_sealed
                    || seals.iter().any(|seal| part.content_type.is("multipart", seal));
                let is_digest = part.content_type.is("multipart", "digest");
                self.open.push(Open { boundary, is_sealed, is_digest });
                State::Between
            }
            Kind::Message => State::Header,
            Kind::Text | Kind::Other => State::Content,
        };
        sink(Piece::Header { block: &block, part: &part })
    }

    fn part(&self, block: &[u8]) -> Part {
        let digest = self.open.last().is_some_and(|open| open.is_digest);
        let field = headers::find(block, "Content-Type");
        let content_type =
            field.and_then(|field| content_type(field.value)).unwrap_or_else(|| match digest {
                true => ContentType::plain(b"message", b"rfc822"),
                false => ContentType::plain(b"text", b"plain"),
            });
        let encoding = headers::find(block, "Content-Transfer-Encoding")
            .map(|field| field.unfolded().to_ascii_lowercase())
            .unwrap_or_default();
        let name: Vec<u8> = encoding
            .iter()
            .copied()
            .take_while(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
            .collect();
        let is_binary = name == b"binary";
        let is_identity = matches!(name.as_slice(), b"" | b"7bit" | b"8bit" | b"binary");
        let (decode, is_known) = match Encoding::from_value(&encoding) {
            Encoding::Base64 => (Decoder::base64(), true),
            Encoding::QuotedPrintable => (Decoder::quoted_printable(), true),
            Encoding::Identity => (Decoder::Identity, is_identity),
        };
        let is_message = content_type.is("message", "rfc822")
            || content_type.is("message", "global")
            || content_type.is("message", "news");
        let has_boundary = content_type.raw("boundary").is_some_and(|it| !it.is_empty());
        let is_multipart = content_type.is_kind("multipart") && is_identity && has_boundary;
        let kind = if is_multipart && self.open.len() < DEPTH {
            Kind::Multipart
        } else if is_message && is_identity {
            Kind::Message
        } else if content_type.is_kind("text") {
            Kind::Text
        } else {
            Kind::Other
        };
        let is_composite = content_type.is_kind("multipart") || content_type.is_kind("message");
        Part {
            kind,
            is_sealed: self.open.last().is_some_and(|open| open.is_sealed),
            // RFC 2046 sections 5.1 and 5.2: composite types have no transfer encoding.
            is_encodable: is_known && !is_composite,
            is_binary,
            is_wide: is_binary || name == b"8bit",
            is_unlabelled: field.is_none(),
            decode,
            content_type,
        }
    }
}
