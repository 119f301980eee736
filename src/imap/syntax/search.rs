//! SEARCH, SORT and THREAD: keys, programs and results (RFC 9051 sections 6.4.4 and 7.3.4,
//! RFC 4731, RFC 5182, RFC 5256, RFC 5957, RFC 9394), with WITHIN (RFC 5032), FUZZY (RFC 6203),
//! MODSEQ (RFC 7162), SAVEDATE (RFC 8514), OBJECTID (RFC 8474) and X-GM-EXT-1.

use std::borrow::Cow;

use jiff::civil::Date;

use super::date::{encode_date, parse_date};
use super::encode::Encoder;
use super::set::SequenceSet;
use super::token::{Cursor, Fail, Parse};
use super::{ModSeq, Pair};

/// A search key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key<'a> {
    /// A key that is only a name.
    Word(Word),
    /// A key that looks for text in one place.
    Text(Field, Cow<'a, [u8]>),
    /// HEADER: a field's name, and text in it; empty text: the field is there.
    Header(Cow<'a, [u8]>, Cow<'a, [u8]>),
    /// KEYWORD or UNKEYWORD: whether it must be set, and the keyword.
    Keyword(bool, Cow<'a, [u8]>),
    /// A date, compared by a day.
    Date(Day, Date),
    /// A number compared.
    Number(Measure, u64),
    /// MODSEQ (RFC 7162): entry name and type where given, and the lowest mod-sequence.
    ModSeq(Option<Pair<'a>>, ModSeq),
    /// EMAILID (RFC 8474)
    EmailId(Cow<'a, [u8]>),
    /// THREADID (RFC 8474)
    ThreadId(Cow<'a, [u8]>),
    /// UIDs.
    Uid(SequenceSet),
    /// Message sequence numbers.
    Sequence(SequenceSet),
    /// NOT
    Not(Box<Key<'a>>),
    /// OR
    Or(Box<Key<'a>>, Box<Key<'a>>),
    /// Keys in parentheses: all of them.
    And(Vec<Key<'a>>),
    /// FUZZY (RFC 6203)
    Fuzzy(Box<Key<'a>>),
}

macro_rules! names {
    ($(#[$outer:meta])* $kind:ident { $($(#[$doc:meta])* $variant:ident $text:literal)* }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $kind { $($(#[$doc])* $variant),* }

        impl $kind {
            /// All of them.
            pub const ALL: &'static [$kind] = &[$($kind::$variant),*];

            /// The name as it goes over the wire.
            pub fn name(self) -> &'static str {
                match self { $($kind::$variant => $text),* }
            }

            fn from_name(name: &[u8]) -> Option<$kind> {
                let is = |each: &&$kind| name.eq_ignore_ascii_case(each.name().as_bytes());
                Self::ALL.iter().find(is).copied()
            }
        }
    };
}

names! {
    /// Search keys without arguments.
    Word {
        /// Every message.
        All "ALL"
        /// With \Answered.
        Answered "ANSWERED"
        /// With \Deleted.
        Deleted "DELETED"
        /// With \Draft.
        Draft "DRAFT"
        /// With \Flagged.
        Flagged "FLAGGED"
        /// \Recent, but not \Seen (RFC 3501).
        New "NEW"
        /// Without \Recent (RFC 3501).
        Old "OLD"
        /// With \Recent (RFC 3501).
        Recent "RECENT"
        /// With \Seen.
        Seen "SEEN"
        /// Without \Answered.
        Unanswered "UNANSWERED"
        /// Without \Deleted.
        Undeleted "UNDELETED"
        /// Without \Draft.
        Undraft "UNDRAFT"
        /// Without \Flagged.
        Unflagged "UNFLAGGED"
        /// Without \Seen.
        Unseen "UNSEEN"
        /// In a mailbox that keeps save dates (RFC 8514).
        SaveDateSupported "SAVEDATESUPPORTED"
    }
}

names! {
    /// Where text is looked for.
    Field {
        /// The Bcc field.
        Bcc "BCC"
        /// The body.
        Body "BODY"
        /// The Cc field.
        Cc "CC"
        /// The From field.
        From "FROM"
        /// The Subject field.
        Subject "SUBJECT"
        /// Header and body.
        Text "TEXT"
        /// The To field.
        To "TO"
        /// Gmail's own search language.
        GmRaw "X-GM-RAW"
        /// A Gmail label.
        GmLabel "X-GM-LABELS"
    }
}

names! {
    /// How a date is compared.
    Day {
        /// Received before the day.
        Before "BEFORE"
        /// Received on it.
        On "ON"
        /// Received on it or later.
        Since "SINCE"
        /// Date field before the day.
        SentBefore "SENTBEFORE"
        /// Date field on it.
        SentOn "SENTON"
        /// Date field on it or later.
        SentSince "SENTSINCE"
        /// Saved before the day (RFC 8514).
        SavedBefore "SAVEDBEFORE"
        /// Saved on it.
        SavedOn "SAVEDON"
        /// Saved on it or later.
        SavedSince "SAVEDSINCE"
    }
}

names! {
    /// What a number is compared with.
    Measure {
        /// More octets than.
        Larger "LARGER"
        /// Fewer octets than.
        Smaller "SMALLER"
        /// Received longer ago than so many seconds (RFC 5032).
        Older "OLDER"
        /// Received within so many seconds (RFC 5032).
        Younger "YOUNGER"
        /// Gmail's message id.
        GmMessageId "X-GM-MSGID"
        /// Gmail's thread id.
        GmThreadId "X-GM-THRID"
    }
}

impl<'a> Key<'a> {
    /// A key that names messages by UID.
    pub fn uids(set: SequenceSet) -> Key<'static> {
        Key::Uid(set)
    }

    /// Whether any text in it is beyond ASCII, so that a charset has to be named.
    pub fn needs_charset(&self) -> bool {
        match self {
            Key::Text(_, text) | Key::Header(_, text) => !text.is_ascii(),
            Key::Not(key) | Key::Fuzzy(key) => key.needs_charset(),
            Key::Or(one, other) => one.needs_charset() || other.needs_charset(),
            Key::And(keys) => keys.iter().any(Key::needs_charset),
            _ => false,
        }
    }

    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Key<'a>> {
        cursor.nested(|cursor| match cursor.peek()? {
            b'(' => cursor.list1(Key::parse).map(Key::And),
            b'0'..=b'9' | b'*' | b'$' => SequenceSet::parse(cursor).map(Key::Sequence),
            _ => Self::parse_named(cursor),
        })
    }

    fn parse_named(cursor: &mut Cursor<'a>) -> Parse<Key<'a>> {
        let start = cursor.at();
        let name = cursor.word()?;
        if let Some(word) = Word::from_name(name) {
            return Ok(Key::Word(word));
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let field = Field::from_name(name);
        let day = Day::from_name(name);
        let measure = Measure::from_name(name);
        let known = field.is_some() || day.is_some() || measure.is_some();
        let others = [
            "HEADER",
            "KEYWORD",
            "UNKEYWORD",
            "MODSEQ",
            "EMAILID",
            "THREADID",
            "UID",
            "NOT",
            "OR",
            "FUZZY",
        ];
        if !known && !others.iter().any(|other| is(other)) {
            return Err(Fail::Bad { offset: start, expected: "search-key" });
        }
        cursor.sp()?;
        if let Some(field) = field {
            return Ok(Key::Text(field, cursor.astring()?));
        }
        if let Some(day) = day {
            return Ok(Key::Date(day, parse_date(cursor)?));
        }
        if let Some(measure) = measure {
            return Ok(Key::Number(measure, cursor.number()?));
        }
        if is("HEADER") {
            let name = cursor.astring()?;
            cursor.sp()?;
            return Ok(Key::Header(name, cursor.astring()?));
        }
        if is("KEYWORD") || is("UNKEYWORD") {
            let set = name.len() == 7;
            return Ok(Key::Keyword(set, Cow::Borrowed(cursor.atom()?)));
        }
        if is("MODSEQ") {
            let mut entry = None;
            if cursor.peek()? == b'"' {
                let name = cursor.quoted()?;
                cursor.sp()?;
                let kind = Cow::Borrowed(cursor.atom()?);
                cursor.sp()?;
                entry = Some((name, kind));
            }
            return Ok(Key::ModSeq(entry, ModSeq(cursor.number()?)));
        }
        if is("EMAILID") {
            return cursor.atom().map(|id| Key::EmailId(Cow::Borrowed(id)));
        }
        if is("THREADID") {
            return cursor.atom().map(|id| Key::ThreadId(Cow::Borrowed(id)));
        }
        if is("UID") {
            return SequenceSet::parse(cursor).map(Key::Uid);
        }
        let key = Box::new(Key::parse(cursor)?);
        if is("NOT") {
            return Ok(Key::Not(key));
        }
        if is("FUZZY") {
            return Ok(Key::Fuzzy(key));
        }
        cursor.sp()?;
        Ok(Key::Or(key, Box::new(Key::parse(cursor)?)))
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        let named = |out: &mut Encoder, name: &str| {
            out.raw(name);
            out.sp();
        };
        match self {
            Key::Word(word) => out.raw(word.name()),
            Key::Text(field, text) => {
                named(out, field.name());
                out.line_astring(text, "search text");
            }
            Key::Header(field, text) => {
                named(out, "HEADER");
                out.line_astring(field, "header field name");
                out.sp();
                out.line_astring(text, "search text");
            }
            Key::Keyword(set, keyword) => {
                named(out, if *set { "KEYWORD" } else { "UNKEYWORD" });
                out.atom(keyword, "keyword");
            }
            Key::Date(day, date) => {
                named(out, day.name());
                encode_date(*date, out);
            }
            Key::Number(measure, number) => {
                named(out, measure.name());
                out.number(*number);
            }
            Key::ModSeq(entry, modseq) => {
                named(out, "MODSEQ");
                if let Some((name, kind)) = entry {
                    out.quoted(name, "entry name");
                    out.sp();
                    out.atom(kind, "entry type");
                    out.sp();
                }
                out.number(modseq.0);
            }
            Key::EmailId(id) => {
                named(out, "EMAILID");
                out.atom(id, "email id");
            }
            Key::ThreadId(id) => {
                named(out, "THREADID");
                out.atom(id, "thread id");
            }
            Key::Uid(set) => {
                named(out, "UID");
                set.encode(out);
            }
            Key::Sequence(set) => set.encode(out),
            Key::Not(key) => {
                named(out, "NOT");
                key.encode(out);
            }
            Key::Fuzzy(key) => {
                named(out, "FUZZY");
                key.encode(out);
            }
            Key::Or(one, other) => {
                named(out, "OR");
                one.encode(out);
                out.sp();
                other.encode(out);
            }
            Key::And(keys) => {
                if keys.is_empty() {
                    out.refuse("empty list of search keys");
                }
                out.list(keys, |out, key| key.encode(out));
            }
        }
    }
}

/// What an extended search returns (RFC 4731, RFC 5182, RFC 9394).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Return<'a> {
    /// The lowest number.
    Min,
    /// The highest number.
    Max,
    /// All numbers.
    All,
    /// How many there are.
    Count,
    /// Nothing: the result is kept for `$`.
    Save,
    /// Results by their place in the list, from 1, or from the end by negative numbers.
    Partial(i64, i64),
    /// An option that we do not know.
    Other(Cow<'a, [u8]>),
}

impl<'a> Return<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Return<'a>> {
        let name = cursor.atom()?;
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        Ok(if is("MIN") {
            Return::Min
        } else if is("MAX") {
            Return::Max
        } else if is("ALL") {
            Return::All
        } else if is("COUNT") {
            Return::Count
        } else if is("SAVE") {
            Return::Save
        } else if is("PARTIAL") {
            cursor.sp()?;
            let (first, last) = parse_partial_range(cursor)?;
            Return::Partial(first, last)
        } else {
            Return::Other(Cow::Borrowed(name))
        })
    }

    fn encode(&self, out: &mut Encoder) {
        match self {
            Return::Min => out.raw("MIN"),
            Return::Max => out.raw("MAX"),
            Return::All => out.raw("ALL"),
            Return::Count => out.raw("COUNT"),
            Return::Save => out.raw("SAVE"),
            Return::Partial(first, last) => out.raw(format!("PARTIAL {first}:{last}")),
            Return::Other(name) => out.atom(name, "search return option"),
        }
    }
}

/// `partial-range = nz-number ":" nz-number / "-" nz-number ":-" nz-number` (RFC 9394)
fn parse_partial_range(cursor: &mut Cursor<'_>) -> Parse<(i64, i64)> {
    let bound = |cursor: &mut Cursor<'_>| {
        let negative = cursor.eat(b'-')?;
        let number = i64::from(cursor.nz_number()?);
        Ok(if negative { -number } else { number })
    };
    let first = bound(cursor)?;
    cursor.expect(b':', ":")?;
    Ok((first, bound(cursor)?))
}

/// `RETURN (...)`, if it is next, and the SP behind it.
fn parse_returns<'a>(cursor: &mut Cursor<'a>) -> Parse<Option<Vec<Return<'a>>>> {
    if !cursor.eat_word("RETURN")? {
        return Ok(None);
    }
    cursor.sp()?;
    let returns = cursor.list(Return::parse)?;
    cursor.sp()?;
    Ok(Some(returns))
}

fn encode_returns(returns: &Option<Vec<Return<'_>>>, out: &mut Encoder) {
    if let Some(returns) = returns {
        out.raw("RETURN ");
        out.list(returns, |out, option| option.encode(out));
        out.sp();
    }
}

/// `search-key *(SP search-key)`, up to the line's end.
fn parse_keys<'a>(cursor: &mut Cursor<'a>) -> Parse<Vec<Key<'a>>> {
    let mut keys = vec![Key::parse(cursor)?];
    while cursor.eat(b' ')? {
        keys.push(Key::parse(cursor)?);
    }
    Ok(keys)
}

fn encode_keys(keys: &[Key<'_>], out: &mut Encoder) {
    if keys.is_empty() {
        out.refuse("empty list of search keys");
    }
    out.spaced(keys, |out, key| key.encode(out));
}

/// The arguments of SEARCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search<'a> {
    /// RETURN (RFC 4731): `None` asks for a SEARCH response, an empty list for ALL.
    pub returns: Option<Vec<Return<'a>>>,
    /// The charset of the keys' text; `None`: US-ASCII, or UTF-8 where that was enabled.
    pub charset: Option<Cow<'a, [u8]>>,
    /// All of these have to match; at least one.
    pub keys: Vec<Key<'a>>,
}

impl<'a> Search<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Search<'a>> {
        let returns = parse_returns(cursor)?;
        let mut charset = None;
        if cursor.eat_word("CHARSET")? {
            cursor.sp()?;
            charset = Some(cursor.astring()?);
            cursor.sp()?;
        }
        Ok(Search { returns, charset, keys: parse_keys(cursor)? })
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        encode_returns(&self.returns, out);
        if let Some(charset) = &self.charset {
            out.raw("CHARSET ");
            out.line_astring(charset, "charset");
            out.sp();
        }
        encode_keys(&self.keys, out);
    }
}

names! {
    /// What messages are sorted by (RFC 5256, RFC 5957).
    SortKey {
        /// Internal date.
        Arrival "ARRIVAL"
        /// First Cc mailbox.
        Cc "CC"
        /// Sent date.
        Date "DATE"
        /// First From mailbox.
        From "FROM"
        /// Octets.
        Size "SIZE"
        /// Base subject.
        Subject "SUBJECT"
        /// First To mailbox.
        To "TO"
        /// First From display name (RFC 5957).
        DisplayFrom "DISPLAYFROM"
        /// First To display name (RFC 5957).
        DisplayTo "DISPLAYTO"
        /// Relevancy (RFC 6203).
        Relevancy "RELEVANCY"
    }
}

/// The arguments of SORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort<'a> {
    /// RETURN (RFC 5267); `None` asks for a SORT response.
    pub returns: Option<Vec<Return<'a>>>,
    /// Criteria, most significant first: whether reversed, and the key. At least one.
    pub criteria: Vec<(bool, SortKey)>,
    /// The charset of the keys' text.
    pub charset: Cow<'a, [u8]>,
    /// All of these have to match; at least one.
    pub keys: Vec<Key<'a>>,
}

impl<'a> Sort<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Sort<'a>> {
        let returns = parse_returns(cursor)?;
        let criteria = cursor.list1(|cursor| {
            let reverse = cursor.eat_word("REVERSE")?;
            if reverse {
                cursor.sp()?;
            }
            let start = cursor.at();
            let key = SortKey::from_name(cursor.word()?)
                .ok_or(Fail::Bad { offset: start, expected: "sort-key" })?;
            Ok((reverse, key))
        })?;
        cursor.sp()?;
        let charset = cursor.astring()?;
        cursor.sp()?;
        Ok(Sort { returns, criteria, charset, keys: parse_keys(cursor)? })
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        encode_returns(&self.returns, out);
        if self.criteria.is_empty() {
            out.refuse("empty list of sort criteria");
        }
        out.list(&self.criteria, |out, (reverse, key)| {
            out.raw(if *reverse { "REVERSE " } else { "" });
            out.raw(key.name());
        });
        out.sp();
        out.line_astring(&self.charset, "charset");
        out.sp();
        encode_keys(&self.keys, out);
    }
}

/// The arguments of THREAD (RFC 5256).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadBy<'a> {
    /// The algorithm, such as REFERENCES.
    pub algorithm: Cow<'a, [u8]>,
    /// The charset of the keys' text.
    pub charset: Cow<'a, [u8]>,
    /// All of these have to match; at least one.
    pub keys: Vec<Key<'a>>,
}

impl<'a> ThreadBy<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<ThreadBy<'a>> {
        let algorithm = Cow::Borrowed(cursor.atom()?);
        cursor.sp()?;
        let charset = cursor.astring()?;
        cursor.sp()?;
        Ok(ThreadBy { algorithm, charset, keys: parse_keys(cursor)? })
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.atom(&self.algorithm, "thread algorithm");
        out.sp();
        out.line_astring(&self.charset, "charset");
        out.sp();
        encode_keys(&self.keys, out);
    }
}

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
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Thread> {
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

    pub(super) fn encode(&self, out: &mut Encoder) {
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

/// An ESEARCH response (RFC 4731); `None` where the server did not tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Esearch<'a> {
    /// The tag of the command it answers.
    pub tag: Option<Cow<'a, [u8]>>,
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
    /// Anything else: name and raw value.
    pub others: Vec<Pair<'a>>,
}

impl<'a> Esearch<'a> {
    /// What follows the word ESEARCH.
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Esearch<'a>> {
        let mut result = Esearch::default();
        let mut first = true;
        while cursor.peek()? == b' ' {
            cursor.sp()?;
            if matches!(cursor.peek()?, b'\r' | b'\n') {
                break;
            }
            if std::mem::take(&mut first) && cursor.eat(b'(')? {
                if !cursor.eat_word("TAG")? {
                    return cursor.bad("TAG");
                }
                cursor.sp()?;
                result.tag = Some(cursor.astring()?);
                cursor.expect(b')', ")")?;
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

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.raw("ESEARCH");
        if let Some(tag) = &self.tag {
            out.raw(" (TAG ");
            out.quoted(tag, "tag");
            out.raw(")");
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
        for (name, value) in &self.others {
            out.sp();
            out.atom(name, "search return data");
            out.sp();
            out.text(value, "search return data");
        }
    }
}
