//! Responses from octets, liberally.

use std::borrow::Cow;

use memchr::memchr;

use super::super::code::Code;
use super::super::fetch::Fetch;
use super::super::flag::Flags;
use super::super::mailbox::{List, Mailbox, Namespace, Status};
use super::super::search::{Esearch, Thread};
use super::super::set::SequenceSet;
use super::super::token::{Cursor, Fail, LOOSE_ATOM, Manner, Parse, TAG};
use super::super::{ModSeq, NilPair, Octets, SeqNum};
use super::{Condition, Data, Response, StatusText, UrlData};
use crate::base::decode;

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

/// The text behind the spaces at its start; other blanks are part of it.
fn without_spaces(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|&&c| c == b' ').count()..]
}

/// `resp-text = ["[" resp-text-code "]" SP] [text]`, up to and with the line's end.
fn parse_status<'a>(cursor: &mut Cursor<'a>, condition: Condition) -> Parse<StatusText<'a>> {
    let line = rest_of_line(cursor)?;
    let line = without_spaces(line);
    let mut status = StatusText { condition, code: None, text: Cow::Borrowed(line) };
    if line.first() == Some(&b'[')
        && let Some((code, used)) = Code::split(line)
    {
        status.code = Some(code);
        status.text = Cow::Borrowed(without_spaces(&line[used..]));
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
        } else if is(b"UIDFETCH") {
            cursor.sp()?;
            Data::UidFetch(Fetch::parse(cursor, SeqNum(number))?)
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
        } else if is("GENURLAUTH") {
            Data::GenUrlAuth(parse_astrings(cursor)?)
        } else if is("URLFETCH") {
            Data::UrlFetch(parse_url_data(cursor)?)
        } else if is("LANGUAGE") {
            cursor.sp()?;
            Data::Language(cursor.list(Cursor::astring)?)
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
pub(in super::super) fn parse_entry<'a>(cursor: &mut Cursor<'a>) -> Parse<NilPair<'a>> {
    let name = cursor.astring()?;
    cursor.sp()?;
    Ok((name, cursor.nstring()?))
}

/// `id-params-list = "(" *(string SP nstring) ")" / nil` (RFC 2971)
pub(in super::super) fn parse_id<'a>(cursor: &mut Cursor<'a>) -> Parse<Option<Vec<NilPair<'a>>>> {
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

/// `1*(SP astring SP nstring)` (RFC 4467)
fn parse_url_data<'a>(cursor: &mut Cursor<'a>) -> Parse<Vec<UrlData<'a>>> {
    let mut found = Vec::new();
    loop {
        cursor.skip_spaces()?;
        if matches!(cursor.peek()?, b'\r' | b'\n') {
            return Ok(found);
        }
        let url = cursor.astring()?;
        cursor.sp()?;
        let octets = match cursor.peek()? {
            b'{' | b'~' => Some(cursor.literal_octets()?.0),
            _ => cursor.nstring()?.map(Octets::Inline),
        };
        found.push((url, octets));
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
