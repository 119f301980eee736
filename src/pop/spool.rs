//! A POP3 maildrop as a [`Spool`]: messages named by their unique-ids.
//!
//! RFC 1939 section 7 (UIDL). Message-numbers never leave this file: they end with the session.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::pop::client::{Client, Wanted};
use crate::store::{Deleted, Error, Id, Listed, Meta, Result, Sink, Spool, What};

/// The maildrop of one session.
pub struct Maildrop {
    client: Client,
    /// Number and octets of each message by its name; `None` before the first listing.
    messages: Option<HashMap<Id, (u32, u64)>>,
}

impl Maildrop {
    /// Takes a session in the transaction state.
    pub fn new(client: Client) -> Self {
        Self { client, messages: None }
    }

    /// The session.
    pub fn client(&self) -> &Client {
        &self.client
    }

    async fn numbers(&mut self) -> Result<&HashMap<Id, (u32, u64)>> {
        if self.messages.is_none() {
            self.list().await?;
        }
        Ok(self.messages.get_or_insert_default())
    }
}

#[async_trait(?Send)]
impl Spool for Maildrop {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let all = self.client.list().await?;
        let mut messages = HashMap::with_capacity(all.len());
        let mut listed = Vec::with_capacity(all.len());
        for (number, octets, id) in all {
            let Some(id) = id else {
                let store = "a POP3 server without UIDL";
                return Err(Error::Unsupported { store, operation: "name its messages" });
            };
            let id = Id(match String::from_utf8(id) {
                Ok(id) => id,
                Err(odd) => odd.into_bytes().escape_ascii().to_string(),
            });
            // RFC 1939 section 7 lets only copies of one message share their name. Some servers
            // give it to others too: so that none is lost, a later one's name has its number.
            let id = match messages.contains_key(&id) {
                true => Id(format!("{id};{number}")),
                false => id,
            };
            messages.insert(id.clone(), (number, octets));
            listed.push(Listed { id, size: Some(octets), flags: None });
        }
        self.messages = Some(messages);
        Ok(listed)
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        let has_top = self.client.capabilities().top;
        let cut = match what {
            What::Whole => None,
            What::Headers => Some(Cut::Header),
            What::HeaderFields(names) => Some(Cut::Fields(names)),
            What::Partial { section, offset, octets } if section.is_empty() => {
                Some(Cut::Range(*offset, *octets))
            }
            What::Section(_) | What::Partial { .. } => {
                let operation = "give one section of a message";
                return Err(Error::Unsupported { store: "a POP3 server", operation });
            }
        };
        let is_header = matches!(what, What::Headers | What::HeaderFields(_));
        let lines = (is_header && has_top).then_some(0);
        let numbers = self.numbers().await?;
        let wanted: Vec<Wanted> = ids
            .iter()
            .filter_map(|id| {
                let (number, _) = *numbers.get(id)?;
                // The size of a listing is a hint only, and what travels has CRLF and dots gone.
                let meta = Meta { id: id.clone(), size: None, flags: None, received: None };
                Some(Wanted { number, lines, meta })
            })
            .collect();
        match cut {
            None => self.client.retrieve(&wanted, sink).await?,
            Some(cut) => {
                let mut cutter = Cutter { sink, cut, at: 0, held: Vec::new(), is_over: false };
                self.client.retrieve(&wanted, &mut cutter).await?;
            }
        }
        Ok(())
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        let known = self.numbers().await?;
        let numbers: Vec<u32> =
            ids.iter().filter_map(|id| known.get(id)).map(|(number, _)| *number).collect();
        self.client.delete(&numbers).await?;
        Ok(Deleted::AtFinish)
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(self.client.quit().await?)
    }
}

/// What of a message is passed on.
enum Cut<'a> {
    /// Up to the first empty line.
    Header,
    /// Of that, only these fields.
    Fields(&'a [String]),
    /// Octets from the first number on, at most the second.
    Range(u64, Option<u64>),
}

/// Passes on a part of each message: a server without TOP sends all of it.
struct Cutter<'a> {
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

impl Cutter<'_> {
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
