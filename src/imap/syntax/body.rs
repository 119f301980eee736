//! ENVELOPE and BODYSTRUCTURE (RFC 9051 section 7.5.2).
//!
//! Values are the octets that the server sent: encoded words and charsets are `message`'s.
//! Decoding is liberal where servers are known to be odd: empty multiparts, missing fields,
//! NIL where a string is due.

use std::borrow::Cow;

use super::Pair;
use super::encode::Encoder;
use super::token::{Cursor, Parse};

/// An address as the server took it apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address<'a> {
    /// Display name.
    pub name: Option<Cow<'a, [u8]>>,
    /// Source route; obsolete.
    pub route: Option<Cow<'a, [u8]>>,
    /// Local part; `None` ends a group, and without a host it is the name of one.
    pub mailbox: Option<Cow<'a, [u8]>>,
    /// Domain; `None` where a group begins or ends.
    pub host: Option<Cow<'a, [u8]>>,
}

/// The ENVELOPE of a message; an empty list of addresses where the server said NIL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope<'a> {
    /// The Date field.
    pub date: Option<Cow<'a, [u8]>>,
    /// The Subject field.
    pub subject: Option<Cow<'a, [u8]>>,
    /// From.
    pub from: Vec<Address<'a>>,
    /// Sender; servers put From here when it is missing.
    pub sender: Vec<Address<'a>>,
    /// Reply-To; servers put From here when it is missing.
    pub reply_to: Vec<Address<'a>>,
    /// To.
    pub to: Vec<Address<'a>>,
    /// Cc.
    pub cc: Vec<Address<'a>>,
    /// Bcc.
    pub bcc: Vec<Address<'a>>,
    /// In-Reply-To.
    pub in_reply_to: Option<Cow<'a, [u8]>>,
    /// Message-ID, in angle brackets.
    pub message_id: Option<Cow<'a, [u8]>>,
}

impl<'a> Address<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Address<'a>> {
        cursor.expect(b'(', "address")?;
        let name = cursor.nstring()?;
        cursor.sp()?;
        let route = cursor.nstring()?;
        cursor.sp()?;
        let mailbox = cursor.nstring()?;
        cursor.sp()?;
        let host = cursor.nstring()?;
        cursor.skip_spaces()?;
        cursor.expect(b')', ")")?;
        Ok(Address { name, route, mailbox, host })
    }

    fn encode(&self, out: &mut Encoder) {
        out.list([&self.name, &self.route, &self.mailbox, &self.host], |out, field| {
            out.nstring(field.as_deref(), "address");
        });
    }
}

/// `"(" 1*address ")" / nil`; spaces between and an empty list are let through.
fn parse_addresses<'a>(cursor: &mut Cursor<'a>) -> Parse<Vec<Address<'a>>> {
    let mut addresses = Vec::new();
    match cursor.peek()? {
        b'(' => cursor.bump(),
        _ if cursor.nil()? => return Ok(addresses),
        // An empty string has been seen for NIL.
        b'"' => return cursor.quoted().map(|_| addresses),
        _ => return cursor.bad("addresses"),
    }
    loop {
        cursor.skip_spaces()?;
        if cursor.eat(b')')? {
            return Ok(addresses);
        }
        addresses.push(Address::parse(cursor)?);
    }
}

fn encode_addresses(addresses: &[Address<'_>], out: &mut Encoder) {
    if addresses.is_empty() {
        return out.raw("NIL");
    }
    out.raw("(");
    for address in addresses {
        address.encode(out);
    }
    out.raw(")");
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Envelope<'a>> {
        cursor.expect(b'(', "envelope")?;
        cursor.skip_spaces()?;
        let mut envelope = Envelope { date: cursor.nstring()?, ..Envelope::default() };
        cursor.sp()?;
        envelope.subject = cursor.nstring()?;
        let lists = [
            &mut envelope.from,
            &mut envelope.sender,
            &mut envelope.reply_to,
            &mut envelope.to,
            &mut envelope.cc,
            &mut envelope.bcc,
        ];
        for list in lists {
            cursor.sp()?;
            *list = parse_addresses(cursor)?;
        }
        cursor.sp()?;
        envelope.in_reply_to = cursor.nstring()?;
        cursor.skip_spaces()?;
        if cursor.peek()? != b')' {
            if cursor.is_strict() {
                cursor.sp()?;
            }
            envelope.message_id = cursor.nstring()?;
            cursor.skip_spaces()?;
        }
        cursor.expect(b')', "end of envelope")?;
        Ok(envelope)
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.raw("(");
        out.nstring(self.date.as_deref(), "env-date");
        out.sp();
        out.nstring(self.subject.as_deref(), "env-subject");
        for list in [&self.from, &self.sender, &self.reply_to, &self.to, &self.cc, &self.bcc] {
            out.sp();
            encode_addresses(list, out);
        }
        out.sp();
        out.nstring(self.in_reply_to.as_deref(), "env-in-reply-to");
        out.sp();
        out.nstring(self.message_id.as_deref(), "env-message-id");
        out.raw(")");
    }
}

/// Parameters of a media type or disposition: name and value, in the order sent.
pub type Parameters<'a> = Vec<Pair<'a>>;

/// A BODY or BODYSTRUCTURE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// A part without parts, or with a message inside.
    Single(Box<Part<'a>>),
    /// A multipart.
    Multi(Multipart<'a>),
}

/// A part that is not a multipart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part<'a> {
    /// Media type, such as `TEXT`, in the server's case.
    pub media_type: Cow<'a, [u8]>,
    /// Media subtype.
    pub subtype: Cow<'a, [u8]>,
    /// Parameters of the media type.
    pub parameters: Parameters<'a>,
    /// Content-ID.
    pub id: Option<Cow<'a, [u8]>>,
    /// Content-Description.
    pub description: Option<Cow<'a, [u8]>>,
    /// Content-Transfer-Encoding; empty where the server said NIL.
    pub encoding: Cow<'a, [u8]>,
    /// Octets in its transfer encoding.
    pub size: u64,
    /// Lines, of a text or message part.
    pub lines: Option<u64>,
    /// What a message part holds.
    pub message: Option<Box<(Envelope<'a>, Body<'a>)>>,
    /// Content-MD5, and what BODYSTRUCTURE adds to BODY.
    pub extension: Option<PartExtension<'a>>,
}

/// What BODYSTRUCTURE tells of a single part beyond BODY.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartExtension<'a> {
    /// Content-MD5.
    pub md5: Option<Cow<'a, [u8]>>,
    /// The rest, shared with multiparts.
    pub common: Extension<'a>,
}

/// What BODYSTRUCTURE tells of any part beyond BODY; what was missing is as NIL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extension<'a> {
    /// Content-Disposition and its parameters.
    pub disposition: Option<(Cow<'a, [u8]>, Parameters<'a>)>,
    /// Content-Language.
    pub language: Vec<Cow<'a, [u8]>>,
    /// Content-Location.
    pub location: Option<Cow<'a, [u8]>>,
    /// `body-extension`s, raw.
    pub further: Vec<Cow<'a, [u8]>>,
}

/// A multipart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Multipart<'a> {
    /// Its parts. None at all is not valid, but is sent.
    pub parts: Vec<Body<'a>>,
    /// Subtype, such as `MIXED`.
    pub subtype: Cow<'a, [u8]>,
    /// What BODYSTRUCTURE adds: parameters, and what all parts have.
    pub extension: Option<(Parameters<'a>, Extension<'a>)>,
}

/// `body-fld-param`
fn parse_parameters<'a>(cursor: &mut Cursor<'a>) -> Parse<Parameters<'a>> {
    if cursor.nil()? {
        return Ok(Vec::new());
    }
    cursor.list1(|cursor| {
        let name = cursor.nstring()?.unwrap_or_default();
        cursor.skip_spaces()?;
        // A parameter without a value, at the end of the list.
        if cursor.peek()? == b')' {
            return Ok((name, Cow::default()));
        }
        if cursor.is_strict() {
            cursor.sp()?;
        }
        Ok((name, cursor.nstring()?.unwrap_or_default()))
    })
}

fn encode_parameters(parameters: &Parameters<'_>, out: &mut Encoder) {
    if parameters.is_empty() {
        return out.raw("NIL");
    }
    out.list(parameters, |out, (name, value)| {
        out.string(name, "parameter name");
        out.sp();
        out.string(value, "parameter value");
    });
}

/// Whether another field follows; takes the SP before it.
fn more_fields(cursor: &mut Cursor<'_>) -> Parse<bool> {
    if cursor.peek()? == b')' {
        return Ok(false);
    }
    // After a list, the loose have been seen to leave out the space.
    if cursor.peek()? == b' ' {
        cursor.sp()?;
    }
    Ok(cursor.peek()? != b')')
}

impl<'a> Extension<'a> {
    /// `[SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc *(SP body-extension)]]]`
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Extension<'a>> {
        let mut extension = Extension::default();
        if !more_fields(cursor)? {
            return Ok(extension);
        }
        extension.disposition = match cursor.peek()? {
            b'(' => {
                cursor.bump();
                let kind = cursor.nstring()?.unwrap_or_default();
                let parameters =
                    if more_fields(cursor)? { parse_parameters(cursor)? } else { Vec::new() };
                cursor.skip_spaces()?;
                cursor.expect(b')', ")")?;
                Some((kind, parameters))
            }
            _ => cursor.nstring()?.map(|kind| (kind, Vec::new())),
        };
        if !more_fields(cursor)? {
            return Ok(extension);
        }
        extension.language = match cursor.peek()? {
            b'(' => cursor.list(|cursor| Ok(cursor.nstring()?.unwrap_or_default()))?,
            _ => cursor.nstring()?.into_iter().collect(),
        };
        if !more_fields(cursor)? {
            return Ok(extension);
        }
        extension.location = cursor.nstring()?;
        while more_fields(cursor)? {
            extension.further.push(Cow::Borrowed(cursor.raw_value()?));
        }
        Ok(extension)
    }

    fn encode(&self, out: &mut Encoder) {
        match &self.disposition {
            None => out.raw("NIL"),
            Some((kind, parameters)) => {
                out.raw("(");
                out.string(kind, "disposition");
                out.sp();
                encode_parameters(parameters, out);
                out.raw(")");
            }
        }
        out.sp();
        match self.language.as_slice() {
            [] => out.raw("NIL"),
            [one] => out.string(one, "language"),
            many => out.list(many, |out, language| out.string(language, "language")),
        }
        out.sp();
        out.nstring(self.location.as_deref(), "location");
        for value in &self.further {
            out.sp();
            out.text(value, "body-extension");
        }
    }
}

/// Subtypes that only multiparts have (RFC 2046, RFC 1847, RFC 2387, RFC 6522).
const MULTIPARTS: [&[u8]; 8] = [
    b"mixed",
    b"alternative",
    b"related",
    b"signed",
    b"encrypted",
    b"report",
    b"digest",
    b"parallel",
];

/// Levels that a part takes with its lists of parameters and languages.
const OWN_LEVELS: usize = 3;

impl<'a> Body<'a> {
    /// `body = "(" (body-type-1part / body-type-mpart) ")"`. A part that lies too deep is passed
    /// over and stands as octets of which nothing more is known: anybody can send such a message,
    /// and those beside it are still to be read.
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Body<'a>> {
        if cursor.is_deep(OWN_LEVELS) && cursor.peek()? == b'(' {
            cursor.raw_value()?;
            let (media_type, subtype) = (b"application"[..].into(), b"octet-stream"[..].into());
            return Ok(Body::Single(Box::new(Part { media_type, subtype, ..Part::default() })));
        }
        cursor.nested(|cursor| {
            cursor.expect(b'(', "body")?;
            cursor.skip_spaces()?;
            let body = match cursor.peek()? {
                b'(' => Multipart::parse(cursor).map(Body::Multi),
                // A part of which the server knows nothing.
                b')' => Ok(Body::Single(Box::default())),
                _ => Self::parse_from_string(cursor),
            }?;
            cursor.skip_spaces()?;
            cursor.expect(b')', "end of body")?;
            Ok(body)
        })
    }

    /// A part that begins with a string: its media type, or, of a multipart without parts,
    /// already its subtype.
    fn parse_from_string(cursor: &mut Cursor<'a>) -> Parse<Body<'a>> {
        let first = cursor.nstring()?;
        if first.is_none() {
            // NIL has been seen in the place of the parts, too: the subtype tells.
            let mut ahead = cursor.clone();
            if more_fields(&mut ahead)?
                && let Some(subtype) = ahead.nstring()?
                && MULTIPARTS.iter().any(|known| subtype.eq_ignore_ascii_case(known))
            {
                cursor.set_at(ahead.at());
                more_fields(cursor)?;
                return Multipart::parse_rest(cursor, Vec::new(), subtype).map(Body::Multi);
            }
        }
        let first = first.unwrap_or_default();
        if !more_fields(cursor)? || cursor.peek()? == b'(' {
            return Multipart::parse_rest(cursor, Vec::new(), first).map(Body::Multi);
        }
        Part::parse(cursor, first).map(|part| Body::Single(Box::new(part)))
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.raw("(");
        match self {
            Body::Single(part) => part.encode(out),
            Body::Multi(multipart) => multipart.encode(out),
        }
        out.raw(")");
    }
}

impl<'a> Multipart<'a> {
    /// `body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]`
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Multipart<'a>> {
        let mut parts = Vec::new();
        while cursor.peek()? == b'(' {
            parts.push(Body::parse(cursor)?);
            cursor.skip_spaces()?;
        }
        if cursor.peek()? == b')' {
            return Ok(Multipart { parts, ..Multipart::default() });
        }
        let subtype = cursor.nstring()?.unwrap_or_default();
        if !more_fields(cursor)? {
            return Ok(Multipart { parts, subtype, extension: None });
        }
        Self::parse_rest(cursor, parts, subtype)
    }

    /// `[body-ext-mpart]`, standing before its first field or at the end.
    fn parse_rest(
        cursor: &mut Cursor<'a>,
        parts: Vec<Body<'a>>,
        subtype: Cow<'a, [u8]>,
    ) -> Parse<Multipart<'a>> {
        if cursor.peek()? == b')' {
            return Ok(Multipart { parts, subtype, extension: None });
        }
        let parameters = parse_parameters(cursor)?;
        let extension = Extension::parse(cursor)?;
        Ok(Multipart { parts, subtype, extension: Some((parameters, extension)) })
    }

    fn encode(&self, out: &mut Encoder) {
        if self.parts.is_empty() {
            // The grammar has no multipart without parts: an empty text takes their place.
            out.raw("(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0)");
        }
        for part in &self.parts {
            part.encode(out);
        }
        out.sp();
        out.string(&self.subtype, "media subtype");
        if let Some((parameters, extension)) = &self.extension {
            out.sp();
            encode_parameters(parameters, out);
            out.sp();
            extension.encode(out);
        }
    }
}

impl<'a> Part<'a> {
    /// Whether the media type is this one, in any case.
    pub fn is(&self, media_type: &str, subtype: &str) -> bool {
        self.media_type.eq_ignore_ascii_case(media_type.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    fn holds_message(&self) -> bool {
        self.is("MESSAGE", "RFC822") || self.is("MESSAGE", "GLOBAL")
    }

    /// What follows the media type; fields may be missing from the end on.
    fn parse(cursor: &mut Cursor<'a>, media_type: Cow<'a, [u8]>) -> Parse<Part<'a>> {
        let subtype = cursor.nstring()?.unwrap_or_default();
        let mut part = Part { media_type, subtype, ..Part::default() };
        if !more_fields(cursor)? {
            return Ok(part);
        }
        part.parameters = parse_parameters(cursor)?;
        if !more_fields(cursor)? {
            return Ok(part);
        }
        part.id = cursor.nstring()?;
        if !more_fields(cursor)? {
            return Ok(part);
        }
        part.description = cursor.nstring()?;
        if !more_fields(cursor)? {
            return Ok(part);
        }
        part.encoding = cursor.nstring()?.unwrap_or_default();
        if !more_fields(cursor)? {
            return Ok(part);
        }
        part.size = parse_count(cursor)?.unwrap_or(0);
        if !more_fields(cursor)? {
            return Ok(part);
        }
        // Some servers leave the envelope out where the message could not be parsed.
        if part.holds_message() && cursor.peek()? == b'(' {
            let envelope = Envelope::parse(cursor)?;
            more_fields(cursor)?;
            let body = Body::parse(cursor)?;
            part.message = Some(Box::new((envelope, body)));
            if !more_fields(cursor)? {
                return Ok(part);
            }
        }
        if part.media_type.eq_ignore_ascii_case(b"TEXT") || part.message.is_some() {
            part.lines = parse_count(cursor)?;
            if !more_fields(cursor)? {
                return Ok(part);
            }
        }
        let md5 = cursor.nstring()?;
        part.extension = Some(PartExtension { md5, common: Extension::parse(cursor)? });
        Ok(part)
    }

    fn encode(&self, out: &mut Encoder) {
        out.string(&self.media_type, "media type");
        out.sp();
        out.string(&self.subtype, "media subtype");
        out.sp();
        encode_parameters(&self.parameters, out);
        out.sp();
        out.nstring(self.id.as_deref(), "body-fld-id");
        out.sp();
        out.nstring(self.description.as_deref(), "body-fld-desc");
        out.sp();
        out.string(&self.encoding, "body-fld-enc");
        out.sp();
        out.number(self.size);
        if let Some(message) = &self.message {
            if !self.holds_message() {
                out.refuse("a message within a part of another type");
            }
            out.sp();
            message.0.encode(out);
            out.sp();
            message.1.encode(out);
        }
        if self.media_type.eq_ignore_ascii_case(b"TEXT") || self.message.is_some() {
            out.sp();
            out.number(self.lines.unwrap_or(0));
        }
        if let Some(extension) = &self.extension {
            out.sp();
            out.nstring(extension.md5.as_deref(), "body-fld-md5");
            out.sp();
            extension.common.encode(out);
        }
    }
}

/// A number, or NIL where the server does not know it.
fn parse_count(cursor: &mut Cursor<'_>) -> Parse<Option<u64>> {
    if cursor.nil()? { Ok(None) } else { cursor.size().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::syntax::token::{Fail, Manner};

    fn body(text: &str) -> Body<'_> {
        let mut cursor = Cursor::new(text.as_bytes(), Manner::Liberal);
        let body = Body::parse(&mut cursor).unwrap();
        assert_eq!(cursor.at(), text.len());
        for end in 0..text.len() {
            let mut cursor = Cursor::new(&text.as_bytes()[..end], Manner::Liberal);
            assert_eq!(Body::parse(&mut cursor).err(), Some(Fail::More), "{end}");
        }
        body
    }

    #[test]
    fn rfc_9051_section_7_5_2_examples() {
        let Body::Single(part) =
            body(r#"("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 2279 48)"#)
        else {
            panic!("not a single part")
        };
        assert!(part.is("text", "plain"));
        assert_eq!((part.size, part.lines), (2279, Some(48)));
        let Body::Multi(multi) = body(concat!(
            r#"(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)"#,
            r#"("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") "#,
            r#""<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73) "MIXED")"#
        )) else {
            panic!("not a multipart")
        };
        assert_eq!(&*multi.subtype, b"MIXED");
        assert_eq!(multi.parts.len(), 2);
    }

    #[test]
    fn a_message_within() {
        let Body::Single(part) = body(concat!(
            r#"("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 9 (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL) "#,
            r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0) 4 NIL ("attachment" ("filename" "a")) NIL NIL 7 (1 "x"))"#
        )) else {
            panic!("not a single part")
        };
        assert_eq!(part.message.as_ref().unwrap().0.subject.as_deref(), Some(&b"x"[..]));
        let extension = &part.extension.as_ref().unwrap().common;
        assert_eq!(&*extension.disposition.as_ref().unwrap().0, b"attachment");
        assert_eq!(extension.further.len(), 2);
    }

    #[test]
    fn servers_oddities() {
        // Multiparts without parts.
        let Body::Multi(multi) = body(r#"("MIXED" ("BOUNDARY" "x") NIL NIL)"#) else {
            panic!("not a multipart")
        };
        assert!(multi.parts.is_empty() && &*multi.subtype == b"MIXED");
        assert!(matches!(body(r#"("ALTERNATIVE")"#), Body::Multi(_)));
        let Body::Multi(nil) = body(r#"(NIL "mixed" ("boundary" "b") NIL NIL NIL)"#) else {
            panic!("a multipart without parts");
        };
        assert_eq!((&*nil.subtype, nil.parts.len()), (&b"mixed"[..], 0));
        assert!(matches!(body(r#"(NIL "MIXED")"#), Body::Multi(_)));
        assert!(matches!(body("()"), Body::Single(_)));
        assert!(matches!(body(r#"((NIL NIL NIL NIL NIL NIL NIL) "MIXED")"#), Body::Multi(_)));
        // Spaces between parts, a NIL size, missing fields.
        assert!(matches!(
            body(r#"(("TEXT" "PLAIN" NIL NIL NIL NIL NIL NIL) ("A" "B" NIL) "MIXED" NIL)"#),
            Body::Multi(_)
        ));
        // A disposition without parentheses.
        assert!(matches!(
            body(r#"("A" "B" NIL NIL NIL "7BIT" 1 NIL "inline" "en")"#),
            Body::Single(_)
        ));
    }

    #[test]
    fn a_multipart_without_parts_is_sent_with_an_empty_one() {
        let mut out = Encoder::new(crate::imap::syntax::encode::Literals::Server, false);
        body(r#"("MIXED" ("BOUNDARY" "x"))"#).encode(&mut out);
        let octets = out.finish().unwrap().octets;
        let text =
            r#"(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0) "MIXED" ("BOUNDARY" "x") NIL NIL NIL)"#;
        assert_eq!(String::from_utf8(octets).unwrap(), text);
    }

    #[test]
    fn what_lies_too_deep_is_passed_over() {
        let text = "(".repeat(100_000);
        let mut cursor = Cursor::new(text.as_bytes(), Manner::Liberal);
        assert!(matches!(Body::parse(&mut cursor), Err(Fail::More)));
        // As Dovecot tells of multiparts in multiparts, a hundred of them.
        let leaf =
            r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 2 1 NIL NIL ("en") NIL)"#;
        for levels in [1, 58, 59, 60, 61, 62, 63, 64, 65, 100, 10_000] {
            let end = r#" "mixed" ("boundary" "b") ("inline" ("a" "b")) ("en" "de") NIL)"#;
            let text = format!("{}{leaf}{}.", "(".repeat(levels), end.repeat(levels));
            let mut cursor = Cursor::new(text.as_bytes(), Manner::Liberal);
            let mut body = &Body::parse(&mut cursor).unwrap();
            assert_eq!(cursor.rest(), b".", "{levels}");
            let mut depth = 0;
            while let Body::Multi(multipart) = body {
                (body, depth) = (&multipart.parts[0], depth + 1);
            }
            let Body::Single(part) = body else { panic!("{levels}") };
            let is_whole = levels < 62;
            assert_eq!(part.is("text", "plain"), is_whole, "{levels}");
            assert!(if is_whole { depth == levels } else { depth < 64 }, "{levels}: {depth}");
        }
    }
}
