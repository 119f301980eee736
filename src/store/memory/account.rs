//! All mailboxes of one user, shared by every session of that user.
//!
//! RFC 9051 sections 6.3.4 to 6.3.9 (create, delete, rename, subscribe). Names are UTF-8
//! with `/` between levels. A session holds a [`MailboxId`]: after a deletion by another
//! session, [`Account::mailbox`] answers `None`, and after a rename the same mailbox.
//!
//! It does not know what a session has already told its client: a session keeps its own
//! list of UIDs and compares.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tokio::sync::watch;

use super::disk::Disk;
use super::gone::{KEPT_OCTETS, Watch};
use super::limits::{Budget, Limits};
use super::mailbox::{FlagOperation, Mailbox, Message, NewMessage, Stored};
use crate::store::pattern::canonical;
use crate::store::{Clock, Error, Flags};

mod kept;
mod names;
mod properties;
#[cfg(test)]
mod tests;

/// Identity of a mailbox through renames; never used twice in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxId(u64);

impl MailboxId {
    pub(super) fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number alone.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for MailboxId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "F{}", self.0)
    }
}

/// Why an operation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// NONEXISTENT (RFC 5530): there is no such mailbox, or no longer.
    #[error("no mailbox {0:?}")]
    NoMailbox(String),
    /// ALREADYEXISTS (RFC 5530).
    #[error("mailbox {0:?} exists already")]
    Exists(String),
    /// CANNOT (RFC 5530): the name cannot be one.
    #[error("{name:?} cannot be a mailbox name: {reason}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// HASCHILDREN (RFC 9051 section 6.3.5): a level above others without messages.
    #[error("mailbox {0:?} has others below it")]
    HasChildren(String),
    /// The mailbox is only a level above others (`\Noselect`).
    #[error("mailbox {0:?} cannot hold messages")]
    NotSelectable(String),
    /// INBOX cannot be deleted.
    #[error("INBOX cannot be deleted")]
    Inbox,
    /// No UID is left.
    #[error("mailbox has no UIDs left")]
    Full,
    /// OVERQUOTA (RFC 9208): a limit of the quota would be passed.
    #[error("the quota is used up")]
    OverQuota,
    /// The disk could not keep it; nothing has changed.
    #[error("the disk cannot keep it: {0}")]
    Disk(String),
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoMailbox(name) => Error::NoFolder(name),
            Refused::Name { name, reason } => Error::Name { name, reason },
            Refused::Exists(name) => Error::Name { name, reason: "it exists already" },
            Refused::HasChildren(name) => Error::Name { name, reason: "others are below it" },
            Refused::NotSelectable(name) => Error::Name { name, reason: "it cannot hold messages" },
            Refused::Inbox => Error::Name { name: "INBOX".into(), reason: "it cannot be deleted" },
            Refused::Full => Error::Unsupported { store: "memory", operation: "give more UIDs" },
            Refused::OverQuota => {
                Error::Unsupported { store: "memory", operation: "go beyond its quota" }
            }
            Refused::Disk(why) => {
                Error::File { path: "the store".into(), source: std::io::Error::other(why) }
            }
        }
    }
}

/// An account that several sessions share. Borrow it for one call, never across an `await`.
pub type Shared = Rc<RefCell<Account>>;

/// The mailboxes of one user.
pub struct Account {
    mailboxes: BTreeMap<MailboxId, Mailbox>,
    names: BTreeMap<String, MailboxId>,
    subscriptions: BTreeSet<String>,
    next_mailbox: u64,
    next_uid_validity: u32,
    next_email: u64,
    version: u64,
    names_version: u64,
    changes: watch::Sender<u64>,
    clock: Clock,
    /// Highest UIDVALIDITY that each name has had.
    spent: BTreeMap<String, u32>,
    limits: Limits,
    /// Annotations of the server (RFC 5464).
    annotations: BTreeMap<String, Vec<u8>>,
    annotations_version: u64,
    /// Where it is kept beside memory.
    disk: Option<Disk>,
    budget: Option<Rc<Budget>>,
}

impl Account {
    /// An account with an empty INBOX. `uid_validity` is the first that is given out (the
    /// next mailbox gets one more); seconds since 1970 make a good one.
    pub fn new(uid_validity: u32, clock: Clock) -> Self {
        let mut account = Self::empty(uid_validity, clock);
        account.insert("INBOX".to_owned());
        account
    }

    fn empty(uid_validity: u32, clock: Clock) -> Self {
        Self {
            mailboxes: BTreeMap::new(),
            names: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            next_mailbox: 1,
            next_uid_validity: uid_validity.max(1),
            next_email: 1,
            version: 1,
            names_version: 1,
            changes: watch::Sender::new(1),
            clock,
            spent: BTreeMap::new(),
            limits: Limits::default(),
            annotations: BTreeMap::new(),
            annotations_version: 0,
            disk: None,
            budget: None,
        }
    }

    /// Counts the octets of its messages against a budget from now on.
    pub fn set_budget(&mut self, budget: Rc<Budget>) {
        for message in self.mailboxes.values().flat_map(Mailbox::messages) {
            budget.hold(&message.octets);
        }
        self.budget = Some(budget);
    }

    /// The same, ready to be shared.
    pub fn shared(uid_validity: u32, clock: Clock) -> Shared {
        Rc::new(RefCell::new(Self::new(uid_validity, clock)))
    }

    /// Wakes whenever anything changed in the account; the value is [`Account::version`].
    /// A session then compares [`Mailbox::version`] and [`Account::names_version`] with what
    /// it knows, so that nothing is lost however many changes one wake-up stands for.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Counts every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Version at the last change of names or subscriptions.
    pub fn names_version(&self) -> u64 {
        self.names_version
    }

    /// Now, by the account's clock.
    pub fn now(&self) -> crate::store::Received {
        (self.clock)()
    }

    /// All mailboxes with their names, in the order of the names' octets.
    pub fn mailboxes(&self) -> impl Iterator<Item = (&str, &Mailbox)> {
        self.names.iter().filter_map(move |(name, id)| {
            self.mailboxes.get(id).map(|mailbox| (name.as_str(), mailbox))
        })
    }

    /// The mailbox of this name; `INBOX` in any case.
    pub fn find(&self, name: &str) -> Option<MailboxId> {
        self.names.get(&canonical(name)).copied()
    }

    /// The mailbox, unless it was deleted.
    pub fn mailbox(&self, id: MailboxId) -> Option<&Mailbox> {
        self.mailboxes.get(&id)
    }

    /// The mailbox's name now.
    pub fn name(&self, id: MailboxId) -> Option<&str> {
        self.names.iter().find(|(_, of)| **of == id).map(|(name, _)| name.as_str())
    }

    /// Whether mailboxes stand below this name.
    pub fn has_children(&self, name: &str) -> bool {
        let prefix = canonical(name) + "/";
        self.names
            .range(prefix.clone()..)
            .next()
            .is_some_and(|(candidate, _)| candidate.starts_with(&prefix))
    }

    /// Names subscribed to, in order; some may have no mailbox.
    pub fn subscriptions(&self) -> impl Iterator<Item = &str> {
        self.subscriptions.iter().map(String::as_str)
    }

    /// Whether the name is subscribed to.
    pub fn is_subscribed(&self, name: &str) -> bool {
        self.subscriptions.contains(&canonical(name))
    }

    /// Adds messages, all or none; their UIDs in order.
    ///
    /// # Errors
    /// [`Refused::NoMailbox`], [`Refused::NotSelectable`], [`Refused::Full`].
    pub fn append(
        &mut self,
        mailbox: MailboxId,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<u32>, Refused> {
        let now = self.now();
        let mut whole = Vec::with_capacity(messages.len());
        for message in messages {
            whole.push(Message {
                uid: 0,
                modseq: 0,
                flags: message.flags,
                received: message.received.unwrap_or(now),
                saved: now.seconds,
                email_id: format!("M{}", self.next_email),
                octets: message.octets,
            });
            self.next_email += 1;
        }
        self.add(mailbox, whole, true)
    }

    /// Changes flags of the messages with these UIDs; those that are gone are left out.
    /// With `unchanged_since`, messages changed after that mod-sequence are left alone and
    /// named (RFC 7162 section 3.1.3).
    ///
    /// # Errors
    /// [`Refused::NoMailbox`].
    pub fn store_flags(
        &mut self,
        mailbox: MailboxId,
        uids: &[u32],
        operation: FlagOperation,
        flags: &Flags,
        unchanged_since: Option<u64>,
    ) -> Result<Stored, Refused> {
        let target = self.mailboxes.get_mut(&mailbox).ok_or_else(|| missing(mailbox))?;
        let plan = target.plan(uids, operation, flags, unchanged_since);
        if let Some(disk) = &mut self.disk
            && !plan.changed.is_empty()
        {
            let changed: Vec<(u32, &Flags)> =
                plan.changed.iter().map(|(uid, flags)| (*uid, flags)).collect();
            disk.mark(mailbox, target.highest_modseq() + 1, &changed)?;
        }
        target.gone_mut().store(uids, operation, flags);
        let stored = target.apply(plan);
        if !stored.changed.is_empty() {
            self.tidy(mailbox);
            self.touch(&[mailbox]);
        }
        Ok(stored)
    }

    /// Takes these messages away for good, whatever their flags; the UIDs that went,
    /// ascending. Their mod-sequence is the mailbox's highest.
    ///
    /// # Errors
    /// [`Refused::NoMailbox`].
    pub fn expunge(&mut self, mailbox: MailboxId, uids: &[u32]) -> Result<Vec<u32>, Refused> {
        let target = self.mailboxes.get_mut(&mailbox).ok_or_else(|| missing(mailbox))?;
        if let Some(disk) = &mut self.disk {
            let mut there: Vec<u32> =
                uids.iter().copied().filter(|uid| target.index(*uid).is_some()).collect();
            there.sort_unstable();
            there.dedup();
            if !there.is_empty() {
                disk.expunge(mailbox, target.highest_modseq() + 1, &there)?;
            }
        }
        let gone = target.take(uids);
        let tight = self.budget.as_ref().is_some_and(|budget| budget.excess() > 0);
        if let Some(budget) = &self.budget {
            gone.iter().for_each(|message| budget.release(&message.octets));
        }
        if !gone.is_empty() && !tight {
            let kept: u64 = self.mailboxes.values().map(|mailbox| mailbox.gone().octets()).sum();
            let target = self.mailbox_mut(mailbox)?;
            target.keep_gone(&gone, KEPT_OCTETS.saturating_sub(kept));
        }
        if !gone.is_empty() {
            self.tidy(mailbox);
            self.touch(&[mailbox]);
        }
        Ok(gone.into_iter().map(|message| message.uid).collect())
    }

    /// Keeps what is expunged from a mailbox from now on, for whoever holds the watch, until
    /// [`Account::told`] (see [`Mailbox::shown`]); `None`: there is no such mailbox.
    pub fn watch(&mut self, mailbox: MailboxId) -> Option<Watch> {
        self.mailboxes.get_mut(&mailbox).map(Mailbox::watch)
    }

    /// Whoever holds the watch knows all that is gone from the mailbox.
    pub fn told(&mut self, mailbox: MailboxId, watch: &Watch) {
        if let Some(mailbox) = self.mailboxes.get_mut(&mailbox) {
            mailbox.told(watch);
        }
    }

    /// Copies messages with flags and dates; pairs of old and new UID, ascending (COPYUID,
    /// RFC 4315). Those that are gone are left out.
    ///
    /// # Errors
    /// As [`Account::append`].
    pub fn copy(
        &mut self,
        from: MailboxId,
        uids: &[u32],
        to: MailboxId,
    ) -> Result<Vec<(u32, u32)>, Refused> {
        self.copy_within(from, uids, to, true)
    }

    /// Copies; `counts` says whether the copies count against the quota.
    fn copy_within(
        &mut self,
        from: MailboxId,
        uids: &[u32],
        to: MailboxId,
        counts: bool,
    ) -> Result<Vec<(u32, u32)>, Refused> {
        let mut wanted = uids.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let now = self.now();
        let source = self.mailbox_mut(from)?;
        let messages: Vec<Message> = wanted
            .iter()
            .filter_map(|uid| source.message(*uid).cloned())
            .map(|message| Message { saved: now.seconds, ..message })
            .collect();
        let old: Vec<u32> = messages.iter().map(|message| message.uid).collect();
        let new = self.add(to, messages, counts)?;
        Ok(old.into_iter().zip(new).collect())
    }

    /// Moves messages (RFC 6851); pairs of old and new UID, ascending. Into the mailbox
    /// they are in already, they get new UIDs.
    ///
    /// # Errors
    /// As [`Account::append`]; then nothing has moved.
    pub fn move_messages(
        &mut self,
        from: MailboxId,
        uids: &[u32],
        to: MailboxId,
    ) -> Result<Vec<(u32, u32)>, Refused> {
        let pairs = self.copy_within(from, uids, to, false)?;
        let old: Vec<u32> = pairs.iter().map(|(old, _)| *old).collect();
        self.expunge(from, &old)?;
        Ok(pairs)
    }

    /// The first UID that no session was told of yet; from now on none is left. The session
    /// shows `\Recent` on messages from there on (RFC 3501 section 2.3.2).
    ///
    /// # Errors
    /// [`Refused::NoMailbox`].
    pub fn take_recent(&mut self, mailbox: MailboxId) -> Result<u32, Refused> {
        let target = self.mailboxes.get_mut(&mailbox).ok_or_else(|| missing(mailbox))?;
        let from = target.take_recent();
        if let Some(disk) = &mut self.disk
            && from != target.uid_next()
        {
            disk.recent(mailbox, target.uid_next())?;
        }
        Ok(from)
    }

    fn add(
        &mut self,
        id: MailboxId,
        mut messages: Vec<Message>,
        counts: bool,
    ) -> Result<Vec<u32>, Refused> {
        let limits = self.limits;
        let usage = (counts && limits != Limits::default()).then(|| self.usage());
        let name = self.name(id).unwrap_or_default().to_owned();
        let mailbox = self.mailboxes.get_mut(&id).ok_or_else(|| missing(id))?;
        if !mailbox.selectable {
            return Err(Refused::NotSelectable(name));
        }
        if !mailbox.has_room(messages.len()) {
            return Err(Refused::Full);
        }
        if let Some(mut usage) = usage {
            usage.messages += messages.len() as u64;
            usage.octets += messages.iter().map(|m| m.octets.len() as u64).sum::<u64>();
            if !usage.fits(&Limits { mailboxes: None, ..limits }) {
                return Err(Refused::OverQuota);
            }
        }
        if let Some(disk) = &mut self.disk
            && !messages.is_empty()
        {
            for (uid, message) in (mailbox.uid_next()..).zip(&mut messages) {
                message.uid = uid;
                message.modseq = mailbox.highest_modseq() + 1;
            }
            disk.append(id, &messages)?;
        }
        if let Some(budget) = &self.budget {
            messages.iter().for_each(|message| budget.hold(&message.octets));
        }
        let uids = mailbox.add(messages);
        if !uids.is_empty() {
            self.tidy(id);
            self.touch(&[id]);
        }
        Ok(uids)
    }

    fn mailbox_mut(&mut self, id: MailboxId) -> Result<&mut Mailbox, Refused> {
        self.mailboxes.get_mut(&id).ok_or_else(|| missing(id))
    }

    /// Rewrites an index that has grown long. Where that fails, the long one is as good.
    fn tidy(&mut self, id: MailboxId) {
        if let (Some(disk), Some(mailbox)) = (&mut self.disk, self.mailboxes.get(&id)) {
            disk.tidy(mailbox).unwrap_or_default();
        }
    }

    fn touch(&mut self, changed: &[MailboxId]) {
        self.version += 1;
        for id in changed {
            if let Some(mailbox) = self.mailboxes.get_mut(id) {
                mailbox.version = self.version;
            }
        }
        self.changes.send_replace(self.version);
    }
}

fn missing(id: MailboxId) -> Refused {
    Refused::NoMailbox(id.to_string())
}
