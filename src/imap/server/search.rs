//! SEARCH keys (RFC 9051 section 6.4.4, RFC 3501, RFC 5032, RFC 7162, RFC 8474, RFC 8514)
//! made into a query, which the one matcher of the house evaluates.
//!
//! What only IMAP knows (numbers, mod-sequences, `\\Recent`, its idea of a day) are extra
//! leaves of the query, answered here. Keys that look at more of a message are put behind
//! those that look at less.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::outcome::Outcome;
use super::replies::Outlet;
use super::view::{Known, Ranges, Selected};
use super::{flags, identity};
use crate::base::date::{Day as Date, Zoned};
use crate::imap::syntax::code::Code;
use crate::imap::syntax::search::{Day, Field, Key, Measure, Word};
use crate::imap::syntax::set::SequenceSet;
use crate::message::address::Element;
use crate::message::charset;
use crate::message::facts::{self, Facts, Header, PartFacts};
use crate::message::structure::{Envelope, Kind};
use crate::query::{self, Expr, Pattern, SizeRange, Term, Verdict};
use crate::store::memory::{Mailbox, Message, Shared};

/// How a date is compared with a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Before,
    On,
    Since,
}

/// Which date of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Received,
    Sent,
    Saved,
}

/// A leaf that only IMAP has.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Extra {
    Recent,
    /// RFC 9051 section 6.4.4 looks in the envelope, where comments between the parts of an
    /// address are gone.
    Addresses(Field, Pattern),
    Dated(Which, Order, Date),
    ReceivedUntil(i64),
    ReceivedFrom(i64),
    ModSeq(u64),
    EmailId(String),
    EmailIds(HashSet<String>),
    ThreadId(String),
    Uid(Ranges),
    Sequence(Ranges),
}

/// A message that is being looked at.
pub(super) struct Candidate<'m> {
    /// Its sequence number.
    pub number: u32,
    /// What the client knows of it.
    pub known: Known,
    /// What the store has.
    pub message: &'m Message,
    /// What can be found out.
    pub facts: Facts<'m>,
}

/// The program of a search.
#[derive(Debug)]
pub(super) struct Program {
    expr: Expr,
    extras: Vec<Extra>,
    /// Whether MODSEQ was a key: the response then tells the highest one found.
    pub modseq: bool,
}

/// Makes a program of the keys of SEARCH, SORT or THREAD.
///
/// # Errors
/// BADCHARSET for a charset that we do not know; BAD for text that is not of its charset,
/// and for keys that only other servers have.
pub(super) fn program(
    selected: &Selected,
    account: &Shared,
    charset: Option<&[u8]>,
    keys: &[Key<'_>],
    gmail: bool,
) -> Result<Program, Outcome> {
    let charset = match charset {
        None => Charset::Unnamed,
        Some(name) if name.eq_ignore_ascii_case(b"UTF-8") => Charset::Utf8,
        Some(name) if name.eq_ignore_ascii_case(b"US-ASCII") => {
            if keys.iter().any(Key::needs_charset) {
                return Err(Outcome::bad("the text is not US-ASCII"));
            }
            Charset::Utf8
        }
        Some(name) if CHARSETS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) => {
            Charset::Other(name.to_vec())
        }
        Some(_) => {
            let ours = ["US-ASCII", "UTF-8"].into_iter().chain(CHARSETS);
            let known = ours.map(|name| Cow::Borrowed(name.as_bytes())).collect();
            let outcome = Outcome::no("the charset is not known");
            return Err(outcome.with(Code::BadCharset(known)));
        }
    };
    let now = account.borrow().now().seconds;
    let mut builder =
        Builder { selected, account, charset, gmail, now, extras: Vec::new(), modseq: false };
    let expr = builder.all(keys)?;
    Ok(Program { expr, extras: builder.extras, modseq: builder.modseq })
}

/// Octets of messages that are looked through before other connections have a turn.
const SLICE_OCTETS: usize = 2 * 1024 * 1024;

/// Messages likewise.
const SLICE_MESSAGES: usize = 1000;

impl Program {
    /// The messages of the view that fit, ascending by number. What is gone is passed over.
    pub fn run<'m>(&self, selected: &Selected, mailbox: &'m Mailbox) -> Vec<Candidate<'m>> {
        let all = 0..selected.view.len();
        let candidates = all.filter_map(|place| candidate(selected, mailbox, place));
        candidates.filter(|candidate| self.fits(candidate)).collect()
    }

    /// The places in the view of the messages that fit, ascending. Between slices of the work
    /// other connections have their turn, and may change the mailbox.
    pub async fn sift(
        &self,
        selected: &Selected,
        account: &Shared,
        out: &mut dyn Outlet,
    ) -> Vec<usize> {
        let mut found = Vec::new();
        let mut place = 0;
        while place < selected.view.len() {
            {
                let account = account.borrow();
                let Some(mailbox) = account.mailbox(selected.id) else { break };
                let end = selected.view.len().min(place + SLICE_MESSAGES);
                let mut octets = 0;
                while place < end && octets < SLICE_OCTETS {
                    if let Some(candidate) = candidate(selected, mailbox, place) {
                        octets += candidate.message.octets.len();
                        if self.fits(&candidate) {
                            found.push(place);
                        }
                    }
                    place += 1;
                }
            }
            if place < selected.view.len() {
                out.breathe().await;
            }
        }
        found
    }

    fn fits(&self, candidate: &Candidate<'_>) -> bool {
        let asked = Asked { extras: &self.extras, candidate, texts: OnceCell::new() };
        query::eval(&self.expr, &asked) == Verdict::Yes
    }
}

/// The message at a place of the view; `None` where it is gone.
pub(super) fn candidate<'m>(
    selected: &Selected,
    mailbox: &'m Mailbox,
    place: usize,
) -> Option<Candidate<'m>> {
    let known = selected.view[place];
    let message = mailbox.shown(known.uid)?;
    let facts = Facts::new(&message.octets);
    Some(Candidate { number: Selected::number(place).0, known, message, facts })
}

/// Charsets beside US-ASCII and UTF-8 that search keys may be in: those in which clients have
/// been seen to search.
const CHARSETS: [&str; 16] = [
    "ISO-8859-1",
    "ISO-8859-2",
    "ISO-8859-5",
    "ISO-8859-7",
    "ISO-8859-15",
    "WINDOWS-1250",
    "WINDOWS-1251",
    "WINDOWS-1252",
    "KOI8-R",
    "KOI8-U",
    "ISO-2022-JP",
    "SHIFT_JIS",
    "EUC-JP",
    "EUC-KR",
    "GB18030",
    "BIG5",
];

/// What the octets of text in keys are.
enum Charset {
    /// UTF-8 where it is that. JavaMail 1.6 with UTF8=ACCEPT names none and sends ISO-8859-1,
    /// which RFC 6855 section 3 would have us answer with BAD: its searches would all fail.
    Unnamed,
    Utf8,
    /// By a name of [`CHARSETS`].
    Other(Vec<u8>),
}

/// Whether a key names messages by sequence numbers.
pub(super) fn names_numbers(key: &Key<'_>) -> bool {
    match key {
        Key::Sequence(set) => *set != SequenceSet::Saved,
        Key::Not(key) | Key::Fuzzy(key) => names_numbers(key),
        Key::Or(one, other) => names_numbers(one) || names_numbers(other),
        Key::And(keys) => keys.iter().any(names_numbers),
        _ => false,
    }
}

struct Builder<'s> {
    account: &'s Shared,
    charset: Charset,
    gmail: bool,
    selected: &'s Selected,
    now: i64,
    extras: Vec<Extra>,
    modseq: bool,
}

impl Builder<'_> {
    fn all(&mut self, keys: &[Key<'_>]) -> Result<Expr, Outcome> {
        let mut list = Vec::with_capacity(keys.len());
        for key in keys {
            list.push(self.expr(key)?);
        }
        if list.len() == 1 {
            return Ok(list.remove(0));
        }
        list.sort_by_cached_key(|expr| self.cost(expr));
        Ok(Expr::And(list))
    }

    fn expr(&mut self, key: &Key<'_>) -> Result<Expr, Outcome> {
        Ok(match key {
            Key::Word(word) => self.word(*word),
            Key::Text(Field::GmRaw | Field::GmLabel, _) if !self.gmail => return Err(gmail()),
            Key::Text(Field::GmRaw, text) => self.gmail_query(text)?,
            Key::Text(Field::GmLabel, text) => {
                let label = self.text(text)?;
                let found = identity::labelled(&self.account.borrow(), &label);
                self.extra(Extra::EmailIds(found))
            }
            // Every message has the empty string in it.
            Key::Text(Field::Body | Field::Text, text) if text.is_empty() => Expr::And(Vec::new()),
            Key::Text(field, text) => {
                let pattern = Pattern::text(&self.text(text)?);
                let written = Expr::Term(Term::Match(field_of(*field)?, pattern.clone()));
                match field {
                    Field::From | Field::To | Field::Cc | Field::Bcc => {
                        let addresses = self.extra(Extra::Addresses(*field, pattern));
                        Expr::Or(vec![written, addresses])
                    }
                    _ => written,
                }
            }
            Key::Header(name, text) => {
                let name = String::from_utf8_lossy(name).into_owned();
                let wanted = match text.is_empty() {
                    true => Pattern::Present,
                    false => Pattern::text(&self.text(text)?),
                };
                Expr::Term(Term::Header(name, wanted))
            }
            Key::Keyword(set, name) => flag(&String::from_utf8_lossy(name), *set),
            Key::Date(day, date) => {
                let extra = of_date(*day, *date)?;
                self.extra(extra)
            }
            Key::Number(measure, number) => self.measured(*measure, *number)?,
            Key::ModSeq(_, modseq) => {
                self.modseq = true;
                self.extra(Extra::ModSeq(modseq.0))
            }
            Key::EmailId(id) => {
                self.extra(Extra::EmailId(String::from_utf8_lossy(id).into_owned()))
            }
            Key::ThreadId(id) => {
                self.extra(Extra::ThreadId(String::from_utf8_lossy(id).into_owned()))
            }
            Key::Uid(SequenceSet::Saved) | Key::Sequence(SequenceSet::Saved) => {
                self.extra(Extra::Uid(Ranges::of(&self.selected.saved)))
            }
            Key::Uid(set) => self.extra(Extra::Uid(Ranges::new(set, self.selected.max_uid()))),
            Key::Sequence(set) => {
                self.extra(Extra::Sequence(Ranges::new(set, self.selected.exists())))
            }
            Key::Not(key) => not(self.expr(key)?),
            Key::Or(one, other) => {
                let mut list = vec![self.expr(one)?, self.expr(other)?];
                list.sort_by_cached_key(|expr| self.cost(expr));
                Expr::Or(list)
            }
            Key::And(keys) => self.all(keys)?,
            Key::Fuzzy(key) => self.expr(key)?,
        })
    }

    fn word(&mut self, word: Word) -> Expr {
        match word {
            Word::All | Word::SaveDateSupported => Expr::All,
            Word::Answered => flag("\\Answered", true),
            Word::Deleted => flag("\\Deleted", true),
            Word::Draft => flag("\\Draft", true),
            Word::Flagged => flag("\\Flagged", true),
            Word::Seen => flag("\\Seen", true),
            Word::Unanswered => flag("\\Answered", false),
            Word::Undeleted => flag("\\Deleted", false),
            Word::Undraft => flag("\\Draft", false),
            Word::Unflagged => flag("\\Flagged", false),
            Word::Unseen => flag("\\Seen", false),
            Word::Recent => self.extra(Extra::Recent),
            Word::Old => not(self.extra(Extra::Recent)),
            Word::New => Expr::And(vec![self.extra(Extra::Recent), flag("\\Seen", false)]),
        }
    }

    fn measured(&mut self, measure: Measure, number: u64) -> Result<Expr, Outcome> {
        let nothing = Expr::Or(Vec::new());
        Ok(match measure {
            Measure::Larger => match number.checked_add(1) {
                Some(least) => size(Some(least), None),
                None => nothing,
            },
            Measure::Smaller => match number.checked_sub(1) {
                Some(most) => size(None, Some(most)),
                None => nothing,
            },
            // RFC 5032 section 5: the interval is an nz-number.
            Measure::Older | Measure::Younger if number == 0 => {
                return Err(Outcome::bad("an interval is at least a second"));
            }
            Measure::Older => self.extra(Extra::ReceivedUntil(self.ago(number))),
            Measure::Younger => self.extra(Extra::ReceivedFrom(self.ago(number))),
            Measure::GmMessageId | Measure::GmThreadId if !self.gmail => return Err(gmail()),
            Measure::GmMessageId => self.extra(Extra::EmailId(format!("M{number}"))),
            Measure::GmThreadId => self.extra(Extra::ThreadId(format!("T{number:016x}"))),
        })
    }

    /// The text of a key.
    ///
    /// # Errors
    /// BAD for octets that are not of its charset.
    fn text(&self, text: &[u8]) -> Result<String, Outcome> {
        match &self.charset {
            Charset::Other(name) => Ok(charset::decode(name, text)),
            Charset::Unnamed | Charset::Utf8 => match std::str::from_utf8(text) {
                Ok(text) => Ok(text.to_owned()),
                Err(_) if matches!(self.charset, Charset::Unnamed) => {
                    Ok(charset::decode(b"iso-8859-1", text))
                }
                Err(_) => Err(Outcome::bad("the text is not UTF-8")),
            },
        }
    }

    /// A query in the house's language, which is much like Gmail's.
    ///
    /// # Errors
    /// BAD for one that cannot be read.
    fn gmail_query(&self, text: &[u8]) -> Result<Expr, Outcome> {
        let now = Timestamp::from_second(self.now).unwrap_or(Timestamp::UNIX_EPOCH);
        let context = query::Context { now, zone: TimeZone::UTC };
        let refused = |_| Outcome::bad("the query cannot be read");
        query::parse(&self.text(text)?, &context).map_err(refused)
    }

    /// The instant so many seconds ago.
    fn ago(&self, seconds: u64) -> i64 {
        self.now.saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// A leaf that is answered here.
    fn extra(&mut self, extra: Extra) -> Expr {
        self.extras.push(extra);
        // The number of keys is bounded by the length of a command.
        Expr::Term(Term::Extra(u32::try_from(self.extras.len() - 1).unwrap_or(u32::MAX)))
    }

    /// How much of a message a part of the query looks at.
    fn cost(&self, expr: &Expr) -> u32 {
        match expr {
            Expr::All => 0,
            Expr::And(list) | Expr::Or(list) => {
                list.iter().fold(0, |sum: u32, each| sum.saturating_add(self.cost(each)))
            }
            Expr::Not(inner) => self.cost(inner),
            Expr::Term(Term::Match(query::Field::Body | query::Field::Text, _)) => 1000,
            Expr::Term(Term::Match(..) | Term::Header(..)) => 10,
            Expr::Term(Term::Extra(number)) => match self.extras.get(*number as usize) {
                Some(Extra::Dated(Which::Sent, ..) | Extra::ThreadId(_)) => 10,
                Some(Extra::Addresses(..)) => 20,
                _ => 1,
            },
            Expr::Term(_) => 1,
        }
    }
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

fn flag(name: &str, set: bool) -> Expr {
    let term = Expr::Term(Term::Flag(name.to_owned()));
    if set { term } else { not(term) }
}

fn size(least: Option<u64>, most: Option<u64>) -> Expr {
    Expr::Term(Term::Size(SizeRange { least, most }))
}

/// What is said to keys that only Gmail has.
fn gmail() -> Outcome {
    Outcome::bad("X-GM-EXT-1 is not offered")
}

fn field_of(field: Field) -> Result<query::Field, Outcome> {
    Ok(match field {
        Field::Bcc => query::Field::Bcc,
        Field::Cc => query::Field::Cc,
        Field::From => query::Field::From,
        Field::Subject => query::Field::Subject,
        Field::To => query::Field::To,
        Field::Body => query::Field::Body,
        Field::Text => query::Field::Text,
        Field::GmRaw | Field::GmLabel => return Err(gmail()),
    })
}

/// # Errors
/// BAD for a year that mail does not have.
fn of_date(day: Day, date: jiff::civil::Date) -> Result<Extra, Outcome> {
    let (which, order) = match day {
        Day::Before => (Which::Received, Order::Before),
        Day::On => (Which::Received, Order::On),
        Day::Since => (Which::Received, Order::Since),
        Day::SentBefore => (Which::Sent, Order::Before),
        Day::SentOn => (Which::Sent, Order::On),
        Day::SentSince => (Which::Sent, Order::Since),
        Day::SavedBefore => (Which::Saved, Order::Before),
        Day::SavedOn => (Which::Saved, Order::On),
        Day::SavedSince => (Which::Saved, Order::Since),
    };
    let number = |value: i8| u8::try_from(value).ok();
    let made = u16::try_from(date.year())
        .ok()
        .zip(number(date.month()))
        .zip(number(date.day()))
        .and_then(|((year, month), day)| Date::new(year, month, day));
    match made {
        Some(date) => Ok(Extra::Dated(which, order, date)),
        None => Err(Outcome::bad("that is no date")),
    }
}

impl Extra {
    fn fits(&self, candidate: &Candidate<'_>) -> bool {
        let message = candidate.message;
        match self {
            Extra::Recent => candidate.known.recent,
            Extra::Addresses(field, pattern) => addressed(candidate, *field, pattern),
            Extra::Dated(which, order, day) => match date(candidate, *which) {
                None => false,
                Some(date) => match order {
                    Order::Before => date < *day,
                    Order::On => date == *day,
                    Order::Since => date >= *day,
                },
            },
            Extra::ReceivedUntil(instant) => message.received.seconds <= *instant,
            Extra::ReceivedFrom(instant) => message.received.seconds >= *instant,
            Extra::ModSeq(modseq) => message.modseq >= *modseq,
            Extra::EmailId(id) => message.email_id == *id,
            Extra::EmailIds(ids) => ids.contains(&message.email_id),
            Extra::ThreadId(id) => identity::thread_id(message, &candidate.facts) == *id,
            Extra::Uid(ranges) => ranges.contains(message.uid),
            Extra::Sequence(ranges) => ranges.contains(candidate.number),
        }
    }
}

/// Whether an address of the envelope's field holds the pattern.
fn addressed(candidate: &Candidate<'_>, field: Field, pattern: &Pattern) -> bool {
    let envelope = Envelope::from_header(candidate.facts.message());
    let list = match field {
        Field::From => envelope.from,
        Field::To => envelope.to,
        Field::Cc => envelope.cc,
        Field::Bcc => envelope.bcc,
        _ => return false,
    };
    list.iter().any(|element| match element {
        Element::Mailbox(parts) => pattern.matches(&String::from_utf8_lossy(&parts.addr())),
        Element::GroupStart(_) | Element::GroupEnd => false,
    })
}

/// A date of the message, time and zone left aside (RFC 9051 section 6.4.4).
fn date(candidate: &Candidate<'_>, which: Which) -> Option<Date> {
    let message = candidate.message;
    match which {
        Which::Received => {
            let received = message.received;
            let zoned =
                Zoned { seconds: received.seconds, offset_seconds: received.offset_seconds };
            Some(zoned.day())
        }
        Which::Saved => Some(Zoned::utc(message.saved).day()),
        Which::Sent => candidate
            .facts
            .header()
            .values("Date")
            .find_map(|value| Zoned::parse_message(value.as_bytes()).ok())
            .map(Zoned::day),
    }
}

/// A message that the matcher asks; everything is known of it.
struct Asked<'a, 'm> {
    extras: &'a [Extra],
    candidate: &'a Candidate<'m>,
    texts: OnceCell<Vec<String>>,
}

/// The texts of the bodies, and beside them what a reader does not see: the marks of HTML,
/// reports, and multiparts that have no parts. RFC 9051 section 6.4.4 looks for text in the
/// body, whatever it is for.
fn texts(facts: &Facts<'_>) -> Vec<String> {
    let mut texts = facts.texts().to_vec();
    for part in facts.structure().parts() {
        let hidden = match &part.kind {
            Kind::Multipart(parts) => parts.is_empty(),
            Kind::Message(_) => false,
            Kind::Leaf => {
                part.content_type.is("text", "html")
                    || part.content_type.is("application", "xhtml+xml")
                    || part.content_type.is_kind("message")
            }
        };
        if hidden {
            let octets = facts::part_octets(facts.message(), part);
            let label = part.content_type.parameter("charset").unwrap_or_default();
            texts.push(charset::decode(label.as_bytes(), &octets));
        }
    }
    texts
}

impl query::Facts for Asked<'_, '_> {
    fn flag(&self, name: &str) -> query::Known<bool> {
        query::Known::Is(flags::has(self.candidate.message, name))
    }

    fn any_flag(&self) -> query::Known<bool> {
        query::Known::Is(!self.candidate.message.flags.is_empty())
    }

    fn size(&self) -> query::Known<u64> {
        query::Known::Is(self.candidate.message.octets.len() as u64)
    }

    fn received(&self) -> query::Known<Timestamp> {
        let seconds = self.candidate.message.received.seconds;
        Timestamp::from_second(seconds).map_or(query::Known::Absent, query::Known::Is)
    }

    fn saved(&self) -> query::Known<Timestamp> {
        let saved = Timestamp::from_second(self.candidate.message.saved);
        saved.map_or(query::Known::Absent, query::Known::Is)
    }

    fn uid(&self) -> query::Known<u32> {
        query::Known::Is(self.candidate.message.uid)
    }

    fn folder(&self) -> query::Known<&str> {
        query::Known::Absent
    }

    fn account(&self) -> query::Known<&str> {
        query::Known::Absent
    }

    fn thread(&self) -> query::Known<&str> {
        query::Known::Absent
    }

    fn gmail(&self, _query: &str) -> query::Known<bool> {
        query::Known::Absent
    }

    fn extra(&self, number: u32) -> query::Known<bool> {
        let extra = self.extras.get(number as usize);
        extra.map_or(query::Known::Absent, |extra| query::Known::Is(extra.fits(self.candidate)))
    }

    fn header(&self) -> Option<&Header> {
        Some(self.candidate.facts.header())
    }

    fn parts(&self) -> Option<&[PartFacts]> {
        Some(self.candidate.facts.parts())
    }

    fn texts(&self) -> Option<&[String]> {
        Some(self.texts.get_or_init(|| texts(&self.candidate.facts)))
    }
}
