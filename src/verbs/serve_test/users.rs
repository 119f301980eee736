//! Who has a mailbox, who may log in, and where mail goes.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::faults::Magic;
use super::personalities::{ALL_MAIL, Like};
use crate::base::secret::Secret;
use crate::message::headers;
use crate::pop::server::{Maildrops, Unavailable};
use crate::sasl::Secrets;
use crate::smtp::syntax::path::ForwardPath;
use crate::store::maildir::Layout;
use crate::store::memory::{Account, Budget, MailboxId, Memory, NewMessage, Shared};
use crate::store::{self, Deleted, Id, Listed, Sink, Spool, Store as _, What};
use crate::ui::report;

/// All users and their mail.
pub struct Users {
    accounts: RefCell<BTreeMap<String, User>>,
    /// Anybody is a user.
    any: bool,
    catch_all: Option<String>,
    uid_validity: u32,
    /// The newsgroups that all may read.
    news: Shared,
    /// Whose folders these are like.
    like: Option<Like>,
    /// The keys of our services, for GSSAPI.
    keytab: Option<PathBuf>,
    /// Whose maildrop a POP3 session holds.
    held: RefCell<BTreeSet<String>>,
    /// How long a user of POP3 waits between two logins, and when the last was.
    login_delay: Duration,
    logins: RefCell<BTreeMap<String, Instant>>,
    /// Where mail is kept beside memory.
    folder: Option<PathBuf>,
    budget: Option<Rc<Budget>>,
}

/// How mail is kept.
#[derive(Debug, Default)]
pub struct Keep<'k> {
    /// The folder that keeps it beside memory; `None`: there is none.
    pub folder: Option<&'k Path>,
    /// How much of it there may be; `None`: as much as comes.
    pub budget: Option<Rc<Budget>>,
}

struct User {
    password: Option<Secret>,
    mail: Shared,
}

impl Users {
    /// Users with their passwords. `keytab` lets them log in by GSSAPI too.
    ///
    /// # Errors
    /// A folder that cannot be used.
    pub fn new(
        users: &[(String, String)],
        any: bool,
        catch_all: Option<&str>,
        like: Option<Like>,
        login_delay: Duration,
        keytab: Option<&Path>,
        keep: Keep<'_>,
    ) -> store::Result<Rc<Self>> {
        let now = crate::open::now().seconds;
        let all = Self {
            accounts: RefCell::default(),
            any,
            catch_all: catch_all.map(str::to_lowercase),
            uid_validity: u32::try_from(now).unwrap_or(1),
            news: Account::shared(u32::try_from(now).unwrap_or(1), store::system_clock()),
            like,
            keytab: keytab.map(Path::to_owned),
            held: RefCell::default(),
            login_delay,
            logins: RefCell::default(),
            folder: keep.folder.map(Path::to_owned),
            budget: keep.budget,
        };
        if let Some(budget) = &all.budget {
            all.news.borrow_mut().set_budget(budget.clone());
        }
        for (name, password) in users {
            all.add(name, Some(Secret::new(password.as_bytes())))?;
        }
        Ok(Rc::new(all))
    }

    fn add(&self, name: &str, password: Option<Secret>) -> store::Result<Shared> {
        let name = name.to_lowercase();
        let clock = store::system_clock();
        let (mail, is_new) = match &self.folder {
            None => (Account::shared(self.uid_validity, clock), true),
            Some(folder) => {
                let root = Layout::Nested.directory(folder, &name)?;
                Account::open(&root, self.uid_validity, clock)
                    .map_err(|error| store::Error::file(&root, error))?
            }
        };
        for (folder, special_use) in Like::folders(self.like).iter().filter(|_| is_new) {
            let uses: Vec<String> = Some(*special_use)
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .into_iter()
                .collect();
            mail.borrow_mut().create(folder, &uses)?;
            mail.borrow_mut().set_subscribed(folder, true)?;
        }
        if let Some(budget) = &self.budget {
            mail.borrow_mut().set_budget(budget.clone());
        }
        let user = User { password, mail: mail.clone() };
        self.accounts.borrow_mut().insert(name, user);
        Ok(mail)
    }

    /// A mailbox for a user that nobody has named; `None` where it cannot be made, which is
    /// told.
    fn add_unnamed(&self, name: &str) -> Option<Shared> {
        match self.add(name, None) {
            Ok(mail) => Some(mail),
            Err(error) => {
                report::warning(&format!("no mailbox for {name:?}: {error}"));
                None
            }
        }
    }

    /// Drops the oldest messages whenever there are more octets than the budget allows, and
    /// tells of it.
    pub async fn make_room(&self, budget: &Budget) {
        loop {
            budget.exceeded().await;
            let (mut messages, mut octets) = (0_u64, 0_u64);
            while budget.excess() > 0 {
                let Some((mail, mailbox, uid, size)) = self.oldest() else { break };
                if mail.borrow_mut().expunge(mailbox, &[uid]).is_err() {
                    break;
                }
                messages += 1;
                octets += size;
            }
            if messages == 0 {
                // What there is cannot be dropped now.
                budget.grown().await;
                continue;
            }
            report::note(&format!(
                "memory is full: the oldest {messages} messages ({octets} octets) were dropped"
            ));
            tokio::task::yield_now().await;
        }
    }

    /// The message that was saved first: where it is, and its octets. Of those of one second it
    /// is that of the fullest mailbox, so that what went to several goes from all of them.
    fn oldest(&self) -> Option<(Shared, MailboxId, u32, u64)> {
        let mut found = None;
        let mut least = None;
        let news = ("#news".to_owned(), self.news.clone());
        for (_, shared) in self.all().into_iter().chain([news]) {
            let mail = shared.borrow();
            for (_, mailbox) in mail.mailboxes() {
                let Some(first) = mailbox.messages().first() else { continue };
                let rank = (first.saved, Reverse(mailbox.messages().len()));
                if least.is_none_or(|least| rank < least) {
                    let size = first.octets.len() as u64;
                    least = Some(rank);
                    found = Some((shared.clone(), mailbox.id(), first.uid, size));
                }
            }
        }
        found
    }

    /// The mail of the user who logged in by this name.
    pub fn mail(&self, name: &str) -> Option<Shared> {
        let name = self.canonical(name);
        let known = self.accounts.borrow().get(&name).map(|user| user.mail.clone());
        match known {
            Some(mail) => Some(mail),
            None if self.any => self.add_unnamed(&name),
            None => None,
        }
    }

    /// The account that newsgroups are mailboxes of.
    pub fn newsgroups(&self) -> Shared {
        self.news.clone()
    }

    /// Every user's mail, by name.
    pub fn all(&self) -> Vec<(String, Shared)> {
        self.accounts
            .borrow()
            .iter()
            .map(|(name, user)| (name.clone(), user.mail.clone()))
            .collect()
    }

    /// Empties every mailbox, and tells how many messages went.
    pub fn clear(&self) -> u64 {
        let mut gone = 0;
        for (_, mail) in self.all() {
            let mut mail = mail.borrow_mut();
            let all: Vec<(MailboxId, Vec<u32>)> = mail
                .mailboxes()
                .map(|(_, mailbox)| {
                    (mailbox.id(), mailbox.messages().iter().map(|message| message.uid).collect())
                })
                .collect();
            for (mailbox, uids) in all {
                gone += mail.expunge(mailbox, &uids).map_or(0, |uids| uids.len() as u64);
            }
        }
        gone
    }

    /// A name as it is kept: in lower case, and without a domain unless the user has one.
    fn canonical(&self, name: &str) -> String {
        let name = name.to_lowercase();
        if self.accounts.borrow().contains_key(&name) {
            return name;
        }
        match name.rsplit_once('@') {
            Some((local, _)) => local.to_owned(),
            None => name,
        }
    }

    /// Whether each user has a password, so that one can be proved without being told.
    pub fn knows_passwords(&self) -> bool {
        !self.any
    }

    /// Whether VRFY can tell who has mail here: not where everybody has, nor as one of those that
    /// keep it to themselves.
    pub fn tells_of_users(&self) -> bool {
        !self.any && self.catch_all.is_none() && self.like.is_none()
    }

    /// Whose mail a recipient's is; `None` when nobody's.
    pub fn of_recipient(&self, to: &ForwardPath) -> Option<Shared> {
        let address = to.to_string().to_lowercase();
        let local = address.rsplit_once('@').map_or(address.as_str(), |(local, _)| local);
        let plain = local.split_once('+').map_or(local, |(user, _)| user);
        let known = [address.as_str(), local, plain]
            .into_iter()
            .find_map(|name| self.accounts.borrow().get(name).map(|user| user.mail.clone()));
        let first = || self.accounts.borrow().values().next().map(|user| user.mail.clone());
        known
            .or_else(|| self.any.then(|| self.add_unnamed(plain)).flatten())
            .or_else(|| self.mail(self.catch_all.as_deref()?))
            .or_else(|| {
                // RFC 5321 section 4.5.1: whatever the domain, as all of them are here.
                (local == "postmaster" || Magic::of(&address).is_some_and(|it| it.has_mailbox()))
                    .then(first)
                    .flatten()
            })
    }
}

/// What one connection's logins are checked against.
struct Logins {
    users: Rc<Users>,
    /// The name in the client's certificate.
    subject: Option<String>,
}

impl Secrets for Logins {
    fn password(&self, user: &str) -> Option<Secret> {
        let name = self.users.canonical(user);
        self.users.accounts.borrow().get(&name).and_then(|user| user.password.clone())
    }

    /// A user's password is its token too.
    fn token_is_valid(&self, user: &str, token: &[u8]) -> bool {
        self.users.any || self.password(user).is_some_and(|secret| secret.expose() == token)
    }

    fn external_identity(&self) -> Option<String> {
        self.subject.clone()
    }

    fn keytab(&self) -> Option<PathBuf> {
        self.users.keytab.clone()
    }

    fn may_act_as(&self, user: &str, authorize_as: &str) -> bool {
        self.users.canonical(user) == self.users.canonical(authorize_as)
    }

    fn any(&self) -> bool {
        self.users.any
    }
}

/// The logins of a client whose certificate names `subject`.
pub fn logins(users: &Rc<Users>, subject: Option<&str>) -> Rc<dyn Secrets> {
    Rc::new(Logins { users: users.clone(), subject: subject.map(str::to_owned) })
}

impl crate::imap::server::Accounts for Users {
    fn account(&self, user: &str) -> Option<Shared> {
        self.mail(user)
    }

    fn news(&self) -> Option<Shared> {
        Some(self.news.clone())
    }
}

/// Puts a new message into an INBOX, and where the users' folders want it too.
pub fn arrive(users: &Users, mail: &Shared, message: NewMessage) -> Option<()> {
    let copy = (users.like == Some(Like::Gmail)).then(|| NewMessage {
        flags: message.flags.clone(),
        received: message.received,
        octets: message.octets.clone(),
    });
    put(mail, "INBOX", message)?;
    match copy {
        Some(copy) => put(mail, ALL_MAIL, copy),
        None => Some(()),
    }
}

/// Appends to a folder; `None` when it cannot take the message.
pub fn put(mail: &Shared, folder: &str, message: NewMessage) -> Option<()> {
    let mut mail = mail.borrow_mut();
    let folder = mail.find(folder)?;
    mail.append(folder, vec![message]).ok().map(|_| ())
}

/// INBOXes as maildrops.
pub struct Drops(pub Rc<Users>);

#[async_trait(?Send)]
impl Maildrops for Drops {
    async fn open(&self, user: &str) -> Result<Box<dyn Spool>, Unavailable> {
        let name = self.0.canonical(user);
        let mail =
            self.0.mail(&name).ok_or_else(|| Unavailable::Permanent("no such mailbox".into()))?;
        let now = Instant::now();
        let last = self.0.logins.borrow().get(&name).copied();
        if last.is_some_and(|last| now.duration_since(last) < self.0.login_delay) {
            return Err(Unavailable::TooSoon);
        }
        if !self.0.held.borrow_mut().insert(name.clone()) {
            return Err(Unavailable::InUse);
        }
        if !self.0.login_delay.is_zero() {
            self.0.logins.borrow_mut().insert(name.clone(), now);
        }
        let held = Held { users: self.0.clone(), name };
        let temporary = |error: store::Error| Unavailable::Temporary(error.to_string());
        let mut inbox = Memory::new(mail.clone()).map_err(temporary)?;
        let status = inbox.select("INBOX", false).await.map_err(temporary)?;
        Ok(Box::new(Maildrop { inbox, mail, uid_validity: status.uid_validity, _held: held }))
    }

    fn secrets(&self, subject: Option<&str>) -> Option<Rc<dyn Secrets>> {
        Some(logins(&self.0, subject))
    }
}

/// Whether POP3 sends a message octet by octet: its lines end in CRLF, the last one too, and its
/// header is ASCII.
fn goes_as_it_is(octets: &[u8]) -> bool {
    let header = headers::body_offset(octets).unwrap_or(octets.len());
    let is_pair = |at: usize| match octets[at] {
        b'\r' => octets.get(at + 1) == Some(&b'\n'),
        _ => at > 0 && octets[at - 1] == b'\r',
    };
    octets.ends_with(b"\r\n")
        && octets[..header].is_ascii()
        && memchr::memchr2_iter(b'\r', b'\n', octets).all(is_pair)
}

/// The lock on a maildrop (RFC 1939 section 4), let go with this value.
struct Held {
    users: Rc<Users>,
    name: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.users.held.borrow_mut().remove(&self.name);
    }
}

/// One user's INBOX under unique-ids that hold across restarts: UIDVALIDITY and UID.
struct Maildrop {
    inbox: Memory,
    mail: Shared,
    uid_validity: u32,
    _held: Held,
}

impl Maildrop {
    fn uids(&self, ids: &[Id]) -> Vec<Id> {
        let prefix = format!("{}.", self.uid_validity);
        ids.iter().filter_map(|id| id.0.strip_prefix(&prefix)).map(Id::new).collect()
    }
}

#[async_trait(?Send)]
impl Spool for Maildrop {
    async fn list(&mut self) -> store::Result<Vec<Listed>> {
        let mut listed = self.inbox.list().await?;
        let mail = self.mail.borrow();
        let inbox = mail.find("INBOX").and_then(|id| mail.mailbox(id));
        for message in &mut listed {
            // What goes out otherwise than it is kept is counted by whoever sends it.
            let uid = message.id.0.parse().ok();
            let kept = inbox.zip(uid).and_then(|(inbox, uid)| inbox.message(uid));
            if kept.is_none_or(|kept| !goes_as_it_is(&kept.octets)) {
                message.size = None;
            }
            message.id = Id::new(format!("{}.{}", self.uid_validity, message.id));
        }
        Ok(listed)
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> store::Result<()> {
        let uids = self.uids(ids);
        self.inbox.read(&uids, what, sink).await
    }

    async fn delete(&mut self, ids: &[Id]) -> store::Result<Deleted> {
        let uids = self.uids(ids);
        self.inbox.delete(&uids).await
    }

    async fn finish(&mut self) -> store::Result<()> {
        self.inbox.finish().await
    }
}
