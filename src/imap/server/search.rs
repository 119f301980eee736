//! SEARCH keys (RFC 9051 section 6.4.4, RFC 3501, RFC 5032, RFC 7162, RFC 8474, RFC 8514)
//! made into tests, and tests put to messages.
//!
//! Text is compared decoded and without regard to case. Keys that look at more of a message
//! are put behind those that look at less.

use std::borrow::Cow;

use super::flags;
use super::outcome::Outcome;
use super::view::{Known, Ranges, Selected};
use crate::base::date::{Day as Date, Zoned};
use crate::imap::syntax::code::Code;
use crate::imap::syntax::search::{Day, Field, Key, Measure, Word};
use crate::imap::syntax::set::SequenceSet;
use crate::message::facts::Facts;
use crate::store::memory::{Message, Shared};

/// How a date is compared with a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Before,
    On,
    Since,
}

/// Which date of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Received,
    Sent,
    Saved,
}

/// A key, ready to be put to many messages. Text is in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    All,
    Nothing,
    Flag(String, bool),
    Recent(bool),
    Header(String, String),
    Body(String),
    Text(String),
    Dated(Which, Order, Date),
    Larger(u64),
    Smaller(u64),
    ReceivedUntil(i64),
    ReceivedFrom(i64),
    ModSeq(u64),
    EmailId(String),
    Uid(Ranges),
    Sequence(Ranges),
    Not(Box<Test>),
    Or(Box<Test>, Box<Test>),
    And(Vec<Test>),
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
    test: Test,
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
) -> Result<Program, Outcome> {
    let ascii = match charset {
        None => false,
        Some(name) if name.eq_ignore_ascii_case(b"UTF-8") => false,
        Some(name) if name.eq_ignore_ascii_case(b"US-ASCII") => true,
        Some(_) => {
            let known = vec![Cow::Borrowed(&b"US-ASCII"[..]), Cow::Borrowed(&b"UTF-8"[..])];
            let outcome = Outcome::no("the charset is not known");
            return Err(outcome.with(Code::BadCharset(known)));
        }
    };
    if ascii && keys.iter().any(Key::needs_charset) {
        return Err(Outcome::bad("the text is not US-ASCII"));
    }
    let now = account.borrow().now().seconds;
    let mut builder = Builder { selected, now, modseq: false };
    let test = builder.all(keys)?;
    Ok(Program { test, modseq: builder.modseq })
}

impl Program {
    /// The messages of the view that fit, ascending by number. What is gone is passed over.
    pub fn run<'m>(
        &self,
        selected: &Selected,
        mailbox: &'m crate::store::memory::Mailbox,
    ) -> Vec<Candidate<'m>> {
        let messages = mailbox.messages();
        let mut at = 0;
        let mut found = Vec::new();
        for (place, known) in selected.view.iter().enumerate() {
            while messages.get(at).is_some_and(|message| message.uid < known.uid) {
                at += 1;
            }
            let Some(message) = messages.get(at).filter(|message| message.uid == known.uid) else {
                continue;
            };
            let candidate = Candidate {
                number: Selected::number(place).0,
                known: *known,
                message,
                facts: Facts::new(&message.octets),
            };
            if self.test.fits(&candidate) {
                found.push(candidate);
            }
        }
        found
    }
}

struct Builder<'s> {
    selected: &'s Selected,
    now: i64,
    modseq: bool,
}

impl Builder<'_> {
    fn all(&mut self, keys: &[Key<'_>]) -> Result<Test, Outcome> {
        let mut tests = Vec::with_capacity(keys.len());
        for key in keys {
            tests.push(self.test(key)?);
        }
        if tests.len() == 1 {
            return Ok(tests.remove(0));
        }
        tests.sort_by_key(Test::cost);
        Ok(Test::And(tests))
    }

    fn test(&mut self, key: &Key<'_>) -> Result<Test, Outcome> {
        let foreign = || Outcome::bad("X-GM-EXT-1 is not offered");
        Ok(match key {
            Key::Word(word) => of_word(*word),
            Key::Text(field, text) => {
                let header = |name: &str| -> Result<Test, Outcome> {
                    Ok(Test::Header(name.to_owned(), lower(text)?))
                };
                match field {
                    Field::Bcc => header("Bcc")?,
                    Field::Cc => header("Cc")?,
                    Field::From => header("From")?,
                    Field::Subject => header("Subject")?,
                    Field::To => header("To")?,
                    Field::Body => Test::Body(lower(text)?),
                    Field::Text => Test::Text(lower(text)?),
                    Field::GmRaw | Field::GmLabel => return Err(foreign()),
                }
            }
            Key::Header(name, text) => {
                let name = String::from_utf8_lossy(name).trim_end_matches(':').to_owned();
                Test::Header(name, lower(text)?)
            }
            Key::Keyword(set, name) => Test::Flag(String::from_utf8_lossy(name).into_owned(), *set),
            Key::Date(day, date) => of_date(*day, *date)?,
            Key::Number(measure, number) => match measure {
                Measure::Larger => Test::Larger(*number),
                Measure::Smaller => Test::Smaller(*number),
                Measure::Older => Test::ReceivedUntil(self.ago(*number)),
                Measure::Younger => Test::ReceivedFrom(self.ago(*number)),
                Measure::GmMessageId | Measure::GmThreadId => return Err(foreign()),
            },
            Key::ModSeq(_, modseq) => {
                self.modseq = true;
                Test::ModSeq(modseq.0)
            }
            Key::EmailId(id) => Test::EmailId(String::from_utf8_lossy(id).into_owned()),
            // There are no thread ids here (RFC 8474 section 5.3: THREADID is NIL).
            Key::ThreadId(_) => Test::Nothing,
            Key::Uid(SequenceSet::Saved) | Key::Sequence(SequenceSet::Saved) => {
                Test::Uid(Ranges::of(&self.selected.saved))
            }
            Key::Uid(set) => Test::Uid(Ranges::new(set, self.selected.max_uid())),
            Key::Sequence(set) => Test::Sequence(Ranges::new(set, self.selected.exists())),
            Key::Not(key) => Test::Not(Box::new(self.test(key)?)),
            Key::Or(one, other) => {
                let (one, other) = (self.test(one)?, self.test(other)?);
                if one.cost() <= other.cost() {
                    Test::Or(Box::new(one), Box::new(other))
                } else {
                    Test::Or(Box::new(other), Box::new(one))
                }
            }
            Key::And(keys) => self.all(keys)?,
            Key::Fuzzy(key) => self.test(key)?,
        })
    }

    /// The instant so many seconds ago.
    fn ago(&self, seconds: u64) -> i64 {
        self.now.saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

/// # Errors
/// BAD for text that is not UTF-8.
fn lower(text: &[u8]) -> Result<String, Outcome> {
    let text = std::str::from_utf8(text).map_err(|_| Outcome::bad("the text is not UTF-8"))?;
    Ok(text.to_lowercase())
}

fn of_word(word: Word) -> Test {
    let flag = |name: &str, set| Test::Flag(name.to_owned(), set);
    match word {
        Word::All | Word::SaveDateSupported => Test::All,
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
        Word::Recent => Test::Recent(true),
        Word::Old => Test::Recent(false),
        Word::New => Test::And(vec![Test::Recent(true), flag("\\Seen", false)]),
    }
}

/// # Errors
/// BAD for a year that mail does not have.
fn of_date(day: Day, date: jiff::civil::Date) -> Result<Test, Outcome> {
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
        Some(date) => Ok(Test::Dated(which, order, date)),
        None => Err(Outcome::bad("that is no date")),
    }
}

impl Test {
    /// How much of a message the test looks at.
    fn cost(&self) -> u32 {
        match self {
            Test::Header(..) | Test::Dated(Which::Sent, ..) => 10,
            Test::Body(_) | Test::Text(_) => 1000,
            Test::Not(test) => test.cost(),
            Test::Or(one, other) => one.cost().saturating_add(other.cost()),
            Test::And(tests) => {
                tests.iter().fold(0, |sum: u32, test| sum.saturating_add(test.cost()))
            }
            _ => 1,
        }
    }

    /// Whether a message fits.
    fn fits(&self, candidate: &Candidate<'_>) -> bool {
        let message = candidate.message;
        match self {
            Test::All => true,
            Test::Nothing => false,
            Test::Flag(name, set) => flags::has(message, name) == *set,
            Test::Recent(recent) => candidate.known.recent == *recent,
            Test::Header(name, text) => {
                let header = candidate.facts.header();
                header.values(name).any(|value| contains(value, text))
            }
            Test::Body(text) => candidate.facts.texts().iter().any(|each| contains(each, text)),
            Test::Text(text) => {
                let header = candidate.facts.header();
                header.fields().any(|(name, value)| contains(&format!("{name}: {value}"), text))
                    || candidate.facts.texts().iter().any(|each| contains(each, text))
            }
            Test::Dated(which, order, day) => match date(candidate, *which) {
                None => false,
                Some(date) => match order {
                    Order::Before => date < *day,
                    Order::On => date == *day,
                    Order::Since => date >= *day,
                },
            },
            Test::Larger(octets) => message.octets.len() as u64 > *octets,
            Test::Smaller(octets) => (message.octets.len() as u64) < *octets,
            Test::ReceivedUntil(instant) => message.received.seconds <= *instant,
            Test::ReceivedFrom(instant) => message.received.seconds >= *instant,
            Test::ModSeq(modseq) => message.modseq >= *modseq,
            Test::EmailId(id) => message.email_id == *id,
            Test::Uid(ranges) => ranges.contains(message.uid),
            Test::Sequence(ranges) => ranges.contains(candidate.number),
            Test::Not(test) => !test.fits(candidate),
            Test::Or(one, other) => one.fits(candidate) || other.fits(candidate),
            Test::And(tests) => tests.iter().all(|test| test.fits(candidate)),
        }
    }
}

/// Whether `text` stands in `value`; `text` is in lower case.
fn contains(value: &str, text: &str) -> bool {
    text.is_empty() || value.to_lowercase().contains(text)
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
