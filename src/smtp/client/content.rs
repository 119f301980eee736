//! The message itself: behind a 354 with its dot, or in chunks; and the answers to it.
//!
//! RFC 5321 sections 4.1.1.4 and 4.5.3.2, RFC 3030 (BDAT), RFC 2033 section 4.2 (LMTP).

use std::time::Instant;

use super::flight::{Flight, Progress, Scratch};
use super::{Client, Error, Stage};
use crate::base::decode::{Decoded, Malformed};
use crate::base::dot::{Encoder, LineEnds};
use crate::net::deadline;
use crate::smtp::syntax::command;
use crate::smtp::syntax::reply::Reply;
use crate::store::Body;

/// Octets of one BDAT chunk of a large message.
const CHUNK_OCTETS: usize = 256 * 1024;

/// Octets read from a message at once.
const BLOCK_OCTETS: usize = 64 * 1024;

impl Client {
    /// Ends a DATA that was granted though nobody is to have the message.
    pub(super) async fn lone_dot(&mut self) -> Result<(), Error> {
        self.wire.queue(b".\r\n");
        self.deadline(deadline::SMTP_FINAL);
        self.flush(Stage::Body).await?;
        if self.is_lmtp {
            // RFC 2033 section 4.2 has a reply per accepted recipient, and of a 354 for none
            // it says that it must not happen: what the server says now has no meaning.
            self.is_broken = true;
            return Ok(());
        }
        self.reply(Stage::Body).await.map(drop)
    }

    /// The message behind a 354, with its dot.
    pub(super) async fn dotted(
        &mut self,
        flight: &Flight,
        body: &mut dyn Body,
        accepted: usize,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        progress.stage = Stage::Body;
        let started = Instant::now();
        self.deadline(deadline::SMTP_BLOCK);
        let mut encoder = Encoder::dotted(flight.submission.line_ends);
        let mut left = body.len();
        while left > 0 {
            let block = match read_block(body, left, &mut self.scratch.block).await {
                Ok(block) => block,
                Err(error) => return Err(self.broken(error)),
            };
            left -= block.len() as u64;
            let output = self.wire.output();
            let before = output.len();
            let encoded = encoder.push(block, output);
            let octets = output.len() - before;
            self.wire.queued_body(octets as u64);
            if let Err(bare) = encoded {
                return Err(self.broken(bare.into()));
            }
            if let Err(source) = self.wire.ease().await {
                return self.cut_off(source, progress).await;
            }
        }
        let output = self.wire.output();
        let before = output.len();
        let encoded = encoder.finish(output);
        let octets = output.len() - before;
        if let Err(bare) = encoded {
            return Err(self.broken(bare.into()));
        }
        self.wire.queued_body(octets as u64);
        progress.is_given = true;
        progress.end = self.wire.position();
        progress.phases.body = started.elapsed();
        self.begin_next().await;
        self.last(accepted, progress).await
    }

    /// A large message in chunks, once its RCPTs are answered.
    pub(super) async fn chunked(
        &mut self,
        flight: &Flight,
        body: &mut dyn Body,
        accepted: usize,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        progress.stage = Stage::Body;
        let started = Instant::now();
        let mut encoder = Some(Encoder::counted(flight.submission.line_ends));
        let mut left = body.len();
        let mut unanswered = 0;
        let mut chunk = std::mem::take(&mut self.scratch.chunk);
        let ended = loop {
            chunk.clear();
            let filled = fill_chunk(body, &mut left, &mut encoder, &mut self.scratch, &mut chunk);
            if let Err(error) = filled.await {
                break Err(error);
            }
            let is_last = encoder.is_none();
            let line = command::Command::Bdat { octets: chunk.len() as u64, last: is_last };
            self.queue(&line)?;
            self.wire.queue_body(&chunk);
            if is_last {
                break Ok(());
            }
            unanswered += 1;
            self.deadline(deadline::SMTP_BLOCK);
            if let Err(source) = self.wire.ease().await {
                return self.cut_off(source, progress).await;
            }
            if !self.pipelines() {
                self.flush(Stage::Body).await?;
            }
            // Answers that have come already are read now: a refusal saves the rest.
            while unanswered > 0 && (!self.pipelines() || self.has_reply()) {
                let reply = self.reply(Stage::Body).await?;
                unanswered -= 1;
                if !reply.is_positive() {
                    progress.refuse_rest(Stage::Body, &reply);
                    self.needs_reset = true;
                }
            }
            if progress.open() == 0 || self.is_broken {
                break Err(Error::Ended);
            }
        };
        self.scratch.chunk = chunk;
        progress.is_given = ended.is_ok();
        progress.end = self.wire.position();
        // From here on a stop waits a little for what may be taken already.
        self.wire.set_patient(progress.is_given);
        progress.phases.body = started.elapsed();
        if ended.is_ok() {
            self.begin_next().await;
        } else {
            self.needs_reset = true;
        }
        self.deadline(deadline::SMTP_FINAL);
        self.flush(Stage::Body).await?;
        for _ in 0..unanswered {
            let reply = self.reply(Stage::Body).await?;
            if self.is_broken || !reply.is_positive() {
                progress.refuse_rest(Stage::Body, &reply);
                self.needs_reset |= self.flight.front().is_none_or(|next| !next.resets);
            }
            if self.is_broken {
                return Ok(());
            }
        }
        match ended {
            // What decided is in the progress already.
            Err(Error::Ended) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.last(accepted, progress).await,
        }
    }

    fn has_reply(&self) -> bool {
        matches!(Reply::decode(self.wire.buffered()), Ok(Decoded::Done { .. }) | Err(_))
    }

    /// Reads what the server says of the message as a whole, or per recipient.
    pub(super) async fn last(
        &mut self,
        accepted: usize,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        progress.stage = Stage::Body;
        let started = Instant::now();
        // What the server says now is the fate of what it has.
        self.wire.set_patient(true);
        self.deadline(deadline::SMTP_FINAL);
        self.flush(Stage::Body).await?;
        let was_whole = self.chunks();
        if self.is_lmtp {
            // Behind a chunk that was refused nobody knows how many answers come.
            self.is_broken |= progress.open() == 0;
            self.per_recipient(progress).await?;
        } else {
            let reply = self.reply(Stage::Body).await?;
            match reply.code() {
                // PRDR: an answer for each recipient, then one for the message.
                353 if accepted > 0 => {
                    let open: Vec<usize> = progress.open_places().collect();
                    let mut replies = Vec::with_capacity(open.len());
                    for _ in &open {
                        replies.push(self.reply(Stage::Body).await?);
                    }
                    let whole = self.reply(Stage::Body).await?;
                    if whole.is_positive() {
                        for (at, reply) in open.into_iter().zip(replies) {
                            progress.decided[at] = Some((Stage::Body, reply));
                        }
                    } else {
                        progress.refuse_rest(Stage::Body, &whole);
                    }
                }
                code if is_final(code) => progress.refuse_rest(Stage::Body, &reply),
                _ => return Err(self.out_of_place(Stage::Body, &reply, "a final reply")),
            }
        }
        let failed = progress.decided.iter().flatten().any(|(_, reply)| !reply.is_positive());
        if was_whole && failed && self.flight.front().is_none_or(|next| !next.resets) {
            self.needs_reset = true;
        }
        progress.phases.reply = started.elapsed();
        Ok(())
    }

    async fn per_recipient(&mut self, progress: &mut Progress) -> Result<(), Error> {
        let open: Vec<usize> = progress.open_places().collect();
        for at in open {
            let reply = self.reply(Stage::Body).await?;
            if !is_final(reply.code()) {
                return Err(self.out_of_place(Stage::Body, &reply, "a final reply"));
            }
            progress.decided[at] = Some((Stage::Body, reply));
            if self.is_broken {
                progress.repeat_for_rest(at);
                return Ok(());
            }
        }
        Ok(())
    }

    /// The connection went while the message was leaving: what the server said before it went
    /// tells why, if it said anything. Some of that may still be unread: a server that refuses
    /// and closes with our octets before it resets the connection behind its answer.
    async fn cut_off(
        &mut self,
        source: crate::net::Error,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let mut said = None;
        loop {
            while self.has_reply() {
                said = Some(self.reply(Stage::Body).await?);
            }
            if !source.is_closed() || self.wire.fill().await.is_err() {
                break;
            }
        }
        self.is_broken = true;
        match said.filter(|reply| reply.is_transient() || reply.is_permanent()) {
            Some(reply) => {
                progress.refuse_rest(Stage::Body, &reply);
                Ok(())
            }
            None => Err(Error::Network { stage: Stage::Body, source }),
        }
    }

    pub(super) fn broken(&mut self, error: Error) -> Error {
        self.is_broken = true;
        error
    }

    pub(super) fn out_of_place(
        &mut self,
        stage: Stage,
        reply: &Reply,
        expected: &'static str,
    ) -> Error {
        let malformed = Malformed { offset: 0, expected };
        self.broken(Error::Protocol { stage, malformed, octets: reply.to_string() })
    }
}

/// Whether a code can be the answer to a whole message. 221 is a goodbye: a server that says it
/// in that place has said nothing of the message (smtp-sink answers a pipelined QUIT before the
/// dot when it is told to wait there).
fn is_final(code: u16) -> bool {
    matches!(code, 200..300 | 400..600) && code != 221
}

/// Reads the next octets of a message that has `left` of them still to come.
async fn read_block<'a>(
    body: &mut dyn Body,
    left: u64,
    block: &'a mut Vec<u8>,
) -> Result<&'a [u8], Error> {
    let room = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_OCTETS);
    if block.len() < room {
        block.resize(room, 0);
    }
    match body.read(&mut block[..room]).await.map_err(Error::Body)? {
        0 => {
            let short = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            Err(Error::Body(crate::store::Error::Caller(Box::new(short))))
        }
        read => Ok(&block[..read]),
    }
}

/// Reads a small message to the chunk buffer, ready for one BDAT.
pub(super) async fn read_whole(
    body: &mut dyn Body,
    ends: LineEnds,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let mut encoder = Encoder::counted(ends);
    let mut left = body.len();
    scratch.chunk.clear();
    while left > 0 {
        let block = read_block(body, left, &mut scratch.block).await?;
        left -= block.len() as u64;
        encoder.push(block, &mut scratch.chunk)?;
    }
    encoder.finish(&mut scratch.chunk)?;
    Ok(())
}

/// Fills one chunk of a large message; the encoder is taken when the message has ended.
async fn fill_chunk(
    body: &mut dyn Body,
    left: &mut u64,
    encoder: &mut Option<Encoder>,
    scratch: &mut Scratch,
    chunk: &mut Vec<u8>,
) -> Result<(), Error> {
    while let Some(machine) = encoder
        && chunk.len() < CHUNK_OCTETS
    {
        if *left == 0 {
            if let Some(machine) = encoder.take() {
                machine.finish(chunk)?;
            }
            break;
        }
        let block = read_block(body, *left, &mut scratch.block).await?;
        *left -= block.len() as u64;
        machine.push(block, chunk)?;
    }
    Ok(())
}
