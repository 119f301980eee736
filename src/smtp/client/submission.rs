//! What is asked of a server for one message: its envelope, and what that needs.

use super::{Client, Error};
use crate::base::dot::LineEnds;
use crate::smtp::syntax::command;
use crate::smtp::syntax::parameter::{BodyType, MailParameters, RcptParameters};
use crate::smtp::syntax::path::{ForwardPath, Mailbox, ReversePath};
use crate::store::Envelope;

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
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
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
}
