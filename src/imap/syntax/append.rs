//! The messages of APPEND and REPLACE (RFC 9051 section 6.3.12, RFC 3502, RFC 8508): as a
//! literal, as a literal8 (RFC 3516), with UTF-8 headers (RFC 6855), or put together from
//! parts (CATENATE, RFC 4469).

use std::borrow::Cow;

use super::date::DateTime;
use super::encode::Encoder;
use super::flag::Flags;
use super::token::{Cursor, Fail, Octets, Parse};

/// How the octets of a message are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendKind {
    /// As a literal.
    Literal,
    /// As a literal8, which may hold NUL (RFC 3516).
    Literal8,
    /// As `UTF8 (literal8)`: its header may hold UTF-8 (RFC 6855).
    Utf8,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendData<'a> {
    /// Octets.
    Octets(AppendKind, Octets<'a>),
    /// Parts, one behind the other; at least one.
    Catenate(Vec<Part<'a>>),
}

/// A part of a message (`cat-part`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// TEXT: octets.
    Text(Octets<'a>),
    /// URL: octets that the server has, as an IMAP URL (RFC 5092).
    Url(Cow<'a, [u8]>),
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendMessage<'a> {
    /// Flags; `None` and none are the same to the server.
    pub flags: Option<Flags<'a>>,
    /// Internal date; `None`: now.
    pub date: Option<DateTime>,
    /// The message.
    pub data: AppendData<'a>,
}

impl<'a> AppendMessage<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<AppendMessage<'a>> {
        let mut flags = None;
        if cursor.peek()? == b'(' {
            flags = Some(Flags::parse(cursor)?);
            cursor.sp()?;
        }
        let mut date = None;
        if cursor.peek()? == b'"' {
            date = Some(DateTime::parse(cursor)?);
            cursor.sp()?;
        }
        if cursor.eat_word("CATENATE")? {
            cursor.sp()?;
            let parts = cursor.list1(Part::parse)?;
            return Ok(AppendMessage { flags, date, data: AppendData::Catenate(parts) });
        }
        let utf8 = cursor.eat_word("UTF8")?;
        if utf8 {
            cursor.sp()?;
            cursor.expect(b'(', "(")?;
        }
        let start = cursor.at();
        let (octets, binary) = cursor.literal_octets()?;
        let kind = match (utf8, binary) {
            (true, true) => AppendKind::Utf8,
            (true, false) => return Err(Fail::Bad { offset: start, expected: "literal8" }),
            (false, true) => AppendKind::Literal8,
            (false, false) => AppendKind::Literal,
        };
        if utf8 {
            cursor.expect(b')', ")")?;
        }
        Ok(AppendMessage { flags, date, data: AppendData::Octets(kind, octets) })
    }

    /// Writes flags, date and message as they stand in APPEND, for a caller that does not yet
    /// know how many will follow (RFC 3502).
    pub fn encode(&self, out: &mut Encoder) {
        if let Some(flags) = &self.flags {
            flags.encode(out);
            out.sp();
        }
        if let Some(date) = self.date {
            date.encode(out);
            out.sp();
        }
        match &self.data {
            AppendData::Octets(kind, octets) => {
                if *kind == AppendKind::Utf8 {
                    out.raw("UTF8 (");
                }
                out.octets(octets, *kind != AppendKind::Literal);
                if *kind == AppendKind::Utf8 {
                    out.raw(")");
                }
            }
            AppendData::Catenate(parts) => {
                if parts.is_empty() {
                    out.refuse("empty list of parts");
                }
                out.raw("CATENATE ");
                out.list(parts, |out, part| part.encode(out));
            }
        }
    }
}

impl<'a> Part<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Part<'a>> {
        if cursor.eat_word("URL")? {
            cursor.sp()?;
            return cursor.astring().map(Part::Url);
        }
        if !cursor.eat_word("TEXT")? {
            return cursor.bad("cat-part");
        }
        cursor.sp()?;
        cursor.literal_octets().map(|(octets, _)| Part::Text(octets))
    }

    fn encode(&self, out: &mut Encoder) {
        match self {
            Part::Url(url) => {
                out.raw("URL ");
                out.line_astring(url, "URL");
            }
            Part::Text(octets) => {
                out.raw("TEXT ");
                out.octets(octets, false);
            }
        }
    }
}
