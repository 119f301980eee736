//! FETCH: the items asked for (RFC 9051 section 6.4.5) and the responses (section 7.5.2), with
//! BINARY (RFC 3516), MODSEQ (RFC 7162), EMAILID and THREADID (RFC 8474), SAVEDATE (RFC 8514),
//! PREVIEW (RFC 8970) and X-GM-EXT-1.

use std::borrow::Cow;

use super::encode::Encoder;
use super::token::{Cursor, Fail, Manner, Parse};

mod response;

pub use response::{Extra, Fetch, Head, SectionData, Which, head};

/// Which text of a part a section names (`section-text`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SectionText<'a> {
    /// All of the part; with no part numbers, all of the message.
    #[default]
    All,
    /// The header of the message.
    Header,
    /// Those fields of the header.
    HeaderFields(Vec<Cow<'a, [u8]>>),
    /// The header without those fields.
    HeaderFieldsNot(Vec<Cow<'a, [u8]>>),
    /// The message without its header.
    Text,
    /// The MIME header of the part.
    Mime,
}

/// `section-spec`: which octets of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section<'a> {
    /// Part numbers from the outside in; empty for the message itself.
    pub part: Vec<u32>,
    /// Which text of it.
    pub text: SectionText<'a>,
}

impl<'a> Section<'a> {
    /// The same section without the borrow.
    pub fn into_owned(self) -> Section<'static> {
        let own = |names: Vec<Cow<'_, [u8]>>| {
            names.into_iter().map(|name| Cow::Owned(name.into_owned())).collect()
        };
        Section {
            part: self.part,
            text: match self.text {
                SectionText::All => SectionText::All,
                SectionText::Header => SectionText::Header,
                SectionText::HeaderFields(names) => SectionText::HeaderFields(own(names)),
                SectionText::HeaderFieldsNot(names) => SectionText::HeaderFieldsNot(own(names)),
                SectionText::Text => SectionText::Text,
                SectionText::Mime => SectionText::Mime,
            },
        }
    }

    /// Reads a section from what stands between its brackets, such as `1.2.MIME` or nothing;
    /// `None` where it is none.
    pub fn from_text(text: &str) -> Option<Section<'static>> {
        let text = format!("[{text}]");
        let mut cursor = Cursor::new(text.as_bytes(), Manner::Strict);
        let section = Section::parse(&mut cursor).ok()?;
        (cursor.at() == text.len()).then(|| section.into_owned())
    }

    /// `section = "[" [section-spec] "]"`
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Section<'a>> {
        cursor.expect(b'[', "[")?;
        let mut section = Section::default();
        if cursor.eat(b']')? {
            return Ok(section);
        }
        let mut text_follows = true;
        while cursor.peek()?.is_ascii_digit() {
            section.part.push(cursor.nz_number()?);
            text_follows = cursor.eat(b'.')?;
            if !text_follows {
                break;
            }
        }
        if text_follows {
            let start = cursor.at();
            let word = cursor.word()?;
            let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
            section.text = if is("HEADER") {
                SectionText::Header
            } else if is("TEXT") {
                SectionText::Text
            } else if is("MIME") && !section.part.is_empty() {
                SectionText::Mime
            } else if is("HEADER.FIELDS") {
                cursor.sp()?;
                SectionText::HeaderFields(cursor.list1(Cursor::astring)?)
            } else if is("HEADER.FIELDS.NOT") {
                cursor.sp()?;
                SectionText::HeaderFieldsNot(cursor.list1(Cursor::astring)?)
            } else {
                return Err(Fail::Bad { offset: start, expected: "section-text" });
            };
        }
        cursor.expect(b']', "]")?;
        Ok(section)
    }

    fn encode(&self, out: &mut Encoder) {
        out.raw("[");
        encode_part(&self.part, out);
        if !self.part.is_empty() && self.text != SectionText::All {
            out.raw(".");
        }
        let mut fields = |name, fields: &[Cow<'_, [u8]>]| {
            out.raw(name);
            if fields.is_empty() {
                out.refuse("empty header-list");
            }
            out.list(fields, |out, field| out.line_astring(field, "header field name"));
        };
        match &self.text {
            SectionText::All => {}
            SectionText::Header => out.raw("HEADER"),
            SectionText::HeaderFields(names) => fields("HEADER.FIELDS ", names),
            SectionText::HeaderFieldsNot(names) => fields("HEADER.FIELDS.NOT ", names),
            SectionText::Text => out.raw("TEXT"),
            SectionText::Mime => {
                if self.part.is_empty() {
                    out.refuse("MIME without a part");
                }
                out.raw("MIME");
            }
        }
        out.raw("]");
    }
}

/// `section-part = nz-number *("." nz-number)`
fn encode_part(part: &[u32], out: &mut Encoder) {
    for (i, number) in part.iter().enumerate() {
        if i > 0 {
            out.raw(".");
        }
        if *number == 0 {
            out.refuse("part number");
        }
        out.number(u64::from(*number));
    }
}

/// `section-binary = "[" [section-part] "]"`
fn parse_binary_part(cursor: &mut Cursor<'_>) -> Parse<Vec<u32>> {
    let start = cursor.at();
    match Section::parse(cursor)? {
        Section { part, text: SectionText::All } => Ok(part),
        _ => Err(Fail::Bad { offset: start, expected: "section-binary" }),
    }
}

/// One thing that FETCH is asked for (`fetch-att`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// BODY without a section: the structure without extension data.
    BodyNonExtensible,
    /// BODYSTRUCTURE
    BodyStructure,
    /// ENVELOPE
    Envelope,
    /// FLAGS
    Flags,
    /// INTERNALDATE
    InternalDate,
    /// RFC822 (RFC 3501): the message, setting \Seen.
    Rfc822,
    /// RFC822.HEADER (RFC 3501)
    Rfc822Header,
    /// RFC822.SIZE
    Size,
    /// RFC822.TEXT (RFC 3501)
    Rfc822Text,
    /// UID
    Uid,
    /// MODSEQ (RFC 7162)
    ModSeq,
    /// EMAILID (RFC 8474)
    EmailId,
    /// THREADID (RFC 8474)
    ThreadId,
    /// SAVEDATE (RFC 8514)
    SaveDate,
    /// PREVIEW (RFC 8970)
    Preview {
        /// Whether the server may say NIL where it has none ready.
        lazy: bool,
    },
    /// X-GM-MSGID
    GmMessageId,
    /// X-GM-THRID
    GmThreadId,
    /// X-GM-LABELS
    GmLabels,
    /// `BODY[...]` or `BODY.PEEK[...]`
    Section {
        /// Which octets.
        section: Section<'a>,
        /// Whether \Seen stays as it is.
        peek: bool,
        /// First octet and number of octets.
        partial: Option<(u64, u64)>,
    },
    /// `BINARY[...]` or `BINARY.PEEK[...]` (RFC 3516)
    Binary {
        /// Part numbers.
        part: Vec<u32>,
        /// Whether \Seen stays as it is.
        peek: bool,
        /// First octet and number of octets.
        partial: Option<(u64, u64)>,
    },
    /// `BINARY.SIZE[...]`
    BinarySize(Vec<u32>),
}

impl<'a> Item<'a> {
    /// The whole message without touching \Seen: `BODY.PEEK[]`.
    pub fn whole() -> Item<'static> {
        Item::Section { section: Section::default(), peek: true, partial: None }
    }

    /// The same item without the borrow.
    pub fn into_owned(self) -> Item<'static> {
        match self {
            Item::BodyNonExtensible => Item::BodyNonExtensible,
            Item::BodyStructure => Item::BodyStructure,
            Item::Envelope => Item::Envelope,
            Item::Flags => Item::Flags,
            Item::InternalDate => Item::InternalDate,
            Item::Rfc822 => Item::Rfc822,
            Item::Rfc822Header => Item::Rfc822Header,
            Item::Size => Item::Size,
            Item::Rfc822Text => Item::Rfc822Text,
            Item::Uid => Item::Uid,
            Item::ModSeq => Item::ModSeq,
            Item::EmailId => Item::EmailId,
            Item::ThreadId => Item::ThreadId,
            Item::SaveDate => Item::SaveDate,
            Item::Preview { lazy } => Item::Preview { lazy },
            Item::GmMessageId => Item::GmMessageId,
            Item::GmThreadId => Item::GmThreadId,
            Item::GmLabels => Item::GmLabels,
            Item::Section { section, peek, partial } => {
                Item::Section { section: section.into_owned(), peek, partial }
            }
            Item::Binary { part, peek, partial } => Item::Binary { part, peek, partial },
            Item::BinarySize(part) => Item::BinarySize(part),
        }
    }

    /// Named items; what has arguments is not among them.
    const NAMED: [(&'static str, Item<'static>); 16] = [
        ("BODY", Item::BodyNonExtensible),
        ("BODYSTRUCTURE", Item::BodyStructure),
        ("ENVELOPE", Item::Envelope),
        ("FLAGS", Item::Flags),
        ("INTERNALDATE", Item::InternalDate),
        ("RFC822", Item::Rfc822),
        ("RFC822.HEADER", Item::Rfc822Header),
        ("RFC822.SIZE", Item::Size),
        ("RFC822.TEXT", Item::Rfc822Text),
        ("UID", Item::Uid),
        ("MODSEQ", Item::ModSeq),
        ("EMAILID", Item::EmailId),
        ("THREADID", Item::ThreadId),
        ("SAVEDATE", Item::SaveDate),
        ("X-GM-MSGID", Item::GmMessageId),
        ("X-GM-THRID", Item::GmThreadId),
    ];

    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Item<'a>> {
        let start = cursor.at();
        let word = cursor.word()?;
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        if cursor.peek()? == b'[' {
            if is("BODY") || is("BODY.PEEK") {
                let section = Section::parse(cursor)?;
                let peek = word.len() > 4;
                return Ok(Item::Section { section, peek, partial: parse_partial(cursor)? });
            }
            if is("BINARY") || is("BINARY.PEEK") {
                let part = parse_binary_part(cursor)?;
                let peek = word.len() > 6;
                return Ok(Item::Binary { part, peek, partial: parse_partial(cursor)? });
            }
            if is("BINARY.SIZE") {
                return parse_binary_part(cursor).map(Item::BinarySize);
            }
            return Err(Fail::Bad { offset: start, expected: "fetch-att" });
        }
        if is("PREVIEW") {
            // What follows in parentheses may also be the modifiers of FETCH.
            let mut ahead = cursor.clone();
            let lazy = ahead.eat(b' ')? && ahead.eat(b'(')? && ahead.eat_word("LAZY")?;
            if lazy {
                ahead.expect(b')', ")")?;
                cursor.set_at(ahead.at());
            }
            return Ok(Item::Preview { lazy });
        }
        if is("X-GM-LABELS") {
            return Ok(Item::GmLabels);
        }
        match Self::NAMED.iter().find(|(name, _)| is(name)) {
            Some((_, item)) => Ok(item.clone()),
            None => Err(Fail::Bad { offset: start, expected: "fetch-att" }),
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        match self {
            Item::Section { section, peek, partial } => {
                out.raw(if *peek { "BODY.PEEK" } else { "BODY" });
                section.encode(out);
                encode_partial(*partial, out);
            }
            Item::Binary { part, peek, partial } => {
                out.raw(if *peek { "BINARY.PEEK[" } else { "BINARY[" });
                encode_part(part, out);
                out.raw("]");
                encode_partial(*partial, out);
            }
            Item::BinarySize(part) => {
                out.raw("BINARY.SIZE[");
                encode_part(part, out);
                out.raw("]");
            }
            Item::Preview { lazy } => out.raw(if *lazy { "PREVIEW (LAZY)" } else { "PREVIEW" }),
            Item::GmLabels => out.raw("X-GM-LABELS"),
            _ => {
                if let Some((name, _)) = Self::NAMED.iter().find(|(_, item)| item == self) {
                    out.raw(name);
                }
            }
        }
    }
}

/// `partial = "<" number64 "." nz-number64 ">"`
fn parse_partial(cursor: &mut Cursor<'_>) -> Parse<Option<(u64, u64)>> {
    if !cursor.eat(b'<')? {
        return Ok(None);
    }
    let first = cursor.number()?;
    cursor.expect(b'.', ".")?;
    let start = cursor.at();
    let count = cursor.number()?;
    if count == 0 {
        return Err(Fail::Bad { offset: start, expected: "nz-number64" });
    }
    cursor.expect(b'>', ">")?;
    Ok(Some((first, count)))
}

fn encode_partial(partial: Option<(u64, u64)>, out: &mut Encoder) {
    if let Some((first, count)) = partial {
        if count == 0 {
            out.refuse("partial of no octets");
        }
        out.raw("<");
        out.number(first);
        out.raw(".");
        out.number(count);
        out.raw(">");
    }
}
