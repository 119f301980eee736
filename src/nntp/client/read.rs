//! Groups, their listings, and articles, with many commands in flight.
//!
//! RFC 3977 sections 6 to 8: every server takes pipelined commands (section 3.5). Articles
//! stream to the sink while they come: nothing grows with the size of an article or a group.

use std::collections::VecDeque;

use super::{Client, Error, Stage};
use crate::base::decode::Malformed;
use crate::base::dot::Decoder;
use crate::nntp::syntax::command::{Command, List, Part};
use crate::nntp::syntax::listing::Active;
use crate::nntp::syntax::overview::{self, Overview};
use crate::nntp::syntax::range::{Article, Articles, Range};
use crate::nntp::syntax::reply::Group;
use crate::nntp::syntax::wildmat::Wildmat;
use crate::store::{Meta, Sink};

/// Commands sent ahead of their answers: some 10 KB, which wait in the sockets' buffers when a
/// server reads no further.
const AHEAD: usize = 512;

/// An article to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub article: Article,
    /// Only its header, which reaches the sink with the empty line behind it.
    pub is_header: bool,
    /// What the sink is told of it.
    pub meta: Meta,
}

impl Client {
    /// GROUP: selects a group, and says how it stands.
    ///
    /// # Errors
    /// [`Error::NoGroup`], and the connection's errors.
    pub async fn group(&mut self, name: &str) -> Result<Group, Error> {
        let command = Command::Group(name.to_owned());
        match self.ask(&command, Stage::Group, &[211]).await {
            Ok(reply) => reply.group().ok_or_else(|| {
                self.is_broken = true;
                let malformed = Malformed { offset: 4, expected: "three numbers" };
                let octets = reply.to_string();
                Error::Protocol { stage: Stage::Group, malformed, octets }
            }),
            Err(Error::Refused { reply, .. }) if reply.code == 411 => {
                Err(Error::NoGroup { name: name.to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// LISTGROUP: the numbers of the articles in a group, or of those in a range of it, in the
    /// server's order. It selects the group.
    ///
    /// # Errors
    /// [`Error::NoGroup`], and the connection's errors; [`Error::Refused`] with 5xx from a
    /// server that has no LISTGROUP.
    pub async fn numbers(&mut self, name: &str, range: Option<Range>) -> Result<Vec<u64>, Error> {
        let command = Command::ListGroup(Some((name.to_owned(), range)));
        match self.ask(&command, Stage::Group, &[211]).await {
            Ok(_) => {}
            Err(Error::Refused { reply, .. }) if reply.code == 411 => {
                return Err(Error::NoGroup { name: name.to_owned() });
            }
            Err(error) => return Err(error),
        }
        let mut numbers = Vec::new();
        let mut odd: Option<Vec<u8>> = None;
        self.lines(Stage::Group, |line| {
            let text = std::str::from_utf8(line.trim_ascii()).ok();
            match text.and_then(crate::nntp::syntax::range::number) {
                Some(number) => numbers.push(number),
                None => odd = odd.take().or_else(|| Some(line.to_vec())),
            }
        })
        .await?;
        match odd {
            // What is left of such a listing would be a guess.
            Some(line) => Err(self.odd_line(Stage::Group, "an article number", &line)),
            None => Ok(numbers),
        }
    }

    fn odd_line(&mut self, stage: Stage, expected: &'static str, line: &[u8]) -> Error {
        self.is_broken = true;
        Error::Protocol {
            stage,
            malformed: Malformed { offset: 0, expected },
            octets: line[..line.len().min(64)].escape_ascii().to_string(),
        }
    }

    /// Groups with their numbers; with LIST COUNTS, where the server has it, also how many
    /// articles they hold.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors. Lines that are none are passed over.
    pub async fn groups(&mut self, wanted: Option<&Wildmat>) -> Result<Vec<Active>, Error> {
        let counted = self.capabilities().lists("COUNTS");
        let list = match counted {
            true => List::Counts(wanted.cloned()),
            false => List::Active(wanted.cloned()),
        };
        self.ask(&Command::List(list), Stage::List, &[215]).await?;
        let mut groups = Vec::new();
        self.lines(Stage::List, |line| groups.extend(Active::parse(line, counted))).await?;
        Ok(groups)
    }

    /// LIST OVERVIEW.FMT: the fields of [`Client::over`], in their order; the seven that always
    /// come where the server does not tell.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn overview_format(&mut self) -> Result<Vec<String>, Error> {
        let usual = || overview::FIRST.map(str::to_owned).to_vec();
        match self.ask(&Command::List(List::OverviewFmt), Stage::List, &[215]).await {
            Ok(_) => {}
            Err(Error::Refused { reply, .. }) if reply.code >= 500 => return Ok(usual()),
            Err(error) => return Err(error),
        }
        let mut names = Vec::new();
        self.lines(Stage::List, |line| names.extend(overview::format_name(line))).await?;
        // RFC 3977 section 8.4.2: the first seven are the same everywhere, whatever they are
        // called (`Bytes:` on older servers).
        let rest = names.into_iter().skip(overview::FIRST.len());
        Ok(usual().into_iter().chain(rest).collect())
    }

    /// OVER for ranges of the selected group, XOVER where the server has no OVER; `each` gets
    /// every article that is there. `false`: the server has neither.
    ///
    /// # Errors
    /// The connection's errors. Lines that are none are passed over.
    pub async fn over(
        &mut self,
        ranges: &[Range],
        mut each: impl FnMut(Overview),
    ) -> Result<bool, Error> {
        let is_old = self.capabilities().over.is_none();
        for ranges in ranges.chunks(AHEAD) {
            for range in ranges {
                let articles = Articles::Range(*range);
                self.queue(&match is_old {
                    true => Command::Xover(articles),
                    false => Command::Over(articles),
                })?;
            }
            let mut has_it = true;
            for _ in ranges {
                match self.expect(Stage::Over, &[224]).await {
                    Ok(_) => {
                        let take = |line: &[u8]| {
                            if let Some(overview) = Overview::parse(line) {
                                each(overview);
                            }
                        };
                        self.lines(Stage::Over, take).await?;
                    }
                    Err(Error::Refused { reply, .. }) if matches!(reply.code, 420 | 423) => {}
                    Err(Error::Refused { reply, .. }) if matches!(reply.code, 500 | 501 | 503) => {
                        has_it = false;
                    }
                    Err(error) => {
                        self.is_broken = true;
                        return Err(error);
                    }
                }
            }
            if !has_it {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads articles, in their order, into `sink`. One that the server no longer has is left
    /// out. Those by number are of the selected group.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Caller`], and the connection's errors. After any of them the
    /// session is of no use but to be dropped.
    pub async fn retrieve(&mut self, wanted: &[Wanted], sink: &mut dyn Sink) -> Result<(), Error> {
        let mut next = wanted.iter();
        let mut asked = VecDeque::new();
        let mut scratch = Vec::new();
        loop {
            // Commands are topped up by the half window, so that they share packets.
            if asked.len() <= AHEAD / 2 {
                for article in next.by_ref().take(AHEAD - asked.len()) {
                    let part = if article.is_header { Part::Head } else { Part::Article };
                    self.queue(&Command::Article(part, article.article.clone()))?;
                    asked.push_back((article, part));
                }
            }
            let Some((article, part)) = asked.pop_front() else { return Ok(()) };
            let done = self.one(article, part, sink, &mut scratch).await;
            if done.is_err() {
                // Answers are on their way that nobody will read.
                self.is_broken = true;
                return done;
            }
        }
    }

    async fn one(
        &mut self,
        wanted: &Wanted,
        part: Part,
        sink: &mut dyn Sink,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match self.expect(Stage::Article, &[part.code()]).await {
            Ok(_) => {}
            // Neither number nor message-id is there, or no longer.
            Err(Error::Refused { reply, .. }) if matches!(reply.code, 420 | 423 | 430) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        sink.begin(&wanted.meta).await.map_err(Error::Caller)?;
        let mut decoder = Decoder::new();
        loop {
            scratch.clear();
            let pushed = decoder.push(self.wire.buffered(), scratch);
            self.wire.consume_body(pushed.used);
            if pushed.is_done && wanted.is_header {
                scratch.extend_from_slice(b"\r\n");
            }
            if !scratch.is_empty() {
                sink.chunk(scratch).await.map_err(Error::Caller)?;
            }
            if pushed.is_done {
                return sink.end(&wanted.meta).await.map_err(Error::Caller);
            }
            self.fill(Stage::Article).await?;
        }
    }
}
