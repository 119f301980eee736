//! Cuts messages on their way, for servers that can send no less than a whole one: POP3 without
//! TOP, NNTP.
//!
//! Nothing but a header is ever held.

use async_trait::async_trait;

use super::{Meta, Result, Sink, What};

/// What of a message is passed on.
#[derive(Debug, Clone, Copy)]
pub enum Cut<'a> {
    /// Up to the first empty line.
    Header,
    /// Of that, only these fields.
    Fields(&'a [String]),
    /// Octets from the first number on, at most the second.
    Range(u64, Option<u64>),
}

/// Passes on a part of each message.
pub struct Cutter<'a> {
    sink: &'a mut dyn Sink,
    cut: Cut<'a>,
    /// Octets of the message seen.
    at: u64,
    /// The header so far, while it is held back.
    held: Vec<u8>,
    /// Nothing more of this message is wanted.
    is_over: bool,
}

/// Longest header that is held to be cut, in octets; what is longer is passed on up to there.
const HEADER_OCTETS: usize = 1024 * 1024;

impl<'a> Cut<'a> {
    /// How `what` is cut out of whole messages, or for the header out of whole headers: `None`
    /// for a section, which takes more than cutting; `Some(None)` for all of it.
    pub fn of(what: &'a What) -> Option<Option<Self>> {
        match what {
            What::Whole => Some(None),
            What::Headers => Some(Some(Cut::Header)),
            What::HeaderFields(names) => Some(Some(Cut::Fields(names))),
            What::Partial { section, offset, octets } if section.is_empty() => {
                Some(Some(Cut::Range(*offset, *octets)))
            }
            What::Section(_) | What::Partial { .. } => None,
        }
    }
}

impl<'a> Cutter<'a> {
    /// In front of `sink`.
    pub fn new(sink: &'a mut dyn Sink, cut: Cut<'a>) -> Self {
        Self { sink, cut, at: 0, held: Vec::new(), is_over: false }
    }

    /// Passes on the header that was held, which ends at `end`.
    async fn give_header(&mut self, end: usize) -> Result<()> {
        self.is_over = true;
        let header = std::mem::take(&mut self.held);
        let header = &header[..end];
        match self.cut {
            Cut::Fields(names) => {
                let mut chosen = fields(header, names);
                chosen.extend_from_slice(b"\r\n");
                self.sink.chunk(&chosen).await
            }
            Cut::Header | Cut::Range(..) => self.sink.chunk(header).await,
        }
    }
}

#[async_trait(?Send)]
impl Sink for Cutter<'_> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        (self.at, self.is_over) = (0, false);
        self.held.clear();
        self.sink.begin(message).await
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        if self.is_over {
            return Ok(());
        }
        if let Cut::Range(from, count) = self.cut {
            let start = self.at;
            self.at += octets.len() as u64;
            let end = count.map_or(u64::MAX, |count| from.saturating_add(count));
            self.is_over = self.at >= end;
            let first = from.saturating_sub(start).min(octets.len() as u64) as usize;
            let last = end.saturating_sub(start).min(octets.len() as u64) as usize;
            return match octets.get(first..last) {
                Some(part) if !part.is_empty() => self.sink.chunk(part).await,
                _ => Ok(()),
            };
        }
        let seen = self.held.len().saturating_sub(3);
        self.held.extend_from_slice(octets);
        if self.held.starts_with(b"\r\n") {
            return self.give_header(2).await;
        }
        match memchr::memmem::find(&self.held[seen..], b"\r\n\r\n") {
            Some(found) => self.give_header(seen + found + 4).await,
            None if self.held.len() > HEADER_OCTETS => self.give_header(self.held.len()).await,
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        if !self.is_over && !matches!(self.cut, Cut::Range(..)) {
            self.give_header(self.held.len()).await?;
        }
        self.sink.end(message).await
    }
}

/// The fields of a header block with these names, folded lines included, as they stand.
fn fields(header: &[u8], names: &[String]) -> Vec<u8> {
    let mut chosen = Vec::new();
    let mut is_wanted = false;
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let name =
                line.split(|octet| *octet == b':').next().unwrap_or_default().trim_ascii_end();
            is_wanted = names.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name));
        }
        if is_wanted {
            chosen.extend_from_slice(line);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_chosen_with_their_folds() {
        let header = b"From: a\r\nSubject: b\r\n c\r\nX: d\r\nfrom : e\r\n\r\n";
        let names = ["FROM".to_owned(), "subject".to_owned()];
        assert_eq!(fields(header, &names), b"From: a\r\nSubject: b\r\n c\r\nfrom : e\r\n");
        assert_eq!(fields(header, &[]), b"");
    }
}
