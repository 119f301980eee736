//! Giving messages: MAIL, RCPT, then DATA or BDAT, with as few round trips as the server allows.
//!
//! RFC 5321 sections 3.3 and 4.5.3.2, RFC 2920 (pipelining), RFC 3030 (BDAT), RFC 2033 (LMTP).
//!
//! Messages are [pushed](Client::push), and their [outcomes](Client::outcome) come in the same
//! order. With PIPELINING the commands up to DATA leave in one write, and the next message's
//! commands behind the end of this one's data: one round trip a message. With CHUNKING besides,
//! small messages leave whole before anything is answered.

use std::time::Instant;

use super::outcome::{Outcome, Phases, RecipientOutcome};
use super::{Client, Error, Stage};
use crate::base::decode::{Decoded, Malformed};
use crate::base::dot::{Encoder, LineEnds};
use crate::net::deadline;
use crate::smtp::syntax::command;
use crate::smtp::syntax::parameter::{BodyType, MailParameters, RcptParameters};
use crate::smtp::syntax::path::{ForwardPath, Mailbox, ReversePath};
use crate::smtp::syntax::reply::Reply;
use crate::store::{Body, Envelope};

/// Messages up to this size, in octets, are sent by BDAT before their RCPTs are answered.
const EAGER_OCTETS: u64 = 64 * 1024;

/// Messages in flight at once with CHUNKING. A connection that is lost makes the fate of all of
/// them unknown, which limits how many there should be.
const FLIGHT_MESSAGES: usize = 16;

/// Octets of one BDAT chunk of a large message.
const CHUNK_OCTETS: usize = 256 * 1024;

/// Octets read from a message at once.
const BLOCK_OCTETS: usize = 64 * 1024;

/// The envelope of one message, and how to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The reverse-path.
    pub from: ReversePath,
    /// Parameters of MAIL. Without a SIZE, the message's length is told to a server that asks
    /// for it; with one, it is left out for a server that does not.
    pub parameters: MailParameters,
    /// At least one.
    pub recipients: Vec<Recipient>,
    /// What happens to line ends.
    pub line_ends: LineEnds,
    /// Give the message to all recipients or to none.
    pub all_or_none: bool,
}

/// One recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The forward-path.
    pub path: ForwardPath,
    /// Parameters of RCPT.
    pub parameters: RcptParameters,
}

/// A message between its push and its outcome.
pub(super) struct Flight {
    submission: Submission,
    /// Its MAIL and all RCPTs, one line each.
    lines: Vec<u8>,
    /// `None`: the caller of [`Client::submit`] holds it.
    body: Option<Box<dyn Body>>,
    begun: Begun,
    /// A RSET was sent before its MAIL.
    resets: bool,
    started: Instant,
    /// Why it could not be begun behind its predecessor.
    fault: Option<Error>,
}

/// How much of a transaction has been queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Nothing,
    /// MAIL and all RCPTs.
    Envelope,
    /// DATA behind them.
    Data,
    /// A last BDAT with the whole message behind them.
    Whole,
}

/// Buffers kept from message to message.
#[derive(Default)]
pub(super) struct Scratch {
    block: Vec<u8>,
    chunk: Vec<u8>,
}

/// What is known of a transaction so far.
struct Progress {
    /// Per recipient: what decided, once something has.
    decided: Vec<Option<(Stage, Reply)>>,
    stage: Stage,
    /// The end of the message may have reached the server.
    is_given: bool,
    phases: Phases,
}

impl Submission {
    /// A submission without parameters but what its addresses need.
    ///
    /// # Errors
    /// [`Error::Address`] for an address outside the grammar.
    pub fn plain(envelope: &Envelope) -> Result<Self, Error> {
        let from = match envelope.sender.as_str() {
            "" => ReversePath::Null,
            address => ReversePath::Mailbox(mailbox(address)?),
        };
        let mut recipients = Vec::with_capacity(envelope.recipients.len());
        for address in &envelope.recipients {
            let path = match address.contains('@') {
                true => ForwardPath::Mailbox(mailbox(address)?),
                false => ForwardPath::Local(address.clone()),
            };
            recipients.push(Recipient { path, parameters: RcptParameters::default() });
        }
        let smtputf8 = from.needs_smtputf8()
            || recipients.iter().any(|recipient| recipient.path.needs_smtputf8());
        Ok(Self {
            from,
            parameters: MailParameters { smtputf8, ..MailParameters::default() },
            recipients,
            line_ends: LineEnds::Canonical,
            all_or_none: false,
        })
    }

    /// MAIL and all RCPTs, one line each.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        command::mail(&self.from, &self.parameters, out)?;
        for Recipient { path, parameters } in &self.recipients {
            command::rcpt(path, parameters, out)?;
        }
        Ok(())
    }
}

fn mailbox(address: &str) -> Result<Mailbox, Error> {
    Mailbox::parse(address.as_bytes())
        .map_err(|malformed| Error::Address { address: address.to_owned(), malformed })
}

impl Flight {
    fn new(submission: Submission) -> Result<Self, Error> {
        let mut lines = Vec::new();
        submission.encode(&mut lines)?;
        Ok(Self {
            submission,
            lines,
            body: None,
            begun: Begun::Nothing,
            resets: false,
            started: Instant::now(),
            fault: None,
        })
    }
}

impl Client {
    /// Whether the server has all the extensions that a message of `octets` octets asks for.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::TooLarge`]. Nothing was sent.
    pub fn check(&self, submission: &Submission, octets: u64) -> Result<(), Error> {
        let has = &self.capabilities;
        let asks = &submission.parameters;
        let wants_dsn = asks.ret.is_some()
            || asks.envid.is_some()
            || submission.recipients.iter().any(|recipient| {
                recipient.parameters.notify.is_some() || recipient.parameters.orcpt.is_some()
            });
        let is_binary = asks.body == Some(BodyType::BinaryMime);
        for (asked, offered, name) in [
            (asks.body == Some(BodyType::EightBitMime), has.eight_bit_mime, "8BITMIME"),
            (is_binary, has.binary_mime, "BINARYMIME"),
            (is_binary, self.chunks(), "CHUNKING"),
            (asks.smtputf8, has.smtputf8, "SMTPUTF8"),
            (wants_dsn, has.dsn, "DSN"),
            (asks.auth.is_some(), !has.auth.is_empty(), "AUTH"),
            (asks.require_tls, has.require_tls, "REQUIRETLS"),
            (asks.hold.is_some(), has.future_release.is_some(), "FUTURERELEASE"),
            (asks.priority.is_some(), has.mt_priority.is_some(), "MT-PRIORITY"),
            (asks.by.is_some(), has.deliver_by.is_some(), "DELIVERBY"),
            (asks.prdr, has.prdr, "PRDR"),
        ] {
            if asked && !offered {
                return Err(Error::Missing(name));
            }
        }
        let size = asks.size.unwrap_or(octets);
        match has.size {
            Some(limit) if limit > 0 && size > limit => Err(Error::TooLarge { size, limit }),
            _ => Ok(()),
        }
    }

    /// Whether another message can be pushed before the next outcome is taken.
    pub fn has_room(&self) -> bool {
        let most = match (self.pipelines(), self.chunks()) {
            (true, true) => FLIGHT_MESSAGES,
            (true, false) => 2,
            (false, _) => 1,
        };
        !self.is_broken && self.flight.len() < most
    }

    /// How many messages were pushed whose outcome was not taken yet.
    pub fn in_flight(&self) -> usize {
        self.flight.len()
    }

    /// Adds a message to those on their way. What of it can leave before an answer is written
    /// now or with the next outcome.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::TooLarge`], [`Error::Unencodable`], [`Error::Body`]: nothing
    /// of this message was sent, and the session goes on.
    pub async fn push(
        &mut self,
        submission: Submission,
        mut body: Box<dyn Body>,
    ) -> Result<(), Error> {
        let mut flight = self.prepare(submission, &*body)?;
        let is_eager = self.is_eager(&flight.submission, body.len());
        if is_eager && self.flight.iter().all(|before| before.begun == Begun::Whole) {
            self.begin(&mut flight, &mut *body).await?;
        }
        flight.body = Some(body);
        self.flight.push_back(flight);
        Ok(())
    }

    /// Waits for the fate of the oldest message pushed; `None` when none is in flight. When the
    /// connection is lost, each of the others still has its outcome to be taken.
    pub async fn outcome(&mut self) -> Option<Outcome> {
        let mut flight = self.flight.pop_front()?;
        let mut body = flight.body.take()?;
        Some(self.carry(flight, &mut *body).await)
    }

    /// Gives one message and waits for its fate.
    ///
    /// # Errors
    /// As [`Client::push`]; all else is in the outcome.
    ///
    /// # Panics
    /// When messages that were pushed are still in flight.
    pub async fn submit(
        &mut self,
        submission: Submission,
        body: &mut dyn Body,
    ) -> Result<Outcome, Error> {
        assert!(self.flight.is_empty(), "outcomes of pushed messages come first");
        let mut flight = self.prepare(submission, body)?;
        if self.is_eager(&flight.submission, body.len()) {
            self.begin(&mut flight, body).await?;
        }
        Ok(self.carry(flight, body).await)
    }

    fn prepare(&mut self, mut submission: Submission, body: &dyn Body) -> Result<Flight, Error> {
        self.check(&submission, body.len())?;
        submission.parameters.size = match self.capabilities.size {
            Some(_) => submission.parameters.size.or(Some(body.len())),
            None => None,
        };
        if !self.capabilities.eight_bit_mime {
            submission.parameters.body = None;
        }
        Flight::new(submission)
    }

    fn is_eager(&self, submission: &Submission, octets: u64) -> bool {
        self.pipelines() && self.chunks() && octets <= EAGER_OCTETS && !submission.all_or_none
    }

    /// Queues as much of a transaction as may leave before any of it is answered.
    async fn begin(&mut self, flight: &mut Flight, body: &mut dyn Body) -> Result<(), Error> {
        let submission = &flight.submission;
        let is_eager = self.is_eager(submission, body.len());
        if is_eager {
            read_whole(body, submission.line_ends, &mut self.scratch).await?;
        }
        // RFC 3030 section 4.2: behind a BDAT that failed only RSET helps, and with messages in
        // flight nobody knows yet whether one will.
        flight.resets = self.needs_reset || is_eager && !self.flight.is_empty();
        let lines = &mut flight.lines;
        flight.begun = if is_eager {
            let octets = self.scratch.chunk.len();
            command::Command::Bdat { octets: octets as u64, last: true }.encode(lines)?;
            Begun::Whole
        } else if submission.all_or_none
            || self.chunks()
            || submission.parameters.body == Some(BodyType::BinaryMime)
        {
            Begun::Envelope
        } else {
            lines.extend_from_slice(b"DATA\r\n");
            Begun::Data
        };
        self.needs_reset = false;
        flight.started = Instant::now();
        if flight.resets {
            self.wire.queue(b"RSET\r\n");
        }
        self.wire.queue(&flight.lines);
        if is_eager {
            self.wire.queue_body(&self.scratch.chunk);
        }
        Ok(())
    }

    /// Begins the next message behind the end of this one's data (RFC 2920 section 3.1).
    async fn begin_next(&mut self) {
        if !self.pipelines() || self.is_broken {
            return;
        }
        let Some(mut next) = self.flight.pop_front() else { return };
        if next.begun == Begun::Nothing
            && next.fault.is_none()
            && let Some(mut body) = next.body.take()
        {
            // The one whose data just left counts as in flight: it has no answer yet.
            let resets_anyway = self.chunks();
            self.needs_reset |= resets_anyway;
            next.fault = self.begin(&mut next, &mut *body).await.err();
            next.body = Some(body);
        }
        self.flight.push_front(next);
    }

    async fn carry(&mut self, mut flight: Flight, body: &mut dyn Body) -> Outcome {
        let mut progress = Progress {
            decided: vec![None; flight.submission.recipients.len()],
            stage: Stage::Mail,
            is_given: flight.begun == Begun::Whole,
            phases: Phases::default(),
        };
        let error = self.transact(&mut flight, body, &mut progress).await.err();
        progress.into_outcome(flight.submission, error)
    }

    async fn transact(
        &mut self,
        flight: &mut Flight,
        body: &mut dyn Body,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        if let Some(fault) = flight.fault.take() {
            return Err(fault);
        }
        if self.is_broken {
            return Err(Error::Ended);
        }
        if self.pipelines() {
            if flight.begun == Begun::Nothing {
                self.begin(flight, body).await?;
            }
            self.envelope(flight, progress).await?;
        } else {
            self.envelope_stepwise(flight, progress).await?;
        }
        if self.is_broken {
            return Ok(());
        }
        let accepted = progress.open();
        let wanted = match flight.submission.all_or_none {
            true => flight.submission.recipients.len(),
            false => 1,
        };
        let goes_on = accepted >= wanted;
        progress.phases.envelope = flight.started.elapsed();
        match flight.begun {
            Begun::Whole => return self.last(accepted, progress).await,
            Begun::Nothing | Begun::Envelope if !goes_on => {
                self.needs_reset = progress.stage > Stage::Mail;
                progress.refuse_rest_for_others();
                return Ok(());
            }
            Begun::Nothing | Begun::Envelope if self.chunks() => {
                return self.chunked(flight, body, accepted, progress).await;
            }
            Begun::Nothing | Begun::Envelope => {
                self.wire.queue(b"DATA\r\n");
                self.flush(Stage::Data).await?;
            }
            Begun::Data => {}
        }
        let has_transaction = progress.stage > Stage::Mail;
        progress.stage = Stage::Data;
        self.deadline(deadline::SMTP_DATA);
        let reply = self.reply(Stage::Data).await?;
        progress.phases.envelope = flight.started.elapsed();
        if !reply.is_intermediate() {
            self.needs_reset = has_transaction;
            if reply.is_positive() {
                return Err(self.out_of_place(Stage::Data, &reply, "354"));
            }
            progress.refuse_rest(Stage::Data, &reply);
            return Ok(());
        }
        if !goes_on {
            return self.lone_dot().await;
        }
        self.dotted(flight, body, accepted, progress).await
    }

    /// Reads the replies to RSET, MAIL and the RCPTs.
    async fn envelope(&mut self, flight: &Flight, progress: &mut Progress) -> Result<(), Error> {
        self.deadline(deadline::SMTP_COMMAND);
        self.flush(Stage::Mail).await?;
        if flight.resets {
            self.reply(Stage::Mail).await?;
            self.needs_reset = false;
        }
        let mail = self.reply(Stage::Mail).await?;
        let is_refused = !mail.is_positive();
        if is_refused {
            progress.refuse_rest(Stage::Mail, &mail);
        } else {
            progress.stage = Stage::Rcpt;
        }
        if self.is_broken {
            return Ok(());
        }
        self.deadline(deadline::SMTP_RCPT);
        for at in 0..flight.submission.recipients.len() {
            let reply = self.reply(Stage::Rcpt).await?;
            if !is_refused {
                progress.recipient(at, reply);
            }
            if self.is_broken {
                progress.repeat_for_rest(at);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends MAIL and the RCPTs one by one, for a server without PIPELINING.
    async fn envelope_stepwise(
        &mut self,
        flight: &mut Flight,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        self.deadline(deadline::SMTP_COMMAND);
        if std::mem::take(&mut self.needs_reset) {
            self.ask(&command::Command::Rset, Stage::Mail).await?;
        }
        flight.started = Instant::now();
        let Submission { from, parameters, recipients, .. } = &flight.submission;
        let mut line = Vec::new();
        command::mail(from, parameters, &mut line)?;
        self.wire.queue(&line);
        self.flush(Stage::Mail).await?;
        let reply = self.reply(Stage::Mail).await?;
        if !reply.is_positive() {
            progress.refuse_rest(Stage::Mail, &reply);
            return Ok(());
        }
        progress.stage = Stage::Rcpt;
        self.deadline(deadline::SMTP_RCPT);
        for (at, recipient) in recipients.iter().enumerate() {
            line.clear();
            command::rcpt(&recipient.path, &recipient.parameters, &mut line)?;
            self.wire.queue(&line);
            self.flush(Stage::Rcpt).await?;
            let reply = self.reply(Stage::Rcpt).await?;
            let is_refused = !reply.is_positive();
            progress.recipient(at, reply);
            if self.is_broken || is_refused && flight.submission.all_or_none {
                progress.repeat_for_rest(at);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Ends a DATA that was granted though nobody is to have the message.
    async fn lone_dot(&mut self) -> Result<(), Error> {
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
    async fn dotted(
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
        progress.phases.body = started.elapsed();
        self.begin_next().await;
        self.last(accepted, progress).await
    }

    /// A large message in chunks, once its RCPTs are answered.
    async fn chunked(
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
    async fn last(&mut self, accepted: usize, progress: &mut Progress) -> Result<(), Error> {
        progress.stage = Stage::Body;
        let started = Instant::now();
        self.deadline(deadline::SMTP_FINAL);
        self.flush(Stage::Body).await?;
        let was_whole = self.chunks();
        // LMTP answers once per recipient, but an envelope that was refused as a whole has the
        // one answer of a BDAT out of place.
        if self.is_lmtp && accepted > 0 {
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
                200..300 | 400..600 => progress.refuse_rest(Stage::Body, &reply),
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
            if !matches!(reply.code(), 200..300 | 400..600) {
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
    /// tells why, if it said anything.
    async fn cut_off(
        &mut self,
        source: crate::net::Error,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let mut said = None;
        while self.has_reply() {
            said = Some(self.reply(Stage::Body).await?);
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

    fn broken(&mut self, error: Error) -> Error {
        self.is_broken = true;
        error
    }

    fn out_of_place(&mut self, stage: Stage, reply: &Reply, expected: &'static str) -> Error {
        let malformed = Malformed { offset: 0, expected };
        self.broken(Error::Protocol { stage, malformed, octets: reply.to_string() })
    }
}

impl Progress {
    fn open_places(&self) -> impl Iterator<Item = usize> {
        (0..self.decided.len()).filter(|at| self.decided[*at].is_none())
    }

    /// Recipients about which nothing is decided.
    fn open(&self) -> usize {
        self.open_places().count()
    }

    /// The answer to one RCPT; a positive one decides nothing yet.
    fn recipient(&mut self, at: usize, reply: Reply) {
        if !reply.is_positive() {
            self.decided[at] = Some((Stage::Rcpt, reply));
        }
    }

    /// One answer for all that are still open.
    fn refuse_rest(&mut self, stage: Stage, reply: &Reply) {
        for place in self.decided.iter_mut().filter(|place| place.is_none()) {
            *place = Some((stage, reply.clone()));
        }
    }

    /// The answer at `at` is the last that will come: it stands for those behind it too.
    fn repeat_for_rest(&mut self, at: usize) {
        if let Some((stage, reply)) = self.decided[at].clone() {
            self.refuse_rest(stage, &reply);
        }
    }

    /// Under all-or-none, the first refusal stands for those that were accepted.
    fn refuse_rest_for_others(&mut self) {
        if let Some((stage, reply)) = self.decided.iter().flatten().next().cloned() {
            self.refuse_rest(stage, &reply);
        }
    }

    fn into_outcome(self, submission: Submission, error: Option<Error>) -> Outcome {
        let Self { decided, stage, is_given, phases } = self;
        let recipients = submission
            .recipients
            .into_iter()
            .zip(decided)
            .map(|(recipient, decided)| {
                let name = recipient.path.to_string();
                match (decided, &error) {
                    (Some((stage, reply)), _) => RecipientOutcome::by_reply(name, stage, reply),
                    (None, Some(error)) => RecipientOutcome::by_error(name, stage, error, is_given),
                    // The session ended without a word about this one.
                    (None, None) => {
                        RecipientOutcome::by_error(name, stage, &Error::Ended, is_given)
                    }
                }
            })
            .collect();
        Outcome { recipients, error, phases }
    }
}

/// Reads the next octets of a message that has `left` of them still to come.
async fn read_block<'a>(
    body: &mut dyn Body,
    left: u64,
    block: &'a mut Vec<u8>,
) -> Result<&'a [u8], Error> {
    block.resize(BLOCK_OCTETS, 0);
    let room = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_OCTETS);
    match body.read(&mut block[..room]).await.map_err(Error::Body)? {
        0 => {
            let short = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            Err(Error::Body(crate::store::Error::Caller(Box::new(short))))
        }
        read => Ok(&block[..read]),
    }
}

/// Reads a small message to the chunk buffer, ready for one BDAT.
async fn read_whole(
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
