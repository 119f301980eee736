//! What mailboxes have beside messages: rights (RFC 4314), annotations (RFC 5464), limits
//! (RFC 9208), and the keys of their URLs (RFC 4467).

use std::collections::BTreeMap;

use super::{Account, MailboxId, Refused};
use crate::store::memory::limits::{Limits, Usage};

impl Account {
    /// What counts against the limits.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage { mailboxes: self.mailboxes.len() as u64, ..Usage::default() };
        for mailbox in self.mailboxes.values() {
            usage.octets += mailbox.octets();
            usage.messages += mailbox.messages().len() as u64;
        }
        usage
    }

    /// The limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Sets the limits; what is there already stays.
    ///
    /// # Errors
    /// [`Refused::Disk`].
    pub fn set_limits(&mut self, limits: Limits) -> Result<(), Refused> {
        self.limits = limits;
        self.save()
    }

    /// Gives an identifier these rights on a mailbox; `None` takes its entry away.
    ///
    /// # Errors
    /// [`Refused::NoMailbox`], [`Refused::Disk`].
    pub fn set_rights(
        &mut self,
        mailbox: MailboxId,
        identifier: &str,
        rights: Option<String>,
    ) -> Result<(), Refused> {
        let target = self.mailbox_mut(mailbox)?;
        match rights {
            Some(rights) => target.rights.insert(identifier.to_owned(), rights),
            None => target.rights.remove(identifier),
        };
        self.save()
    }

    /// Annotations of the server, by the name of the entry, in lower case.
    pub fn annotations(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.annotations
    }

    /// Version at the last change of the server's annotations; 0: there was none.
    pub fn annotations_version(&self) -> u64 {
        self.annotations_version
    }

    /// Gives a mailbox these special uses (RFC 6154), with their backslash.
    ///
    /// # Errors
    /// [`Refused::NoMailbox`], [`Refused::Disk`].
    pub fn set_special_use(
        &mut self,
        mailbox: MailboxId,
        special_use: Vec<String>,
    ) -> Result<(), Refused> {
        self.mailbox_mut(mailbox)?.special_use = special_use;
        self.save()
    }

    /// Sets annotations of a mailbox, or of the server where that is `None`; a value of
    /// `None` takes the entry away.
    ///
    /// # Errors
    /// [`Refused::NoMailbox`], [`Refused::Disk`].
    pub fn annotate(
        &mut self,
        mailbox: Option<MailboxId>,
        entries: Vec<(String, Option<Vec<u8>>)>,
    ) -> Result<(), Refused> {
        let version = self.version + 1;
        let target = match mailbox {
            None => {
                self.annotations_version = version;
                &mut self.annotations
            }
            Some(id) => {
                let target = self.mailbox_mut(id)?;
                target.annotations_version = version;
                &mut target.annotations
            }
        };
        for (name, value) in entries {
            match value {
                Some(value) => target.insert(name, value),
                None => target.remove(&name),
            };
        }
        self.save()?;
        self.touch(&[]);
        Ok(())
    }

    /// Sets the key of a mailbox's URLs: URLs made with the one before are void.
    ///
    /// # Errors
    /// [`Refused::NoMailbox`], [`Refused::Disk`].
    pub fn set_url_key(&mut self, mailbox: MailboxId, key: Vec<u8>) -> Result<(), Refused> {
        self.mailbox_mut(mailbox)?.url_key = key;
        self.save()
    }
}
