//! A search on an IMAP server: per folder the best SEARCH that misses nothing, then what is
//! left, found out of the least that decides it, in as few round trips as that takes.
//!
//! Many folders are asked in one flight. Where the server keeps a result (SEARCHRES, RFC 5182),
//! the first facts of the messages come in the same flight. Attributes come first, then the
//! header fields that the query speaks of, then BODYSTRUCTURE, then whole messages, one in
//! memory at a time. A server that refuses text beyond ASCII is asked without.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use anyhow::Result;
use jiff::Timestamp;

use super::found::{Details, Found, Results};
use super::gather::{self, Facts, Message};
use super::one::{one_folder, reference};
use super::plan;
use crate::base::location::{ImapUrl, Location};
use crate::imap::client::search::{Answered, Asking, Inquiry};
use crate::imap::client::{self, Capabilities, Client};
use crate::imap::search_keys::{Asked, Manner, Mapping, map};
use crate::imap::store::Account;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::search::{Field as In, Key, Return, SortKey, Thread, Word};
use crate::imap::syntax::set::SequenceSet;
use crate::query::{Expr, Gathered, Need, Term, Verdict, eval};
use crate::store;
use crate::ui::{Failure, report};

use super::args::Sort;

/// Folders that are asked in one flight.
const FOLDERS: usize = 64;

/// Messages that are decided before the results go out.
const GROUP: usize = 2048;

/// Messages whose facts are kept when they come along with the answer to a search.
const ALONG: usize = 8192;

/// Octets of a set of UIDs that is sent along with a search; a longer one is compared here.
const SET_OCTETS: usize = 600;

/// Most UIDs that a warning names.
const NAMED: usize = 20;

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

/// How a server is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// The present, from which the query's spans go back.
    pub now: Timestamp,
    /// `body:` and `text:` have our meaning: what they need is downloaded.
    pub exact: bool,
    /// The server's answer is compared with every message.
    pub verify: bool,
    /// Text inside documents counts.
    pub documents: bool,
    /// `body:` and `text:` are matched fuzzily where the server can (RFC 6203).
    pub fuzzy: bool,
    /// The threads of the folder, which is one, are asked for along with the search.
    pub threads: bool,
    /// The order that is asked for, where one folder is all that is searched, so that the
    /// server can put it in order.
    pub order: Option<Sort>,
}

/// Looks through the folders of a place, and gives what matches to `results`. `url` is what
/// references are made of. The threads of the folder, by UID, where they are asked for and the
/// server can tell them.
///
/// # Errors
/// The server's and the output's. A folder that cannot be opened among all others is told to
/// `results`, and the search goes on.
pub async fn search(
    account: &mut Account,
    place: &Place,
    url: &ImapUrl,
    expr: &Expr,
    how: How,
    results: &mut Results<'_>,
) -> Result<Option<Vec<Thread>>> {
    let capabilities = account.client().capabilities().clone();
    if !capabilities.has("X-GM-EXT-1")
        && expr.terms().iter().any(|term| matches!(term, Term::Gmail(_)))
    {
        let host = &url.server.host;
        return Err(Failure::usage(format!("gm: is Gmail's own, and {host} is not Gmail")).into());
    }
    if how.verify && expr.terms().iter().any(|term| matches!(term, Term::Gmail(_))) {
        let message = "what gm: means only the server can say: it cannot be verified";
        return Err(Failure::usage(message).into());
    }
    let nothing = Only::default();
    let only = match &place.scope {
        Scope::All | Scope::Folder(_) => &nothing,
        Scope::Mailbox(_, only) => only,
    };
    let folders = match one_folder(account, &place.scope)? {
        Some(folder) => vec![folder],
        None => all_folders(account).await?,
    };
    let mut folders: Vec<Folder> = folders
        .into_iter()
        .filter_map(|(name, mailbox)| {
            let expr = plan::narrowed(expr, Some(&name), place.account.as_deref());
            (!plan::is_nothing(&expr)).then_some(Folder { name, mailbox, expr })
        })
        .collect();
    let manner = manner(&capabilities, how);
    if how.fuzzy && !manner.fuzzy && plan::text_by(expr, manner.bodies) == Some("server") {
        report::warning(&format!(
            "{}: no fuzzy search (SEARCH=FUZZY): body: and text: mean what they always do",
            url.server.host
        ));
    }
    let is_one_of_many = folders.len() > 1;
    let client = account.client();
    let threads = None;
    let mut session =
        Session { client, url, only, how, manner, capabilities, is_one_of_many, threads };
    while !folders.is_empty() && !results.is_full() {
        let window: Vec<Folder> = folders.drain(..folders.len().min(FOLDERS)).collect();
        session.search(window, results).await?;
        results.flush()?;
    }
    Ok(session.threads)
}

/// What a server with these capabilities can be asked.
pub(super) fn manner(capabilities: &Capabilities, how: How) -> Manner {
    Manner {
        utf8: true,
        bodies: !how.exact,
        fuzzy: how.fuzzy && capabilities.has("SEARCH=FUZZY"),
        gmail: capabilities.has("X-GM-EXT-1"),
        saved: capabilities.has("SAVEDATE"),
        within: capabilities.has("WITHIN").then_some(how.now),
    }
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
pub(super) fn of_server(name: &[u8], utf8: bool) -> Mailbox<'static> {
    match std::str::from_utf8(name) {
        Ok(name) => Mailbox::from_name(name, utf8),
        Err(_) => Mailbox(name.to_vec().into()),
    }
}

/// One folder, by our name and by the server's, and what is looked for in it.
struct Folder {
    name: String,
    mailbox: Mailbox<'static>,
    expr: Expr,
}

/// A search under way.
struct Session<'a> {
    client: &'a mut Client,
    url: &'a ImapUrl,
    only: &'a Only,
    how: How,
    manner: Manner,
    capabilities: Capabilities,
    is_one_of_many: bool,
    /// What the server has told of the threads of its folder.
    threads: Option<Vec<Thread>>,
}

/// A folder that has answered.
struct Share {
    folder: Folder,
    mapping: Mapping,
    uid_validity: u32,
    uids: Vec<u32>,
    /// What each question found.
    answers: Vec<HashSet<u32>>,
    /// What came along with the answer.
    along: HashMap<u32, Facts>,
    /// The folder's threads.
    threads: Option<Vec<Thread>>,
}

impl Session<'_> {
    async fn search(&mut self, folders: Vec<Folder>, results: &mut Results<'_>) -> Result<()> {
        let mut shares = self.ask(folders, results).await?;
        self.threads = shares.iter_mut().find_map(|share| share.threads.take());
        let mut group: Vec<Unit> = Vec::new();
        // Where few are wanted, not many more are looked at.
        let most =
            results.wanted().map_or(GROUP, |wanted| (wanted.saturating_mul(4)).clamp(64, GROUP));
        for mut share in shares {
            if self.how.verify {
                share = self.verified(share).await?;
            }
            if results.is_counting() && share.mapping.rest == Expr::All {
                results.count(share.uids.len());
                continue;
            }
            let mut uids = share.uids.as_slice();
            if let (Some(wanted), Expr::All) = (results.wanted(), &share.mapping.rest) {
                uids = &uids[..uids.len().min(wanted)];
            }
            let mut left = uids.to_vec();
            let share = std::rc::Rc::new(std::cell::RefCell::new(share));
            while !left.is_empty() {
                let room = most - group.iter().map(|unit| unit.messages.len()).sum::<usize>();
                let part: Vec<u32> = left.drain(..left.len().min(room)).collect();
                let messages = part.iter().map(|uid| share.borrow_mut().message(*uid)).collect();
                group.push(Unit { share: std::rc::Rc::clone(&share), messages });
                if part.len() == room {
                    self.decide(std::mem::take(&mut group), results).await?;
                    if results.is_full() {
                        return Ok(());
                    }
                }
            }
        }
        self.decide(group, results).await
    }

    /// Asks all folders in one flight what the server can be asked, and again without text
    /// beyond ASCII where it does not take that.
    async fn ask(&mut self, folders: Vec<Folder>, results: &mut Results<'_>) -> Result<Vec<Share>> {
        loop {
            let mut asked = Vec::new();
            let mut asking = Vec::new();
            for (number, folder) in folders.iter().enumerate() {
                let mapping = map(&folder.expr, self.manner);
                let Asked::Keys(keys) = &mapping.asked else { continue };
                asking.push(self.asking(folder, keys.clone(), &mapping, results));
                asked.push((number, mapping));
            }
            let mut along: Vec<HashMap<u32, Facts>> =
                asking.iter().map(|_| HashMap::new()).collect();
            let mut held = 0;
            let answers = match self.by_one_command(&asking).await? {
                Some(answers) => answers.into_iter().map(Ok).collect(),
                None => self
                    .client
                    .flight(&asking, &mut |number, uid, fetch| {
                        let known = along[number].get_mut(&uid);
                        match known {
                            Some(facts) => facts.take(fetch),
                            None if held < ALONG => {
                                held += 1;
                                along[number].entry(uid).or_default().take(fetch);
                            }
                            None => {}
                        }
                    })
                    .await
                    .map_err(store::Error::from)?,
            };
            let needs_charset = |asking: &Asking| {
                asking.searches.iter().flat_map(|inquiry| &inquiry.keys).any(Key::needs_charset)
            };
            let is_refused = |(asking, answer): (&Asking, &Result<Answered, client::Error>)| {
                answer.is_err() && needs_charset(asking)
            };
            if self.manner.utf8 && asking.iter().zip(&answers).any(is_refused) {
                self.manner.utf8 = false;
                continue;
            }
            let mut folders: Vec<Option<Folder>> = folders.into_iter().map(Some).collect();
            let mut shares = Vec::new();
            for (((number, mapping), answer), along) in asked.into_iter().zip(answers).zip(along) {
                let Some(folder) = folders[number].take() else { continue };
                match self.share(folder, mapping, answer, along, results) {
                    Ok(share) => shares.extend(share),
                    Err((name, error)) if self.is_one_of_many && is_refusal(&error) => {
                        results.fail(&error.context(format!("folder {name}")));
                    }
                    Err((_, error)) => return Err(error),
                }
            }
            return Ok(shares);
        }
    }

    /// Asks all folders by one command (MULTISEARCH, RFC 7377), where the server knows that,
    /// all are asked the same, and nothing is to come along with the answer. `None`: it cannot
    /// be done so. Text of bodies is asked for one by one: there a server may understand it
    /// otherwise (section 2.3).
    async fn by_one_command(&mut self, asking: &[Asking]) -> Result<Option<Vec<Answered>>> {
        if !self.capabilities.has("MULTISEARCH") || asking.len() < 2 {
            return Ok(None);
        }
        let only = |asking: &Asking| match asking.searches.as_slice() {
            [one] if asking.fetches.is_empty() && !asking.threads => Some(one.clone()),
            _ => None,
        };
        let Some(inquiry) = asking.first().and_then(only) else { return Ok(None) };
        let is_plain = inquiry.criteria.is_empty()
            && matches!(inquiry.returns.as_slice(), [Return::All] | [Return::Count])
            && !inquiry.keys.iter().any(is_of_text);
        if !is_plain || !asking.iter().all(|other| only(other).as_ref() == Some(&inquiry)) {
            return Ok(None);
        }
        let mailboxes: Vec<Mailbox<'static>> =
            asking.iter().filter_map(|asking| asking.mailbox.clone()).collect();
        if mailboxes.len() != asking.len() {
            return Ok(None);
        }
        Ok(self.client.search_in(&mailboxes, &inquiry).await.map_err(store::Error::from)?)
    }

    /// What one folder is asked.
    fn asking(
        &self,
        folder: &Folder,
        mut keys: Vec<Key<'static>>,
        mapping: &Mapping,
        results: &Results<'_>,
    ) -> Asking {
        let has = |name: &str| self.capabilities.has(name);
        let is_extended = has("ESEARCH") || has("IMAP4rev2");
        if let Some(uids) = &self.only.uids {
            let set = SequenceSet::from_numbers(uids.iter().copied());
            if set.to_text().len() <= SET_OCTETS {
                keys.push(Key::uids(set));
            }
        }
        let is_final = mapping.rest == Expr::All && self.only.uids.is_none() && !self.how.verify;
        let criteria = if is_final { self.criteria() } else { Vec::new() };
        let window = results.wanted().filter(|_| is_final && has_windows(&self.capabilities));
        let mut fetches = Vec::new();
        let mut items = Vec::new();
        let returns = match window {
            _ if !criteria.is_empty() => match results.limit() {
                Some(limit) if has("ESORT") && (has("PARTIAL") || has("CONTEXT=SORT")) => {
                    vec![Return::Partial(1, i64::try_from(limit.max(1)).unwrap_or(i64::MAX))]
                }
                _ => Vec::new(),
            },
            _ if !is_extended => Vec::new(),
            _ if is_final && results.is_counting() => vec![Return::Count],
            Some(wanted) => {
                vec![Return::Partial(1, i64::try_from(wanted.max(1)).unwrap_or(i64::MAX))]
            }
            None => {
                let needs = if results.wanted().is_some() || self.only.uids.is_some() {
                    Vec::new()
                } else {
                    first_needs(&mapping.rest, results.details())
                };
                items = gather::items(&needs, &mapping.rest, results.details(), has("SAVEDATE"));
                match (has("SEARCHRES") || has("IMAP4rev2"))
                    && !items.is_empty()
                    && !self.how.verify
                {
                    true => {
                        fetches.push(SequenceSet::Saved);
                        vec![Return::Save, Return::All]
                    }
                    false => vec![Return::All],
                }
            }
        };
        let returns_all = if is_extended { vec![Return::All] } else { Vec::new() };
        let questions = mapping.questions.iter().map(|question| {
            let mut keys = keys.clone();
            keys.push(question.clone());
            Inquiry { keys, returns: returns_all.clone(), criteria: Vec::new() }
        });
        let questions: Vec<Inquiry> = questions.collect();
        let mut searches = vec![Inquiry { keys, returns, criteria }];
        searches.extend(questions);
        if self.how.verify {
            let keys = vec![Key::Word(Word::All)];
            searches.push(Inquiry { keys, returns: returns_all, criteria: Vec::new() });
        }
        let mailbox = Some(folder.mailbox.clone());
        Asking { mailbox, searches, fetches, items, threads: self.how.threads }
    }

    /// The order that the server can put a final answer in; empty: it is put in order here.
    fn criteria(&self) -> Vec<(bool, SortKey)> {
        let has = |name: &str| self.capabilities.has(name);
        let key = match self.how.order {
            Some(Sort::Date) => (false, SortKey::Date),
            Some(Sort::DateDescending) => (true, SortKey::Date),
            Some(Sort::Subject) => (false, SortKey::Subject),
            Some(Sort::Size) => (false, SortKey::Size),
            Some(Sort::From) if has("SORT=DISPLAY") => (false, SortKey::DisplayFrom),
            Some(Sort::From | Sort::Relevance) | None => return Vec::new(),
        };
        if has("SORT") { vec![key] } else { Vec::new() }
    }

    /// What a folder's answer gives; `None`: the folder is empty.
    fn share(
        &self,
        folder: Folder,
        mapping: Mapping,
        answer: Result<Answered, client::Error>,
        along: HashMap<u32, Facts>,
        results: &mut Results<'_>,
    ) -> Result<Option<Share>, (String, anyhow::Error)> {
        let mut answered = match answer {
            Ok(answered) => answered,
            Err(error) => return Err((folder.name, store::Error::from(error).into())),
        };
        let uid_validity = answered.uid_validity;
        if let Some(wanted) = self.only.uid_validity
            && wanted != uid_validity
        {
            let error = store::Error::OtherGeneration { wanted, found: uid_validity };
            return Err((folder.name, error.into()));
        }
        if answered.exists == 0 || answered.results.is_empty() {
            return Ok(None);
        }
        let is_sorted = mapping.rest == Expr::All
            && self.only.uids.is_none()
            && !self.how.verify
            && !self.criteria().is_empty();
        if is_sorted {
            results.is_in_order();
        }
        let first = answered.results.remove(0);
        if let Some(count) = first.count
            && first.uids.is_empty()
        {
            results.count(usize::try_from(count).unwrap_or(usize::MAX));
        }
        let mut uids = first.uids;
        if let Some(only) = &self.only.uids {
            uids.retain(|uid| only.binary_search(uid).is_ok());
        }
        let sets = answered.results.into_iter();
        let answers = sets.map(|found| found.uids.into_iter().collect()).collect();
        let threads = answered.threads;
        Ok(Some(Share { folder, mapping, uid_validity, uids, answers, along, threads }))
    }

    /// What every message of the folder says, against what the server says of it: differences
    /// are told, and ours holds.
    async fn verified(&mut self, mut share: Share) -> Result<Share> {
        let all: HashSet<u32> = share.answers.pop().unwrap_or_default();
        let given: HashSet<u32> = share.uids.iter().copied().collect();
        let mut uids: Vec<u32> = all.union(&given).copied().collect();
        if let Some(only) = &self.only.uids {
            uids.retain(|uid| only.binary_search(uid).is_ok());
        }
        uids.sort_unstable();
        let ours = share.folder.expr.clone();
        let mut right = Vec::new();
        let (mut missed, mut wrong) = (Vec::new(), Vec::new());
        for batch in uids.chunks(GROUP) {
            let mut messages: Vec<Message> =
                batch.iter().map(|uid| Message::new(*uid, &ours, &share.answers)).collect();
            self.refine(&share.folder.mailbox, &mut messages, &ours, Details::None).await?;
            for message in messages {
                let is_right = message.verdict == Verdict::Yes;
                // What the server left open is ours to find out, and no lie.
                let is_open = share.mapping.rest != Expr::All;
                match (is_right, given.contains(&message.uid)) {
                    (true, false) => missed.push(message.uid),
                    (false, true) if !is_open => wrong.push(message.uid),
                    _ => {}
                }
                if is_right {
                    right.push(message.uid);
                }
            }
        }
        for (uids, what) in [(missed, "leaves out"), (wrong, "gives, though they do not match,")] {
            if !uids.is_empty() {
                let named: Vec<String> = uids.iter().take(NAMED).map(u32::to_string).collect();
                let more = if uids.len() > NAMED { ", ..." } else { "" };
                report::warning(&format!(
                    "{}: folder {}: the server's SEARCH {what} {} messages: UID {}{more}",
                    self.url.server.host,
                    share.folder.name,
                    uids.len(),
                    named.join(",")
                ));
            }
        }
        share.uids = right;
        share.mapping.rest = Expr::All;
        share.answers.clear();
        Ok(share)
    }

    async fn refine(
        &mut self,
        mailbox: &Mailbox<'static>,
        messages: &mut [Message],
        rest: &Expr,
        details: Details,
    ) -> Result<()> {
        let mut units = [gather::Unit { mailbox, expr: rest, rest, messages }];
        gather::decide(self.client, &mut units, details, self.how.documents).await
    }

    /// Decides the messages of several folders, and gives what matches to `results`.
    async fn decide(&mut self, mut group: Vec<Unit>, results: &mut Results<'_>) -> Result<()> {
        let details = results.details();
        let shares: Vec<_> = group.iter().map(|unit| unit.share.clone()).collect();
        let borrowed: Vec<_> = shares.iter().map(|share| share.borrow()).collect();
        let mut units: Vec<gather::Unit<'_>> = group
            .iter_mut()
            .zip(&borrowed)
            .map(|(unit, share)| gather::Unit {
                mailbox: &share.folder.mailbox,
                expr: &share.folder.expr,
                rest: &share.mapping.rest,
                messages: &mut unit.messages,
            })
            .collect();
        gather::decide(self.client, &mut units, details, self.how.documents).await?;
        for (unit, share) in group.into_iter().zip(borrowed) {
            let text_by = plan::text_by(&share.folder.expr, self.manner.bodies);
            for message in unit.messages {
                let Some(uid) = NonZeroU32::new(message.uid) else { continue };
                if message.verdict != Verdict::Yes {
                    continue;
                }
                let mailbox = &share.folder.mailbox;
                let reference = reference(self.client, self.url, mailbox, share.uid_validity, uid);
                let found = message.found(reference, &share.folder.name);
                results.add(Found { text_by, ..found })?;
            }
        }
        results.flush()
    }
}

/// Messages of one folder that are decided together.
struct Unit {
    share: std::rc::Rc<std::cell::RefCell<Share>>,
    messages: Vec<Message>,
}

impl Share {
    fn message(&mut self, uid: u32) -> Message {
        let mut message = Message::new(uid, &self.mapping.rest, &self.answers);
        if let Some(facts) = self.along.remove(&uid) {
            message.learn(facts, &self.mapping.rest);
        }
        message
    }
}

/// Whether a key looks into the text of bodies.
fn is_of_text(key: &Key<'_>) -> bool {
    match key {
        Key::Text(In::Body | In::Text, _) | Key::Fuzzy(_) => true,
        Key::Not(key) => is_of_text(key),
        Key::Or(one, other) => is_of_text(one) || is_of_text(other),
        Key::And(keys) => keys.iter().any(is_of_text),
        _ => false,
    }
}

/// Whether a search can be asked for the first of what it finds (RFC 9394, RFC 5267).
fn has_windows(capabilities: &Capabilities) -> bool {
    capabilities.has("PARTIAL") || capabilities.has("CONTEXT=SEARCH")
}

/// What is asked for along with a search: what decides first, or what is shown of a final
/// answer.
fn first_needs(rest: &Expr, details: Details) -> Vec<Need> {
    match eval(rest, &Gathered::default()) {
        Verdict::Needs(Need::Body) | Verdict::No => Vec::new(),
        Verdict::Needs(need) => vec![need],
        Verdict::Yes if details == Details::None => Vec::new(),
        Verdict::Yes => vec![Need::Attributes, Need::Header],
    }
}

#[cfg(test)]
mod tests;
