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

mod program;
mod result;

pub use program::{Return, Search, Sort, ThreadBy};
pub use result::{Esearch, Thread, Update};

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
