//! Responses: all that a server says (RFC 9051 section 7, and the extensions named in
//! [`super`]).
//!
//! An untagged response that we do not know is kept raw. One that we know but cannot read is
//! malformed, save that quotes which a server forgot to escape are repaired.

use std::borrow::Cow;

use super::code::Code;
use super::fetch::Fetch;
use super::flag::Flags;
use super::mailbox::{List, Mailbox, Namespace, Status};
use super::search::{Esearch, Thread};
use super::set::SequenceSet;
use super::{ModSeq, NilPair, Octets, Pair, SeqNum};

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::decode;
pub(super) use decode::{parse_entry, parse_id};
pub(super) use encode::encode_id;

/// How a command ended, or what a status response reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Done.
    Ok,
    /// It could not be done.
    No,
    /// It was not understood.
    Bad,
    /// The connection will close.
    Bye,
    /// The greeting of a connection that needs no login.
    Preauth,
}

impl Condition {
    const ALL: [(Condition, &'static str); 5] = [
        (Condition::Ok, "OK"),
        (Condition::No, "NO"),
        (Condition::Bad, "BAD"),
        (Condition::Bye, "BYE"),
        (Condition::Preauth, "PREAUTH"),
    ];

    fn from_word(word: &[u8]) -> Option<Condition> {
        let is = |(_, name): &&(Condition, &str)| word.eq_ignore_ascii_case(name.as_bytes());
        Self::ALL.iter().find(is).map(|(condition, _)| *condition)
    }

    /// The word as it goes over the wire.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Ok => "OK",
            Condition::No => "NO",
            Condition::Bad => "BAD",
            Condition::Bye => "BYE",
            Condition::Preauth => "PREAUTH",
        }
    }
}

/// `resp-text`, and the condition before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusText<'a> {
    /// The condition.
    pub condition: Condition,
    /// The response code.
    pub code: Option<Code<'a>>,
    /// The human-readable text; may be empty.
    pub text: Cow<'a, [u8]>,
}

/// One response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response<'a> {
    /// `+`: a go-ahead, or a challenge in base64.
    Continue {
        /// What follows, response code included.
        text: Cow<'a, [u8]>,
    },
    /// The end of a command.
    Tagged {
        /// The command's tag.
        tag: Cow<'a, [u8]>,
        /// How it ended.
        status: StatusText<'a>,
    },
    /// `*`: data, asked or not. The greeting is one, too.
    Untagged(Data<'a>),
}

/// A URL, and the octets that it names; `None` where there are none to be had.
pub type UrlData<'a> = (Cow<'a, [u8]>, Option<Octets<'a>>);

/// What an untagged response tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data<'a> {
    /// OK, NO, BAD, BYE or PREAUTH.
    Status(StatusText<'a>),
    /// CAPABILITY
    Capability(Vec<Cow<'a, [u8]>>),
    /// ENABLED (RFC 5161)
    Enabled(Vec<Cow<'a, [u8]>>),
    /// LIST
    List(List<'a>),
    /// LSUB (RFC 3501)
    Lsub(List<'a>),
    /// STATUS
    MailboxStatus(Status<'a>),
    /// NAMESPACE
    Namespace(Namespace<'a>),
    /// FLAGS
    Flags(Flags<'a>),
    /// EXISTS: number of messages.
    Exists(u32),
    /// RECENT (RFC 3501): number of messages with \Recent.
    Recent(u32),
    /// EXPUNGE: the message is gone, and those behind it count one less.
    Expunge(SeqNum),
    /// VANISHED (RFC 7162)
    Vanished {
        /// Whether they went before this session, and no sequence numbers change.
        earlier: bool,
        /// The UIDs.
        uids: SequenceSet,
    },
    /// FETCH
    Fetch(Fetch<'a>),
    /// UIDFETCH (RFC 9586): a FETCH response that has its UID in place of the number.
    UidFetch(Fetch<'a>),
    /// GENURLAUTH (RFC 4467): authorized URLs.
    GenUrlAuth(Vec<Cow<'a, [u8]>>),
    /// URLFETCH (RFC 4467): URLs and octets; `None` where there are none to be had.
    UrlFetch(Vec<UrlData<'a>>),
    /// LANGUAGE (RFC 5255)
    Language(Vec<Cow<'a, [u8]>>),
    /// SEARCH
    Search {
        /// Numbers or UIDs, as the command asked.
        numbers: Vec<u32>,
        /// Highest mod-sequence of the messages found (RFC 7162).
        modseq: Option<ModSeq>,
    },
    /// ESEARCH (RFC 4731)
    Esearch(Esearch<'a>),
    /// SORT (RFC 5256)
    Sort {
        /// Numbers or UIDs in order.
        numbers: Vec<u32>,
        /// Highest mod-sequence of the messages found (RFC 7162).
        modseq: Option<ModSeq>,
    },
    /// THREAD (RFC 5256)
    Thread(Vec<Thread>),
    /// ID (RFC 2971): `None` where the server said NIL.
    Id(Option<Vec<NilPair<'a>>>),
    /// QUOTA (RFC 9208)
    Quota {
        /// The quota root.
        root: Cow<'a, [u8]>,
        /// Resource, usage, limit.
        resources: Vec<(Cow<'a, [u8]>, u64, u64)>,
    },
    /// QUOTAROOT (RFC 9208)
    QuotaRoot {
        /// The mailbox.
        mailbox: Mailbox<'a>,
        /// Its quota roots.
        roots: Vec<Cow<'a, [u8]>>,
    },
    /// ACL (RFC 4314)
    Acl {
        /// The mailbox.
        mailbox: Mailbox<'a>,
        /// Identifier and rights.
        entries: Vec<Pair<'a>>,
    },
    /// LISTRIGHTS (RFC 4314)
    ListRights {
        /// The mailbox.
        mailbox: Mailbox<'a>,
        /// The identifier.
        identifier: Cow<'a, [u8]>,
        /// Rights always granted, then groups that go together.
        rights: Vec<Cow<'a, [u8]>>,
    },
    /// MYRIGHTS (RFC 4314)
    MyRights {
        /// The mailbox.
        mailbox: Mailbox<'a>,
        /// Our rights.
        rights: Cow<'a, [u8]>,
    },
    /// METADATA with values (RFC 5464)
    Metadata {
        /// The mailbox; empty for the server.
        mailbox: Mailbox<'a>,
        /// Entry and value; `None` where it is not set.
        entries: Vec<NilPair<'a>>,
    },
    /// METADATA that tells which entries changed (RFC 5464)
    MetadataChanged {
        /// The mailbox; empty for the server.
        mailbox: Mailbox<'a>,
        /// The entries.
        entries: Vec<Cow<'a, [u8]>>,
    },
    /// Any other response: what stands between `* ` and the line's end, raw, literals and all.
    Unknown(Cow<'a, [u8]>),
}
