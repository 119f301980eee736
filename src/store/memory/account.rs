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

use super::mailbox::{FlagOperation, Mailbox, Message, NewMessage, Stored};
use crate::store::pattern::canonical;
use crate::store::{Clock, Error, Flags};

/// Longest mailbox name, in octets.
const NAME_OCTETS: usize = 1_000;

/// Identity of a mailbox through renames; never used twice in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxId(u64);

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
}

impl Account {
    /// An account with an empty INBOX. `uid_validity` is the first that is given out (the
    /// next mailbox gets one more); seconds since 1970 make a good one.
    pub fn new(uid_validity: u32, clock: Clock) -> Self {
        let mut account = Self {
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
        };
        account.insert("INBOX".to_owned());
        account
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

    /// Creates a mailbox and the levels above it (RFC 9051 section 6.3.4). A `/` at the end
    /// says that others will come below, and is dropped. `special_use` by RFC 6154.
    ///
    /// # Errors
    /// [`Refused::Exists`], [`Refused::Name`].
    pub fn create(&mut self, name: &str, special_use: &[String]) -> Result<MailboxId, Refused> {
        let name = canonical(name.strip_suffix('/').unwrap_or(name));
        check_name(&name)?;
        if let Some(id) = self.names.get(&name) {
            if self.mailboxes.get(id).is_some_and(Mailbox::is_selectable) {
                return Err(Refused::Exists(name));
            }
            self.mailboxes.remove(id);
        }
        self.create_parents(&name);
        let id = self.insert(name);
        if let Some(mailbox) = self.mailboxes.get_mut(&id) {
            mailbox.special_use = special_use.to_vec();
        }
        self.touch_names();
        Ok(id)
    }

    /// Deletes a mailbox with its messages; one that has others below it stays as a level
    /// that cannot be selected (RFC 9051 section 6.3.5).
    ///
    /// # Errors
    /// [`Refused::NoMailbox`], [`Refused::Inbox`], [`Refused::HasChildren`].
    pub fn delete(&mut self, name: &str) -> Result<(), Refused> {
        let name = canonical(name);
        if name == "INBOX" {
            return Err(Refused::Inbox);
        }
        let Some(id) = self.names.get(&name).copied() else {
            return Err(Refused::NoMailbox(name));
        };
        let parent = self.has_children(&name);
        if parent && !self.mailboxes.get(&id).is_some_and(Mailbox::is_selectable) {
            return Err(Refused::HasChildren(name));
        }
        self.mailboxes.remove(&id);
        self.names.remove(&name);
        if parent {
            let level = self.insert(name);
            if let Some(mailbox) = self.mailboxes.get_mut(&level) {
                mailbox.selectable = false;
            }
        }
        self.touch_names();
        Ok(())
    }

    /// Renames a mailbox and all below it; each keeps its identity, UIDVALIDITY and UIDs.
    /// INBOX is never renamed: its messages move to the new mailbox (RFC 3501 section
    /// 6.3.5, RFC 9051 section 6.3.6).
    ///
    /// # Errors
    /// [`Refused::NoMailbox`], [`Refused::Exists`], [`Refused::Name`].
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Refused> {
        let from = canonical(from);
        let to = canonical(to.strip_suffix('/').unwrap_or(to));
        check_name(&to)?;
        let Some(source) = self.names.get(&from).copied() else {
            return Err(Refused::NoMailbox(from));
        };
        if self.names.contains_key(&to) {
            return Err(Refused::Exists(to));
        }
        if from == "INBOX" {
            let target = self.create(&to, &[])?;
            let uids: Vec<u32> = self
                .mailbox(source)
                .map(|inbox| inbox.messages().iter().map(|message| message.uid).collect())
                .unwrap_or_default();
            self.move_messages(source, &uids, target)?;
            return Ok(());
        }
        let below = format!("{from}/");
        if to.starts_with(&below) {
            return Err(Refused::Name { name: to, reason: "it is below the mailbox itself" });
        }
        let moved: Vec<(String, MailboxId)> = self
            .names
            .iter()
            .filter(|(name, _)| **name == from || name.starts_with(&below))
            .map(|(name, id)| (name.clone(), *id))
            .collect();
        if let Some((name, _)) =
            moved.iter().find(|(name, _)| to.len() + name.len() - from.len() > NAME_OCTETS)
        {
            return Err(Refused::Name { name: name.clone(), reason: "it would be too long" });
        }
        self.create_parents(&to);
        for (name, _) in &moved {
            self.names.remove(name);
        }
        for (name, id) in moved {
            self.names.insert(format!("{to}{}", &name[from.len()..]), id);
        }
        self.touch_names();
        Ok(())
    }

    /// Subscribes to a name or unsubscribes from it; no mailbox of that name has to exist
    /// (RFC 9051 section 6.3.7).
    pub fn set_subscribed(&mut self, name: &str, subscribed: bool) {
        let name = canonical(name);
        let changed = if subscribed {
            self.subscriptions.insert(name)
        } else {
            self.subscriptions.remove(&name)
        };
        if changed {
            self.touch_names();
        }
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
        self.add(mailbox, whole)
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
        let target = self.mailbox_mut(mailbox)?;
        let stored = target.store(uids, operation, flags, unchanged_since);
        if !stored.changed.is_empty() {
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
        let gone = self.mailbox_mut(mailbox)?.take(uids);
        if !gone.is_empty() {
            self.touch(&[mailbox]);
        }
        Ok(gone.into_iter().map(|message| message.uid).collect())
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
        let new = self.add(to, messages)?;
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
        let pairs = self.copy(from, uids, to)?;
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
        Ok(self.mailbox_mut(mailbox)?.take_recent())
    }

    fn add(&mut self, id: MailboxId, messages: Vec<Message>) -> Result<Vec<u32>, Refused> {
        let name = self.name(id).unwrap_or_default().to_owned();
        let mailbox = self.mailbox_mut(id)?;
        if !mailbox.selectable {
            return Err(Refused::NotSelectable(name));
        }
        if !mailbox.has_room(messages.len()) {
            return Err(Refused::Full);
        }
        let uids = mailbox.add(messages);
        if !uids.is_empty() {
            self.touch(&[id]);
        }
        Ok(uids)
    }

    fn mailbox_mut(&mut self, id: MailboxId) -> Result<&mut Mailbox, Refused> {
        self.mailboxes.get_mut(&id).ok_or_else(|| Refused::NoMailbox(id.to_string()))
    }

    /// A new mailbox under a name that is free.
    fn insert(&mut self, name: String) -> MailboxId {
        let id = MailboxId(self.next_mailbox);
        self.next_mailbox += 1;
        let uid_validity = self.next_uid_validity;
        self.next_uid_validity = self.next_uid_validity.checked_add(1).unwrap_or(1);
        self.mailboxes.insert(id, Mailbox::new(id, uid_validity, self.version));
        self.names.insert(name, id);
        id
    }

    fn create_parents(&mut self, name: &str) {
        let levels: Vec<usize> = name.match_indices('/').map(|(at, _)| at).collect();
        for end in levels {
            if !self.names.contains_key(&name[..end]) {
                self.insert(name[..end].to_owned());
            }
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

    fn touch_names(&mut self) {
        self.names_version = self.version + 1;
        self.touch(&[]);
    }
}

/// Whether a name can be one: no empty level, no control character, not too long.
fn check_name(name: &str) -> Result<(), Refused> {
    let reason = if name.is_empty() || name.split('/').any(str::is_empty) {
        "it has an empty level"
    } else if name.chars().any(char::is_control) {
        "it has a control character"
    } else if name.len() > NAME_OCTETS {
        "it is too long"
    } else {
        return Ok(());
    };
    Err(Refused::Name { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Received;

    fn account() -> Account {
        Account::new(7, Rc::new(|| Received { seconds: 1_000, offset_seconds: 0 }))
    }

    fn new(octets: &[u8], flags: &[&str]) -> NewMessage {
        NewMessage { flags: flags.iter().collect(), received: None, octets: octets.into() }
    }

    fn uids(account: &Account, id: MailboxId) -> Vec<u32> {
        let mailbox = account.mailbox(id).expect("exists");
        mailbox.messages().iter().map(|message| message.uid).collect()
    }

    #[test]
    fn uids_are_never_used_again() {
        let mut account = account();
        let inbox = account.find("inbox").expect("INBOX exists");
        let first = account.append(inbox, vec![new(b"a", &[]), new(b"b", &[])]);
        assert_eq!(first, Ok(vec![1, 2]));
        assert_eq!(account.expunge(inbox, &[2, 9]), Ok(vec![2]));
        assert_eq!(account.append(inbox, vec![new(b"c", &[])]), Ok(vec![3]));
        assert_eq!(uids(&account, inbox), [1, 3]);
    }

    #[test]
    fn modseqs_tell_what_changed_and_what_vanished() {
        let mut account = account();
        let inbox = account.find("INBOX").expect("INBOX exists");
        let batch = (0..6).map(|_| new(b"x", &[])).collect();
        account.append(inbox, batch).expect("room");
        let before = account.mailbox(inbox).expect("exists").highest_modseq();
        let seen: Flags = ["\\Seen"].iter().collect();
        let add = FlagOperation::Add;
        let stored = account.store_flags(inbox, &[2, 77], add, &seen, None).expect("exists");
        assert_eq!(stored, Stored { changed: vec![2], modified: vec![] });
        // The same again changes nothing and takes no mod-sequence.
        let again = account.store_flags(inbox, &[2], add, &seen, None).expect("exists");
        assert_eq!(again, Stored::default());
        let late = account.store_flags(inbox, &[1, 2], add, &seen, Some(before)).expect("exists");
        assert_eq!(late, Stored { changed: vec![1], modified: vec![2] });
        account.expunge(inbox, &[3, 4]).expect("exists");
        account.expunge(inbox, &[5]).expect("exists");
        let mailbox = account.mailbox(inbox).expect("exists");
        let changed: Vec<u32> = mailbox.changed_since(before).map(|m| m.uid).collect();
        assert_eq!(changed, [1, 2]);
        assert_eq!(mailbox.vanished_since(before), vec![3..=5]);
        assert_eq!(mailbox.vanished_since(mailbox.highest_modseq() - 1), vec![5..=5]);
        assert!(mailbox.vanished_since(mailbox.highest_modseq()).is_empty());
        assert_eq!(mailbox.highest_modseq(), before + 4);
    }

    #[test]
    fn rename_keeps_uidvalidity_and_children() {
        let mut account = account();
        let id = account.create("a/b", &[]).expect("free");
        let validity = account.mailbox(id).expect("exists").uid_validity();
        account.append(id, vec![new(b"m", &[])]).expect("room");
        account.rename("a", "x/y").expect("free");
        assert_eq!(account.find("x/y/b"), Some(id));
        assert_eq!(account.name(id), Some("x/y/b"));
        assert_eq!(account.mailbox(id).expect("exists").uid_validity(), validity);
        assert_eq!(account.find("a/b"), None);
        let below = account.rename("x", "x/z");
        assert!(matches!(below, Err(Refused::Name { .. })));
        assert_eq!(account.rename("x", "INBOX"), Err(Refused::Exists("INBOX".into())));
    }

    #[test]
    fn renaming_inbox_moves_its_messages_and_leaves_it() {
        let mut account = account();
        let inbox = account.find("INBOX").expect("INBOX exists");
        account.create("INBOX/below", &[]).expect("free");
        account.append(inbox, vec![new(b"m", &["\\Seen"])]).expect("room");
        account.rename("Inbox", "old").expect("free");
        assert!(uids(&account, inbox).is_empty());
        let old = account.find("old").expect("made");
        assert_eq!(uids(&account, old), [1]);
        assert!(account.find("INBOX/below").is_some());
    }

    #[test]
    fn deleting_a_parent_leaves_a_level() {
        let mut account = account();
        let parent = account.create("p", &[]).expect("free");
        account.create("p/c", &[]).expect("free");
        account.delete("p").expect("exists");
        assert!(account.mailbox(parent).is_none());
        let level = account.find("p").expect("stays as a level");
        assert!(!account.mailbox(level).expect("exists").is_selectable());
        let refused = account.append(level, vec![new(b"m", &[])]);
        assert_eq!(refused, Err(Refused::NotSelectable("p".into())));
        assert_eq!(account.delete("p"), Err(Refused::HasChildren("p".into())));
        let again = account.create("p", &[]).expect("a level can become a mailbox");
        assert_ne!(again, parent);
        assert_eq!(account.delete("inbox"), Err(Refused::Inbox));
    }

    #[test]
    fn hostile_names_are_refused() {
        let mut account = account();
        for name in ["", "/", "/a", "a//b", "a\0b", "a\nb", "a/"] {
            let made = account.create(name, &[]);
            assert_eq!(made.is_ok(), name == "a/", "{name:?}: {made:?}");
        }
        assert!(account.create(&"x".repeat(2_000), &[]).is_err());
    }

    #[test]
    fn copies_share_the_octets_and_the_email_id() {
        let mut account = account();
        let inbox = account.find("INBOX").expect("INBOX exists");
        let other = account.create("other", &[]).expect("free");
        account.append(inbox, vec![new(b"a", &["x"]), new(b"b", &[])]).expect("room");
        assert_eq!(account.copy(inbox, &[2, 1, 1, 5], other), Ok(vec![(1, 1), (2, 2)]));
        let copied = account.mailbox(other).and_then(|m| m.message(1)).expect("copied").clone();
        let original = account.mailbox(inbox).and_then(|m| m.message(1)).expect("there");
        assert_eq!(copied.email_id, original.email_id);
        assert!(copied.flags.has("X"));
        assert_eq!(account.move_messages(inbox, &[1], inbox), Ok(vec![(1, 3)]));
        assert_eq!(uids(&account, inbox), [2, 3]);
    }

    #[test]
    fn every_change_wakes_the_watchers() {
        let mut account = account();
        let mut watcher = account.changes();
        assert!(!watcher.has_changed().expect("alive"));
        let inbox = account.find("INBOX").expect("INBOX exists");
        account.append(inbox, vec![new(b"a", &[])]).expect("room");
        assert!(watcher.has_changed().expect("alive"));
        assert_eq!(*watcher.borrow_and_update(), account.version());
        assert_eq!(account.mailbox(inbox).expect("exists").version(), account.version());
        account.expunge(inbox, &[99]).expect("exists");
        assert!(!watcher.has_changed().expect("alive"));
        account.set_subscribed("INBOX", true);
        assert!(watcher.has_changed().expect("alive"));
        assert_eq!(account.names_version(), account.version());
    }
}
