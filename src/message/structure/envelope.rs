//! IMAP's envelope structure (RFC 9051 section 7.5.2): the fields that a list of messages
//! shows, as they stand.

use crate::message::address::{self, Element};
use crate::message::headers;

/// Fields of a message header, not decoded: octets unfolded, encoded words kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Date; `None` when the field is absent.
    pub date: Option<Vec<u8>>,
    /// Subject; `None` when the field is absent, empty when it is empty.
    pub subject: Option<Vec<u8>>,
    /// From; empty when absent or unreadable, as all address lists here.
    pub from: Vec<Element>,
    /// Sender; what From has when the field is absent or empty.
    pub sender: Vec<Element>,
    /// Reply-To; what From has when the field is absent or empty.
    pub reply_to: Vec<Element>,
    /// To.
    pub to: Vec<Element>,
    /// Cc.
    pub cc: Vec<Element>,
    /// Bcc.
    pub bcc: Vec<Element>,
    /// In-Reply-To; `None` when the field is absent.
    pub in_reply_to: Option<Vec<u8>>,
    /// Message-ID with its angle brackets; `None` when the field is absent.
    pub message_id: Option<Vec<u8>>,
}

impl Envelope {
    /// Reads a header block, or a message. A field that comes twice counts once, but all
    /// To, Cc and Bcc fields count.
    pub fn from_header(header: &[u8]) -> Envelope {
        let mut envelope = Envelope::default();
        for field in headers::fields(header) {
            let text = || Some(field.unfolded().into_owned());
            if field.is("Date") && envelope.date.is_none() {
                envelope.date = text();
            } else if field.is("Subject") && envelope.subject.is_none() {
                envelope.subject = text();
            } else if field.is("In-Reply-To") && envelope.in_reply_to.is_none() {
                envelope.in_reply_to = text();
            } else if field.is("Message-ID") && envelope.message_id.is_none() {
                envelope.message_id = text();
            } else if field.is("From") && envelope.from.is_empty() {
                envelope.from = address::parse(field.value);
            } else if field.is("Sender") && envelope.sender.is_empty() {
                envelope.sender = address::parse(field.value);
            } else if field.is("Reply-To") && envelope.reply_to.is_empty() {
                envelope.reply_to = address::parse(field.value);
            } else if field.is("To") {
                envelope.to.extend(address::parse(field.value));
            } else if field.is("Cc") {
                envelope.cc.extend(address::parse(field.value));
            } else if field.is("Bcc") {
                envelope.bcc.extend(address::parse(field.value));
            }
        }
        if envelope.sender.is_empty() {
            envelope.sender = envelope.from.clone();
        }
        if envelope.reply_to.is_empty() {
            envelope.reply_to = envelope.from.clone();
        }
        envelope
    }
}
