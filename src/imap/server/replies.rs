//! Responses on their way out: encoded text, and slices of messages that are never copied
//! into it.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;

use crate::imap::syntax::encode::{Encoder, Literals};
use crate::imap::syntax::response::{Condition, Data, Response, StatusText};
use crate::net;

/// Takes responses away from a session that has many of them to give.
#[async_trait(?Send)]
pub trait Outlet {
    /// Takes all responses out of `replies`, in their order, waiting while the peer is slow.
    ///
    /// # Errors
    /// The network's; the session is of no use then.
    async fn send(&mut self, replies: &mut Replies) -> Result<(), net::Error>;

    /// Lets other connections have a turn, in the middle of long work. Nothing where there are
    /// none.
    async fn breathe(&mut self) {}
}

/// A slice of a message.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The message, or octets made of one.
    pub octets: Arc<[u8]>,
    /// Which of them.
    pub range: Range<usize>,
}

impl Slice {
    /// The octets.
    pub fn as_octets(&self) -> &[u8] {
        &self.octets[self.range.clone()]
    }
}

/// A slice, and where in the text it goes.
#[derive(Debug)]
struct Placed {
    at: usize,
    slice: Slice,
}

/// Responses in order, each with its line end.
#[derive(Debug)]
pub struct Replies {
    encoder: Encoder,
    text: Vec<u8>,
    /// Where in the text each response ends.
    ends: Vec<usize>,
    slices: Vec<Placed>,
    slices_octets: usize,
}

/// One response.
#[derive(Debug)]
pub struct Reply<'r> {
    text: &'r [u8],
    /// Offset of the text among all.
    start: usize,
    slices: &'r [Placed],
}

/// A piece of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'r> {
    /// Octets of the protocol.
    Text(&'r [u8]),
    /// Octets of a message.
    Body(&'r [u8]),
}

impl Replies {
    /// None yet. `utf8`: quoted strings may hold UTF-8.
    pub fn new(utf8: bool) -> Self {
        Self {
            encoder: Encoder::new(Literals::Server, utf8),
            text: Vec::new(),
            ends: Vec::new(),
            slices: Vec::new(),
            slices_octets: 0,
        }
    }

    /// Whether from now on quoted strings may hold UTF-8 (RFC 6855, RFC 9051 section 4.3).
    pub fn set_utf8(&mut self, utf8: bool) {
        self.encoder = Encoder::new(Literals::Server, utf8);
    }

    /// Octets that wait, slices included.
    pub fn size(&self) -> usize {
        self.text.len() + self.slices_octets
    }

    /// Adds a response.
    pub fn push(&mut self, response: &Response<'_>) {
        self.push_with(response, Vec::new());
    }

    /// Adds a response with streamed literals, whose octets are `slices` in their order.
    /// A response that cannot be said becomes an untagged NO that admits it.
    pub fn push_with(&mut self, response: &Response<'_>, slices: Vec<Slice>) {
        let start = self.text.len();
        response.encode(&mut self.encoder);
        let stops = match self.encoder.finish_into(&mut self.text) {
            Ok(stops) => stops,
            Err(refused) => {
                let text = format!("the {} cannot be said", refused.what);
                let status = StatusText {
                    condition: Condition::No,
                    code: None,
                    text: text.into_bytes().into(),
                };
                Response::Untagged(Data::Status(status)).encode(&mut self.encoder);
                // What is refused is named by a constant of the syntax room.
                self.encoder.finish_into(&mut self.text).unwrap_or_default()
            }
        };
        for (stop, slice) in stops.iter().zip(slices) {
            self.slices_octets += slice.range.len();
            self.slices.push(Placed { at: start + stop.at, slice });
        }
        self.ends.push(self.text.len());
    }

    /// Every response, in order.
    pub fn iter(&self) -> impl Iterator<Item = Reply<'_>> {
        let mut start = 0;
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let count = self.slices[from..].partition_point(|placed| placed.at < *end);
            let slices = &self.slices[from..from + count];
            let reply = Reply { text: &self.text[start..*end], start, slices };
            start = *end;
            from += count;
            reply
        })
    }

    /// Forgets all responses: they have been sent.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.slices.clear();
        self.slices_octets = 0;
    }
}

impl<'r> Reply<'r> {
    /// Whether octets of a message are in it.
    pub fn has_body(&self) -> bool {
        !self.slices.is_empty()
    }

    /// All its octets, in one piece.
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.text.len());
        for piece in self.pieces() {
            let (Piece::Text(piece) | Piece::Body(piece)) = piece;
            octets.extend_from_slice(piece);
        }
        octets
    }

    /// Its pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'r>> {
        let mut at = 0;
        let (text, start) = (self.text, self.start);
        let end = text.len();
        let inner = self.slices.iter().flat_map(move |placed| {
            let before = &text[at..placed.at - start];
            at = placed.at - start;
            [Piece::Text(before), Piece::Body(placed.slice.as_octets())]
        });
        let last = self.slices.last().map_or(0, |placed| placed.at - start);
        inner.chain(std::iter::once(Piece::Text(&text[last..end])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::syntax::Octets;
    use crate::imap::syntax::SeqNum;
    use crate::imap::syntax::fetch::{Fetch, Section, SectionData, Which};

    #[test]
    fn slices_stand_where_their_literals_are() {
        let mut replies = Replies::new(false);
        replies.push(&Response::Untagged(Data::Exists(3)));
        let data = |len| SectionData {
            which: Which::Section(Section::default()),
            origin: None,
            data: Some(Octets::Streamed { len }),
            literal8: false,
        };
        let fetch = Fetch { seq: SeqNum(1), sections: vec![data(3), data(2)], ..Fetch::default() };
        let octets: Arc<[u8]> = b"0abcd9".as_slice().into();
        let slices = vec![
            Slice { octets: octets.clone(), range: 1..4 },
            Slice { octets: octets.clone(), range: 4..6 },
        ];
        replies.push_with(&Response::Untagged(Data::Fetch(fetch)), slices);
        replies.push(&Response::Untagged(Data::Recent(0)));
        let all: Vec<String> = replies
            .iter()
            .map(|reply| String::from_utf8(reply.to_octets()).expect("ASCII"))
            .collect();
        assert_eq!(
            all,
            [
                "* 3 EXISTS\r\n",
                "* 1 FETCH (BODY[] {3}\r\nabc BODY[] {2}\r\nd9)\r\n",
                "* 0 RECENT\r\n"
            ]
        );
    }

    #[test]
    fn what_cannot_be_said_is_admitted() {
        let mut replies = Replies::new(false);
        let name = crate::imap::syntax::mailbox::Mailbox(b"a\r\nb".as_slice().into());
        replies.push(&Response::Untagged(Data::MailboxStatus(
            crate::imap::syntax::mailbox::Status::new(name),
        )));
        let first = replies.iter().next().expect("one response");
        assert_eq!(first.text, b"* NO the mailbox cannot be said\r\n");
    }
}
