//! Listing, reading and deleting, with many commands in flight.
//!
//! RFC 1939 sections 5 and 7; PIPELINING by RFC 2449 section 6.6. Bodies stream to the sink
//! while they come: nothing grows with the size of a message or of the maildrop.

use std::collections::{HashMap, VecDeque};

use super::{Client, Error, Stage};
use crate::base::dot::Decoder;
use crate::pop::syntax::command::Command;
use crate::pop::syntax::reply::{Reply, numbers, unique_id};
use crate::store::{Meta, Sink};

/// Commands sent ahead of their answers: at 40 ms and 30 KB a message that keeps 750 MB/s busy.
/// They are some 10 KB, which wait in the sockets' buffers when a server reads no further
/// (Dovecot stops at 2 KB); nothing waits for them to be written.
const AHEAD: usize = 1024;

/// A message to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its message-number in this session.
    pub number: u32,
    /// Only the header and that many lines of the body (TOP); `None`: all of it (RETR).
    pub lines: Option<u32>,
    /// What the sink is told of it.
    pub meta: Meta,
}

impl Client {
    /// STAT: how many messages there are, and their octets.
    ///
    /// # Errors
    /// [`Error::Protocol`] for an answer without two numbers, and the connection's errors.
    pub async fn stat(&mut self) -> Result<(u32, u64), Error> {
        let text = self.ask(&Command::Stat, Stage::List).await?;
        let expected = "number of messages and octets";
        text.numbers().ok_or_else(|| Error::Protocol {
            stage: Stage::List,
            malformed: crate::base::decode::Malformed { offset: 4, expected },
            octets: text.to_string(),
        })
    }

    /// LIST and UIDL in one flight: number, size and unique-id of every message, in the
    /// server's order. Ids are `None` where the server has no UIDL.
    ///
    /// # Errors
    /// [`Error::Refused`] for LIST, and the connection's errors.
    pub async fn list(&mut self) -> Result<Vec<(u32, u64, Option<Vec<u8>>)>, Error> {
        let is_pipelined = self.pipelines();
        self.queue(&Command::List(None))?;
        if is_pipelined {
            self.queue(&Command::Uidl(None))?;
        }
        self.ok(Stage::List).await?;
        let mut all = Vec::new();
        let mut odd: Option<Vec<u8>> = None;
        self.lines(Stage::List, |line| match numbers(line) {
            Some((number, octets)) => all.push((number, octets, None)),
            None => odd = odd.take().or_else(|| Some(line.to_vec())),
        })
        .await?;
        if let Some(line) = odd {
            return Err(self.odd_line("a message number and its size", &line));
        }
        if !is_pipelined {
            self.queue(&Command::Uidl(None))?;
        }
        match self.ok(Stage::List).await {
            Ok(_) => {}
            Err(Error::Refused { .. }) => return Ok(all),
            Err(error) => return Err(error),
        }
        // Both lists come in the same order from every server, but nothing says that they must.
        let (mut at, mut places) = (0, None::<HashMap<u32, usize>>);
        self.lines(Stage::List, |line| {
            let Some((number, id)) = unique_id(line) else { return };
            if all.get(at).is_none_or(|(listed, ..)| *listed != number) {
                match places.get_or_insert_with(|| places_of(&all)).get(&number) {
                    Some(found) => at = *found,
                    None => return,
                }
            }
            all[at].2 = Some(id.to_vec());
            at += 1;
        })
        .await?;
        Ok(all)
    }

    /// A line of a listing that is none: what is left of it would be a guess.
    fn odd_line(&mut self, expected: &'static str, line: &[u8]) -> Error {
        self.is_broken = true;
        Error::Protocol {
            stage: Stage::List,
            malformed: crate::base::decode::Malformed { offset: 0, expected },
            octets: line[..line.len().min(64)].escape_ascii().to_string(),
        }
    }

    /// Reads messages, in their order, into `sink`. One that the server no longer has is left
    /// out.
    ///
    /// # Errors
    /// [`Error::Refused`] when the server says `[SYS/...]`; [`Error::Sink`]; the connection's
    /// errors. After any of them the session is of no use but to be dropped.
    pub async fn retrieve(&mut self, wanted: &[Wanted], sink: &mut dyn Sink) -> Result<(), Error> {
        let ahead = if self.pipelines() { AHEAD } else { 1 };
        let mut next = wanted.iter();
        let mut asked = VecDeque::new();
        let mut scratch = Vec::new();
        loop {
            // Commands are topped up by the half window, so that they share packets.
            if asked.len() <= ahead / 2 {
                for message in next.by_ref().take(ahead - asked.len()) {
                    self.queue(&match message.lines {
                        None => Command::Retr(message.number),
                        Some(lines) => Command::Top { number: message.number, lines },
                    })?;
                    asked.push_back(message);
                }
            }
            let Some(message) = asked.pop_front() else { return Ok(()) };
            let done = self.one(message, sink, &mut scratch).await;
            if done.is_err() {
                // Answers are on their way that nobody will read.
                self.is_broken = true;
                return done;
            }
        }
    }

    async fn one(
        &mut self,
        message: &Wanted,
        sink: &mut dyn Sink,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match self.ok(Stage::Retrieve).await {
            Ok(_) => {}
            Err(Error::Refused { text, .. }) if !text.has_code("SYS") => return Ok(()),
            Err(error) => return Err(error),
        }
        sink.begin(&message.meta).await.map_err(Error::Sink)?;
        let mut decoder = Decoder::new();
        loop {
            scratch.clear();
            let pushed = decoder.push(self.wire.buffered(), scratch);
            self.wire.consume_body(pushed.used);
            if !scratch.is_empty() {
                sink.chunk(scratch).await.map_err(Error::Sink)?;
            }
            if pushed.is_done {
                return sink.end(&message.meta).await.map_err(Error::Sink);
            }
            self.fill(Stage::Retrieve).await?;
        }
    }

    /// DELE for each number: the messages go when QUIT is answered. One that is marked already
    /// is no error.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn delete(&mut self, numbers: &[u32]) -> Result<(), Error> {
        let ahead = if self.pipelines() { AHEAD } else { 1 };
        for numbers in numbers.chunks(ahead) {
            for number in numbers {
                self.has_deleted = true;
                self.queue(&Command::Dele(*number))?;
            }
            for _ in numbers {
                if let Reply::Continue(_) = self.reply(Stage::Delete).await? {
                    let expected = "+OK or -ERR";
                    let malformed = crate::base::decode::Malformed { offset: 0, expected };
                    return Err(self.protocol(Stage::Delete, malformed));
                }
            }
        }
        Ok(())
    }
}

/// Where each message-number stands in a listing: the first time, should it be there again.
fn places_of(all: &[(u32, u64, Option<Vec<u8>>)]) -> HashMap<u32, usize> {
    all.iter().enumerate().rev().map(|(at, (number, ..))| (*number, at)).collect()
}
