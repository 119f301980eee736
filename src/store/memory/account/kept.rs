//! An account that is kept on disk, and its ledger.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Account, MailboxId, Refused, Shared};
use crate::store::Clock;
use crate::store::memory::disk::{Disk, Entry, Ledger, Loaded, VERSION};
use crate::store::memory::mailbox::Mailbox;

/// Numbers of messages begin anew at every start with the time: so many in a second.
const EMAILS_A_SECOND: u64 = 1 << 20;

fn encoded(annotations: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    annotations.iter().map(|(name, value)| (name.clone(), STANDARD.encode(value))).collect()
}

fn decoded(annotations: BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    let value = |(name, value): (String, String)| Some((name, STANDARD.decode(value).ok()?));
    annotations.into_iter().filter_map(value).collect()
}

impl Account {
    /// The account that is kept in the tree at `root`, which is made where there is none.
    /// All that a call has answered with `Ok` is there again after the end of the process,
    /// however it came; the answer's second half says whether the tree was made now. Blocks
    /// while it reads.
    ///
    /// # Errors
    /// `WouldBlock` where another server has it open; `InvalidData` for files of ours that
    /// cannot be read; what the system says.
    pub fn open(root: &Path, uid_validity: u32, clock: Clock) -> io::Result<(Shared, bool)> {
        let now = clock();
        let mut account = Self::empty(uid_validity, clock);
        let seconds = u64::try_from(now.seconds).unwrap_or_default();
        account.next_email = seconds.saturating_mul(EMAILS_A_SECOND);
        let next_email = &mut account.next_email;
        let email = || {
            *next_email += 1;
            format!("M{}", *next_email - 1)
        };
        let Loaded { disk, ledger, mailboxes, is_new } =
            Disk::open(root, now, email, account.next_uid_validity)?;
        account.disk = Some(disk);
        account.restore(ledger, mailboxes);
        if account.find("INBOX").is_none() {
            let id = account.insert("INBOX".to_owned());
            if let (Some(disk), Some(inbox)) = (&mut account.disk, account.mailboxes.get(&id)) {
                disk.create("INBOX", inbox)?;
            }
        }
        account.save().map_err(io::Error::other)?;
        Ok((Rc::new(RefCell::new(account)), is_new))
    }

    /// Whether it is kept on disk.
    pub fn is_kept(&self) -> bool {
        self.disk.is_some()
    }

    fn restore(&mut self, ledger: Ledger, mailboxes: Vec<(String, Mailbox)>) {
        self.next_mailbox = ledger.next_mailbox.max(1);
        self.next_uid_validity = ledger.next_uid_validity.max(1);
        self.subscriptions = ledger.subscriptions.into_iter().collect();
        self.spent = ledger.spent;
        self.limits = ledger.limits;
        self.annotations = decoded(ledger.annotations);
        let mut entries: BTreeMap<u64, Entry> =
            ledger.mailboxes.into_iter().map(|entry| (entry.id, entry)).collect();
        for (name, mut mailbox) in mailboxes {
            if let Some(entry) = entries.remove(&mailbox.id().number()) {
                mailbox.special_use = entry.special_use;
                mailbox.rights = entry.rights;
                mailbox.annotations = decoded(entry.annotations);
                mailbox.url_key = STANDARD.decode(entry.url_key).unwrap_or_default();
            }
            let validity = mailbox.uid_validity();
            self.spent.entry(name.clone()).or_insert(validity);
            self.names.insert(name, mailbox.id());
            self.mailboxes.insert(mailbox.id(), mailbox);
        }
        // Levels have no folder.
        for entry in entries.into_values().filter(|entry| !entry.selectable) {
            let id = MailboxId(entry.id);
            let mut mailbox = Mailbox::new(id, entry.uid_validity, self.version);
            mailbox.selectable = false;
            if self.names.contains_key(&entry.name) {
                continue;
            }
            self.names.insert(entry.name, id);
            self.mailboxes.insert(id, mailbox);
        }
        let levels: Vec<String> = self
            .names
            .keys()
            .flat_map(|name| name.match_indices('/').map(|(at, _)| name[..at].to_owned()))
            .filter(|level| !self.names.contains_key(level))
            .collect();
        for level in levels {
            if !self.names.contains_key(&level) {
                let id = self.insert(level);
                if let Some(mailbox) = self.mailboxes.get_mut(&id) {
                    mailbox.selectable = false;
                }
            }
        }
    }

    /// Writes the ledger, where there is one.
    ///
    /// # Errors
    /// [`Refused::Disk`].
    pub(super) fn save(&mut self) -> Result<(), Refused> {
        let Some(disk) = &mut self.disk else { return Ok(()) };
        let entry = |(name, id): (&String, &MailboxId)| {
            let mailbox = self.mailboxes.get(id)?;
            Some(Entry {
                id: id.number(),
                name: name.clone(),
                selectable: mailbox.is_selectable(),
                uid_validity: mailbox.uid_validity(),
                special_use: mailbox.special_use().to_vec(),
                rights: mailbox.rights().clone(),
                annotations: encoded(mailbox.annotations()),
                url_key: STANDARD.encode(mailbox.url_key()),
            })
        };
        let ledger = Ledger {
            version: VERSION,
            next_mailbox: self.next_mailbox,
            next_uid_validity: self.next_uid_validity,
            subscriptions: self.subscriptions.iter().cloned().collect(),
            spent: self.spent.clone(),
            limits: self.limits,
            annotations: encoded(&self.annotations),
            mailboxes: self.names.iter().filter_map(entry).collect(),
        };
        Ok(disk.save(&ledger)?)
    }
}
