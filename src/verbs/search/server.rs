//! A search on an IMAP server: per folder the best SEARCH that misses nothing, then what is
//! left, found out of the least that decides it.
//!
//! Attributes come first, then the header fields that the query speaks of, then BODYSTRUCTURE,
//! then whole messages. A server that refuses text beyond ASCII is asked without.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use anyhow::Result;
use jiff::Timestamp;

use super::found::{FIELDS, Found, Results};
use super::plan;
use super::spooled::Collected;
use crate::base::location::{ImapReference, ImapUrl, Location, Reference};
use crate::imap::client::facts::Asked as Ask;
use crate::imap::client::fetch::Wanted;
use crate::imap::client::{self, Client};
use crate::imap::search_keys::{Asked, Manner, Mapping, map};
use crate::imap::store::Account;
use crate::imap::syntax::fetch::{Section, SectionText};
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::search::Key;
use crate::imap::syntax::set::SequenceSet;
use crate::message::facts::{Facts, Header};
use crate::query::{Attributes, Expr, Field, Gathered, Need, Term, Verdict, eval};
use crate::store::{self, Flag, Id};
use crate::ui::Failure;

/// Messages that are decided before the results go out.
const BATCH: usize = 512;

/// Whole messages that are held at once.
const WHOLE: usize = 32;

/// Octets of a set of UIDs that is sent along with a search; a longer one is compared here.
const SET_OCTETS: usize = 600;

/// Where on a server to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The account whose server it is, by its name in the configuration.
    pub account: Option<String>,
    /// What is opened: the account, or the server of a URL.
    pub location: Location,
    /// Which of its folders.
    pub scope: Scope,
}

/// Which folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All that can be selected.
    All,
    /// One, by our name for it.
    Folder(String),
    /// One, by the server's own name, and the messages that are meant there.
    Mailbox(Vec<u8>, Only),
}

/// Which messages of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only {
    /// The UIDVALIDITY that the UIDs rely on.
    pub uid_validity: Option<u32>,
    /// The UIDs, sorted; `None`: all messages.
    pub uids: Option<Vec<u32>>,
}

/// Looks through the folders of a place, and gives what matches to `results`. `url` is what
/// references are made of.
///
/// # Errors
/// The server's and the output's. A folder that cannot be opened among all others is told to
/// `results`, and the search goes on.
pub async fn search(
    account: &mut Account,
    place: &Place,
    url: &ImapUrl,
    expr: &Expr,
    exact: bool,
    results: &mut Results<'_>,
) -> Result<()> {
    let gmail = account.client().capabilities().has("X-GM-EXT-1");
    if !gmail && expr.terms().iter().any(|term| matches!(term, Term::Gmail(_))) {
        let host = &url.server.host;
        return Err(Failure::usage(format!("gm: is Gmail's own, and {host} is not Gmail")).into());
    }
    let nothing = Only::default();
    let (folders, only) = match &place.scope {
        Scope::All => (all_folders(account).await?, &nothing),
        Scope::Folder(name) => (vec![(name.clone(), account.names().to_mailbox(name)?)], &nothing),
        Scope::Mailbox(name, only) => {
            let mailbox = of_server(name, account.client().is_utf8());
            let ours = account.names().to_folder(&mailbox);
            let ours = ours.unwrap_or_else(|| String::from_utf8_lossy(name).into_owned());
            (vec![(ours, mailbox)], only)
        }
    };
    let is_one_of_many = folders.len() > 1;
    let mut manner = Manner { utf8: true, bodies: !exact, gmail };
    for (name, mailbox) in folders {
        if results.is_full() {
            break;
        }
        let narrowed = plan::narrowed(expr, Some(&name), place.account.as_deref());
        if plan::is_nothing(&narrowed) {
            continue;
        }
        let folder = Folder { name, mailbox, url, only };
        match folder.search(account.client(), &narrowed, &mut manner, results).await {
            Err(error) if is_one_of_many && is_refusal(&error) => {
                results.fail(&error.context(format!("folder {}", folder.name)));
            }
            other => other?,
        }
        results.flush()?;
    }
    Ok(())
}

/// Whether the server only said no, and the session goes on.
fn is_refusal(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<store::Error>() {
        Some(store::Error::Peer(peer)) => {
            let peer: &dyn std::any::Any = &**peer;
            matches!(peer.downcast_ref::<client::Error>(), Some(client::Error::Refused { .. }))
        }
        _ => false,
    }
}

/// Every folder that can be selected, INBOX first, by our name and by the server's.
async fn all_folders(account: &mut Account) -> Result<Vec<(String, Mailbox<'static>)>> {
    let listings = account.client().list().await.map_err(store::Error::from)?;
    let names = account.names();
    let mut folders: Vec<(String, Mailbox<'static>)> = listings
        .into_iter()
        .filter(|listing| !listing.has("\\Noselect") && !listing.has("\\NonExistent"))
        .map(|listing| {
            let ours = names.to_folder(&listing.mailbox);
            let ours = ours.unwrap_or_else(|| String::from_utf8_lossy(&listing.mailbox.0).into());
            (ours, listing.mailbox)
        })
        .collect();
    folders.sort_by(|a, b| (a.0 != "INBOX", &a.0).cmp(&(b.0 != "INBOX", &b.0)));
    folders.dedup();
    Ok(folders)
}

/// The mailbox that a URL names.
fn of_server(name: &[u8], utf8: bool) -> Mailbox<'static> {
    match std::str::from_utf8(name) {
        Ok(name) => Mailbox::from_name(name, utf8),
        Err(_) => Mailbox(name.to_vec().into()),
    }
}

/// One folder.
struct Folder<'a> {
    name: String,
    mailbox: Mailbox<'static>,
    url: &'a ImapUrl,
    only: &'a Only,
}

impl Folder<'_> {
    async fn search(
        &self,
        client: &mut Client,
        expr: &Expr,
        manner: &mut Manner,
        results: &mut Results<'_>,
    ) -> Result<()> {
        let selected = client.select(&self.mailbox, true).await.map_err(store::Error::from)?;
        let uid_validity = selected.uid_validity.0;
        let is_empty = selected.exists == 0;
        match self.only.uid_validity {
            Some(wanted) if wanted != uid_validity => {
                let found = uid_validity;
                return Err(store::Error::OtherGeneration { wanted, found }.into());
            }
            _ if is_empty => return Ok(()),
            _ => {}
        }
        let Some((mapping, uids, answers)) = self.ask(client, expr, manner).await? else {
            return Ok(());
        };
        let details = results.wants_details();
        let fields = fields(&mapping.rest, details);
        for batch in uids.chunks(BATCH) {
            if results.is_full() {
                break;
            }
            let mut messages: Vec<Message> =
                batch.iter().map(|uid| Message::new(*uid, &mapping.rest, &answers)).collect();
            refine(client, &mut messages, &mapping.rest, &fields).await?;
            messages.retain(|message| message.verdict == Verdict::Yes);
            if details {
                complete(client, &mut messages, &fields).await?;
            }
            for message in messages {
                let Some(uid) = NonZeroU32::new(message.uid) else { continue };
                let reference = self.reference(client, uid_validity, uid);
                let text_by = plan::text_by(expr, manner.bodies);
                results.add(Found { text_by, ..message.found(reference, &self.name) })?;
            }
        }
        Ok(())
    }

    /// Asks what the server can be asked, and again without text beyond ASCII where it does
    /// not take that. `None`: nothing can match.
    async fn ask(
        &self,
        client: &mut Client,
        expr: &Expr,
        manner: &mut Manner,
    ) -> Result<Option<(Mapping, Vec<u32>, Vec<HashSet<u32>>)>> {
        loop {
            let mapping = map(expr, *manner);
            let Asked::Keys(keys) = &mapping.asked else { return Ok(None) };
            let can_retry =
                manner.utf8 && keys.iter().chain(&mapping.questions).any(Key::needs_charset);
            let asked = self.ask_all(client, keys, &mapping.questions).await;
            match asked {
                Err(client::Error::Refused { .. }) if can_retry => manner.utf8 = false,
                Err(error) => return Err(store::Error::from(error).into()),
                Ok((uids, answers)) => return Ok(Some((mapping, uids, answers))),
            }
        }
    }

    async fn ask_all(
        &self,
        client: &mut Client,
        keys: &[Key<'static>],
        questions: &[Key<'static>],
    ) -> Result<(Vec<u32>, Vec<HashSet<u32>>), client::Error> {
        let mut keys = keys.to_vec();
        if let Some(uids) = &self.only.uids {
            let set = SequenceSet::from_numbers(uids.iter().copied());
            if set.to_text().len() <= SET_OCTETS {
                keys.push(Key::uids(set));
            }
        }
        let mut uids = client.search(keys.clone()).await?;
        if let Some(only) = &self.only.uids {
            uids.retain(|uid| only.binary_search(uid).is_ok());
        }
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            let mut keys = keys.clone();
            keys.push(question.clone());
            let found = if uids.is_empty() { Vec::new() } else { client.search(keys).await? };
            answers.push(found.into_iter().collect());
        }
        Ok((uids, answers))
    }

    fn reference(&self, client: &Client, uid_validity: u32, uid: NonZeroU32) -> String {
        let name = match self.mailbox.name(client.is_utf8()) {
            Some(name) => name.into_bytes(),
            None => self.mailbox.0.to_vec(),
        };
        let (implicit_tls, server) = (self.url.implicit_tls, self.url.server.clone());
        Reference::Imap(ImapReference::new(implicit_tls, server, name, Some(uid_validity), uid))
            .to_string()
    }
}

/// One message on its way to a verdict.
struct Message {
    uid: u32,
    gathered: Gathered,
    verdict: Verdict,
}

impl Message {
    fn new(uid: u32, rest: &Expr, answers: &[HashSet<u32>]) -> Self {
        let extra = (0..).zip(answers.iter().map(|found| found.contains(&uid))).collect();
        let gathered = Gathered { extra, ..Gathered::default() };
        Self { uid, verdict: eval(rest, &gathered), gathered }
    }

    fn found(self, reference: String, folder: &str) -> Found {
        let Attributes { flags, size, received, .. } = self.gathered.attributes.unwrap_or_default();
        let folder = Some(folder.to_owned());
        let found = Found { reference, flags, size, folder, ..Found::default() };
        match &self.gathered.header {
            Some(header) => found.with_header(header, received),
            None => found,
        }
    }
}

/// Finds out, round by round, the cheapest that any message still needs.
async fn refine(
    client: &mut Client,
    messages: &mut [Message],
    rest: &Expr,
    fields: &Wanted,
) -> Result<()> {
    let needed = |message: &Message| match message.verdict {
        Verdict::Needs(need) => Some(need),
        Verdict::Yes | Verdict::No => None,
    };
    while let Some(need) = messages.iter().filter_map(needed).min() {
        let mut open: Vec<&mut Message> =
            messages.iter_mut().filter(|message| needed(message) == Some(need)).collect();
        let at_once = if need == Need::Body { WHOLE } else { BATCH };
        for open in open.chunks_mut(at_once) {
            learn(client, open, need, fields).await?;
            for message in open {
                message.verdict = match eval(rest, &message.gathered) {
                    // It is gone, or the server does not tell.
                    Verdict::Needs(still) if still == need => Verdict::No,
                    verdict => verdict,
                };
            }
        }
    }
    Ok(())
}

/// Fetches one kind of fact. A message of which nothing comes is as it was.
async fn learn(
    client: &mut Client,
    messages: &mut [&mut Message],
    need: Need,
    fields: &Wanted,
) -> Result<()> {
    let uids: Vec<u32> = messages.iter().map(|message| message.uid).collect();
    match need {
        Need::Attributes => {
            let mut told =
                client.facts(&uids, Ask::Attributes).await.map_err(store::Error::from)?;
            for message in messages {
                let Some(told) = told.remove(&message.uid) else { continue };
                let flags = told.flags.unwrap_or_default();
                message.gathered.attributes = Some(Attributes {
                    flags: Some(flags.iter().map(Flag::name).map(str::to_owned).collect()),
                    size: told.size,
                    received: told
                        .received
                        .and_then(|date| Timestamp::from_second(date.seconds).ok()),
                    uid: Some(message.uid),
                    ..Attributes::default()
                });
            }
        }
        Need::Structure => {
            let mut told = client.facts(&uids, Ask::Structure).await.map_err(store::Error::from)?;
            for message in messages {
                message.gathered.parts = told.remove(&message.uid).and_then(|told| told.parts);
            }
        }
        Need::Header => {
            let mut octets = read(client, &uids, fields).await?;
            for message in messages {
                let octets = octets.remove(&message.uid);
                message.gathered.header = octets.map(|octets| Header::new(&octets));
            }
        }
        Need::Body => {
            let whole = Wanted { with_meta: false, ..Wanted::whole() };
            let mut octets = read(client, &uids, &whole).await?;
            for message in messages {
                let Some(octets) = octets.remove(&message.uid) else { continue };
                let facts = Facts::new(&octets);
                message.gathered.header = Some(facts.header().clone());
                message.gathered.texts = Some(facts.texts().to_vec());
            }
        }
    }
    Ok(())
}

async fn read(client: &mut Client, uids: &[u32], wanted: &Wanted) -> Result<HashMap<u32, Vec<u8>>> {
    let mut collected = Collected::default();
    client.fetch(uids, wanted, &mut collected).await.map_err(store::Error::from)?;
    let uid = |id: &Id| id.0.parse().unwrap_or_default();
    Ok(collected.messages.into_iter().map(|(id, (_, octets))| (uid(&id), octets)).collect())
}

/// Fetches what is shown of messages and is not known yet.
async fn complete(client: &mut Client, messages: &mut [Message], fields: &Wanted) -> Result<()> {
    for need in [Need::Attributes, Need::Header] {
        let lacks = |message: &Message| match need {
            Need::Attributes => message.gathered.attributes.is_none(),
            _ => message.gathered.header.is_none(),
        };
        let mut open: Vec<&mut Message> =
            messages.iter_mut().filter(|message| lacks(message)).collect();
        learn(client, &mut open, need, fields).await?;
    }
    Ok(())
}

/// The header fields that a query speaks of, and those that are shown.
fn fields(rest: &Expr, details: bool) -> Wanted {
    let mut names: Vec<&str> = if details { FIELDS.to_vec() } else { Vec::new() };
    let mut all = false;
    for term in rest.terms() {
        match term {
            Term::Match(Field::Text, _) => all = true,
            Term::Match(field, _) => names.extend(field.header_name()),
            Term::Header(name, _) => names.push(name),
            Term::Date(date) if date.keyword.is_sent() => names.push("Date"),
            Term::Thread(_) => names.extend(["Message-ID", "References", "In-Reply-To"]),
            _ => {}
        }
    }
    names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
    names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    let sendable = |name: &&str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_graphic());
    if all || names.is_empty() || !names.iter().all(sendable) {
        return Wanted { with_meta: false, ..Wanted::headers() };
    }
    let names = names.into_iter().map(|name| name.as_bytes().to_vec().into()).collect();
    let section = Section { part: Vec::new(), text: SectionText::HeaderFields(names) };
    Wanted { section, with_meta: false, ..Wanted::whole() }
}

#[cfg(test)]
mod tests;
