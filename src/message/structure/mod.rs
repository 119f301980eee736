//! The MIME tree of a message with the place of every part (RFC 2045, RFC 2046), as IMAP's
//! BODYSTRUCTURE and BODY\[section\] need it (RFC 9051 sections 6.4.5 and 7.5.2).
//!
//! Offsets are into the message as it was given, so a section is exactly the octets that
//! stand there. Any octets have a structure; broken messages get the one that a reader
//! would most likely see. Depth and number of parts are bounded, time is linear.
//! Nothing is decoded here: see [`crate::message::facts`].

pub mod content;
mod envelope;
mod parse;
mod section;

use std::ops::Range;

pub use content::{ContentType, Parameter};
pub use envelope::Envelope;
pub use parse::{outline, parse};
pub use section::{NoSection, Section, Selection};

/// The most parts that one message is taken to have; boundaries after that are text.
pub const PARTS: usize = 10_000;

/// The number of a part in [`Structure::parts`].
pub type PartId = usize;

/// The tree, the message itself first, every part before its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    parts: Vec<Part>,
}

/// What is inside a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text, an image, anything that has no parts. Also a multipart or a message that is
    /// nested too deeply to be looked into.
    Leaf,
    /// A multipart with its parts in order; none when its boundary never comes.
    Multipart(Vec<PartId>),
    /// A `message/rfc822` or `message/global` with the message in it.
    Message(PartId),
}

/// One part, or a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The part that this one is in; `None` for the outermost message.
    pub parent: Option<PartId>,
    /// The header with its blank line: MIME fields of a part, all fields of a message.
    pub header: Range<usize>,
    /// The body in its transfer encoding, without the line end that belongs to the
    /// boundary after it.
    pub body: Range<usize>,
    /// Lines in the body: the line feeds in it.
    pub lines: usize,
    /// What is inside.
    pub kind: Kind,
    /// The media type; where none is given, `text/plain`, or `message/rfc822` in a
    /// `multipart/digest` (RFC 2046 section 5.1.5).
    pub content_type: ContentType,
    /// Whether the type was written in the header, and not taken by default.
    pub typed: bool,
    /// Content-Disposition and its parameters.
    pub disposition: Option<(Vec<u8>, Vec<Parameter>)>,
    /// Content-ID as written, with its angle brackets.
    pub id: Option<Vec<u8>>,
    /// Content-Description as written, unfolded.
    pub description: Option<Vec<u8>>,
    /// Content-Transfer-Encoding as written, without comments; `None` means 7bit.
    pub encoding: Option<Vec<u8>>,
    /// Content-MD5 as written.
    pub md5: Option<Vec<u8>>,
    /// The tags of Content-Language; empty when there is none.
    pub language: Vec<Vec<u8>>,
    /// Content-Location as written, unfolded.
    pub location: Option<Vec<u8>>,
}

impl Part {
    /// The size of the body in octets, still in its transfer encoding.
    pub fn octets(&self) -> usize {
        self.body.len()
    }

    /// The file name that the part gives itself, decoded: `filename` of the disposition,
    /// else `name` of the type.
    pub fn file_name(&self) -> Option<String> {
        self.disposition
            .as_ref()
            .and_then(|(_, parameters)| content::parameter(parameters, "filename"))
            .or_else(|| self.content_type.parameter("name"))
            .filter(|name| !name.is_empty())
    }

    /// Whether the disposition is `attachment`.
    pub fn is_attachment(&self) -> bool {
        self.disposition.as_ref().is_some_and(|(kind, _)| kind.eq_ignore_ascii_case(b"attachment"))
    }
}

impl Structure {
    /// All parts: the outermost message is number 0, every part comes before its children.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The outermost message.
    pub fn root(&self) -> &Part {
        &self.parts[0]
    }

    /// The part of this number, which must come from this structure.
    pub fn part(&self, id: PartId) -> &Part {
        &self.parts[id]
    }

    /// The part that IMAP addresses by these numbers, as 1.2.3; no numbers mean the
    /// message itself. `None` when there is no such part.
    pub fn find(&self, path: &[u32]) -> Option<PartId> {
        let mut at = 0;
        for (depth, number) in path.iter().enumerate() {
            // Past the first number, a message/rfc822 stands for the message in it.
            if depth > 0
                && let Kind::Message(inner) = self.parts[at].kind
            {
                at = inner;
            }
            match &self.parts[at].kind {
                Kind::Multipart(children) if !children.is_empty() => {
                    let index = usize::try_from(number.checked_sub(1)?).ok()?;
                    at = *children.get(index)?;
                }
                // "1" of a message that is no multipart is its body (RFC 9051 section
                // 6.4.5); a part that is no message has no parts.
                kind if *number == 1 && self.is_message(at) => {
                    let goes_on = depth + 1 < path.len();
                    if goes_on && !matches!(kind, Kind::Message(_)) {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        Some(at)
    }

    /// The numbers by which IMAP addresses the part; empty for the outermost message when
    /// it is a multipart, `[1]` when it is not. A multipart message inside a message/rfc822
    /// has no numbers but those of the part that holds it.
    pub fn path(&self, id: PartId) -> Vec<u32> {
        let mut path = Vec::new();
        let mut at = id;
        loop {
            let part = &self.parts[at];
            let single = !matches!(&part.kind, Kind::Multipart(parts) if !parts.is_empty());
            if single && self.is_message(at) {
                path.push(1);
            }
            let Some(parent) = part.parent else { break };
            if let Kind::Multipart(children) = &self.parts[parent].kind {
                let index = children.binary_search(&at).unwrap_or_default();
                path.push(u32::try_from(index + 1).unwrap_or(u32::MAX));
            }
            at = parent;
        }
        path.reverse();
        path
    }

    /// Whether the part is a message: the outermost one, or one inside a message/rfc822.
    pub fn is_message(&self, id: PartId) -> bool {
        match self.parts[id].parent {
            None => true,
            Some(parent) => matches!(self.parts[parent].kind, Kind::Message(_)),
        }
    }

    /// The envelope structure of the message in a message/rfc822 part, or of the outermost
    /// message for number 0.
    pub fn envelope(&self, message: &[u8], id: PartId) -> Envelope {
        let inner = match self.parts[id].kind {
            Kind::Message(inner) => inner,
            _ => id,
        };
        Envelope::from_header(&message[self.parts[inner].header.clone()])
    }
}

#[cfg(test)]
mod tests;
