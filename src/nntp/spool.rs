//! A newsgroup as a [`Spool`]: articles named by their numbers, or by their message-ids in angle
//! brackets, which need no group.
//!
//! RFC 3977. Nothing can be deleted from a newsgroup. Header fields that the server's overview
//! has are taken from there: one command for many articles instead of one each.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::nntp::client::{Client, Wanted};
use crate::nntp::syntax::overview::{self, Overview};
use crate::nntp::syntax::range::{Article, Range, number};
use crate::nntp::syntax::wildmat::Wildmat;
use crate::store::cutter::{Cut, Cutter};
use crate::store::{Deleted, Error, Folder, Id, Listed, Meta, Result, Sink, Spool, Status, What};

/// Numbers up to so many apart share one OVER: what lies between is not worth a command.
const GAP: u64 = 16;

/// One group of a news server, or none: then articles are read by their message-ids.
pub struct Newsgroup {
    client: Client,
    name: Option<String>,
    /// It is the client's selected group.
    is_selected: bool,
    /// What LIST OVERVIEW.FMT says; `None` before it was asked.
    format: Option<Vec<String>>,
    /// The server has OVER or XOVER, as far as is known.
    has_over: bool,
}

impl Newsgroup {
    /// Takes a session.
    pub fn new(client: Client, name: Option<String>) -> Self {
        Self { client, name, is_selected: false, format: None, has_over: true }
    }

    /// The session.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Means this group from now on.
    pub fn enter(&mut self, name: &str) {
        self.name = Some(name.to_owned());
        self.is_selected = false;
    }

    /// The groups of the server that a wildmat names, or all.
    ///
    /// # Errors
    /// The client's.
    pub async fn groups(&mut self, wanted: Option<&Wildmat>) -> Result<Vec<Folder>> {
        let groups = self.client.groups(wanted).await?;
        Ok(groups
            .into_iter()
            .map(|group| Folder {
                name: group.name,
                selectable: true,
                status: group.count.map(|messages| Status { messages, ..Status::default() }),
                ..Folder::default()
            })
            .collect())
    }

    /// The last `count` articles, without asking for those before them.
    ///
    /// # Errors
    /// As [`Spool::list`].
    pub async fn list_last(&mut self, count: usize) -> Result<Vec<Listed>> {
        let name = self.wanted_group()?;
        let group = self.client.group(&name).await?;
        self.is_selected = true;
        let count = count as u64;
        let mut window = count;
        loop {
            let from = group.high.saturating_sub(window.saturating_sub(1)).max(group.low);
            if group.high < group.low || count == 0 {
                return Ok(Vec::new());
            }
            let mut listed = self.listed(&name, Some(Range::From(from))).await?;
            if listed.len() as u64 >= count || from <= group.low {
                listed.drain(
                    ..listed.len() - listed.len().min(usize::try_from(count).unwrap_or(usize::MAX)),
                );
                return Ok(listed);
            }
            // Numbers have holes: the more of them, the further it goes back.
            window = window.saturating_mul(4).max(256);
        }
    }

    fn wanted_group(&self) -> Result<String> {
        self.name.clone().ok_or(Error::Unsupported {
            store: "a news server as a whole",
            operation: "be listed as messages: name one of its newsgroups",
        })
    }

    async fn listed(&mut self, name: &str, range: Option<Range>) -> Result<Vec<Listed>> {
        let mut numbers = self.client.numbers(name, range).await?;
        self.is_selected = true;
        if let Some(range) = range {
            // Old servers pass over the range.
            numbers.retain(|number| range.contains(*number));
        }
        numbers.sort_unstable();
        numbers.dedup();
        let listed =
            |number: u64| Listed { id: Id::new(number.to_string()), size: None, flags: None };
        Ok(numbers.into_iter().map(listed).collect())
    }

    async fn select(&mut self) -> Result<()> {
        if !self.is_selected {
            let name = self.wanted_group()?;
            self.client.group(&name).await?;
            self.is_selected = true;
        }
        Ok(())
    }

    /// Where in an overview each of these fields is; `None` where one is not in it.
    async fn in_overview(&mut self, names: &[String]) -> Result<Option<Vec<usize>>> {
        let is_first = |name: &String| {
            !name.starts_with(':')
                && overview::FIRST.iter().any(|first| first.eq_ignore_ascii_case(name))
        };
        if !self.has_over || !names.iter().all(is_first) {
            return Ok(None);
        }
        if self.format.is_none() {
            self.format = Some(self.client.overview_format().await?);
        }
        let format = self.format.as_deref().unwrap_or_default();
        let place =
            |name: &String| format.iter().position(|field| field.eq_ignore_ascii_case(name));
        Ok(names.iter().map(place).collect())
    }

    /// Gives header fields out of the overview; `false`: the server has none, and nothing was
    /// given.
    async fn read_overview(
        &mut self,
        numbers: &[u64],
        names: &[String],
        places: &[usize],
        sink: &mut dyn Sink,
    ) -> Result<bool> {
        let mut found: HashMap<u64, Overview> = HashMap::with_capacity(numbers.len());
        let ranges = ranges(numbers);
        let keep = |overview: Overview| {
            found.insert(overview.number, overview);
        };
        if !self.client.over(&ranges, keep).await? {
            return Ok(false);
        }
        for number in numbers {
            let Some(overview) = found.get(number) else { continue };
            let meta =
                Meta { id: Id::new(number.to_string()), size: None, flags: None, received: None };
            let mut octets = Vec::new();
            for (name, place) in names.iter().zip(places) {
                let value = overview.fields.get(*place).map_or(&[][..], Vec::as_slice);
                if !value.is_empty() {
                    // As the RFCs spell it, whatever the caller does.
                    let mut usual = overview::FIRST.iter();
                    let name = usual.find(|first| first.eq_ignore_ascii_case(name));
                    octets.extend_from_slice(name.copied().unwrap_or_default().as_bytes());
                    octets.extend_from_slice(b": ");
                    octets.extend_from_slice(value);
                    octets.extend_from_slice(b"\r\n");
                }
            }
            octets.extend_from_slice(b"\r\n");
            sink.begin(&meta).await?;
            sink.chunk(&octets).await?;
            sink.end(&meta).await?;
        }
        Ok(true)
    }
}

#[async_trait(?Send)]
impl Spool for Newsgroup {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let name = self.wanted_group()?;
        self.listed(&name, None).await
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        let cut = Cut::of(what).ok_or(Error::Unsupported {
            store: "a news server",
            operation: "give one section of an article",
        })?;
        let numbers: Vec<u64> = ids.iter().filter_map(|id| number(&id.0)).collect();
        if !numbers.is_empty() {
            self.select().await?;
        }
        if let What::HeaderFields(names) = what
            && numbers.len() == ids.len()
            && let Some(places) = self.in_overview(names).await?
        {
            if self.read_overview(&numbers, names, &places, sink).await? {
                return Ok(());
            }
            self.has_over = false;
        }
        let is_header = matches!(what, What::Headers | What::HeaderFields(_));
        let wanted: Vec<Wanted> = ids
            .iter()
            .filter_map(|id| {
                let article = Article::parse(&id.0).filter(|it| *it != Article::Current)?;
                let meta = Meta { id: id.clone(), size: None, flags: None, received: None };
                Some(Wanted { article, is_header, meta })
            })
            .collect();
        match cut {
            None | Some(Cut::Header) => self.client.retrieve(&wanted, sink).await?,
            Some(cut) => self.client.retrieve(&wanted, &mut Cutter::new(sink, cut)).await?,
        }
        Ok(())
    }

    async fn delete(&mut self, _: &[Id]) -> Result<Deleted> {
        Err(Error::Unsupported { store: "a newsgroup", operation: "lose articles to a reader" })
    }

    async fn finish(&mut self) -> Result<()> {
        self.client.quit().await;
        Ok(())
    }
}

/// Numbers, in any order, as ranges that hold them all and little more.
fn ranges(numbers: &[u64]) -> Vec<Range> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in sorted {
        match ranges.last_mut() {
            Some((_, last)) if number.saturating_sub(*last) <= GAP => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges.into_iter().map(|(first, last)| Range::Between(first, last)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_few_ranges() {
        assert_eq!(ranges(&[7, 1, 2, 3, 40, 5]), [Range::Between(1, 7), Range::Between(40, 40)]);
        assert_eq!(ranges(&[]), []);
        assert_eq!(ranges(&[u64::MAX]), [Range::Between(u64::MAX, u64::MAX)]);
    }
}
