//! A query as search keys: what a server can be asked so that it finds every message that the
//! query asks for, and what is left to find out of those that it finds (RFC 9051 section 6.4.4).
//!
//! For each term two questions are known: one that finds all of its messages and perhaps more,
//! and one that finds none but its messages and perhaps fewer. Negation swaps them, so that
//! what is asked stays on the safe side under any NOT. Where both are the same the server's
//! answer is final; what is not final is left over for `query::eval`.
//!
//! What makes a question about header text safe: servers may know no case beyond ASCII
//! (RFC 9051 section 6.4.4), fold blanks in their own way, and look for addresses in a
//! rewritten form. So words are asked for one by one, cut where a letter has case beyond ASCII
//! and where `ss` could be `ß`. Dates are compared by the day in whatever zone the server
//! shows, so they are widened by a day. The few other letters that fold to ASCII (the
//! ligatures, the dotless i, the long s, the Kelvin sign) are left to the server's folding, and
//! half of an `ß` is not looked for there.
//!
//! `body:` and `text:` have the server's own meaning unless they are to be exact. It sends
//! nothing.

use std::borrow::Cow;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

use super::client::Capabilities;
use super::syntax::search::{Day, Field as In, Key, Measure, Word};
use super::syntax::set::{Bound, Range, SequenceSet};
use crate::query::{
    DateKeyword, DateTerm, Expr, Field, Pattern, SizeRange, Term, TimeRange, UidSet,
};

/// The largest number that a server without IMAP4rev2 reads (RFC 3501 section 9, `number`).
const LARGEST: u64 = u32::MAX as u64;

/// Most words of one value that are asked for.
const PIECES: usize = 8;

/// What is left to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Text beyond ASCII can be sent.
    pub utf8: bool,
    /// `body:` and `text:` are the server's to answer, by its own meaning.
    pub bodies: bool,
    /// What is left to it of `body:` and `text:` is matched fuzzily (RFC 6203).
    pub fuzzy: bool,
    /// The server speaks Gmail's language (X-GM-EXT-1).
    pub gmail: bool,
    /// The server knows when a message was put into its folder (SAVEDATE, RFC 8514).
    pub saved: bool,
    /// The server compares how long ago a message came by the second (WITHIN, RFC 5032), and
    /// this is the present.
    pub within: Option<Timestamp>,
}

impl Manner {
    /// What can be left to a server with these capabilities. `exact`: `body:` and `text:` have our
    /// meaning; `fuzzy`: they are matched fuzzily, where the server can.
    pub fn of(capabilities: &Capabilities, exact: bool, fuzzy: bool, now: Timestamp) -> Self {
        Self {
            utf8: true,
            bodies: !exact,
            fuzzy: fuzzy && capabilities.has("SEARCH=FUZZY"),
            gmail: capabilities.has("X-GM-EXT-1"),
            saved: capabilities.has("SAVEDATE"),
            within: capabilities.has("WITHIN").then_some(now),
        }
    }
}

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// No message can match: nothing has to be asked.
    Nothing,
    /// The messages that match all of these; never empty.
    Keys(Vec<Key<'static>>),
}

/// How a query is answered with the help of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// What the server is asked: at least the messages of the query match.
    pub asked: Asked,
    /// What is still to be evaluated for each of them; [`Expr::All`]: nothing. A
    /// [`Term::Extra`] in it is answered by the key of its number in `questions`.
    pub rest: Expr,
    /// What only the server can say about single terms of `rest`.
    pub questions: Vec<Key<'static>>,
}

/// Divides the work on a query between a server and us. Terms about folder and account are
/// for the caller to answer before.
pub fn map(expr: &Expr, manner: Manner) -> Mapping {
    let asked = match bounds(expr, manner).most {
        Found::Nothing => {
            return Mapping { asked: Asked::Nothing, rest: Expr::All, questions: Vec::new() };
        }
        Found::Everything => Asked::Keys(vec![Key::Word(Word::All)]),
        Found::Those(Key::And(keys)) => Asked::Keys(keys),
        Found::Those(key) => Asked::Keys(vec![key]),
    };
    let conjuncts = match expr {
        Expr::And(list) => list.as_slice(),
        other => std::slice::from_ref(other),
    };
    let open: Vec<&Expr> =
        conjuncts.iter().filter(|part| !bounds(part, manner).is_final()).collect();
    let mut questions = Vec::new();
    let mut rest: Vec<Expr> =
        open.into_iter().map(|part| with_questions(part, manner, &mut questions)).collect();
    let rest = match rest.len() {
        0 => Expr::All,
        1 => rest.remove(0),
        _ => Expr::And(rest),
    };
    Mapping { asked, rest, questions }
}

/// The expression with a number in place of each term that the server has to answer.
fn with_questions(expr: &Expr, manner: Manner, questions: &mut Vec<Key<'static>>) -> Expr {
    let mut each = |list: &[Expr]| -> Vec<Expr> {
        list.iter().map(|part| with_questions(part, manner, questions)).collect()
    };
    match expr {
        Expr::All => Expr::All,
        Expr::And(list) => Expr::And(each(list)),
        Expr::Or(list) => Expr::Or(each(list)),
        Expr::Not(inner) => Expr::Not(Box::new(with_questions(inner, manner, questions))),
        Expr::Term(term) => match server_only(term, manner) {
            Some(key) => {
                questions.push(key);
                let number = u32::try_from(questions.len() - 1).unwrap_or(u32::MAX);
                Expr::Term(Term::Extra(number))
            }
            None => Expr::Term(term.clone()),
        },
    }
}

/// The key of a term whose meaning is the server's.
fn server_only(term: &Term, manner: Manner) -> Option<Key<'static>> {
    let text = |field, text: &str| {
        let sendable = (manner.utf8 || text.is_ascii()) && !text.contains(['\r', '\n', '\0']);
        (sendable && !text.is_empty()).then(|| Key::Text(field, owned(text)))
    };
    let by_meaning = |key: Option<Key<'static>>| {
        key.map(|key| if manner.fuzzy { Key::Fuzzy(Box::new(key)) } else { key })
    };
    match term {
        Term::Match(Field::Body, Pattern::Text(value)) if manner.bodies => {
            by_meaning(text(In::Body, value.as_str()))
        }
        Term::Match(Field::Text, Pattern::Text(value)) if manner.bodies => {
            by_meaning(text(In::Text, value.as_str()))
        }
        Term::Gmail(query) if manner.gmail => text(In::GmRaw, query),
        _ => None,
    }
}

/// A set of messages, as far as keys can say it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Nothing,
    Everything,
    Those(Key<'static>),
}

/// What holds all messages of an expression, and what holds none but them.
struct Bounds {
    most: Found,
    least: Found,
}

impl Bounds {
    fn is_final(&self) -> bool {
        self.most == self.least
    }

    fn exact(found: Found) -> Bounds {
        Bounds { least: found.clone(), most: found }
    }

    fn at_most(most: Found) -> Bounds {
        Bounds { most, least: Found::Nothing }
    }

    fn unknown() -> Bounds {
        Bounds { most: Found::Everything, least: Found::Nothing }
    }
}

fn bounds(expr: &Expr, manner: Manner) -> Bounds {
    match expr {
        Expr::All => Bounds::exact(Found::Everything),
        Expr::And(list) => {
            let (most, least) = pairs(list, manner);
            Bounds { most: all_of(most), least: all_of(least) }
        }
        Expr::Or(list) => {
            let (most, least) = pairs(list, manner);
            Bounds { most: any_of(most), least: any_of(least) }
        }
        Expr::Not(inner) => {
            let inner = bounds(inner, manner);
            Bounds { most: none_of(inner.least), least: none_of(inner.most) }
        }
        Expr::Term(term) => of_term(term, manner),
    }
}

fn pairs(list: &[Expr], manner: Manner) -> (Vec<Found>, Vec<Found>) {
    list.iter()
        .map(|part| {
            let bounds = bounds(part, manner);
            (bounds.most, bounds.least)
        })
        .unzip()
}

/// What is in all of these.
fn all_of(list: Vec<Found>) -> Found {
    let mut keys = Vec::new();
    for found in list {
        match found {
            Found::Nothing => return Found::Nothing,
            Found::Everything => {}
            Found::Those(Key::And(more)) => keys.extend(more),
            Found::Those(key) => keys.push(key),
        }
    }
    match keys.len() {
        0 => Found::Everything,
        1 => Found::Those(keys.remove(0)),
        _ => Found::Those(Key::And(keys)),
    }
}

/// What is in one of these at least.
fn any_of(list: Vec<Found>) -> Found {
    let mut keys = Vec::new();
    for found in list {
        match found {
            Found::Everything => return Found::Everything,
            Found::Nothing => {}
            Found::Those(key) => keys.push(key),
        }
    }
    match one_of(keys) {
        Some(key) => Found::Those(key),
        None => Found::Nothing,
    }
}

/// OR takes two keys: many become a tree that is no deeper than it must be, since servers
/// bound the nesting.
fn one_of(mut keys: Vec<Key<'static>>) -> Option<Key<'static>> {
    if keys.len() < 2 {
        return keys.pop();
    }
    let right = one_of(keys.split_off(keys.len() / 2))?;
    let left = one_of(keys)?;
    Some(Key::Or(Box::new(left), Box::new(right)))
}

fn none_of(found: Found) -> Found {
    match found {
        Found::Nothing => Found::Everything,
        Found::Everything => Found::Nothing,
        Found::Those(key) => Found::Those(match key {
            Key::Not(inner) => *inner,
            Key::Keyword(set, name) => Key::Keyword(!set, name),
            Key::Word(word) => opposite(word).map_or_else(|| not(Key::Word(word)), Key::Word),
            other => not(other),
        }),
    }
}

fn not(key: Key<'static>) -> Key<'static> {
    Key::Not(Box::new(key))
}

fn opposite(word: Word) -> Option<Word> {
    const PAIRS: [(Word, Word); 5] = [
        (Word::Answered, Word::Unanswered),
        (Word::Deleted, Word::Undeleted),
        (Word::Draft, Word::Undraft),
        (Word::Flagged, Word::Unflagged),
        (Word::Seen, Word::Unseen),
    ];
    PAIRS.iter().find_map(
        |&(set, unset)| {
            if word == set { Some(unset) } else { (word == unset).then_some(set) }
        },
    )
}

fn owned(text: &str) -> Cow<'static, [u8]> {
    Cow::Owned(text.as_bytes().to_vec())
}

fn header(name: &str, text: &str) -> Key<'static> {
    Key::Header(owned(name), owned(text))
}

fn of_term(term: &Term, manner: Manner) -> Bounds {
    if let Some(key) = server_only(term, manner) {
        return Bounds::exact(Found::Those(key));
    }
    match term {
        Term::Match(field, pattern) => of_field(*field, pattern, manner),
        Term::Header(name, pattern) => of_header(name, None, pattern, manner),
        Term::Is(is) => match is.flag() {
            Some((name, wanted)) => of_flag(name, wanted),
            None => Bounds::unknown(),
        },
        // Keywords of which we do not know have no key of their own.
        Term::Flag(name) if name == "*" => {
            let known = [Word::Seen, Word::Answered, Word::Flagged, Word::Deleted, Word::Draft];
            let known = known.into_iter().map(|word| Found::Those(Key::Word(word))).collect();
            Bounds { most: Found::Everything, least: any_of(known) }
        }
        Term::Flag(name) => of_flag(name, true),
        Term::Date(date) => of_span(date, manner).unwrap_or_else(|| of_date(date, manner)),
        Term::Size(range) => of_size(*range),
        Term::Uid(set) => of_uids(set),
        Term::Thread(id) => of_thread(id, manner),
        // A server that does not speak it has no such messages.
        Term::Gmail(_) => Bounds::exact(Found::Nothing),
        Term::Has(_) | Term::Extra(_) => Bounds::unknown(),
    }
}

fn of_field(field: Field, pattern: &Pattern, manner: Manner) -> Bounds {
    let key = match field {
        Field::From => Some(In::From),
        Field::To => Some(In::To),
        Field::Cc => Some(In::Cc),
        Field::Bcc => Some(In::Bcc),
        Field::Subject => Some(In::Subject),
        Field::List | Field::Id => None,
        Field::Body
        | Field::Text
        | Field::FileName
        | Field::Type
        | Field::Charset
        | Field::Folder
        | Field::Account => return Bounds::unknown(),
    };
    let name = field.header_name().unwrap_or_default();
    if field == Field::Id
        && let Pattern::Text(value) = pattern
    {
        // The angle brackets say "the whole of it"; the field has them or has not.
        let value = value.as_str();
        let inner = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
        return of_header(name, None, &Pattern::text(inner.unwrap_or(value)), manner);
    }
    if field == Field::Id {
        // A field without an id in it counts as none.
        return Bounds::at_most(Found::Those(header(name, "")));
    }
    of_header(name, key, pattern, manner)
}

/// Text in a header field, for which some fields have a key of their own.
fn of_header(name: &str, key: Option<In>, pattern: &Pattern, manner: Manner) -> Bounds {
    if !name.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Bounds::unknown();
    }
    let is_there = Found::Those(header(name, ""));
    let of_addresses = matches!(key, Some(In::From | In::To | In::Cc | In::Bcc));
    // All words of a text; none: it cannot be asked for.
    let with = |text: &str| {
        let words = pieces(text, manner.utf8, of_addresses).into_iter().map(|word| {
            Found::Those(match key {
                Some(field) => Key::Text(field, owned(word)),
                None => header(name, word),
            })
        });
        let words: Vec<Found> = words.collect();
        (!words.is_empty()).then(|| all_of(words))
    };
    match pattern {
        Pattern::Present => Bounds::exact(is_there),
        Pattern::Text(value) if value.as_str().is_empty() => Bounds::exact(is_there),
        Pattern::Text(value) => Bounds::at_most(with(value.as_str()).unwrap_or(is_there)),
        Pattern::Regex(_) => {
            let needed = pattern.needed().unwrap_or_default();
            let each: Option<Vec<Found>> = needed.iter().map(|text| with(text)).collect();
            match each.filter(|each| !each.is_empty()) {
                Some(each) => Bounds::at_most(any_of(each)),
                // Nearly every message has these fields.
                None if matches!(key, Some(In::From | In::To | In::Subject)) => Bounds::unknown(),
                None => Bounds::at_most(is_there),
            }
        }
    }
}

/// The parts of a value that any server finds in any text in which we find the value.
fn pieces(value: &str, utf8: bool, of_addresses: bool) -> Vec<&str> {
    let cuts = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || (of_addresses && "\"\\<>(),:;[]".contains(c))
            || !(c.is_ascii() || (utf8 && is_caseless(c)))
    };
    let mut found: Vec<&str> = value.split(cuts).flat_map(without_sharp_s).collect();
    found.retain(|piece| !piece.is_empty());
    // A single letter says nothing beside longer words.
    if found.iter().any(|piece| piece.chars().count() > 1) {
        found.retain(|piece| piece.chars().count() > 1);
    }
    found.truncate(PIECES);
    found
}

/// Whether a character beyond ASCII is the same in any case, and no text becomes it by folding.
fn is_caseless(c: char) -> bool {
    c.is_alphanumeric() && c.to_uppercase().eq([c]) && c.to_lowercase().eq([c])
}

/// The text without each `ss`, which we find in `ß` too.
fn without_sharp_s(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    let octets = text.as_bytes();
    while at + 1 < octets.len() {
        if octets[at..at + 2].eq_ignore_ascii_case(b"ss") {
            found.push(&text[start..at]);
            start = at + 2;
            at += 2;
        } else {
            at += 1;
        }
    }
    found.push(&text[start..]);
    found
}

fn of_flag(name: &str, wanted: bool) -> Bounds {
    const WORDS: [(&str, Word); 5] = [
        ("\\Seen", Word::Seen),
        ("\\Answered", Word::Answered),
        ("\\Flagged", Word::Flagged),
        ("\\Deleted", Word::Deleted),
        ("\\Draft", Word::Draft),
    ];
    let word = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let key = match word {
        Some((_, word)) => Key::Word(*word),
        None if is_keyword(name) => Key::Keyword(true, owned(name)),
        // No message has a flag that cannot be said; one with a backslash has no key.
        None => return Bounds::unknown(),
    };
    let set = Found::Those(key);
    Bounds::exact(if wanted { set } else { none_of(set) })
}

/// `flag-keyword` (RFC 9051 section 9).
fn is_keyword(name: &str) -> bool {
    let special = |octet| b"(){%*\"\\]".contains(&octet);
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic() && !special(octet))
}

/// A span back from now, as a number of seconds. It is final: the server's clock, which set the
/// date of arrival, is the better one to compare with.
fn of_span(date: &DateTerm, manner: Manner) -> Option<Bounds> {
    let now = manner.within?;
    if !date.is_span() {
        return None;
    }
    let (measure, instant) = match (date.keyword, date.range) {
        (DateKeyword::Older, TimeRange { from: None, until: Some(instant) }) => {
            (Measure::Older, instant)
        }
        (DateKeyword::Newer, TimeRange { from: Some(instant), until: None }) => {
            (Measure::Younger, instant)
        }
        _ => return None,
    };
    let seconds = u64::try_from(now.duration_since(instant).as_secs()).ok()?;
    // RFC 5032 section 3: the interval is an nz-number.
    (1..=LARGEST)
        .contains(&seconds)
        .then(|| Bounds::exact(Found::Those(Key::Number(measure, seconds))))
}

/// A server compares days as it shows them, in a zone that we do not know: less than a day
/// off universal time.
fn of_date(date: &DateTerm, manner: Manner) -> Bounds {
    let (since, before) = match date.keyword {
        DateKeyword::Date => (Day::SentSince, Day::SentBefore),
        DateKeyword::Saved if manner.saved => (Day::SavedSince, Day::SavedBefore),
        _ => (Day::Since, Day::Before),
    };
    let most = within(date.range, (since, -1), (before, 2), &Found::Everything);
    if date.keyword.is_sent() {
        // Whether a server can read the Date field is its own affair.
        return Bounds::at_most(most);
    }
    match date.range {
        TimeRange { from: None, until: None } => Bounds::exact(most),
        range => Bounds { most, least: within(range, (since, 2), (before, -1), &Found::Nothing) },
    }
}

/// Messages between the days of a range, each moved by so many days; `otherwise` where a day
/// cannot be said.
fn within(range: TimeRange, since: (Day, i64), before: (Day, i64), otherwise: &Found) -> Found {
    let end = |instant: Option<Timestamp>, (kind, days): (Day, i64)| match instant {
        Some(instant) => match moved(instant, days) {
            Some(day) => Found::Those(Key::Date(kind, day)),
            None => otherwise.clone(),
        },
        None => Found::Everything,
    };
    all_of(vec![end(range.from, since), end(range.until, before)])
}

/// The day of an instant in universal time, moved; `None` outside what IMAP can say.
fn moved(instant: Timestamp, days: i64) -> Option<Date> {
    let day = Offset::UTC.to_datetime(instant).date();
    let day = day.checked_add(Span::new().try_days(days).ok()?).ok()?;
    (1..=9998).contains(&day.year()).then_some(day)
}

fn of_size(range: SizeRange) -> Bounds {
    let mut keys = Vec::new();
    let mut is_exact = true;
    if let Some(above) = range.least.and_then(|least| least.checked_sub(1)) {
        is_exact &= above <= LARGEST;
        keys.push(Found::Those(Key::Number(Measure::Larger, above.min(LARGEST))));
    }
    if let Some(below) = range.most.and_then(|most| most.checked_add(1))
        && below <= LARGEST
    {
        keys.push(Found::Those(Key::Number(Measure::Smaller, below)));
    } else {
        is_exact &= range.most.is_none();
    }
    let most = all_of(keys);
    if is_exact { Bounds::exact(most) } else { Bounds::at_most(most) }
}

fn of_uids(set: &UidSet) -> Bounds {
    let ranges: Vec<Range> = set
        .0
        .iter()
        .filter(|(_, last)| *last > 0)
        .map(|(first, last)| match *first {
            // `*` alone: the last message there is.
            u32::MAX => Range { first: Bound::Star, last: Bound::Star },
            first => Range { first: Bound::Number(first.max(1)), last: Bound::Number(*last) },
        })
        .collect();
    if ranges.is_empty() {
        return Bounds::exact(Found::Nothing);
    }
    Bounds::exact(Found::Those(Key::uids(SequenceSet::Ranges(ranges))))
}

/// Messages that bear the id or answer one that does. A server's own thread ids are not asked
/// for: without them a message is in a thread by its header alone.
fn of_thread(id: &str, manner: Manner) -> Bounds {
    let inner = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(id);
    let pattern = Pattern::text(inner);
    let fields = ["Message-ID", "References", "In-Reply-To"];
    let found = fields.iter().map(|name| of_header(name, None, &pattern, manner).most).collect();
    Bounds::at_most(any_of(found))
}

#[cfg(test)]
mod tests;
