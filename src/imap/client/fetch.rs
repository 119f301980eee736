//! Bodies: batches of UID FETCH in flight, each body pushed to a sink from the connection's own
//! buffer.
//!
//! RFC 9051 section 6.4.5. A body above the inline limit streams in constant memory. Only where
//! a server tells the UID behind such a body is it spilled to a file first, since a sink has to
//! know what it is given.

use std::collections::HashSet;
use std::io::SeekFrom;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::state::to_flags;
use super::{Client, Error, Framed, protocol};
use crate::base::backoff::Schedule;
use crate::base::decode::{Decoded, Malformed};
use crate::imap::syntax::command::Command;
use crate::imap::syntax::fetch::{self, Fetch, Item, Section, SectionText, Which};
use crate::imap::syntax::response::{self, Data, Response};
use crate::imap::syntax::{Octets, Uid};
use crate::net::deadline;
use crate::store::PeerError as _;
use crate::store::{self, Id, Meta, Received, Sink, scratch};

/// Whole messages asked for in one command: enough that a round trip does not count, few enough
/// that a server answers in bounded memory and a busy one need not begin anew.
const BATCH: usize = 256;

/// A range of octets up to this size is no more than a header is.
const SMALL_OCTETS: u64 = 64 * 1024;

/// Messages that are asked for and have not come, at the least, while there are more: as many as
/// fill a far and fast line. Ended commands do not tell: a server may run several and then answer
/// them together (Dovecot does so with those that have to wait for the mailbox's changes).
const AHEAD: usize = 4 * BATCH;

/// Commands in flight, at the most; one that asks for few messages still costs the server a line.
const IN_FLIGHT: usize = 16;

/// Which octets of the messages are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The section.
    pub section: Section<'static>,
    /// Decode the part's transfer encoding (BINARY, RFC 3516); only of a section that is a part.
    pub binary: bool,
    /// First octet and number of octets; `None`: all.
    pub partial: Option<(u64, u64)>,
    /// Ask for flags and internal date, too.
    pub with_meta: bool,
}

impl Wanted {
    /// Whole messages with flags and date.
    pub fn whole() -> Self {
        Self { section: Section::default(), binary: false, partial: None, with_meta: true }
    }

    /// Header blocks with flags and date.
    pub fn headers() -> Self {
        let section = Section { part: Vec::new(), text: SectionText::Header };
        Self { section, ..Self::whole() }
    }

    pub(super) fn items(&self) -> Vec<Item<'static>> {
        let mut items = vec![Item::Uid];
        if self.with_meta {
            items.extend([Item::Flags, Item::InternalDate]);
        }
        let (peek, partial) = (true, self.partial);
        items.push(match self.binary {
            true => Item::Binary { part: self.section.part.clone(), peek, partial },
            false => Item::Section { section: self.section.clone(), peek, partial },
        });
        items
    }

    /// Messages to ask for in one command: of what is small, all.
    fn batch(&self) -> usize {
        use SectionText::{Header, HeaderFields, HeaderFieldsNot, Mime};
        let is_small = match &self.section.text {
            Header | HeaderFields(_) | HeaderFieldsNot(_) | Mime => true,
            _ => self.partial.is_some_and(|(_, octets)| octets <= SMALL_OCTETS),
        };
        if is_small { usize::MAX } else { BATCH }
    }

    /// Whether octets that a server sends are those that were asked for.
    fn is(&self, which: &Which<'_>, origin: Option<u64>) -> bool {
        // Octets from elsewhere in the message are not those that were asked for; a server that
        // leaves out where they are from gives them from the start.
        let first = self.partial.map_or(0, |(first, _)| first);
        if origin.unwrap_or(0) != first {
            return false;
        }
        match which {
            Which::Section(section) => !self.binary && same_section(&self.section, section),
            Which::Binary(part) => self.binary && *part == self.section.part,
            _ => false,
        }
    }
}

/// Whether a section in a response is the one asked for; servers change the case and the
/// quotes of field names.
fn same_section(asked: &Section<'_>, told: &Section<'_>) -> bool {
    use SectionText::{HeaderFields, HeaderFieldsNot};
    asked.part == told.part
        && match (&asked.text, &told.text) {
            (HeaderFields(_), HeaderFields(_)) | (HeaderFieldsNot(_), HeaderFieldsNot(_)) => true,
            (asked, told) => asked == told,
        }
}

/// A body that is on its way in pieces.
enum Streaming {
    /// The sink has begun it.
    Told,
    /// The UID is not known yet.
    Spilled(tokio::fs::File, u64),
}

/// Passes each message that was asked for on, and once: a server that answers twice, or with
/// what nobody asked for, must not double mail.
struct Once<'s> {
    sink: &'s mut dyn Sink,
    left: HashSet<u32>,
    is_wanted: bool,
}

#[async_trait(?Send)]
impl Sink for Once<'_> {
    async fn begin(&mut self, message: &Meta) -> store::Result<()> {
        self.is_wanted = message.id.0.parse().is_ok_and(|uid| self.left.remove(&uid));
        if self.is_wanted { self.sink.begin(message).await } else { Ok(()) }
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        if self.is_wanted { self.sink.chunk(octets).await } else { Ok(()) }
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        if self.is_wanted { self.sink.end(message).await } else { Ok(()) }
    }
}

impl Client {
    /// Pushes the octets wanted of each message to `sink`. `uids` are best sorted: they are
    /// asked for in this order, and the server answers in its own. A message that has vanished
    /// is left out.
    ///
    /// # Errors
    /// The connection's errors; [`Error::Refused`]; [`Error::Caller`] for the sink's.
    pub async fn fetch(
        &mut self,
        uids: &[u32],
        wanted: &Wanted,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let mut once = Once { sink, left: uids.iter().copied().collect(), is_wanted: false };
        let mut schedule = Schedule::default();
        let mut refused = match self.fetch_batches(uids, wanted, &mut once).await {
            Err(refused @ Error::Refused { .. }) => refused,
            ended => return ended,
        };
        // A busy server is asked again for what it has not given.
        while let Some(wait) = refused.busy().and_then(|busy| schedule.after(busy)) {
            tokio::time::sleep(wait).await;
            let left: Vec<u32> =
                uids.iter().copied().filter(|uid| once.left.contains(uid)).collect();
            refused = match self.fetch_batches(&left, wanted, &mut once).await {
                Err(refused @ Error::Refused { .. }) => refused,
                ended => return ended,
            };
        }
        Err(refused)
    }

    async fn fetch_batches(
        &mut self,
        uids: &[u32],
        wanted: &Wanted,
        once: &mut Once<'_>,
    ) -> Result<(), Error> {
        self.deadline(deadline::COMMAND);
        let mut batches = self.batches_to_ask(uids, wanted.batch()).into_iter();
        // Of what is not asked for yet nothing has come.
        let mut unasked = once.left.len();
        let mut tags = Vec::new();
        let mut refused = None;
        loop {
            while refused.is_none() && tags.len() < IN_FLIGHT {
                let awaited = once.left.len().saturating_sub(unasked);
                if tags.len() >= 3 && awaited >= AHEAD {
                    break;
                }
                let Some(set) = batches.next() else { break };
                unasked = unasked.saturating_sub(wanted.batch());
                let command = Command::Fetch {
                    uid: true,
                    set,
                    items: wanted.items(),
                    changed_since: None,
                    vanished: false,
                };
                tags.push(self.send(command).await?);
            }
            if tags.is_empty() {
                return refused.map_or(Ok(()), Err);
            }
            self.receive_body(wanted, once).await?;
            tags.retain(|tag| match self.state.take_done(*tag) {
                None => true,
                Some((command, reply)) => {
                    if reply.condition != response::Condition::Ok && refused.is_none() {
                        refused = Some(Error::Refused { command, reply });
                    }
                    false
                }
            });
        }
    }

    /// Takes the bodies that come until a command has ended, of these messages each once;
    /// whether it ended well.
    pub(super) async fn take_bodies(
        &mut self,
        tag: u32,
        uids: &[u32],
        sink: &mut dyn Sink,
    ) -> Result<bool, Error> {
        let mut once = Once { sink, left: uids.iter().copied().collect(), is_wanted: false };
        let wanted = Wanted::whole();
        loop {
            if let Some((_, reply)) = self.state.take_done(tag) {
                return Ok(reply.condition == response::Condition::Ok);
            }
            self.receive_body(&wanted, &mut once).await?;
        }
    }

    /// Asks for other things than bodies, such as ENVELOPE or BODYSTRUCTURE; each FETCH response
    /// that bears a UID goes to `on`. Literals above the inline limit are left out of it.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn fetch_items(
        &mut self,
        uids: &[u32],
        items: &[Item<'static>],
        on: &mut dyn FnMut(u32, &Fetch<'_>),
    ) -> Result<(), Error> {
        let mut items = items.to_vec();
        if !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        let sets = self.batches_to_ask(uids, usize::MAX);
        let commands = sets.into_iter().map(|set| Command::Fetch {
            uid: true,
            set,
            items: items.clone(),
            changed_since: None,
            vanished: false,
        });
        let mut on_data = |data: &Data<'_>| {
            if let Data::Fetch(fetch) = data
                && let Some(Uid(uid)) = fetch.uid
            {
                on(uid, fetch);
            }
        };
        self.run_all(commands, &mut on_data).await.map(drop)
    }

    /// Takes one response; a body in it goes to the sink.
    async fn receive_body(&mut self, wanted: &Wanted, sink: &mut dyn Sink) -> Result<(), Error> {
        let mut streaming = None;
        loop {
            match self.frame().await? {
                Framed::Literal(head, len) => {
                    self.hold(head);
                    let is_wanted = streaming.is_none()
                        && self.stream(len, wanted, sink, &mut streaming).await?;
                    if !is_wanted {
                        self.skip = len;
                    }
                }
                Framed::Whole(len) => return self.finish_body(len, wanted, sink, streaming).await,
            }
        }
    }

    /// Streams a literal whose head is held; `false` where it is not a body that is wanted.
    async fn stream(
        &mut self,
        len: u64,
        wanted: &Wanted,
        sink: &mut dyn Sink,
        streaming: &mut Option<Streaming>,
    ) -> Result<bool, Error> {
        let meta = match fetch::head(&self.held) {
            Ok(Some(head)) if wanted.is(&head.which, head.origin) => meta(&head.fetch, Some(len)),
            Ok(_) => return Ok(false),
            Err(malformed) => return Err(self.misspoke(malformed)),
        };
        // Should the caller fail here, the literal is passed over.
        self.skip = len;
        let mut spill = None;
        match &meta {
            Some(meta) => {
                *streaming = Some(Streaming::Told);
                sink.begin(meta).await.map_err(Error::Caller)?;
            }
            None => {
                let file =
                    scratch::nameless().map_err(store::Error::scratch).map_err(Error::Caller)?;
                spill = Some(tokio::fs::File::from_std(file));
            }
        }
        self.skip = 0;
        let mut left = len;
        while left > 0 {
            let ready = self.ready(left);
            if ready == 0 {
                self.fill().await?;
                continue;
            }
            let octets = &self.wire.buffered()[..ready];
            let taken = match &mut spill {
                None => sink.chunk(octets).await,
                Some(file) => file.write_all(octets).await.map_err(store::Error::scratch),
            };
            self.wire.consume_body(ready);
            left -= ready as u64;
            if let Err(error) = taken {
                // What is left of the literal is passed over, should anyone go on.
                self.skip = left;
                return Err(Error::Caller(error));
            }
        }
        if let Some(file) = spill {
            *streaming = Some(Streaming::Spilled(file, len));
        }
        Ok(true)
    }

    /// The response is whole: its body goes to the sink, or is ended there.
    async fn finish_body(
        &mut self,
        len: usize,
        wanted: &Wanted,
        sink: &mut dyn Sink,
        streaming: Option<Streaming>,
    ) -> Result<(), Error> {
        if self.held.is_empty() {
            return self.finish_inline(len, wanted, sink).await;
        }
        self.held.extend_from_slice(&self.wire.buffered()[..len]);
        self.wire.consume(len);
        let held = std::mem::take(&mut self.held);
        let fetch = match response::decode(&held) {
            Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) => fetch,
            Ok(Decoded::Done { value, .. }) => {
                self.state.note(&value);
                return Ok(());
            }
            Ok(Decoded::More) => {
                let malformed = Malformed { offset: held.len(), expected: "more" };
                return Err(self.misspoke(malformed));
            }
            Err(malformed) => return Err(self.misspoke(malformed)),
        };
        let size = match &streaming {
            None => return Ok(()),
            Some(Streaming::Spilled(_, len)) => Some(*len),
            Some(Streaming::Told) => {
                let ours =
                    fetch.sections.iter().find(|section| wanted.is(&section.which, section.origin));
                ours.and_then(|section| section.data.as_ref()).map(Octets::len)
            }
        };
        let Some(meta) = meta(&fetch, size) else {
            let malformed = Malformed { offset: held.len(), expected: "UID" };
            return Err(self.misspoke(malformed));
        };
        if let Some(Streaming::Spilled(mut file, _)) = streaming {
            sink.begin(&meta).await.map_err(Error::Caller)?;
            file.seek(SeekFrom::Start(0))
                .await
                .map_err(store::Error::scratch)
                .map_err(Error::Caller)?;
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = file
                    .read(&mut buffer)
                    .await
                    .map_err(store::Error::scratch)
                    .map_err(Error::Caller)?;
                if read == 0 {
                    break;
                }
                sink.chunk(&buffer[..read]).await.map_err(Error::Caller)?;
            }
        }
        sink.end(&meta).await.map_err(Error::Caller)
    }

    /// A response that stands whole in the buffer.
    async fn finish_inline(
        &mut self,
        len: usize,
        wanted: &Wanted,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let octets = &self.wire.buffered()[..len];
        let malformed = match response::decode(octets) {
            Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) => {
                let ours =
                    fetch.sections.iter().find(|section| wanted.is(&section.which, section.origin));
                let body = ours.and_then(|section| section.data.as_ref()?.inline());
                let body_octets = body.map_or(0, <[u8]>::len);
                let told = match (body, meta(&fetch, body.map(|body| body.len() as u64))) {
                    (Some(body), Some(meta)) => push(&meta, body, sink).await,
                    // NIL: the message has no such part, or is gone.
                    (None, Some(meta)) if ours.is_some() && !wanted.section.part.is_empty() => {
                        push(&Meta { size: Some(0), ..meta }, b"", sink).await
                    }
                    _ => {
                        self.state.note_change();
                        Ok(())
                    }
                };
                // The transcript hears the lines around the body, and how long that was.
                let head = memchr::memchr(b'\n', octets).map_or(len, |at| at + 1);
                let counted = if head + body_octets <= len { body_octets } else { 0 };
                self.wire.consume(head);
                self.wire.consume_body(counted);
                self.wire.consume(len - head - counted);
                return told.map_err(Error::Caller);
            }
            Ok(Decoded::Done { value, .. }) => {
                self.state.note(&value);
                self.wire.consume(len);
                return Ok(());
            }
            Ok(Decoded::More) => Malformed { offset: len, expected: "more" },
            Err(malformed) => malformed,
        };
        self.is_broken = true;
        Err(protocol("UID FETCH", malformed, octets))
    }

    fn misspoke(&mut self, malformed: Malformed) -> Error {
        self.is_broken = true;
        protocol("UID FETCH", malformed, &self.held)
    }
}

async fn push(meta: &Meta, body: &[u8], sink: &mut dyn Sink) -> store::Result<()> {
    sink.begin(meta).await?;
    if !body.is_empty() {
        sink.chunk(body).await?;
    }
    sink.end(meta).await
}

/// What a response tells of its message; `None` without UID.
fn meta(fetch: &Fetch<'_>, size: Option<u64>) -> Option<Meta> {
    let Uid(uid) = fetch.uid?;
    let received = fetch.internal_date.map(|date| Received {
        seconds: date.epoch_seconds,
        offset_seconds: i32::from(date.offset_minutes) * 60,
    });
    Some(Meta {
        id: Id::number(uid.into()),
        size,
        flags: fetch.flags.as_ref().map(to_flags),
        received,
    })
}
