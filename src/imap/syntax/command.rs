//! Commands: all that a client says (RFC 9051 section 6, RFC 3501 section 6, and the extensions
//! named in [`super`]).
//!
//! Decoding is strict. What a client sends within a command, after a go-ahead (DONE, the lines
//! of AUTHENTICATE), is not a command: [`is_done`] and `sasl` know it.

use std::borrow::Cow;

use super::append::AppendMessage;
use super::fetch::Item;
use super::flag::Flags;
use super::mailbox::{Mailbox, StatusItem};
use super::notify::{Filter, Notify};
use super::search::{Search, Sort, ThreadBy};
use super::set::SequenceSet;
use super::{ModSeq, NilPair, Pair, UidValidity};
use crate::base::secret::Secret;

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::{decode, is_done, tag};

/// A command with its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged<'a> {
    /// The tag that the answer will bear.
    pub tag: Cow<'a, [u8]>,
    /// The command.
    pub command: Command<'a>,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// A command that is only a name.
    Word(Word),
    /// APPEND
    Append {
        /// Where to.
        mailbox: Mailbox<'a>,
        /// The messages; more than one only with MULTIAPPEND (RFC 3502).
        messages: Vec<AppendMessage<'a>>,
    },
    /// AUTHENTICATE
    Authenticate {
        /// The SASL mechanism's name.
        mechanism: Cow<'a, [u8]>,
        /// The initial response in base64, `=` where it is empty (RFC 4959).
        initial: Option<Secret>,
    },
    /// CANCELUPDATE (RFC 5267): the tags of the searches.
    CancelUpdate(Vec<Cow<'a, [u8]>>),
    /// COMPRESS (RFC 4978)
    Compress(Cow<'a, [u8]>),
    /// COPY
    Copy {
        /// Whether the set holds UIDs.
        uid: bool,
        /// The messages.
        set: SequenceSet,
        /// Where to.
        mailbox: Mailbox<'a>,
    },
    /// CREATE
    Create {
        /// The name.
        mailbox: Mailbox<'a>,
        /// Special uses, with backslash (RFC 6154); empty: none asked for.
        special_use: Vec<Cow<'a, [u8]>>,
    },
    /// DELETE
    Delete(Mailbox<'a>),
    /// DELETEACL (RFC 4314)
    DeleteAcl(Mailbox<'a>, Cow<'a, [u8]>),
    /// ENABLE (RFC 5161)
    Enable(Vec<Cow<'a, [u8]>>),
    /// UID EXPUNGE (RFC 4315); plain EXPUNGE is a [`Word`].
    UidExpunge(SequenceSet),
    /// FETCH
    Fetch {
        /// Whether the set holds UIDs.
        uid: bool,
        /// The messages.
        set: SequenceSet,
        /// What is asked for; the macros ALL, FAST and FULL are expanded.
        items: Vec<Item<'a>>,
        /// CHANGEDSINCE (RFC 7162)
        changed_since: Option<ModSeq>,
        /// VANISHED (RFC 7162): only with CHANGEDSINCE and UIDs.
        vanished: bool,
    },
    /// GENURLAUTH (RFC 4467): URLs and mechanisms.
    GenUrlAuth(Vec<Pair<'a>>),
    /// GETACL (RFC 4314)
    GetAcl(Mailbox<'a>),
    /// GETMETADATA (RFC 5464)
    GetMetadata {
        /// DEPTH: 0, 1 or infinity; `None`: not given.
        depth: Option<Depth>,
        /// MAXSIZE, in octets.
        max_size: Option<u64>,
        /// The mailbox; empty for the server.
        mailbox: Mailbox<'a>,
        /// The entries.
        entries: Vec<Cow<'a, [u8]>>,
    },
    /// GETQUOTA (RFC 9208)
    GetQuota(Cow<'a, [u8]>),
    /// GETQUOTAROOT (RFC 9208)
    GetQuotaRoot(Mailbox<'a>),
    /// ID (RFC 2971)
    Id(Option<Vec<NilPair<'a>>>),
    /// LANGUAGE (RFC 5255): languages, the one liked best first; none asks for the list.
    Language(Vec<Cow<'a, [u8]>>),
    /// LIST
    List(List<'a>),
    /// LISTRIGHTS (RFC 4314)
    ListRights(Mailbox<'a>, Cow<'a, [u8]>),
    /// LOGIN
    Login {
        /// The user's name.
        user: Cow<'a, [u8]>,
        /// The password.
        password: Secret,
    },
    /// LSUB (RFC 3501): reference and pattern.
    Lsub(Mailbox<'a>, Cow<'a, [u8]>),
    /// MOVE (RFC 6851)
    Move {
        /// Whether the set holds UIDs.
        uid: bool,
        /// The messages.
        set: SequenceSet,
        /// Where to.
        mailbox: Mailbox<'a>,
    },
    /// ESEARCH (RFC 7377): where to look, the selected mailbox where that is empty.
    MultiSearch(Vec<Filter<'a>>, Search<'a>),
    /// MYRIGHTS (RFC 4314)
    MyRights(Mailbox<'a>),
    /// NOTIFY (RFC 5465)
    Notify(Notify<'a>),
    /// RENAME
    Rename {
        /// The name now.
        from: Mailbox<'a>,
        /// The name to be.
        to: Mailbox<'a>,
    },
    /// REPLACE (RFC 8508)
    Replace {
        /// Whether the message is named by its UID.
        uid: bool,
        /// The message; a set of one number.
        set: SequenceSet,
        /// Where the new one goes.
        mailbox: Mailbox<'a>,
        /// The new one.
        message: AppendMessage<'a>,
    },
    /// RESETKEY (RFC 4467): a mailbox and mechanisms; `None`: every mailbox.
    ResetKey(Option<(Mailbox<'a>, Vec<Cow<'a, [u8]>>)>),
    /// SEARCH; whether the results are to be UIDs.
    Search(bool, Search<'a>),
    /// SELECT or EXAMINE
    Select {
        /// The mailbox.
        mailbox: Mailbox<'a>,
        /// Whether it is EXAMINE.
        read_only: bool,
        /// Parameters (RFC 4466).
        parameters: Vec<SelectParameter<'a>>,
    },
    /// SETACL (RFC 4314): mailbox, identifier, rights with `+` or `-` before them.
    SetAcl(Mailbox<'a>, Cow<'a, [u8]>, Cow<'a, [u8]>),
    /// SETMETADATA (RFC 5464): mailbox, entries and values, NIL deleting.
    SetMetadata(Mailbox<'a>, Vec<NilPair<'a>>),
    /// SETQUOTA (RFC 9208): quota root, resources and limits.
    SetQuota(Cow<'a, [u8]>, Vec<(Cow<'a, [u8]>, u64)>),
    /// SORT (RFC 5256); whether the results are to be UIDs.
    Sort(bool, Sort<'a>),
    /// STATUS
    Status(Mailbox<'a>, Vec<StatusItem<'a>>),
    /// STORE
    Store {
        /// Whether the set holds UIDs.
        uid: bool,
        /// The messages.
        set: SequenceSet,
        /// UNCHANGEDSINCE (RFC 7162)
        unchanged_since: Option<ModSeq>,
        /// Whether what is given replaces, is added or is removed.
        action: Action,
        /// Whether no FETCH responses are wanted.
        silent: bool,
        /// What is given.
        value: StoreValue<'a>,
    },
    /// SUBSCRIBE
    Subscribe(Mailbox<'a>),
    /// THREAD (RFC 5256); whether the results are to be UIDs.
    Thread(bool, ThreadBy<'a>),
    /// UNSUBSCRIBE
    Unsubscribe(Mailbox<'a>),
    /// URLFETCH (RFC 4467)
    UrlFetch(Vec<Cow<'a, [u8]>>),
}

/// Commands without arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// CAPABILITY
    Capability,
    /// CHECK (RFC 3501)
    Check,
    /// CLOSE
    Close,
    /// EXPUNGE
    Expunge,
    /// IDLE (RFC 2177): ended by DONE, which is no command.
    Idle,
    /// LOGOUT
    Logout,
    /// NAMESPACE
    Namespace,
    /// NOOP
    Noop,
    /// STARTTLS
    StartTls,
    /// UNAUTHENTICATE (RFC 8437)
    Unauthenticate,
    /// UNSELECT
    Unselect,
}

impl Word {
    const ALL: [(&'static str, Word); 11] = [
        ("CAPABILITY", Word::Capability),
        ("CHECK", Word::Check),
        ("CLOSE", Word::Close),
        ("EXPUNGE", Word::Expunge),
        ("IDLE", Word::Idle),
        ("LOGOUT", Word::Logout),
        ("NAMESPACE", Word::Namespace),
        ("NOOP", Word::Noop),
        ("STARTTLS", Word::StartTls),
        ("UNAUTHENTICATE", Word::Unauthenticate),
        ("UNSELECT", Word::Unselect),
    ];
}

/// How deep GETMETADATA looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The entries only.
    Zero,
    /// And those directly below.
    One,
    /// And all below.
    Infinity,
}

/// A parameter of SELECT or EXAMINE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectParameter<'a> {
    /// CONDSTORE (RFC 7162)
    CondStore,
    /// QRESYNC (RFC 7162)
    Qresync {
        /// UIDVALIDITY known.
        validity: UidValidity,
        /// Mod-sequence known.
        modseq: ModSeq,
        /// UIDs known; `None`: all.
        known: Option<SequenceSet>,
        /// Sequence numbers and UIDs that belonged to each other.
        matched: Option<(SequenceSet, SequenceSet)>,
    },
    /// A parameter that we do not know: name, and raw value where there is one.
    Other(Cow<'a, [u8]>, Option<Cow<'a, [u8]>>),
}

/// What STORE does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing else stays.
    Replace,
    /// `+`
    Add,
    /// `-`
    Remove,
}

/// What STORE is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreValue<'a> {
    /// FLAGS
    Flags(Flags<'a>),
    /// X-GM-LABELS, in modified UTF-7
    GmLabels(Vec<Cow<'a, [u8]>>),
}

/// The arguments of LIST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<'a> {
    /// Selection options (RFC 5258), such as SUBSCRIBED; `None`: the basic command.
    pub select: Option<Vec<Cow<'a, [u8]>>>,
    /// What patterns are relative to; mostly empty.
    pub reference: Mailbox<'a>,
    /// Patterns; more than one only in the extended command.
    pub patterns: Vec<Cow<'a, [u8]>>,
    /// Return options; `None`: the basic command.
    pub returns: Option<Vec<ListReturn<'a>>>,
}

/// A return option of LIST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListReturn<'a> {
    /// STATUS (RFC 5819)
    Status(Vec<StatusItem<'a>>),
    /// An option without arguments: CHILDREN, SUBSCRIBED, SPECIAL-USE, MYRIGHTS.
    Word(Cow<'a, [u8]>),
    /// METADATA (RFC 9590): entries
    Metadata(Vec<Cow<'a, [u8]>>),
    /// An option that we do not know, with its raw value.
    Other(Cow<'a, [u8]>, Cow<'a, [u8]>),
}

impl Command<'_> {
    /// The command's name, `UID ` before it where it takes UIDs: all that may be logged of it.
    pub fn name(&self) -> &'static str {
        let pick = |uid: bool, with: &'static str| if uid { with } else { &with[4..] };
        match self {
            Command::Word(word) => {
                Word::ALL.iter().find(|(_, each)| each == word).map_or("", |(name, _)| name)
            }
            Command::Append { .. } => "APPEND",
            Command::Authenticate { .. } => "AUTHENTICATE",
            Command::CancelUpdate(_) => "CANCELUPDATE",
            Command::Compress(_) => "COMPRESS",
            Command::Copy { uid, .. } => pick(*uid, "UID COPY"),
            Command::Create { .. } => "CREATE",
            Command::Delete(_) => "DELETE",
            Command::DeleteAcl(..) => "DELETEACL",
            Command::Enable(_) => "ENABLE",
            Command::UidExpunge(_) => "UID EXPUNGE",
            Command::Fetch { uid, .. } => pick(*uid, "UID FETCH"),
            Command::GenUrlAuth(_) => "GENURLAUTH",
            Command::GetAcl(_) => "GETACL",
            Command::GetMetadata { .. } => "GETMETADATA",
            Command::GetQuota(_) => "GETQUOTA",
            Command::GetQuotaRoot(_) => "GETQUOTAROOT",
            Command::Id(_) => "ID",
            Command::Language(_) => "LANGUAGE",
            Command::List(_) => "LIST",
            Command::ListRights(..) => "LISTRIGHTS",
            Command::Login { .. } => "LOGIN",
            Command::Lsub(..) => "LSUB",
            Command::Move { uid, .. } => pick(*uid, "UID MOVE"),
            Command::MultiSearch(..) => "ESEARCH",
            Command::MyRights(_) => "MYRIGHTS",
            Command::Notify(_) => "NOTIFY",
            Command::Rename { .. } => "RENAME",
            Command::Replace { uid, .. } => pick(*uid, "UID REPLACE"),
            Command::ResetKey(_) => "RESETKEY",
            Command::Search(uid, _) => pick(*uid, "UID SEARCH"),
            Command::Select { read_only: false, .. } => "SELECT",
            Command::Select { read_only: true, .. } => "EXAMINE",
            Command::SetAcl(..) => "SETACL",
            Command::SetMetadata(..) => "SETMETADATA",
            Command::SetQuota(..) => "SETQUOTA",
            Command::Sort(uid, _) => pick(*uid, "UID SORT"),
            Command::Status(..) => "STATUS",
            Command::Store { uid, .. } => pick(*uid, "UID STORE"),
            Command::Subscribe(_) => "SUBSCRIBE",
            Command::Thread(uid, _) => pick(*uid, "UID THREAD"),
            Command::UrlFetch(_) => "URLFETCH",
            Command::Unsubscribe(_) => "UNSUBSCRIBE",
        }
    }
}
