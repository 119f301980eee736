//! Commands from octets, strictly.

use std::borrow::Cow;

use super::super::append::AppendMessage;
use super::super::fetch::Item;
use super::super::flag::Flags;
use super::super::mailbox::{Mailbox, StatusItem};
use super::super::notify::{Filter, Notify};
use super::super::response::{parse_entry, parse_id};
use super::super::search::{Search, Sort, ThreadBy};
use super::super::set::SequenceSet;
use super::super::token::{Cursor, Fail, Manner, Parse, TAG, all_of};
use super::super::{ModSeq, UidValidity};
use super::{Action, Command, Depth, List, ListReturn, SelectParameter, StoreValue, Tagged, Word};
use crate::base::decode;
use crate::base::secret::Secret;

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
    let known = ["COPY", "MOVE", "FETCH", "STORE", "SEARCH", "SORT", "THREAD", "REPLACE"];
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
    Ok(Some(if is("REPLACE") {
        let mailbox = Mailbox::parse(cursor)?;
        cursor.sp()?;
        Command::Replace { uid, set, mailbox, message: AppendMessage::parse(cursor)? }
    } else if is("COPY") {
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
        StoreValue::GmLabels(cursor.list(parse_label)?)
    } else if cursor.peek()? == b'(' {
        StoreValue::Flags(Flags::parse(cursor)?)
    } else {
        StoreValue::Flags(Flags::parse_bare(cursor)?)
    };
    Ok(Command::Store { uid, set, unchanged_since, action, silent, value })
}

/// One of Gmail's labels: an astring, or a system label as its clients write it, `\Inbox`.
fn parse_label<'a>(cursor: &mut Cursor<'a>) -> Parse<Cow<'a, [u8]>> {
    if cursor.peek()? != b'\\' {
        return cursor.astring();
    }
    let start = cursor.at();
    cursor.bump();
    cursor.atom()?;
    Ok(Cow::Borrowed(cursor.since(start)))
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
    if is("RESETKEY") {
        return parse_reset_key(cursor).map(Some);
    }
    if is("LANGUAGE") {
        let mut languages = Vec::new();
        if cursor.eat(b' ')? {
            languages = parse_astrings(cursor)?;
        }
        return Ok(Some(Command::Language(languages)));
    }
    let known = [
        "APPEND",
        "AUTHENTICATE",
        "CANCELUPDATE",
        "COMPRESS",
        "CREATE",
        "DELETE",
        "DELETEACL",
        "ENABLE",
        "ESEARCH",
        "EXAMINE",
        "GENURLAUTH",
        "GETACL",
        "GETMETADATA",
        "GETQUOTA",
        "GETQUOTAROOT",
        "ID",
        "LIST",
        "LISTRIGHTS",
        "LOGIN",
        "LSUB",
        "MYRIGHTS",
        "NOTIFY",
        "RENAME",
        "SELECT",
        "SETACL",
        "SETMETADATA",
        "SETQUOTA",
        "STATUS",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "URLFETCH",
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
    } else if is("CANCELUPDATE") {
        Command::CancelUpdate(parse_astrings(cursor)?)
    } else if is("ESEARCH") {
        parse_multi_search(cursor)?
    } else if is("GENURLAUTH") {
        parse_gen_url_auth(cursor)?
    } else if is("NOTIFY") {
        Command::Notify(Notify::parse(cursor)?)
    } else if is("URLFETCH") {
        Command::UrlFetch(parse_astrings(cursor)?)
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
        messages.push(AppendMessage::parse(cursor)?);
        if !cursor.eat(b' ')? {
            return Ok(Command::Append { mailbox, messages });
        }
    }
}

/// `"RESETKEY" [SP mailbox *(SP mechanism)]` (RFC 4467)
fn parse_reset_key<'a>(cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    if !cursor.eat(b' ')? {
        return Ok(Command::ResetKey(None));
    }
    let mailbox = Mailbox::parse(cursor)?;
    let mut mechanisms = Vec::new();
    while cursor.eat(b' ')? {
        mechanisms.push(Cow::Borrowed(cursor.atom()?));
    }
    Ok(Command::ResetKey(Some((mailbox, mechanisms))))
}

/// `"GENURLAUTH" 1*(SP astring SP mechanism)` (RFC 4467)
fn parse_gen_url_auth<'a>(cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    let mut urls = Vec::new();
    loop {
        let url = cursor.astring()?;
        cursor.sp()?;
        urls.push((url, Cow::Borrowed(cursor.atom()?)));
        if !cursor.eat(b' ')? {
            return Ok(Command::GenUrlAuth(urls));
        }
    }
}

/// `"ESEARCH" [SP "IN" SP "(" source-mbox ")"] [SP search-return-opts] SP search-program`
/// (RFC 7377; it defines no scope options)
fn parse_multi_search<'a>(cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    let mut sources = Vec::new();
    if cursor.eat_word("IN")? {
        cursor.sp()?;
        sources = cursor.list1(Filter::parse)?;
        cursor.sp()?;
    }
    Ok(Command::MultiSearch(sources, Search::parse(cursor)?))
}

/// `1*(SP string)`, the first SP taken.
fn parse_astrings<'a>(cursor: &mut Cursor<'a>) -> Parse<Vec<Cow<'a, [u8]>>> {
    let mut strings = vec![cursor.astring()?];
    while cursor.eat(b' ')? {
        strings.push(cursor.astring()?);
    }
    Ok(strings)
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
        if name.eq_ignore_ascii_case(b"METADATA") {
            cursor.sp()?;
            return cursor.list1(Cursor::astring).map(ListReturn::Metadata);
        }
        Ok(match parse_value_list(cursor)? {
            None => ListReturn::Word(Cow::Borrowed(name)),
            Some(value) => ListReturn::Other(Cow::Borrowed(name), value),
        })
    }
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
}

/// `getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries`; RFC 5464's
/// own examples have the options behind the mailbox.
fn parse_get_metadata<'a>(cursor: &mut Cursor<'a>) -> Parse<Command<'a>> {
    let mut options = (None, None);
    let first = cursor.peek()? == b'(';
    if first {
        options = parse_metadata_options(cursor)?;
        cursor.sp()?;
    }
    let mailbox = Mailbox::parse(cursor)?;
    cursor.sp()?;
    if !first && cursor.peek()? == b'(' {
        // A list of entries, or options and the entries behind them.
        let mut ahead = cursor.clone();
        ahead.bump();
        if ahead.eat_word("DEPTH")? || ahead.eat_word("MAXSIZE")? {
            options = parse_metadata_options(cursor)?;
            cursor.sp()?;
        }
    }
    let entries = match cursor.peek()? {
        b'(' => cursor.list1(Cursor::astring)?,
        _ => vec![cursor.astring()?],
    };
    let (depth, max_size) = options;
    Ok(Command::GetMetadata { depth, max_size, mailbox, entries })
}

/// `getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"`
fn parse_metadata_options(cursor: &mut Cursor<'_>) -> Parse<(Option<Depth>, Option<u64>)> {
    let (mut depth, mut max_size) = (None, None);
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
    Ok((depth, max_size))
}
