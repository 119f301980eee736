//! What messages are besides their UID: THREADID (RFC 8474), and Gmail's numbers and labels
//! (X-GM-EXT-1).
//!
//! A thread is named after the oldest message that its members refer to, so that its name
//! needs no memory: all copies of a message have the same, and answers have their root's.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use crate::base::mailbox_name;
use crate::message::facts::Facts;
use crate::store::memory::{Account, Mailbox, MailboxId, Message};

/// The number of a message's thread; never 0.
pub(super) fn thread_number(message: &Message, facts: &Facts<'_>) -> u64 {
    let header = facts.header();
    let root = header.references().into_iter().next().or_else(|| header.message_id());
    let name = root.unwrap_or_else(|| message.email_id.clone());
    // FNV-1a with 64 bits.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.max(1)
}

/// THREADID.
pub(super) fn thread_id(message: &Message, facts: &Facts<'_>) -> String {
    format!("T{:016x}", thread_number(message, facts))
}

/// X-GM-MSGID: the number in EMAILID.
pub(super) fn message_number(message: &Message) -> u64 {
    message.email_id.trim_start_matches('M').parse().unwrap_or(0)
}

/// Labels that Gmail has of its own, by special use.
const SYSTEM: [(&str, &str); 5] = [
    ("\\Drafts", "\\Draft"),
    ("\\Important", "\\Important"),
    ("\\Junk", "\\Spam"),
    ("\\Sent", "\\Sent"),
    ("\\Trash", "\\Trash"),
];

/// The label that stands for a mailbox, in modified UTF-7.
pub(super) fn label_of(name: &str, mailbox: &Mailbox) -> String {
    if name == "INBOX" {
        return "\\Inbox".to_owned();
    }
    let is_use = |(special, _): &&(&str, &str)| mailbox.special_use().iter().any(|u| u == special);
    match SYSTEM.iter().find(is_use) {
        Some((_, label)) => (*label).to_owned(),
        None => mailbox_name::encode(name),
    }
}

/// The mailbox that a label stands for; `None` where there is none yet.
pub(super) fn mailbox_of(account: &Account, label: &str) -> Option<MailboxId> {
    let is = |(name, mailbox): &(&str, &Mailbox)| {
        let of = label_of(name, mailbox);
        if label.starts_with('\\') { of.eq_ignore_ascii_case(label) } else { of == label }
    };
    account.mailboxes().find(is).map(|(_, mailbox)| mailbox.id())
}

/// Which labels messages have: a message is in a mailbox where that has a copy of it.
#[derive(Debug, Default)]
pub(super) struct Labels {
    of: BTreeMap<String, Vec<String>>,
}

impl Labels {
    /// The labels of all messages, without that of the mailbox which is looked at.
    pub fn new(account: &Account, seen_from: MailboxId) -> Self {
        let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, mailbox) in account.mailboxes().filter(|(_, other)| other.id() != seen_from) {
            let label = label_of(name, mailbox);
            for message in mailbox.messages() {
                let labels = of.entry(message.email_id.clone()).or_default();
                if !labels.contains(&label) {
                    labels.push(label.clone());
                }
            }
        }
        Self { of }
    }

    /// Those of one message; `\Starred` is `\Flagged`.
    pub fn of(&self, message: &Message) -> Vec<Cow<'static, [u8]>> {
        let mut labels: Vec<Cow<'static, [u8]>> = Vec::new();
        for label in self.of.get(&message.email_id).into_iter().flatten() {
            labels.push(Cow::Owned(label.clone().into_bytes()));
        }
        if message.flags.has("\\Flagged") {
            labels.push(Cow::Borrowed(b"\\Starred"));
        }
        labels
    }
}

/// EMAILIDs of the messages with a label.
pub(super) fn labelled(account: &Account, label: &str) -> HashSet<String> {
    let messages = |(name, mailbox): (&str, &Mailbox)| {
        let starred = label.eq_ignore_ascii_case("\\Starred");
        let here = label_of(name, mailbox).eq_ignore_ascii_case(label);
        let wanted = move |message: &&Message| here || (starred && message.flags.has("\\Flagged"));
        mailbox.messages().iter().filter(wanted).map(|m| m.email_id.clone()).collect::<Vec<_>>()
    };
    account.mailboxes().flat_map(messages).collect()
}
