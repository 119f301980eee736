//! A search on an IMAP server: per folder the best SEARCH that misses nothing, then what is
//! left, found out of the least that decides it, in as few round trips as that takes.
//!
//! Many folders are asked in one flight. Where the server keeps a result (SEARCHRES, RFC 5182),
//! the first facts of the messages come in the same flight. Attributes come first, then the
//! header fields that the query speaks of, then BODYSTRUCTURE, then the parts that have text in
//! them. A server that refuses text beyond ASCII is asked without.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use anyhow::Result;
use jiff::Timestamp;

use super::found::{Details, Found, Results};
use super::one::{found, one_folder, reference};
use super::plan;
use super::rungs::{manner, one_command};
use crate::base::location::{ImapUrl, Location};
use crate::imap::client::decide::{self, Facts, Message};
use crate::imap::client::search::{Answered, Asking};
use crate::imap::client::{self, Capabilities, Client};
use crate::imap::search_keys::{Asked, Manner, Mapping, map};
use crate::imap::store::Account;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::search::{Key, Thread};
use crate::query::{self, Expr, Term, Verdict};
use crate::store;
use crate::ui::{Failure, report};

use super::args::Sort;

/// Folders that are asked in one flight.
const FOLDERS: usize = 64;

/// Messages that are decided before the results go out.
const GROUP: usize = 2048;

/// Messages whose facts are kept when they come along with the answer to a search.
const ALONG: usize = 8192;

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
    plan::is_gmail(
        expr,
        place.account.as_deref(),
        account.client().capabilities(),
        &url.server.host,
    )?;
    if how.verify && expr.terms().iter().any(|term| matches!(term, Term::Gmail(_))) {
        let message = "what gm: means only the server can say: it cannot be verified";
        return Err(Failure::usage(message).into());
    }
    let nothing = Only::default();
    let (mut session, mut folders, _) =
        Session::open(account, place, url, expr, how, &nothing).await?;
    if how.fuzzy
        && !session.manner.fuzzy
        && plan::text_by(expr, session.manner.bodies) == Some("server")
    {
        report::warning(&format!(
            "{}: no fuzzy search (SEARCH=FUZZY): body: and text: mean what they always do",
            url.server.host
        ));
    }
    while !folders.is_empty() && !results.is_full() {
        let window: Vec<Folder> = folders.drain(..folders.len().min(FOLDERS)).collect();
        session.search(window, results).await?;
        results.flush()?;
    }
    Ok(session.threads)
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
pub(super) struct Folder {
    pub(super) name: String,
    pub(super) mailbox: Mailbox<'static>,
    pub(super) expr: Expr,
}

/// A search under way.
pub(super) struct Session<'a> {
    pub(super) client: &'a mut Client,
    url: &'a ImapUrl,
    pub(super) only: &'a Only,
    pub(super) how: How,
    pub(super) manner: Manner,
    pub(super) capabilities: Capabilities,
    is_one_of_many: bool,
    /// What the server has told of the threads of its folder.
    threads: Option<Vec<Thread>>,
}

impl<'a> Session<'a> {
    /// The search of a place, the folders that can have something in them, and the names of the
    /// others. `nothing` says that no messages are named.
    ///
    /// # Errors
    /// The server's, and a folder that has no name there.
    pub(super) async fn open(
        account: &'a mut Account,
        place: &'a Place,
        url: &'a ImapUrl,
        expr: &Expr,
        how: How,
        nothing: &'a Only,
    ) -> Result<(Self, Vec<Folder>, Vec<String>)> {
        let capabilities = account.client().capabilities().clone();
        let only = match &place.scope {
            Scope::All | Scope::Folder(_) => nothing,
            Scope::Mailbox(_, only) => only,
        };
        let all = match one_folder(account, &place.scope)? {
            Some(folder) => vec![folder],
            None => all_folders(account).await?,
        };
        let (mut folders, mut others) = (Vec::new(), Vec::new());
        for (name, mailbox) in all {
            let expr = query::narrowed(expr, Some(&name), place.account.as_deref());
            match query::is_nothing(&expr) {
                true => others.push(name),
                false => folders.push(Folder { name, mailbox, expr }),
            }
        }
        let manner = manner(&capabilities, how);
        let is_one_of_many = folders.len() > 1;
        let (client, threads) = (account.client(), None);
        let session =
            Self { client, url, only, how, manner, capabilities, is_one_of_many, threads };
        Ok((session, folders, others))
    }
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
                asking.push(self.asking(&folder.mailbox, keys.clone(), &mapping, results));
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

    /// Asks all folders by one command; `None`: it cannot be done so.
    async fn by_one_command(&mut self, asking: &[Asking]) -> Result<Option<Vec<Answered>>> {
        let Some((mailboxes, inquiry)) = one_command(&self.capabilities, asking) else {
            return Ok(None);
        };
        Ok(self.client.search_in(&mailboxes, &inquiry).await.map_err(store::Error::from)?)
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
        if let Some(uids) = &self.only.uids {
            let there = match self.how.verify {
                true => answered.results.last().map(|found| found.uids.clone()),
                false => answered.results.pop().map(|found| found.uids),
            };
            let there: HashSet<u32> = there.into_iter().flatten().collect();
            for uid in uids.iter().filter(|uid| !there.contains(*uid)) {
                let Some(uid) = NonZeroU32::new(*uid) else { continue };
                let mailbox = &folder.mailbox;
                results.gone(reference(self.client, self.url, mailbox, uid_validity, uid));
            }
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
        let mut units = [decide::Unit { mailbox, expr: rest, rest, messages }];
        let wish = details.wish();
        let documents = self.how.documents;
        let decided = decide::decide(self.client, &mut units, wish, documents).await;
        Ok(decided.map_err(store::Error::from)?)
    }

    /// Decides the messages of several folders, and gives what matches to `results`.
    async fn decide(&mut self, mut group: Vec<Unit>, results: &mut Results<'_>) -> Result<()> {
        let details = results.details();
        let shares: Vec<_> = group.iter().map(|unit| unit.share.clone()).collect();
        let borrowed: Vec<_> = shares.iter().map(|share| share.borrow()).collect();
        let mut units: Vec<decide::Unit<'_>> = group
            .iter_mut()
            .zip(&borrowed)
            .map(|(unit, share)| decide::Unit {
                mailbox: &share.folder.mailbox,
                expr: &share.folder.expr,
                rest: &share.mapping.rest,
                messages: &mut unit.messages,
            })
            .collect();
        let (wish, documents) = (details.wish(), self.how.documents);
        let decided = decide::decide(self.client, &mut units, wish, documents).await;
        decided.map_err(store::Error::from)?;
        for (unit, share) in group.into_iter().zip(borrowed) {
            let text_by = plan::text_by(&share.folder.expr, self.manner.bodies);
            for message in unit.messages {
                let Some(uid) = NonZeroU32::new(message.uid) else { continue };
                if message.verdict != Verdict::Yes {
                    continue;
                }
                let mailbox = &share.folder.mailbox;
                let reference = reference(self.client, self.url, mailbox, share.uid_validity, uid);
                let found = found(message, reference, &share.folder.name);
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

#[cfg(test)]
mod tests;
