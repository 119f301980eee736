//! An account's mail on disk, so that it survives the process: a Maildir++ tree that other
//! programs can read, with an index beside the messages of each folder.
//!
//! What is told to a client is on disk before. A message is written to `tmp`, then the index
//! tells of it, then it is renamed into `cur`: whoever finds it in the index and in `tmp`
//! finishes the rename, so that several messages of one command come all or none. Flags are
//! in the file's name first and in the index behind it; a file is gone before the index says
//! so. After a crash the index is right about UIDs, the file names about system flags, and the
//! files about what is there.
//!
//! | file | holds |
//! |---|---|
//! | `pillarbox-account` | names, subscriptions, rights, annotations, limits: replaced whole |
//! | `pillarbox-index` in each folder | UIDVALIDITY, UIDs, mod-sequences, keywords, dates |
//! | `pillarbox-lock` | nothing: locked while a server has the tree open |
//!
//! What other programs deliver or take away is seen at the next start, not before.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

mod load;
mod records;

pub(super) use load::Loaded;
pub(super) use records::{Entry, Head, Ledger, VERSION};
use records::{Kept, Marked, Record};

use super::account::MailboxId;
use super::mailbox::{Mailbox, Message};
use crate::store::Flags;
use crate::store::durable::{self, Durability};
use crate::store::lock::lock_file;
use crate::store::maildir::Layout;
use crate::store::maildir::name::{Info, Names, split, system_letter};

const LEDGER: &str = "pillarbox-account";
const INDEX: &str = "pillarbox-index";
const LOCK: &str = "pillarbox-lock";
/// What a folder that is being deleted is called before its files go.
const DOOMED: &str = "pillarbox-doomed.";

/// Records behind a snapshot before a new one is made, where they are also more than four
/// for every message.
const RECORDS: usize = 10_000;

/// A tree that is open.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    names: Names,
    folders: HashMap<MailboxId, Folder>,
    _lock: File,
}

/// A folder that holds messages.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    index: File,
    /// Octets of the index that count.
    len: u64,
    /// Records behind the snapshot.
    records: usize,
    /// Where each message is.
    files: HashMap<u32, Filed>,
}

/// The file of a message.
#[derive(Debug, Clone)]
struct Filed {
    unique: String,
    /// Path below the folder: `cur/...` or `new/...`.
    path: PathBuf,
    foreign: bool,
}

/// The system flags that a file's name tells, as it is told in `cur`.
fn file_name(unique: &str, before: Option<&Path>, flags: &Flags) -> PathBuf {
    let mut info = match before.and_then(Path::file_name) {
        Some(name) => Info::parse(split(name.as_encoded_bytes()).1),
        None => Info::default(),
    };
    for letter in *b"DFPRST" {
        info.set(letter, false);
    }
    for letter in flags.iter().filter_map(system_letter) {
        info.set(letter, true);
    }
    let name = info.file_name(unique.as_bytes());
    Path::new("cur").join(String::from_utf8_lossy(&name).into_owned())
}

fn flag_names(flags: &Flags) -> Vec<String> {
    flags.iter().map(|flag| flag.name().to_owned()).collect()
}

fn make_folder(path: &Path) -> io::Result<()> {
    for below in ["tmp", "new", "cur"] {
        durable::create_folder(&path.join(below), Durability::Durable)?;
    }
    Ok(())
}

fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

impl Disk {
    /// Locks the tree at `root`, which is made where there is none.
    ///
    /// # Errors
    /// `WouldBlock` where another server has it, and what the system says.
    fn lock(root: &Path) -> io::Result<Self> {
        durable::create_folder(root, Durability::Durable)?;
        let lock = File::options().create(true).append(true).open(root.join(LOCK))?;
        lock_file(&lock, true, Duration::ZERO)?;
        Ok(Self {
            root: root.to_owned(),
            names: Names::here(),
            folders: HashMap::new(),
            _lock: lock,
        })
    }

    fn directory(&self, name: &str) -> io::Result<PathBuf> {
        Layout::MaildirPlusPlus.directory(&self.root, name).map_err(io::Error::other)
    }

    /// Writes the ledger.
    ///
    /// # Errors
    /// What the system says; then the old one stands.
    pub(super) fn save(&mut self, ledger: &Ledger) -> io::Result<()> {
        let path = self.root.join(LEDGER);
        let temporary = self.root.join(format!("{LEDGER}.new"));
        remove_if_there(&temporary)?;
        let content = serde_json::to_vec_pretty(ledger)?;
        durable::replace(&path, &temporary, &content, Durability::Durable)
    }

    /// Makes the folder of a new mailbox, and its index.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn create(&mut self, name: &str, mailbox: &Mailbox) -> io::Result<()> {
        let path = self.directory(name)?;
        make_folder(&path)?;
        let head = Head {
            version: VERSION,
            id: mailbox.id().number(),
            uid_validity: mailbox.uid_validity(),
            uid_next: mailbox.uid_next(),
            modseq: mailbox.highest_modseq(),
            recent_from: mailbox.recent_from(),
            vanished: mailbox.vanished(),
        };
        let folder = Folder::snapshot(&path, head, &[], HashMap::new())?;
        self.folders.insert(mailbox.id(), folder);
        Ok(())
    }

    /// Takes a folder with its messages away: out of sight first, so that it is never seen
    /// half deleted.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn remove(&mut self, id: MailboxId) -> io::Result<()> {
        let Some(folder) = self.folders.get(&id) else { return Ok(()) };
        let doomed = self.root.join(format!("{DOOMED}{}", id.number()));
        if folder.path == self.root {
            return Err(io::Error::other("INBOX stays"));
        }
        std::fs::rename(&folder.path, &doomed)?;
        durable::flush_folder_at(&self.root)?;
        self.folders.remove(&id);
        // It is out of sight; what is left of it is swept at the next start.
        drop(std::fs::remove_dir_all(doomed));
        Ok(())
    }

    /// Renames the folders of these mailboxes. The ledger, written before, says the new
    /// names: a rename that was interrupted is finished at the next start.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn rename(&mut self, moved: &[(MailboxId, String)]) -> io::Result<()> {
        for (id, name) in moved {
            let to = self.directory(name)?;
            let Some(folder) = self.folders.get_mut(id) else { continue };
            std::fs::rename(&folder.path, &to)?;
            folder.path = to;
        }
        durable::flush_folder_at(&self.root)
    }

    fn folder(&mut self, id: MailboxId) -> io::Result<&mut Folder> {
        self.folders.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Keeps new messages, all or none. UIDs and mod-sequences are those that they will have.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn append(&mut self, id: MailboxId, messages: &[Message]) -> io::Result<()> {
        let names = self.names.clone();
        let folder = self.folder(id)?;
        let mut written: Vec<(Filed, Kept)> = Vec::with_capacity(messages.len());
        for message in messages {
            let unique =
                format!("{},S={}", names.next(SystemTime::now(), None), message.octets.len());
            let result = folder.write(&unique, message);
            let path = file_name(&unique, None, &message.flags);
            written.push((
                Filed { unique: unique.clone(), path, foreign: false },
                kept(message, unique, false),
            ));
            if let Err(error) = result {
                folder.forget(&written);
                return Err(error);
            }
        }
        let record = Record::Add(written.iter().map(|(_, kept)| kept.clone()).collect());
        if let Err(error) = folder.note(&record) {
            folder.forget(&written);
            return Err(error);
        }
        for (filed, kept) in written {
            let from = folder.path.join("tmp").join(&filed.unique);
            std::fs::rename(from, folder.path.join(&filed.path))?;
            folder.files.insert(kept.uid, filed);
        }
        durable::flush_folder_at(&folder.path.join("cur"))
    }

    /// Keeps flags that have changed.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn mark(
        &mut self,
        id: MailboxId,
        modseq: u64,
        changed: &[(u32, &Flags)],
    ) -> io::Result<()> {
        let folder = self.folder(id)?;
        for (uid, flags) in changed {
            folder.rename(*uid, flags)?;
        }
        let marked =
            |(uid, flags): &(u32, &Flags)| Marked { uid: *uid, modseq, flags: flag_names(flags) };
        folder.note(&Record::Flags(changed.iter().map(marked).collect()))
    }

    /// Takes messages away.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn expunge(&mut self, id: MailboxId, modseq: u64, uids: &[u32]) -> io::Result<()> {
        let folder = self.folder(id)?;
        for uid in uids {
            folder.unlink(*uid)?;
        }
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for uid in uids {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(*uid) => *last = *uid,
                _ => ranges.push((*uid, *uid)),
            }
        }
        folder.note(&Record::Gone { modseq, uids: ranges })
    }

    /// Keeps which messages are still recent. Not flushed: a crash of the machine may show a
    /// message as recent twice.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn recent(&mut self, id: MailboxId, from: u32) -> io::Result<()> {
        self.folder(id)?.write_record(&Record::Recent(from))
    }

    /// Makes a new snapshot where the records behind the last one have become many.
    ///
    /// # Errors
    /// What the system says; then the old index stands.
    pub(super) fn tidy(&mut self, mailbox: &Mailbox) -> io::Result<()> {
        let folder = self.folder(mailbox.id())?;
        if folder.records < RECORDS || folder.records / 4 < mailbox.messages().len() {
            return Ok(());
        }
        let files = std::mem::take(&mut folder.files);
        let messages = kept_messages(mailbox.messages(), &files);
        match Folder::snapshot(&folder.path, head(mailbox), &messages, files.clone()) {
            Ok(snapshot) => *folder = snapshot,
            Err(error) => {
                folder.files = files;
                return Err(error);
            }
        }
        Ok(())
    }
}

fn head(mailbox: &Mailbox) -> Head {
    Head {
        version: VERSION,
        id: mailbox.id().number(),
        uid_validity: mailbox.uid_validity(),
        uid_next: mailbox.uid_next(),
        modseq: mailbox.highest_modseq(),
        recent_from: mailbox.recent_from(),
        vanished: mailbox.vanished(),
    }
}

fn kept_messages(messages: &[Message], files: &HashMap<u32, Filed>) -> Vec<Kept> {
    let kept = |message: &Message| {
        let filed = files.get(&message.uid)?;
        Some(kept(message, filed.unique.clone(), filed.foreign))
    };
    messages.iter().filter_map(kept).collect()
}

fn kept(message: &Message, file: String, foreign: bool) -> Kept {
    Kept {
        uid: message.uid,
        modseq: message.modseq,
        file,
        foreign,
        flags: flag_names(&message.flags),
        received: message.received.seconds,
        offset: message.received.offset_seconds,
        saved: message.saved,
        email: message.email_id.clone(),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Folder {
    /// Writes the index anew.
    fn snapshot(
        path: &Path,
        head: Head,
        messages: &[Kept],
        files: HashMap<u32, Filed>,
    ) -> io::Result<Self> {
        let mut content = line(&Record::Folder(head))?;
        for some in messages.chunks(256) {
            content.append(&mut line(&Record::Add(some.to_vec()))?);
        }
        let index = path.join(INDEX);
        let temporary = path.join(format!("{INDEX}.new"));
        remove_if_there(&temporary)?;
        durable::replace(&index, &temporary, &content, Durability::Durable)?;
        let index = File::options().append(true).open(index)?;
        Ok(Self { path: path.to_owned(), index, len: content.len() as u64, records: 0, files })
    }

    /// Writes a message to `tmp`, stable.
    fn write(&self, unique: &str, message: &Message) -> io::Result<()> {
        let tmp = File::open(self.path.join("tmp"))?;
        let mut file = durable::create_new(&tmp, unique)?;
        file.write_all(&message.octets)?;
        let seconds = u64::try_from(message.received.seconds).unwrap_or(0);
        if let Some(time) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
            // Programs that know no index take it for the date; one that cannot be is no loss.
            drop(file.set_modified(time));
        }
        file.sync_all()
    }

    /// Takes files in `tmp` away that nobody was told of.
    fn forget(&self, written: &[(Filed, Kept)]) {
        for (filed, _) in written {
            // What cannot be removed is in no index, and swept later.
            drop(std::fs::remove_file(self.path.join("tmp").join(&filed.unique)));
        }
    }

    /// Adds a record, stable. A part of one never stays.
    fn note(&mut self, record: &Record) -> io::Result<()> {
        self.write_record(record)?;
        self.index.sync_data()
    }

    fn write_record(&mut self, record: &Record) -> io::Result<()> {
        let line = line(record)?;
        if let Err(error) = self.index.write_all(&line) {
            self.index.set_len(self.len)?;
            return Err(error);
        }
        self.len += line.len() as u64;
        self.records += 1;
        Ok(())
    }

    /// Gives a message's file the name that says its flags.
    fn rename(&mut self, uid: u32, flags: &Flags) -> io::Result<()> {
        let Some(filed) = self.files.get(&uid).cloned() else { return Ok(()) };
        let to = file_name(&filed.unique, Some(&filed.path), flags);
        if to == filed.path {
            return Ok(());
        }
        let target = self.path.join(&to);
        match std::fs::rename(self.path.join(&filed.path), &target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Another program has renamed it, or taken it away.
                let Some(found) = self.find(&filed.unique)? else { return Ok(()) };
                std::fs::rename(self.path.join(found), target)?;
            }
            other => other?,
        }
        self.files.insert(uid, Filed { path: to, ..filed });
        Ok(())
    }

    fn unlink(&mut self, uid: u32) -> io::Result<()> {
        let Some(filed) = self.files.remove(&uid) else { return Ok(()) };
        match std::fs::remove_file(self.path.join(&filed.path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match self.find(&filed.unique)? {
                    Some(found) => std::fs::remove_file(self.path.join(found)),
                    None => Ok(()),
                }
            }
            Err(error) => {
                self.files.insert(uid, filed);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Where a message is now, by the unique part of its name.
    fn find(&self, unique: &str) -> io::Result<Option<PathBuf>> {
        let files = self.list()?;
        Ok(files.get(unique).cloned())
    }

    /// Every file in `cur` and `new`, by the unique part of its name.
    fn list(&self) -> io::Result<BTreeMap<String, PathBuf>> {
        list(&self.path, &["new", "cur"])
    }
}

/// Every file in these subfolders, by the unique part of its name.
fn list(folder: &Path, below: &[&str]) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for below in below {
        for entry in std::fs::read_dir(folder.join(below))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            if !entry.file_type()?.is_file() {
                continue;
            }
            let unique = String::from_utf8_lossy(split(name.as_bytes()).0).into_owned();
            found.insert(unique, Path::new(below).join(name));
        }
    }
    Ok(found)
}
