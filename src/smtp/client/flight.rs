//! What is remembered of a message on its way, and of the answers to it.

use std::time::Instant;

use super::outcome::{Outcome, Phases, RecipientOutcome};
use super::{Error, Stage, Submission};
use crate::smtp::syntax::reply::Reply;
use crate::store::Body;

/// A message between its push and its outcome.
pub(super) struct Flight {
    pub(super) submission: Submission,
    /// Its MAIL and all RCPTs, one line each.
    pub(super) lines: Vec<u8>,
    /// `None`: the caller of [`Client::submit`] holds it.
    pub(super) body: Option<Box<dyn Body>>,
    pub(super) begun: Begun,
    /// A RSET was sent before its MAIL.
    pub(super) resets: bool,
    pub(super) started: Instant,
    /// Where its end stands in what is written (see [`Wire::position`]), once it was queued.
    ///
    /// [`Wire::position`]: crate::net::Wire::position
    pub(super) end: u64,
    /// Why it could not be begun behind its predecessor.
    pub(super) fault: Option<Error>,
}

/// How much of a transaction has been queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
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
    pub(super) block: Vec<u8>,
    pub(super) chunk: Vec<u8>,
}

/// What is known of a transaction so far.
pub(super) struct Progress {
    /// Per recipient: what decided, once something has.
    pub(super) decided: Vec<Option<(Stage, Reply)>>,
    pub(super) stage: Stage,
    /// The end of the message was queued.
    pub(super) is_given: bool,
    /// Where that end stands in what is written.
    pub(super) end: u64,
    pub(super) phases: Phases,
}

impl Flight {
    pub(super) fn new(submission: Submission) -> Result<Self, Error> {
        let mut lines = Vec::new();
        submission.encode(&mut lines)?;
        Ok(Self {
            submission,
            lines,
            body: None,
            begun: Begun::Nothing,
            resets: false,
            started: Instant::now(),
            end: 0,
            fault: None,
        })
    }
}

impl Progress {
    pub(super) fn open_places(&self) -> impl Iterator<Item = usize> {
        (0..self.decided.len()).filter(|at| self.decided[*at].is_none())
    }

    /// Recipients about which nothing is decided.
    pub(super) fn open(&self) -> usize {
        self.open_places().count()
    }

    /// The answer to one RCPT; a positive one decides nothing yet.
    pub(super) fn recipient(&mut self, at: usize, reply: Reply) {
        if !reply.is_positive() {
            self.decided[at] = Some((Stage::Rcpt, reply));
        }
    }

    /// One answer for all that are still open.
    pub(super) fn refuse_rest(&mut self, stage: Stage, reply: &Reply) {
        for place in self.decided.iter_mut().filter(|place| place.is_none()) {
            *place = Some((stage, reply.clone()));
        }
    }

    /// The answer at `at` is the last that will come: it stands for those behind it too.
    pub(super) fn repeat_for_rest(&mut self, at: usize) {
        if let Some((stage, reply)) = self.decided[at].clone() {
            self.refuse_rest(stage, &reply);
        }
    }

    /// Under all-or-none, the first refusal stands for those that were accepted.
    pub(super) fn refuse_rest_for_others(&mut self) {
        if let Some((stage, reply)) = self.decided.iter().flatten().next().cloned() {
            self.refuse_rest(stage, &reply);
        }
    }

    /// `written`: so many octets have left. A message whose end has not, nobody has.
    pub(super) fn into_outcome(
        self,
        submission: Submission,
        error: Option<Error>,
        written: u64,
    ) -> Outcome {
        let Self { decided, stage, is_given, end, phases } = self;
        let is_given = is_given && written >= end;
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
