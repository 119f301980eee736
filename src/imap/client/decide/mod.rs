//! Messages decided by what a query asks of them: for many mailboxes at once, the cheapest facts
//! first, in as few round trips as that takes (RFC 9051 section 6.4.5).
//!
//! Attributes come first, then the header fields that the query speaks of, then BODYSTRUCTURE,
//! then the parts that have text in them. What a query asks of a server's SEARCH is decided
//! elsewhere.

mod find;
mod texts;

pub use find::{find, short_set};

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::fetch::Wanted;
use super::search::Asking;
use super::{Client, Error};
use crate::imap::part_facts::part_facts;
use crate::imap::syntax::Octets;
use crate::imap::syntax::fetch::{Extra, Fetch, Item, Section, SectionText, Which};
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::text_parts::{TextPart, text_parts};
use crate::message::facts::{Header, PartFacts};
use crate::query::{
    self, Attributes, DateKeyword, Expr, Gathered, Need, Term, Verdict, eval, relevance,
};
use crate::store::Meta;
use crate::store::each::Each;

/// What is wanted of each message that matches, beside the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    Nothing,
    /// Flags, size, date of arrival, and these header fields.
    Fields(&'static [&'static str]),
    /// All of that, every header field, and how much of what is looked for is in it.
    Score,
}

/// What came about one message.
#[derive(Debug, Default)]
pub struct Facts {
    flags: Option<Vec<String>>,
    size: Option<u64>,
    received: Option<Timestamp>,
    saved: Option<Timestamp>,
    header: Option<Header>,
    parts: Option<Vec<PartFacts>>,
    text_parts: Option<Vec<TextPart>>,
}

impl Facts {
    /// Takes one response; a server may tell of a message in several.
    pub fn take(&mut self, fetch: &Fetch<'_>) {
        if let Some(flags) = &fetch.flags {
            let names = flags.iter().filter_map(|flag| String::from_utf8(flag.to_text()).ok());
            self.flags = Some(names.filter(|name| name != "\\Recent").collect());
        }
        self.size = fetch.size.or(self.size);
        if let Some(date) = fetch.internal_date {
            self.received = Timestamp::from_second(date.epoch_seconds).ok();
        }
        for extra in &fetch.extras {
            if let Extra::SaveDate(Some(date)) = extra {
                self.saved = Timestamp::from_second(date.epoch_seconds).ok();
            }
        }
        if let Some(body) = &fetch.body_structure {
            self.parts = Some(part_facts(body));
            self.text_parts = text_parts(body);
        }
        for section in &fetch.sections {
            if let (Which::Section(which), Some(Octets::Inline(octets))) =
                (&section.which, &section.data)
                && which.part.is_empty()
                && matches!(which.text, SectionText::Header | SectionText::HeaderFields(_))
            {
                self.header = Some(Header::new(octets));
            }
        }
    }
}

/// One message on its way to a verdict.
#[derive(Debug)]
pub struct Message {
    /// Its UID.
    pub uid: u32,
    /// Whether the query asks for it.
    pub verdict: Verdict,
    /// How much of what is looked for is in it, where that was wanted.
    pub score: Option<f64>,
    gathered: Gathered,
    text_parts: Option<Vec<TextPart>>,
}

impl Message {
    /// Nothing is known of it but what the server answered to single questions.
    pub fn new(uid: u32, rest: &Expr, answers: &[HashSet<u32>]) -> Self {
        let extra = (0..).zip(answers.iter().map(|found| found.contains(&uid))).collect();
        let gathered = Gathered { extra, ..Gathered::default() };
        Self { uid, verdict: eval(rest, &gathered), score: None, gathered, text_parts: None }
    }

    /// Takes what came about it.
    pub fn learn(&mut self, facts: Facts, rest: &Expr) {
        if facts.size.is_some() || facts.received.is_some() {
            self.gathered.attributes = Some(Attributes {
                flags: Some(facts.flags.unwrap_or_default()),
                size: facts.size,
                received: facts.received,
                saved: facts.saved,
                uid: Some(self.uid),
                ..Attributes::default()
            });
        }
        if facts.header.is_some() {
            self.gathered.header = facts.header;
        }
        if facts.parts.is_some() {
            self.gathered.parts = facts.parts;
        }
        if facts.text_parts.is_some() {
            self.text_parts = facts.text_parts;
        }
        if matches!(self.verdict, Verdict::Needs(_)) {
            self.verdict = eval(rest, &self.gathered);
        }
    }

    /// What has been learnt of it.
    pub fn into_gathered(self) -> Gathered {
        self.gathered
    }

    /// Whether the server has told anything of it.
    pub fn is_known(&self) -> bool {
        self.gathered.attributes.is_some() || self.gathered.header.is_some()
    }

    /// Takes all texts in it, which say what they have to say and are forgotten: they take room.
    fn settle(&mut self, texts: Vec<String>, unit: (&Expr, &Expr), wish: Wish) {
        let (expr, rest) = unit;
        self.gathered.texts = Some(texts);
        if matches!(self.verdict, Verdict::Needs(_)) {
            self.verdict = eval(rest, &self.gathered);
        }
        let texts = self.gathered.texts.take().unwrap_or_default();
        if wish == Wish::Score && self.verdict == Verdict::Yes {
            let header = self.gathered.header.get_or_insert_default();
            self.score = Some(relevance::score_of(expr, header, &texts));
        }
        self.text_parts = None;
    }

    fn lacks(&self, need: Need) -> bool {
        match need {
            Need::Attributes => self.gathered.attributes.is_none(),
            Need::Header => self.gathered.header.is_none(),
            Need::Structure => self.gathered.parts.is_none(),
            Need::Body => false,
        }
    }
}

/// Messages of one folder that are decided by the same query.
pub struct Unit<'a> {
    /// The folder.
    pub mailbox: &'a Mailbox<'static>,
    /// What is looked for.
    pub expr: &'a Expr,
    /// What of it is still to be found out.
    pub rest: &'a Expr,
    /// The messages.
    pub messages: &'a mut [Message],
}

/// Finds out, round by round, the cheapest that any message still needs, and then the details
/// of those that match.
///
/// # Errors
/// The server's.
pub async fn decide(
    client: &mut Client,
    units: &mut [Unit<'_>],
    wish: Wish,
    documents: bool,
) -> Result<(), Error> {
    let open = |unit: &Unit<'_>| {
        let needs = unit.messages.iter().filter_map(|message| match message.verdict {
            Verdict::Needs(need) => Some(need),
            Verdict::Yes | Verdict::No => None,
        });
        needs.min()
    };
    while let Some(need) = units.iter().filter_map(open).min() {
        let wanted = |message: &Message| message.verdict == Verdict::Needs(need);
        if need == Need::Body {
            texts::read(client, units, wish, documents, &wanted).await?;
        } else {
            learn(client, units, &[need], wish, &wanted).await?;
        }
        for unit in units.iter_mut() {
            for message in unit.messages.iter_mut().filter(|message| wanted(message)) {
                // It is gone, or the server does not tell.
                message.verdict = Verdict::No;
            }
        }
    }
    if wish == Wish::Nothing {
        return Ok(());
    }
    let lacks = |message: &Message| {
        message.verdict == Verdict::Yes
            && [Need::Attributes, Need::Header].iter().any(|need| message.lacks(*need))
    };
    learn(client, units, &[Need::Attributes, Need::Header], wish, &lacks).await?;
    if wish == Wish::Score {
        let unrated =
            |message: &Message| message.verdict == Verdict::Yes && message.score.is_none();
        texts::read(client, units, wish, documents, &unrated).await?;
    }
    Ok(())
}

/// What is asked for along with a search: what decides first, or what is wanted of a final
/// answer.
pub fn first_needs(rest: &Expr, wish: Wish) -> Vec<Need> {
    match eval(rest, &Gathered::default()) {
        Verdict::No => Vec::new(),
        Verdict::Needs(Need::Body) => vec![Need::Structure],
        Verdict::Needs(need) => vec![need],
        Verdict::Yes if wish == Wish::Nothing => Vec::new(),
        Verdict::Yes => vec![Need::Attributes, Need::Header],
    }
}

/// The items that tell what is needed. `saved`: the server knows when a message was put into its
/// folder.
pub fn items(needs: &[Need], rest: &Expr, wish: Wish, saved: bool) -> Vec<Item<'static>> {
    let mut items = Vec::new();
    if needs.contains(&Need::Attributes) {
        items.extend([Item::Flags, Item::Size, Item::InternalDate]);
        let of_saving =
            |term: &&Term| matches!(term, Term::Date(date) if date.keyword == DateKeyword::Saved);
        if saved && rest.terms().iter().any(of_saving) {
            items.push(Item::SaveDate);
        }
    }
    if needs.contains(&Need::Header) {
        let (section, peek, partial) = (header_section(rest, wish), true, None);
        items.push(Item::Section { section, peek, partial });
    }
    if needs.contains(&Need::Structure) {
        items.push(Item::BodyStructure);
    }
    if !items.is_empty() {
        items.insert(0, Item::Uid);
    }
    items
}

/// The header fields that a query speaks of, and those that are shown.
fn header_section(rest: &Expr, wish: Wish) -> Section<'static> {
    let all = Section { part: Vec::new(), text: SectionText::Header };
    let Some(mut names) = query::header_names(rest) else { return all };
    match wish {
        Wish::Nothing => {}
        Wish::Fields(fields) => names.extend(fields),
        Wish::Score => return all,
    }
    names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
    names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    let sendable = |name: &&str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_graphic());
    if names.is_empty() || !names.iter().all(sendable) {
        return all;
    }
    let names = names.into_iter().map(|name| name.as_bytes().to_vec().into()).collect();
    Section { part: Vec::new(), text: SectionText::HeaderFields(names) }
}

/// Fetches facts of the messages that want them, of all mailboxes in one flight. A message of
/// which nothing comes is as it was.
async fn learn(
    client: &mut Client,
    units: &mut [Unit<'_>],
    needs: &[Need],
    wish: Wish,
    wanted: &dyn Fn(&Message) -> bool,
) -> Result<(), Error> {
    let mut asking = Vec::new();
    let mut numbers = Vec::new();
    let saved = client.capabilities().has("SAVEDATE");
    let mut selected = Selection::of(client);
    for (number, unit) in units.iter().enumerate() {
        let uids = uids(unit, wanted);
        if uids.is_empty() {
            continue;
        }
        asking.push(Asking {
            mailbox: selected.change_to(unit.mailbox),
            searches: Vec::new(),
            fetches: Client::sets(&uids),
            items: items(needs, unit.rest, wish, saved),
            threads: false,
        });
        numbers.push(number);
    }
    if asking.is_empty() {
        return Ok(());
    }
    let mut told: HashMap<(usize, u32), Facts> = HashMap::new();
    client
        .flight(&asking, &mut |number, uid, fetch| {
            told.entry((numbers[number], uid)).or_default().take(fetch);
        })
        .await?;
    for (number, unit) in units.iter_mut().enumerate() {
        let mut without_header = Vec::new();
        for message in unit.messages.iter_mut().filter(|message| wanted(message)) {
            if let Some(facts) = told.remove(&(number, message.uid)) {
                if facts.header.is_none() && needs.contains(&Need::Header) {
                    without_header.push(message.uid);
                }
                message.learn(facts, unit.rest);
            }
        }
        // A header above the limit of what is held with a response comes as a stream.
        if !without_header.is_empty() {
            read_headers(client, unit, without_header, wish).await?;
        }
    }
    Ok(())
}

/// The mailbox that will be selected when a command of a flight is heard.
struct Selection(Option<Vec<u8>>);

impl Selection {
    /// The one that is selected now.
    fn of(client: &Client) -> Self {
        Self(client.selected().map(|selected| selected.mailbox.clone()))
    }

    /// Goes on to a mailbox; `None` where it is selected already.
    fn change_to(&mut self, mailbox: &Mailbox<'static>) -> Option<Mailbox<'static>> {
        let is_selected = self.0.as_deref() == Some(&*mailbox.0);
        self.0 = Some(mailbox.0.to_vec());
        (!is_selected).then(|| mailbox.clone())
    }
}

fn uids(unit: &Unit<'_>, wanted: &dyn Fn(&Message) -> bool) -> Vec<u32> {
    let wanted = unit.messages.iter().filter(|message| wanted(message));
    let mut uids: Vec<u32> = wanted.map(|message| message.uid).collect();
    uids.sort_unstable();
    uids
}

async fn select(client: &mut Client, unit: &Unit<'_>) -> Result<(), Error> {
    if client.selected().is_none_or(|selected| selected.mailbox != *unit.mailbox.0) {
        client.select(unit.mailbox, true).await?;
    }
    Ok(())
}

async fn read_headers(
    client: &mut Client,
    unit: &mut Unit<'_>,
    uids: Vec<u32>,
    wish: Wish,
) -> Result<(), Error> {
    select(client, unit).await?;
    let section = header_section(unit.rest, wish);
    let wanted = Wanted { section, with_meta: false, ..Wanted::whole() };
    let mut reading = by_uid(|uid, octets| {
        if let Some(message) = unit.messages.iter_mut().find(|message| message.uid == uid) {
            let facts = Facts { header: Some(Header::new(octets)), ..Facts::default() };
            message.learn(facts, unit.rest);
        }
    });
    client.fetch(&uids, &wanted, &mut reading).await
}

/// Gives each message that is read by its UID.
fn by_uid(mut take: impl FnMut(u32, &[u8])) -> Each<impl FnMut(&Meta, &mut Vec<u8>)> {
    Each::new(move |of: &Meta, octets: &mut Vec<u8>| {
        take(of.id.0.parse().unwrap_or_default(), octets);
    })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    const SHOWN: Wish = Wish::Fields(&["Date", "From", "Subject"]);

    fn expr(query: &str) -> Expr {
        let context = query::Context { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC };
        query::parse(query, &context).expect(query)
    }

    #[test]
    fn only_needed_fields_are_fetched() {
        let names = |query: &str, wish| match header_section(&expr(query), wish).text {
            SectionText::HeaderFields(names) => {
                let name =
                    |name: &std::borrow::Cow<'_, [u8]>| String::from_utf8_lossy(name).into_owned();
                names.iter().map(name).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(names("from:a -from:b list:x", Wish::Nothing), ["From", "List-Id"]);
        assert_eq!(names("subject:x date:2026", SHOWN), ["Date", "From", "Subject"]);
        let section = header_section(&expr("budget"), Wish::Nothing);
        assert_eq!(section.text, SectionText::Header);
    }
}
