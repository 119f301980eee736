//! Responses: all that a server says (RFC 9051 section 7, and the extensions named in
//! [`super`]).
//!
//! An untagged response that we do not know is kept raw. One that we know but cannot read is
//! malformed, save that quotes which a server forgot to escape are repaired.

use std::borrow::Cow;

use memchr::memchr;

use super::code::Code;
use super::encode::Encoder;
use super::fetch::Fetch;
use super::flag::Flags;
use super::mailbox::{List, Mailbox, Namespace, Status};
use super::search::{Esearch, Thread};
use super::set::SequenceSet;
use super::token::{Cursor, Fail, LOOSE_ATOM, Manner, Parse, TAG, TEXT, all_of};
use super::{ModSeq, SeqNum};
use crate::base::decode;

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

/// A name or value, and what belongs to it.
pub type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

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
    Id(Option<Vec<(Cow<'a, [u8]>, Option<Cow<'a, [u8]>>)>>),
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
        entries: Vec<(Cow<'a, [u8]>, Option<Cow<'a, [u8]>>)>,
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

/// Decodes the response at the start of `octets`, the octets of streamed literals left out.
///
/// # Errors
/// A response that is known, but that no continuation can make valid.
pub fn decode(octets: &[u8]) -> decode::Result<Response<'_>> {
    let mut cursor = Cursor::new(octets, Manner::Liberal);
    match parse(&mut cursor) {
        Err(Fail::Bad { offset, expected }) => {
            let mut loose = Cursor::new(octets, Manner::Loose);
            match parse(&mut loose) {
                Err(Fail::Bad { .. }) => cursor.outcome(Err(Fail::Bad { offset, expected })),
                parsed => loose.outcome(parsed),
            }
        }
        parsed => cursor.outcome(parsed),
    }
}

fn parse<'a>(cursor: &mut Cursor<'a>) -> Parse<Response<'a>> {
    match cursor.peek()? {
        b'*' => {
            cursor.bump();
            cursor.sp()?;
            Data::parse(cursor).map(Response::Untagged)
        }
        b'+' => {
            cursor.bump();
            let text = rest_of_line(cursor)?;
            let text = text.strip_prefix(b" ").unwrap_or(text);
            Ok(Response::Continue { text: Cow::Borrowed(text) })
        }
        _ => {
            let tag = cursor.run(TAG, "tag")?;
            cursor.sp()?;
            let start = cursor.at();
            let word = cursor.word()?;
            let condition = Condition::from_word(word)
                .filter(|c| !matches!(c, Condition::Bye | Condition::Preauth))
                .ok_or(Fail::Bad { offset: start, expected: "OK, NO or BAD" })?;
            let status = parse_status(cursor, condition)?;
            Ok(Response::Tagged { tag: Cow::Borrowed(tag), status })
        }
    }
}

/// The rest of the line without its end, which is taken, too.
fn rest_of_line<'a>(cursor: &mut Cursor<'a>) -> Parse<&'a [u8]> {
    let rest = cursor.rest();
    let end = memchr(b'\n', rest);
    let line = &rest[..end.unwrap_or(rest.len())];
    if let Some(i) = memchr(0, line) {
        return Err(Fail::Bad { offset: cursor.at() + i, expected: "TEXT-CHAR" });
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(i) = memchr(b'\r', line) {
        return Err(Fail::Bad { offset: cursor.at() + i, expected: "LF behind CR" });
    }
    cursor.set_at(cursor.at() + end.ok_or(Fail::More)? + 1);
    Ok(line)
}

/// `resp-text = ["[" resp-text-code "]" SP] [text]`, up to and with the line's end.
fn parse_status<'a>(cursor: &mut Cursor<'a>, condition: Condition) -> Parse<StatusText<'a>> {
    let line = rest_of_line(cursor)?;
    let line = if line.starts_with(b" ") { line.trim_ascii_start() } else { line };
    let mut status = StatusText { condition, code: None, text: Cow::Borrowed(line) };
    if line.first() == Some(&b'[')
        && let Some((code, used)) = Code::split(line)
    {
        status.code = Some(code);
        status.text = Cow::Borrowed(line[used..].trim_ascii_start());
    }
    Ok(status)
}

impl<'a> Data<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Data<'a>> {
        if cursor.peek()?.is_ascii_digit() {
            return Self::parse_numbered(cursor);
        }
        // Exchange has sent `* [COPYUID ...]` without a condition.
        if cursor.peek()? == b'[' {
            return parse_status(cursor, Condition::Ok).map(Data::Status);
        }
        let start = cursor.at();
        let word = match cursor.word() {
            Ok(word) => word,
            Err(Fail::More) => return Err(Fail::More),
            Err(Fail::Bad { .. }) => return Self::parse_unknown(cursor),
        };
        if let Some(condition) = Condition::from_word(word) {
            return parse_status(cursor, condition).map(Data::Status);
        }
        match Self::parse_named(word, cursor)? {
            Some(data) => {
                cursor.crlf()?;
                Ok(data)
            }
            None => {
                cursor.set_at(start);
                Self::parse_unknown(cursor)
            }
        }
    }

    /// `nz-number SP ("EXPUNGE" / "FETCH" SP msg-att)`, and EXISTS and RECENT.
    #[inline]
    fn parse_numbered(cursor: &mut Cursor<'a>) -> Parse<Data<'a>> {
        let start = cursor.at();
        let number = cursor.number32()?;
        if cursor.peek()? != b' ' {
            cursor.set_at(start);
            return Self::parse_unknown(cursor);
        }
        cursor.sp()?;
        let word = match cursor.word() {
            Ok(word) => word,
            Err(Fail::More) => return Err(Fail::More),
            Err(Fail::Bad { .. }) => &[],
        };
        let is = |known: &[u8]| word.eq_ignore_ascii_case(known);
        let data = if is(b"FETCH") {
            cursor.sp()?;
            Data::Fetch(Fetch::parse(cursor, SeqNum(number))?)
        } else if is(b"EXISTS") {
            Data::Exists(number)
        } else if is(b"RECENT") {
            Data::Recent(number)
        } else if is(b"EXPUNGE") {
            Data::Expunge(SeqNum(number))
        } else {
            cursor.set_at(start);
            return Self::parse_unknown(cursor);
        };
        cursor.crlf()?;
        Ok(data)
    }

    /// Everything up to the end of the frame, literals and the lines behind them included.
    fn parse_unknown(cursor: &mut Cursor<'a>) -> Parse<Data<'a>> {
        let start = cursor.at();
        loop {
            let line = rest_of_line(cursor)?;
            let end = cursor.at();
            if line.last() == Some(&b'}')
                && let Some(open) = memchr::memrchr(b'{', line)
            {
                let mut head = line[open..].to_vec();
                head.extend_from_slice(b"\r\n");
                let mut literal = Cursor::new(&head, Manner::Strict);
                if let Ok((len, _, _)) = literal.literal_head() {
                    if len <= crate::base::limits::INLINE_LITERAL_OCTETS as u64 {
                        if cursor.rest().len() < len as usize {
                            return Err(Fail::More);
                        }
                        cursor.set_at(end + len as usize);
                    }
                    continue;
                }
            }
            let raw = cursor.since(start);
            let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
            let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
            return Ok(Data::Unknown(Cow::Borrowed(raw)));
        }
    }

    /// Data that begin with a name; `None` where the name is not known.
    fn parse_named(word: &'a [u8], cursor: &mut Cursor<'a>) -> Parse<Option<Data<'a>>> {
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        Ok(Some(if is("CAPABILITY") {
            Data::Capability(parse_atoms(cursor)?)
        } else if is("ENABLED") {
            Data::Enabled(parse_atoms(cursor)?)
        } else if is("SEARCH") {
            let (numbers, modseq) = parse_numbers(cursor)?;
            Data::Search { numbers, modseq }
        } else if is("SORT") {
            let (numbers, modseq) = parse_numbers(cursor)?;
            Data::Sort { numbers, modseq }
        } else if is("ESEARCH") {
            Data::Esearch(Esearch::parse(cursor)?)
        } else if is("THREAD") {
            let mut threads = Vec::new();
            cursor.skip_spaces()?;
            while cursor.peek()? == b'(' {
                threads.push(Thread::parse(cursor)?);
                cursor.skip_spaces()?;
            }
            Data::Thread(threads)
        } else if is("QUOTAROOT") {
            cursor.sp()?;
            let mailbox = Mailbox::parse(cursor)?;
            Data::QuotaRoot { mailbox, roots: parse_astrings(cursor)? }
        } else if is("ACL") {
            cursor.sp()?;
            let mailbox = Mailbox::parse(cursor)?;
            let mut words = parse_astrings(cursor)?.into_iter();
            let mut entries = Vec::new();
            while let Some(identifier) = words.next() {
                entries.push((identifier, words.next().unwrap_or_default()));
            }
            Data::Acl { mailbox, entries }
        } else {
            if !["LIST", "LSUB", "STATUS", "NAMESPACE", "FLAGS", "VANISHED", "ID", "QUOTA"]
                .into_iter()
                .chain(["LISTRIGHTS", "MYRIGHTS", "METADATA"])
                .any(is)
            {
                return Ok(None);
            }
            cursor.sp()?;
            return Self::parse_spaced(word, cursor).map(Some);
        }))
    }

    /// Data whose name is known and stands before an SP that is taken already.
    fn parse_spaced(word: &[u8], cursor: &mut Cursor<'a>) -> Parse<Data<'a>> {
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        Ok(if is("LIST") {
            Data::List(List::parse(cursor)?)
        } else if is("LSUB") {
            Data::Lsub(List::parse(cursor)?)
        } else if is("STATUS") {
            Data::MailboxStatus(Status::parse(cursor)?)
        } else if is("NAMESPACE") {
            Data::Namespace(Namespace::parse(cursor)?)
        } else if is("FLAGS") {
            Data::Flags(Flags::parse(cursor)?)
        } else if is("VANISHED") {
            let earlier = cursor.eat(b'(')?;
            if earlier {
                if !cursor.eat_word("EARLIER")? {
                    return cursor.bad("EARLIER");
                }
                cursor.expect(b')', ")")?;
                cursor.sp()?;
            }
            Data::Vanished { earlier, uids: SequenceSet::parse(cursor)? }
        } else if is("ID") {
            Data::Id(parse_id(cursor)?)
        } else if is("QUOTA") {
            let root = cursor.astring()?;
            cursor.sp()?;
            let resources = cursor.list(|cursor| {
                let name = cursor.astring()?;
                cursor.sp()?;
                let usage = cursor.number()?;
                cursor.sp()?;
                Ok((name, usage, cursor.number()?))
            })?;
            Data::Quota { root, resources }
        } else if is("MYRIGHTS") {
            let mailbox = Mailbox::parse(cursor)?;
            cursor.sp()?;
            Data::MyRights { mailbox, rights: cursor.astring()? }
        } else if is("LISTRIGHTS") {
            let mailbox = Mailbox::parse(cursor)?;
            cursor.sp()?;
            let identifier = cursor.astring()?;
            Data::ListRights { mailbox, identifier, rights: parse_astrings(cursor)? }
        } else {
            let mailbox = Mailbox::parse(cursor)?;
            cursor.sp()?;
            if cursor.peek()? == b'(' {
                Data::Metadata { mailbox, entries: cursor.list(parse_entry)? }
            } else {
                let mut entries = vec![cursor.astring()?];
                entries.append(&mut parse_astrings(cursor)?);
                Data::MetadataChanged { mailbox, entries }
            }
        })
    }
}

/// `entry SP value`, the value NIL where it is not set (RFC 5464).
pub(super) fn parse_entry<'a>(
    cursor: &mut Cursor<'a>,
) -> Parse<(Cow<'a, [u8]>, Option<Cow<'a, [u8]>>)> {
    let name = cursor.astring()?;
    cursor.sp()?;
    Ok((name, cursor.nstring()?))
}

/// `id-params-list = "(" *(string SP nstring) ")" / nil` (RFC 2971)
pub(super) fn parse_id<'a>(
    cursor: &mut Cursor<'a>,
) -> Parse<Option<Vec<(Cow<'a, [u8]>, Option<Cow<'a, [u8]>>)>>> {
    if cursor.nil()? {
        return Ok(None);
    }
    let fields = cursor.list(|cursor| {
        let name = cursor.string()?;
        cursor.sp()?;
        Ok((name, cursor.nstring()?))
    })?;
    Ok(Some(fields))
}

pub(super) fn encode_id(
    fields: &Option<Vec<(Cow<'_, [u8]>, Option<Cow<'_, [u8]>>)>>,
    out: &mut Encoder,
) {
    match fields {
        None => out.raw("NIL"),
        Some(fields) => out.list(fields, |out, (name, value)| {
            out.string(name, "id field");
            out.sp();
            out.nstring(value.as_deref(), "id value");
        }),
    }
}

/// `*(SP atom)`; what servers call capabilities may hold more than an atom should.
fn parse_atoms<'a>(cursor: &mut Cursor<'a>) -> Parse<Vec<Cow<'a, [u8]>>> {
    let mut atoms = Vec::new();
    loop {
        cursor.skip_spaces()?;
        if matches!(cursor.peek()?, b'\r' | b'\n') {
            return Ok(atoms);
        }
        atoms.push(Cow::Borrowed(cursor.run(LOOSE_ATOM, "atom")?));
    }
}

/// `*(SP astring)`
fn parse_astrings<'a>(cursor: &mut Cursor<'a>) -> Parse<Vec<Cow<'a, [u8]>>> {
    let mut strings = Vec::new();
    loop {
        cursor.skip_spaces()?;
        if matches!(cursor.peek()?, b'\r' | b'\n') {
            return Ok(strings);
        }
        strings.push(cursor.astring()?);
    }
}

/// `*(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"]`
fn parse_numbers(cursor: &mut Cursor<'_>) -> Parse<(Vec<u32>, Option<ModSeq>)> {
    let mut numbers = Vec::new();
    let mut modseq = None;
    loop {
        cursor.skip_spaces()?;
        match cursor.peek()? {
            b'\r' | b'\n' => return Ok((numbers, modseq)),
            b'(' => {
                cursor.bump();
                if !cursor.eat_word("MODSEQ")? {
                    return cursor.bad("MODSEQ");
                }
                cursor.sp()?;
                modseq = Some(ModSeq(cursor.number()?));
                cursor.expect(b')', ")")?;
            }
            _ => numbers.push(cursor.number32()?),
        }
    }
}

impl StatusText<'_> {
    fn encode(&self, out: &mut Encoder) {
        out.raw(self.condition.name());
        out.sp();
        if let Some(code) = &self.code {
            code.encode(out);
            out.sp();
        }
        out.text(&self.text, "human-readable text");
    }
}

impl Response<'_> {
    /// Writes the response with its line's end.
    pub fn encode(&self, out: &mut Encoder) {
        match self {
            Response::Continue { text } => {
                out.raw("+ ");
                out.text(text, "continuation text");
                out.crlf();
            }
            Response::Tagged { tag, status } => {
                if !all_of(tag, TAG) {
                    out.refuse("tag");
                }
                out.raw(tag);
                out.sp();
                status.encode(out);
                out.crlf();
            }
            Response::Untagged(data) => data.encode(out),
        }
    }
}

impl Data<'_> {
    /// Writes the untagged response with its `*` and its line's end.
    pub fn encode(&self, out: &mut Encoder) {
        out.raw("* ");
        let numbered = |out: &mut Encoder, number: u32, name: &str| {
            out.number(u64::from(number));
            out.raw(name);
        };
        let found = |out: &mut Encoder, name: &str, numbers: &[u32], modseq: Option<ModSeq>| {
            out.raw(name);
            for number in numbers {
                out.sp();
                out.number(u64::from(*number));
            }
            if let Some(modseq) = modseq {
                out.raw(" (MODSEQ ");
                out.number(modseq.0);
                out.raw(")");
            }
        };
        let atoms = |out: &mut Encoder, name: &str, atoms: &[Cow<'_, [u8]>]| {
            out.raw(name);
            for atom in atoms {
                out.sp();
                if !all_of(atom, LOOSE_ATOM) {
                    out.refuse("capability");
                }
                out.raw(atom);
            }
        };
        let strings = |out: &mut Encoder, strings: &[Cow<'_, [u8]>], what: &'static str| {
            for string in strings {
                out.sp();
                out.line_astring(string, what);
            }
        };
        match self {
            Data::Status(status) => status.encode(out),
            Data::Capability(names) => atoms(out, "CAPABILITY", names),
            Data::Enabled(names) => atoms(out, "ENABLED", names),
            Data::List(list) => {
                out.raw("LIST ");
                list.encode(out);
            }
            Data::Lsub(list) => {
                out.raw("LSUB ");
                list.encode(out);
            }
            Data::MailboxStatus(status) => {
                out.raw("STATUS ");
                status.encode(out);
            }
            Data::Namespace(namespace) => {
                out.raw("NAMESPACE ");
                namespace.encode(out);
            }
            Data::Flags(flags) => {
                out.raw("FLAGS ");
                flags.encode(out);
            }
            Data::Exists(count) => numbered(out, *count, " EXISTS"),
            Data::Recent(count) => numbered(out, *count, " RECENT"),
            Data::Expunge(seq) => numbered(out, seq.0, " EXPUNGE"),
            Data::Vanished { earlier, uids } => {
                out.raw(if *earlier { "VANISHED (EARLIER) " } else { "VANISHED " });
                uids.encode(out);
            }
            Data::Fetch(fetch) => fetch.encode(out),
            Data::Search { numbers, modseq } => found(out, "SEARCH", numbers, *modseq),
            Data::Sort { numbers, modseq } => found(out, "SORT", numbers, *modseq),
            Data::Esearch(result) => result.encode(out),
            Data::Thread(threads) => {
                out.raw(if threads.is_empty() { "THREAD" } else { "THREAD " });
                for thread in threads {
                    thread.encode(out);
                }
            }
            Data::Id(fields) => {
                out.raw("ID ");
                encode_id(fields, out);
            }
            Data::Quota { root, resources } => {
                out.raw("QUOTA ");
                out.line_astring(root, "quota root");
                out.sp();
                out.list(resources, |out, (name, usage, limit)| {
                    out.atom(name, "quota resource");
                    out.sp();
                    out.number(*usage);
                    out.sp();
                    out.number(*limit);
                });
            }
            Data::QuotaRoot { mailbox, roots } => {
                out.raw("QUOTAROOT ");
                mailbox.encode(out);
                strings(out, roots, "quota root");
            }
            Data::Acl { mailbox, entries } => {
                out.raw("ACL ");
                mailbox.encode(out);
                for (identifier, rights) in entries {
                    out.sp();
                    out.line_astring(identifier, "acl identifier");
                    out.sp();
                    out.line_astring(rights, "rights");
                }
            }
            Data::ListRights { mailbox, identifier, rights } => {
                out.raw("LISTRIGHTS ");
                mailbox.encode(out);
                out.sp();
                out.line_astring(identifier, "acl identifier");
                strings(out, rights, "rights");
            }
            Data::MyRights { mailbox, rights } => {
                out.raw("MYRIGHTS ");
                mailbox.encode(out);
                out.sp();
                out.line_astring(rights, "rights");
            }
            Data::Metadata { mailbox, entries } => {
                out.raw("METADATA ");
                mailbox.encode(out);
                out.sp();
                out.list(entries, |out, (name, value)| {
                    out.line_astring(name, "entry name");
                    out.sp();
                    out.nstring(value.as_deref(), "entry value");
                });
            }
            Data::MetadataChanged { mailbox, entries } => {
                out.raw("METADATA ");
                mailbox.encode(out);
                if entries.is_empty() {
                    out.refuse("empty list of entries");
                }
                strings(out, entries, "entry name");
            }
            Data::Unknown(raw) => {
                let lines = raw.split(|&c| c == b'\n');
                if !lines.into_iter().all(|line| {
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    line.is_empty() || all_of(line, TEXT)
                }) {
                    out.refuse("unknown response");
                }
                out.raw(raw);
            }
        }
        out.crlf();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decode::Decoded;
    use crate::imap::syntax::code::Word;
    use crate::imap::syntax::encode::Literals;
    use crate::imap::syntax::fetch::{self, Extra, Section, SectionText, Which};
    use crate::imap::syntax::flag::Flag;
    use crate::imap::syntax::{Octets, Uid, UidValidity};

    /// Decodes a whole response, after checking that every strict prefix asks for more.
    #[track_caller]
    fn whole(octets: &[u8]) -> Response<'_> {
        for end in 0..octets.len() {
            assert_eq!(decode(&octets[..end]), Ok(Decoded::More), "{}", octets[..end].escape_ascii());
        }
        match decode(octets) {
            Ok(Decoded::Done { value, used }) if used == octets.len() => value,
            other => panic!("{other:?} of {}", octets.escape_ascii()),
        }
    }

    #[track_caller]
    fn data(octets: &[u8]) -> Data<'_> {
        match whole(octets) {
            Response::Untagged(data) => data,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn fetched(octets: &[u8]) -> Fetch<'_> {
        match data(octets) {
            Data::Fetch(fetch) => fetch,
            other => panic!("{other:?}"),
        }
    }

    /// Decodes, encodes, and expects the very same octets.
    #[track_caller]
    fn same(octets: &[u8]) {
        let response = whole(octets);
        let mut out = Encoder::new(Literals::Server, true);
        response.encode(&mut out);
        let encoded = out.finish().unwrap().octets;
        assert_eq!(encoded.escape_ascii().to_string(), octets.escape_ascii().to_string());
    }

    #[test]
    fn rfc_9051_and_extension_examples_survive_unchanged() {
        for line in [
            "* OK IMAP4rev2 Service Ready",
            "* BYE Autologout; idle for too long",
            "* PREAUTH IMAP4rev2 server logged in as Smith",
            "* OK [ALERT] System shutdown in 10 minutes",
            "A222 NO COPY failed: disk is full",
            "443 BAD Syntax error",
            "* CAPABILITY STARTTLS AUTH=GSSAPI IMAP4rev2 LOGINDISABLED XPIG-LATIN",
            "* ENABLED CONDSTORE QRESYNC",
            r#"* LIST (\Noselect) "/" ~/Mail/foo"#,
            r#"* LIST (\Subscribed \NonExistent) "/" "Fruit/Peach""#.replace('"', "").as_str(),
            r#"* LIST () "/" foo2 (CHILDINFO ("SUBSCRIBED") OLDNAME ("foo"))"#,
            r#"* LSUB () "." #news.comp.mail.misc"#,
            r#"* NAMESPACE (("" "/")) (("~" "/")) NIL"#,
            r#"* NAMESPACE (("" "/")("#mh/" "/" "X-PARAM" ("FLAG1" "FLAG2"))) NIL NIL"#,
            "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)",
            "* SEARCH 2 84 882 (MODSEQ 917162500)",
            "* SEARCH",
            r#"* ESEARCH (TAG "A282") MIN 2 COUNT 3"#,
            r#"* ESEARCH (TAG "a567") UID COUNT 17 ALL 4:18,21,28"#,
            r#"* ESEARCH (TAG "A03") UID PARTIAL (-1:-100 NIL)"#,
            r"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)",
            r"* OK [PERMANENTFLAGS (\Deleted \Seen \*)] Limited",
            "* OK [UIDVALIDITY 3857529045] UIDs valid",
            "* OK [HIGHESTMODSEQ 715194045007] Highest",
            "* OK [NOMODSEQ] Sorry, this mailbox format doesn't support modsequences",
            "* 23 EXISTS",
            "* 5 RECENT",
            "* 44 EXPUNGE",
            "* VANISHED (EARLIER) 41,43:116,118,120:211",
            "* VANISHED 405,407",
            r"* 23 FETCH (UID 442 FLAGS (\Seen))",
            r"* 1 FETCH (UID 4 FLAGS (\Seen) MODSEQ (65402))",
            r#"* 12 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286)"#,
            "* SORT 2 84 882",
            "* THREAD (2)(3 6 (4 23)(44 7 96))",
            r#"* ID ("name" "Cyrus" "version" "1.5" "os" NIL)"#,
            "* ID NIL",
            r#"* QUOTA "" (STORAGE 10 512)"#,
            r#"* QUOTAROOT INBOX """#,
            "* ACL INBOX Fred rwipsldexta test rwi",
            "* LISTRIGHTS ~/Mail/saved smith la r swicdkxte",
            "* MYRIGHTS INBOX rwiptsldaex",
            r#"* METADATA "" (/shared/comment "Shared comment" /private/x NIL)"#,
            r#"* METADATA INBOX /shared/comment /private/comment"#,
            "A003 OK [APPENDUID 38505 3955] APPEND completed",
            "A004 OK [COPYUID 38505 304,319:320 3956:3958] Done",
            "d105 OK [MODIFIED 7,9] Conditional STORE failed",
            "+ Ready for additional command text",
            "+ ",
            "* 4 FETCH (EMAILID (M6d99ac3275bb4e) THREADID NIL)",
            r#"* 9 FETCH (X-GM-MSGID 1278455344230334865 X-GM-LABELS (foo "\\Important"))"#,
            "* 2 XLATER whatever {} it says",
            "* XLIST (a \"b\") c",
        ] {
            same(format!("{line}\r\n").as_bytes());
        }
    }

    #[test]
    fn literals_survive_unchanged() {
        same(b"* 12 FETCH (BODY[HEADER] {3}\r\na\r\n)\r\n");
        same(b"* 12 FETCH (BINARY[1.2]<5> ~{3}\r\na\0\n BODY[1.MIME] NIL)\r\n");
        same(b"* LIST () \"/\" {3}\r\n\xff\xfe\xfd\r\n");
        same(b"* XFOO {3}\r\na\nb tail {1}\r\nz\r\n");
    }

    #[test]
    fn rfc_9051_envelope_example() {
        let fetch = fetched(concat!(
            r#"* 12 FETCH (FLAGS (\Seen) INTERNALDATE "14-Jul-1993 02:44:25 -0700" RFC822.SIZE 4282 "#,
            r#"ENVELOPE ("Wed, 14 Jul 1993 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" "#,
            r#"(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) "#,
            r#"(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) "#,
            r#"((NIL NIL "minutes" "CNRI.Reston.VA.US") ("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "#,
            r#""<B27397-0100000@cac.washington.ed>") BODYSTRUCTURE ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") "#,
            r#"NIL NIL "7BIT" 3028 92))"#, "\r\n").as_bytes());
        let envelope = fetch.envelope.unwrap();
        assert_eq!(envelope.cc.len(), 2);
        assert_eq!(envelope.from[0].name.as_deref(), Some(&b"Terry Gray"[..]));
        assert_eq!(envelope.message_id.as_deref(), Some(&b"<B27397-0100000@cac.washington.ed>"[..]));
        assert_eq!(fetch.size, Some(4282));
        assert!(fetch.body_structure.is_some());
    }

    #[test]
    fn servers_oddities() {
        // Courier.
        assert_eq!(fetched(b"* 0 FETCH (FLAGS ())\r\n").seq, SeqNum(0));
        // Zoho.
        assert_eq!(fetched(b"* 1 FETCH (MODSEQ (-1))\r\n").modseq, Some(ModSeq(0)));
        // mail.ru.
        assert_eq!(fetched(b"* 1 FETCH (RFC822.SIZE 9.3e+06)\r\n").size, Some(9_300_000));
        // Extra spaces, also at the end.
        let fetch = fetched(b"*  1 FETCH  ( UID  7 FLAGS (\\Seen  x ) ) \r\n");
        assert_eq!(fetch.uid, Some(Uid(7)));
        assert_eq!(fetch.flags.unwrap().iter().count(), 2);
        assert_eq!(data(b"* SEARCH 1 2 \r\n"), Data::Search { numbers: vec![1, 2], modseq: None });
        // Exchange: COPYUID without a condition.
        let Data::Status(status) = data(b"* [COPYUID 1 2 3] x\r\n") else { panic!("no status") };
        assert!(matches!(status.code, Some(Code::CopyUid { .. })));
        // UIDVALIDITY 0.
        let Data::Status(status) = data(b"* OK [UIDVALIDITY 0]\r\n") else { panic!("no status") };
        assert_eq!(status.code, Some(Code::UidValidity(UidValidity(0))));
        assert_eq!(&*status.text, b"");
        // A tagged response without a text.
        assert!(matches!(whole(b"a1 OK\r\n"), Response::Tagged { .. }));
        // A date that is none.
        assert_eq!(fetched(b"* 1 FETCH (UID 3 INTERNALDATE \"soon\")\r\n").uid, Some(Uid(3)));
        assert_eq!(fetched(b"* 1 FETCH (INTERNALDATE NIL UID 3)\r\n").uid, Some(Uid(3)));
        // 8-bit octets in an atom, a backslash nobody escaped.
        let Data::List(list) = data(b"* LIST () \"\\\" Entw\xc3\xbcrfe\r\n") else { panic!("no LIST") };
        assert_eq!(list.mailbox.name(false).unwrap(), "Entwürfe");
    }

    #[test]
    fn unescaped_quotes_in_an_envelope() {
        let fetch = fetched(
            b"* 1 FETCH (ENVELOPE (\"x\" \"say \"hello\" to them\" NIL NIL NIL NIL NIL NIL NIL \"<a>\"))\r\n",
        );
        let envelope = fetch.envelope.unwrap();
        assert_eq!(envelope.subject.as_deref(), Some(&br#"say "hello" to them"#[..]));
    }

    #[test]
    fn unknown_items_and_codes_are_kept() {
        let fetch = fetched(b"* 1 FETCH (XNEW (a \"b\" {2}\r\n)) (c)) UID 4 X[1.2]<3> z)\r\n");
        assert_eq!(fetch.uid, Some(Uid(4)));
        assert_eq!(
            fetch.extras,
            [
                Extra::Unknown(b"XNEW"[..].into(), b"(a \"b\" {2}\r\n)) (c))"[..].into()),
                Extra::Unknown(b"X[1.2]<3>"[..].into(), b"z"[..].into()),
            ]
        );
        let Response::Tagged { status, .. } = whole(b"a OK [XCODE 1] done\r\n") else { panic!() };
        assert!(matches!(status.code, Some(Code::Unknown { .. })));
        let Response::Tagged { status, .. } = whole(b"a NO [TRYCREATE] x\r\n") else { panic!() };
        assert_eq!(status.code, Some(Code::Word(Word::TryCreate)));
    }

    #[test]
    fn streamed_literals_are_left_out() {
        let head = b"* 8 FETCH (UID 9 FLAGS (\\Seen) BODY[]<0> {70000}\r\n";
        let found = fetch::head(head).unwrap().unwrap();
        assert_eq!(found.fetch.uid, Some(Uid(9)));
        assert_eq!(found.which, Which::Section(Section::default()));
        assert_eq!((found.origin, found.len), (Some(0), 70_000));
        // A second one behind it.
        let more = [&head[..], b" BODY[TEXT] {80000}\r\n"].concat();
        let found = fetch::head(&more).unwrap().unwrap();
        assert_eq!(found.fetch.sections.len(), 1);
        let text = Section { part: vec![], text: SectionText::Text };
        assert_eq!(found.which, Which::Section(text));
        // The whole.
        let all = [&more[..], b" MODSEQ (5))\r\n"].concat();
        let fetch = fetched(&all);
        assert_eq!(fetch.sections[1].data, Some(Octets::Streamed { len: 80_000 }));
        assert_eq!(fetch.modseq, Some(ModSeq(5)));
        // What is no section of a message.
        assert_eq!(fetch::head(b"* LIST () \"/\" {70000}\r\n"), Ok(None));
        assert_eq!(fetch::head(b"* 1 FETCH (XNEW (\"a\" NIL\r\n").map(|_| ()), Ok(()));
        assert!(fetch::head(b"* 1 FETCH (BODY[FOO] {70000}\r\n").is_err());
    }

    #[test]
    fn what_no_continuation_can_save() {
        for octets in [
            &b"* 1 FETCH (FLAGS \\Seen)\r\n"[..],
            b"a1 MAYBE x\r\n",
            b"a1 BYE x\r\n",
            b"* 1 FETCH (UID x)\r\n",
            b"* LIST (\r\n",
            b"* OK a\0b\r\n",
            b"\r\n",
            b"* 99999999999 EXISTS\r\n",
        ] {
            assert!(decode(octets).is_err(), "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn hostile_nesting_ends() {
        for start in ["* 1 FETCH (BODYSTRUCTURE ", "* THREAD "] {
            let text = format!("{start}{}", "(".repeat(50_000));
            assert!(decode(text.as_bytes()).is_err(), "{start}");
        }
        let deep = format!("* 1 FETCH (X {}{})\r\n", "(".repeat(9_999), ")".repeat(9_999));
        assert_eq!(fetched_extras(&deep), 1);
    }

    fn fetched_extras(text: &str) -> usize {
        match decode(text.as_bytes()) {
            Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) => {
                fetch.extras.len()
            }
            _ => 0,
        }
    }

    #[test]
    fn encoders_refuse_line_ends() {
        let bad = [
            Data::Unknown(b"X a\0"[..].into()),
            Data::Flags(Flags::from_flags([Flag::Keyword(b"a\r\nb"[..].into())])),
            Data::MyRights { mailbox: Mailbox(b"a\nb"[..].into()), rights: b"r"[..].into() },
            Data::Capability(vec![b"A B"[..].into()]),
            Data::Status(StatusText { condition: Condition::Ok, code: None, text: b"a\n"[..].into() }),
        ];
        for data in bad {
            let mut out = Encoder::new(Literals::Server, false);
            data.encode(&mut out);
            assert!(out.finish().is_err(), "{data:?}");
        }
    }
}
