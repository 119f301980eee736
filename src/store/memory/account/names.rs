//! Names of mailboxes: CREATE, DELETE, RENAME and subscriptions (RFC 9051 sections 6.3.4 to
//! 6.3.8).
//!
//! A name never goes back to a lower UIDVALIDITY (RFC 9051 section 2.3.1.1): a mailbox that
//! is renamed to a name under which clients knew a younger one gets a new UIDVALIDITY.

use super::{Account, MailboxId, Refused};
use crate::store::memory::mailbox::Mailbox;
use crate::store::pattern::canonical;

/// Longest mailbox name, in octets.
const NAME_OCTETS: usize = 1_000;

impl Account {
    /// Creates a mailbox and the levels above it (RFC 9051 section 6.3.4). A `/` at the end
    /// says that others will come below, and is dropped. `special_use` by RFC 6154.
    ///
    /// # Errors
    /// [`Refused::Exists`], [`Refused::Name`], [`Refused::OverQuota`], [`Refused::Disk`].
    pub fn create(&mut self, name: &str, special_use: &[String]) -> Result<MailboxId, Refused> {
        let name = canonical(name.strip_suffix('/').unwrap_or(name));
        check_name(&name)?;
        if let Some(limit) = self.limits.mailboxes
            && self.mailboxes.len() as u64 >= limit
        {
            return Err(Refused::OverQuota);
        }
        if let Some(id) = self.names.get(&name) {
            if self.mailboxes.get(id).is_some_and(Mailbox::is_selectable) {
                return Err(Refused::Exists(name));
            }
            self.mailboxes.remove(id);
        }
        self.create_parents(&name)?;
        let id = self.insert(name.clone());
        if let Some(mailbox) = self.mailboxes.get_mut(&id) {
            mailbox.special_use = special_use.to_vec();
        }
        self.make_folder(&name, id)?;
        self.save()?;
        self.touch_names();
        Ok(id)
    }

    /// Deletes a mailbox with its messages; one that has others below it stays as a level
    /// that cannot be selected (RFC 9051 section 6.3.5).
    ///
    /// # Errors
    /// [`Refused::NoMailbox`], [`Refused::Inbox`], [`Refused::HasChildren`],
    /// [`Refused::Disk`].
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
        if let Some(disk) = &mut self.disk {
            disk.remove(id)?;
        }
        let gone = self.mailboxes.remove(&id);
        if let (Some(budget), Some(gone)) = (&self.budget, gone) {
            gone.messages().iter().for_each(|message| budget.release(&message.octets));
        }
        self.names.remove(&name);
        if parent {
            let level = self.insert(name);
            if let Some(mailbox) = self.mailboxes.get_mut(&level) {
                mailbox.selectable = false;
            }
        }
        self.save()?;
        self.touch_names();
        Ok(())
    }

    /// Renames a mailbox and all below it; each keeps its identity and UIDs, and but for
    /// what stands above its UIDVALIDITY. INBOX is never renamed: its messages move to the
    /// new mailbox (RFC 3501 section 6.3.5, RFC 9051 section 6.3.6).
    ///
    /// # Errors
    /// [`Refused::NoMailbox`], [`Refused::Exists`], [`Refused::Name`], [`Refused::Disk`].
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
            // RFC 5464 section 4: the annotations are copied.
            let annotations = self.mailbox(source).map(|inbox| inbox.annotations().clone());
            if let Some(annotations) = annotations.filter(|all| !all.is_empty()) {
                let entries = annotations.into_iter().map(|(name, value)| (name, Some(value)));
                self.annotate(Some(target), entries.collect())?;
            }
            self.move_messages(source, &uids, target)?;
            return Ok(());
        }
        let below = format!("{from}/");
        if to.starts_with(&below) {
            return Err(Refused::Name { name: to, reason: "it is below the mailbox itself" });
        }
        let old: Vec<(String, MailboxId)> = self
            .names
            .iter()
            .filter(|(name, _)| **name == from || name.starts_with(&below))
            .map(|(name, id)| (name.clone(), *id))
            .collect();
        if let Some((name, _)) =
            old.iter().find(|(name, _)| to.len() + name.len() - from.len() > NAME_OCTETS)
        {
            return Err(Refused::Name { name: name.clone(), reason: "it would be too long" });
        }
        self.create_parents(&to)?;
        let mut moved = Vec::with_capacity(old.len());
        for (name, id) in old {
            self.names.remove(&name);
            let new = format!("{to}{}", &name[from.len()..]);
            self.names.insert(new.clone(), id);
            self.spend(&new, id);
            moved.push((id, new));
        }
        self.save()?;
        if let Some(disk) = &mut self.disk {
            disk.rename(&moved)?;
        }
        self.touch_names();
        Ok(())
    }

    /// Subscribes to a name or unsubscribes from it; no mailbox of that name has to exist
    /// (RFC 9051 section 6.3.7).
    ///
    /// # Errors
    /// [`Refused::Disk`].
    pub fn set_subscribed(&mut self, name: &str, subscribed: bool) -> Result<(), Refused> {
        let name = canonical(name);
        let changed = if subscribed {
            self.subscriptions.insert(name)
        } else {
            self.subscriptions.remove(&name)
        };
        if changed {
            self.save()?;
            self.touch_names();
        }
        Ok(())
    }

    /// A new mailbox under a name that is free.
    pub(super) fn insert(&mut self, name: String) -> MailboxId {
        let id = MailboxId(self.next_mailbox);
        self.next_mailbox += 1;
        let uid_validity = self.take_uid_validity();
        self.mailboxes.insert(id, Mailbox::new(id, uid_validity, self.version));
        self.spent.insert(name.clone(), uid_validity);
        self.names.insert(name, id);
        id
    }

    fn take_uid_validity(&mut self) -> u32 {
        let uid_validity = self.next_uid_validity;
        self.next_uid_validity = self.next_uid_validity.checked_add(1).unwrap_or(1);
        uid_validity
    }

    /// Gives a mailbox that got this name a new UIDVALIDITY where its own is lower than one
    /// that the name has had.
    fn spend(&mut self, name: &str, id: MailboxId) {
        let Some(own) = self.mailboxes.get(&id).map(Mailbox::uid_validity) else { return };
        let validity = match self.spent.get(name) {
            Some(spent) if *spent > own => self.take_uid_validity(),
            _ => own,
        };
        if let Some(mailbox) = self.mailboxes.get_mut(&id) {
            mailbox.uid_validity = validity;
        }
        self.spent.insert(name.to_owned(), validity);
    }

    fn create_parents(&mut self, name: &str) -> Result<(), Refused> {
        let levels: Vec<usize> = name.match_indices('/').map(|(at, _)| at).collect();
        for end in levels {
            let level = &name[..end];
            if !self.names.contains_key(level) {
                let id = self.insert(level.to_owned());
                self.make_folder(level, id)?;
            }
        }
        Ok(())
    }

    fn make_folder(&mut self, name: &str, id: MailboxId) -> Result<(), Refused> {
        let Some(mailbox) = self.mailboxes.get(&id) else { return Ok(()) };
        if let Some(disk) = &mut self.disk
            && let Err(error) = disk.create(name, mailbox)
        {
            self.mailboxes.remove(&id);
            self.names.remove(name);
            return Err(error.into());
        }
        Ok(())
    }

    fn touch_names(&mut self) {
        self.names_version = self.version + 1;
        self.touch(&[]);
    }
}

/// Whether a name can be one: no empty level, no control character or separator of lines, not
/// too long.
fn check_name(name: &str) -> Result<(), Refused> {
    let reason = if name.is_empty() || name.split('/').any(str::is_empty) {
        "it has an empty level"
    } else if name.chars().any(char::is_control) {
        "it has a control character"
    } else if name.contains(['\u{2028}', '\u{2029}']) {
        // RFC 9051 section 5.1.
        "it has a line or paragraph separator"
    } else if name.len() > NAME_OCTETS {
        "it is too long"
    } else {
        return Ok(());
    };
    Err(Refused::Name { name: name.to_owned(), reason })
}
