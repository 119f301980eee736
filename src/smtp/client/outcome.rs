//! What became of a message, recipient by recipient.
//!
//! RFC 5321 sections 4.2.1 and 4.5.4.1 for what a code promises; RFC 2033 section 4.2 for LMTP.

use std::time::Duration;

use super::{Error, Stage};
use crate::smtp::syntax::reply::Reply;
use crate::store::{Delivery, PeerError as _};

pub use crate::store::Fate;

/// What became of one message.
#[derive(Debug)]
pub struct Outcome {
    /// One per recipient, in the order of the submission.
    pub recipients: Vec<RecipientOutcome>,
    /// What ended the transaction before the server had answered everything; `None`: nothing.
    pub error: Option<Error>,
    /// How long it took.
    pub phases: Phases,
}

/// How long the parts of a transaction took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    /// From its first command to the answer of its last RCPT or DATA.
    pub envelope: Duration,
    /// The message leaving.
    pub body: Duration,
    /// From its last octet to the answer.
    pub reply: Duration,
}

/// What became of one message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientOutcome {
    /// The forward-path without angle brackets.
    pub recipient: String,
    /// How certain it is.
    pub fate: Fate,
    /// The command that decided.
    pub stage: Stage,
    /// The server's whole answer to it; `None` where it gave none.
    pub reply: Option<Reply>,
    /// Why, in our words, where the server gave no answer; else empty.
    pub reason: String,
}

impl Outcome {
    /// Whether the message was taken for every recipient.
    pub fn is_delivered(&self) -> bool {
        self.recipients.iter().all(|recipient| recipient.fate == Fate::Delivered)
    }
}

impl RecipientOutcome {
    pub(super) fn by_reply(recipient: String, stage: Stage, reply: Reply) -> Self {
        let fate = match reply.code() / 100 {
            2 => Fate::Delivered,
            4 => Fate::Temporary,
            _ => Fate::Permanent,
        };
        Self { recipient, fate, stage, reply: Some(reply), reason: String::new() }
    }

    /// `is_given`: the end of the message may have reached the server.
    pub(super) fn by_error(recipient: String, stage: Stage, error: &Error, is_given: bool) -> Self {
        let fate = match error {
            _ if is_given => Fate::Unknown,
            Error::Network { .. } | Error::Protocol { .. } | Error::Body(_) | Error::Ended => {
                Fate::Temporary
            }
            error if error.is_transient() => Fate::Temporary,
            _ => Fate::Permanent,
        };
        Self { recipient, fate, stage, reply: error.reply().cloned(), reason: error.to_string() }
    }

    /// The name that the server gave the message, as far as its answer is known to tell one:
    /// behind "queued as" (Postfix) or "id=" (Exim; Exchange's InternalId).
    pub fn queue_id(&self) -> Option<String> {
        if self.fate != Fate::Delivered {
            return None;
        }
        let text = self.reply.as_ref()?.text();
        let lower = text.to_ascii_lowercase();
        let at = ["queued as ", "id="]
            .iter()
            .find_map(|phrase| lower.find(phrase).map(|at| at + phrase.len()))?;
        let word = text[at..].split_ascii_whitespace().next()?;
        let id = word.trim_end_matches('.').trim_matches(['<', '>', '(', ')', ',', ';']);
        Some(id.to_owned()).filter(|id| !id.is_empty())
    }

    /// As every [`crate::store::Transport`] tells it.
    pub fn into_delivery(self) -> Delivery {
        Delivery {
            state: self.fate,
            stage: self.stage.as_str(),
            code: self.reply.as_ref().map(Reply::code),
            enhanced: self.reply.as_ref().and_then(Reply::enhanced_code).map(|it| it.to_string()),
            text: self.reply.as_ref().map_or(self.reason, Reply::text),
            recipient: self.recipient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue_id(text: &str) -> Option<String> {
        RecipientOutcome::by_reply("a@b".into(), Stage::Body, Reply::new(250, text)).queue_id()
    }

    #[test]
    fn queue_ids_of_known_servers() {
        for (text, id) in [
            ("2.0.0 Ok: queued as 4A8F61204B", Some("4A8F61204B")),
            ("OK id=1rXyZ0-000abc-1K", Some("1rXyZ0-000abc-1K")),
            ("2.6.0 <m@h> [InternalId=17, Hostname=h] Queued mail for delivery", Some("17")),
            ("2.0.0 OK Queued as <abc>.", Some("abc")),
            ("Ok", None),
        ] {
            assert_eq!(queue_id(text).as_deref(), id, "{text}");
        }
    }

    #[test]
    fn a_lost_answer_is_unknown_and_a_lost_connection_before_it_is_not() {
        let lost = || Error::Network { stage: Stage::Body, source: crate::net::Error::Closed };
        let fate = |given| RecipientOutcome::by_error("a".into(), Stage::Body, &lost(), given).fate;
        assert_eq!((fate(true), fate(false)), (Fate::Unknown, Fate::Temporary));
        let delivery = RecipientOutcome::by_reply(
            "a".into(),
            Stage::Rcpt,
            Reply::enhanced(550, (5, 1, 1), "no such user"),
        )
        .into_delivery();
        assert_eq!(delivery.state, Fate::Permanent);
        assert_eq!((delivery.code, delivery.enhanced.as_deref()), (Some(550), Some("5.1.1")));
        assert_eq!((delivery.stage, delivery.text.as_str()), ("rcpt", "no such user"));
    }
}
