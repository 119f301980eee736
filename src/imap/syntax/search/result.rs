//! What SEARCH and THREAD answer: threads, and the ESEARCH response (RFC 9051 section 7.3.4, RFC
//! 4731, RFC 5256, RFC 5267, RFC 7377, RFC 9394).

use std::borrow::Cow;

use super::super::encode::Encoder;
use super::super::mailbox::Mailbox;
use super::super::set::SequenceSet;
use super::super::token::{Cursor, Parse};
use super::super::{ModSeq, Pair, UidValidity};
use super::program::parse_partial_range;

/// One thread: messages that answer each other in a row, then branches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thread {
    /// The row; may be empty where a parent is missing.
    pub members: Vec<u32>,
    /// Answers to the last member.
    pub branches: Vec<Thread>,
}

impl Thread {
    /// `thread-list = "(" (thread-members / thread-nested) ")"`
    pub(in super::super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Thread> {
        cursor.nested(|cursor| {
            cursor.expect(b'(', "(")?;
            let mut thread = Thread::default();
            loop {
                match cursor.peek()? {
                    b')' => {
                        cursor.bump();
                        return Ok(thread);
                    }
                    b'(' => thread.branches.push(Thread::parse(cursor)?),
                    b' ' => cursor.bump(),
                    b'0'..=b'9' if thread.branches.is_empty() => {
                        thread.members.push(cursor.nz_number()?);
                    }
                    _ => return cursor.bad("thread-list"),
                }
            }
        })
    }

    pub(in super::super) fn encode(&self, out: &mut Encoder) {
        out.raw("(");
        out.spaced(&self.members, |out, number| out.number(u64::from(*number)));
        if !self.members.is_empty() && !self.branches.is_empty() {
            out.sp();
        }
        for branch in &self.branches {
            branch.encode(out);
        }
        out.raw(")");
    }
}

/// A change of a result that is being watched (RFC 5267 section 4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// ADDTO: from which place on, and what.
    Add(Vec<(u32, SequenceSet)>),
    /// REMOVEFROM: the same.
    Remove(Vec<(u32, SequenceSet)>),
}

/// An ESEARCH response (RFC 4731); `None` where the server did not tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Esearch<'a> {
    /// The tag of the command it answers.
    pub tag: Option<Cow<'a, [u8]>>,
    /// Mailbox and UIDVALIDITY that the result is of (RFC 7377).
    pub mailbox: Option<(Mailbox<'a>, UidValidity)>,
    /// Whether the numbers are UIDs.
    pub uid: bool,
    /// The lowest number.
    pub min: Option<u32>,
    /// The highest number.
    pub max: Option<u32>,
    /// How many there are.
    pub count: Option<u32>,
    /// All numbers; `None` where there are none, or where they were not asked for.
    pub all: Option<SequenceSet>,
    /// Highest mod-sequence of the messages found (RFC 7162).
    pub modseq: Option<ModSeq>,
    /// The window asked for, and what is in it (RFC 9394).
    pub partial: Option<((i64, i64), Option<SequenceSet>)>,
    /// Changes, in their order.
    pub updates: Vec<Update>,
    /// Anything else: name and raw value.
    pub others: Vec<Pair<'a>>,
}

/// `"(" context-position SP sequence-set *(SP context-position SP sequence-set) ")"`
fn parse_updates(cursor: &mut Cursor<'_>) -> Parse<Vec<(u32, SequenceSet)>> {
    cursor.list1(|cursor| {
        let place = cursor.number32()?;
        cursor.sp()?;
        Ok((place, SequenceSet::parse(cursor)?))
    })
}

impl<'a> Esearch<'a> {
    /// What follows the word ESEARCH.
    pub(in super::super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Esearch<'a>> {
        let mut result = Esearch::default();
        let mut first = true;
        while cursor.peek()? == b' ' {
            cursor.sp()?;
            if matches!(cursor.peek()?, b'\r' | b'\n') {
                break;
            }
            if std::mem::take(&mut first) && cursor.eat(b'(')? {
                result.parse_correlators(cursor)?;
                continue;
            }
            first = false;
            let name = cursor.atom()?;
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            if is("UID") {
                result.uid = true;
                continue;
            }
            cursor.sp()?;
            if is("MIN") {
                result.min = Some(cursor.number32()?);
            } else if is("MAX") {
                result.max = Some(cursor.number32()?);
            } else if is("COUNT") {
                result.count = Some(cursor.number32()?);
            } else if is("ALL") {
                result.all = Some(SequenceSet::parse(cursor)?);
            } else if is("MODSEQ") {
                result.modseq = Some(ModSeq(cursor.number()?));
            } else if is("ADDTO") {
                result.updates.push(Update::Add(parse_updates(cursor)?));
            } else if is("REMOVEFROM") {
                result.updates.push(Update::Remove(parse_updates(cursor)?));
            } else if is("PARTIAL") {
                cursor.expect(b'(', "(")?;
                let range = parse_partial_range(cursor)?;
                cursor.sp()?;
                let set = if cursor.nil()? { None } else { Some(SequenceSet::parse(cursor)?) };
                cursor.expect(b')', ")")?;
                result.partial = Some((range, set));
            } else {
                result.others.push((Cow::Borrowed(name), Cow::Borrowed(cursor.raw_value()?)));
            }
        }
        Ok(result)
    }

    /// `search-correlator` without its `(`: TAG, and in the answer to ESEARCH also MAILBOX and
    /// UIDVALIDITY (RFC 7377).
    fn parse_correlators(&mut self, cursor: &mut Cursor<'a>) -> Parse<()> {
        let (mut mailbox, mut validity) = (None, None);
        loop {
            if cursor.eat_word("MAILBOX")? {
                cursor.sp()?;
                mailbox = Some(Mailbox::parse(cursor)?);
            } else if cursor.eat_word("UIDVALIDITY")? {
                cursor.sp()?;
                validity = Some(UidValidity(cursor.number32()?));
            } else if cursor.eat_word("TAG")? {
                cursor.sp()?;
                self.tag = Some(cursor.astring()?);
            } else {
                return cursor.bad("TAG");
            }
            if cursor.eat(b')')? {
                self.mailbox = mailbox.zip(validity);
                return Ok(());
            }
            cursor.sp()?;
        }
    }

    pub(in super::super) fn encode(&self, out: &mut Encoder) {
        out.raw("ESEARCH");
        if let Some(tag) = &self.tag {
            out.raw(" (TAG ");
            out.quoted(tag, "tag");
            if let Some((mailbox, validity)) = &self.mailbox {
                out.raw(" MAILBOX ");
                mailbox.encode(out);
                out.raw(" UIDVALIDITY ");
                out.number(u64::from(validity.0));
            }
            out.raw(")");
        } else if self.mailbox.is_some() {
            out.refuse("mailbox without a tag");
        }
        if self.uid {
            out.raw(" UID");
        }
        for (name, value) in [(" MIN ", self.min), (" MAX ", self.max), (" COUNT ", self.count)] {
            if let Some(value) = value {
                out.raw(name);
                out.number(u64::from(value));
            }
        }
        if let Some(all) = &self.all {
            out.raw(" ALL ");
            all.encode(out);
        }
        if let Some(modseq) = self.modseq {
            out.raw(" MODSEQ ");
            out.number(modseq.0);
        }
        if let Some(((first, last), set)) = &self.partial {
            out.raw(format!(" PARTIAL ({first}:{last} "));
            match set {
                None => out.raw("NIL"),
                Some(set) => set.encode(out),
            }
            out.raw(")");
        }
        for update in &self.updates {
            let (name, updates) = match update {
                Update::Add(updates) => (" ADDTO ", updates),
                Update::Remove(updates) => (" REMOVEFROM ", updates),
            };
            out.raw(name);
            if updates.is_empty() {
                out.refuse("empty update");
            }
            out.list(updates, |out, (place, set)| {
                out.number(u64::from(*place));
                out.sp();
                set.encode(out);
            });
        }
        for (name, value) in &self.others {
            out.sp();
            out.atom(name, "search return data");
            out.sp();
            out.text(value, "search return data");
        }
    }
}
