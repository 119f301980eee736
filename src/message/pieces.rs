//! The pieces of a message that text is looked for in, transfer encoding undone, charset not:
//! one walk for who decodes them and for who only takes a first look at their octets.
//!
//! Messages inside messages are looked into, a few deep where they are in a transfer encoding
//! themselves. What a piece says is not decided here: see [`super::facts`].

use std::ops::ControlFlow;

use super::documents::{self, Kind as DocumentKind};
use super::structure::{self, Kind, Part, Structure};
use super::transfer;

/// Messages that are themselves in a transfer encoding are looked into this deep.
const ENCODED_MESSAGES: usize = 3;

/// One place where text is.
#[derive(Debug)]
pub enum Piece<'a> {
    /// The header block of a message inside the message.
    Header(&'a [u8]),
    /// A text part.
    Text {
        /// Its octets, the transfer encoding undone.
        octets: &'a [u8],
        /// The charset that it names; empty when it names none.
        charset: &'a str,
        /// Whether it is HTML.
        html: bool,
    },
    /// A part that holds text in a format of its own.
    Document {
        /// Its octets, the transfer encoding undone.
        octets: &'a [u8],
        /// The format.
        kind: DocumentKind,
    },
}

/// Shows `visit` the pieces of a message in their order, until it has seen enough. `structure`
/// is the message's.
pub fn walk(
    message: &[u8],
    structure: &Structure,
    visit: &mut dyn FnMut(Piece<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    walk_at(message, structure, 0, visit)
}

fn walk_at(
    message: &[u8],
    structure: &Structure,
    depth: usize,
    visit: &mut dyn FnMut(Piece<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut encoded_until = 0;
    for (id, part) in structure.parts().iter().enumerate() {
        // The tree saw a transfer encoding where a message should be: the parts in it are not
        // what they seem.
        if id < encoded_until {
            continue;
        }
        if id > 0 && structure.is_message(id) {
            visit(Piece::Header(&message[part.header.clone()]))?;
        }
        match part.kind {
            Kind::Leaf if part.content_type.is_kind("text") => {
                let octets = octets(message, part);
                let charset = part.content_type.parameter("charset").unwrap_or_default();
                let html = is_html(part);
                visit(Piece::Text { octets: &octets, charset: &charset, html })?;
            }
            Kind::Leaf => {
                if let Some(kind) = documents::kind_of(part) {
                    visit(Piece::Document { octets: &octets(message, part), kind })?;
                }
            }
            Kind::Message(_)
                if encoding(part) != transfer::Encoding::Identity && depth < ENCODED_MESSAGES =>
            {
                encoded_until = subtree_end(structure, id);
                walk_message(&octets(message, part), depth + 1, visit)?;
            }
            _ => {}
        }
    }
    ControlFlow::Continue(())
}

/// The same for a message inside another one, of which it was taken out and decoded; its header
/// is a piece, too.
pub fn walk_inside(
    message: &[u8],
    visit: &mut dyn FnMut(Piece<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    walk_message(message, 1, visit)
}

fn walk_message(
    message: &[u8],
    depth: usize,
    visit: &mut dyn FnMut(Piece<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let structure = structure::outline(message);
    visit(Piece::Header(&message[structure.root().header.clone()]))?;
    walk_at(message, &structure, depth, visit)
}

/// The octets of a part's body without their transfer encoding.
pub fn octets<'m>(message: &'m [u8], part: &Part) -> std::borrow::Cow<'m, [u8]> {
    transfer::decode(encoding(part), message.get(part.body.clone()).unwrap_or_default())
}

/// Whether a part is HTML.
pub fn is_html(part: &Part) -> bool {
    part.content_type.is("text", "html") || part.content_type.is("application", "xhtml+xml")
}

fn encoding(part: &Part) -> transfer::Encoding {
    part.encoding.as_deref().map_or(transfer::Encoding::Identity, transfer::Encoding::from_value)
}

/// The first part that is not inside the part `id`: parts stand before their children.
fn subtree_end(structure: &Structure, id: usize) -> usize {
    let inside = &structure.part(id).body;
    let later = structure.parts().iter().skip(id + 1);
    id + 1
        + later
            .take_while(|part| part.body.end <= inside.end && part.header.start < inside.end)
            .count()
}
