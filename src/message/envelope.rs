//! Sender and recipients that the header of a message names (RFC 5322 sections 3.6.2, 3.6.3
//! and 3.6.6), as `sendmail -t` and `send` want them.
//!
//! It reads the header only; removing Bcc, qualifying local parts and A-labels are the
//! caller's work.

use super::address::{self, Mailbox};
use super::headers::{self, Field};

/// Which fields name the recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From, Sender, To, Cc, Bcc.
    Original,
    /// The same with `Resent-`, of the newest resent block only.
    Resent,
}

/// Who sends to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// The address of Sender, else the first of From; `None` when neither names one.
    pub sender: Option<String>,
    /// The addresses of To, Cc and Bcc in that order, each once, as first written.
    pub recipients: Vec<String>,
}

/// An address field that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {field} field of the message is no address list")]
pub struct Error {
    /// The field's name as written.
    pub field: String,
    /// Offset of the mistake in the message.
    pub offset: usize,
    /// What is wrong.
    pub source: address::Error,
}

/// Reads the envelope from a message or its header block.
///
/// # Errors
/// The first address field among those read that is no address list.
pub fn from_header(message: &[u8], source: Source) -> Result<Envelope, Error> {
    let (block, prefix): (Vec<Field<'_>>, &str) = match source {
        Source::Original => (headers::fields(message).collect(), ""),
        Source::Resent => (newest_resent(message), "Resent-"),
    };
    let read = |name: &str| -> Result<Vec<Mailbox>, Error> {
        let name = format!("{prefix}{name}");
        let mut all = Vec::new();
        for field in block.iter().filter(|field| field.is(&name)) {
            all.extend(mailboxes(field)?);
        }
        Ok(all)
    };
    let sender = match read("Sender")?.into_iter().find(|mailbox| !mailbox.addr.is_empty()) {
        Some(sender) => Some(sender),
        None => read("From")?.into_iter().find(|mailbox| !mailbox.addr.is_empty()),
    };
    let mut recipients = Vec::new();
    for name in ["To", "Cc", "Bcc"] {
        recipients.extend(read(name)?.into_iter().map(|mailbox| mailbox.addr));
    }
    recipients.retain(|addr| !addr.is_empty());
    Ok(Envelope { sender: sender.map(|mailbox| mailbox.addr), recipients: unique(recipients) })
}

/// The addresses, each once, in their order and as first written. Local parts are compared
/// exactly, domains without regard to case (RFC 5321 section 2.4).
pub fn unique(addresses: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    addresses.into_iter().filter(|address| seen.insert(fold_domain(address))).collect()
}

/// The address with its domain in lower case.
pub fn fold_domain(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.to_owned(),
    }
}

fn mailboxes(field: &Field<'_>) -> Result<Vec<Mailbox>, Error> {
    address::mailboxes(field.value).map_err(|source| Error {
        field: String::from_utf8_lossy(field.name).into_owned(),
        offset: field.value_start + source.offset,
        source,
    })
}

/// The fields of the newest resent block: the topmost (RFC 5322 section 3.6.6). A block
/// ends at a trace field, or where a field comes that the block has already and that it may
/// have only once.
fn newest_resent(message: &[u8]) -> Vec<Field<'_>> {
    let mut block: Vec<Field<'_>> = Vec::new();
    for field in headers::fields(message) {
        let resent =
            field.name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"resent-"));
        if resent {
            let again = block.iter().any(|other| other.name.eq_ignore_ascii_case(field.name));
            if again {
                break;
            }
            block.push(field);
        } else if !block.is_empty() && (field.is("Received") || field.is("Return-Path")) {
            break;
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_of_to_cc_and_bcc() {
        let message = b"From: Ann <ann@x.org>, b@x.org\r\nTo: c@X.org, Team: d@y, e@y;\r\nBCC : f@y\r\nCc: c@x.ORG, C@x.org,\r\n g@y\r\nTo: h@y\r\n\r\nTo: no@body\r\n";
        let envelope = from_header(message, Source::Original).unwrap();
        assert_eq!(envelope.sender.as_deref(), Some("ann@x.org"));
        assert_eq!(envelope.recipients, ["c@X.org", "d@y", "e@y", "h@y", "C@x.org", "g@y", "f@y"]);
    }

    #[test]
    fn sender_goes_before_from() {
        let message = b"From: a@x, b@x\nSender: s@x\nTo: undisclosed:;\n\n";
        let envelope = from_header(message, Source::Original).unwrap();
        assert_eq!(envelope, Envelope { sender: Some("s@x".to_owned()), recipients: vec![] });
        assert_eq!(from_header(b"", Source::Original).unwrap(), Envelope::default());
    }

    #[test]
    fn the_newest_resent_block_only() {
        let message =
            b"Received: x\nResent-From: new@x\nResent-To: one@x\nX-Between: y\nResent-Bcc: two@x\n\
            Resent-From: old@x\nResent-To: three@x\nFrom: a@x\nTo: b@x\n\n";
        let envelope = from_header(message, Source::Resent).unwrap();
        assert_eq!(envelope.sender.as_deref(), Some("new@x"));
        assert_eq!(envelope.recipients, ["one@x", "two@x"]);
        let traced = b"Resent-To: one@x\nReceived: x\nResent-Cc: two@x\nTo: b@x\n\n";
        assert_eq!(from_header(traced, Source::Resent).unwrap().recipients, ["one@x"]);
    }

    #[test]
    fn an_error_names_field_and_place() {
        let message = b"From: a@x\r\nTo: b@x, not an address\r\n\r\n";
        let error = from_header(message, Source::Original).unwrap_err();
        assert_eq!(error.field, "To");
        assert_eq!(&message[error.offset..error.offset + 2], b"an");
    }

    #[test]
    fn real_messages_are_read_or_refused() {
        for (_, octets) in crate::message::corpus("envelope") {
            for source in [Source::Original, Source::Resent] {
                if let Err(error) = from_header(&octets, source) {
                    assert!(error.offset <= octets.len());
                }
            }
        }
    }
}
