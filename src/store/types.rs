//! The values that stores speak in.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::backoff::Busy;

/// The name of one message within its folder, opaque to all but its store: an IMAP UID in
/// decimal, a POP3 UIDL, a Maildir unique name, an mbox offset.
///
/// Folders of many hundred thousand messages are held in memory, and each id in several lists:
/// a clone is the same text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub Arc<str>);

impl Id {
    /// From its text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// A number in decimal.
    pub fn number(mut number: u64) -> Self {
        // As many digits as the largest has.
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        Self::new(std::str::from_utf8(&digits[at..]).expect("digits are ASCII"))
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Flags and keywords of one message. System flags are spelled as IMAP spells them
/// (`\Seen`), keywords as they are; compared without case (RFC 9051 section 2.3.2).
///
/// Folders of many hundred thousand messages are held in memory, so that the usual flags are
/// bits.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// Which of [`SYSTEM`] are set.
    bits: u8,
    /// All others; `None` for none.
    others: Option<Box<Others>>,
}

/// Flags that are no bits. Few messages have any, so that they stand apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Others(BTreeSet<Flag>);

/// The system flags of the base RFC, in order.
static SYSTEM: [Flag; 5] = [
    Flag(Cow::Borrowed("\\Answered")),
    Flag(Cow::Borrowed("\\Deleted")),
    Flag(Cow::Borrowed("\\Draft")),
    Flag(Cow::Borrowed("\\Flagged")),
    Flag(Cow::Borrowed("\\Seen")),
];

/// One flag; equality and order ignore ASCII case, display keeps it.
#[derive(Debug, Clone)]
pub struct Flag(Cow<'static, str>);

impl Flag {
    /// A flag from its name, `\Seen` or a keyword.
    pub fn new(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// The name as it was given.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether it is one of the flags that begin with a backslash.
    pub fn is_system(&self) -> bool {
        self.0.starts_with('\\')
    }
}

impl PartialEq for Flag {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for Flag {}
impl PartialOrd for Flag {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Flag {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let other = other.0.bytes().map(|octet| octet.to_ascii_lowercase());
        self.0.bytes().map(|octet| octet.to_ascii_lowercase()).cmp(other)
    }
}

/// The bit of a system flag; `None` for all other names.
fn bit(name: &str) -> Option<u8> {
    let at = SYSTEM.iter().position(|flag| flag.0.eq_ignore_ascii_case(name))?;
    Some(1 << at)
}

impl Flags {
    /// No flags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the flag is set.
    pub fn has(&self, name: &str) -> bool {
        match (bit(name), &self.others) {
            (Some(bit), _) => self.bits & bit != 0,
            (None, Some(others)) => others.0.contains(&Flag::new(name)),
            (None, None) => false,
        }
    }

    /// Sets one; `\Recent` is a session's own and is left out.
    pub fn insert(&mut self, name: &str) {
        match bit(name) {
            Some(bit) => self.bits |= bit,
            None if name.eq_ignore_ascii_case("\\Recent") => {}
            None => {
                self.others.get_or_insert_default().0.insert(Flag::new(name));
            }
        }
    }

    /// Clears one.
    pub fn remove(&mut self, name: &str) {
        match bit(name) {
            Some(bit) => self.bits &= !bit,
            None => {
                if let Some(others) = &mut self.others {
                    others.0.remove(&Flag::new(name));
                    if others.0.is_empty() {
                        self.others = None;
                    }
                }
            }
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Flag> {
        let is_set = |at: &usize| self.bits & (1 << at) != 0;
        let mut system = (0..SYSTEM.len()).filter(is_set).map(|at| &SYSTEM[at]).peekable();
        let mut others = self.others.iter().flat_map(|others| &others.0).peekable();
        std::iter::from_fn(move || match (system.peek(), others.peek()) {
            (Some(first), Some(second)) if second < first => others.next(),
            (Some(_), _) => system.next(),
            (None, _) => others.next(),
        })
    }

    /// Sets all that are set in `others`.
    pub fn extend(&mut self, others: &Flags) {
        self.bits |= others.bits;
        if let Some(others) = &others.others {
            let mine = self.others.get_or_insert_default();
            for flag in &others.0 {
                if !mine.0.contains(flag) {
                    mine.0.insert(flag.clone());
                }
            }
        }
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.bits == 0 && self.others.is_none()
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.bits.count_ones() as usize + self.others.as_ref().map_or(0, |others| others.0.len())
    }
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(Flag::name)).finish()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Flags {
    fn from_iter<T: IntoIterator<Item = S>>(names: T) -> Self {
        let mut flags = Self::new();
        for name in names {
            flags.insert(name.as_ref());
        }
        flags
    }
}

/// One message of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub id: Id,
    /// Octets as announced, a hint; `None` where the source did not tell.
    pub size: Option<u64>,
    /// Flags, where the source has any.
    pub flags: Option<Flags>,
}

/// Which octets of a message to read. All of them leave `\Seen` as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum What {
    /// The whole message.
    #[default]
    Whole,
    /// The header block with the empty line behind it.
    Headers,
    /// Only these header fields (names without colon), with the empty line behind them.
    HeaderFields(Vec<String>),
    /// An IMAP section (`1.2`, `2.MIME`, `TEXT`; RFC 9051 section 6.4.5.1), raw.
    Section(String),
    /// `octets` octets of the section (empty: the whole message) from `offset`.
    Partial {
        /// The section; empty for the whole message.
        section: String,
        /// First octet, from 0.
        offset: u64,
        /// At most that many; `None`: to the end.
        octets: Option<u64>,
    },
}

/// What is known of a message that travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Its name at the source.
    pub id: Id,
    /// Octets that will come, exact where `Some`.
    pub size: Option<u64>,
    /// Flags.
    pub flags: Option<Flags>,
    /// When the store received it, as seconds since 1970 with the zone's offset in seconds.
    pub received: Option<Received>,
}

/// IMAP's INTERNALDATE: an instant and the zone it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Received {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: i64,
    /// East of UTC, in seconds.
    pub offset_seconds: i32,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The messages are gone.
    Gone,
    /// They are marked, and go when the session ends well (POP3).
    AtFinish,
    /// They carry `\Deleted`, but could not be expunged without others' (IMAP without UIDPLUS).
    Marked,
}

/// One folder of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folder {
    /// UTF-8, `/` between levels, whatever the server's delimiter.
    pub name: String,
    /// Special use (`\Sent`, RFC 6154), without those of the base RFC.
    pub special_use: Vec<String>,
    /// Whether it can be selected.
    pub selectable: bool,
    /// Whether it is subscribed to, where known.
    pub subscribed: Option<bool>,
    /// How it stands, where the listing told for free (LIST-STATUS).
    pub status: Option<Status>,
    /// What stays the same when it is renamed, and is another when it is made anew (MAILBOXID
    /// of RFC 8474), where the listing told for free.
    pub mailbox_id: Option<String>,
    /// What is the same only as long as nothing in it has changed, where the listing told for
    /// free; to be compared with that of a [`Status`].
    pub stamp: Option<Stamp>,
}

/// A mark of how a folder stood, of a store without mod-sequences: the digest of what the
/// system tells of it without its messages being listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp(pub [u8; 16]);

/// How a folder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Number of messages.
    pub messages: u64,
    /// Unseen messages, where known.
    pub unseen: Option<u64>,
    /// Generation of the ids; a change makes every id void. Zero is what some servers say.
    pub uid_validity: u32,
    /// The id that the next message will get, at least; 0 when unknown.
    pub uid_next: u32,
    /// Highest mod-sequence (RFC 7162), where the store has them.
    pub highest_modseq: Option<u64>,
    /// Octets of all messages, where known.
    pub size: Option<u64>,
    /// How it stood before its messages were listed: a folder that still has this stamp has
    /// these messages with these flags. `None` where the store cannot promise that.
    pub stamp: Option<Stamp>,
}

/// The point of a folder's history up to which all is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// Generation; another one means that everything is new.
    pub uid_validity: u32,
    /// Mod-sequence up to which all was applied; `None` without CONDSTORE.
    pub modseq: Option<u64>,
    /// Ids that were known.
    pub known: Vec<Id>,
}

/// Which flags a folder keeps beyond a session (PERMANENTFLAGS, RFC 9051 section 7.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Keeps {
    /// The store does not tell.
    #[default]
    Untold,
    /// Every flag.
    All,
    /// These.
    These {
        /// Their names.
        flags: Flags,
        /// Whether other keywords can be tried (`\*`).
        may_make: bool,
    },
}

impl Keeps {
    /// Whether a flag of that name is kept; `None` where only trying tells.
    pub fn keeps(&self, name: &str) -> Option<bool> {
        match self {
            Self::Untold => None,
            Self::All => Some(true),
            Self::These { flags, .. } if flags.has(name) => Some(true),
            Self::These { may_make: true, .. } if !name.starts_with('\\') => None,
            Self::These { .. } => Some(false),
        }
    }
}

/// What happened in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// How the folder stands at the end of it.
    pub status: Status,
    /// Messages that are new or whose flags changed, with their flags; all when `complete`.
    pub changed: Vec<Listed>,
    /// Known messages that are gone.
    pub vanished: Vec<Id>,
    /// Whether `changed` lists every message of the folder.
    pub complete: bool,
    /// Which flags it keeps.
    pub keeps: Keeps,
}

/// Flags to add and to remove on many messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagChange {
    /// The messages.
    pub ids: Vec<Id>,
    /// Flags to set.
    pub add: Flags,
    /// Flags to clear.
    pub remove: Flags,
}

/// Who sends, and to whom: SMTP's envelope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// The reverse-path without angle brackets; empty is the null path.
    pub sender: String,
    /// The forward-paths without angle brackets.
    pub recipients: Vec<String>,
}

/// The fate of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The recipient as given.
    pub recipient: String,
    /// What is known.
    pub state: Fate,
    /// How far it came: `connect`, `greeting`, `ehlo`, `starttls`, `auth`, `mail`, `rcpt`,
    /// `data`, `body`.
    pub stage: &'static str,
    /// Reply code, where the peer answered.
    pub code: Option<u16>,
    /// Enhanced status code (RFC 3463), where the peer gave one.
    pub enhanced: Option<String>,
    /// The peer's own words, or ours where it said nothing.
    pub text: String,
}

/// How certain a fate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The peer took responsibility.
    Delivered,
    /// Try again later.
    Temporary,
    /// Never.
    Permanent,
    /// The connection went after the message was given and before the answer came.
    Unknown,
}

impl Fate {
    /// As output has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Temporary => "temporary",
            Self::Permanent => "permanent",
            Self::Unknown => "unknown",
        }
    }
}

/// What a store can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A local file or folder.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The folder does not exist.
    #[error("no folder {0:?}")]
    NoFolder(String),
    /// The folder's ids are of another generation than the caller's.
    #[error(
        "uidvalidity is {found}, not {wanted}: the folder was made anew, and its old message numbers are void"
    )]
    OtherGeneration {
        /// What the caller had.
        wanted: u32,
        /// What the store says.
        found: u32,
    },
    /// The content is not what the format wants.
    #[error("{path}: {reason} at octet {offset}")]
    Format {
        /// Which file.
        path: String,
        /// Octet in it.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A name that this store cannot hold.
    #[error("{name:?} cannot be a folder name here: {reason}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// This kind of store has no such operation.
    #[error("{store} cannot {operation}")]
    Unsupported {
        /// Kind of store.
        store: &'static str,
        /// What was asked.
        operation: &'static str,
    },
    /// Nobody can say what became of it.
    #[error("{0}")]
    Unknown(String),
    /// The sink or source that the caller gave failed.
    #[error("{0}")]
    Caller(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The reader of our output has gone away.
    #[error("output closed")]
    OutputClosed,
    /// A protocol module's own error.
    #[error("{0}")]
    Peer(Box<dyn PeerError>),
}

/// What a protocol module's error answers, so that exit codes and retries need no text.
pub trait PeerError: std::error::Error + Send + Sync + std::any::Any {
    /// Worth trying again later, unchanged.
    fn is_transient(&self) -> bool;
    /// Login or permission.
    fn is_auth(&self) -> bool;
    /// The peer broke the protocol.
    fn is_protocol(&self) -> bool;
    /// TLS is missing or not verified.
    fn is_tls(&self) -> bool;
    /// The network error underneath, where there is one.
    fn network(&self) -> Option<&crate::net::Error> {
        None
    }
    /// Whether the peer asked to be left alone for a while; `None` where it did not.
    fn busy(&self) -> Option<Busy> {
        None
    }
    /// What the user can do, in one line.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// The result of every store operation.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether a peer asked to be left alone for a while.
    pub fn busy(&self) -> Option<Busy> {
        match self {
            Self::Peer(peer) => peer.busy(),
            _ => None,
        }
    }

    /// Whether the store has said no to what was asked, and goes on: the folder or the message is
    /// not for us, now or later. What may be better later is none, nor what ends a session.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Name { .. } | Self::NoFolder(_) | Self::Unsupported { .. } => true,
            Self::Peer(peer) => {
                peer.network().is_none() && !peer.is_transient() && !peer.is_protocol()
            }
            _ => false,
        }
    }

    /// A file's error with its path.
    pub fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }

    /// An error of a file in the folder for temporary files, with the path of the folder.
    pub fn scratch(source: std::io::Error) -> Self {
        Self::file(&std::env::temp_dir(), source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_told_by_name() {
        let of = |may_make| Keeps::These { flags: ["\\Seen", "$Junk"].iter().collect(), may_make };
        assert_eq!(of(true).keeps("\\seen"), Some(true));
        assert_eq!(of(true).keeps("$junk"), Some(true));
        assert_eq!((of(true).keeps("work"), of(false).keeps("work")), (None, Some(false)));
        assert_eq!(of(true).keeps("\\Draft"), Some(false), "only keywords can be made");
        assert_eq!((Keeps::All.keeps("work"), Keeps::Untold.keeps("work")), (Some(true), None));
    }

    #[test]
    fn flags_are_in_one_order_whatever_they_are() {
        let names = ["work", "\\SEEN", "$Junk", "\\X-Other", "\\answered", "Zed", "\\Recent"];
        let mut flags: Flags = names.iter().collect();
        let listed: Vec<&str> = flags.iter().map(Flag::name).collect();
        assert_eq!(listed, ["$Junk", "\\Answered", "\\Seen", "\\X-Other", "work", "Zed"]);
        assert_eq!(flags.len(), 6);
        let mut sorted: Vec<Flag> = flags.iter().cloned().collect();
        sorted.sort();
        assert_eq!(sorted.iter().map(Flag::name).collect::<Vec<_>>(), listed);
        assert!(flags.has("\\sEEN") && flags.has("WORK") && !flags.has("\\Recent"));
        for name in names {
            flags.remove(name);
        }
        assert!(flags.is_empty() && flags == Flags::new());
        assert!(std::mem::size_of::<Flags>() <= 16);
    }
}
