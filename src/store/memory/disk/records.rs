//! What is written beside the messages: the ledger of an account, and the index of a folder,
//! both JSON, so that people can read them.
//!
//! The ledger is replaced as a whole. The index is a snapshot with records behind it, one a
//! line; a line without its end was never told to anybody and does not count.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::limits::Limits;

/// Version of both files; one that is higher is not ours to touch.
pub(in super::super) const VERSION: u32 = 1;

/// What an account is, but for its messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Ledger {
    /// [`VERSION`] of the file.
    pub version: u32,
    /// Number of the next mailbox.
    pub next_mailbox: u64,
    /// UIDVALIDITY of the next mailbox.
    pub next_uid_validity: u32,
    /// Names subscribed to.
    pub subscriptions: Vec<String>,
    /// Highest UIDVALIDITY that was ever told of a name.
    pub spent: BTreeMap<String, u32>,
    /// Limits of the quota.
    pub limits: Limits,
    /// Annotations of the server (RFC 5464), values in base64.
    pub annotations: BTreeMap<String, String>,
    /// The mailboxes.
    pub mailboxes: Vec<Entry>,
}

/// A mailbox in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Entry {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Whether it can hold messages.
    pub selectable: bool,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// Special uses.
    pub special_use: Vec<String>,
    /// Rights of identifiers (RFC 4314).
    pub rights: BTreeMap<String, String>,
    /// Annotations, values in base64.
    pub annotations: BTreeMap<String, String>,
    /// Key of its URLs (RFC 4467), in base64; empty: none was made.
    pub url_key: String,
}

/// A line of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Record {
    /// The first line, and only that.
    Folder(Head),
    /// Messages that came with one command.
    Add(Vec<Kept>),
    /// Flags that are other now.
    Flags(Vec<Marked>),
    /// UIDs that went.
    Gone {
        /// Mod-sequence of their going.
        modseq: u64,
        /// The UIDs, first and last of each range.
        uids: Vec<(u32, u32)>,
    },
    /// First UID that no session has shown as recent.
    Recent(u32),
}

/// How a folder stood at the time of the snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Head {
    /// [`VERSION`] of the file.
    pub version: u32,
    /// Number of the mailbox.
    pub id: u64,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UID of the next message.
    pub uid_next: u32,
    /// Highest mod-sequence.
    pub modseq: u64,
    /// First UID that no session has shown as recent.
    pub recent_from: u32,
    /// What went and when: mod-sequence, first and last UID.
    pub vanished: Vec<(u64, u32, u32)>,
}

/// A message in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// UID.
    pub uid: u32,
    /// Mod-sequence.
    pub modseq: u64,
    /// Unique part of its file's name.
    pub file: String,
    /// Whether another program delivered it: its line ends are made CRLF when it is read.
    pub foreign: bool,
    /// Flags and keywords.
    pub flags: Vec<String>,
    /// INTERNALDATE, in seconds since 1970 UTC.
    pub received: i64,
    /// And its zone, in seconds east.
    pub offset: i32,
    /// When it was saved here, in seconds since 1970 UTC.
    pub saved: i64,
    /// EMAILID.
    pub email: String,
}

/// The flags of a message that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marked {
    /// UID.
    pub uid: u32,
    /// Mod-sequence of the change.
    pub modseq: u64,
    /// All flags from now on.
    pub flags: Vec<String>,
}
