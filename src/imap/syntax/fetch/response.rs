//! FETCH responses (RFC 9051 section 7.5.2), and UIDFETCH (RFC 9586).
//!
//! What every listing asks for is a field of [`Fetch`], so that reading `(UID 1 FLAGS ())`
//! allocates nothing; rarer items are [`Extra`]s.

use std::borrow::Cow;

use super::super::body::{Body, Envelope};
use super::super::date::DateTime;
use super::super::encode::Encoder;
use super::super::flag::Flags;
use super::super::token::{ASTRING, Cursor, Fail, Manner, Octets, Parse};
use super::super::{ModSeq, SeqNum, Uid};
use super::{Section, encode_part, parse_binary_part};
use crate::base::decode::Malformed;

/// Which octets a FETCH response brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which<'a> {
    /// `BODY[...]`
    Section(Section<'a>),
    /// `BINARY[...]`
    Binary(Vec<u32>),
    /// RFC822
    Rfc822,
    /// RFC822.HEADER
    Rfc822Header,
    /// RFC822.TEXT
    Rfc822Text,
}

/// Octets of a message in a FETCH response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionData<'a> {
    /// Which octets.
    pub which: Which<'a>,
    /// Offset of the first one, where the request was partial.
    pub origin: Option<u64>,
    /// The octets; `None` where the server said NIL.
    pub data: Option<Octets<'a>>,
    /// Whether they stand in a literal8: they may hold NUL (RFC 3516 section 4.3).
    pub literal8: bool,
}

/// An item that few ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extra<'a> {
    /// EMAILID (RFC 8474)
    EmailId(Cow<'a, [u8]>),
    /// THREADID (RFC 8474); `None` where the server has no threads.
    ThreadId(Option<Cow<'a, [u8]>>),
    /// SAVEDATE (RFC 8514); `None` where the mailbox keeps none.
    SaveDate(Option<DateTime>),
    /// PREVIEW (RFC 8970); `None` where there is none, or none ready.
    Preview(Option<Cow<'a, [u8]>>),
    /// X-GM-MSGID
    GmMessageId(u64),
    /// X-GM-THRID
    GmThreadId(u64),
    /// X-GM-LABELS, in modified UTF-7
    GmLabels(Vec<Cow<'a, [u8]>>),
    /// `BINARY.SIZE[...]`: part numbers and octets
    BinarySize(Vec<u32>, u64),
    /// An item that we do not know: its name and raw value.
    Unknown(Cow<'a, [u8]>, Cow<'a, [u8]>),
}

/// A FETCH response: what the server told of one message, asked or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetch<'a> {
    /// The message's number now.
    pub seq: SeqNum,
    /// UID
    pub uid: Option<Uid>,
    /// FLAGS
    pub flags: Option<Flags<'a>>,
    /// MODSEQ
    pub modseq: Option<ModSeq>,
    /// INTERNALDATE; `None` also where the server sent something that is no date.
    pub internal_date: Option<DateTime>,
    /// RFC822.SIZE in octets: a hint, servers are known to be wrong.
    pub size: Option<u64>,
    /// ENVELOPE
    pub envelope: Option<Box<Envelope<'a>>>,
    /// BODY without a section
    pub body: Option<Box<Body<'a>>>,
    /// BODYSTRUCTURE
    pub body_structure: Option<Box<Body<'a>>>,
    /// Octets of the message.
    pub sections: Vec<SectionData<'a>>,
    /// All other items.
    pub extras: Vec<Extra<'a>>,
}

/// A FETCH response up to a literal that streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'a> {
    /// What was told before; the sections in it are whole.
    pub fetch: Fetch<'a>,
    /// Which octets come now.
    pub which: Which<'a>,
    /// Offset of the first one, where the request was partial.
    pub origin: Option<u64>,
    /// How many come.
    pub len: u64,
}

/// Decodes what stands before a literal that [`Step::Literal`](crate::imap::syntax::frame::Step::Literal) announced:
/// `octets` ends with the literal's head. Streamed literals before it were left out.
///
/// `None` where the response is not a FETCH, or the literal is not a section of the message.
///
/// # Errors
/// A FETCH response that no continuation can make valid.
pub fn head(octets: &[u8]) -> Result<Option<Head<'_>>, Malformed> {
    let mut cursor = Cursor::new(octets, Manner::Liberal);
    match head_in(&mut cursor) {
        Ok(head) => Ok(head),
        // Ended elsewhere than behind a section's head.
        Err(Fail::More) => Ok(None),
        Err(Fail::Bad { offset, expected }) => Err(Malformed { offset, expected }),
    }
}

fn head_in<'a>(cursor: &mut Cursor<'a>) -> Parse<Option<Head<'a>>> {
    let end = cursor.rest().len();
    cursor.expect(b'*', "*")?;
    cursor.sp()?;
    if !cursor.peek()?.is_ascii_digit() {
        return Ok(None);
    }
    let seq = SeqNum(cursor.number32()?);
    cursor.sp()?;
    if !cursor.eat_word("FETCH")? {
        return Ok(None);
    }
    cursor.sp()?;
    cursor.expect(b'(', "(")?;
    cursor.skip_spaces()?;
    let mut fetch = Fetch { seq, ..Fetch::default() };
    loop {
        fetch.parse_item(cursor)?;
        if cursor.at() == end {
            return Ok(match fetch.sections.pop() {
                Some(SectionData {
                    which, origin, data: Some(Octets::Streamed { len }), ..
                }) => Some(Head { fetch, which, origin, len }),
                _ => None,
            });
        }
        cursor.sp()?;
    }
}

impl<'a> Fetch<'a> {
    /// `"(" msg-att-item *(SP msg-att-item) ")"`
    pub(in super::super) fn parse(cursor: &mut Cursor<'a>, seq: SeqNum) -> Parse<Fetch<'a>> {
        let mut fetch = Fetch { seq, ..Fetch::default() };
        cursor.expect(b'(', "msg-att")?;
        cursor.skip_spaces()?;
        if cursor.eat(b')')? {
            return Ok(fetch);
        }
        loop {
            fetch.parse_item(cursor)?;
            match cursor.peek()? {
                b')' => {
                    cursor.bump();
                    return Ok(fetch);
                }
                b' ' => {
                    cursor.sp()?;
                    if cursor.eat(b')')? {
                        return Ok(fetch);
                    }
                }
                _ => return cursor.bad("SP or )"),
            }
        }
    }

    #[inline]
    fn parse_item(&mut self, cursor: &mut Cursor<'a>) -> Parse<()> {
        let start = cursor.at();
        let word = cursor.word()?;
        let is = |known: &[u8]| word.eq_ignore_ascii_case(known);
        match word.len() {
            3 if is(b"UID") => {
                cursor.sp()?;
                self.uid = Some(Uid(cursor.number32()?));
            }
            5 if is(b"FLAGS") => {
                cursor.sp()?;
                self.flags = Some(Flags::parse(cursor)?);
            }
            6 if is(b"MODSEQ") => {
                cursor.sp()?;
                cursor.expect(b'(', "(")?;
                self.modseq = Some(ModSeq(cursor.number()?));
                cursor.expect(b')', ")")?;
            }
            11 if is(b"RFC822.SIZE") => {
                cursor.sp()?;
                self.size = if cursor.nil()? { None } else { Some(cursor.size()?) };
            }
            12 if is(b"INTERNALDATE") => {
                cursor.sp()?;
                let before = cursor.at();
                self.internal_date = match DateTime::parse(cursor) {
                    Ok(date) => Some(date),
                    Err(Fail::More) => return Err(Fail::More),
                    // No date, or NIL: the message is still worth having.
                    Err(Fail::Bad { .. }) => {
                        cursor.set_at(before);
                        cursor.nstring().map(|_| None)?
                    }
                };
            }
            4 if is(b"BODY") => {
                if cursor.peek()? == b'[' {
                    let section = Section::parse(cursor)?;
                    return self.parse_section(cursor, Which::Section(section));
                }
                cursor.sp()?;
                self.body = Some(Box::new(Body::parse(cursor)?));
            }
            13 if is(b"BODYSTRUCTURE") => {
                cursor.sp()?;
                self.body_structure = Some(Box::new(Body::parse(cursor)?));
            }
            8 if is(b"ENVELOPE") => {
                cursor.sp()?;
                self.envelope = Some(Box::new(Envelope::parse(cursor)?));
            }
            6 if is(b"RFC822") => return self.parse_section(cursor, Which::Rfc822),
            13 if is(b"RFC822.HEADER") => return self.parse_section(cursor, Which::Rfc822Header),
            11 if is(b"RFC822.TEXT") => return self.parse_section(cursor, Which::Rfc822Text),
            6 if is(b"BINARY") => {
                let part = parse_binary_part(cursor)?;
                return self.parse_section(cursor, Which::Binary(part));
            }
            _ => {
                cursor.set_at(start);
                let extra = Extra::parse(cursor)?;
                self.extras.push(extra);
            }
        }
        Ok(())
    }

    /// `["<" number ">"] SP (nstring / literal8)`
    fn parse_section(&mut self, cursor: &mut Cursor<'a>, which: Which<'a>) -> Parse<()> {
        let mut origin = None;
        if cursor.eat(b'<')? {
            origin = Some(cursor.number()?);
            cursor.expect(b'>', ">")?;
        }
        cursor.sp()?;
        let (data, literal8) = match cursor.peek()? {
            b'{' | b'~' => {
                let (octets, literal8) = cursor.literal_octets()?;
                (Some(octets), literal8)
            }
            _ => (cursor.nstring()?.map(Octets::Inline), false),
        };
        self.sections.push(SectionData { which, origin, data, literal8 });
        Ok(())
    }

    /// `message-data` without `*` and the line's end.
    pub(in super::super) fn encode(&self, name: &str, out: &mut Encoder) {
        out.number(u64::from(self.seq.0));
        out.sp();
        out.raw(name);
        out.raw(" (");
        let mut first = true;
        let mut item = |out: &mut Encoder, name: &str| {
            if !std::mem::take(&mut first) {
                out.sp();
            }
            out.raw(name);
        };
        if let Some(uid) = self.uid {
            item(out, "UID ");
            out.number(u64::from(uid.0));
        }
        if let Some(flags) = &self.flags {
            item(out, "FLAGS ");
            flags.encode(out);
        }
        if let Some(modseq) = self.modseq {
            item(out, "MODSEQ (");
            out.number(modseq.0);
            out.raw(")");
        }
        if let Some(date) = self.internal_date {
            item(out, "INTERNALDATE ");
            date.encode(out);
        }
        if let Some(size) = self.size {
            item(out, "RFC822.SIZE ");
            out.number(size);
        }
        if let Some(envelope) = &self.envelope {
            item(out, "ENVELOPE ");
            envelope.encode(out);
        }
        if let Some(body) = &self.body {
            item(out, "BODY ");
            body.encode(out);
        }
        if let Some(body) = &self.body_structure {
            item(out, "BODYSTRUCTURE ");
            body.encode(out);
        }
        for extra in &self.extras {
            item(out, "");
            extra.encode(out);
        }
        for section in &self.sections {
            item(out, "");
            section.encode(out);
        }
        out.raw(")");
    }
}

impl SectionData<'_> {
    fn encode(&self, out: &mut Encoder) {
        match &self.which {
            Which::Section(section) => {
                out.raw("BODY");
                section.encode(out);
            }
            Which::Binary(part) => {
                out.raw("BINARY[");
                encode_part(part, out);
                out.raw("]");
            }
            Which::Rfc822 => out.raw("RFC822"),
            Which::Rfc822Header => out.raw("RFC822.HEADER"),
            Which::Rfc822Text => out.raw("RFC822.TEXT"),
        }
        if let Some(origin) = self.origin {
            out.raw("<");
            out.number(origin);
            out.raw(">");
        }
        out.sp();
        match &self.data {
            None => out.raw("NIL"),
            Some(data) => out.octets(data, self.literal8),
        }
    }
}

impl<'a> Extra<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Extra<'a>> {
        let word = cursor.word()?;
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        if is("BINARY.SIZE") {
            let part = parse_binary_part(cursor)?;
            cursor.sp()?;
            return Ok(Extra::BinarySize(part, cursor.number()?));
        }
        if cursor.peek()? != b' ' {
            // A name that goes on with brackets or the like.
            let tail = cursor.run(ASTRING, "item name")?;
            let start = cursor.at() - tail.len() - word.len();
            let name = cursor.since(start);
            cursor.sp()?;
            return Ok(Extra::Unknown(Cow::Borrowed(name), Cow::Borrowed(cursor.raw_value()?)));
        }
        cursor.sp()?;
        let id = |cursor: &mut Cursor<'a>| {
            cursor.expect(b'(', "(")?;
            let id = cursor.astring()?;
            cursor.expect(b')', ")")?;
            Ok(id)
        };
        Ok(if is("EMAILID") {
            Extra::EmailId(id(cursor)?)
        } else if is("THREADID") {
            Extra::ThreadId(if cursor.nil()? { None } else { Some(id(cursor)?) })
        } else if is("SAVEDATE") {
            Extra::SaveDate(if cursor.nil()? { None } else { Some(DateTime::parse(cursor)?) })
        } else if is("PREVIEW") {
            Extra::Preview(cursor.nstring()?)
        } else if is("X-GM-MSGID") {
            Extra::GmMessageId(cursor.number()?)
        } else if is("X-GM-THRID") {
            Extra::GmThreadId(cursor.number()?)
        } else if is("X-GM-LABELS") {
            Extra::GmLabels(cursor.list(Cursor::astring)?)
        } else {
            Extra::Unknown(Cow::Borrowed(word), Cow::Borrowed(cursor.raw_value()?))
        })
    }

    fn encode(&self, out: &mut Encoder) {
        match self {
            Extra::EmailId(id) => {
                out.raw("EMAILID (");
                out.atom(id, "email id");
                out.raw(")");
            }
            Extra::ThreadId(None) => out.raw("THREADID NIL"),
            Extra::ThreadId(Some(id)) => {
                out.raw("THREADID (");
                out.atom(id, "thread id");
                out.raw(")");
            }
            Extra::SaveDate(None) => out.raw("SAVEDATE NIL"),
            Extra::SaveDate(Some(date)) => {
                out.raw("SAVEDATE ");
                date.encode(out);
            }
            Extra::Preview(text) => {
                out.raw("PREVIEW ");
                out.nstring(text.as_deref(), "preview");
            }
            Extra::GmMessageId(id) => {
                out.raw("X-GM-MSGID ");
                out.number(*id);
            }
            Extra::GmThreadId(id) => {
                out.raw("X-GM-THRID ");
                out.number(*id);
            }
            Extra::GmLabels(labels) => {
                out.raw("X-GM-LABELS ");
                out.list(labels, |out, label| out.line_astring(label, "label"));
            }
            Extra::BinarySize(part, size) => {
                out.raw("BINARY.SIZE[");
                encode_part(part, out);
                out.raw("] ");
                out.number(*size);
            }
            Extra::Unknown(name, value) => {
                out.text(name, "item name");
                out.sp();
                out.text(value, "item value");
            }
        }
    }
}
