//! Commands: all that a client says (RFC 9051 section 6, RFC 3501 section 6, and the extensions
//! named in [`super`]).
//!
//! Decoding is strict. What a client sends within a command, after a go-ahead (DONE, the lines
//! of AUTHENTICATE), is not a command: [`is_done`] and `sasl` know it.

use std::borrow::Cow;

use super::date::DateTime;
use super::encode::Encoder;
use super::fetch::Item;
use super::flag::Flags;
use super::mailbox::{Mailbox, StatusItem};
use super::response::{encode_id, parse_entry, parse_id};
use super::search::{Search, Sort, ThreadBy};
use super::set::SequenceSet;
use super::token::{Cursor, Fail, Manner, Octets, Parse, TAG, all_of};
use super::{ModSeq, UidValidity};
use crate::base::decode;
use crate::base::secret::Secret;

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
    Id(Option<Vec<(Cow<'a, [u8]>, Option<Cow<'a, [u8]>>)>>),
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
    /// MYRIGHTS (RFC 4314)
    MyRights(Mailbox<'a>),
    /// RENAME
    Rename {
        /// The name now.
        from: Mailbox<'a>,
        /// The name to be.
        to: Mailbox<'a>,
    },
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
    SetMetadata(Mailbox<'a>, Vec<(Cow<'a, [u8]>, Option<Cow<'a, [u8]>>)>),
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
    /// UNSELECT
    Unselect,
}

impl Word {
    const ALL: [(&'static str, Word); 10] = [
        ("CAPABILITY", Word::Capability),
        ("CHECK", Word::Check),
        ("CLOSE", Word::Close),
        ("EXPUNGE", Word::Expunge),
        ("IDLE", Word::Idle),
        ("LOGOUT", Word::Logout),
        ("NAMESPACE", Word::Namespace),
        ("NOOP", Word::Noop),
        ("STARTTLS", Word::StartTls),
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

/// How the message of an APPEND is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendKind {
    /// As a literal.
    Literal,
    /// As a literal8, which may hold NUL (RFC 3516).
    Literal8,
    /// As `UTF8 (literal8)`: its header may hold UTF-8 (RFC 6855).
    Utf8,
}

/// One message of an APPEND.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendMessage<'a> {
    /// Flags; `None` and none are the same to the server.
    pub flags: Option<Flags<'a>>,
    /// Internal date; `None`: now.
    pub date: Option<DateTime>,
    /// How it is sent.
    pub kind: AppendKind,
    /// The message.
    pub octets: Octets<'a>,
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
    /// An option that we do not know, with its raw value.
    Other(Cow<'a, [u8]>, Cow<'a, [u8]>),
}

/// Decodes the command at the start of `octets`, the octets of streamed literals left out.
///
/// # Errors
/// What is not a command; [`tag`] still tells whom to answer.
pub fn decode(octets: &[u8]) -> decode::Result<Tagged<'_>> {
    let mut cursor = Cursor::new(octets, Manner::Strict);
    let parsed = parse(&mut cursor);
    cursor.outcome(parsed)
}

/// The tag at the start of a command that could not be decoded.
pub fn tag(octets: &[u8]) -> Option<&[u8]> {
    let end = octets.iter().position(|c| matches!(c, b' ' | b'\r' | b'\n'))?;
    all_of(&octets[..end], TAG).then(|| &octets[..end])
}

/// Whether a line, its end included, is the DONE that ends IDLE.
pub fn is_done(line: &[u8]) -> bool {
    line.strip_suffix(b"\r\n").is_some_and(|line| line.eq_ignore_ascii_case(b"DONE"))
}

fn parse<'a>(cursor: &mut Cursor<'a>) -> Parse<Tagged<'a>> {
    let tag = Cow::Borrowed(cursor.run(TAG, "tag")?);
    cursor.sp()?;
    let mut start = cursor.at();
    let mut name = cursor.word()?;
    let uid = name.eq_ignore_ascii_case(b"UID");
    if uid {
        cursor.sp()?;
        start = cursor.at();
        name = cursor.word()?;
    }
    let command = if uid { parse_uid(name, cursor)? } else { parse_plain(name, cursor)? };
    let Some(command) = command else {
        return Err(Fail::Bad { offset: start, expected: "command" });
    };
    cursor.crlf()?;
    Ok(Tagged { tag, command })
}

/// Commands that `UID` may stand before; the name is taken, the SP behind it is not.
fn parse_uid<'a>(name: &[u8], cursor: &mut Cursor<'a>) -> Parse<Option<Command<'a>>> {
    if name.eq_ignore_ascii_case(b"EXPUNGE") {
        cursor.sp()?;
        return SequenceSet::parse(cursor).map(|set| Some(Command::UidExpunge(set)));
    }
    parse_numbered(name, true, cursor)
}

fn parse_numbered<'a>(
    name: &[u8],
    uid: bool,
    cursor: &mut Cursor<'a>,
) -> Parse<Option<Command<'a>>> {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let known = ["COPY", "MOVE", "FETCH", "STORE", "SEARCH", "SORT", "THREAD"];
    if !known.into_iter().any(is) {
        return Ok(None);
    }
    cursor.sp()?;
    if is("SEARCH") {
        return Ok(Some(Command::Search(uid, Search::parse(cursor)?)));
    }
    if is("SORT") {
        return Ok(Some(Command::Sort(uid, Sort::parse(cursor)?)));
    }
    if is("THREAD") {
        return Ok(Some(Command::Thread(uid, ThreadBy::parse(cursor)?)));
    }
    let set = SequenceSet::parse(cursor)?;
    cursor.sp()?;
    Ok(Some(if is("COPY") {
        Command::Copy { uid, set, mailbox: Mailbox::parse(cursor)? }
    } else if is("MOVE") {
        Command::Move { uid, set, mailbox: Mailbox::parse(cursor)? }
    } else if is("FETCH") {
        parse_fetch(uid, set, cursor)?
    } else {
        parse_store(uid, set, cursor)?
    }))
}

fn parse_fetch<'a>(uid: bool, set: SequenceSet, cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    let fast = || vec![Item::Flags, Item::InternalDate, Item::Size];
    let items = if cursor.peek()? == b'(' {
        cursor.list1(Item::parse)?
    } else if cursor.eat_word("FAST")? {
        fast()
    } else if cursor.eat_word("ALL")? {
        [fast(), vec![Item::Envelope]].concat()
    } else if cursor.eat_word("FULL")? {
        [fast(), vec![Item::Envelope, Item::BodyNonExtensible]].concat()
    } else {
        vec![Item::parse(cursor)?]
    };
    let (mut changed_since, mut vanished) = (None, false);
    if cursor.eat(b' ')? {
        cursor.list1(|cursor| {
            if cursor.eat_word("CHANGEDSINCE")? {
                cursor.sp()?;
                changed_since = Some(ModSeq(cursor.number()?));
            } else if cursor.eat_word("VANISHED")? {
                vanished = true;
            } else {
                return cursor.bad("fetch-modifier");
            }
            Ok(())
        })?;
    }
    Ok(Command::Fetch { uid, set, items, changed_since, vanished })
}

fn parse_store<'a>(uid: bool, set: SequenceSet, cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    let mut unchanged_since = None;
    if cursor.peek()? == b'(' {
        cursor.list1(|cursor| {
            if !cursor.eat_word("UNCHANGEDSINCE")? {
                return cursor.bad("store-modifier");
            }
            cursor.sp()?;
            unchanged_since = Some(ModSeq(cursor.number()?));
            Ok(())
        })?;
        cursor.sp()?;
    }
    let action = match cursor.peek()? {
        b'+' => Action::Add,
        b'-' => Action::Remove,
        _ => Action::Replace,
    };
    if action != Action::Replace {
        cursor.bump();
    }
    let start = cursor.at();
    let name = cursor.word()?;
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let silent = is("FLAGS.SILENT") || is("X-GM-LABELS.SILENT");
    let labels = is("X-GM-LABELS") || is("X-GM-LABELS.SILENT");
    if !silent && !labels && !is("FLAGS") {
        return Err(Fail::Bad { offset: start, expected: "FLAGS" });
    }
    cursor.sp()?;
    let value = if labels {
        StoreValue::GmLabels(cursor.list(Cursor::astring)?)
    } else if cursor.peek()? == b'(' {
        StoreValue::Flags(Flags::parse(cursor)?)
    } else {
        StoreValue::Flags(Flags::parse_bare(cursor)?)
    };
    Ok(Command::Store { uid, set, unchanged_since, action, silent, value })
}

/// Commands without `UID`; the name is taken, the SP behind it is not.
fn parse_plain<'a>(name: &[u8], cursor: &mut Cursor<'a>) -> Parse<Option<Command<'a>>> {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if let Some((_, word)) = Word::ALL.iter().find(|(known, _)| is(known)) {
        return Ok(Some(Command::Word(*word)));
    }
    if let Some(command) = parse_numbered(name, false, cursor)? {
        return Ok(Some(command));
    }
    let known = [
        "APPEND", "AUTHENTICATE", "COMPRESS", "CREATE", "DELETE", "DELETEACL", "ENABLE", "EXAMINE",
        "GETACL", "GETMETADATA", "GETQUOTA", "GETQUOTAROOT", "ID", "LIST", "LISTRIGHTS", "LOGIN",
        "LSUB", "MYRIGHTS", "RENAME", "SELECT", "SETACL", "SETMETADATA", "SETQUOTA", "STATUS",
        "SUBSCRIBE", "UNSUBSCRIBE",
    ];
    if !known.into_iter().any(is) {
        return Ok(None);
    }
    cursor.sp()?;
    Ok(Some(if is("APPEND") {
        parse_append(cursor)?
    } else if is("AUTHENTICATE") {
        let mechanism = Cow::Borrowed(cursor.atom()?);
        let mut initial = None;
        if cursor.eat(b' ')? {
            let start = cursor.at();
            while matches!(cursor.peek()?, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=')
            {
                cursor.bump();
            }
            if cursor.at() == start {
                return cursor.bad("base64");
            }
            initial = Some(Secret::new(cursor.since(start)));
        }
        Command::Authenticate { mechanism, initial }
    } else if is("COMPRESS") {
        Command::Compress(Cow::Borrowed(cursor.atom()?))
    } else if is("ENABLE") {
        let mut names = vec![Cow::Borrowed(cursor.atom()?)];
        while cursor.eat(b' ')? {
            names.push(Cow::Borrowed(cursor.atom()?));
        }
        Command::Enable(names)
    } else if is("GETQUOTA") {
        Command::GetQuota(cursor.astring()?)
    } else if is("ID") {
        Command::Id(parse_id(cursor)?)
    } else if is("LIST") {
        parse_list(cursor)?
    } else if is("LOGIN") {
        let user = cursor.astring()?;
        cursor.sp()?;
        Command::Login { user, password: Secret::new(&*cursor.astring()?) }
    } else if is("SETQUOTA") {
        let root = cursor.astring()?;
        cursor.sp()?;
        let limits = cursor.list(|cursor| {
            let name = Cow::Borrowed(cursor.atom()?);
            cursor.sp()?;
            Ok((name, cursor.number()?))
        })?;
        Command::SetQuota(root, limits)
    } else if is("GETMETADATA") {
        parse_get_metadata(cursor)?
    } else {
        parse_of_mailbox(name, cursor)?
    }))
}

/// Commands whose first argument is a mailbox; the SP before it is taken.
fn parse_of_mailbox<'a>(name: &[u8], cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let mailbox = Mailbox::parse(cursor)?;
    let simple = if is("DELETE") {
        Command::Delete
    } else if is("GETACL") {
        Command::GetAcl
    } else if is("GETQUOTAROOT") {
        Command::GetQuotaRoot
    } else if is("MYRIGHTS") {
        Command::MyRights
    } else if is("SUBSCRIBE") {
        Command::Subscribe
    } else if is("UNSUBSCRIBE") {
        Command::Unsubscribe
    } else {
        return parse_behind_mailbox(name, mailbox, cursor);
    };
    Ok(simple(mailbox))
}

fn parse_behind_mailbox<'a>(
    name: &[u8],
    mailbox: Mailbox<'a>,
    cursor: &mut Cursor<'a>,
) -> Parse<Command<'a>> {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if is("SELECT") || is("EXAMINE") {
        let mut parameters = Vec::new();
        if cursor.eat(b' ')? {
            parameters = cursor.list1(SelectParameter::parse)?;
        }
        return Ok(Command::Select { mailbox, read_only: is("EXAMINE"), parameters });
    }
    if is("CREATE") {
        let mut special_use = Vec::new();
        if cursor.eat(b' ')? {
            cursor.expect(b'(', "(")?;
            if !cursor.eat_word("USE")? {
                return cursor.bad("USE");
            }
            cursor.sp()?;
            special_use = cursor.list1(parse_use)?;
            cursor.expect(b')', ")")?;
        }
        return Ok(Command::Create { mailbox, special_use });
    }
    cursor.sp()?;
    Ok(if is("RENAME") {
        Command::Rename { from: mailbox, to: Mailbox::parse(cursor)? }
    } else if is("LSUB") {
        Command::Lsub(mailbox, cursor.list_mailbox()?)
    } else if is("STATUS") {
        let items = cursor.list1(|cursor| cursor.atom().map(StatusItem::from_atom))?;
        Command::Status(mailbox, items)
    } else if is("DELETEACL") {
        Command::DeleteAcl(mailbox, cursor.astring()?)
    } else if is("LISTRIGHTS") {
        Command::ListRights(mailbox, cursor.astring()?)
    } else if is("SETACL") {
        let identifier = cursor.astring()?;
        cursor.sp()?;
        Command::SetAcl(mailbox, identifier, cursor.astring()?)
    } else {
        Command::SetMetadata(mailbox, cursor.list1(parse_entry)?)
    })
}

/// `"\" atom`
fn parse_use<'a>(cursor: &mut Cursor<'a>) -> Parse<Cow<'a, [u8]>> {
    let start = cursor.at();
    cursor.expect(b'\\', "use-attr")?;
    cursor.atom()?;
    Ok(Cow::Borrowed(cursor.since(start)))
}

/// `append = "APPEND" SP mailbox 1*append-message` (RFC 3502)
fn parse_append<'a>(cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    let mailbox = Mailbox::parse(cursor)?;
    let mut messages = Vec::new();
    cursor.sp()?;
    loop {
        let mut flags = None;
        if cursor.peek()? == b'(' {
            flags = Some(Flags::parse(cursor)?);
            cursor.sp()?;
        }
        let mut date = None;
        if cursor.peek()? == b'"' {
            date = Some(DateTime::parse(cursor)?);
            cursor.sp()?;
        }
        let utf8 = cursor.eat_word("UTF8")?;
        if utf8 {
            cursor.sp()?;
            cursor.expect(b'(', "(")?;
        }
        let start = cursor.at();
        let (octets, binary) = cursor.literal_octets()?;
        let kind = match (utf8, binary) {
            (true, true) => AppendKind::Utf8,
            (true, false) => return Err(Fail::Bad { offset: start, expected: "literal8" }),
            (false, true) => AppendKind::Literal8,
            (false, false) => AppendKind::Literal,
        };
        if utf8 {
            cursor.expect(b')', ")")?;
        }
        messages.push(AppendMessage { flags, date, kind, octets });
        if !cursor.eat(b' ')? {
            return Ok(Command::Append { mailbox, messages });
        }
    }
}

fn parse_list<'a>(cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    let mut select = None;
    if cursor.peek()? == b'(' {
        select = Some(cursor.list(|cursor| cursor.atom().map(Cow::Borrowed))?);
        cursor.sp()?;
    }
    let reference = Mailbox::parse(cursor)?;
    cursor.sp()?;
    let patterns = match cursor.peek()? {
        b'(' => cursor.list1(Cursor::list_mailbox)?,
        _ => vec![cursor.list_mailbox()?],
    };
    let mut returns = None;
    if cursor.eat(b' ')? {
        if !cursor.eat_word("RETURN")? {
            return cursor.bad("RETURN");
        }
        cursor.sp()?;
        returns = Some(cursor.list(ListReturn::parse)?);
    }
    Ok(Command::List(List { select, reference, patterns, returns }))
}

/// What an option or parameter that we do not know has for a value: a list behind an SP.
fn parse_value_list<'a>(cursor: &mut Cursor<'a>) -> Parse<Option<Cow<'a, [u8]>>> {
    if cursor.peek()? != b' ' {
        return Ok(None);
    }
    match cursor.rest().get(1) {
        None => Err(Fail::More),
        Some(b'(') => {
            cursor.sp()?;
            cursor.raw_value().map(|value| Some(Cow::Borrowed(value)))
        }
        Some(_) => Ok(None),
    }
}

impl<'a> ListReturn<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Parse<ListReturn<'a>> {
        let name = cursor.atom()?;
        if name.eq_ignore_ascii_case(b"STATUS") {
            cursor.sp()?;
            let items = cursor.list1(|cursor| cursor.atom().map(StatusItem::from_atom))?;
            return Ok(ListReturn::Status(items));
        }
        Ok(match parse_value_list(cursor)? {
            None => ListReturn::Word(Cow::Borrowed(name)),
            Some(value) => ListReturn::Other(Cow::Borrowed(name), value),
        })
    }

    fn encode(&self, out: &mut Encoder) {
        match self {
            ListReturn::Status(items) => {
                out.raw("STATUS ");
                encode_status_items(items, out);
            }
            ListReturn::Word(name) => out.atom(name, "list return option"),
            ListReturn::Other(name, value) => {
                out.atom(name, "list return option");
                out.sp();
                out.text(value, "list return option");
            }
        }
    }
}

fn encode_status_items(items: &[StatusItem<'_>], out: &mut Encoder) {
    if items.is_empty() {
        out.refuse("empty list of status items");
    }
    out.list(items, |out, item| item.encode(out));
}

impl<'a> SelectParameter<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Parse<SelectParameter<'a>> {
        let name = cursor.atom()?;
        if name.eq_ignore_ascii_case(b"CONDSTORE") {
            return Ok(SelectParameter::CondStore);
        }
        if !name.eq_ignore_ascii_case(b"QRESYNC") {
            let value = parse_value_list(cursor)?;
            return Ok(SelectParameter::Other(Cow::Borrowed(name), value));
        }
        cursor.sp()?;
        cursor.expect(b'(', "(")?;
        let validity = UidValidity(cursor.nz_number()?);
        cursor.sp()?;
        let modseq = ModSeq(cursor.number()?);
        let (mut known, mut matched) = (None, None);
        if cursor.eat(b' ')? {
            if cursor.peek()? != b'(' {
                known = Some(SequenceSet::parse(cursor)?);
            }
            if known.is_none() || cursor.eat(b' ')? {
                cursor.expect(b'(', "(")?;
                let numbers = SequenceSet::parse(cursor)?;
                cursor.sp()?;
                matched = Some((numbers, SequenceSet::parse(cursor)?));
                cursor.expect(b')', ")")?;
            }
        }
        cursor.expect(b')', ")")?;
        Ok(SelectParameter::Qresync { validity, modseq, known, matched })
    }

    fn encode(&self, out: &mut Encoder) {
        match self {
            SelectParameter::CondStore => out.raw("CONDSTORE"),
            SelectParameter::Qresync { validity, modseq, known, matched } => {
                if validity.0 == 0 {
                    out.refuse("uidvalidity of zero");
                }
                out.raw("QRESYNC (");
                out.number(u64::from(validity.0));
                out.sp();
                out.number(modseq.0);
                if let Some(known) = known {
                    out.sp();
                    known.encode(out);
                }
                if let Some((numbers, uids)) = matched {
                    out.raw(" (");
                    numbers.encode(out);
                    out.sp();
                    uids.encode(out);
                    out.raw(")");
                }
                out.raw(")");
            }
            SelectParameter::Other(name, value) => {
                out.atom(name, "select parameter");
                if let Some(value) = value {
                    out.sp();
                    out.text(value, "select parameter");
                }
            }
        }
    }
}

/// `getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries`
fn parse_get_metadata<'a>(cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    let (mut depth, mut max_size) = (None, None);
    if cursor.peek()? == b'(' {
        cursor.list1(|cursor| {
            if cursor.eat_word("MAXSIZE")? {
                cursor.sp()?;
                max_size = Some(cursor.number()?);
            } else if cursor.eat_word("DEPTH")? {
                cursor.sp()?;
                depth = Some(if cursor.eat_word("0")? {
                    Depth::Zero
                } else if cursor.eat_word("1")? {
                    Depth::One
                } else if cursor.eat_word("infinity")? {
                    Depth::Infinity
                } else {
                    return cursor.bad("0, 1 or infinity");
                });
            } else {
                return cursor.bad("getmetadata-option");
            }
            Ok(())
        })?;
        cursor.sp()?;
    }
    let mailbox = Mailbox::parse(cursor)?;
    cursor.sp()?;
    let entries = match cursor.peek()? {
        b'(' => cursor.list1(Cursor::astring)?,
        _ => vec![cursor.astring()?],
    };
    Ok(Command::GetMetadata { depth, max_size, mailbox, entries })
}

impl Tagged<'_> {
    /// Writes the command with its line's end.
    pub fn encode(&self, out: &mut Encoder) {
        if !all_of(&self.tag, TAG) {
            out.refuse("tag");
        }
        out.raw(&self.tag);
        out.sp();
        self.command.encode(out);
        out.crlf();
    }
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
            Command::Compress(_) => "COMPRESS",
            Command::Copy { uid, .. } => pick(*uid, "UID COPY"),
            Command::Create { .. } => "CREATE",
            Command::Delete(_) => "DELETE",
            Command::DeleteAcl(..) => "DELETEACL",
            Command::Enable(_) => "ENABLE",
            Command::UidExpunge(_) => "UID EXPUNGE",
            Command::Fetch { uid, .. } => pick(*uid, "UID FETCH"),
            Command::GetAcl(_) => "GETACL",
            Command::GetMetadata { .. } => "GETMETADATA",
            Command::GetQuota(_) => "GETQUOTA",
            Command::GetQuotaRoot(_) => "GETQUOTAROOT",
            Command::Id(_) => "ID",
            Command::List(_) => "LIST",
            Command::ListRights(..) => "LISTRIGHTS",
            Command::Login { .. } => "LOGIN",
            Command::Lsub(..) => "LSUB",
            Command::Move { uid, .. } => pick(*uid, "UID MOVE"),
            Command::MyRights(_) => "MYRIGHTS",
            Command::Rename { .. } => "RENAME",
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
            Command::Unsubscribe(_) => "UNSUBSCRIBE",
        }
    }

    fn encode(&self, out: &mut Encoder) {
        out.raw(self.name());
        if matches!(self, Command::Word(_)) {
            return;
        }
        out.sp();
        match self {
            Command::Word(_) => {}
            Command::Append { mailbox, messages } => {
                mailbox.encode(out);
                if messages.is_empty() {
                    out.refuse("append of no message");
                }
                for message in messages {
                    out.sp();
                    message.encode(out);
                }
            }
            Command::Authenticate { mechanism, initial } => {
                out.atom(mechanism, "mechanism");
                if let Some(initial) = initial {
                    out.sp();
                    encode_base64(initial, out);
                }
            }
            Command::Compress(algorithm) => out.atom(algorithm, "compression algorithm"),
            Command::Copy { set, mailbox, .. } | Command::Move { set, mailbox, .. } => {
                set.encode(out);
                out.sp();
                mailbox.encode(out);
            }
            Command::Create { mailbox, special_use } => {
                mailbox.encode(out);
                if !special_use.is_empty() {
                    out.raw(" (USE ");
                    out.list(special_use, |out, attribute| {
                        match attribute.strip_prefix(b"\\") {
                            Some(name) => {
                                out.raw("\\");
                                out.atom(name, "use-attr");
                            }
                            None => out.refuse("use-attr"),
                        };
                    });
                    out.raw(")");
                }
            }
            Command::Delete(mailbox)
            | Command::GetAcl(mailbox)
            | Command::GetQuotaRoot(mailbox)
            | Command::MyRights(mailbox)
            | Command::Subscribe(mailbox)
            | Command::Unsubscribe(mailbox) => mailbox.encode(out),
            Command::DeleteAcl(mailbox, identifier) | Command::ListRights(mailbox, identifier) => {
                mailbox.encode(out);
                out.sp();
                out.line_astring(identifier, "acl identifier");
            }
            Command::Enable(names) => {
                if names.is_empty() {
                    out.refuse("empty list of capabilities");
                }
                out.spaced(names, |out, name| out.atom(name, "capability"));
            }
            Command::UidExpunge(set) => set.encode(out),
            Command::Fetch { set, items, changed_since, vanished, .. } => {
                set.encode(out);
                out.sp();
                match items.as_slice() {
                    [] => out.refuse("empty list of fetch items"),
                    [item] => item.encode(out),
                    items => out.list(items, |out, item| item.encode(out)),
                }
                encode_modifiers(*changed_since, *vanished, out);
            }
            Command::GetMetadata { depth, max_size, mailbox, entries } => {
                encode_metadata_options(*depth, *max_size, out);
                mailbox.encode(out);
                out.sp();
                if entries.is_empty() {
                    out.refuse("empty list of entries");
                }
                out.list(entries, |out, entry| out.line_astring(entry, "entry name"));
            }
            Command::GetQuota(root) => out.line_astring(root, "quota root"),
            Command::Id(fields) => encode_id(fields, out),
            Command::List(list) => list.encode(out),
            Command::Login { user, password } => {
                out.line_astring(user, "user name");
                out.sp();
                out.line_astring(password.expose(), "password");
            }
            Command::Lsub(reference, pattern) => {
                reference.encode(out);
                out.sp();
                out.pattern(pattern);
            }
            Command::Rename { from, to } => {
                from.encode(out);
                out.sp();
                to.encode(out);
            }
            Command::Search(_, search) => search.encode(out),
            Command::Select { mailbox, parameters, .. } => {
                mailbox.encode(out);
                if !parameters.is_empty() {
                    out.sp();
                    out.list(parameters, |out, parameter| parameter.encode(out));
                }
            }
            Command::SetAcl(mailbox, identifier, rights) => {
                mailbox.encode(out);
                out.sp();
                out.line_astring(identifier, "acl identifier");
                out.sp();
                out.line_astring(rights, "rights");
            }
            Command::SetMetadata(mailbox, entries) => {
                mailbox.encode(out);
                out.sp();
                if entries.is_empty() {
                    out.refuse("empty list of entries");
                }
                out.list(entries, |out, (name, value)| {
                    out.line_astring(name, "entry name");
                    out.sp();
                    out.nstring(value.as_deref(), "entry value");
                });
            }
            Command::SetQuota(root, limits) => {
                out.line_astring(root, "quota root");
                out.sp();
                out.list(limits, |out, (name, limit)| {
                    out.atom(name, "quota resource");
                    out.sp();
                    out.number(*limit);
                });
            }
            Command::Sort(_, sort) => sort.encode(out),
            Command::Status(mailbox, items) => {
                mailbox.encode(out);
                out.sp();
                encode_status_items(items, out);
            }
            Command::Store { set, unchanged_since, action, silent, value, .. } => {
                set.encode(out);
                out.sp();
                if let Some(modseq) = unchanged_since {
                    out.raw("(UNCHANGEDSINCE ");
                    out.number(modseq.0);
                    out.raw(") ");
                }
                out.raw(match action {
                    Action::Replace => "",
                    Action::Add => "+",
                    Action::Remove => "-",
                });
                value.encode(*silent, out);
            }
            Command::Thread(_, thread) => thread.encode(out),
        }
    }
}

/// `*("A"-"Z" / ... / "=")`, as `sasl` made it.
fn encode_base64(text: &Secret, out: &mut Encoder) {
    let valid = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
    if text.is_empty() || !text.expose().iter().all(valid) {
        out.refuse("initial response");
    }
    out.raw(text.expose());
}

fn encode_modifiers(changed_since: Option<ModSeq>, vanished: bool, out: &mut Encoder) {
    if let Some(modseq) = changed_since {
        out.raw(" (CHANGEDSINCE ");
        out.number(modseq.0);
        out.raw(if vanished { " VANISHED)" } else { ")" });
    } else if vanished {
        out.refuse("vanished without changedsince");
    }
}

fn encode_metadata_options(depth: Option<Depth>, max_size: Option<u64>, out: &mut Encoder) {
    if depth.is_none() && max_size.is_none() {
        return;
    }
    out.raw("(");
    if let Some(max_size) = max_size {
        out.raw("MAXSIZE ");
        out.number(max_size);
        out.raw(if depth.is_some() { " " } else { "" });
    }
    if let Some(depth) = depth {
        out.raw(match depth {
            Depth::Zero => "DEPTH 0",
            Depth::One => "DEPTH 1",
            Depth::Infinity => "DEPTH infinity",
        });
    }
    out.raw(") ");
}

impl AppendMessage<'_> {
    fn encode(&self, out: &mut Encoder) {
        if let Some(flags) = &self.flags {
            flags.encode(out);
            out.sp();
        }
        if let Some(date) = self.date {
            date.encode(out);
            out.sp();
        }
        if self.kind == AppendKind::Utf8 {
            out.raw("UTF8 (");
        }
        out.octets(&self.octets, self.kind != AppendKind::Literal);
        if self.kind == AppendKind::Utf8 {
            out.raw(")");
        }
    }
}

impl StoreValue<'_> {
    fn encode(&self, silent: bool, out: &mut Encoder) {
        let silent = if silent { ".SILENT " } else { " " };
        match self {
            StoreValue::Flags(flags) => {
                out.raw("FLAGS");
                out.raw(silent);
                flags.encode(out);
            }
            StoreValue::GmLabels(labels) => {
                out.raw("X-GM-LABELS");
                out.raw(silent);
                out.list(labels, |out, label| out.line_astring(label, "label"));
            }
        }
    }
}

impl List<'_> {
    fn encode(&self, out: &mut Encoder) {
        if let Some(select) = &self.select {
            out.list(select, |out, option| out.atom(option, "list selection option"));
            out.sp();
        }
        self.reference.encode(out);
        out.sp();
        match self.patterns.as_slice() {
            [] => out.refuse("empty list of patterns"),
            [pattern] => out.pattern(pattern),
            patterns => out.list(patterns, |out, pattern| out.pattern(pattern)),
        }
        if let Some(returns) = &self.returns {
            out.raw(" RETURN ");
            out.list(returns, |out, option| option.encode(out));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decode::Decoded;
    use crate::imap::syntax::encode::{Literals, Stop};
    use crate::imap::syntax::flag::Flag;

    #[track_caller]
    fn whole(octets: &[u8]) -> Tagged<'_> {
        for end in 0..octets.len() {
            assert_eq!(decode(&octets[..end]), Ok(Decoded::More), "{}", octets[..end].escape_ascii());
        }
        match decode(octets) {
            Ok(Decoded::Done { value, used }) if used == octets.len() => value,
            other => panic!("{other:?} of {}", octets.escape_ascii()),
        }
    }

    #[track_caller]
    fn same(octets: &[u8]) {
        let command = whole(octets);
        let mut out = Encoder::new(Literals::Plus, true);
        command.encode(&mut out);
        let encoded = out.finish().unwrap().octets;
        assert_eq!(encoded.escape_ascii().to_string(), octets.escape_ascii().to_string());
    }

    #[test]
    fn rfc_9051_and_extension_examples_survive_unchanged() {
        for line in [
            "a1 CAPABILITY",
            "a STARTTLS",
            "A023 LOGOUT",
            "A002 IDLE",
            "a001 LOGIN SMITH SESAME",
            r#"a001 LOGIN "a b" "q\"\\""#,
            "A001 AUTHENTICATE GSSAPI",
            "C01 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=",
            "C01 AUTHENTICATE EXTERNAL =",
            "t2 ENABLE CONDSTORE QRESYNC",
            "A142 SELECT INBOX",
            "A3 EXAMINE foo (CONDSTORE)",
            "A02 SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
            "A03 SELECT INBOX (QRESYNC (67890007 9 41:214 (1,3,4 29997,29999)))",
            "A004 CREATE owatagusiam/blurdybloop",
            r"t1 CREATE Everything (USE (\All \Sent))",
            "A685 DELETE foo",
            "A683 RENAME blurdybloop sarasoop",
            "A002 SUBSCRIBE #news.comp.mail.mime",
            "A002 UNSUBSCRIBE #news.comp.mail.mime",
            r#"A101 LIST "" ~/Mail/%"#,
            r#"A01 LIST "" * RETURN (CHILDREN)"#,
            r#"A07 LIST (SUBSCRIBED RECURSIVEMATCH) "" * RETURN (STATUS (MESSAGES SIZE) SPECIAL-USE)"#,
            r#"BBB LIST "" (INBOX Drafts Sent/%)"#,
            r##"A002 LSUB #news. comp.mail.*"##,
            "A001 NAMESPACE",
            "A042 STATUS blurdybloop (UIDNEXT MESSAGES HIGHESTMODSEQ)",
            "A FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
            "A654 UID FETCH 2:4,7 (UID BODY.PEEK[1.2.MIME]<0.1024> BINARY.PEEK[3] BINARY.SIZE[3])",
            "s100 UID FETCH 1:* FLAGS (CHANGEDSINCE 12345 VANISHED)",
            "a FETCH 1 (PREVIEW (LAZY) X-GM-MSGID SAVEDATE EMAILID)",
            r"A003 STORE 2:4 +FLAGS (\Deleted)",
            r"A003 UID STORE 2:4 (UNCHANGEDSINCE 320162338) -FLAGS.SILENT (\Seen $x)",
            "a UID STORE 1 +X-GM-LABELS (foo)",
            "A003 COPY 2:4 MEETING",
            "a UID MOVE 42:69 foo",
            "A003 UID EXPUNGE 3000:3002",
            "A202 EXPUNGE",
            "A282 SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM Smith",
            "a UID SEARCH CHARSET UTF-8 OR (SUBJECT a BODY b) 1:3 UID $",
            "a SEARCH RETURN (PARTIAL -1:-100) MODSEQ \"/flags/\\\\draft\" all 620162338",
            "a SEARCH OLDER 86400 FUZZY TEXT x KEYWORD $Junk HEADER Message-ID <a@b> SAVEDON 1-Feb-1994",
            "A283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
            "A284 THREAD REFERENCES UTF-8 ALL",
            r#"a023 ID ("name" "sodr" "vendor" NIL)"#,
            "a COMPRESS DEFLATE",
            r#"A GETQUOTA """#,
            "a GETQUOTAROOT INBOX",
            r#"a SETQUOTA "" (STORAGE 512)"#,
            "a SETACL INBOX fred +rw",
            "a GETMETADATA (MAXSIZE 1024 DEPTH 1) INBOX (/shared/comment)",
            "a SETMETADATA INBOX (/private/comment \"My\" /x NIL)",
        ] {
            same(format!("{line}\r\n").as_bytes());
        }
    }

    #[test]
    fn appends() {
        same(b"A003 APPEND saved-messages (\\Seen) {3+}\r\nabc\r\n");
        same(b"A APPEND x \"17-Jul-1996 02:44:25 -0700\" ~{2+}\r\na\0 (\\Draft) {0+}\r\n\r\n");
        same(b"A APPEND x UTF8 (~{3+}\r\nabc)\r\n");
        let large = whole(b"A APPEND x {70000}\r\n UTF8 (~{80000+}\r\n)\r\n");
        let Command::Append { messages, .. } = large.command else { panic!("no APPEND") };
        assert_eq!(messages[0].octets, Octets::Streamed { len: 70_000 });
        assert_eq!(messages[1].kind, AppendKind::Utf8);
    }

    #[test]
    fn macros_expand() {
        let Command::Fetch { items, .. } = whole(b"a FETCH 1 FULL\r\n").command else { panic!() };
        assert_eq!(items.len(), 5);
        let Command::Fetch { items, .. } = whole(b"a fetch 1 fast\r\n").command else { panic!() };
        assert_eq!(items, [Item::Flags, Item::InternalDate, Item::Size]);
    }

    #[test]
    fn bare_flags_of_store() {
        let command = whole(b"a STORE 1 FLAGS \\Seen $x\r\n").command;
        let Command::Store { value: StoreValue::Flags(flags), .. } = command else { panic!() };
        assert!(flags.contains(&Flag::Seen) && flags.iter().count() == 2);
    }

    #[test]
    fn commands_are_read_strictly() {
        for line in [
            "a  NOOP", "a NOOP ", "a+ NOOP", "a FOO", "a FETCH 0 FLAGS", "a FETCH 1 ()",
            "a LOGIN a", "a LOGIN \"\\a\" b", "a SELECT (x", "a UID NOOP", "a STATUS x ()",
            "a SEARCH", "a SEARCH FOO", "a STORE 1 FLAG (x)", "a APPEND x abc", "a COPY $1 x",
            "a SEARCH ON 31-Feb-2020", "a LIST \"\" a b", " NOOP", "a SELECT \u{e4}",
            "a FETCH 1 BODY[]<0.0>",
        ] {
            let octets = format!("{line}\r\n").into_bytes();
            assert!(decode(&octets).is_err(), "{line}");
        }
        assert!(decode(b"a NOOP\n").is_err());
        assert_eq!(tag(b"a1 FOO\r\n"), Some(&b"a1"[..]));
        assert_eq!(tag(b"(a FOO\r\n"), None);
        assert!(is_done(b"done\r\n") && !is_done(b"DONE x\r\n"));
    }

    #[test]
    fn literals_wait_where_they_must() {
        let command = Tagged {
            tag: b"a"[..].into(),
            command: Command::Login {
                user: b"\xc3\xa4nn"[..].into(),
                password: Secret::new(&b"p\xff"[..]),
            },
        };
        let encode = |literals, utf8| {
            let mut out = Encoder::new(literals, utf8);
            command.encode(&mut out);
            out.finish().unwrap()
        };
        let waiting = encode(Literals::Synchronising, false);
        assert_eq!(waiting.octets, b"a LOGIN {4}\r\n\xc3\xa4nn {2}\r\np\xff\r\n");
        let stop = |at| Stop { at, wait: true, stream: 0 };
        assert_eq!(waiting.stops, [stop(13), stop(22)]);
        assert_eq!(encode(Literals::Minus, true).octets, b"a LOGIN \"\xc3\xa4nn\" {2+}\r\np\xff\r\n");
        assert!(!format!("{command:?}").contains('p'.to_string().repeat(2).as_str()));
    }

    #[test]
    fn streamed_appends_stop_where_the_octets_go() {
        let message = |len| AppendMessage {
            flags: None,
            date: None,
            kind: AppendKind::Literal,
            octets: Octets::Streamed { len },
        };
        let command = Tagged {
            tag: b"a"[..].into(),
            command: Command::Append {
                mailbox: Mailbox(b"x"[..].into()),
                messages: vec![message(4096), message(4097)],
            },
        };
        let mut out = Encoder::new(Literals::Minus, false);
        command.encode(&mut out);
        let encoded = out.finish().unwrap();
        assert_eq!(encoded.octets, b"a APPEND x {4096+}\r\n {4097}\r\n\r\n");
        assert_eq!(
            encoded.stops,
            [Stop { at: 20, wait: false, stream: 4096 }, Stop { at: 29, wait: true, stream: 4097 }]
        );
    }

    #[test]
    fn encoders_refuse_line_ends_and_emptiness() {
        let bad = [
            Command::Delete(Mailbox(b"a\r\nb"[..].into())),
            Command::Delete(Mailbox(b"a\0"[..].into())),
            Command::Login { user: b"a"[..].into(), password: Secret::new(&b"a\r\nx"[..]) },
            Command::UidExpunge(SequenceSet::from_numbers([])),
            Command::Enable(vec![b"A B"[..].into()]),
            Command::Authenticate { mechanism: b"PLAIN"[..].into(), initial: Some(Secret::new("")) },
            Command::Status(Mailbox(b"x"[..].into()), vec![]),
        ];
        for command in bad {
            let mut out = Encoder::new(Literals::Plus, false);
            Tagged { tag: b"a"[..].into(), command: command.clone() }.encode(&mut out);
            assert!(out.finish().is_err(), "{command:?}");
        }
    }

    #[test]
    fn hostile_nesting_ends() {
        for part in ["(", "NOT ", "OR NOT "] {
            let text = format!("a SEARCH {}", part.repeat(50_000));
            assert!(decode(text.as_bytes()).is_err(), "{part}");
        }
    }
}
