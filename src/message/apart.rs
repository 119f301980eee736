//! The texts of a message that does not lie here: what each part with text in it is, and what
//! the octets say that came of it alone. It gives what [`super::facts::Facts::texts`] gives of the
//! whole message.

use std::ops::ControlFlow;

use super::documents::Kind;
use super::facts::Texts;
use super::pieces::{self, Piece};
use super::transfer::{self, Encoding};

/// What stands in octets that came by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The header block of a message inside the message.
    Header,
    /// The body of a text part.
    Text {
        /// How it is encoded.
        encoding: Encoding,
        /// The charset that it names; empty when it names none.
        charset: String,
        /// Whether it is HTML.
        html: bool,
    },
    /// The body of a part that holds text in a format of its own.
    Document {
        /// How it is encoded.
        encoding: Encoding,
        /// The format.
        kind: Kind,
    },
    /// A whole message inside the message, which the server has not looked into.
    Message {
        /// How it is encoded.
        encoding: Encoding,
    },
}

/// The texts of parts, in the order in which they are given: each what it is, and its octets as
/// they stand in the message. Documents count where `with_documents` says so.
pub fn texts<'a>(
    parts: impl IntoIterator<Item = (&'a Held, &'a [u8])>,
    with_documents: bool,
) -> Vec<String> {
    let mut texts = Texts::new(with_documents);
    for (held, octets) in parts {
        if of_part(held, octets, &mut texts).is_break() {
            break;
        }
    }
    texts.found
}

fn of_part(held: &Held, octets: &[u8], texts: &mut Texts) -> ControlFlow<()> {
    match held {
        Held::Header => texts.take(Piece::Header(octets)),
        Held::Text { encoding, charset, html } => {
            let octets = &transfer::decode(*encoding, octets);
            texts.take(Piece::Text { octets, charset, html: *html })
        }
        Held::Document { encoding, kind } => {
            let octets = &transfer::decode(*encoding, octets);
            texts.take(Piece::Document { octets, kind: *kind })
        }
        Held::Message { encoding } => {
            let octets = transfer::decode(*encoding, octets);
            pieces::walk_inside(&octets, &mut |piece| texts.take(piece))
        }
    }
}
