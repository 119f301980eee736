//! ENVELOPE and BODYSTRUCTURE of a message (RFC 9051 section 7.5.2), from what
//! `message::structure` found.
//!
//! Values go out as they stand in the message, encoded words and all. NUL, which no string
//! of IMAP can hold, is left out.

use std::borrow::Cow;

use crate::imap::syntax::body::{
    Address, Body, Envelope, Extension, Multipart, Parameters, Part, PartExtension,
};
use crate::message::address::Element;
use crate::message::structure::{self, Kind, Parameter, PartId, Structure};

type Octets = Cow<'static, [u8]>;

fn clean(octets: &[u8]) -> Octets {
    let mut octets = octets.to_vec();
    octets.retain(|octet| *octet != 0);
    Cow::Owned(octets)
}

fn maybe(octets: Option<&[u8]>) -> Option<Octets> {
    octets.map(clean)
}

/// An envelope for the wire.
pub(super) fn envelope(found: &structure::Envelope) -> Envelope<'static> {
    Envelope {
        date: maybe(found.date.as_deref()),
        subject: maybe(found.subject.as_deref()),
        from: addresses(&found.from),
        sender: addresses(&found.sender),
        reply_to: addresses(&found.reply_to),
        to: addresses(&found.to),
        cc: addresses(&found.cc),
        bcc: addresses(&found.bcc),
        in_reply_to: maybe(found.in_reply_to.as_deref()),
        message_id: maybe(found.message_id.as_deref()),
    }
}

fn addresses(elements: &[Element]) -> Vec<Address<'static>> {
    let address = |element: &Element| match element {
        Element::Mailbox(parts) => Address {
            name: maybe(parts.name.as_deref()),
            route: maybe(parts.route.as_deref()),
            mailbox: Some(clean(&parts.local)),
            // NIL would begin or end a group.
            host: Some(clean(parts.domain.as_deref().unwrap_or_default())),
        },
        Element::GroupStart(name) => Address { mailbox: Some(clean(name)), ..Address::default() },
        Element::GroupEnd => Address::default(),
    };
    elements.iter().map(address).collect()
}

fn parameters(found: &[Parameter]) -> Parameters<'static> {
    found.iter().map(|(name, value)| (clean(name), clean(value))).collect()
}

/// The structure of a part, `extended` for BODYSTRUCTURE.
pub(super) fn body(
    message: &[u8],
    structure: &Structure,
    id: PartId,
    extended: bool,
) -> Body<'static> {
    let part = structure.part(id);
    let common = || Extension {
        disposition: part
            .disposition
            .as_ref()
            .map(|(kind, found)| (clean(kind), parameters(found))),
        language: part.language.iter().map(|tag| clean(tag)).collect(),
        location: maybe(part.location.as_deref()),
        further: Vec::new(),
    };
    if let Kind::Multipart(children) = &part.kind {
        let parts = if children.is_empty() {
            // A multipart has at least one part in this grammar: here, all that is there.
            vec![Body::Single(Box::new(text_of(part.octets(), part.lines, extended)))]
        } else {
            children.iter().map(|child| body(message, structure, *child, extended)).collect()
        };
        let extension = extended.then(|| (parameters(&part.content_type.parameters), common()));
        let subtype = clean(&part.content_type.subtype);
        return Body::Multi(Multipart { parts, subtype, extension });
    }
    let mut single = Part {
        media_type: clean(&part.content_type.kind),
        subtype: clean(&part.content_type.subtype),
        parameters: parameters(&part.content_type.parameters),
        id: maybe(part.id.as_deref()),
        description: maybe(part.description.as_deref()),
        encoding: maybe(part.encoding.as_deref()).unwrap_or(Cow::Borrowed(b"7BIT")),
        size: part.octets() as u64,
        ..Part::default()
    };
    if let Kind::Message(inner) = part.kind {
        let inside = body(message, structure, inner, extended);
        single.message = Some(Box::new((envelope(&structure.envelope(message, id)), inside)));
        single.lines = Some(part.lines as u64);
    } else if part.content_type.is_kind("text") {
        single.lines = Some(part.lines as u64);
        if !part.typed {
            // RFC 2045 section 5.2: what text without a type is.
            single.parameters = us_ascii();
        }
    } else if part.content_type.is_kind("multipart")
        || part.content_type.is("message", "rfc822")
        || part.content_type.is("message", "global")
    {
        // Nested too deeply to be looked into: what cannot be told as what it is.
        single.media_type = Cow::Borrowed(b"APPLICATION");
        single.subtype = Cow::Borrowed(b"OCTET-STREAM");
    }
    single.extension =
        extended.then(|| PartExtension { md5: maybe(part.md5.as_deref()), common: common() });
    Body::Single(Box::new(single))
}

fn us_ascii() -> Parameters<'static> {
    vec![(Cow::Borrowed(b"CHARSET"), Cow::Borrowed(b"US-ASCII"))]
}

fn text_of(octets: usize, lines: usize, extended: bool) -> Part<'static> {
    Part {
        media_type: Cow::Borrowed(b"TEXT"),
        subtype: Cow::Borrowed(b"PLAIN"),
        parameters: us_ascii(),
        encoding: Cow::Borrowed(b"7BIT"),
        size: octets as u64,
        lines: Some(lines as u64),
        extension: extended.then(PartExtension::default),
        ..Part::default()
    }
}
