//! What a server is asked about single messages until each is decided: for many folders at
//! once, the cheapest first.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use async_trait::async_trait;
use jiff::Timestamp;

use super::found::{Details, Found};
use super::{plan, relevance};
use crate::imap::client::Client;
use crate::imap::client::fetch::Wanted;
use crate::imap::client::search::Asking;
use crate::imap::part_facts::part_facts;
use crate::imap::syntax::Octets;
use crate::imap::syntax::fetch::{Extra, Fetch, Item, Section, SectionText, Which};
use crate::imap::syntax::mailbox::Mailbox;
use crate::message::facts::{self, Header, PartFacts};
use crate::query::{Attributes, DateKeyword, Expr, Gathered, Need, Term, Verdict, eval};
use crate::store::{self, Meta, Sink};

/// What came about one message.
#[derive(Debug, Default)]
pub struct Facts {
    flags: Option<Vec<String>>,
    size: Option<u64>,
    received: Option<Timestamp>,
    saved: Option<Timestamp>,
    header: Option<Header>,
    parts: Option<Vec<PartFacts>>,
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
    gathered: Gathered,
    score: Option<f64>,
}

impl Message {
    /// Nothing is known of it but what the server answered to single questions.
    pub fn new(uid: u32, rest: &Expr, answers: &[HashSet<u32>]) -> Self {
        let extra = (0..).zip(answers.iter().map(|found| found.contains(&uid))).collect();
        let gathered = Gathered { extra, ..Gathered::default() };
        Self { uid, verdict: eval(rest, &gathered), gathered, score: None }
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
        if matches!(self.verdict, Verdict::Needs(_)) {
            self.verdict = eval(rest, &self.gathered);
        }
    }

    /// What is said of it.
    pub fn found(self, reference: String, folder: &str) -> Found {
        let Attributes { flags, size, received, .. } = self.gathered.attributes.unwrap_or_default();
        let found = Found {
            reference,
            flags,
            size,
            folder: Some(folder.to_owned()),
            uid: Some(self.uid),
            score: self.score,
            ..Found::default()
        };
        match &self.gathered.header {
            Some(header) => found.with_header(header, received),
            None => found,
        }
    }

    /// Whether the server has told anything of it.
    pub fn is_known(&self) -> bool {
        self.gathered.attributes.is_some() || self.gathered.header.is_some()
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
    details: Details,
    documents: bool,
) -> Result<()> {
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
            for unit in units.iter_mut() {
                read_whole(client, unit, &wanted, details, documents).await?;
            }
        } else {
            learn(client, units, &[need], details, &wanted).await?;
        }
        for unit in units.iter_mut() {
            for message in unit.messages.iter_mut().filter(|message| wanted(message)) {
                // It is gone, or the server does not tell.
                message.verdict = Verdict::No;
            }
        }
    }
    if details == Details::None {
        return Ok(());
    }
    let lacks = |message: &Message| {
        message.verdict == Verdict::Yes
            && [Need::Attributes, Need::Header].iter().any(|need| message.lacks(*need))
    };
    learn(client, units, &[Need::Attributes, Need::Header], details, &lacks).await?;
    if details == Details::Score {
        let unrated =
            |message: &Message| message.verdict == Verdict::Yes && message.score.is_none();
        for unit in units.iter_mut() {
            read_whole(client, unit, &unrated, details, documents).await?;
        }
    }
    Ok(())
}

/// The items that tell what is needed. `saved`: the server knows when a message was put into its
/// folder.
pub fn items(needs: &[Need], rest: &Expr, details: Details, saved: bool) -> Vec<Item<'static>> {
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
        let (section, peek, partial) = (header_section(rest, details), true, None);
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
fn header_section(rest: &Expr, details: Details) -> Section<'static> {
    let all = Section { part: Vec::new(), text: SectionText::Header };
    let Some(mut names) = plan::header_names(rest) else { return all };
    names.extend(details.fields());
    names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
    names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    let sendable = |name: &&str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_graphic());
    if names.is_empty() || !names.iter().all(sendable) {
        return all;
    }
    let names = names.into_iter().map(|name| name.as_bytes().to_vec().into()).collect();
    Section { part: Vec::new(), text: SectionText::HeaderFields(names) }
}

/// Fetches facts of the messages that want them, of all folders in one flight. A message of
/// which nothing comes is as it was.
async fn learn(
    client: &mut Client,
    units: &mut [Unit<'_>],
    needs: &[Need],
    details: Details,
    wanted: &dyn Fn(&Message) -> bool,
) -> Result<()> {
    let mut asking = Vec::new();
    let mut numbers = Vec::new();
    let saved = client.capabilities().has("SAVEDATE");
    let mut selected = client.selected().map(|selected| selected.mailbox.clone());
    for (number, unit) in units.iter().enumerate() {
        let uids = uids(unit, wanted);
        if uids.is_empty() {
            continue;
        }
        let is_selected = selected.as_deref() == Some(&*unit.mailbox.0);
        selected = Some(unit.mailbox.0.to_vec());
        asking.push(Asking {
            mailbox: (!is_selected).then(|| unit.mailbox.clone()),
            searches: Vec::new(),
            fetches: Client::sets(&uids),
            items: items(needs, unit.rest, details, saved),
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
        .await
        .map_err(store::Error::from)?;
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
            read_headers(client, unit, without_header, details).await?;
        }
    }
    Ok(())
}

fn uids(unit: &Unit<'_>, wanted: &dyn Fn(&Message) -> bool) -> Vec<u32> {
    let wanted = unit.messages.iter().filter(|message| wanted(message));
    let mut uids: Vec<u32> = wanted.map(|message| message.uid).collect();
    uids.sort_unstable();
    uids
}

async fn select(client: &mut Client, unit: &Unit<'_>) -> Result<()> {
    if client.selected().is_none_or(|selected| selected.mailbox != *unit.mailbox.0) {
        client.select(unit.mailbox, true).await.map_err(store::Error::from)?;
    }
    Ok(())
}

async fn read_headers(
    client: &mut Client,
    unit: &mut Unit<'_>,
    uids: Vec<u32>,
    details: Details,
) -> Result<()> {
    select(client, unit).await?;
    let section = header_section(unit.rest, details);
    let wanted = Wanted { section, with_meta: false, ..Wanted::whole() };
    let mut reading = Reading {
        held: Vec::new(),
        take: &mut |uid, octets| {
            if let Some(message) = unit.messages.iter_mut().find(|message| message.uid == uid) {
                let facts = Facts { header: Some(Header::new(octets)), ..Facts::default() };
                message.learn(facts, unit.rest);
            }
        },
    };
    client.fetch(&uids, &wanted, &mut reading).await.map_err(store::Error::from)?;
    Ok(())
}

/// Reads whole messages, one in memory at a time, and decides by each.
async fn read_whole(
    client: &mut Client,
    unit: &mut Unit<'_>,
    wanted: &dyn Fn(&Message) -> bool,
    details: Details,
    documents: bool,
) -> Result<()> {
    let uids = uids(unit, wanted);
    if uids.is_empty() {
        return Ok(());
    }
    select(client, unit).await?;
    let mut places: HashMap<u32, usize> = HashMap::new();
    for (place, message) in unit.messages.iter().enumerate() {
        places.insert(message.uid, place);
    }
    let mut reading = Reading {
        held: Vec::new(),
        take: &mut |uid, octets| {
            let Some(place) = places.get(&uid) else { return };
            let message = &mut unit.messages[*place];
            let facts = facts::Facts::new(octets).with_documents(documents);
            if matches!(message.verdict, Verdict::Needs(_)) {
                message.gathered.header = Some(facts.header().clone());
                message.gathered.parts = Some(facts.parts().to_vec());
                message.gathered.texts = Some(facts.texts().to_vec());
                message.verdict = eval(unit.rest, &message.gathered);
                // Text takes room: it has said what it had to say.
                message.gathered.texts = None;
                message.gathered.parts = None;
            }
            if details == Details::Score && message.verdict == Verdict::Yes {
                message.score = Some(relevance::score(unit.expr, &facts));
            }
        },
    };
    let whole = Wanted { with_meta: false, ..Wanted::whole() };
    client.fetch(&uids, &whole, &mut reading).await.map_err(store::Error::from)?;
    Ok(())
}

/// Holds one message after the other.
struct Reading<'t> {
    held: Vec<u8>,
    take: &'t mut dyn FnMut(u32, &[u8]),
}

#[async_trait(?Send)]
impl Sink for Reading<'_> {
    async fn begin(&mut self, _message: &Meta) -> store::Result<()> {
        self.held.clear();
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        self.held.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        (self.take)(message.id.0.parse().unwrap_or_default(), &self.held);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expr;
    use super::*;

    #[test]
    fn only_needed_fields_are_fetched() {
        let names = |query: &str, details| match header_section(&expr(query), details).text {
            SectionText::HeaderFields(names) => {
                let name =
                    |name: &std::borrow::Cow<'_, [u8]>| String::from_utf8_lossy(name).into_owned();
                names.iter().map(name).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(names("from:a -from:b list:x", Details::None), ["From", "List-Id"]);
        assert_eq!(names("subject:x date:2026", Details::Shown), ["Date", "From", "Subject"]);
        let section = header_section(&expr("budget"), Details::None);
        assert_eq!(section.text, SectionText::Header);
    }
}
