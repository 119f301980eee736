//! Giving messages: MAIL, RCPT, then DATA or BDAT, with as few round trips as the server allows.
//!
//! RFC 5321 sections 3.3 and 4.5.3.2, RFC 2920 (pipelining), RFC 3030 (BDAT), RFC 2033 (LMTP).
//!
//! Messages are [pushed](Client::push), and their [outcomes](Client::outcome) come in the same
//! order. With PIPELINING the commands up to DATA leave in one write, and the next message's
//! commands behind the end of this one's data: one round trip a message. With CHUNKING besides,
//! small messages leave whole before anything is answered.

use std::time::Instant;

use super::content::read_whole;
use super::flight::{Begun, Flight, Progress};
use super::outcome::{Outcome, Phases};
use super::{Client, Error, Stage, Submission};
use crate::net::deadline;
use crate::smtp::syntax::command;
use crate::smtp::syntax::parameter::BodyType;
use crate::store::Body;

/// Messages up to this size, in octets, are sent by BDAT before their RCPTs are answered.
const EAGER_OCTETS: u64 = 64 * 1024;

/// Messages in flight at once with CHUNKING. A connection that is lost makes the fate of all of
/// them unknown, which limits how many there should be.
const FLIGHT_MESSAGES: usize = 16;

impl Client {
    /// Whether another message can be pushed before the next outcome is taken.
    pub fn has_room(&self) -> bool {
        let most = match (self.pipelines(), self.chunks()) {
            (true, true) if !self.is_lmtp => FLIGHT_MESSAGES,
            (true, _) => 2,
            (false, _) => 1,
        };
        !self.is_broken && !self.quits && self.flight.len() < most
    }

    /// Says that no message comes after those that were pushed, or after the one that
    /// [`Client::submit`] is called with next: with PIPELINING, QUIT then leaves with the end of
    /// the last one's data, which saves a round trip.
    pub fn quit_behind(&mut self) {
        self.quits = true;
        let is_under_way = |flight: &Flight| flight.begun == Begun::Whole;
        if !self.flight.is_empty() && self.flight.iter().all(is_under_way) {
            self.queue_quit();
        }
    }

    /// Queues QUIT, which has to be the last of its group (RFC 2920 section 3.1).
    fn queue_quit(&mut self) {
        if self.quits && !self.has_quit && self.pipelines() {
            self.wire.queue(b"QUIT\r\n");
            self.has_quit = true;
        }
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
            self.queue_quit();
        }
        Ok(self.carry(flight, body).await)
    }

    fn prepare(&mut self, mut submission: Submission, body: &dyn Body) -> Result<Flight, Error> {
        self.check(&submission, body.len())?;
        submission.parameters.size = match self.capabilities.size {
            Some(_) => submission.parameters.size.or(Some(body.len())),
            None => None,
        };
        // BODY=7BIT is 8BITMIME's word; BINARYMIME brings its own.
        let is_binary = submission.parameters.body == Some(BodyType::BinaryMime);
        if !self.capabilities.eight_bit_mime && !is_binary {
            submission.parameters.body = None;
        }
        Flight::new(submission)
    }

    /// Whether a message leaves whole before its RCPTs are answered. Never on LMTP, where a BDAT
    /// has an answer per accepted recipient (RFC 2033 section 4.3): without any, servers say
    /// nothing or one word, and whoever guesses wrong takes the next message's answers for this
    /// one's.
    fn is_eager(&self, submission: &Submission, octets: u64) -> bool {
        self.pipelines()
            && self.chunks()
            && !self.is_lmtp
            && octets <= EAGER_OCTETS
            && !submission.all_or_none
    }

    /// Queues as much of a transaction as may leave before any of it is answered.
    async fn begin(&mut self, flight: &mut Flight, body: &mut dyn Body) -> Result<(), Error> {
        self.wire.check_stop().map_err(|source| Error::Network { stage: Stage::Mail, source })?;
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
            flight.end = self.wire.position();
        }
        Ok(())
    }

    /// Begins the next message behind the end of this one's data (RFC 2920 section 3.1).
    pub(super) async fn begin_next(&mut self) {
        if !self.pipelines() || self.is_broken {
            return;
        }
        let Some(mut next) = self.flight.pop_front() else {
            self.queue_quit();
            return;
        };
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
        let is_last = next.begun == Begun::Whole && self.flight.is_empty();
        self.flight.push_front(next);
        if is_last {
            self.queue_quit();
        }
    }

    async fn carry(&mut self, mut flight: Flight, body: &mut dyn Body) -> Outcome {
        let mut progress = Progress {
            decided: vec![None; flight.submission.recipients.len()],
            stage: Stage::Mail,
            is_given: flight.begun == Begun::Whole,
            end: flight.end,
            phases: Phases::default(),
        };
        let error = self.transact(&mut flight, body, &mut progress).await.err();
        progress.into_outcome(flight.submission, error, self.wire.traffic().1)
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
        self.wire.set_patient(progress.is_given);
        if self.pipelines() {
            if flight.begun == Begun::Nothing {
                self.begin(flight, body).await?;
                // The server may have it from here on, whatever is heard of it.
                progress.is_given = flight.begun == Begun::Whole;
                progress.end = flight.end;
                self.wire.set_patient(progress.is_given);
                if flight.begun == Begun::Whole && self.flight.is_empty() {
                    self.queue_quit();
                }
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
        self.wire.check_stop().map_err(|source| Error::Network { stage: Stage::Mail, source })?;
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
}
