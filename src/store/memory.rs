//! Mail in memory: the store behind the test server, and a store for tests.
//!
//! [`Account`] is the thing itself, which server sessions use directly: mailboxes, messages
//! in UID order, mod-sequences and what vanished (RFC 9051, RFC 7162), and a channel that
//! wakes every session at every change. [`Memory`] puts it behind the house's [`Spool`] and
//! [`Store`]; its ids are UIDs in decimal.
//!
//! An account is in memory alone, or kept on disk, too: [`Account::open`]. A [`Budget`] tells
//! when several accounts hold too much.

use std::time::Duration;

use async_trait::async_trait;

use super::part::cut;
use super::pattern::{canonical, matches_any};
use super::{
    Changes, Deleted, Error, FlagChange, Flags, Folder, Id, Keeps, Listed, Meta, Result, Since,
    Sink, Source, Spool, Status, Store, What,
};

mod account;
mod disk;
mod gone;
mod limits;
mod mailbox;

pub use account::{Account, MailboxId, Refused, Shared};
pub use gone::Watch;
pub use limits::{Budget, Limits, Usage};
pub use mailbox::{FlagOperation, Mailbox, Message, NewMessage, Stored};

/// How much of a body goes to a sink at once, in octets.
const CHUNK_OCTETS: usize = 256 * 1024;

/// One user of an [`Account`]: what it has selected, and up to where it has looked.
pub struct Memory {
    account: Shared,
    selected: MailboxId,
    seen_version: u64,
}

impl Memory {
    /// A store over the account, with INBOX selected.
    ///
    /// # Errors
    /// [`Error::NoFolder`] where the account has no INBOX.
    pub fn new(account: Shared) -> Result<Self> {
        let inbox = account.borrow().find("INBOX");
        let selected = inbox.ok_or_else(|| Error::NoFolder("INBOX".into()))?;
        Ok(Self { account, selected, seen_version: 0 })
    }

    /// Looks at the selected mailbox, and remembers that all up to now was seen.
    fn look<T>(&mut self, look: impl FnOnce(&Mailbox) -> T) -> Result<T> {
        let account = self.account.borrow();
        let mailbox = account
            .mailbox(self.selected)
            .ok_or_else(|| Error::NoFolder(self.selected.to_string()))?;
        self.seen_version = mailbox.version();
        Ok(look(mailbox))
    }

    /// Whether the selected mailbox is other than when it was last looked at; its deletion
    /// is a change too.
    fn has_changed(&self) -> bool {
        let account = self.account.borrow();
        account.mailbox(self.selected).is_none_or(|m| m.version() != self.seen_version)
    }

    fn target(&self, folder: &str) -> Result<MailboxId> {
        let found = self.account.borrow().find(folder);
        found.ok_or_else(|| Error::NoFolder(folder.to_owned()))
    }
}

/// The UID that an id stands for; `None` for text that never was one here.
fn uid(id: &Id) -> Option<u32> {
    id.0.parse().ok()
}

fn uids(ids: &[Id]) -> Vec<u32> {
    ids.iter().filter_map(uid).collect()
}

/// New UIDs in the order of the ids that were asked for.
fn in_order(ids: &[Id], pairs: &[(u32, u32)]) -> Vec<Option<Id>> {
    ids.iter()
        .map(|id| {
            let old = uid(id)?;
            let at = pairs.binary_search_by_key(&old, |pair| pair.0).ok()?;
            Some(Id::new(pairs[at].1.to_string()))
        })
        .collect()
}

fn listed(message: &Message) -> Listed {
    Listed {
        id: Id::new(message.uid.to_string()),
        size: Some(message.octets.len() as u64),
        flags: Some(message.flags.clone()),
    }
}

#[async_trait(?Send)]
impl Spool for Memory {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        self.look(|mailbox| mailbox.messages().iter().map(listed).collect())
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        for id in ids {
            let Some(wanted) = uid(id) else { continue };
            let found = {
                let account = self.account.borrow();
                account.mailbox(self.selected).and_then(|m| m.message(wanted)).cloned()
            };
            let Some(message) = found else { continue };
            let octets = cut(&message.octets, what)?;
            let meta = Meta {
                id: id.clone(),
                size: Some(octets.len() as u64),
                flags: Some(message.flags.clone()),
                received: Some(message.received),
            };
            sink.begin(&meta).await?;
            for chunk in octets.chunks(CHUNK_OCTETS) {
                sink.chunk(chunk).await?;
            }
            sink.end(&meta).await?;
        }
        Ok(())
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        self.account.borrow_mut().expunge(self.selected, &uids(ids))?;
        Ok(Deleted::Gone)
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[async_trait(?Send)]
impl Store for Memory {
    async fn folders(&mut self, patterns: &[String]) -> Result<Vec<Folder>> {
        let account = self.account.borrow();
        let fitting = account.mailboxes().filter(|(name, _)| matches_any(patterns, name));
        Ok(fitting
            .map(|(name, mailbox)| Folder {
                name: name.to_owned(),
                special_use: mailbox.special_use().to_vec(),
                selectable: mailbox.is_selectable(),
                subscribed: Some(account.is_subscribed(name)),
                status: mailbox.is_selectable().then(|| mailbox.status()),
                mailbox_id: Some(mailbox.id().to_string()),
                stamp: None,
            })
            .collect())
    }

    async fn create(&mut self, folders: &[String]) -> Result<()> {
        let mut account = self.account.borrow_mut();
        for name in folders {
            match account.create(name, &[]) {
                Ok(_) | Err(Refused::Exists(_)) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Ok(())
    }

    async fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        Ok(self.account.borrow_mut().rename(from, to)?)
    }

    async fn remove(&mut self, folders: &[String]) -> Result<()> {
        let mut account = self.account.borrow_mut();
        for name in folders {
            account.delete(name)?;
        }
        Ok(())
    }

    async fn subscribe(&mut self, folders: &[String], subscribed: bool) -> Result<()> {
        let mut account = self.account.borrow_mut();
        for name in folders {
            account.set_subscribed(name, subscribed)?;
        }
        Ok(())
    }

    async fn select(&mut self, folder: &str, _read_only: bool) -> Result<Status> {
        let target = self.target(folder)?;
        let selectable = self.account.borrow().mailbox(target).is_some_and(Mailbox::is_selectable);
        if !selectable {
            return Err(Refused::NotSelectable(canonical(folder)).into());
        }
        self.selected = target;
        self.look(Mailbox::status)
    }

    async fn changes(&mut self, since: Option<&Since>) -> Result<Changes> {
        self.look(|mailbox| {
            let status = mailbox.status();
            let since = since.filter(|since| since.uid_validity == status.uid_validity);
            let vanished: Vec<Id> = since
                .map(|since| {
                    let gone = |id: &&Id| uid(id).is_none_or(|uid| mailbox.index(uid).is_none());
                    since.known.iter().filter(gone).cloned().collect()
                })
                .unwrap_or_default();
            let modseq = since.and_then(|since| since.modseq);
            let changed = mailbox.changed_since(modseq.unwrap_or(0)).map(listed).collect();
            Changes { status, changed, vanished, complete: modseq.is_none(), keeps: Keeps::All }
        })
    }

    async fn append(&mut self, folder: &str, messages: &mut dyn Source) -> Result<Vec<Option<Id>>> {
        let target = self.target(folder)?;
        let mut batch = Vec::new();
        while let Some(meta) = messages.next().await? {
            let body = messages.body();
            let mut octets = Vec::with_capacity(usize::try_from(body.len()).unwrap_or(0));
            let mut buffer = vec![0; CHUNK_OCTETS];
            loop {
                let read = body.read(&mut buffer).await?;
                if read == 0 {
                    break;
                }
                octets.extend_from_slice(&buffer[..read]);
            }
            batch.push(NewMessage {
                flags: meta.flags.unwrap_or_default(),
                received: meta.received,
                octets: octets.into(),
            });
        }
        let uids = self.account.borrow_mut().append(target, batch)?;
        Ok(uids.into_iter().map(|uid| Some(Id::new(uid.to_string()))).collect())
    }

    async fn flag(&mut self, changes: &[FlagChange]) -> Result<()> {
        let mut account = self.account.borrow_mut();
        for change in changes {
            let uids = uids(&change.ids);
            let mut apply = |operation, flags: &Flags| {
                if flags.is_empty() {
                    return Ok(());
                }
                account.store_flags(self.selected, &uids, operation, flags, None).map(|_| ())
            };
            apply(FlagOperation::Add, &change.add)?;
            apply(FlagOperation::Remove, &change.remove)?;
        }
        Ok(())
    }

    async fn copy(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        let target = self.target(folder)?;
        let pairs = self.account.borrow_mut().copy(self.selected, &uids(ids), target)?;
        Ok(in_order(ids, &pairs))
    }

    async fn move_to(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        let target = self.target(folder)?;
        let pairs = self.account.borrow_mut().move_messages(self.selected, &uids(ids), target)?;
        Ok(in_order(ids, &pairs))
    }

    async fn wait(&mut self, limit: Duration) -> Result<bool> {
        let mut watcher = self.account.borrow().changes();
        let changed = async {
            while !self.has_changed() {
                if watcher.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        Ok(tokio::time::timeout(limit, changed).await.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Collected, Given, run};
    use super::*;
    use std::rc::Rc;

    use crate::store::Received;

    fn memory() -> Memory {
        let clock = Rc::new(|| Received { seconds: 1_000, offset_seconds: 0 });
        Memory::new(Account::shared(7, clock)).expect("a new account has an INBOX")
    }

    #[test]
    fn what_is_appended_is_listed_and_read() {
        run(async {
            let mut store = memory();
            let mut given = Given::new(&[b"Subject: a\r\n\r\nbody\r\n", b"x"]);
            let ids = store.append("inbox", &mut given).await.expect("INBOX exists");
            assert_eq!(ids, [Some(Id::new("1")), Some(Id::new("2"))]);
            assert_eq!(store.list().await.expect("selected").len(), 2);
            let mut sink = Collected::default();
            let wanted = [Id::new("2"), Id::new("77"), Id::new("1")];
            store.read(&wanted, &What::Whole, &mut sink).await.expect("readable");
            assert_eq!(sink.bodies(), [&b"x"[..], b"Subject: a\r\n\r\nbody\r\n"]);
        });
    }

    #[test]
    fn flags_and_date_travel_along() {
        run(async {
            let mut store = memory();
            let mut given = Given::one(b"x", &["\\Seen", "\\Recent", "$Label"], 77);
            store.append("INBOX", &mut given).await.expect("room");
            let mut sink = Collected::default();
            store.read(&[Id::new("1")], &What::Whole, &mut sink).await.expect("readable");
            let meta = &sink.messages[0].0;
            assert_eq!(meta.received, Some(Received { seconds: 77, offset_seconds: 0 }));
            assert_eq!(meta.flags, Some(["\\seen", "$label"].iter().collect()));
        });
    }

    #[test]
    fn changes_since_a_modseq() {
        run(async {
            let mut store = memory();
            store.append("INBOX", &mut Given::new(&[b"a", b"b", b"c"])).await.expect("room");
            let all = store.changes(None).await.expect("selected");
            assert!(all.complete);
            assert_eq!(all.changed.len(), 3);
            let known: Vec<Id> = all.changed.iter().map(|listed| listed.id.clone()).collect();
            let since =
                Since { uid_validity: 7, modseq: all.status.highest_modseq, known: known.clone() };
            let change = FlagChange {
                ids: vec![known[1].clone()],
                add: ["\\Seen", "$Junk"].iter().collect(),
                remove: Flags::new(),
            };
            store.flag(&[change]).await.expect("there");
            store.delete(&known[..1]).await.expect("there");
            let delta = store.changes(Some(&since)).await.expect("selected");
            assert!(!delta.complete);
            assert_eq!(delta.vanished, known[..1]);
            assert_eq!(delta.changed.len(), 1);
            assert!(delta.changed[0].flags.as_ref().is_some_and(|flags| flags.has("$junk")));
            let other = Since { uid_validity: 8, modseq: None, known };
            let anew = store.changes(Some(&other)).await.expect("selected");
            assert!(anew.complete && anew.vanished.is_empty());
        });
    }

    #[test]
    fn a_change_between_looking_and_waiting_is_not_lost() {
        run(async {
            let mut store = memory();
            let mut other = Memory::new(store.account.clone()).expect("INBOX exists");
            store.list().await.expect("selected");
            other.append("INBOX", &mut Given::new(&[b"a"])).await.expect("room");
            assert!(store.wait(Duration::from_secs(5)).await.expect("selected"));
            store.list().await.expect("selected");
            assert!(!store.wait(Duration::from_millis(5)).await.expect("selected"));
        });
    }

    #[test]
    fn moves_answer_in_the_order_asked() {
        run(async {
            let mut store = memory();
            store.create(&["a/b".into(), "a/b".into()]).await.expect("a good name");
            store.append("INBOX", &mut Given::new(&[b"a", b"b"])).await.expect("room");
            let asked = [Id::new("2"), Id::new("9"), Id::new("1")];
            let moved = store.move_to(&asked, "a/b").await.expect("exists");
            assert_eq!(moved, [Some(Id::new("2")), None, Some(Id::new("1"))]);
            let folders = store.folders(&["a/*".into()]).await.expect("listed");
            assert_eq!(folders.len(), 1);
            assert_eq!(folders[0].status.map(|status| status.messages), Some(2));
        });
    }
}
