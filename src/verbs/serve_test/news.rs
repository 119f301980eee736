//! Newsgroups: what stands behind NNTP, and, for reading, behind IMAP as `#news.`.
//!
//! An article that is posted is injected as RFC 5537 section 3.5 says, and goes nowhere else. The
//! articles are kept in the mailboxes of their groups, where an article's UID is its number: what
//! is dropped there for want of memory is gone from the group, too.

mod proto;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;

use super::accepted::{Arrival, Log};
use super::users::{Users, logins, put};
use crate::base::date::Zoned;
use crate::base::dot::{Encoder, LineEnds};
use crate::base::location::Location;
use crate::imap::server::news::PREFIX;
use crate::message::compose::message_id;
use crate::message::facts::message_ids;
use crate::message::headers::{self, Place};
use crate::nntp::server::{Group, Newsroom, Stored};
use crate::nntp::syntax::listing::{Active, Status};
use crate::nntp::syntax::{is_message_id, is_newsgroup};
use crate::open::{self, Create};
use crate::sasl::{Secrets, system_random};
use crate::store::memory::NewMessage;
use crate::store::{self, Flags, Id, Meta, Sink, What};
use crate::ui::{Exit, Failure};

/// The group that is always there.
const LOCAL: (&str, &str) = ("local.test", "Articles that stay on this server");

/// All groups and their articles.
pub struct News {
    host: String,
    users: Rc<Users>,
    log: Rc<Log>,
    shelf: RefCell<Shelf>,
}

#[derive(Default)]
struct Shelf {
    groups: BTreeMap<String, Shelved>,
    by_id: HashMap<String, Rc<Entry>>,
    /// Oldest first.
    arrived: VecDeque<Rc<Entry>>,
}

struct Shelved {
    description: &'static str,
    created: i64,
    high: u64,
    /// May name articles that are no longer in the mailbox.
    articles: BTreeMap<u64, Rc<Entry>>,
}

struct Entry {
    id: String,
    /// The groups that it is in, and its number in each.
    places: Vec<(String, u64)>,
    seconds: i64,
}

impl News {
    /// The one group, and nothing in it.
    pub fn new(host: &str, users: Rc<Users>, log: Rc<Log>) -> Rc<Self> {
        let news = Self { host: host.to_owned(), users, log, shelf: RefCell::default() };
        let (name, description) = LOCAL;
        news.make(name, description);
        Rc::new(news)
    }

    fn make(&self, name: &str, description: &'static str) {
        let mut shelf = self.shelf.borrow_mut();
        if shelf.groups.contains_key(name) {
            return;
        }
        let _ = self.users.newsgroups().borrow_mut().create(&format!("{PREFIX}{name}"), &[]);
        let (created, articles) = (open::now().seconds, BTreeMap::new());
        shelf.groups.insert(name.to_owned(), Shelved { description, created, high: 0, articles });
    }

    /// Puts the articles at `path` (an mbox, a Maildir, a folder of .eml files or one article)
    /// into the groups that they name, which are made for it.
    ///
    /// # Errors
    /// A path that cannot be read; [`Failure`] (65) for a message that names no group.
    pub async fn seed(&self, path: &Path, context: &open::Context) -> Result<()> {
        let location = Location::Path(path.to_owned());
        let mut opened =
            open::open_mail(&location, &Default::default(), Create::No, context).await?;
        opened.select(None, true).await?;
        let listed = opened.spool().list().await?;
        let ids: Vec<Id> = listed.into_iter().map(|listed| listed.id).collect();
        let mut articles = Articles::default();
        opened.spool().read(&ids, &What::Whole, &mut articles).await?;
        for (number, article) in (1..).zip(articles.all) {
            let refused = |reason: String| Failure::new(Exit::Data, reason);
            for group in newsgroups(&article)
                .map_err(refused)
                .with_context(|| format!("{}, message {number}", path.display()))?
            {
                self.make(&group, "");
            }
            self.shelve(article, None)
                .map_err(refused)
                .with_context(|| format!("{}, message {number}", path.display()))?;
        }
        Ok(())
    }

    /// Takes an article, and gives its message-id. `path`: what it came by, where it was posted.
    fn shelve(&self, article: Vec<u8>, path: Option<&str>) -> Result<String, String> {
        if !headers::begins_with_header(&article) || article.is_empty() {
            return Err("the article has no header".into());
        }
        let groups = newsgroups(&article)?;
        let known: Vec<String> = {
            let shelf = self.shelf.borrow();
            groups.iter().filter(|group| shelf.groups.contains_key(*group)).cloned().collect()
        };
        if known.is_empty() {
            return Err(format!("no such newsgroup: {}", groups.join(",")));
        }
        let now = open::now();
        let (article, id) = self.injected(article, path, now)?;
        self.forget_dropped();
        if self.by_id(&id).is_some() {
            return Err(format!("the article {id} is here already"));
        }
        let mut shelf = self.shelf.borrow_mut();
        let numbers: Vec<(String, u64)> = known
            .iter()
            .filter_map(|name| Some((name.clone(), shelf.groups.get(name)?.high + 1)))
            .collect();
        let places: Vec<String> =
            numbers.iter().map(|(name, number)| format!("{name}:{number}")).collect();
        let (id_in_shelf, seconds) = (id.clone(), now.seconds);
        // RFC 5536 section 3.2.14; another server's means nothing here.
        let (article, _) = headers::remove(&article, &["Xref"]);
        let xref = format!("{} {}", self.host, places.join(" "));
        let octets: Arc<[u8]> = headers::insert(&article, Place::Last, "Xref", &xref)
            .map_err(|error| error.to_string())?
            .into();
        let entry = Rc::new(Entry { id: id_in_shelf, places: numbers.clone(), seconds });
        for (name, number) in numbers {
            if let Some(group) = shelf.groups.get_mut(&name) {
                group.high = number;
                group.articles.insert(number, entry.clone());
            }
            let message =
                NewMessage { flags: Flags::new(), received: None, octets: octets.clone() };
            put(&self.users.newsgroups(), &format!("{PREFIX}{name}"), message)
                .ok_or("the newsgroup is full")?;
        }
        shelf.by_id.insert(id.clone(), entry.clone());
        shelf.arrived.push_back(entry);
        Ok(id)
    }

    /// The article of that number in a group, where its mailbox still has it.
    fn octets(&self, group: &str, number: u64) -> Option<Arc<[u8]>> {
        let mail = self.users.newsgroups();
        let mail = mail.borrow();
        let mailbox = mail.mailbox(mail.find(&format!("{PREFIX}{group}"))?)?;
        Some(mailbox.message(u32::try_from(number).ok()?)?.octets.clone())
    }

    fn stored(&self, entry: &Entry) -> Option<Stored> {
        let octets = entry.places.iter().find_map(|(group, number)| self.octets(group, *number))?;
        Some(Stored { id: entry.id.clone(), octets })
    }

    /// Forgets the oldest articles that no mailbox has any more.
    fn forget_dropped(&self) {
        loop {
            let Some(oldest) = self.shelf.borrow().arrived.front().cloned() else { return };
            if self.stored(&oldest).is_some() {
                return;
            }
            let mut shelf = self.shelf.borrow_mut();
            shelf.arrived.pop_front();
            // It may have been posted anew.
            if shelf.by_id.get(&oldest.id).is_some_and(|entry| Rc::ptr_eq(entry, &oldest)) {
                shelf.by_id.remove(&oldest.id);
            }
            for (name, number) in &oldest.places {
                if let Some(group) = shelf.groups.get_mut(name) {
                    group.articles.remove(number);
                }
            }
        }
    }

    /// What is told of a group.
    fn told(&self, name: &str, group: &Shelved) -> Group {
        let numbers = self.numbers(name);
        Group {
            active: Active {
                name: name.to_owned(),
                count: Some(numbers.len() as u64),
                high: group.high,
                low: numbers.first().copied().unwrap_or(group.high + 1),
                status: Status::Open,
            },
            description: group.description.to_owned(),
            created: group.created,
        }
    }

    /// The article with what an injecting agent adds where it is missing, and its message-id.
    fn injected(
        &self,
        mut article: Vec<u8>,
        path: Option<&str>,
        now: Zoned,
    ) -> Result<(Vec<u8>, String), String> {
        let error = |error: headers::Error| error.to_string();
        let text = |article: &[u8], name: &str| {
            headers::find(article, name)
                .map(|field| String::from_utf8_lossy(&field.unfolded()).into_owned())
        };
        if let Some(by) = path {
            proto::check(&article, now)?;
            // RFC 5537 section 3.5, item 11: who wrote both has fixed when it was injected.
            let is_fixed = ["Date", "Message-ID"].iter().all(|name| text(&article, name).is_some());
            let before = text(&article, "Path").unwrap_or_else(|| "not-for-mail".into());
            let (rest, _) = headers::remove(&article, &["Path"]);
            let value = format!("{by}!.POSTED!{}", before.trim());
            article = headers::insert(&rest, Place::First, "Path", &value).map_err(error)?;
            let date = now.message();
            let is_dated = text(&article, "Date").is_some();
            let is_injected = is_fixed || text(&article, "Injection-Date").is_some();
            for (name, is_there) in [("Date", is_dated), ("Injection-Date", is_injected)] {
                if !is_there {
                    article = headers::insert(&article, Place::Last, name, &date).map_err(error)?;
                }
            }
        }
        let id = match text(&article, "Message-ID") {
            Some(value) => {
                let ids = message_ids(&value);
                let id = ids.first().map(|id| format!("<{id}>"));
                id.filter(|id| is_message_id(id.as_bytes()))
                    .ok_or_else(|| format!("{value:?} is no message-id"))?
            }
            None => {
                let mut random = [0u8; 20];
                system_random(&mut random);
                let id = format!("<{}>", message_id(&random, Some(&self.host)));
                article =
                    headers::insert(&article, Place::Last, "Message-ID", &id).map_err(error)?;
                id
            }
        };
        Ok((article, id))
    }
}

/// The groups that an article names, each once.
fn newsgroups(article: &[u8]) -> Result<Vec<String>, String> {
    let field = headers::find(article, "Newsgroups").ok_or("the article names no newsgroup")?;
    let value = String::from_utf8_lossy(&field.unfolded()).into_owned();
    let mut groups: Vec<String> = Vec::new();
    for name in value.split(',').map(str::trim) {
        if !is_newsgroup(name) {
            return Err(format!("{name:?} is no newsgroup"));
        }
        if !groups.iter().any(|known| known == name) {
            groups.push(name.to_owned());
        }
    }
    Ok(groups)
}

#[async_trait(?Send)]
impl Newsroom for News {
    fn groups(&self) -> Vec<Group> {
        let shelf = self.shelf.borrow();
        shelf.groups.iter().map(|(name, group)| self.told(name, group)).collect()
    }

    fn group(&self, name: &str) -> Option<Group> {
        self.shelf.borrow().groups.get(name).map(|group| self.told(name, group))
    }

    fn numbers(&self, group: &str) -> Vec<u64> {
        let mail = self.users.newsgroups();
        let mail = mail.borrow();
        let mailbox = mail.find(&format!("{PREFIX}{group}")).and_then(|id| mail.mailbox(id));
        let messages = mailbox.map(|mailbox| mailbox.messages()).unwrap_or_default();
        messages.iter().map(|message| u64::from(message.uid)).collect()
    }

    fn article(&self, group: &str, number: u64) -> Option<Stored> {
        let octets = self.octets(group, number)?;
        let shelf = self.shelf.borrow();
        let entry = shelf.groups.get(group)?.articles.get(&number)?;
        Some(Stored { id: entry.id.clone(), octets })
    }

    fn by_id(&self, id: &str) -> Option<Stored> {
        let entry = self.shelf.borrow().by_id.get(id).cloned()?;
        self.stored(&entry)
    }

    fn since(&self, seconds: i64) -> Vec<(Vec<String>, String)> {
        self.forget_dropped();
        let shelf = self.shelf.borrow();
        let is_new = |entry: &&Rc<Entry>| entry.seconds >= seconds && self.stored(entry).is_some();
        let new = shelf.arrived.iter().filter(is_new);
        let groups = |entry: &Entry| entry.places.iter().map(|(name, _)| name.clone()).collect();
        new.map(|entry| (groups(entry), entry.id.clone())).collect()
    }

    async fn post(&self, article: Vec<u8>, user: Option<&str>) -> Result<String, String> {
        let id = self.shelve(article, Some(&self.host))?;
        let entry = self.shelf.borrow().by_id.get(&id).cloned();
        let stored = entry.as_ref().and_then(|entry| self.stored(entry));
        if let (Some(entry), Some(stored)) = (entry, stored) {
            self.log.add(Arrival {
                protocol: "nntp",
                user: user.map(str::to_owned),
                from: String::new(),
                recipients: entry.places.iter().map(|(name, _)| name.clone()).collect(),
                octets: stored.octets,
            });
        }
        Ok(id)
    }

    fn secrets(&self, subject: Option<&str>) -> Option<Rc<dyn Secrets>> {
        Some(logins(&self.users, subject))
    }
}

/// Whole messages, with the line ends of the wire.
#[derive(Default)]
struct Articles {
    all: Vec<Vec<u8>>,
    encoder: Option<Encoder>,
}

#[async_trait(?Send)]
impl Sink for Articles {
    async fn begin(&mut self, _: &Meta) -> store::Result<()> {
        self.all.push(Vec::new());
        self.encoder = Some(Encoder::counted(LineEnds::Canonical));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        if let (Some(encoder), Some(article)) = (&mut self.encoder, self.all.last_mut()) {
            // Canonical encoding refuses nothing.
            let _ = encoder.push(octets, article);
        }
        Ok(())
    }

    async fn end(&mut self, _: &Meta) -> store::Result<()> {
        if let (Some(encoder), Some(article)) = (self.encoder.take(), self.all.last_mut()) {
            let _ = encoder.finish(article);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::users::Keep;
    use super::*;

    fn news() -> Rc<News> {
        let alice = [("alice".into(), "secret".into())];
        let delay = Default::default();
        let users = Users::new(&alice, false, None, None, delay, None, Keep::default())
            .expect("memory needs no disk");
        News::new("news.test", users, Log::new(None))
    }

    fn article(groups: &str, id: &str) -> Vec<u8> {
        format!("From: a@b\r\nSubject: s\r\nNewsgroups: {groups}\r\n{id}\r\nbody\r\n").into_bytes()
    }

    #[test]
    fn an_article_has_a_number_in_each_group() {
        let news = news();
        news.make("a.b", "");
        let first = news.shelve(article("local.test", "Message-ID: <1@x>\r\n"), Some("h"));
        assert_eq!(first.as_deref(), Ok("<1@x>"));
        news.shelve(article("a.b, local.test,no.such", ""), Some("h")).expect("taken");
        assert_eq!(news.numbers("local.test"), [1, 2]);
        assert_eq!(news.numbers("a.b"), [1]);
        let text = news.article("a.b", 1).expect("there").octets;
        let text = String::from_utf8_lossy(&text);
        assert!(text.starts_with("Path: h!.POSTED!not-for-mail\r\n"), "{text}");
        assert!(text.contains("\r\nXref: news.test a.b:1 local.test:2\r\n"), "{text}");
        assert!(text.contains("\r\nInjection-Date: ") && text.contains("\r\nMessage-ID: <"));
        let mail = news.users.newsgroups();
        let mail = mail.borrow();
        let mailbox = mail.find("#news.local.test").and_then(|id| mail.mailbox(id));
        assert_eq!(mailbox.map(|mailbox| mailbox.messages().len()), Some(2));
        drop(mail);
        let again = news.shelve(article("local.test", "Message-ID: <1@x>\r\n"), Some("h"));
        assert!(again.is_err_and(|reason| reason.contains("already")));
    }

    #[test]
    fn what_was_dropped_is_gone_from_its_groups() {
        let news = news();
        for number in 1..=3 {
            let id = format!("Message-ID: <{number}@x>\r\n");
            news.shelve(article("local.test", &id), Some("h")).expect("taken");
        }
        let mail = news.users.newsgroups();
        let mailbox = mail.borrow().find("#news.local.test").expect("a mailbox");
        mail.borrow_mut().expunge(mailbox, &[1]).expect("dropped");
        let active = news.group("local.test").expect("a group").active;
        assert_eq!((active.count, active.low, active.high), (Some(2), 2, 3));
        assert_eq!(news.numbers("local.test"), [2, 3]);
        assert!(news.article("local.test", 1).is_none() && news.by_id("<1@x>").is_none());
        assert_eq!(news.since(0).len(), 2);
        assert_eq!(news.shelf.borrow().by_id.len(), 2);
        // It may come again, with a number of its own.
        news.shelve(article("local.test", "Message-ID: <1@x>\r\n"), Some("h")).expect("taken");
        assert_eq!(news.numbers("local.test"), [2, 3, 4]);
    }

    #[test]
    fn what_cannot_be_posted_is_refused() {
        let news = news();
        for wrong in [
            article("no.such", ""),
            article("", ""),
            b"Subject: x\r\n\r\n".to_vec(),
            b"From: a@b\r\nNewsgroups: local.test\r\n\r\n".to_vec(),
            article("local.test", "Message-ID: nothing\r\n"),
            Vec::new(),
        ] {
            assert!(news.shelve(wrong, Some("h")).is_err());
        }
        assert_eq!(news.group("local.test").map(|group| group.active.low), Some(1));
    }
}
