//! APPEND: messages from a source, streamed, many in one command or many commands in flight.
//!
//! RFC 9051 section 6.3.12, RFC 3502 (MULTIAPPEND), RFC 4315 (APPENDUID), RFC 6855 (UTF8), RFC
//! 7888 (LITERAL+ and LITERAL-), RFC 7889 (APPENDLIMIT). Line ends become CRLF on the way: the
//! length has to be known before, so that a message with other line ends is read twice, unless
//! it is small enough to hold.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::{Client, Error, Reply};
use crate::base::dot;
use crate::imap::syntax::append::{AppendData, AppendKind, AppendMessage};
use crate::imap::syntax::code::Code;
use crate::imap::syntax::command::Command;
use crate::imap::syntax::date::DateTime;
use crate::imap::syntax::encode::{Encoder, Literals, Stop};
use crate::imap::syntax::flag::{Flag, Flags};
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::response::Condition;
use crate::imap::syntax::{Octets, UidValidity};
use crate::net::deadline;
use crate::store::{Body, Meta, Source};

/// A message up to this length is read once and held; a longer one is read twice.
const HELD_OCTETS: u64 = 256 * 1024;

/// Octets read from a source at once.
const CHUNK_OCTETS: usize = 64 * 1024;

/// Messages in one MULTIAPPEND, which is all or nothing and told only at its end.
const MULTI_MESSAGES: usize = 128;

/// Octets after which a MULTIAPPEND ends, once it has a message.
const MULTI_OCTETS: u64 = 8 * 1024 * 1024;

/// APPEND commands in flight where the server waits for nothing.
const IN_FLIGHT: usize = 64;

/// Where a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// UIDVALIDITY of the mailbox.
    pub uid_validity: UidValidity,
    /// The UID given.
    pub uid: u32,
}

/// A message read from its source, as far as it has to be before it is sent.
enum Ready {
    /// All of it, with CRLF.
    Held(Vec<u8>),
    /// It has so many octets with CRLF, and the source stands at its start.
    Measured(u64),
}

impl Ready {
    fn len(&self) -> u64 {
        match self {
            Ready::Held(octets) => octets.len() as u64,
            Ready::Measured(len) => *len,
        }
    }
}

impl Client {
    /// Adds all messages of the source to a mailbox; where each went is in the answer, in
    /// order, as far as the server tells (UIDPLUS).
    ///
    /// # Errors
    /// [`Error::Refused`]: with MULTIAPPEND, none of the messages of that command was stored;
    /// without, all others that were sent may have been. [`Error::Caller`] for the source's
    /// errors, after which the session has ended, and the connection's errors.
    pub async fn append(
        &mut self,
        mailbox: &Mailbox<'_>,
        source: &mut dyn Source,
    ) -> Result<Vec<Option<Appended>>, Error> {
        self.settle().await?;
        self.deadline(deadline::COMMAND);
        let multi = self.capabilities().has("MULTIAPPEND");
        let at_once = if self.literals() == Literals::Plus { IN_FLIGHT } else { 1 };
        let mut places = Vec::new();
        // Commands that have not ended: tag, and how many messages.
        let mut flight: VecDeque<(u32, usize)> = VecDeque::new();
        let mut next = self.of_caller(source.next().await)?;
        while let Some(meta) = next.take() {
            let tag = self.begin_append(mailbox, meta, source).await?;
            let (mut count, mut octets) = (1, 0);
            loop {
                next = self.of_caller(source.next().await)?;
                let Some(meta) =
                    next.take_if(|_| multi && count < MULTI_MESSAGES && octets < MULTI_OCTETS)
                else {
                    break;
                };
                self.wire.queue(b" ");
                octets += self.append_message(tag, None, meta, source).await?;
                count += 1;
            }
            self.wire.queue(b"\r\n");
            flight.push_back((tag, count));
            while flight.len() >= at_once {
                self.end_append(&mut flight, &mut places).await?;
            }
            self.ease().await?;
        }
        while !flight.is_empty() {
            self.end_append(&mut flight, &mut places).await?;
        }
        Ok(places)
    }

    async fn begin_append(
        &mut self,
        mailbox: &Mailbox<'_>,
        meta: Meta,
        source: &mut dyn Source,
    ) -> Result<u32, Error> {
        if self.is_broken {
            return Err(Error::Ended);
        }
        let tag = self.state.next_tag();
        self.state.pending.push_back((tag, "APPEND"));
        self.append_message(tag, Some(mailbox), meta, source).await?;
        Ok(tag)
    }

    /// Sends one message with its flags and date, the command's start before the first; its
    /// octets with CRLF.
    async fn append_message(
        &mut self,
        tag: u32,
        mailbox: Option<&Mailbox<'_>>,
        meta: Meta,
        source: &mut dyn Source,
    ) -> Result<u64, Error> {
        let body = source.body();
        let (ready, eight_bit_header) = match ready(body).await {
            Ok(ready) => ready,
            Err(error) => return self.of_caller(Err(error)),
        };
        let len = ready.len();
        let kind = match self.state.utf8 && eight_bit_header {
            true => AppendKind::Utf8,
            false => AppendKind::Literal,
        };
        let message = AppendMessage {
            flags: meta.flags.as_ref().filter(|flags| !flags.is_empty()).map(to_syntax),
            date: meta.received.map(|received| DateTime {
                epoch_seconds: received.seconds,
                offset_minutes: (received.offset_seconds / 60) as i16,
            }),
            data: AppendData::Octets(kind, Octets::Streamed { len }),
        };
        let mut out = Encoder::new(self.literals(), self.state.utf8);
        let encoded = match mailbox {
            None => {
                message.encode(&mut out);
                out.finish()
            }
            Some(mailbox) => {
                let command = Command::Append { mailbox: mailbox.clone(), messages: vec![message] };
                let tag = Cow::Owned(format!("a{tag}").into_bytes());
                crate::imap::syntax::command::Tagged { tag, command }.encode(&mut out);
                out.finish().map(|mut encoded| {
                    // More messages may follow on this line.
                    let len = encoded.octets.len();
                    encoded.octets.truncate(len - 2);
                    encoded
                })
            }
        };
        let encoded = match encoded {
            Ok(encoded) => encoded,
            Err(refused) => {
                // The command was not begun, or stands half on the wire.
                self.is_broken |= mailbox.is_none();
                self.state.pending.retain(|(pending, _)| *pending != tag);
                return Err(refused.into());
            }
        };
        let mut at = 0;
        for Stop { at: until, wait, stream } in encoded.stops {
            self.wire.queue(&encoded.octets[at..until]);
            at = until;
            if wait {
                self.go_ahead(tag).await?;
            }
            if stream > 0 {
                self.stream_body(&ready, body).await?;
            }
        }
        self.wire.queue(&encoded.octets[at..]);
        Ok(len)
    }

    async fn stream_body(&mut self, ready: &Ready, body: &mut dyn Body) -> Result<(), Error> {
        let len = match ready {
            Ready::Held(octets) => {
                self.wire.queue_body(octets);
                return self.ease().await;
            }
            Ready::Measured(len) => *len,
        };
        let mut buffer = vec![0; CHUNK_OCTETS];
        let mut converted = Vec::with_capacity(CHUNK_OCTETS + CHUNK_OCTETS / 16);
        let (mut ends, mut sent) = (CrLf::new(), 0);
        loop {
            let read = match body.read(&mut buffer).await {
                Ok(read) => read,
                Err(error) => return self.of_caller(Err(error)),
            };
            converted.clear();
            ends.push(&buffer[..read], &mut converted);
            sent += converted.len() as u64;
            if read == 0 || sent > len {
                break;
            }
            self.wire.queue_body(&converted);
            self.ease().await?;
        }
        if sent == len {
            return Ok(());
        }
        self.is_broken = true;
        Err(Error::Caller(crate::store::Error::Unknown(format!(
            "a message changed while it was sent: it had {len} octets, and has {sent}"
        ))))
    }

    /// Waits for the end of the oldest APPEND.
    async fn end_append(
        &mut self,
        flight: &mut VecDeque<(u32, usize)>,
        places: &mut Vec<Option<Appended>>,
    ) -> Result<(), Error> {
        let Some((tag, count)) = flight.pop_front() else { return Ok(()) };
        let reply = match self.wait(tag, &mut |_| {}).await {
            Ok(reply) => reply,
            Err(refused) => {
                // The others are heard out, so that the session stays whole.
                for (tag, _) in flight.drain(..) {
                    match self.wait(tag, &mut |_| {}).await {
                        Ok(_) | Err(Error::Refused { .. }) => {}
                        Err(worse) => return Err(worse),
                    }
                }
                return Err(refused);
            }
        };
        places.extend(told_places(&reply, count));
        Ok(())
    }

    /// An error of the caller's source ends the session: a command stands half on the wire.
    fn of_caller<T>(&mut self, result: crate::store::Result<T>) -> Result<T, Error> {
        result.map_err(|error| {
            self.is_broken |= self.state.pending.iter().any(|(_, name)| *name == "APPEND");
            Error::Caller(error)
        })
    }
}

/// The place of each of `count` messages, from APPENDUID.
fn told_places(reply: &Reply, count: usize) -> Vec<Option<Appended>> {
    debug_assert!(reply.condition == Condition::Ok);
    match reply.code.as_deref() {
        Some(Code::AppendUid { validity, uids }) if uids.count(0) == count as u64 => {
            uids.numbers(0).map(|uid| Some(Appended { uid_validity: *validity, uid })).collect()
        }
        _ => vec![None; count],
    }
}

/// Flags as the wire has them.
pub(super) fn to_syntax(flags: &crate::store::Flags) -> Flags<'static> {
    Flags::from_flags(flags.iter().map(|flag| Flag::from_text(flag.name().as_bytes())))
}

/// Reads a message as far as has to be: all of it, or its length with CRLF. Also whether its
/// header has octets beyond ASCII.
async fn ready(body: &mut dyn Body) -> crate::store::Result<(Ready, bool)> {
    let (mut ends, mut header) = (CrLf::new(), HeaderScan::default());
    let mut buffer = vec![0; CHUNK_OCTETS];
    let mut converted = Vec::new();
    let is_small = body.len() <= HELD_OCTETS;
    let mut len = 0;
    loop {
        let read = body.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        let start = if is_small { converted.len() } else { 0 };
        converted.truncate(start);
        ends.push(&buffer[..read], &mut converted);
        header.push(&converted[start..]);
        len += (converted.len() - start) as u64;
    }
    if is_small {
        return Ok((Ready::Held(converted), header.eight_bit));
    }
    body.rewind()?;
    Ok((Ready::Measured(len), header.eight_bit))
}

/// Makes every line end CRLF while octets stream by: a bare LF and a bare CR, too.
struct CrLf(dot::Encoder);

impl CrLf {
    fn new() -> Self {
        Self(dot::Encoder::counted(dot::LineEnds::Canonical))
    }

    fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        // Canonical line ends refuse nothing.
        let _ = self.0.push(octets, out);
    }
}

/// Looks for octets beyond ASCII in a header, up to the first empty line.
#[derive(Default)]
struct HeaderScan {
    eight_bit: bool,
    is_over: bool,
    /// Octets of the current line before this piece.
    line_len: usize,
}

impl HeaderScan {
    /// The next octets, with CRLF line ends.
    fn push(&mut self, octets: &[u8]) {
        if self.is_over {
            return;
        }
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', octets) {
            let len = self.line_len + newline - start;
            self.eight_bit |= !octets[start..newline].is_ascii();
            (self.line_len, start) = (0, newline + 1);
            // The CR alone stands on an empty line.
            if len <= 1 {
                self.is_over = true;
                return;
            }
        }
        self.eight_bit |= !octets[start..].is_ascii();
        self.line_len += octets.len() - start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn converted(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut ends, mut out) = (CrLf::new(), Vec::new());
        for piece in pieces {
            ends.push(piece, &mut out);
        }
        out
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        assert_eq!(converted(&[b"a\nb\r\nc\rd\n\n\r\r\n"]), b"a\r\nb\r\nc\r\nd\r\n\r\n\r\n\r\n");
        assert_eq!(converted(&[b"a\r", b"\nb\r", b"c"]), b"a\r\nb\r\nc");
    }

    #[test]
    fn only_the_header_is_scanned() {
        let scan = |text: &[u8]| {
            let mut scan = HeaderScan::default();
            for piece in text.chunks(3) {
                scan.push(piece);
            }
            scan.eight_bit
        };
        assert!(scan("Subject: ä\r\n\r\nx".as_bytes()));
        assert!(!scan("Subject: a\r\n\r\nä".as_bytes()));
        assert!(!scan("\r\nä: x".as_bytes()));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[a\r\n]{0,40}", cut in 0usize..40) {
            let text = text.as_bytes();
            let (one, other) = text.split_at(cut.min(text.len()));
            prop_assert_eq!(converted(&[one, other]), converted(&[text]));
        }
    }
}
